import { GATE_EVENT_TYPES } from '../../src/insight/gate-event.ts'
import { UsageError } from '../command.ts'
import { gateCommand } from '../gate/gate-command.ts'
import { column, flexible, LIMIT, showList, timeColumn } from '../gate/show.ts'

export const eventsCommand = gateCommand({
  name: 'events',
  about: `What the gate tells its operators: ${GATE_EVENT_TYPES.join(', ')}.`,
  actions: [
    {
      name: 'list',
      takes: ['type', 'limit'],
      help: 'what happened',
      run: async (call) => {
        const type = call.text('type')
        if (type !== undefined && !(GATE_EVENT_TYPES as readonly string[]).includes(type))
          throw new UsageError(`--type takes ${GATE_EVENT_TYPES.join(', ')}; not ${JSON.stringify(type)}`)
        return showList(call, {
          path: 'events',
          query: { type },
          columns: [
            timeColumn('AT', 'at'),
            column('TYPE', 'type'),
            column('CONSUMER', 'consumer'),
            flexible('DATA', 'data'),
            column('ID', 'id'),
          ],
          none: 'nothing has happened',
        })
      },
    },
  ],
  options: { type: { value: 'TYPE', help: 'of this type alone' }, limit: LIMIT },
  examples: ['portcullis events list --type key.leaked'],
})
