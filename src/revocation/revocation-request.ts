import * as v from 'valibot'
import { MAX_KEY_LIFE_SECONDS } from '../credentials/key-format.ts'
import { addressKey } from '../http/address.ts'
import type { Revocation, RevocationTarget } from './revocations.ts'

/** Most revocations in one request. */
export const MAX_REVOCATIONS = 100
/** Tokens and sessions are taken to be over after this long, where the request does not say. */
const TOKEN_LIFE_MS = 366 * 86_400_000
/** Addresses change hands: they are blocked for a day, where the request does not say. */
export const ADDRESS_LIFE_MS = 86_400_000
/** The end of 9999: it names something that has no end of its own. */
export const NEVER = 253_402_300_799_000
/** An id of a key that was issued here; any other is a name in the policy. */
const ISSUED_KEY_ID = /^[0-9a-f]{24}$/u

const INSTANT = 'an instant such as 2027-01-31T00:00:00Z'

/** Nothing that names or explains may be a secret itself: both stand in logs. */
export const withoutKey = v.check(
  (text: string) => !/pc[kabi]_[\w-]{16}/u.test(text),
  'that holds a key or a token itself: name it by its id',
)
export const idSchema = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(512),
  v.regex(/^\P{Cc}+$/u, 'no control characters'),
  v.check((text) => !/^pc[ka]_/u.test(text), 'that is a key itself: revoke it by its id, which `portcullis keys create` printed'),
)
/** For the log; never shown to the caller. */
export const reasonSchema = v.optional(v.pipe(v.string(), v.maxLength(200), v.regex(/^\P{Cc}*$/u, 'no control characters'), withoutKey))
export const instantSchema = v.optional(
  v.pipe(
    v.string(),
    v.isoTimestamp(INSTANT),
    v.check((text) => !Number.isNaN(Date.parse(text)), INSTANT),
  ),
)
const common = {
  reason: reasonSchema,
  /** When what it names is over by itself, so that the entry may be forgotten. */
  expiresAt: instantSchema,
}
const issuer = v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(512)))
const revocationSchema = v.variant('type', [
  v.strictObject({ type: v.literal('key'), id: idSchema, ...common }),
  v.strictObject({
    type: v.literal('generation'),
    id: v.pipe(v.string(), v.regex(/^[a-z0-9]{1,8}$/u, 'a generation such as g1')),
    ...common,
  }),
  v.strictObject({ type: v.literal('jti'), id: idSchema, issuer, ...common }),
  v.strictObject({ type: v.literal('session'), id: idSchema, issuer, ...common }),
  v.strictObject({ type: v.literal('subject'), id: idSchema, issuer, ...common }),
  v.strictObject({ type: v.literal('consumer'), id: idSchema, ...common }),
  v.strictObject({
    type: v.literal('certificate'),
    id: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/u, 'the SHA-256 of the certificate, 64 lower-case hexadecimal digits')),
    ...common,
  }),
  v.strictObject({
    type: v.literal('address'),
    id: v.pipe(
      v.string(),
      v.maxLength(64),
      v.transform(addressRange),
      v.string('an IPv4 or IPv6 address, or an IPv6 network such as 2001:db8::/64'),
    ),
    ...common,
  }),
])
const requestSchema = v.union([
  revocationSchema,
  v.strictObject({ revocations: v.pipe(v.array(revocationSchema), v.minLength(1), v.maxLength(MAX_REVOCATIONS)) }),
])

export type ParsedRequest =
  | { readonly status: 'parsed'; readonly entries: readonly Omit<Revocation, 'sequence'>[] }
  | { readonly status: 'invalid'; readonly errors: readonly { readonly pointer: string; readonly detail: string }[] }

/** One revocation, or `{ "revocations": [...] }`. All errors at once. `now` in milliseconds. */
export function parseRevocationRequest(document: unknown, now: number): ParsedRequest {
  const isList = typeof document === 'object' && document !== null && 'revocations' in document
  const parsed = v.safeParse(isList ? requestSchema.options[1] : requestSchema.options[0], document, { abortPipeEarly: true })
  if (!parsed.success) {
    const errors = parsed.issues.map((issue) => ({ pointer: pointerOf(issue), detail: issue.message }))
    return { status: 'invalid', errors }
  }
  const output: v.InferOutput<typeof requestSchema> = parsed.output
  const list = 'revocations' in output ? output.revocations : [output]
  const over = list.findIndex(({ expiresAt }) => expiresAt !== undefined && Date.parse(expiresAt) <= now)
  if (over !== -1) {
    const pointer = isList ? `/revocations/${over}/expiresAt` : '/expiresAt'
    return { status: 'invalid', errors: [{ pointer, detail: 'it lies in the past: nothing would be revoked' }] }
  }
  return { status: 'parsed', entries: list.map((one) => entryOf(one, now)) }
}

/** What of an address is blocked: an IPv4 address, or of IPv6 the /64. `undefined`: neither an address nor an IPv6 /64. */
export function addressRange(text: string): string | undefined {
  const isNetwork = text.endsWith('/64')
  const key = addressKey(isNetwork ? text.slice(0, -3) : text)
  return isNetwork && key?.endsWith('/64') === false ? undefined : key
}

function entryOf({ reason, expiresAt, ...target }: v.InferOutput<typeof revocationSchema>, now: number): Omit<Revocation, 'sequence'> {
  const isOfParty = target.type === 'subject' || target.type === 'consumer'
  return {
    target: target as RevocationTarget,
    ...(isOfParty ? { before: now } : {}),
    expiresAt: expiresAt === undefined ? defaultEnd(target, now) : Date.parse(expiresAt),
    reason: reason ?? 'revoked',
  }
}

export function defaultEnd({ type, id: name }: { type: RevocationTarget['type']; id: string }, now: number): number {
  if (type === 'address') return now + ADDRESS_LIFE_MS
  if (type === 'jti' || type === 'session' || type === 'subject') return now + TOKEN_LIFE_MS
  return type === 'key' && ISSUED_KEY_ID.test(name) ? now + MAX_KEY_LIFE_SECONDS * 1000 : NEVER
}

export function pointerOf(issue: v.BaseIssue<unknown>): string {
  return (issue.path ?? []).map(({ key }) => `/${String(key)}`).join('')
}
