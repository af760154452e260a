import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '../node/local/support.ts'

/** What `npm start` writes for scripts (`.portcullis/demo.json`). */
export interface Demo {
  readonly gateway: string
  readonly tls: string
  readonly issuer: string
  readonly saml: string
  readonly origin: string
  readonly admin: { readonly url: string; readonly key: string }
  readonly signIn: readonly {
    readonly name: string
    readonly kind: 'oidc' | 'saml'
    readonly url: string
    readonly username: string
    readonly password: string
  }[]
  readonly pages: readonly {
    readonly name: string
    readonly url: string
    readonly username: string
    readonly password: string
  }[]
  readonly examples: readonly {
    readonly layer: string
    readonly name: string
    readonly command: string
    readonly expect: { readonly status: number; readonly type?: string }
  }[]
}
export interface RunningDemo extends Demo {
  /** Where its state is. */
  readonly folder: string
  readonly readyMs: number
  /** As a person would with Ctrl-C; the exit code and signal. */
  interrupt(): Promise<unknown>
  stop(): void
}

const root = fileURLToPath(new URL('../..', import.meta.url))

/** `npm start` on a state of its own, once it says that it is ready. */
export async function startDemo(): Promise<RunningDemo> {
  const folder = temporaryFolder()
  const started = Date.now()
  const child = spawn(process.execPath, ['dev/start.ts'], {
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
  const demo = JSON.parse(readFileSync(join(folder.path, 'demo.json'), 'utf8')) as Demo
  return {
    ...demo,
    folder: folder.path,
    readyMs: Date.now() - started,
    async interrupt() {
      const ended = once(child, 'exit')
      child.kill('SIGINT')
      return ended
    },
    stop() {
      child.kill('SIGKILL')
      folder.remove()
    },
  }
}
