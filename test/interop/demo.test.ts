import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startDemo, type RunningDemo } from './running-demo.ts'

let demo: RunningDemo

beforeAll(async () => {
  demo = await startDemo()
})
afterAll(() => demo.stop())

/** The last answer that a command printed: status line, then fields, then content. */
function run(command: string): { readonly status: number; readonly type: string | undefined } {
  const { stdout } = spawnSync('bash', ['-c', command], { encoding: 'utf8', cwd: demo.folder })
  return {
    status: Number([...stdout.matchAll(/^HTTP\/[\d.]+ (\d{3})/gmu)].at(-1)?.[1] ?? 0),
    type: [...stdout.matchAll(/"type":"([^"]+)"/gu)].at(-1)?.[1],
  }
}

describe('npm start', () => {
  test('is ready within 15 seconds', () => {
    expect(demo.readyMs).toBeLessThan(15_000)
  })

  test('writes where everything is, for scripts', () => {
    for (const url of [demo.gateway, demo.tls, demo.issuer, demo.saml, demo.origin, demo.admin.url]) expect(URL.canParse(url)).toBe(true)
    expect(demo.signIn.map(({ kind }) => kind)).toEqual(['oidc', 'saml'])
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
    expect(await demo.interrupt()).toEqual([0, null])
    for (const url of [demo.gateway, demo.issuer, demo.saml, demo.origin]) await expect(fetch(url)).rejects.toThrow('fetch failed')
  })
})
