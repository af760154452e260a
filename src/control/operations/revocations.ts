import * as v from 'valibot'
import { CALL_MS, within } from '../../http/object-call.ts'
import type { RevocationFeed } from '../../revocation/feed-object.ts'
import { parseRevocationRequest } from '../../revocation/revocation-request.ts'
import { parseChangeRequest } from '../../revocation/change-request.ts'
import type { Changes } from '../../revocation/changes.ts'
import { announceTo, type Announcing } from '../in-force.ts'
import type { Answer, Call, Operation } from '../operation.ts'

export interface RevocationsParts extends Announcing {
  readonly feed: () => Pick<DurableObjectStub<RevocationFeed>, 'append' | 'change'>
  /** Whether the policy has a plan of that name. */
  readonly hasPlan: (name: string) => boolean
}

/** What stops, and what changes, within the bound (docs/revocation.md; docs/api-keys.md, "Change a key"). */
export function revocationsOperations(parts: RevocationsParts): readonly Operation[] {
  return [
    {
      id: 'revocations.create',
      method: 'POST',
      path: '/revocations',
      summary: 'Revoke keys, tokens, sessions, consumers, certificates, generations; block addresses',
      scope: 'revocations:write',
      body: v.pipe(v.unknown(), v.description('One revocation, or { "revocations": [...] }: docs/revocation.md.')),
      answer: { status: 201, description: 'What was revoked, and by when it is in force everywhere.' },
      audit: ({ body }) => ({ target: targetOf(body), detail: { asked: named(body) } }),
      run: async (call) => revoke(parts, call),
    },
    {
      id: 'changes.create',
      method: 'POST',
      path: '/changes',
      summary: 'Change a key or consumer that has been issued',
      scope: 'changes:write',
      body: v.pipe(v.unknown(), v.description('docs/api-keys.md, "Change a key".')),
      answer: { status: 201, description: 'All that is set from now on, and by when it is in force everywhere.' },
      audit: ({ body }) => ({ target: targetOf(body), detail: { asked: named(body) } }),
      run: async (call) => change(parts, call),
    },
  ]
}

async function revoke(parts: RevocationsParts, { body, now, request }: Call): Promise<Answer> {
  const parsed = parseRevocationRequest(body, now)
  if (parsed.status === 'invalid')
    return refused('revocation-invalid', 'The revocation is not valid', 'See docs/revocation.md for what can be revoked.', parsed.errors)
  const appended = await within(parts.feed().append(parsed.entries), CALL_MS, 'the revocation feed')
  const inForce = await announceTo(parts, request)
  return { status: 'done', code: 201, value: { ...inForce, revocations: appended.map(describe) } }
}

async function change(parts: RevocationsParts, { body, now, request }: Call): Promise<Answer> {
  const parsed = parseChangeRequest(body, now, parts.hasPlan)
  if (parsed.status === 'invalid')
    return refused('change-invalid', 'The change is not valid', 'See docs/api-keys.md for what can be changed.', parsed.errors)
  const entry = await within(parts.feed().change(parsed.request, now), CALL_MS, 'the revocation feed')
  const inForce = await announceTo(parts, request)
  const expiresAt = new Date(entry.expiresAt).toISOString()
  return { status: 'done', code: 201, value: { ...inForce, ...entry.target, ...valuesOf(entry.changed ?? {}), expiresAt } }
}

function refused(code: string, title: string, detail: string, errors: readonly object[]): Answer {
  return { status: 'refused', problem: { status: 422, code, title, detail, extensions: { errors } } }
}

function describe(revocation: {
  readonly sequence: number
  readonly target: object
  readonly before?: number
  readonly expiresAt: number
  readonly reason: string
}): object {
  const { sequence, target, before, expiresAt, reason } = revocation
  return {
    sequence,
    ...target,
    ...(before === undefined ? {} : { before: new Date(before).toISOString() }),
    expiresAt: new Date(expiresAt).toISOString(),
    reason,
  }
}

/** All that is set of the target from now on, in the words of the request. */
function valuesOf(changed: Changes): Record<string, unknown> {
  const values = Object.entries(changed).map(([field, { value }]): [string, unknown] => [
    field,
    field === 'validUntil' && typeof value === 'number' ? new Date(value).toISOString() : value,
  ])
  return Object.fromEntries(values)
}

/** What the audit log keeps of what was asked, which nobody has checked yet: names of what is meant, at most ten. */
function named(body: unknown): readonly unknown[] {
  const list = isObject(body) && Array.isArray(body['revocations']) ? (body['revocations'] as unknown[]) : [body]
  return list
    .slice(0, 10)
    .filter(isObject)
    .map(({ type, id, reason }) => ({ type: short(type), id: short(id), reason: short(reason) }))
}
function targetOf(body: unknown): { type: string; id: string } {
  return isObject(body) ? { type: short(body['type']) ?? 'several', id: short(body['id']) ?? '' } : { type: 'unknown', id: '' }
}
/** A key that was sent in place of its id is refused later, and stands nowhere. */
function short(value: unknown): string | undefined {
  return typeof value === 'string' ? value.slice(0, 200).replaceAll(/pc[ka]_\S*/gu, '(a key)') : undefined
}
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
