import * as v from 'valibot'
import { parseNetwork } from '../http/network.ts'
import type { ChangePatch } from './changes.ts'
import { defaultEnd, idSchema, instantSchema, pointerOf, reasonSchema } from './revocation-request.ts'

const MAX_SCOPES = 32
const MAX_NETWORKS = 16

/** A change of one key or consumer, or a restriction, as the feed takes it. */
export interface ChangeRequest {
  readonly target: { readonly type: 'key' | 'consumer' | 'restricted'; readonly id: string }
  readonly patch: ChangePatch
  /** When the key is over by itself, in milliseconds since the epoch. */
  readonly expiresAt: number
  readonly reason: string
}
export type ParsedChange =
  | { readonly status: 'parsed'; readonly request: ChangeRequest }
  | { readonly status: 'invalid'; readonly errors: readonly { readonly pointer: string; readonly detail: string }[] }

const plan = v.exactOptional(v.nullable(v.pipe(v.string(), v.regex(/^[A-Za-z0-9._-]{1,64}$/u, 'the name of a plan'))))
const network = v.pipe(
  v.string(),
  v.maxLength(64),
  v.transform(parseNetwork),
  v.string('an address, or a network such as 192.0.2.0/24 without bits beyond its prefix'),
)
const origin = v.pipe(v.string(), v.maxLength(262), v.regex(/^https?:\/\/[a-z0-9.:[\]-]+$/u, 'an origin such as https://app.example.com'))
const common = { disabled: v.exactOptional(v.boolean()), plan, reason: reasonSchema, expiresAt: instantSchema }
const requestSchema = v.variant('type', [
  v.strictObject({
    type: v.literal('key'),
    id: idSchema,
    ...common,
    scopes: v.exactOptional(
      v.nullable(
        v.pipe(
          v.array(v.pipe(v.string(), v.regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/u, 'a scope without space, quote or backslash'))),
          v.maxLength(MAX_SCOPES),
        ),
      ),
    ),
    addresses: v.exactOptional(v.nullable(v.pipe(v.array(network), v.minLength(1), v.maxLength(MAX_NETWORKS)))),
    origins: v.exactOptional(v.nullable(v.pipe(v.array(origin), v.minLength(1), v.maxLength(MAX_NETWORKS)))),
    validUntil: v.exactOptional(v.nullable(v.pipe(v.unwrap(instantSchema), v.transform(Date.parse)))),
  }),
  v.strictObject({ type: v.literal('consumer'), id: idSchema, ...common }),
])

/** All errors at once. `now` in milliseconds. `hasPlan`: whether the policy has it; a key on another one would be refused. */
export function parseChangeRequest(document: unknown, now: number, hasPlan: (name: string) => boolean): ParsedChange {
  const parsed = v.safeParse(requestSchema, document, { abortPipeEarly: true })
  if (!parsed.success)
    return { status: 'invalid', errors: parsed.issues.map((issue) => ({ pointer: pointerOf(issue), detail: issue.message })) }
  const { type, id, reason, expiresAt, ...fields } = parsed.output
  const errors: { pointer: string; detail: string }[] = []
  if (Object.keys(fields).length === 0) errors.push({ pointer: '', detail: 'it changes nothing' })
  if (typeof fields.plan === 'string' && !hasPlan(fields.plan)) errors.push({ pointer: '/plan', detail: 'the policy has no such plan' })
  const end = expiresAt === undefined ? defaultEnd({ type, id }, now) : Date.parse(expiresAt)
  if (end <= now) errors.push({ pointer: '/expiresAt', detail: 'it lies in the past: nothing would be changed' })
  if (errors.length > 0) return { status: 'invalid', errors }
  return {
    status: 'parsed',
    request: { target: { type, id }, patch: fields, expiresAt: end, reason: reason ?? 'changed' },
  }
}
