import { agreed } from '../gate/ask.ts'
import { changeCurrent, deleteCurrent } from '../gate/change.ts'
import { UsageError } from '../command.ts'
import { type GateCall, gateCommand, given, segment } from '../gate/gate-command.ts'
import { column, done, flexible, LIMIT, showItem, showList, stateColumn, timeColumn, YES } from '../gate/show.ts'

const pathOf = (call: GateCall): string => `apps/${segment(call.operand(0))}`
const again = (call: GateCall): string => `portcullis apps show ${call.operand(0)}`

async function change(call: GateCall, patch: Record<string, unknown>, words: string): Promise<number> {
  if (Object.keys(patch).length === 0) throw new UsageError('say what changes: --name, --description or --plan')
  const { value } = await changeCurrent(call, pathOf(call), patch, again(call))
  return done(call, words, value)
}

export const appsCommand = gateCommand({
  name: 'apps',
  about: 'An app is one consumer of the API: its keys, its plan, its usage.',
  actions: [
    {
      name: 'list',
      takes: ['organisation', 'limit'],
      help: 'all of them, or those of one organisation',
      run: async (call) =>
        showList(call, {
          path: 'apps',
          query: { organisation: call.text('organisation') },
          columns: [
            column('ID', 'id'),
            flexible('NAME', 'name'),
            column('PLAN', 'plan'),
            stateColumn,
            column('ORGANISATION', 'organisation'),
            timeColumn('CREATED', 'createdAt'),
          ],
          none: 'there are no apps: portcullis apps create --organisation ID --name NAME --plan PLAN',
        }),
    },
    {
      name: 'show',
      operands: ['APP'],
      help: 'one of them',
      run: async (call) => showItem(call, (await call.gate.get(pathOf(call))).value),
    },
    {
      name: 'create',
      needs: ['organisation', 'name', 'plan'],
      takes: ['description'],
      help: 'a new one',
      run: async (call) => {
        const fields = { organisation: call.text('organisation'), name: call.text('name'), plan: call.text('plan') }
        const { value } = await call.gate.write('POST', 'apps', given({ ...fields, description: call.text('description') }))
        return showItem(call, value)
      },
    },
    {
      name: 'change',
      operands: ['APP'],
      takes: ['name', 'description', 'plan'],
      help: 'what is not named stays as it is',
      run: async (call) =>
        change(call, given({ name: call.text('name'), description: call.text('description'), plan: call.text('plan') }), 'changed'),
    },
    {
      name: 'disable',
      operands: ['APP'],
      takes: ['yes'],
      help: 'refuse its keys until it is enabled again',
      run: async (call) =>
        (await agreed(call, `Every key of ${call.operand(0)} will be refused.`)) ? change(call, { state: 'disabled' }, 'disabled') : 1,
    },
    { name: 'enable', operands: ['APP'], help: 'take its keys again', run: async (call) => change(call, { state: 'active' }, 'enabled') },
    {
      name: 'delete',
      operands: ['APP'],
      takes: ['yes'],
      help: 'for good; its keys are revoked',
      run: async (call) => {
        const { value, etag } = await call.gate.get(pathOf(call))
        if (!(await agreed(call, `${call.operand(0)} (${JSON.stringify(value['name'])}) ends with its keys, for good.`))) return 1
        return done(call, 'deleted', (await deleteCurrent(call, pathOf(call), etag, again(call))).value)
      },
    },
  ],
  options: {
    organisation: { value: 'ID', help: 'whose' },
    name: { value: 'TEXT', help: 'what people call it; 1 to 100 characters' },
    description: { value: 'TEXT', help: 'what it is' },
    plan: { value: 'NAME', help: 'one of: portcullis plans' },
    limit: LIMIT,
    yes: YES,
  },
  examples: ["portcullis apps create --organisation org_… --name 'Acme shop' --plan gold", 'portcullis apps disable app_… --yes'],
})
