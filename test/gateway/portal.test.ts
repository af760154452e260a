import { describe, expect, test } from 'vitest'
import { createIsolate, HOST, sessionPolicy } from '../support/session-gate.ts'

const now = () => Date.now()
const PORTAL = '/.portcullis/portal'

const policy = sessionPolicy((document) => {
  document['x-portcullis'].plans = { free: { scopes: ['read'] }, gold: { scopes: ['read', 'write'] } }
  document['x-portcullis'].control = { portal: { scheme: 'web', plans: ['free', 'gold'], maxOrganisations: 2, maxApps: 2, maxKeys: 2 } }
  document.paths['/orders'].get = { security: [{ app: ['read'] }] }
})

/** A browser of somebody who has signed in: forms are filled in as the page has them. */
async function signedIn(gate: ReturnType<typeof createIsolate>, subject: string) {
  const cookie = await gate.signIn({ subject, claims: { email: `${subject}@example.com` } })
  const get = async (path: string): Promise<Response> => gate.fetch(PORTAL + path, { headers: { cookie, 'sec-fetch-mode': 'navigate' } })
  async function send(path: string, fields: Readonly<Record<string, string>>): Promise<Response> {
    const token = /name="token" value="([^"]+)"/u.exec(await (await get(path)).text())?.[1] ?? ''
    const headers = { cookie, origin: HOST, 'sec-fetch-site': 'same-origin' }
    return gate.fetch(PORTAL + path, { method: 'POST', headers, body: new URLSearchParams({ token, ...fields }) })
  }
  const made = async (path: string, fields: Readonly<Record<string, string>>): Promise<string> => {
    const response = await send(path, fields)
    expect([path, response.status]).toEqual([path, 303])
    return new URL(response.headers.get('location') ?? '', HOST).pathname.slice(PORTAL.length)
  }
  return { get, send, made, cookie }
}

const callWith = async (gate: ReturnType<typeof createIsolate>, key: string): Promise<number> =>
  (await gate.fetch('/v1/orders', { headers: { 'x-api-key': key } })).status

describe('the developer portal through the gate', () => {
  test('from the sign-in to a key that works, and to its end', async () => {
    const gate = createIsolate({ now, policy })
    const ada = await signedIn(gate, `ada-${crypto.randomUUID()}`)
    const organisation = await ada.made('/organisations/new', { name: 'Acme' })
    const app = await ada.made(`${organisation}/apps/new`, { name: 'Export', plan: 'free' })
    const shown = await (await ada.send(`${app}/keys/new`, { name: 'Production', scopes: 'read', life: '2592000' })).text()
    const secret = /value="(pck_[^"]+)"/u.exec(shown)?.[1] ?? ''
    expect(await callWith(gate, secret)).toBe(200)
    expect(gate.forwarded.at(-1)?.headers.get('x-api-key')).toBeNull()
    const page = await (await ada.get(app)).text()
    expect(page).not.toContain(secret)
    const key = /href="\/\.portcullis\/portal(\/keys\/[0-9a-f]{24})"/u.exec(page)?.[1] ?? ''
    await ada.made(`${key}/state`, { state: 'disabled' })
    const other = createIsolate({ now, policy })
    expect([await callWith(other, secret), await callWith(createIsolate({ now, policy }), secret)]).toEqual([401, 401])
    await ada.made(`${key}/state`, { state: 'active' })
    expect(await callWith(createIsolate({ now, policy }), secret)).toBe(200)
    await ada.made(`${key}/revoke`, {})
    expect(await callWith(createIsolate({ now, policy }), secret)).toBe(401)
  })
  test('somebody else finds none of it; an invitation lets them in', async () => {
    const gate = createIsolate({ now, policy })
    const [ada, bob] = [await signedIn(gate, `ada-${crypto.randomUUID()}`), await signedIn(gate, `bob-${crypto.randomUUID()}`)]
    const organisation = await ada.made('/organisations/new', { name: 'Acme' })
    expect((await bob.get(organisation)).status).toBe(404)
    const invited = await (await ada.send(`${organisation}/invite`, { note: 'Bob', role: 'viewer' })).text()
    const link = /value="https:\/\/api\.example\.com\/\.portcullis\/portal(\/invitation\/[^"]+)"/u.exec(invited)?.[1] ?? ''
    expect(await bob.made(link, {})).toBe(organisation)
    expect([(await bob.get(organisation)).status, (await bob.get(`${organisation}/apps/new`)).status]).toEqual([200, 403])
    const again = await bob.send(link, {})
    expect([again.status, (await again.text()).includes('not open any more')]).toEqual([422, true])
  })
  test('no more than the policy allows', async () => {
    const ada = await signedIn(createIsolate({ now, policy }), `ada-${crypto.randomUUID()}`)
    for (const name of ['One', 'Two']) await ada.made('/organisations/new', { name })
    const third = await ada.send('/organisations/new', { name: 'Three' })
    expect([third.status, (await third.text()).includes('may own no more')]).toEqual([422, true])
  })
  test('who is not signed in is led there and back; a form of another site goes nowhere', async () => {
    const gate = createIsolate({ now, policy })
    const response = await gate.fetch(`${PORTAL}/account`, { headers: { accept: 'text/html' } })
    expect([response.status, response.headers.get('location')]).toEqual([
      303,
      '/.portcullis/login/acme?return_to=%2F.portcullis%2Fportal%2Faccount',
    ])
    const { cookie } = await signedIn(gate, 'ada')
    const forged = await gate.fetch(`${PORTAL}/organisations/new`, {
      method: 'POST',
      headers: { cookie, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
      body: new URLSearchParams({ name: 'Evil' }),
    })
    expect([forged.status, forged.headers.get('content-type')]).toEqual([403, 'text/html; charset=utf-8'])
  })
  test('sign out everywhere ends it here too', async () => {
    const gate = createIsolate({ now, policy })
    const ada = await signedIn(gate, `ada-${crypto.randomUUID()}`)
    expect((await ada.send('/account/sign-out-everywhere', {})).status).toBe(303)
    expect((await createIsolate({ now, policy }).fetch(`${PORTAL}/account`, { headers: { cookie: ada.cookie } })).status).toBe(303)
  })
  test('a policy without a portal has none', async () => {
    const response = await createIsolate({ now }).fetch(PORTAL)
    expect(response.status).toBe(404)
  })
})
