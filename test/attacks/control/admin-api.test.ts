import { describe, expect, test } from 'vitest'
import { ADMIN_SCOPES } from '../../../src/control/operation.ts'
import { issueKey } from '../../../src/credentials/key-format.ts'
import { ADMIN, createControlGate } from '../../support/control.ts'
import { codeOf } from '../../support/orders.ts'
import { ROOT } from '../../support/sessions.ts'

const gate = createControlGate()
const KEY = 'pca_sekretsekretsekretsekretsekret_sekret'
interface Made {
  readonly id: string
}
const org = async (name = 'Acme'): Promise<Made> => gate.json('POST', '/organisations', { name })
async function app(): Promise<Made> {
  return gate.json('POST', '/apps', { organisation: (await org()).id, name: 'web', plan: 'free' })
}

describe('secrets', () => {
  test('a key that was pasted in place of its id is refused, and stands in no log', async () => {
    for (const kind of ['credential', 'consumer', 'fingerprint']) {
      expect((await gate.call('POST', '/blocks', { kind, id: KEY })).status).toBe(422)
      expect((await gate.call('POST', '/blocks', { kind, id: 'somebody', seconds: 1, reason: KEY })).status).toBe(422)
    }
    await gate.call('POST', '/revocations', { type: 'key', id: KEY })
    await gate.call('POST', '/changes', { type: 'key', id: KEY, disabled: true })
    await gate.call('POST', `/keys/${KEY}/rotate`, {})
    await gate.call('DELETE', `/keys/${KEY}?reason=${KEY}`)
    await gate.call('DELETE', `/blocks/${KEY}`)
    await gate.call('DELETE', `/kill-switches/${KEY}`)
    await gate.call('PUT', `/kill-switches/${KEY}`, { reason: KEY })
    await gate.call('POST', `/anomalies/${KEY}/answer`, { answer: 'accept' })
    await gate.call('POST', `/webhooks/${KEY}/test`)
    const { items } = await gate.json<{ items: readonly object[] }>('GET', '/audit?limit=100')
    expect(JSON.stringify([items, gate.log])).not.toContain('sekret')
  })

  test('neither of a key nor of an invitation nor of a webhook anything is written down', async () => {
    const { id } = await app()
    const imported = `legacy-${crypto.randomUUID()}-${crypto.randomUUID()}`
    const key = await gate.json<{ secret: string }>('POST', `/apps/${id}/keys`, { name: 'one' })
    await gate.json('POST', `/apps/${id}/keys`, { name: 'two', imported })
    const { token } = await gate.json<{ token: string }>('POST', `/organisations/${(await org()).id}/invitations`, {
      note: '',
      role: 'owner',
    })
    const hook = await gate.json<{ secret: string }>('POST', '/webhooks', { url: 'https://hooks.example.com/T0/s3cr3t' })
    const { items } = await gate.json<{ items: readonly object[] }>('GET', '/audit?limit=100')
    const exported = await gate.json('GET', '/export?limit=100')
    for (const secret of [key.secret, imported, token, hook.secret, 's3cr3t'])
      expect([secret.slice(0, 6), JSON.stringify([items, exported, gate.log]).includes(secret)]).toEqual([secret.slice(0, 6), false])
  })
})

