import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { policySchema } from '../../../scripts/policy-schema.ts'

const read = (path: string): string => readFileSync(resolve(import.meta.dirname, '../../..', path), 'utf8')

/** Names of all fields under an `x-portcullis`, wherever it is. */
function fieldsOf(schema: unknown, definitions: Record<string, unknown>, isOurs = false, seen: ReadonlySet<string> = new Set()): string[] {
  if (typeof schema !== 'object' || schema === null) return []
  const found: string[] = []
  for (const [key, value] of Object.entries(schema) as [string, unknown][]) {
    const reference = key === '$ref' && isOurs ? String(value) : ''
    const isNew = reference !== '' && !seen.has(reference)
    if (isNew) found.push(...fieldsOf(definitions[reference.replace('#/$defs/', '')], definitions, true, new Set([...seen, reference])))
    if (key === 'properties') found.push(...propertiesOf(value as object, definitions, isOurs, seen))
    else found.push(...fieldsOf(value, definitions, isOurs, seen))
  }
  return found
}
function propertiesOf(properties: object, definitions: Record<string, unknown>, isOurs: boolean, seen: ReadonlySet<string>): string[] {
  const found = isOurs ? Object.keys(properties) : []
  for (const [name, field] of Object.entries(properties))
    found.push(...fieldsOf(field, definitions, isOurs || name === 'x-portcullis', seen))
  return found
}

describe('schema/policy.schema.json', () => {
  const schema = JSON.parse(JSON.stringify(policySchema())) as Record<string, unknown>

  test('is what `npm run schema` writes', () => {
    expect(JSON.parse(read('schema/policy.schema.json'))).toEqual(schema)
  })

  test('docs/policy.md names every field of x-portcullis', () => {
    const documented = new Set([...read('docs/policy.md').matchAll(/`([A-Za-z0-9_]+)(?::[^`]*)?`/gu)].map(([, name]) => name))
    const ignored = new Set(['kid', 'use', 'alg', 'key_ops'])
    const fields = new Set(fieldsOf(schema, schema['$defs'] as Record<string, unknown>))
    expect(fields.size).toBeGreaterThan(60)
    expect([...fields].filter((name) => !documented.has(name) && !ignored.has(name))).toEqual([])
  })
})
