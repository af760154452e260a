import { agreed } from '../gate/ask.ts'
import { changeCurrent, deleteCurrent } from '../gate/change.ts'
import { type GateCall, gateCommand, given, segment } from '../gate/gate-command.ts'
import { column, done, flexible, LIMIT, showItem, showList, stateColumn, timeColumn, YES } from '../gate/show.ts'

const pathOf = (call: GateCall): string => `organisations/${segment(call.operand(0))}`
const again = (call: GateCall): string => `portcullis organisations show ${call.operand(0)}`

async function change(call: GateCall, patch: Record<string, unknown>, words: string): Promise<number> {
  const { value } = await changeCurrent(call, pathOf(call), patch, again(call))
  return done(call, words, value)
}

export const organisationsCommand = gateCommand({
  name: 'organisations',
  about: 'Organisations hold apps, and have members: owner (everything), developer (apps and keys), viewer (looks).',
  actions: [
    {
      name: 'list',
      takes: ['limit'],
      help: 'all of them',
      run: async (call) =>
        showList(call, {
          path: 'organisations',
          columns: [column('ID', 'id'), flexible('NAME', 'name'), stateColumn, timeColumn('CREATED', 'createdAt')],
          none: 'there are no organisations yet: portcullis organisations create --name NAME',
        }),
    },
    {
      name: 'show',
      operands: ['ORGANISATION'],
      help: 'one of them',
      run: async (call) => showItem(call, (await call.gate.get(pathOf(call))).value),
    },
    {
      name: 'create',
      needs: ['name'],
      help: 'a new one',
      run: async (call) => {
        const { value } = await call.gate.write('POST', 'organisations', { name: call.text('name') })
        return showItem(call, value)
      },
    },
    {
      name: 'change',
      operands: ['ORGANISATION'],
      needs: ['name'],
      help: 'another name',
      run: async (call) => change(call, { name: call.text('name') }, 'changed'),
    },
    {
      name: 'disable',
      operands: ['ORGANISATION'],
      takes: ['yes'],
      help: 'refuse every app of it until it is enabled again',
      run: async (call) =>
        (await agreed(call, `Every app of ${call.operand(0)} will be refused.`)) ? change(call, { state: 'disabled' }, 'disabled') : 1,
    },
    { name: 'enable', operands: ['ORGANISATION'], help: 'take it back', run: async (call) => change(call, { state: 'active' }, 'enabled') },
    {
      name: 'delete',
      operands: ['ORGANISATION'],
      takes: ['yes'],
      help: 'for good, with its apps and keys',
      run: async (call) => {
        const { value, etag } = await call.gate.get(pathOf(call))
        if (!(await agreed(call, `${call.operand(0)} (${JSON.stringify(value['name'])}) ends with its apps and keys, for good.`))) return 1
        return done(call, 'deleted', (await deleteCurrent(call, pathOf(call), etag, again(call))).value)
      },
    },
    {
      name: 'members',
      operands: ['ORGANISATION'],
      takes: ['limit'],
      help: 'who is in it',
      run: async (call) =>
        showList(call, {
          path: `${pathOf(call)}/members`,
          paging: 'whole',
          columns: [column('PERSON', 'person'), flexible('NAME', 'display'), column('ROLE', 'role'), timeColumn('SINCE', 'since')],
          none: 'nobody is in it',
        }),
    },
    {
      name: 'set-member',
      operands: ['ORGANISATION', 'PERSON'],
      needs: ['role'],
      takes: ['display'],
      help: 'give somebody a role',
      run: async (call) => {
        const path = `${pathOf(call)}/members/${segment(call.operand(1))}`
        return done(
          call,
          'set',
          (await call.gate.write('PUT', path, given({ role: call.text('role'), display: call.text('display') }))).value,
        )
      },
    },
    {
      name: 'remove-member',
      operands: ['ORGANISATION', 'PERSON'],
      takes: ['yes'],
      help: 'take somebody out',
      run: async (call) => {
        if (!(await agreed(call, `${call.operand(1)} leaves ${call.operand(0)}.`))) return 1
        return done(call, 'removed', (await call.gate.write('DELETE', `${pathOf(call)}/members/${segment(call.operand(1))}`)).value)
      },
    },
    {
      name: 'invitations',
      operands: ['ORGANISATION'],
      takes: ['limit'],
      help: 'who was invited and has not come',
      run: async (call) =>
        showList(call, {
          path: `${pathOf(call)}/invitations`,
          paging: 'whole',
          columns: [column('ID', 'id'), flexible('NOTE', 'note'), column('ROLE', 'role'), timeColumn('UNTIL', 'expiresAt')],
          none: 'nobody is invited',
        }),
    },
    {
      name: 'invite',
      operands: ['ORGANISATION'],
      needs: ['role'],
      takes: ['note'],
      help: 'an invitation; its token is shown once',
      run: async (call) => {
        const body = { role: call.text('role'), note: call.text('note') ?? '' }
        return showItem(call, (await call.gate.write('POST', `${pathOf(call)}/invitations`, body)).value)
      },
    },
    {
      name: 'withdraw',
      operands: ['ORGANISATION', 'INVITATION'],
      help: 'an invitation opens nothing any more',
      run: async (call) =>
        done(call, 'withdrawn', (await call.gate.write('DELETE', `${pathOf(call)}/invitations/${segment(call.operand(1))}`)).value),
    },
  ],
  options: {
    name: { value: 'TEXT', help: 'what people call it; 1 to 100 characters' },
    role: { value: 'ROLE', help: 'owner, developer or viewer' },
    display: { value: 'TEXT', help: 'what people call them' },
    note: { value: 'TEXT', help: 'for whom, for people to read' },
    limit: LIMIT,
    yes: YES,
  },
  examples: ["portcullis organisations create --name 'Acme Ltd'", "portcullis orgs invite org_… --role developer --note 'Ada'"],
})
