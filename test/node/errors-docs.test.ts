import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const source = globSync('src/**/*.{ts,tsx}', { cwd: root }).map(read).join('\n')
/** Of `docs/errors.md`: the codes of its table. */
const documented = read('docs/errors.md')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([a-z-]+)`/gu)].map(([, code]) => code ?? ''))

test('docs/errors.md has every code that the gate answers with, or the page of sign-in has', () => {
  const answered = new Set([...source.matchAll(/status: [45]\d\d,\s*code: '([a-z-]+)'/gu)].map(([, code]) => code ?? ''))
  expect(answered.size).toBeGreaterThan(50)
  const elsewhere = read('docs/identity.md')
  expect([...answered].filter((code) => !documented.includes(code) && !elsewhere.includes(`\`${code}\``))).toEqual([])
})

test('docs/errors.md has each code once, and none that is answered no more', () => {
  expect(documented.filter((code, index) => documented.indexOf(code) !== index)).toEqual([])
  // Written as `${what}-closed`.
  const closed = new Set(['route-closed', 'gate-closed'])
  expect(documented.filter((code) => !source.includes(`'${code}'`) && !closed.has(code))).toEqual([])
})
