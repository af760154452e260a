import { describe, expect, test } from 'vitest'
import { issueKey } from '../../src/credentials/key-format.ts'
import { codeOf } from '../support/orders.ts'
import { createIsolate } from '../support/session-gate.ts'
import { ROOT, START } from '../support/sessions.ts'

const now = () => START
const ISSUER = 'https://login.example.net'
const gate = createIsolate({ now })

async function call(path: string, body: unknown, scopes: readonly string[] = ['people:read', 'people:write']): Promise<Response> {
  const { key } = await issueKey(ROOT, 'admin', { consumer: 'admin', scopes }, START)
  return gate.fetch(`/.portcullis/admin/v1/people/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify(body),
  })
}
/** Somebody who has signed in once. */
async function somebody(): Promise<{ issuer: string; subject: string }> {
  const subject = crypto.randomUUID()
  await gate.signIn({ subject })
  return { issuer: ISSUER, subject }
}
const find = async (identity: object): Promise<{ id: string; linked: number; sessions: string[] }> => (await call('find', identity)).json()

describe('/.portcullis/admin/v1/people', () => {
  test('find: who somebody is, with the sessions', async () => {
    const ada = await somebody()
    await gate.signIn({ subject: ada.subject })
    expect(await find(ada)).toMatchObject({ provider: 'acme', groups: ['staff'], scopes: ['read'], linked: 0, firstSeen: START })
    expect((await find(ada)).sessions).toHaveLength(2)
    expect(await codeOf(await call('find', { issuer: ISSUER, subject: 'nobody' }))).toBe('404 person-unknown')
  })

  test('OC-7: the origin is told the person, the same for linked identities from their next sign-in on; a mapped claim of that name is none', async () => {
    const personOf = async (subject: string, claims = {}): Promise<unknown> => {
      await gate.fetch('/v1/orders', { headers: { cookie: await gate.signIn({ subject, claims }) } })
      const [, part = ''] = (gate.forwarded.at(-1)?.headers.get('portcullis-assertion') ?? '').split('.')
      const { principals } = JSON.parse(atob(part.replaceAll('-', '+').replaceAll('_', '/'))) as { principals: { person?: string }[] }
      return principals[0]?.person
    }
    const [ada, adaToo] = [await somebody(), await somebody()]
    expect(await personOf(ada.subject, { person: 'admin' })).toBe((await find(ada)).id)
    expect(await personOf(adaToo.subject)).not.toBe(await personOf(ada.subject))
    await call('links', { identities: [ada, adaToo] })
    expect(await personOf(adaToo.subject)).toBe(await personOf(ada.subject))
  })

  test('sign-out: every session of the person, on whatever device, and nobody else', async () => {
    const [ada, eve] = [await somebody(), await somebody()]
    const cookie = await gate.signIn({ subject: ada.subject })
    const others = await gate.signIn({ subject: eve.subject })
    const ended = await call('sign-out', ada)
    expect((await ended.json<{ ended: string[] }>()).ended).toHaveLength(2)
    expect((await gate.fetch('/v1/orders', { headers: { cookie } })).status).toBe(401)
    expect((await gate.fetch('/v1/orders', { headers: { cookie: others } })).status).toBe(200)
  })

  test('OC-7: identities are one person by the word of an operator alone, whoever they were linked to before', async () => {
    const [one, two, three, four] = [await somebody(), await somebody(), await somebody(), await somebody()]
    await call('links', { identities: [one, two] })
    await call('links', { identities: [three, four] })
    const joined = await call('links', { identities: [two, three] })
    const ids = await Promise.all([one, two, three, four].map(find))
    expect(new Set(ids.map(({ id }) => id)).size).toBe(1)
    expect(ids.map(({ linked }) => linked)).toEqual([3, 3, 3, 3])
    expect(await joined.json()).toEqual({ id: ids[0]?.id })
    await call('unlink', two)
    const parted = await Promise.all([one, two, three, four].map(find))
    expect(parted.map(({ linked }) => linked)).toEqual([2, 0, 2, 2])
    expect(parted[1]?.id).not.toBe(parted[0]?.id)
    await gate.signIn({ subject: one.subject })
    expect((await find(one)).id).toBe(parted[0]?.id)
  })

  test('16 identities are a person, 17 are not', async () => {
    const first = await somebody()
    for (let number = 2; number <= 16; number++) {
      const linked = await call('links', { identities: [first, await somebody()] })
      expect(linked.status).toBe(200)
    }
    expect(await codeOf(await call('links', { identities: [first, await somebody()] }))).toBe('409 links-full')
    expect((await find(first)).linked).toBe(15)
  }, 20_000)

  test('who never signed in is linked to nobody', async () => {
    const ada = await somebody()
    const response = await call('links', { identities: [ada, { issuer: ISSUER, subject: 'nobody' }] })
    expect(await codeOf(response)).toBe('404 person-unknown')
    expect((await find(ada)).linked).toBe(0)
  })

  test.each([
    ['find', ['people:write'], { issuer: ISSUER, subject: 'a' }, '403 scope-insufficient'],
    ['links', ['people:read'], {}, '403 scope-insufficient'],
    ['sign-out', ['people:write'], { issuer: ISSUER }, '422 identity-invalid'],
    ['sign-out', ['people:write'], { issuer: ISSUER, subject: '' }, '422 identity-invalid'],
    ['links', ['people:write'], { identities: [{ issuer: ISSUER, subject: 'a' }] }, '422 identity-invalid'],
    ['nothing', ['people:write'], {}, '404 route-unknown'],
  ])('%s by %j', async (path, scopes, body, code) => {
    expect(await codeOf(await call(path, body, scopes))).toBe(code)
  })
  test('a session is no operator', async () => {
    const cookie = await gate.signIn()
    const response = await gate.fetch('/.portcullis/admin/v1/people/find', {
      method: 'POST',
      headers: { cookie, 'x-portcullis-csrf': '1' },
    })
    expect(response.status).toBe(401)
  })
})
