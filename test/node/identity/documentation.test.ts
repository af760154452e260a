import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { IDENTITY_REFUSALS } from '../../../src/identity/refusal.ts'
import { compilePolicy } from '../../../src/policy/parse-policy.ts'

const text = readFileSync(join(import.meta.dirname, '../../../docs/identity.md'), 'utf8')
const blocks = [...text.matchAll(/```yaml\n(.*?)```/gsu)].map(([, yaml = '']) => parse(yaml) as Record<string, unknown>)
const [whole = {}, ...fragments] = blocks

describe('docs/identity.md', () => {
  test('every policy in it compiles, without a warning', () => {
    const documents = fragments.map((fragment) =>
      Object.assign({}, whole, { 'x-portcullis': Object.assign({}, whole['x-portcullis'], fragment) }),
    )
    expect(documents).toHaveLength(7)
    for (const document of [whole, ...documents]) {
      const compiled = compilePolicy(document, { placeholders: 'keep' })
      expect(compiled).toMatchObject({ ok: true })
    }
  })

  test('names every code, with its status', () => {
    const rows = [...text.matchAll(/^\| `([a-z-]+)` \| (\d{3}) \|/gmu)].map(([, code, status]) => [code, Number(status)])
    expect(Object.fromEntries(rows)).toEqual(
      Object.fromEntries(Object.entries(IDENTITY_REFUSALS).map(([code, { status }]) => [code, status])),
    )
  })
})
