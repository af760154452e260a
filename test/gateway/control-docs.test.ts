import { expect, test } from 'vitest'
import text from '../../docs/admin-api.md?raw'
import { createControlGate } from '../support/control.ts'

interface Described {
  readonly summary: string
  readonly 'x-portcullis-scope': string
}

test('docs/admin-api.md lists every operation with its scope', async () => {
  const { paths } = await createControlGate().json<{ paths: Record<string, Record<string, Described>> }>('GET', '/openapi.json')
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => `${method.toUpperCase()} ${path} ${described['x-portcullis-scope']}`),
  )
  const rows = [...text.matchAll(/^\| `([A-Z]+ \/[^`]*)`[^|]* \| `([a-z:-]+)` \|/gmu)].map(([, call, scope]) => `${call} ${scope}`)
  expect(rows.toSorted()).toEqual(all.toSorted())
})
