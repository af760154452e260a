import type { Command } from './command.ts'

/** One line of `portcullis help`. */
export interface TableEntry {
  readonly name: string
  /** Another name for it. */
  readonly alias?: string
  /** Half a line. */
  readonly summary: string
  /** Only the command that runs is read from disk. */
  readonly load: () => Promise<Command>
}

/** Every command, by what it works on. */
export const COMMAND_TABLE: readonly { readonly title: string; readonly entries: readonly TableEntry[] }[] = [
  {
    title: 'On this machine',
    entries: [
      {
        name: 'check',
        summary: 'say everything that is wrong with a policy',
        load: async () => (await import('./commands/check.ts')).checkCommand,
      },
      {
        name: 'compile',
        summary: 'make the JSON that the Worker is built with',
        load: async () => (await import('./commands/compile.ts')).compileCommand,
      },
      {
        name: 'dev',
        summary: 'run the gate on this machine, on your own policy',
        load: async () => (await import('./commands/dev.ts')).devCommand,
      },
      {
        name: 'saml',
        summary: "import a SAML identity provider's metadata into the policy",
        load: async () => (await import('./commands/saml.ts')).samlCommand,
      },
      {
        name: 'sign',
        summary: 'sign a request (RFC 9421) and print its header fields for curl',
        load: async () => (await import('./commands/sign.ts')).signCommand,
      },
      {
        name: 'completion',
        summary: 'complete commands and options in bash, zsh or fish',
        load: async () => (await import('./commands/completion.ts')).completionCommand,
      },
    ],
  },
  {
    title: 'Which gate',
    entries: [
      {
        name: 'login',
        summary: 'keep the URL and the admin key of a gate',
        load: async () => (await import('./commands/login.ts')).loginCommand,
      },
      { name: 'logout', summary: 'forget them', load: async () => (await import('./commands/login.ts')).logoutCommand },
    ],
  },
  {
    title: 'Who may call',
    entries: [
      {
        name: 'organisations',
        alias: 'orgs',
        summary: 'organisations, their members and invitations',
        load: async () => (await import('./commands/organisations.ts')).organisationsCommand,
      },
      { name: 'apps', summary: 'apps: what developers have keys for', load: async () => (await import('./commands/apps.ts')).appsCommand },
      {
        name: 'keys',
        summary: 'make, change, rotate or revoke a key; make an admin key or a root secret',
        load: async () => (await import('./commands/keys.ts')).keysCommand,
      },
      { name: 'plans', summary: 'the plans of the policy', load: async () => (await import('./commands/plans.ts')).plansCommand },
      {
        name: 'credits',
        summary: 'add to a prepaid balance, or show it',
        load: async () => (await import('./commands/credits.ts')).creditsCommand,
      },
      {
        name: 'operators',
        summary: 'who may do what to the gate; the first operator',
        load: async () => (await import('./commands/operators.ts')).operatorsCommand,
      },
    ],
  },
  {
    title: 'What happens',
    entries: [
      {
        name: 'usage',
        summary: 'requests by time, consumer, key or route',
        load: async () => (await import('./commands/usage.ts')).usageCommand,
      },
      { name: 'tail', summary: 'decisions as they are taken', load: async () => (await import('./commands/tail.ts')).tailCommand },
      {
        name: 'anomalies',
        summary: 'what does not look right, and the answer to it',
        load: async () => (await import('./commands/anomalies.ts')).anomaliesCommand,
      },
      {
        name: 'events',
        summary: 'what the gate tells its operators',
        load: async () => (await import('./commands/events.ts')).eventsCommand,
      },
      {
        name: 'webhooks',
        summary: 'where events are sent',
        load: async () => (await import('./commands/webhooks.ts')).webhooksCommand,
      },
      {
        name: 'audit',
        summary: 'who changed what; whether the log is whole',
        load: async () => (await import('./commands/audit.ts')).auditCommand,
      },
    ],
  },
  {
    title: 'What must stop',
    entries: [
      {
        name: 'revoke',
        summary: 'stop a key, a token, a session, a subject, a consumer, a certificate or an address',
        load: async () => (await import('./commands/revoke.ts')).revokeCommand,
      },
      {
        name: 'block',
        summary: 'refuse an address, a key or a consumer for a while',
        load: async () => (await import('./commands/block.ts')).blockCommand,
      },
      { name: 'kill', summary: 'close a route, or everything', load: async () => (await import('./commands/kill.ts')).killCommand },
    ],
  },
  {
    title: 'All of it as a file',
    entries: [
      {
        name: 'apply',
        summary: 'make the directory what a file says',
        load: async () => (await import('./commands/apply.ts')).applyCommand,
      },
      {
        name: 'export',
        summary: 'write the directory as such a file',
        load: async () => (await import('./commands/export.ts')).exportCommand,
      },
    ],
  },
]

export const COMMANDS: readonly TableEntry[] = COMMAND_TABLE.flatMap(({ entries }) => entries)

/** By its name or alias. */
export const findCommand = (name: string): TableEntry | undefined => COMMANDS.find((entry) => entry.name === name || entry.alias === name)
