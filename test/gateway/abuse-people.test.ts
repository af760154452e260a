import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { issueKey } from '../../src/credentials/key-format.ts'
import { sinkOf } from '../../src/insight/insight-calls.ts'
import type { Observation } from '../../src/insight/observation.ts'
import { createWatchedNames } from '../../src/insight/watched-names.ts'
import type { SignIn } from '../../src/sessions/session.ts'
import { createIsolate, sessionPolicy, VALUES } from '../support/session-gate.ts'
import { ROOT } from '../support/sessions.ts'

const HOUR_MS = 3_600_000
const HOME = { asn: 64500, country: 'DE', latitude: '52.5', longitude: '13.4' }
const AWAY = { asn: 64501, country: 'BR', latitude: '-23.5', longitude: '-46.6' }
const ISSUER = 'https://login.example.net'
const bindings = { ...(env as unknown as Bindings), ...VALUES }
/** The objects have the real clock, so this one begins there. */
const clock = { now: Date.now() }
const abuse = {
  answers: { stepUp: 0.8 },
  blockSeconds: { first: 900, most: 86_400 },
  allow: { networks: [], consumers: [], keys: [] },
}

function isolate() {
  const policy = sessionPolicy((document) => {
    document['x-portcullis'].abuse = { answers: abuse.answers }
  })
  const insight = sinkOf(bindings, { now: () => clock.now, wait: async () => undefined, log: () => undefined, abuse })
  const gate = createIsolate({ now: () => clock.now, policy, bindings: VALUES, insight })
  const ask = async (cookie: string, more: { cf?: CfProperties; agent?: string; headers?: Record<string, string> } = {}) =>
    gate.fetch('/v1/orders', {
      headers: {
        cookie,
        'cf-connecting-ip': more.cf === AWAY ? '198.51.100.60' : '192.0.2.100',
        'user-agent': more.agent ?? 'Firefox',
        ...more.headers,
      },
      cf: more.cf ?? HOME,
    })
  const signIn = async (subject: string, changes: Partial<SignIn> = {}) =>
    gate.signIn({ subject, consumer: 'acme', claims: { auth_time: Math.floor(clock.now / 1000) }, authenticatedAt: clock.now, ...changes })
  return { ...gate, ask, signIn }
}
async function nameOf(subject: string): Promise<string> {
  const names = await createWatchedNames(ROOT).load()
  return names.of({
    scheme: 'web',
    kind: 'session',
    issuer: ISSUER,
    subject,
    credentialId: '',
    scopes: new Set(),
    claims: {},
    expiresAt: 0,
  })[0]
}
/** Eight hours at home, in many sessions and tokens. */
async function live(credential: string): Promise<void> {
  const observations = Array.from({ length: 1000 }, (_, index): Observation => ({
    at: clock.now - 8 * HOUR_MS + index * 28_000,
    requestId: `${credential}-${index}`,
    method: 'GET',
    code: 'forwarded',
    status: 200,
    durationMs: 4,
    address: '192.0.2.100',
    network: '64500',
    country: 'DE',
    latitude: 52.5,
    longitude: 13.4,
    userAgent: 'Firefox',
    credential,
    consumer: 'acme',
    route: 'GET /v1/orders',
  }))
  await bindings.INSIGHT.getByName('insight').ingest({ isolate: credential, sequence: 1, usage: [], observations })
}
async function admin<Value>(gate: ReturnType<typeof isolate>, path: string, body?: object): Promise<Value> {
  const scopes = ['anomalies:read', 'anomalies:write', 'blocks:write']
  const { key } = await issueKey(ROOT, 'admin', { consumer: 'operator', scopes }, clock.now)
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
  const answer = await gate.fetch(`/.portcullis/admin/v1${path}`, { ...init, headers: { authorization: `Bearer ${key}` } })
  if (answer.status >= 300) throw new Error(await answer.text())
  return answer.json()
}

describe('a stolen session cookie', () => {
  test('SU-1: is found though each session is new: everybody with it signs in again, who did goes on', async () => {
    const [one, other] = [isolate(), isolate()]
    const ada = await nameOf('ada')
    await live(ada)
    const earlier = { claims: { auth_time: Math.floor((clock.now - HOUR_MS) / 1000) } }
    const [laptop, phone, eve] = [await one.signIn('ada', earlier), await one.signIn('ada', earlier), await one.signIn('eve')]
    expect((await one.ask(laptop)).status).toBe(200)
    for (let index = 0; index < 12; index += 1) {
      expect((await one.ask(laptop, { cf: AWAY, agent: 'curl/8' })).status).toBe(200)
      clock.now += 500
    }
    clock.now += 11_000
    await one.ask(eve)
    clock.now += 6000
    const { items } = await admin<{ items: { subject: string; answer: string }[] }>(one, '/anomalies?state=answered')
    expect(items).toMatchObject([{ subject: ada, answer: 'step-up' }])

    const thief = await other.ask(laptop, { cf: AWAY, agent: 'curl/8' })
    expect(thief.status).toBe(401)
    expect(thief.headers.get('www-authenticate')).toMatch(/error="insufficient_user_authentication", max_age="\d+"/u)
    expect(await thief.json()).toMatchObject({ code: 'step-up-required' })
    const page = await other.ask(phone, { headers: { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'none' } })
    expect([page.status, page.headers.get('location')]).toEqual([
      303,
      expect.stringMatching(/^\/\.portcullis\/login\/acme\?return_to=%2Fv1%2Forders&max_age=\d+$/u),
    ])
    expect((await other.ask(eve)).status).toBe(200)

    // A new session of an old sign-in, as by single sign-on, is not one.
    const old = await other.signIn('ada', earlier)
    expect((await other.ask(old)).status).toBe(401)
    const fresh = await other.signIn('ada')
    expect((await other.ask(fresh)).status).toBe(200)
    expect((await one.ask(fresh)).status).toBe(200)
    expect((await one.ask(laptop, { cf: AWAY })).status).toBe(401)
  })
})

describe('by hand', () => {
  test('a block of a person reaches every session of theirs', async () => {
    const gate = isolate()
    const [first, second] = [await gate.signIn('bob'), await gate.signIn('bob')]
    await admin(gate, '/blocks', { kind: 'credential', id: await nameOf('bob'), answer: 'block', seconds: 60 })
    clock.now += 5000
    expect((await gate.ask(first)).status).toBe(403)
    expect((await gate.ask(second)).status).toBe(403)
    expect((await gate.ask(await gate.signIn('eve'))).status).toBe(200)
    clock.now += 55_000
    expect((await gate.ask(second)).status).toBe(200)
  })

  test('step-up of a consumer: sessions sign in anew, its keys are limited', async () => {
    const gate = isolate()
    const { key } = await issueKey(ROOT, 'api', { consumer: 'acme' }, clock.now)
    const withKey = async () => (await gate.fetch('/v1/mixed', { headers: { 'x-api-key': key, 'cf-connecting-ip': '192.0.2.100' } })).status
    const carol = await gate.signIn('carol', { claims: {} })
    expect((await gate.ask(carol)).status).toBe(200)
    clock.now += 1000
    await admin(gate, '/blocks', { kind: 'consumer', id: 'acme', answer: 'step-up', seconds: 600 })
    clock.now += 5000
    expect((await gate.ask(carol)).status).toBe(401)
    for (let index = 0; index < 5; index += 1) expect(await withKey()).toBe(200)
    expect(await withKey()).toBe(429)
    // A provider that does not tell when: the session's beginning counts.
    expect((await gate.ask(await gate.signIn('carol', { claims: {} }))).status).toBe(200)
  })
})
