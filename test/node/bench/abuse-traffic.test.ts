import { execFile } from 'node:child_process'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const ROOT = resolve(import.meta.dirname, '../../..')
const EXAMPLE = join(ROOT, 'bench/abuse/example.jsonl')
const LABELS = join(ROOT, 'bench/abuse/example.labels.jsonl')
const GOOD = { precision: 1, recall: 1, detectSeconds: { p50: 22, p95: 22 }, falseBlocksPerMillion: 0 }

async function judged(...options: readonly string[]): Promise<unknown> {
  const run = await promisify(execFile)(process.execPath, [join(ROOT, 'bench/abuse/run.ts'), '--json', ...options])
  return JSON.parse(run.stdout)
}
async function fileOf(text: string): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'traffic-')), 'own.jsonl')
  await writeFile(path, text)
  return path
}
type Row = Record<string, unknown>
const rowsOf = async (path: string): Promise<Row[]> =>
  (await readFile(path, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row)
const linesOf = (rows: readonly Row[]): string => rows.map((row) => JSON.stringify(row)).join('\n')

test('the example of the documentation, with its labels beside it, gives four members', async () => {
  expect(await judged('--traffic', EXAMPLE)).toEqual(GOOD)
})

const rows = await rowsOf(EXAMPLE)
test.each([
  ['lines in any order', linesOf(rows.toReversed())],
  ['members that nobody knows, and null for what is absent', linesOf(rows.map((row) => ({ tls: null, more: { a: [1] }, ...row })))],
  ['times as text', linesOf(rows.map((row) => ({ ...row, at: new Date(Number(row['at'])).toISOString() })))],
  ['times in seconds', linesOf(rows.map((row) => ({ ...row, at: Number(row['at']) / 1000 })))],
  ['numbers for names', linesOf(rows.map((row) => ({ ...row, network: 64_500, objectId: 17 })))],
  ['only what is required', linesOf(rows.map(({ at, address, status, presented }) => ({ at, address, status, presented })))],
  ['Windows, and blank lines', `\uFEFF${linesOf(rows).replaceAll('\n', '\r\n\r\n')}\r\n`],
])('%s', async (_name, text) => {
  expect(await judged('--traffic', await fileOf(text), '--labels', LABELS)).toEqual(GOOD)
})

test.each([
  ['no JSON', '{"at":', 'JSON'],
  ['a list', '[]', 'is not a JSON object'],
  ['no time', '{"address":"192.0.2.1","status":200}', 'at must be'],
  ['a time that is none', '{"at":"2026-13-40","address":"192.0.2.1","status":200}', 'at must be'],
  ['no address', '{"at":1793606400000,"status":200}', 'address is missing'],
  ['no status', '{"at":1793606400000,"address":"192.0.2.1"}', 'status must be'],
  ['a status that is none', '{"at":1793606400000,"address":"192.0.2.1","status":99}', 'status must be'],
  ['an object for a name', '{"at":1793606400000,"address":"192.0.2.1","status":200,"route":{}}', 'route must be text'],
])('%s is told with its line', async (_name, line, message) => {
  const path = await fileOf(`${linesOf(rows.slice(0, 2))}\n${line}\n`)
  await expect(judged('--traffic', path, '--labels', LABELS)).rejects.toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(new RegExp(`own\\.jsonl:3: .*${message}`, 'u')) as string,
  })
})

test.each([
  ['{"subjects":[],"from":1,"to":2}', 'subjects'],
  ['{"subjects":["key-1"],"from":1,"to":2}', 'a subject is'],
  ['{"subjects":["address:192.0.2.1"],"from":2,"to":1}', 'to lies before from'],
])('a label %s is told with its line', async (line, message) => {
  await expect(judged('--traffic', EXAMPLE, '--labels', await fileOf(line))).rejects.toMatchObject({
    stderr: expect.stringMatching(new RegExp(`own\\.jsonl:1: .*${message}`, 'u')) as string,
  })
})

test('a label of another time, or of somebody else, is not found, and what is found is wrong', async () => {
  const [label] = await rowsOf(LABELS)
  for (const changes of [{ subjects: ['address:192.0.2.9'] }, { from: 1_793_600_000, to: 1_793_600_600 }]) {
    const labels = await fileOf(JSON.stringify({ ...label, ...changes }))
    expect(await judged('--traffic', EXAMPLE, '--labels', labels)).toMatchObject({ precision: 0, recall: 0, detectSeconds: { p50: null } })
  }
})
