import { UsageError } from '../command.ts'
import { agreed } from '../gate/ask.ts'
import { gateCommand, segment } from '../gate/gate-command.ts'
import { column, done, flexible, LIMIT, showList, timeColumn, YES } from '../gate/show.ts'

const ROLES = ['viewer', 'support', 'operator', 'owner']

export const operatorsCommand = gateCommand({
  name: 'operators',
  about:
    'Who may do what to the gate, besides holders of admin keys: viewer looks; support makes keys; operator stops things; owner everything.',
  actions: [
    {
      name: 'list',
      takes: ['limit'],
      help: 'who has a role in the directory',
      run: async (call) =>
        showList(call, {
          path: 'operators',
          columns: [column('PERSON', 'person'), flexible('NAME', 'display'), column('ROLE', 'role'), timeColumn('SINCE', 'since')],
          none: 'nobody has a role yet',
        }),
    },
    {
      name: 'grant',
      operands: ['PERSON', 'ROLE'],
      takes: ['display', 'yes'],
      help: ROLES.join(', '),
      run: async (call) => {
        const [person, role] = [call.operand(0), call.operand(1)]
        if (!ROLES.includes(role)) throw new UsageError(`a role is one of ${ROLES.join(', ')}; not ${JSON.stringify(role)}`)
        if (role === 'owner' && !(await agreed(call, `${person} may then do everything, also make owners.`))) return 1
        const display = call.text('display')
        const body = { role, ...(display === undefined ? {} : { display }) }
        return done(call, `${person} is ${role}`, (await call.gate.write('PUT', `operators/${segment(person)}`, body)).value)
      },
    },
    {
      name: 'revoke',
      operands: ['PERSON'],
      takes: ['yes'],
      help: 'they have no role any more',
      run: async (call) => {
        if (!(await agreed(call, `${call.operand(0)} will have no role.`))) return 1
        return done(call, 'revoked', (await call.gate.write('DELETE', `operators/${segment(call.operand(0))}`)).value)
      },
    },
  ],
  options: { display: { value: 'TEXT', help: 'what people call them' }, limit: LIMIT, yes: YES },
  examples: ['portcullis operators grant per_… operator', 'portcullis operators list'],
})
