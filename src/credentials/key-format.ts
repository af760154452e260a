import { encodeHex } from '../http/base64url.ts'
import { decodeBase62, encodeBase62 } from './base62.ts'
import { GENERATION, type RootSecret } from './root-secret.ts'

/** `api`: for the guarded API. `admin`: for the gate's own. A key of one is nothing to the other: prefix and MAC key differ. */
export type KeyKind = 'api' | 'admin'
/** Greppable, and what a secret scanner looks for (AK-1). */
export const KEY_PREFIXES: Readonly<Record<KeyKind, string>> = { api: 'pck', admin: 'pca' }
/** Longest key text that is looked at, in characters. */
export const MAX_KEY_LENGTH = 1024
export const DEFAULT_KEY_LIFE_SECONDS = 365 * 86_400
/** Every issued key expires, so that the revocation feed can forget. */
export const MAX_KEY_LIFE_SECONDS = 2 * DEFAULT_KEY_LIFE_SECONDS

/** What a key or a signing key id says of itself. All of it is under the MAC. */
export interface KeyClaims {
  readonly generation: string
  /** 96 random bits in hexadecimal: public, what a revocation names. */
  readonly id: string
  readonly consumer: string
  readonly plan?: string
  /** Absent: those of the plan. */
  readonly scopes?: readonly string[]
  /** Milliseconds since the epoch, to the second. */
  readonly issuedAt: number
  readonly expiresAt: number
}
export interface ParsedKey extends KeyClaims {
  readonly kind: KeyKind
  readonly payload: Uint8Array<ArrayBuffer>
  readonly mac: Uint8Array<ArrayBuffer>
}
export interface KeyOptions {
  readonly consumer: string
  readonly plan?: string
  readonly scopes?: readonly string[]
  /** Default one year, 1 to two years. */
  readonly expiresInSeconds?: number
}
export interface IssuedKey extends KeyClaims {
  /** The secret: shown once, kept nowhere. */
  readonly key: string
}

const ID_BYTES = 12
const utf8 = new TextEncoder()
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A new key of the newest generation. Throws a `RangeError` for options that no key can carry. */
export async function issueKey(root: RootSecret, kind: KeyKind, options: KeyOptions, now: number): Promise<IssuedKey> {
  const claims = newClaims(root, options, now)
  const payload = encodeClaims(claims)
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', await macKey(root, kind, claims.generation, 'sign'), payload))
  const key = `${KEY_PREFIXES[kind]}_${encodeBase62(payload)}_${encodeBase62(mac)}`
  if (key.length > MAX_KEY_LENGTH) throw new RangeError('the key would be too long: give it fewer scopes, or put them in a plan')
  return { ...claims, key }
}

/** Claims for something new; shared by keys and signing key ids. */
export function newClaims(root: RootSecret, options: KeyOptions, now: number): KeyClaims {
  const [generation] = root.generations
  const life = options.expiresInSeconds ?? DEFAULT_KEY_LIFE_SECONDS
  if (generation === undefined) throw new RangeError('the root secret has no generation')
  if (!Number.isInteger(life) || life < 1 || life > MAX_KEY_LIFE_SECONDS)
    throw new RangeError(`a key lives 1 second to ${MAX_KEY_LIFE_SECONDS / 86_400} days`)
  if (!isName(options.consumer)) throw new RangeError('a consumer is 1 to 64 letters, digits, dots, hyphens or underscores')
  if (options.plan !== undefined && !isName(options.plan))
    throw new RangeError('a plan is 1 to 64 letters, digits, dots, hyphens or underscores')
  if (options.scopes?.every(isScope) === false)
    throw new RangeError('a scope is 1 to 128 printable characters without space, quote or backslash (RFC 6749 §3.3)')
  const issuedAt = Math.floor(now / 1000) * 1000
  return {
    generation,
    id: encodeHex(crypto.getRandomValues(new Uint8Array(ID_BYTES))),
    consumer: options.consumer,
    ...(options.plan === undefined ? {} : { plan: options.plan }),
    ...(options.scopes === undefined ? {} : { scopes: options.scopes }),
    issuedAt,
    expiresAt: issuedAt + life * 1000,
  }
}

