import { gateCommand } from '../gate/gate-command.ts'
import type { Item } from '../gate/gate.ts'
import { column, flexible, LIMIT, showList, timeColumn } from '../gate/show.ts'
import { cellOf } from '../output/table.ts'
import { jsonLine } from '../output/text.ts'

const memberOf = (value: unknown, name: string): unknown => (Object(value) as Item)[name]

export const auditCommand = gateCommand({
  name: 'audit',
  about: 'Who changed what. Each line is chained to the one before it: a line that was changed or taken out shows.',
  actions: [
    {
      name: 'list',
      takes: ['organisation', 'limit'],
      help: 'the newest first',
      run: async (call) =>
        showList(call, {
          path: 'audit',
          query: { organisation: call.text('organisation') },
          columns: [
            { ...column('N', 'sequence'), align: 'right' },
            timeColumn('AT', 'at'),
            {
              title: 'WHO',
              of: ({ actor }) => `${String(memberOf(actor, 'kind'))} ${String(memberOf(actor, 'display') || memberOf(actor, 'id'))}`,
              isFlexible: true,
            },
            column('DID', 'action'),
            { title: 'TO', of: ({ target }) => `${String(memberOf(target, 'type'))} ${String(memberOf(target, 'id'))}`, isFlexible: true },
            flexible('DETAIL', 'detail'),
          ],
          none: 'nothing was changed yet',
        }),
    },
    {
      name: 'verify',
      help: 'whether the log is whole: exit code 1 where it is not',
      run: async (call) => {
        const { value } = await call.gate.get('audit/verify')
        const isWhole = value['status'] === 'whole'
        if (call.isJson) call.terminal.out(jsonLine(value))
        else if (isWhole) call.terminal.out(`whole: ${cellOf(value['entries'])} lines, the last one has the hash ${cellOf(value['head'])}`)
        if (!isWhole) call.terminal.err(`THE LOG IS BROKEN from line ${cellOf(value['sequence'])} on`)
        return isWhole ? 0 : 1
      },
    },
  ],
  options: { organisation: { value: 'ID', help: 'of this organisation alone' }, limit: LIMIT },
  examples: ['portcullis audit list --limit 20', 'portcullis audit verify'],
})
