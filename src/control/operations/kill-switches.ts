import * as v from 'valibot'
import { NEVER, withoutKey } from '../../revocation/revocation-request.ts'
import { restrictedName, restrictedSubject } from '../../revocation/restrictions.ts'
import type { Call, Operation } from '../operation.ts'
import { idOf, isSwitch, restrictionsOf, setRestriction, tell, type BlocksParts } from './blocks.ts'

const MAX_SECONDS = 30 * 86_400

export interface KillSwitchesParts extends BlocksParts {
  /** Ids of the policy's routes. */
  readonly routes: readonly string[]
}

const switchSchema = v.strictObject({
  seconds: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_SECONDS))),
  reason: v.optional(v.pipe(v.string(), v.maxLength(200), v.regex(/^\P{Cc}*$/u, 'no control characters'), withoutKey), 'closed by hand'),
})
const UNKNOWN = {
  status: 'refused',
  problem: { status: 404, code: 'record-unknown', title: 'No such route, and not "everything"' },
} as const

const EVERYTHING = restrictedName('everything', '')
/** `everything`, or `route:` with the route's id, in base64url where that could not stand in a path. */
export function targetOf(name: string): string {
  if (name === EVERYTHING) return 'everything'
  const id = restrictedSubject(name).id
  return `route:${/^[\w.~-]+$/u.test(id) ? id : idOf(id)}`
}

const audit = ({ params, body }: Call) => ({
  target: { type: 'kill-switch', id: params['target'] ?? '' },
  detail: { ...(body as object) },
})

/** Closes a route, or everything, at once: 503 until it is opened. The gate's own paths stay (docs/abuse.md). */
export function killSwitchesOperations(parts: KillSwitchesParts): readonly Operation[] {
  const byTarget = new Map([EVERYTHING, ...parts.routes.map((id) => restrictedName('route', id))].map((name) => [targetOf(name), name]))
  return [
    {
      id: 'kill-switches.list',
      method: 'GET',
      path: '/kill-switches',
      summary: 'What is closed',
      scope: 'anomalies:read',
      answer: { status: 200, description: 'Routes that are closed, and whether everything is.' },
      async run({ now }) {
        const closed = (await restrictionsOf(parts, now)).filter(({ kind }) => isSwitch(kind))
        const items = closed.map((one) => Object.assign(one, { target: targetOf(restrictedName(one.kind, one.subject)) }))
        return { status: 'done', code: 200, value: { items } }
      },
    },
    {
      id: 'kill-switches.set',
      method: 'PUT',
      path: '/kill-switches/:target',
      summary: 'Close route:<id>, or everything; for some seconds, or until it is opened',
      scope: 'kill-switches:write',
      body: switchSchema,
      answer: { status: 200, description: 'By when it is closed everywhere.' },
      audit,
      async run(call) {
        const name = byTarget.get(call.params['target'] ?? '')
        if (name === undefined) return UNKNOWN
        const { seconds, reason } = call.body as v.InferOutput<typeof switchSchema>
        const until = seconds === undefined ? NEVER : call.now + seconds * 1000
        const inForce = await setRestriction(parts, call, name, { answer: 'close', since: call.now, until, cause: reason })
        await tell(parts, call, 'kill-switch.set', { target: call.params['target'], reason })
        return { status: 'done', code: 200, value: inForce }
      },
    },
    {
      id: 'kill-switches.lift',
      method: 'DELETE',
      path: '/kill-switches/:target',
      summary: 'Open it again',
      scope: 'kill-switches:write',
      answer: { status: 200, description: 'By when it is open everywhere.' },
      audit: (call) => audit({ ...call, body: {} }),
      async run(call) {
        // A route that the policy no longer has may still be closed.
        const { target = '' } = call.params
        const closed = (await restrictionsOf(parts, call.now)).filter(({ kind }) => isSwitch(kind))
        const name = closed.map(({ kind, subject }) => restrictedName(kind, subject)).find((one) => targetOf(one) === target)
        if (name === undefined) return UNKNOWN
        const inForce = await setRestriction(parts, call, name, null)
        await tell(parts, call, 'kill-switch.lifted', { target })
        return { status: 'done', code: 200, value: inForce }
      },
    },
  ]
}
