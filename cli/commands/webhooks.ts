import { UsageError } from '../command.ts'
import { agreed } from '../gate/ask.ts'
import { type GateCall, gateCommand, given, segment } from '../gate/gate-command.ts'
import { changeCurrent } from '../gate/change.ts'
import { column, done, flexible, LIMIT, showItem, showList, stateColumn, timeColumn, YES } from '../gate/show.ts'

const pathOf = (call: GateCall): string => `webhooks/${segment(call.operand(0))}`

async function change(call: GateCall, patch: Record<string, unknown>, words: string): Promise<number> {
  if (Object.keys(patch).length === 0) throw new UsageError('say what changes: --to, --types or --description')
  return done(call, words, (await changeCurrent(call, pathOf(call), patch, `portcullis webhooks show ${call.operand(0)}`)).value)
}
const fieldsOf = (call: GateCall): Record<string, unknown> =>
  given({ url: call.text('to'), types: call.list('types'), description: call.text('description') })
/** `--types all` takes the choice away. */
function patchOf(call: GateCall): Record<string, unknown> {
  const fields = fieldsOf(call)
  return call.text('types') === 'all' ? { ...fields, types: null } : fields
}

export const webhooksCommand = gateCommand({
  name: 'webhooks',
  about: 'Where events are sent, signed (docs/events.md).',
  actions: [
    {
      name: 'list',
      takes: ['limit'],
      help: 'all of them',
      run: async (call) =>
        showList(call, {
          path: 'webhooks',
          paging: 'whole',
          columns: [column('ID', 'id'), flexible('URL', 'url'), flexible('TYPES', 'types'), stateColumn],
          none: 'events are sent nowhere',
        }),
    },
    {
      name: 'create',
      needs: ['to'],
      takes: ['types', 'description'],
      help: 'a new one; its secret is shown once',
      run: async (call) => showItem(call, (await call.gate.write('POST', 'webhooks', fieldsOf(call))).value),
    },
    {
      name: 'change',
      operands: ['WEBHOOK'],
      takes: ['to', 'types', 'description'],
      help: 'what is not named stays as it is',
      run: async (call) => change(call, patchOf(call), 'changed'),
    },
    {
      name: 'show',
      operands: ['WEBHOOK'],
      help: 'one of them',
      run: async (call) => showItem(call, (await call.gate.get(pathOf(call))).value),
    },
    {
      name: 'disable',
      operands: ['WEBHOOK'],
      help: 'send nothing there',
      run: async (call) => change(call, { state: 'disabled' }, 'disabled'),
    },
    { name: 'enable', operands: ['WEBHOOK'], help: 'send there again', run: async (call) => change(call, { state: 'active' }, 'enabled') },
    {
      name: 'delete',
      operands: ['WEBHOOK'],
      takes: ['yes'],
      help: 'for good',
      run: async (call) => {
        if (!(await agreed(call, `${call.operand(0)} ends, with what was not delivered yet.`))) return 1
        return done(call, 'deleted', (await call.gate.write('DELETE', pathOf(call))).value)
      },
    },
    {
      name: 'test',
      operands: ['WEBHOOK'],
      help: 'send an event to see that it arrives: exit code 1 where it does not',
      run: async (call) => {
        const { value } = await call.gate.write('POST', `${pathOf(call)}/test`)
        showItem(call, value)
        return value['outcome'] === 'delivered' ? 0 : 1
      },
    },
    {
      name: 'attempts',
      operands: ['WEBHOOK'],
      takes: ['limit'],
      help: 'the newest 100 attempts to deliver there',
      run: async (call) =>
        showList(call, {
          path: `${pathOf(call)}/attempts`,
          paging: 'whole',
          columns: [
            timeColumn('AT', 'at'),
            column('TYPE', 'type'),
            { ...column('ATTEMPT', 'attempt'), align: 'right' },
            { ...column('OUTCOME', 'outcome'), color: ({ outcome }) => (outcome === 'delivered' ? 'green' : 'red') },
            column('STATUS', 'status'),
            { ...column('MS', 'milliseconds'), align: 'right' },
            column('EVENT', 'event'),
          ],
          none: 'nothing was sent there yet',
        }),
    },
    {
      name: 'rotate',
      operands: ['WEBHOOK'],
      takes: ['until'],
      help: 'a new secret, shown once; both sign until then',
      run: async (call) =>
        showItem(call, (await call.gate.write('POST', `${pathOf(call)}/rotate`, given({ overlapSeconds: call.seconds('until') }))).value),
    },
  ],
  options: {
    to: { value: 'URL', help: 'where, by https' },
    types: { value: 'TYPES', help: 'these alone, between commas, or all (default)' },
    description: { value: 'TEXT', help: 'for people to read' },
    until: { value: '1d', help: 'how long the old secret still signs (default 1d, at most 7d)' },
    limit: LIMIT,
    yes: YES,
  },
  examples: ['portcullis webhooks create --to https://ops.example.com/hook --types key.leaked,anomaly.found'],
})
