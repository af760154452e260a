import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as readAll } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from 'vitest'
import type { Command, Terminal } from '../../../cli/command.ts'

export const ADMIN_KEY = 'pca_secretpayload_secretmac'
const PREFIX = '/.portcullis/admin/v1/'

export interface Received {
  readonly method: string
  /** Below the prefix, with the query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: unknown
}
export interface Answer {
  readonly status?: number
  readonly value?: unknown
  readonly headers?: Record<string, string>
  /** In place of a value. */
  readonly text?: string
  /** The connection breaks instead. */
  readonly breaks?: true
}

/** An admin API that answers what a test says, and remembers what it was asked. To be called once in a file, outside of a test. */
export function useAdminServer() {
  const state = { url: '', received: [] as Received[], answer: (_asked: Received, _count: number): Answer => ({ value: {} }) }
  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const content = await readAll(request)
    const { method = '', url = '', headers } = request
    const asked = {
      method,
      path: url.startsWith(PREFIX) ? url.slice(PREFIX.length) : url,
      headers: headers as Record<string, string>,
      body: content === '' ? undefined : (JSON.parse(content) as unknown),
    }
    state.received.push(asked)
    const { status = 200, value = {}, headers: fields = {}, text, breaks } = state.answer(asked, state.received.length)
    if (breaks === true) request.socket.destroy()
    else response.writeHead(status, { connection: 'close', ...fields }).end(text ?? (status === 204 ? undefined : JSON.stringify(value)))
  }
  const server = createServer((request, response) => {
    respond(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)))
  })
  beforeAll(async () => {
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => void server.close())
  beforeEach(() => {
    state.received = []
    state.answer = () => ({ value: {} })
    vi.stubEnv('PORTCULLIS_ADMIN_KEY', ADMIN_KEY)
    vi.stubEnv('PORTCULLIS_URL', state.url)
    vi.stubEnv('PORTCULLIS_PROFILE', undefined)
    vi.stubEnv('XDG_CONFIG_HOME', '/nonexistent')
  })
  afterEach(() => vi.unstubAllEnvs())
  return state
}

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}
export interface RunOptions extends Partial<Omit<Terminal, 'out' | 'err'>> {
  /** What a person types, answer by answer; absent: nobody is there. */
  readonly typed?: readonly string[]
  /** After each line of output. */
  readonly onOut?: (line: string) => void
}

/** In process. Whatever happens, the admin key is in nothing that a person or a log could see. */
export async function runCommand(command: Command, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const [out, err]: [string[], string[]] = [[], []]
  const { typed, onOut, ...rest } = options
  const answers = [...(typed ?? [])]
  const code = await command.run(args, {
    out: (line) => {
      out.push(line)
      onOut?.(line)
    },
    err: (line) => err.push(line),
    hasColor: false,
    ...(typed === undefined
      ? {}
      : {
          person: {
            ask: async (question) => {
              err.push(question)
              return answers.shift() ?? ''
            },
          },
        }),
    ...rest,
  })
  const seen = [...out, ...err].join('\n')
  expect(seen).not.toContain(ADMIN_KEY)
  return { code, out: out.join('\n'), err: err.join('\n') }
}

/** Nothing that a terminal would act on: no control character but the line feed, nothing that turns or hides text. */
export const isSafeOnTerminal = (text: string): boolean => !/[^\P{Cc}\n]|[^\P{Cf}]|[\u2028\u2029]/u.test(text)
