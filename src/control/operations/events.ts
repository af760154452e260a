import * as v from 'valibot'
import { GATE_EVENT_TYPES } from '../../insight/gate-event.ts'
import type { Events } from '../../insight/events.ts'
import type { Operation } from '../operation.ts'

export interface EventsParts {
  readonly events: Pick<Events, 'list'>
}

const text = v.pipe(v.string(), v.maxLength(128))
const query = v.strictObject({
  after: v.optional(text),
  limit: v.optional(v.pipe(v.string(), v.regex(/^[1-9]\d{0,2}$/u, 'a whole number'), v.transform(Number), v.maxValue(100, 'at most 100'))),
  type: v.optional(v.picklist(GATE_EVENT_TYPES)),
  organisation: v.optional(text),
})

/** What operators are told of (docs/events.md). */
export function eventsOperations({ events }: EventsParts): readonly Operation[] {
  return [
    {
      id: 'events.list',
      method: 'GET',
      path: '/events',
      summary: 'What happened that somebody should know of, newest first: ?after=&limit=&type=&organisation=',
      scope: 'events:read',
      query,
      answer: { status: 200, description: '{ items, next? }: docs/events.md.' },
      run: async ({ query: asked }) => {
        const page = await events.list(asked)
        return {
          status: 'done',
          code: 200,
          value: { ...page, items: page.items.map(({ at, ...rest }) => Object.assign(rest, { at: new Date(at).toISOString() })) },
        }
      },
    },
  ]
}
