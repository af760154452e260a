// Writes schema/policy.schema.json, for editors, from the schemas that the gate itself reads policies with.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { toJsonSchema } from '@valibot/to-json-schema'
import {
  consumerSchema,
  documentSchema,
  jwtSchema,
  operationSchema,
  parametersSchema,
  pathItemSchema,
  routeSettingsSchema,
} from '../src/policy/document.ts'

type Json = string | number | boolean | null | undefined | readonly Json[] | { readonly [name: string]: Json }

/** Named once, so that the file stays readable. */
const DEFINITIONS = {
  consumer: consumerSchema,
  jwt: jwtSchema,
  operation: operationSchema,
  parameters: parametersSchema,
  pathItem: pathItemSchema,
  routeSettings: routeSettingsSchema,
}

/** What `closed()` says beside the schema, in JSON Schema's words. A `$ref` may stand for the rest. */
function withClosedObjects(value: Json): Json {
  if (Array.isArray(value)) return value.map((item: Json) => withClosedObjects(item))
  if (typeof value !== 'object' || value === null) return value
  const { closed, ignored, extensions, ...rest } = value as { readonly [name: string]: Json }
  const schema = Object.fromEntries(Object.entries(rest).map(([name, item]) => [name, withClosedObjects(item)]))
  if (closed !== true) return schema
  const anything = Object.fromEntries((ignored as string[]).map((name) => [name, true]))
  const properties = { ...(schema['properties'] as Record<string, Json>), ...anything }
  const pattern = extensions === true ? { patternProperties: { '^x-': true } } : {}
  const required = (ignored as string[]).includes('$ref') ? [] : schema['required']
  return { ...schema, properties, required, ...pattern, additionalProperties: false }
}

export function policySchema(): unknown {
  const schema = toJsonSchema(documentSchema, { target: 'draft-2020-12', errorMode: 'ignore', definitions: DEFINITIONS })
  const titled = {
    ...schema,
    $id: 'https://portcullis.dev/policy.schema.json',
    title: 'A Portcullis policy: OpenAPI 3.1 or 3.2 with x-portcullis',
  }
  return withClosedObjects(titled as Json)
}

const path = fileURLToPath(new URL('../schema/policy.schema.json', import.meta.url))
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(path, JSON.stringify(policySchema()))
  execFileSync('oxfmt', [path], {
    env: { ...process.env, PATH: `${fileURLToPath(new URL('../node_modules/.bin', import.meta.url))}:${process.env['PATH'] ?? ''}` },
  })
}
