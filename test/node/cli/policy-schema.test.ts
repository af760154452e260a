import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { policySchema } from '../../../scripts/policy-schema.ts'

const read = (path: string): string => readFileSync(resolve(import.meta.dirname, '../../..', path), 'utf8')

/** Names of all fields under an `x-portcullis`, wherever it is. */
function fieldsOf(schema: unknown, definitions: Record<string, unknown>, isOurs = false, seen = new Set<string>()): string[] {
  if (typeof schema !== 'object' || schema === null) return []
  return Object.entries(schema).flatMap(([key, value]: [string, unknown]) => {
    if (key === '$ref' && isOurs && !seen.has(String(value))) {
      const name = String(value).replace('#/$defs/', '')
      return fieldsOf(definitions[name], definitions, true, new Set([...seen, String(value)]))
    }
    if (key !== 'properties') return fieldsOf(value, definitions, isOurs, seen)
    const properties = Object.entries(value as Record<string, unknown>)
    const inner = properties.flatMap(([name, field]) => fieldsOf(field, definitions, isOurs || name === 'x-portcullis', seen))
    return isOurs ? [...Object.keys(value as object), ...inner] : inner
  })
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
