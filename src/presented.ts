import type { LinkedPolicy } from './policy/link.ts'
import { createKeyedHash, textDigest, type KeyedHash } from './revocation/keyed-hash.ts'
import { cookiesNamed } from './sessions/cookie.ts'

/** Longest part of a credential that counts. */
const MAX_LENGTH = 4096
/** Of a signature every request has another one: whose it is counts (RFC 9421 §2.3). */
const KEY_ID = /;keyid="([^"]{1,256})"/u

/**
 * A number that stands for what a request presents, the same for the same credentials, and 0 where there are none. By default
 * keyed anew in each isolate: nobody can aim at one, and it tells nothing.
 */
export function createPresentedDigest(
  { anyScheme }: Pick<LinkedPolicy, 'anyScheme'>,
  key: () => Int32Array = () => crypto.getRandomValues(new Int32Array(2)),
): (request: Request) => number {
  const carriers = new Map(
    anyScheme
      .flatMap((requirement) => requirement.flatMap(({ authenticator }) => authenticator.carriers))
      .map((carrier) => [JSON.stringify(carrier).toLowerCase(), carrier]),
  )
  const reads = [...carriers.values()].map((carrier): ((request: Request) => string) => {
    if (carrier.in === 'tls') return certificateOf
    const { name } = carrier
    if (carrier.in === 'cookie') return (request) => cookiesNamed(request, name)[0] ?? ''
    if (carrier.in === 'query') return ({ url }) => (url.includes(name) ? (new URL(url).searchParams.get(name) ?? '') : '')
    if (name.toLowerCase() === 'signature') return () => ''
    if (name.toLowerCase() === 'signature-input') return ({ headers }) => KEY_ID.exec(headers.get(name) ?? '')?.[1] ?? ''
    return ({ headers }) => headers.get(name) ?? ''
  })
  // Made with the first request: an isolate has no random numbers before.
  let hash: KeyedHash | undefined
  return (request) => {
    const parts = reads.map((read) => read(request).slice(0, MAX_LENGTH))
    if (parts.every((part) => part === '')) return 0
    hash ??= createKeyedHash(key())
    return textDigest(hash, JSON.stringify(parts)) + 1
  }
}

function certificateOf({ cf }: Request): string {
  const { tlsClientAuth } = (cf ?? {}) as Partial<IncomingRequestCfProperties>
  return tlsClientAuth?.certFingerprintSHA256 ?? ''
}
