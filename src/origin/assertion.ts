import { deriveEd25519, type DerivedSigningKey } from '../credentials/assertion-key.ts'
import type { RootSecret } from '../credentials/root-secret.ts'
import { encodeBase64Url } from '../http/base64url.ts'
import type { Caller } from '../policy/evaluate.ts'
import type { Principal } from '../schemes/authenticator.ts'

/** What the origin is told about one request. */
export interface AssertedRequest {
  /** The origin it is meant for: scheme, host and port. */
  readonly audience: string
  readonly method: string
  /** The path that the origin receives. */
  readonly path: string
  readonly route: string
  readonly caller: Caller
}

/**
 * Makes the `Portcullis-Assertion` (docs/origin.md): a JWT by which the origin can verify that a request came through
 * the gate, and as whom (GW-2). Bound to origin, method and path; valid for 60 seconds.
 */
export interface AssertionSigner {
  /** At once when the same caller just did the same; else after one signature. */
  sign(asserted: AssertedRequest, now: number): string | Promise<string>
  /** The public keys of every generation (RFC 7517), for `/.well-known/portcullis/jwks.json`. */
  jwks(): Promise<{ readonly keys: readonly JsonWebKey[] }>
}

export const ASSERTION_LIFETIME_SECONDS = 60
/** An assertion is used again for this long after its `iat`, so that the origin sees at least 30 seconds of life, or all the credential has. */
const REUSE_MS = 30_000
const MAX_KEPT = 4096
/** How much memory what is kept may take, in characters: a path alone may have 16,384. */
const MAX_KEPT_LENGTH = 4 * 1024 * 1024

const utf8 = new TextEncoder()
const secondsOf = (now: number): number => Math.floor(now / 1000)
const encodeJson = (value: unknown): string => encodeBase64Url(utf8.encode(JSON.stringify(value)))

export function createAssertionSigner(rootSecret: RootSecret, issuer: string): AssertionSigner {
  const [newest] = rootSecret.generations
  if (newest === undefined) throw new Error('the root secret has no generation')
  const keys = new Map<string, DerivedSigningKey>()
  const kept = new Map<string, { readonly token: string; readonly usableUntil: number }>()
  let keptLength = 0

  const keep = (identity: string, token: string, usableUntil: number): void => {
    keptLength += kept.has(identity) ? 0 : identity.length + token.length
    if (kept.size >= MAX_KEPT || keptLength > MAX_KEPT_LENGTH) {
      kept.clear()
      keptLength = identity.length + token.length
    }
    kept.set(identity, { token, usableUntil })
  }

  const keyOf = async (generation: string): Promise<DerivedSigningKey> => {
    const known = keys.get(generation)
    if (known !== undefined) return known
    const key = await deriveEd25519(rootSecret, 'origin-assertion', generation)
    keys.set(generation, key)
    return key
  }

  const signNew = async (asserted: AssertedRequest, now: number): Promise<string> => {
    const key = await keyOf(newest)
    const header = { alg: 'EdDSA', typ: 'portcullis-assertion+jwt', kid: key.kid }
    const input = `${encodeJson(header)}.${encodeJson(claimsOf(asserted, issuer, now))}`
    const signature = await crypto.subtle.sign('Ed25519', key.privateKey, utf8.encode(input))
    return `${input}.${encodeBase64Url(new Uint8Array(signature))}`
  }

  return {
    sign(asserted, now) {
      const identity = identityOf(asserted)
      const known = kept.get(identity)
      if (known !== undefined && now < known.usableUntil) return known.token
      return signNew(asserted, now).then((token) => {
        keep(identity, token, Math.min(secondsOf(now) * 1000 + REUSE_MS, asserted.caller.expiresAt))
        return token
      })
    },
    async jwks() {
      const all = await Promise.all(rootSecret.generations.map(async (generation) => keyOf(generation)))
      return { keys: all.map(({ publicJwk, kid }) => Object.assign({}, publicJwk, { kid, use: 'sig', alg: 'EdDSA' })) }
    },
  }
}

/** All that the claims depend on besides the time. An issuer may give one `jti` to two tokens, so the scopes are part of it. */
function identityOf({ audience, method, path, route, caller }: AssertedRequest): string {
  const principals = caller.principals.map(({ scheme, kind, issuer, subject, person, credentialId, scopes, expiresAt, claims }) => [
    scheme,
    issuer,
    subject,
    credentialId,
    [...scopes].join(' '),
    expiresAt,
    ...(kind === 'session' ? [factsOf(person, claims)] : []),
  ])
  return JSON.stringify([audience, method, path, route, caller.consumer, caller.plan, principals])
}

function claimsOf({ audience, method, path, route, caller }: AssertedRequest, issuer: string, now: number): Record<string, unknown> {
  const issuedAt = secondsOf(now)
  // Never outlives the credential it speaks of.
  const expiresAt = Math.min(issuedAt + ASSERTION_LIFETIME_SECONDS, Math.ceil(caller.expiresAt / 1000))
  return {
    iss: issuer,
    aud: audience,
    iat: issuedAt,
    exp: expiresAt,
    method,
    path,
    route,
    ...(caller.consumer === undefined ? {} : { consumer: caller.consumer }),
    ...(caller.plan === undefined ? {} : { plan: caller.plan }),
    principals: caller.principals.map(
      ({ scheme, kind, issuer: iss, subject: sub, person, credentialId: id, scopes, claims, expiresAt: endsAt }) => ({
        scheme,
        kind,
        iss,
        sub,
        id,
        scope: [...scopes].join(' '),
        // Of the credential: an origin that keeps a connection open ends it then.
        ...(Number.isFinite(endsAt) ? { exp: Math.floor(endsAt / 1000) } : {}),
        ...(kind === 'session' ? factsOf(person, claims) : {}),
      }),
    ),
  }
}

/** More groups, or longer ones, are left out together: half a list would be another person's. */
const MAX_GROUPS = 100
const MAX_GROUPS_LENGTH = 4096

/** What is told of a person who has signed in, besides who it is. A provider's own claims stay here. */
function factsOf(person: string | undefined, { groups, acr, amr, auth_time: at }: Principal['claims']): Record<string, unknown> {
  const names = Array.isArray(groups) ? groups.filter((name): name is string => typeof name === 'string') : []
  const areFew = names.length <= MAX_GROUPS && names.join(' ').length <= MAX_GROUPS_LENGTH
  return {
    ...(person === undefined ? {} : { person }),
    ...(areFew ? { groups: names } : { groups_omitted: true }),
    ...(typeof acr === 'string' ? { acr } : {}),
    ...(Array.isArray(amr) ? { amr: amr as readonly unknown[] } : {}),
    ...(typeof at === 'number' ? { auth_time: at } : {}),
  }
}
