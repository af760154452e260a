import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { applyCommand } from '../../../cli/commands/apply.ts'
import { exportCommand } from '../../../cli/commands/export.ts'
import { isSafeOnTerminal, runCommand, useAdminServer } from './admin-server.ts'

const server = useAdminServer()
const folder = mkdtempSync(join(tmpdir(), 'portcullis-apply-'))
afterAll(() => rmSync(folder, { recursive: true }))
function fileOf(text: string, name = 'directory.yaml'): string {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
const YAML = 'organisations:\n  - name: Acme\n    apps:\n      - { name: Shop, plan: gold }\n'
const DOCUMENT = { organisations: [{ name: 'Acme', apps: [{ name: 'Shop', plan: 'gold' }] }] }
const ITEMS = [
  { action: 'organisation.create', target: { type: 'organisation', id: 'org_1' }, detail: { name: 'Acme' } },
  { action: 'app.change', target: { type: 'app', id: 'app_1' }, detail: { plan: 'gold' } },
  { action: 'key.revoke', target: { type: 'key', id: 'k1' }, detail: {} },
]
const paths = (): string[] => server.received.map(({ path }) => path)

describe('portcullis apply', () => {
  test('shows what would be done, asks, and does it', async () => {
    server.answer = () => ({ value: { items: ITEMS, effectiveBy: '2026-11-25T12:00:05.000Z' } })
    const { code, out, err } = await runCommand(applyCommand, [fileOf(YAML)], { typed: ['y'] })
    expect(code).toBe(0)
    expect(out.split('\n')).toEqual([
      '+ organisation.create  organisation org_1  {"name":"Acme"}',
      '~ app.change  app app_1  {"plan":"gold"}',
      '- key.revoke  key k1  {}',
      'applied: 3 changes; in force everywhere by 2026-11-25T12:00:05.000Z',
    ])
    expect(err).toBe(`3 changes at ${server.url}, of which 1 cannot be undone. Go on? [y/N] `)
    expect(paths()).toEqual(['apply?dry-run=true', 'apply'])
    expect(server.received.map(({ body }) => body)).toEqual([DOCUMENT, DOCUMENT])
    expect(new Set(server.received.map(({ headers }) => headers['idempotency-key'])).size).toBe(2)
  })

  test.each([['n'], ['']])('%j: nothing is done', async (answer) => {
    server.answer = () => ({ value: { items: ITEMS } })
    expect((await runCommand(applyCommand, [fileOf(YAML)], { typed: [answer] })).code).toBe(1)
    expect(paths()).toEqual(['apply?dry-run=true'])
  })

  test('where nobody can be asked, --yes must say it; --dry-run needs nobody', async () => {
    server.answer = () => ({ value: { items: ITEMS } })
    await expect(runCommand(applyCommand, [fileOf(YAML)])).rejects.toThrow(/say --yes/u)
    expect((await runCommand(applyCommand, [fileOf(YAML), '--dry-run'])).out.split('\n')).toHaveLength(3)
    expect(paths()).toEqual(['apply?dry-run=true', 'apply?dry-run=true'])
    expect((await runCommand(applyCommand, [fileOf(YAML), '--yes'])).code).toBe(0)
  })

  test('nothing to do asks nobody, and writes nothing', async () => {
    server.answer = () => ({ value: { items: [] } })
    expect((await runCommand(applyCommand, [fileOf(YAML)])).out).toContain('nothing to do')
    expect(paths()).toEqual(['apply?dry-run=true'])
  })

  test('--prune is of the document, and only where it is said', async () => {
    await runCommand(applyCommand, [fileOf(YAML), '--prune', '--dry-run'])
    await runCommand(applyCommand, [fileOf(JSON.stringify(DOCUMENT)), '--dry-run'])
    expect(server.received.map(({ body }) => body)).toEqual([{ ...DOCUMENT, prune: true }, DOCUMENT])
  })

  test('standard output is JSON alone', async () => {
    server.answer = () => ({ value: { items: ITEMS } })
    const { out } = await runCommand(applyCommand, [fileOf(YAML), '--yes', '--json'])
    expect(JSON.parse(out)).toEqual({ items: ITEMS })
  })

  test('what was done is not what was shown: it says so', async () => {
    server.answer = ({ path }) => ({ value: { items: path === 'apply' ? ITEMS.slice(1) : ITEMS } })
    expect((await runCommand(applyCommand, [fileOf(YAML), '--yes'])).err).toContain('somebody changed the directory in between')
  })

  test('a fault stands at its line', async () => {
    const errors = [{ pointer: '/organisations/0/apps/0/plan', detail: 'the policy has no such plan\u001b[2J' }]
    server.answer = () => ({ status: 422, value: { title: 'Not valid', errors } })
    const path = fileOf(YAML)
    const { code, out, err } = await runCommand(applyCommand, [path, '--yes'])
    expect([code, out]).toEqual([1, ''])
    expect(err).toContain(`${path}:4:23  error  the policy has no such plan\\u{1b}[2J`)
    expect(isSafeOnTerminal(err)).toBe(true)
    expect(paths()).toEqual(['apply?dry-run=true'])
  })

  test('other refusals are told as everywhere', async () => {
    server.answer = () => ({ status: 403, value: { code: 'scope-insufficient', title: 'No', scope: 'portcullis:keys:write' } })
    expect(await runCommand(applyCommand, [fileOf(YAML), '--yes'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('keys:write') as unknown,
    })
  })

  test('what is no directory is not sent', async () => {
    expect((await runCommand(applyCommand, [fileOf('a: [')])).code).toBe(1)
    expect((await runCommand(applyCommand, [fileOf('a: 1\na: 2')])).code).toBe(1)
    for (const text of ['[]', 'x', '', '5']) await expect(runCommand(applyCommand, [fileOf(text)])).rejects.toThrow(/holds no directory/u)
    const large = JSON.stringify({ organisations: [{ name: 'x'.repeat(2 * 1024 * 1024) }] })
    await expect(runCommand(applyCommand, [fileOf(large)])).rejects.toThrow(/larger than the API takes/u)
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x,x]',
      ...[1, 2, 3, 4, 5].map((at) => `b${at}: &b${at} [${`*${at === 1 ? 'a' : `b${at - 1}`},`.repeat(9)}x]`),
    ].join('\n')
    expect((await runCommand(applyCommand, [fileOf(bomb)])).code).toBe(1)
    await expect(runCommand(applyCommand, [join(folder, 'none.yaml')])).rejects.toThrow(/no such file/u)
    expect(server.received).toEqual([])
  })

  test('names do nothing to the terminal', async () => {
    const hostile = '\u001b]0;owned\u0007\n+ ok'
    server.answer = () => ({
      value: { items: [{ action: hostile, target: { type: hostile, id: hostile }, detail: { name: hostile } }, null, 5] },
    })
    const { out } = await runCommand(applyCommand, [fileOf(YAML), '--dry-run'], { screen: { columns: 80, hasColor: false } })
    expect(isSafeOnTerminal(out)).toBe(true)
    expect(out.split('\n')).toHaveLength(3)
  })
})

