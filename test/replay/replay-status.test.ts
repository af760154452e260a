import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import document from '#policy'
import { afterEach, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { issueKey } from '../../src/credentials/key-format.ts'
import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import { createGate } from '../../src/gate.ts'
import { createReplayMemory } from '../../src/replay/replay-store.ts'
import { VALUES } from '../support/orders.ts'
import { LIFE } from '../support/replay-records.ts'

const bindings = { ...(env as unknown as Bindings), ...VALUES }
const root = parseRootSecret(VALUES.PORTCULLIS_ROOT_KEY, { gateway: 'test', environment: 'test' })

async function statusOf(scopes: readonly string[]): Promise<{ readonly replay?: { readonly scopes: readonly object[] } }> {
  const { key } = await issueKey(root, 'admin', { consumer: 'admin', scopes: ['status:read'] }, Date.now())
  const url = new URL('https://api.example.com/.portcullis/admin/v1/status')
  for (const scope of scopes) url.searchParams.append('replay', scope)
  const request = new Request(url, { headers: { authorization: `Bearer ${key}` } })
  const response = await createGate(document, bindings).handle(request, { waitUntil: () => undefined })
  return response.json()
}

afterEach(async () => {
  await reset()
})

test('the status says what is held of the scopes that are asked for, and nothing of others', async () => {
  const now = Date.now()
  const memory = createReplayMemory(bindings.REPLAY)
  for (const id of ['a', 'b', 'c']) await memory.use({ scope: 'http-signature:acme-1', id, expiresAt: now + LIFE }, now)
  expect((await statusOf([])).replay).toBeUndefined()
  expect(await statusOf(['http-signature:acme-1', 'other'])).toMatchObject({
    replay: {
      scopes: [
        { scope: 'http-signature:acme-1', ids: 3 },
        { scope: 'other', ids: 0 },
      ],
    },
  })
})

test.each([
  [8, 8],
  [9, 8],
])('of %i scopes it tells %i', async (asked, told) => {
  const scopes = Array.from({ length: asked }, (_, index) => `s${index}`)
  expect((await statusOf(scopes)).replay?.scopes).toHaveLength(told)
})
