import { agreedByWord } from '../gate/ask.ts'
import { type GateCall, gateCommand, given, segment } from '../gate/gate-command.ts'
import { done, flexible, LIMIT, showList, timeColumn, YES } from '../gate/show.ts'
import { UsageError } from '../command.ts'

/** `everything`, or a route by its id. */
function targetOf(call: GateCall): string {
  const target = call.operand(0)
  const isKnown = target === 'everything' || (target.startsWith('route:') && target.length > 6)
  if (!isKnown) throw new UsageError(`write everything, or route:ID with the id of a route; not ${JSON.stringify(target)}`)
  return target
}

export const killCommand = gateCommand({
  name: 'kill',
  about:
    'Kill switches: while one is on, requests are refused before anything is looked at. Keys, apps and organisations are disabled instead.',
  actions: [
    {
      name: 'list',
      takes: ['limit'],
      help: 'which are on',
      run: async (call) =>
        showList(call, {
          path: 'kill-switches',
          paging: 'whole',
          columns: [
            { title: 'TARGET', of: ({ kind, subject }) => (kind === 'everything' ? kind : `route:${String(subject)}`) },
            timeColumn('SINCE', 'since'),
            timeColumn('UNTIL', 'until'),
            flexible('REASON', 'cause'),
          ],
          none: 'none is on',
        }),
    },
    {
      name: 'on',
      operands: ['TARGET'],
      takes: ['for', 'reason', 'yes'],
      help: 'refuse a route (route:ID), or everything',
      run: async (call) => {
        const target = targetOf(call)
        const what = target === 'everything' ? 'EVERY request to the API at' : `Every request to ${target} at`
        if (!(await agreedByWord(call, `${what} ${call.gate.origin} will be refused.`, target))) return 1
        const body = given({ seconds: call.seconds('for'), reason: call.text('reason') })
        return done(call, `${target} is closed`, (await call.gate.write('PUT', `kill-switches/${segment(target)}`, body)).value)
      },
    },
    {
      name: 'off',
      operands: ['TARGET'],
      takes: ['yes'],
      help: 'let requests in again',
      run: async (call) => {
        const target = targetOf(call)
        if (!(await agreedByWord(call, `Requests to ${target} at ${call.gate.origin} will be decided again.`, target))) return 1
        return done(call, `${target} is open`, (await call.gate.write('DELETE', `kill-switches/${segment(target)}`)).value)
      },
    },
  ],
  options: {
    for: { value: '1h', help: 'how long (default: until it is off again; at most 30d)' },
    reason: { value: 'TEXT', help: 'for the log, and for who comes next' },
    limit: LIMIT,
    yes: YES,
  },
  examples: ["portcullis kill on route:getOrder --reason 'leaks orders'", 'portcullis kill off everything'],
})