/** Syntax alone, without any cryptography: what it says is not yet true. */
export function parseKey(text: string): ParsedKey | undefined {
  if (text.length > MAX_KEY_LENGTH) return undefined
  const [prefix, encodedPayload, encodedMac, ...rest] = text.split('_')
  const kind = prefix === KEY_PREFIXES.api ? 'api' : prefix === KEY_PREFIXES.admin ? 'admin' : undefined
  if (kind === undefined || encodedPayload === undefined || encodedMac === undefined || rest.length > 0) return undefined
  const payload = decodeBase62(encodedPayload)
  const mac = decodeBase62(encodedMac)
  const claims = payload === undefined ? undefined : decodeClaims(payload)
  if (payload === undefined || mac?.length !== 32 || claims === undefined) return undefined
  return { kind, payload, mac, ...claims }
}

/** Whether the gate issued this key: by its MAC, in constant time. A generation that is no longer in the list is `false`. */
export async function isIssuedKey(root: RootSecret, key: ParsedKey): Promise<boolean> {
  if (!root.generations.includes(key.generation)) return false
  return crypto.subtle.verify('HMAC', await macKey(root, key.kind, key.generation, 'verify'), key.mac, key.payload)
}

async function macKey(root: RootSecret, kind: KeyKind, generation: string, usage: 'sign' | 'verify'): Promise<CryptoKey> {
  const secret = await root.derive(`${kind}-key`, generation)
  return crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, [usage])
}

/** Version 1: a JSON list, so that nothing in one member can read as another. Decoding takes only what encoding gives. */
export function encodeClaims({ generation, id, consumer, plan, scopes, issuedAt, expiresAt }: KeyClaims): Uint8Array<ArrayBuffer> {
  const fields: Fields = [1, generation, id, consumer, plan ?? 0, scopes?.join(' ') ?? 0, issuedAt / 1000, (expiresAt - issuedAt) / 1000]
  return new Uint8Array(utf8.encode(JSON.stringify(fields)))
}

/** Version, generation, id, consumer, plan, scopes, issued at and life in seconds; 0 for what is absent. */
type Fields = [1, string, string, string, string | 0, string | 0, number, number]

export function decodeClaims(payload: Uint8Array<ArrayBuffer>): KeyClaims | undefined {
  const fields = parseList(payload)
  if (fields === undefined || !areFields(fields)) return undefined
  const [, generation, id, consumer, plan, scopes, issuedAt, life] = fields
  return {
    generation,
    id,
    consumer,
    ...(plan === 0 ? {} : { plan }),
    ...(scopes === 0 ? {} : { scopes: scopes === '' ? [] : scopes.split(' ') }),
    issuedAt: issuedAt * 1000,
    expiresAt: (issuedAt + life) * 1000,
  }
}

function areFields(fields: readonly unknown[]): fields is Fields {
  const checks: readonly ((value: unknown) => boolean)[] = [
    (version) => version === 1,
    (generation) => matches(generation, GENERATION),
    (id) => matches(id, /^[0-9a-f]{24}$/u),
    isName,
    (plan) => plan === 0 || isName(plan),
    (scopes) => scopes === 0 || isScopeList(scopes),
    isSeconds,
    (life) => isSeconds(life) && life <= MAX_KEY_LIFE_SECONDS,
  ]
  return fields.length === checks.length && checks.every((check, index) => check(fields[index]))
}

function parseList(payload: Uint8Array<ArrayBuffer>): readonly unknown[] | undefined {
  try {
    const text = strictUtf8.decode(payload)
    const value: unknown = JSON.parse(text)
    // One spelling per key: a second one would slip past a revocation or a cache.
    return Array.isArray(value) && JSON.stringify(value) === text ? value : undefined
  } catch {
    return undefined
  }
}

const matches = (value: unknown, pattern: RegExp): value is string => typeof value === 'string' && pattern.test(value)
const isName = (value: unknown): value is string => matches(value, /^[A-Za-z0-9._-]{1,64}$/u)
const isScope = (value: unknown): value is string => matches(value, /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/u)
const isScopeList = (value: unknown): value is string => typeof value === 'string' && (value === '' || value.split(' ').every(isScope))
const isSeconds = (value: unknown): value is number => Number.isInteger(value) && (value as number) > 0 && (value as number) < 2 ** 40