describe('an Idempotency-Key', () => {
  test('of another operator, operation or content answers with no secret of the first', async () => {
    const { id } = await app()
    const other = await issueKey(ROOT, 'admin', { consumer: 'other', scopes: ADMIN_SCOPES }, Date.now())
    const mine = `Bearer ${await gate.keyOf()}`
    const headers = { 'idempotency-key': crypto.randomUUID() }
    const first = await gate.json<{ secret: string; id: string }>(
      'POST',
      `/apps/${id}/keys`,
      { name: 'k' },
      { ...headers, authorization: mine },
    )
    const replayed = await gate.call('POST', `/apps/${id}/keys`, { name: 'k' }, { ...headers, authorization: mine })
    expect([replayed.headers.get('idempotency-replayed'), (await replayed.json<{ secret: string }>()).secret]).toEqual([
      'true',
      first.secret,
    ])
    const theirs = await gate.call('POST', `/apps/${id}/keys`, { name: 'k' }, { ...headers, authorization: `Bearer ${other.key}` })
    expect((await theirs.json<{ secret: string }>()).secret).not.toBe(first.secret)
    const changed = await gate.call('POST', `/apps/${id}/keys`, { name: 'other' }, { ...headers, authorization: mine })
    expect(await codeOf(changed)).toBe('422 idempotency-key-reused')
    const rotated = await gate.call('POST', `/keys/${first.id}/rotate`, {}, { ...headers, authorization: mine })
    expect((await rotated.json<{ secret: string }>()).secret).not.toBe(first.secret)
  })

  test('does not give the answer to who may not ask any more', async () => {
    const { id } = await app()
    const { key, id: keyId } = await issueKey(ROOT, 'admin', { consumer: 'temp', scopes: ['keys:write'] }, Date.now())
    const headers = { 'idempotency-key': crypto.randomUUID(), authorization: `Bearer ${key}` }
    await gate.json('POST', `/apps/${id}/keys`, { name: 'k' }, headers)
    await gate.json('POST', '/changes', { type: 'key', id: keyId, scopes: [] })
    const again = await createControlGate().call('POST', `/apps/${id}/keys`, { name: 'k' }, headers)
    expect(await codeOf(again)).toBe('403 scope-insufficient')
  })
})

describe('odd requests are the client’s fault, never ours', () => {
  const deep = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`
  test.each([
    ['nothing but depth', deep(30_000)],
    ['depth in a field', `{"name":${deep(30_000)}}`],
    ['depth in objects', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`],
    ['a prototype', '{"__proto__":{"name":"a"},"name":"b"}'],
    ['half a character', '{"name":"\\ud800"}'],
    ['numbers without end', '{"name":1e999}'],
    ['a name that turns what is read', '{"name":"\\u202eevil"}'],
  ])('%s', async (_, body) => {
    for (const path of ['/organisations', '/revocations', '/changes', '/credits', '/people/find', '/apply', '/webhooks', '/blocks']) {
      const headers = { authorization: `Bearer ${await gate.keyOf()}`, 'idempotency-key': crypto.randomUUID() }
      const response = await gate.fetch(ADMIN + path, { method: 'POST', headers, body })
      expect([path, response.status >= 400 && response.status < 500]).toEqual([path, true])
    }
  })

  test.each([
    '/organisations?after=%27%20or%201=1--',
    '/organisations?after=zzzz&limit=100',
    '/organisations?limit=0',
    '/organisations?limit=999',
    '/organisations?limit=1&limit=2',
    '/organisations?__proto__=1',
    '/apps?organisation=%00',
    '/apps?organisation=%ff',
    '/audit?after=-1',
    '/audit?after=1e999',
    '/audit?after=NaN',
    '/audit?after=0x10',
    '/audit?organisation=%27',
    '/export?after=~&limit=1',
    '/events?after=%27',
    '/events?after=~~~',
    '/decisions?after=9007199254740993',
    '/decisions?limit=1001',
    '/usage?from=9999-12-31&to=0000-01-01',
    '/usage?from=-1',
    '/usage?by=__proto__',
    '/usage?consumer=,,,',
    '/anomalies/%27',
    '/keys/%00',
    '/apps/__proto__',
    '/organisations/constructor/members',
    `/apps/${'a'.repeat(600)}`,
  ])('%s', async (path) => {
    const response = await gate.call('GET', path)
    expect([response.status, response.status < 500]).toEqual([response.status, true])
    expect(response.headers.get('cache-control')).toBe('no-store')
  })
})

test('what was made stands where Location says', async () => {
  const { id } = await app()
  const made = [
    await gate.call('POST', '/organisations', { name: 'A' }),
    await gate.call('POST', '/apps', { organisation: (await org()).id, name: 'web', plan: 'free' }),
    await gate.call('POST', `/apps/${id}/keys`, { name: 'k' }),
  ]
  for (const response of made) {
    const url = new URL(response.headers.get('location') ?? '', 'https://api.example.com/elsewhere/far/away')
    expect(url.pathname.startsWith(`${ADMIN}/`)).toBe(true)
    expect((await gate.call('GET', url.pathname.slice(ADMIN.length))).status).toBe(200)
  }
})