describe('portcullis export', () => {
  const pages = [
    { organisations: [{ id: 'org_1', name: 'Acme', apps: [] }], next: 'org_1' },
    { organisations: [{ id: 'org_2', name: 'true' }] },
  ]
  const all = { organisations: pages.flatMap(({ organisations }) => organisations) }

  test('every page, in the form that apply takes', async () => {
    server.answer = (_, count) => ({ value: pages[count - 1] })
    const { out } = await runCommand(exportCommand, [])
    expect(parse(out)).toEqual(all)
    expect(paths()).toEqual(['export?limit=50', 'export?limit=50&after=org_1'])
    server.received = []
    expect(JSON.parse((await runCommand(exportCommand, ['--json'])).out)).toEqual(all)
  })

  test('a file is whole, and its owner’s alone', async () => {
    server.answer = (_, count) => ({ value: pages[count - 1] })
    const path = join(folder, 'out.yaml')
    expect((await runCommand(exportCommand, ['--out', path])).out).toBe('')
    expect(parse(readFileSync(path, 'utf8'))).toEqual(all)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    server.answer = (_, count) => (count === 3 ? { value: pages[0] } : { status: 503, value: { title: 'Later' } })
    expect((await runCommand(exportCommand, ['--out', path])).code).toBe(1)
    expect(parse(readFileSync(path, 'utf8'))).toEqual(all)
    expect(readdirSync(folder).filter((name) => name.startsWith('out.yaml'))).toEqual(['out.yaml'])
  })

  test('an export without an end is none', async () => {
    server.answer = (_, count) => ({ value: { organisations: [], next: `n${count}` } })
    await expect(runCommand(exportCommand, [])).rejects.toThrow(/no end: nothing is written/u)
    server.answer = () => ({ value: { items: [] } })
    await expect(runCommand(exportCommand, [])).rejects.toThrow(/is no export/u)
  })
})
