import * as v from 'valibot'
import { encodeBase64Url } from '../../http/base64url.ts'
import { CALL_MS, within } from '../../http/object-call.ts'
import { addressRange, NEVER, reasonSchema, withoutKey } from '../../revocation/revocation-request.ts'
import type { RevocationFeed } from '../../revocation/feed-object.ts'
import { MAX_SUBJECT, restrictedName, restrictedSubject, type Restriction, type RestrictedKind } from '../../revocation/restrictions.ts'
import type { Revocation } from '../../revocation/revocations.ts'
import type { GateEvent } from '../../insight/gate-event.ts'
import { announceTo, type Announcing } from '../in-force.ts'
import type { Call, Operation } from '../operation.ts'

const DEFAULT_SECONDS = 3600
const MAX_SECONDS = 30 * 86_400
/** The feed keeps a restriction that was lifted for so long, so that an earlier one is not read late. */
const LIFTED_MS = 3_600_000
/** Restrictions told at once. */
const MAX_LISTED = 1000

export interface BlocksParts extends Announcing {
  readonly feed: () => Pick<DurableObjectStub<RevocationFeed>, 'change' | 'restrictions'>
  /** Tells operators. May fail: what was done is done. */
  readonly emit: (events: readonly GateEvent[]) => Promise<unknown>
}

const id = v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_SUBJECT), v.regex(/^\P{Cc}+$/u, 'no control characters'), withoutKey)
const common = {
  answer: v.optional(v.picklist(['slow', 'limit', 'step-up', 'block']), 'block'),
  seconds: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_SECONDS)), DEFAULT_SECONDS),
  reason: reasonSchema,
}
const address = v.pipe(
  v.string(),
  v.maxLength(64),
  v.transform(addressRange),
  v.string('an IPv4 or IPv6 address, or an IPv6 network such as 2001:db8::/64'),
)
const blockSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('credential'), id, ...common }),
  v.strictObject({ kind: v.literal('consumer'), id, ...common }),
  v.strictObject({ kind: v.literal('address'), id: address, ...common }),
  v.strictObject({ kind: v.literal('fingerprint'), id, ...common }),
])
type Block = v.InferOutput<typeof blockSchema>

/** What is restricted now, whoever did it (docs/abuse.md). */
export function blocksOperations(parts: BlocksParts): readonly Operation[] {
  return [
    {
      id: 'blocks.list',
      method: 'GET',
      path: '/blocks',
      summary: 'Every restriction in force but kill switches; what ends first first',
      scope: 'anomalies:read',
      answer: { status: 200, description: 'At most 1,000 restrictions.' },
      async run({ now }) {
        const items = (await restrictionsOf(parts, now)).filter(({ kind }) => !isSwitch(kind))
        return { status: 'done', code: 200, value: { items: items.slice(0, MAX_LISTED) } }
      },
    },
    {
      id: 'blocks.set',
      method: 'POST',
      path: '/blocks',
      summary: 'Restrict a credential, consumer, address or kind of client for a while',
      scope: 'blocks:write',
      body: blockSchema,
      answer: { status: 201, description: 'The restriction, and by when it is in force everywhere.' },
      audit: ({ body }) => {
        const { kind, id: subject, ...detail } = body as Block
        return { target: { type: kind, id: subject }, detail }
      },
      async run(call) {
        const { kind, id: subject, answer, seconds, reason: cause = 'by hand' } = call.body as Block
        const name = restrictedName(kind, subject)
        const value = { answer, since: call.now, until: call.now + seconds * 1000, cause }
        const inForce = await setRestriction(parts, call, name, value)
        await tell(parts, call, 'block.set', { kind, subject, answer, until: value.until })
        return {
          status: 'done',
          code: 201,
          value: { ...inForce, ...describe(name, value) },
          location: `blocks/${idOf(name)}`,
        }
      },
    },
    {
      id: 'blocks.lift',
      method: 'DELETE',
      path: '/blocks/:id',
      summary: 'Lift a restriction; the id is what the list says',
      scope: 'blocks:write',
      answer: { status: 200, description: 'By when it is lifted everywhere.' },
      audit: ({ params }) => ({ target: { type: 'block', id: params['id'] ?? '' }, detail: {} }),
      async run(call) {
        const known = (await restrictionsOf(parts, call.now)).find(({ id: one, kind }) => one === call.params['id'] && !isSwitch(kind))
        if (known === undefined)
          return { status: 'refused', problem: { status: 404, code: 'record-unknown', title: 'No such restriction' } }
        const inForce = await setRestriction(parts, call, restrictedName(known.kind, known.subject), null)
        await tell(parts, call, 'block.lifted', { kind: known.kind, subject: known.subject })
        return { status: 'done', code: 200, value: inForce }
      },
    },
  ]
}

export const isSwitch = (kind: RestrictedKind): boolean => kind === 'route' || kind === 'everything'

/** Sets one in the feed, or lifts it, and says by when that is in force. */
export async function setRestriction(
  parts: Pick<BlocksParts, 'feed'> & Announcing,
  { now, request }: Pick<Call, 'now' | 'request'>,
  name: string,
  value: Restriction | null,
): Promise<{ effectiveBy: string; latestBy: string }> {
  const change = {
    target: { type: 'restricted', id: name },
    patch: { restriction: value },
    expiresAt: Math.min(NEVER, (value?.until ?? now) + LIFTED_MS),
    reason: value?.cause ?? 'lifted',
  } as const
  await within(parts.feed().change(change, now), CALL_MS, 'the revocation feed')
  return announceTo(parts, request)
}

export interface InForce {
  /** What lifts it. */
  readonly id: string
  readonly kind: RestrictedKind
  readonly subject: string
  readonly answer: Restriction['answer']
  readonly since: string
  /** Absent: until it is lifted. */
  readonly until?: string
  readonly cause: string
}
export async function restrictionsOf({ feed }: Pick<BlocksParts, 'feed'>, now: number): Promise<readonly InForce[]> {
  const entries: readonly Revocation[] = await within(feed().restrictions(now), CALL_MS, 'the revocation feed')
  return entries.flatMap(({ target, changed }) => {
    const value = changed?.restriction?.value
    return value === undefined || value === null ? [] : [describe(target.id, value)]
  })
}

/** A name that may stand in a path: subjects hold slashes and spaces. */
export const idOf = (name: string): string => encodeBase64Url(new TextEncoder().encode(name))

function describe(name: string, { answer, since, until, cause }: Restriction): InForce {
  const { kind, id: subject } = restrictedSubject(name)
  const end = until >= NEVER ? {} : { until: new Date(until).toISOString() }
  return { id: idOf(name), kind, subject, answer, since: new Date(since).toISOString(), ...end, cause }
}

export async function tell(
  { emit }: Pick<BlocksParts, 'emit'>,
  { actor, now }: Pick<Call, 'actor' | 'now'>,
  type: GateEvent['type'],
  data: GateEvent['data'],
): Promise<void> {
  const event: GateEvent = { id: `evt_${crypto.randomUUID().replaceAll('-', '')}`, type, at: now, data: { ...data, by: actor.display } }
  await within(emit([event]), CALL_MS, 'the events object').catch(() => undefined)
}
