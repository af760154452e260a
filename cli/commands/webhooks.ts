import { UsageError } from '../command.ts'
import { agreed } from '../gate/ask.ts'
import { type GateCall, gateCommand, given, segment } from '../gate/gate-command.ts'
import { column, done, flexible, LIMIT, showItem, showList, stateColumn, YES } from '../gate/show.ts'

const pathOf = (call: GateCall): string => `webhooks/${segment(call.operand(0))}`

async function change(call: GateCall, patch: Record<string, unknown>, words: string): Promise<number> {
  if (Object.keys(patch).length === 0) throw new UsageError('say what changes: --to or --types')
  return done(call, words, (await call.gate.write('PATCH', pathOf(call), patch)).value)
}
const fieldsOf = (call: GateCall): Record<string, unknown> => given({ url: call.text('to'), types: call.list('types') })

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
          columns: [column('ID', 'id'), flexible('URL', 'url'), flexible('TYPES', 'types'), stateColumn],
          none: 'events are sent nowhere',
        }),
    },
    {
      name: 'create',
      needs: ['to'],
      takes: ['types'],
      help: 'a new one; its secret is shown once',
      run: async (call) => showItem(call, (await call.gate.write('POST', 'webhooks', fieldsOf(call))).value),
    },
    {
      name: 'change',
      operands: ['WEBHOOK'],
      takes: ['to', 'types'],
      help: 'what is not named stays as it is',
      run: async (call) => change(call, fieldsOf(call), 'changed'),
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
        return value['delivered'] === false ? 1 : 0
      },
    },
  ],
  options: {
    to: { value: 'URL', help: 'where, by https' },
    types: { value: 'TYPES', help: 'these alone, between commas (default: all)' },
    limit: LIMIT,
    yes: YES,
  },
  examples: ['portcullis webhooks create --to https://ops.example.com/hook --types key.leaked,anomaly.found'],
})
