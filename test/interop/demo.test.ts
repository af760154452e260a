import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../node/local/support.ts'

interface Demo {
  readonly gateway: string
  readonly tls: string
  readonly issuer: string
  readonly origin: string
  readonly admin: { readonly url: string; readonly key: string }
  readonly examples: readonly {
    readonly layer: string
    readonly name: string
    readonly command: string
    readonly expect: { readonly status: number; readonly type?: string }
  }[]
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = temporaryFolder()
let child: ChildProcessByStdio<null, Readable, null>
let demo: Demo
let readyMs: number

beforeAll(async () => {
  const started = Date.now()
  child = spawn(process.execPath, ['dev/start.ts'], {
    cwd: root,
    env: { ...process.env, PORTCULLIS_STATE: folder.path },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface(child.stdout)
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      if (line === 'ready') resolve()
    })
    child.once('exit', () => reject(new Error('it ended before it was ready')))
  })
  readyMs = Date.now() - started
  demo = JSON.parse(readFileSync(join(folder.path, 'demo.json'), 'utf8')) as Demo
})
afterAll(() => {
  child.kill('SIGKILL')
  folder.remove()
})

/** The last answer that a command printed: status line, then fields, then content. */
function run(command: string): { readonly status: number; readonly type: string | undefined } {
  const { stdout } = spawnSync('bash', ['-c', command], { encoding: 'utf8', cwd: folder.path })
  return {
    status: Number([...stdout.matchAll(/^HTTP\/[\d.]+ (\d{3})/gmu)].at(-1)?.[1] ?? 0),
    type: [...stdout.matchAll(/"type":"([^"]+)"/gu)].at(-1)?.[1],
  }
}

describe('npm start', () => {
  test('is ready within 15 seconds', () => {
    expect(readyMs).toBeLessThan(15_000)
  })

  test('writes where everything is, for scripts', () => {
    expect(Object.keys(demo)).toEqual(['gateway', 'tls', 'issuer', 'origin', 'admin', 'examples'])
    expect(new Set(demo.examples.map(({ layer }) => layer)).size).toBeGreaterThanOrEqual(8)
  })

  test.each([1, 2])('every command gives what it says, round %i', () => {
    const wrong = demo.examples.flatMap(({ name, command, expect: expected }) => {
      const { status, type } = run(command)
      const isRight = status === expected.status && (expected.type === undefined || expected.type === type)
      return isRight ? [] : [{ name, status, type, expected }]
    })
    expect(wrong).toEqual([])
  })

  test('stops cleanly, and nothing of it answers any more', async () => {
    const ended = once(child, 'exit')
    child.kill('SIGINT')
    expect(await ended).toEqual([0, null])
    for (const url of [demo.gateway, demo.issuer, demo.origin]) await expect(fetch(url)).rejects.toThrow('fetch failed')
  })
})
