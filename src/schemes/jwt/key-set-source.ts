import { freshnessOf } from './freshness.ts'
import type { JwtIssuer } from './config.ts'
import { isRecord } from './strict-json.ts'

/** A document of an issuer. */
export interface Fetched {
  readonly text: string
  /** Milliseconds since the epoch. */
  readonly fetchedAt: number
  readonly freshUntil: number
  /** Whether others of this data centre may be handed a copy. */
  readonly isShareable: boolean
}

/** Why an issuer's documents cannot be had. The message is for logs: it names places, never content. */
export class IssuerFault extends Error {
  override readonly name = 'IssuerFault'
}

export interface KeySetSource {
  /** Asks the issuer, after discovery where the policy names no key set. `now` in milliseconds. Throws. */
  fetch(now: number): Promise<Fetched>
}
export interface Transport {
  readonly fetch: (input: string, init?: RequestInit) => Promise<Response>
  readonly isLocal: boolean
}

/** For discovery and key set together. */
const TIMEOUT_MS = 5000
const MAX_BYTES = 256 * 1024
const LOOPBACK = /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])$/u

export function createKeySetSource(issuer: JwtIssuer, transport: Transport): KeySetSource {
  let discovered: { readonly jwksUri: string; readonly freshUntil: number } | undefined

  async function locate(now: number, signal: AbortSignal): Promise<string> {
    if (issuer.jwksUri !== undefined) return issuer.jwksUri
    if (discovered !== undefined && now < discovered.freshUntil) return discovered.jwksUri
    for (const url of metadataUrls(issuer)) {
      const document = await get(url, now, signal, transport).catch(() => undefined)
      const jwksUri = document === undefined ? undefined : jwksUriOf(document.text, issuer.issuer)
      if (document !== undefined && jwksUri !== undefined) {
        discovered = { jwksUri, freshUntil: document.freshUntil }
        return jwksUri
      }
    }
    throw new IssuerFault('no metadata document names this issuer and a key set')
  }

  return {
    async fetch(now) {
      const signal = AbortSignal.timeout(TIMEOUT_MS)
      const url = await locate(now, signal)
      try {
        return await get(url, now, signal, transport)
      } catch (error) {
        // The place may have moved: the next attempt looks it up again.
        discovered = undefined
        throw error
      }
    },
  }
}

/** OpenID Connect Discovery §4 appends, RFC 8414 §3.1 inserts before the path. */
function metadataUrls({ issuer, metadataUrl }: JwtIssuer): readonly string[] {
  if (metadataUrl !== undefined) return [metadataUrl]
  if (!URL.canParse(issuer)) return []
  const { origin, pathname } = new URL(issuer)
  return [
    `${issuer.replace(/\/$/u, '')}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${pathname.replace(/\/$/u, '')}`,
  ]
}

/** `undefined` unless `issuer` is exactly the expected one: else one issuer could name keys for another (RFC 8414 §3.3). */
function jwksUriOf(text: string, issuer: string): string | undefined {
  try {
    const document: unknown = JSON.parse(text)
    if (!isRecord(document) || document['issuer'] !== issuer) return undefined
    return typeof document['jwks_uri'] === 'string' ? document['jwks_uri'] : undefined
  } catch {
    return undefined
  }
}

async function get(url: string, now: number, signal: AbortSignal, transport: Transport): Promise<Fetched> {
  if (!isAllowed(url, transport.isLocal)) throw new IssuerFault('a document of the issuer is not at an https URL')
  const response = await transport.fetch(url, { redirect: 'manual', signal, headers: { accept: 'application/json' } })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new IssuerFault(`the issuer answered ${response.status}`)
  }
  const { seconds, isShareable } = freshnessOf(response.headers, now)
  return { text: await readText(response), fetchedAt: now, freshUntil: now + seconds * 1000, isShareable }
}

function isAllowed(text: string, isLocal: boolean): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  if (username !== '' || password !== '') return false
  return protocol === 'https:' || (isLocal && protocol === 'http:' && LOOPBACK.test(hostname))
}

/** At most 256 KiB, whatever Content-Length says. */
async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let text = ''
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    const part = chunk as Uint8Array
    bytes += part.byteLength
    if (bytes > MAX_BYTES) throw new IssuerFault(`a document of the issuer is longer than ${MAX_BYTES} bytes`)
    text += decoder.decode(part, { stream: true })
  }
  return text + decoder.decode()
}
