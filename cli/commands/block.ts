import { UsageError } from '../command.ts'
import { agreed } from '../gate/ask.ts'
import { type GateCall, gateCommand, given, segment } from '../gate/gate-command.ts'
import { column, done, flexible, LIMIT, showList, timeColumn, YES } from '../gate/show.ts'
import { visible } from '../output/text.ts'

const ANSWERS = ['slow', 'limit', 'step-up', 'block']
/** What the command calls them, what the API does, and what it is. */
const SUBJECTS = [
  { name: 'address', kind: 'address', operand: 'IP', help: 'an address, or an IPv6 network such as 2001:db8::/64' },
  { name: 'key', kind: 'credential', operand: 'ID', help: 'a key, a token or a certificate, by its id' },
  { name: 'consumer', kind: 'consumer', operand: 'ID', help: 'an app: every key of it' },
  { name: 'client', kind: 'fingerprint', operand: 'FINGERPRINT', help: 'a kind of client, as an anomaly names it' },
] as const

export const blockCommand = gateCommand({
  name: 'block',
  about: 'Refuses somebody for a while; what must stop for good is revoked (portcullis revoke).',
  actions: [
    {
      name: 'list',
      takes: ['limit'],
      help: 'who is refused or slowed down, whoever did it, and until when',
      run: async (call) =>
        showList(call, {
          path: 'blocks',
          paging: 'whole',
          columns: [
            column('BLOCK', 'id'),
            column('KIND', 'kind'),
            flexible('SUBJECT', 'subject'),
            column('ANSWER', 'answer'),
            timeColumn('SINCE', 'since'),
            timeColumn('UNTIL', 'until'),
            flexible('CAUSE', 'cause'),
          ],
          none: 'nobody is blocked',
        }),
    },
    ...SUBJECTS.map(({ name, kind, operand, help }) => ({
      name,
      operands: [operand],
      takes: ['for', 'answer', 'reason', 'yes'],
      help,
      run: async (call: GateCall) => block(call, name, kind),
    })),
    {
      name: 'lift',
      operands: ['BLOCK'],
      help: 'end a block now',
      run: async (call) => done(call, 'lifted', (await call.gate.write('DELETE', `blocks/${segment(call.operand(0))}`)).value),
    },
  ],
  options: {
    for: { value: '1h', help: 'how long: s, m, h or d (default 1h, at most 30d)' },
    answer: { value: 'ANSWER', help: 'slow, limit, step-up or block (default block)' },
    reason: { value: 'TEXT', help: 'for the log' },
    limit: LIMIT,
    yes: YES,
  },
  examples: ["portcullis block address 192.0.2.7 --for 1h --reason 'floods us' --yes", 'portcullis block lift YWRkcmVzczoxOTIuMC4yLjc'],
})

async function block(call: GateCall, name: string, kind: string): Promise<number> {
  const [id, answer, seconds] = [call.operand(0), call.text('answer') ?? 'block', call.seconds('for') ?? 3600]
  if (!ANSWERS.includes(answer)) throw new UsageError(`--answer takes ${ANSWERS.join(', ')}; not ${JSON.stringify(answer)}`)
  if (seconds < 1) throw new UsageError('--for takes at least 1s')
  if (!(await agreed(call, `Every request of the ${name} ${id} gets the answer "${answer}" for ${call.text('for') ?? '1h'}.`))) return 1
  const { value } = await call.gate.write('POST', 'blocks', given({ kind, id, answer, seconds, reason: call.text('reason') }))
  return done(call, `set ${visible(String(value['id']))}`, value)
}
