import { issueKey, type KeyOptions } from '../credentials/key-format.ts'
import { encodeBase64, encodeBase64Url } from '../http/base64url.ts'
import type { TestGate, TestPerson } from './test-gate.ts'
import type { TestToken } from './test-issuer.ts'

/** Puts one credential on a request; made anew for every request that it is used on. */
export type Credential = (request: Request, gate: TestGate) => Request | Promise<Request>

function withField(request: Request, name: string, value: string): Request {
  const changed = new Request(request)
  changed.headers.set(name, value)
  return changed
}

/** `Authorization: Bearer` with an access token of a test issuer. */
export function accessToken(token: TestToken): Credential {
  return async (request, gate) => withField(request, 'authorization', `Bearer ${await gate.signToken(token)}`)
}

/** The cookie of a browser in which somebody has just signed in, on a request of a page of this gate's own origin. */
export function browserSession(person: TestPerson): Credential {
  return async (request, gate) => withField(withField(request, 'cookie', await gate.signIn(person)), 'sec-fetch-site', 'same-origin')
}

/** A key that this gate issued. `header`: default `X-API-Key`. */
export function apiKey(key: KeyOptions, header = 'x-api-key'): Credential {
  return async (request, gate) => withField(request, header, (await issueKey(gate.rootSecret, 'api', key, gate.now())).key)
}

/** What the edge would say of the client certificate: members of Cloudflare's `request.cf.tlsClientAuth`. */
export function clientCertificate(tlsClientAuth: Readonly<Record<string, unknown>>): Credential {
  const cf = { tlsClientAuth: { certPresented: '1', certVerified: 'SUCCESS', certRevoked: '0', ...tlsClientAuth } }
  return (request) => Object.defineProperty(new Request(request), 'cf', { value: cf })
}

/**
 * An RFC 9421 signature by `hmac-sha256` over method, authority, path, query, the named fields that are there, and the content's
 * digest. Put it last, so that it covers what the others add.
 */
export function signature(key: {
  readonly keyid: string
  readonly secret: Uint8Array<ArrayBuffer>
  readonly cover?: readonly string[]
}): Credential {
  return async (request, gate) => {
    const content = new Uint8Array(await request.clone().arrayBuffer())
    const digest = `sha-256=:${encodeBase64(new Uint8Array(await crypto.subtle.digest('SHA-256', content)))}:`
    const signed = content.length === 0 ? request : withField(request, 'content-digest', digest)
    const url = new URL(signed.url)
    const values = new Map([
      ['@method', signed.method],
      ['@authority', url.host],
      ['@path', url.pathname],
      ['@query', url.search || '?'],
    ])
    for (const name of [...(key.cover ?? []), ...(content.length === 0 ? [] : ['content-digest'])])
      values.set(name.toLowerCase(), signed.headers.get(name) ?? '')
    const names = [...values.keys()].map((name) => `"${name}"`).join(' ')
    const parameters = `(${names});created=${Math.floor(gate.now() / 1000)};keyid="${key.keyid}";nonce="${encodeBase64Url(crypto.getRandomValues(new Uint8Array(16)))}"`
    const base = [...[...values].map(([name, value]) => `"${name}": ${value}`), `"@signature-params": ${parameters}`].join('\n')
    const hmac = await crypto.subtle.importKey('raw', key.secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
    const mac = new Uint8Array(await crypto.subtle.sign('HMAC', hmac, new TextEncoder().encode(base)))
    return withField(withField(signed, 'signature-input', `sig=${parameters}`), 'signature', `sig=:${encodeBase64(mac)}:`)
  }
}
