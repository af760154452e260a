import { parseArgs } from 'node:util'
import { createBootstrapToken } from '../../src/credentials/bootstrap-token.ts'
import { type Command, type Terminal, UsageError } from '../command.ts'
import { agreed } from '../gate/ask.ts'
import { type GateCall, gateCommand, given, segment } from '../gate/gate-command.ts'
import { column, done, flexible, LIMIT, showList, timeColumn, YES } from '../gate/show.ts'
import { loadRootSecret } from '../root-key.ts'

const ROLES = ['viewer', 'support', 'operator', 'owner']

const overGate = gateCommand({
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
          paging: 'whole',
          columns: [column('PERSON', 'person'), flexible('NAME', 'display'), column('ROLE', 'role'), timeColumn('SINCE', 'since')],
          none: 'nobody has a role yet',
        }),
    },
    {
      name: 'grant',
      operands: ['ROLE', '[PERSON]'],
      takes: ['issuer', 'subject', 'display', 'yes'],
      help: `make somebody ${ROLES.join(', ')}: by the name that organisations members shows, or by issuer and subject`,
      run: grant,
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
  options: {
    issuer: { value: 'URL', help: 'who signs them in' },
    subject: { value: 'ID', help: 'as that issuer names them' },
    display: { value: 'TEXT', help: 'what people call them' },
    limit: LIMIT,
    yes: YES,
  },
  examples: [
    'portcullis operators bootstrap      (the first owner: needs the root key, not a gate)',
    'portcullis operators grant operator --issuer https://login.example.com --subject 248289761001 --display Ada',
    'portcullis operators list',
  ],
})

const ROOT_OPTIONS = {
  'env-file': { type: 'string' },
  state: { type: 'string' },
  gateway: { type: 'string' },
  environment: { type: 'string' },
} as const

export const operatorsCommand: Command = {
  help: `${overGate.help}

The first owner:
       portcullis operators bootstrap [--environment NAME] [--gateway NAME] [--env-file FILE] [--state DIR]
           a token, made with the root secret: whoever signs in and gives it to the gate is an owner; once, within 15 minutes

  --environment NAME  PORTCULLIS_ENVIRONMENT of the gate (default local)
  --gateway NAME      PORTCULLIS_GATEWAY of the gate (default portcullis)
  --state DIR         where the root secret is kept when PORTCULLIS_ROOT_KEY is not set (default .portcullis)`,
  actions: [...(overGate.actions ?? []), 'bootstrap'],
  options: { ...overGate.options, ...ROOT_OPTIONS },
  run: async (args, terminal) => (args[0] === 'bootstrap' ? bootstrap(args.slice(1), terminal) : overGate.run(args, terminal)),
}

/** Whoever has the root key could be anyone already: this only saves the detour. */
async function bootstrap(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: ROOT_OPTIONS })
  const { token, expiresAt } = await createBootstrapToken(
    loadRootSecret(values, (line) => terminal.err(line)),
    Date.now(),
  )
  terminal.out(token)
  terminal.err(`Good once, until ${new Date(expiresAt).toISOString()}: sign in at the gate and give it to the console (docs/admin-api.md).`)
  return 0
}

async function grant(call: GateCall): Promise<number> {
  const [role, person, issuer, subject] = [call.operand(0), call.operand(1), call.text('issuer'), call.text('subject')]
  if (!ROLES.includes(role)) throw new UsageError(`a role is one of ${ROLES.join(', ')}; not ${JSON.stringify(role)}`)
  if ((person === '') !== (issuer !== undefined && subject !== undefined) || (person !== '' && (issuer ?? subject) !== undefined))
    throw new UsageError('say who: a person, or --issuer and --subject')
  if (role === 'owner' && !(await agreed(call, `${person || subject} may then do everything, also make owners.`))) return 1
  const body = given({ role, display: call.text('display') ?? '', issuer, subject })
  const { value } =
    person === '' ? await call.gate.write('POST', 'operators', body) : await call.gate.write('PUT', `operators/${segment(person)}`, body)
  return done(call, `granted: ${role}`, value)
}
