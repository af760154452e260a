import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import document from '#policy'
import { expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { issueKey } from '../../src/credentials/key-format.ts'
import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import { createGate } from '../../src/gate.ts'
import type { RevocationFeed } from '../../src/revocation/feed-object.ts'
import { NOW } from '../support/authenticators.ts'
import { codeOf, VALUES } from '../support/orders.ts'

const root = parseRootSecret(VALUES.PORTCULLIS_ROOT_KEY, { gateway: 'test', environment: 'test' })
const LATER = Date.UTC(2036, 0, 1)

test('an isolate that holds only the beginning of the feed asks for the names of each request, and is 503 where it cannot', async () => {
  const bindings = env as unknown as Bindings
  const feed = bindings.REVOCATIONS.getByName(crypto.randomUUID())
  await runInDurableObject(feed, async (_object: RevocationFeed, { storage }) => {
    storage.sql.exec(
      `with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
       insert into entries (entry, expires_at)
       select '{"target":{"type":"jti","id":"t' || i || '"},"expiresAt":${LATER},"reason":"leaked"}', ${LATER} from n`,
    )
    storage.sql.exec('update total set entries = 20000')
  })
  const make = async () => issueKey(root, 'api', { consumer: 'acme' }, NOW)
  const [good, revoked, off, address] = [await make(), await make(), await make(), '192.0.2.7']
  const entry = (target: Parameters<typeof feed.append>[0][number]['target']) => ({ target, expiresAt: LATER, reason: 'leaked' })
  await feed.append([entry({ type: 'key', id: revoked.id }), entry({ type: 'address', id: address })])
  await feed.change({ target: { type: 'key', id: off.id }, patch: { disabled: true }, expiresAt: LATER, reason: 'off' }, NOW)
  let canLookUp = true
  const namespace = {
    getByName: () => ({
      // The rest of the feed cannot be read: the isolate stays as it began.
      since: async (position: Parameters<typeof feed.since>[0], maxBytes?: number) =>
        maxBytes === undefined ? Promise.reject(new Error('down')) : feed.since(position, maxBytes),
      lookUp: async (names: readonly string[]) => {
        if (!canLookUp) throw new Error('down')
        return feed.lookUp(names)
      },
    }),
  }
  const gate = createGate(
    document,
    { ...bindings, ...VALUES, REVOCATIONS: namespace as never },
    { now: () => NOW, log: () => undefined, fetch: async () => new Response('ok') },
  )
  const ask = async (key: string, from = '192.0.2.1'): Promise<string> => {
    const headers = { 'x-api-key': key, 'cf-connecting-ip': from }
    const response = await gate.handle(new Request('https://api.example.com/v1/orders/1', { headers }), { waitUntil: () => undefined })
    return response.status === 200 ? '200' : codeOf(response)
  }
  expect(await ask(good.key)).toBe('200')
  expect(await ask(revoked.key)).toBe('401 credential-revoked')
  expect(await ask(off.key)).toBe('401 credential-disabled')
  expect(await ask(good.key, address)).toBe('403 address-blocked')
  canLookUp = false
  expect(await ask((await make()).key)).toBe('503 dependency-unavailable')
  expect(await ask(good.key)).toBe('200')
}, 30_000)
