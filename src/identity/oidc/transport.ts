import { ProviderFault, UncheckedAnswer } from './fault.ts'

/** Calls to a provider: to https alone, in bounded time, with answers of bounded size, no redirect followed. Throws `ProviderFault`. */
export type Transport = (url: string, init?: RequestInit) => Promise<Response>

export interface TransportParts {
  readonly fetch: (input: string, init?: RequestInit) => Promise<Response>
  /** Lets `http:` through to loopback hosts: `portcullis dev` alone. */
  readonly isLocal: boolean
}

/** For the whole answer. */
export const PROVIDER_TIMEOUT_MS = 5000
export const MAX_ANSWER_BYTES = 256 * 1024
const LOOPBACK = /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])$/u
/** Statuses whose answers have no content. */
const EMPTY = new Set([204, 205, 304])

export function createTransport({ fetch, isLocal }: TransportParts): Transport {
  return async (url, init) => {
    if (!isProviderUrl(url, isLocal)) throw new UncheckedAnswer('an endpoint of the provider is not at an https URL')
    try {
      const response = await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(PROVIDER_TIMEOUT_MS) })
      if (response.status >= 500 || response.status === 429) {
        await response.body?.cancel()
        throw new ProviderFault('provider-unavailable', `the provider answered ${response.status}`)
      }
      const content = await readBounded(response)
      return new Response(EMPTY.has(response.status) ? null : content, { status: response.status, headers: response.headers })
    } catch (error) {
      if (error instanceof ProviderFault) throw error
      throw new ProviderFault('provider-unavailable', 'the provider could not be reached in time')
    }
  }
}

export function isProviderUrl(text: string, isLocal: boolean): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  if (username !== '' || password !== '') return false
  return protocol === 'https:' || (isLocal && protocol === 'http:' && LOOPBACK.test(hostname))
}

/** Whatever Content-Length says. */
async function readBounded(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    const part = chunk as Uint8Array
    bytes += part.byteLength
    if (bytes > MAX_ANSWER_BYTES) throw new UncheckedAnswer(`an answer of the provider is longer than ${MAX_ANSWER_BYTES} bytes`)
    parts.push(part)
  }
  const whole = new Uint8Array(bytes)
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.byteLength
  }
  return whole
}
