import * as v from 'valibot'
import { MAX_IMPORTED_KEY_LENGTH, MIN_IMPORTED_KEY_LENGTH, OWN_KEY } from '../credentials/imported-key.ts'
import { MAX_KEY_LIFE_SECONDS } from '../credentials/key-format.ts'
import { parseNetwork } from '../http/network.ts'
import { MEMBER_ROLES, OPERATOR_ROLES, type AccountFault } from './accounts.ts'

/** How many there may be, whoever asks; developers have the policy's numbers besides. */
export const MAX_ORGANISATIONS = 10_000
export const MAX_MEMBERS = 200
export const MAX_INVITATIONS = 50
export const MAX_APPS = 100
export const MAX_KEYS = 20
export const MAX_OPERATORS = 200
/** Keys that were revoked are remembered: the newest of an app. */
export const MAX_REVOKED = 50
export const INVITATION_SECONDS = 7 * 86_400
export const DEFAULT_OVERLAP_SECONDS = 7 * 86_400
export const MAX_OVERLAP_SECONDS = 90 * 86_400

/** One line, without anything that hides or turns what is read (Unicode categories Cc, Cf, Zl, Zp, Co, Cs). */
const line = (most: number, least = 1) =>
  v.pipe(
    v.string(),
    v.trim(),
    v.normalize('NFC'),
    v.minLength(least, 'must not be empty'),
    v.maxLength(most, `longer than ${most} characters`),
    v.regex(/^[^\p{C}\p{Zl}\p{Zp}]*$/u, 'one line of visible characters'),
  )
const prose = v.pipe(
  v.string(),
  v.normalize('NFC'),
  v.maxLength(1000, 'longer than 1000 characters'),
  v.regex(/^(?:\n|[^\p{C}])*$/u, 'visible characters and line ends'),
)
const plan = v.pipe(v.string(), v.regex(/^[A-Za-z0-9._-]{1,64}$/u, 'the name of a plan'))
const state = v.picklist(['active', 'disabled'])
const scopes = v.pipe(
  v.array(v.pipe(v.string(), v.regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/u, 'a scope without space, quote or backslash'))),
  v.maxLength(32),
)
const addresses = v.pipe(
  v.array(
    v.pipe(
      v.string(),
      v.maxLength(64),
      v.check((text) => parseNetwork(text) !== undefined, 'an address, or a network such as 192.0.2.0/24 without bits beyond its prefix'),
      v.transform((text) => parseNetwork(text) ?? text),
    ),
  ),
  v.minLength(1),
  v.maxLength(16),
)
const origins = v.pipe(
  v.array(
    v.pipe(
      v.string(),
      v.maxLength(262),
      v.check((text) => originOf(text) === text, 'an origin such as https://app.example.com, as browsers send it'),
    ),
  ),
  v.minLength(1),
  v.maxLength(16),
)
export function originOf(text: string): string | undefined {
  if (!/^https?:\/\//u.test(text) || !URL.canParse(text)) return undefined
  return new URL(text).origin
}
const person = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/u, 'the name of a person: 64 hexadecimal digits'))
const role = v.picklist(MEMBER_ROLES)
const seconds = (least: number, most: number) =>
  v.pipe(v.number(), v.integer('a whole number'), v.minValue(least, `at least ${least}`), v.maxValue(most, `at most ${most}`))

export const organisationDraft = v.strictObject({
  name: line(100),
  owner: v.exactOptional(v.strictObject({ person, display: line(100, 0) })),
})
export const organisationPatch = v.strictObject({ name: v.exactOptional(line(100)), state: v.exactOptional(state) })
export const memberDraft = v.strictObject({ role, display: v.exactOptional(line(100, 0)) })
export const invitationDraft = v.strictObject({ note: line(200, 0), role })
export const appDraft = v.strictObject({
  organisation: v.pipe(v.string(), v.maxLength(64)),
  name: line(100),
  description: v.exactOptional(prose),
  plan,
})
export const appPatch = v.strictObject({
  name: v.exactOptional(line(100)),
  description: v.exactOptional(prose),
  plan: v.exactOptional(plan),
  state: v.exactOptional(state),
})

/** Without a private part, of a curve that verifies signatures (RFC 8037 §2, RFC 7518 §6.2.1). */
const coordinate = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/u, '32 bytes in base64url'))
const publicKey = v.variant('crv', [
  v.strictObject({ kty: v.literal('OKP'), crv: v.literal('Ed25519'), x: coordinate }),
  v.strictObject({ kty: v.literal('EC'), crv: v.literal('P-256'), x: coordinate, y: coordinate }),
])
const imported = v.pipe(
  v.string(),
  v.minLength(MIN_IMPORTED_KEY_LENGTH, `shorter than ${MIN_IMPORTED_KEY_LENGTH} characters: such a key can be guessed`),
  v.maxLength(MAX_IMPORTED_KEY_LENGTH),
  v.regex(/^[\x21-\x7e]+$/u, 'printable ASCII without spaces'),
  v.check((text) => !OWN_KEY.test(text), 'that is a key of this gate, or looks like one'),
)
const ofKey = {
  name: line(100),
  scopes: v.exactOptional(scopes),
  plan: v.exactOptional(plan),
  addresses: v.exactOptional(addresses),
  origins: v.exactOptional(origins),
}
export const keyDraft = v.strictObject({
  ...ofKey,
  expiresInSeconds: v.exactOptional(seconds(60, MAX_KEY_LIFE_SECONDS)),
  imported: v.exactOptional(imported),
  publicKey: v.exactOptional(publicKey),
})
export const keyPatch = v.strictObject({
  name: v.exactOptional(line(100)),
  state: v.exactOptional(state),
  scopes: v.exactOptional(v.nullable(scopes)),
  plan: v.exactOptional(v.nullable(plan)),
  addresses: v.exactOptional(v.nullable(addresses)),
  origins: v.exactOptional(v.nullable(origins)),
})
export const rotation = v.strictObject({ overlapSeconds: v.exactOptional(seconds(0, MAX_OVERLAP_SECONDS)) })
export const operatorChange = v.strictObject({ role: v.picklist(OPERATOR_ROLES), display: line(100, 0) })
export const reason = line(200, 0)
export { person as personSchema, publicKey as publicKeySchema, state as stateSchema }

/** What a provider calls somebody, as one line of visible characters: for people to read. At most 100. */
export const displayable = (text: string): string =>
  text
    .normalize('NFC')
    .replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '')
    .trim()
    .slice(0, 100)

/** All faults at once, each with its place. */
export function read<const Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
): { readonly value: v.InferOutput<Schema> } | { readonly errors: readonly AccountFault[] } {
  const parsed = v.safeParse(schema, value, { abortPipeEarly: true })
  if (parsed.success) return { value: parsed.output }
  return {
    errors: parsed.issues.map(({ path, message }) => ({
      pointer: (path ?? []).map(({ key }) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''),
      detail: message,
    })),
  }
}
