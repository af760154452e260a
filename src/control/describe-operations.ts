import { toJsonSchema } from '@valibot/to-json-schema'
import type * as v from 'valibot'
import type { Operation } from './operation.ts'
import { ADMIN_PREFIX } from './operation-table.ts'

/** The table as an OpenAPI document: what checks a call is what describes it. */
export function describeOperations(operations: readonly Operation[]): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const operation of operations) {
    const path = operation.path.replaceAll(/:([a-zA-Z]+)/gu, '{$1}')
    paths[path] = { ...paths[path], [operation.method.toLowerCase()]: describe(operation) }
  }
  return {
    openapi: '3.1.0',
    info: { title: "Portcullis: the gate's own API", version: 'v1' },
    servers: [{ url: ADMIN_PREFIX }],
    components: {
      securitySchemes: { adminKey: { type: 'http', scheme: 'bearer', description: 'A key that `portcullis keys create --admin` made.' } },
    },
    paths,
  }
}

function describe({ id, method, path, summary, scope, needs = [], query, body, answer, ifMatch }: Operation): object {
  const parameters = [
    ...[...path.matchAll(/:([a-zA-Z]+)/gu)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
    ...Object.entries(propertiesOf(query)).map(([name, schema]) => ({ name, in: 'query', schema })),
    ...(ifMatch === undefined ? [] : [{ name: 'If-Match', in: 'header', required: ifMatch === 'required', schema: { type: 'string' } }]),
    ...(method === 'GET' ? [] : [{ name: 'Idempotency-Key', in: 'header', schema: { type: 'string', maxLength: 128 } }]),
  ]
  const { status = 200, schema, description = 'Done.' } = answer ?? {}
  const success = { description, ...(schema === undefined ? {} : { content: { 'application/json': { schema: schemaOf(schema) } } }) }
  return {
    operationId: id,
    summary,
    security: [{ adminKey: [scope, ...needs] }],
    'x-portcullis-scope': scope,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(body) } } } }),
    responses: { [status]: success, default: { description: 'A problem (RFC 9457): docs/errors.md.' } },
  }
}

function schemaOf(schema: v.GenericSchema): object {
  const { $schema: _, ...described } = toJsonSchema(schema, { errorMode: 'ignore', typeMode: 'input' })
  return described
}
const propertiesOf = (schema: v.GenericSchema | undefined): object =>
  schema === undefined ? {} : ((schemaOf(schema) as { readonly properties?: object }).properties ?? {})
