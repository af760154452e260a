import { type Terminal, UsageError } from './command.ts'
import { readEnvFile } from './settings.ts'

/** Options of every command that calls a running gate. */
export interface AdminOptions {
  readonly url?: string
  readonly 'env-file'?: string
  readonly json?: boolean
}

const TIMEOUT_MS = 15_000

/** Posts to the gate's own API, or gets from it where there is no body, with the admin key from the environment or the env file. `notDone`: what no answer means. */
export async function callAdmin(path: string, body: object | undefined, options: AdminOptions, notDone: string): Promise<Response> {
  const fromFile = options['env-file'] === undefined ? {} : readEnvFile(options['env-file'])
  const setting = (name: string): string | undefined => process.env[name] || fromFile[name]
  const adminKey = setting('PORTCULLIS_ADMIN_KEY')
  if (adminKey === undefined || adminKey === '')
    throw new UsageError('set PORTCULLIS_ADMIN_KEY (or give it in --env-file); make one with: portcullis keys create --admin')
  return send(endpointOf(options.url ?? setting('PORTCULLIS_URL'), `/.portcullis/admin/v1/${path}`), adminKey, body, notDone)
}

/** An admin key goes over TLS, or to this very machine. */
function endpointOf(text: string | undefined, path: string): URL {
  if (text === undefined || text === '') throw new UsageError('say which gate: --url https://api.example.com')
  // `api.example.com:8443` parses, as a URL of the scheme `api.example.com`, but has no paths.
  if (!URL.canParse(path, text)) throw new UsageError('that is not the URL of a gate: write --url https://api.example.com')
  const url = new URL(path, text)
  const isLoopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/u.test(url.hostname)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback)) throw new UsageError('the gate must be at an https URL')
  if (url.username !== '' || url.password !== '') throw new UsageError('the URL of the gate holds a name or password; leave it out')
  return url
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
  if (json === true) terminal.out(text.trim())
  const answer = parse(text)
  if (response.status !== 201) {
    const title = typeof answer['title'] === 'string' ? answer['title'] : response.statusText
    terminal.err(`${words.not}: ${response.status} ${title}`)
    for (const { pointer, detail } of errorsOf(answer)) terminal.err(`  ${pointer}: ${detail}`)
    return 1
  }
  if (json !== true) terminal.out(`${words.done}; in force everywhere by ${describeEnd(answer)}`)
  return 0
}

/** By when; where there is a grace, also by when at the latest. */
function describeEnd({ effectiveBy, latestBy }: Record<string, unknown>): string {
  const latest = typeof latestBy === 'string' && latestBy !== effectiveBy ? `, in an outage of the feed by ${latestBy}` : ''
  return String(effectiveBy) + latest
}

/** What is wrong with the request, where it was the gate that answered. */
function errorsOf({ errors }: Record<string, unknown>): { pointer: string; detail: string }[] {
  if (!Array.isArray(errors)) return []
  return errors.flatMap((error: unknown) => {
    const { pointer, detail } = Object(error) as Record<string, unknown>
    return typeof pointer === 'string' && typeof detail === 'string' ? [{ pointer, detail }] : []
  })
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
