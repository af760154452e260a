import type { Terminal } from './command.ts'
import { whichGate, type GateOptions } from './gate/which-gate.ts'
import { parseObject } from './gate/refused.ts'
import { jsonLine, visible, visibleLines } from './output/text.ts'

/** Options of every command that calls a running gate. */
export interface AdminOptions extends GateOptions {
  readonly json?: boolean
}

const TIMEOUT_MS = 15_000

/** Posts to the gate's own API, or gets from it where there is no body, with the admin key from the environment or the env file. `notDone`: what no answer means. */
export async function callAdmin(path: string, body: object | undefined, options: AdminOptions, notDone: string): Promise<Response> {
  const { url, adminKey } = whichGate(options)
  return send(new URL(`/.portcullis/admin/v1/${path}`, url), adminKey, body, notDone)
}

async function send(url: URL, adminKey: string, body: object | undefined, notDone: string): Promise<Response> {
  try {
    return await fetch(url, {
      method: body === undefined ? 'GET' : 'POST',
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: { authorization: `Bearer ${adminKey}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  } catch (error) {
    throw new Error(`${url.origin} did not answer, so ${notDone}; run it again`, { cause: error })
  }
}

/** Prints what came of it. The exit code. */
export async function reportAdmin(
  response: Response,
  { json }: AdminOptions,
  terminal: Terminal,
  words: { readonly done: string; readonly not: string },
): Promise<number> {
  const text = await response.text()
  const answer = parseObject(text)
  if (json === true) terminal.out(jsonOf(text, answer))
  if (response.status !== 201) {
    const title = typeof answer['title'] === 'string' ? visible(answer['title']) : visible(response.statusText)
    terminal.err(`${words.not}: ${response.status} ${title}`)
    for (const { pointer, detail } of errorsOf(answer)) terminal.err(`  ${visible(pointer)}: ${visible(detail)}`)
    return 1
  }
  if (json !== true) terminal.out(`${words.done}; in force everywhere by ${describeEnd(answer)}`)
  return 0
}

/** By when; where there is a grace, also by when at the latest. */
function describeEnd({ effectiveBy, latestBy }: Record<string, unknown>): string {
  const latest = typeof latestBy === 'string' && latestBy !== effectiveBy ? `, in an outage of the feed by ${latestBy}` : ''
  return visible(String(effectiveBy) + latest)
}

/** What is wrong with the request, where it was the gate that answered. */
function errorsOf({ errors }: Record<string, unknown>): { pointer: string; detail: string }[] {
  if (!Array.isArray(errors)) return []
  return errors.flatMap((error: unknown) => {
    const { pointer, detail } = Object(error) as Record<string, unknown>
    return typeof pointer === 'string' && typeof detail === 'string' ? [{ pointer, detail }] : []
  })
}

/** As it came, where it is what it should be. */
function jsonOf(text: string, answer: Readonly<Record<string, unknown>>): string {
  return Object.keys(answer).length === 0 ? visibleLines(text.trim()) : jsonLine(answer)
}
