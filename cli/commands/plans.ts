import { gateCommand } from '../gate/gate-command.ts'
import { column, flexible, LIMIT, showList } from '../gate/show.ts'

export const plansCommand = gateCommand({
  name: 'plans',
  about: 'Plans stand in the policy, which is reviewed; apps and keys are given one of them.',
  actions: [
    {
      name: '',
      takes: ['limit'],
      help: 'what apps and keys can be on',
      run: async (call) =>
        showList(call, {
          path: 'plans',
          paging: 'whole',
          columns: [column('PLAN', 'name'), flexible('SCOPES', 'scopes'), flexible('LIMITS', 'limits'), column('OFFERED', 'offered')],
          none: 'the policy has no plans',
        }),
    },
  ],
  options: { limit: LIMIT },
  examples: ['portcullis plans --json'],
})
