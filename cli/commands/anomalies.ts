import { UsageError } from '../command.ts'
import { agreed } from '../gate/ask.ts'
import type { Item } from '../gate/gate.ts'
import { type GateCall, gateCommand, given, segment } from '../gate/gate-command.ts'
import { column, done, flexible, mostOf, showList, timeColumn, YES } from '../gate/show.ts'
import { printFields, printTable, type Column } from '../output/table.ts'
import { jsonLine, timeText } from '../output/text.ts'

const ANSWERS = ['accept', 'record', 'slow', 'limit', 'step-up', 'block', 'lift']
/** They weigh on somebody. */
const HARD = new Set(['slow', 'limit', 'step-up', 'block'])

const scoreColumn: Column<Item> = {
  title: 'SCORE',
  align: 'right',
  of: ({ score }) => (typeof score === 'number' ? score.toFixed(2) : score),
  color: ({ score }) => (Number(score) >= 1 ? 'red' : 'yellow'),
}

export const anomaliesCommand = gateCommand({
  name: 'anomalies',
  about: 'What does not look right (docs/abuse.md). What is accepted is learnt anew.',
  actions: [
    {
      name: 'list',
      takes: ['state', 'consumer', 'limit'],
      help: 'the newest first',
      run: async (call) =>
        showList(call, {
          path: 'anomalies',
          query: { state: call.text('state'), consumer: call.text('consumer'), limit: Math.min(100, mostOf(call)) },
          paging: 'whole',
          columns: [
            column('ID', 'id'),
            timeColumn('LAST SEEN', 'lastAt'),
            scoreColumn,
            column('KIND', 'kind'),
            flexible('SUBJECT', 'subject'),
            { title: 'REASONS', of: reasonCodes, isFlexible: true },
            column('STATE', 'state'),
            column('ANSWER', 'answer'),
          ],
          none: 'nothing was found',
        }),
    },
    { name: 'show', operands: ['ANOMALY'], help: 'one of them, with its reasons and evidence', run: show },
    {
      name: 'evidence',
      operands: ['ANOMALY'],
      help: 'the requests that led to it, a line of JSON each, as the detector replays them',
      run: async (call) => {
        const { text } = await call.gate.get(`anomalies/${segment(call.operand(0))}`, {}, 'application/jsonl')
        for (const line of text.split('\n')) if (line !== '') call.terminal.out(jsonLine(JSON.parse(line)))
        return 0
      },
    },
    {
      name: 'answer',
      operands: ['ANOMALY', 'ANSWER'],
      takes: ['for', 'yes'],
      help: `what to do: ${ANSWERS.join(', ')}`,
      run: answer,
    },
  ],
  options: {
    consumer: { value: 'ID', help: 'of this consumer alone' },
    state: { value: 'STATE', help: 'open, answered or accepted' },
    for: { value: '1h', help: 'how long the answer holds (default 1h, at most 30d)' },
    limit: { value: 'N', help: 'how many at most, 1 to 100 (default 100)' },
    yes: YES,
  },
  examples: ['portcullis anomalies list --state open', 'portcullis anomalies answer ano_… block --for 1h'],
})

const listIn = (value: unknown): Item[] => (Array.isArray(value) ? value.map((one) => Object(one) as Item) : [])
const reasonCodes = ({ reasons }: Item): string[] => listIn(reasons).map(({ code }) => String(code))

async function show(call: GateCall): Promise<number> {
  const { value } = await call.gate.get(`anomalies/${segment(call.operand(0))}`)
  const { terminal } = call
  if (call.isJson) {
    terminal.out(jsonLine(value))
    return 0
  }
  const { reasons, evidence, firstAt, lastAt, until, baseline, ...rest } = value
  printFields(
    [
      ...Object.entries(rest),
      ['first seen', timeText(firstAt)],
      ['last seen', timeText(lastAt)],
      ['until', until === undefined ? undefined : timeText(until)],
      ['usually', baseline],
    ],
    terminal,
  )
  terminal.out('')
  printTable(
    [column('REASON', 'code'), { ...column('POINTS', 'points'), align: 'right' }, flexible('SEEN', 'evidence')],
    listIn(reasons),
    terminal,
  )
  const observations = listIn(evidence)
  if (observations.length === 0) return 0
  terminal.out('')
  const columns = [timeColumn('AT', 'at'), column('STATUS', 'status'), column('METHOD', 'method'), flexible('ROUTE', 'route')]
  printTable(
    [...columns, column('ADDRESS', 'address'), column('COUNTRY', 'country'), flexible('CLIENT', 'userAgent')],
    observations,
    terminal,
  )
  return 0
}

async function answer(call: GateCall): Promise<number> {
  const [id, given_] = [call.operand(0), call.operand(1)]
  if (!ANSWERS.includes(given_)) throw new UsageError(`an answer is one of ${ANSWERS.join(', ')}; not ${JSON.stringify(given_)}`)
  if (HARD.has(given_) && !(await agreed(call, `The gate will ${given_} the subject of ${id}.`))) return 1
  const body = given({ answer: given_, seconds: call.seconds('for') })
  const { value } = await call.gate.write('POST', `anomalies/${segment(id)}/answer`, body)
  return done(call, `answered: ${given_}`, value)
}
