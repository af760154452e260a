import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const read = (path: string): string => readFileSync(join(import.meta.dirname, '../..', path), 'utf8')

test.each([
  ['src/identity/saml/fault.ts', /^ {2}'?([a-z0-9-]+)'?: \[/gmu],
  ['src/identity/saml/xml/refusal.ts', /^ {2}'?([a-z0-9_-]+)'?:(?: '|$)/gmu],
])('docs/saml.md says of every code in %s what to change', (path, pattern) => {
  const codes = [...read(path).matchAll(pattern)].map(([, code]) => code)
  expect(codes.length).toBeGreaterThan(25)
  const documented = new Set([...read('docs/saml.md').matchAll(/^\| `([a-z0-9_-]+)` \|/gmu)].map(([, code]) => code))
  expect(codes.filter((code) => !documented.has(code))).toEqual([])
})
