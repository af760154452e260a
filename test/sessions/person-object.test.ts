import { runInDurableObject } from 'cloudflare:test'
import { describe, expect, test } from 'vitest'
import { personName } from '../../src/sessions/person-name.ts'
import { MAX_SESSIONS } from '../../src/sessions/person-object.ts'
import { createIsolate } from '../support/session-gate.ts'
import { PEOPLE, START } from '../support/sessions.ts'

const seen = { provider: 'acme', groups: ['staff'], scopes: ['read'] }
const END = START + 3_600_000
const person = () => PEOPLE.getByName(crypto.randomUUID())

describe('the sessions of a name', () => {
  test('as many as may be; one more ends the oldest', async () => {
    const one = person()
    for (let number = 0; number < MAX_SESSIONS; number++) expect(await one.add(`s-${number}`, END, START)).toEqual([])
    expect(await one.add('s-more', END, START)).toEqual(['s-0'])
    expect(await one.sessions()).toHaveLength(MAX_SESSIONS)
  })
  test('those that are over make room', async () => {
    const one = person()
    await one.add('s-1', START + 1, START)
    await one.add('s-2', END, START)
    await one.add('s-3', END, START + 1)
    expect(await one.sessions()).toEqual(['s-2', 's-3'])
  })
  test('the same call again adds nothing', async () => {
    const one = person()
    await one.add('s-1', END, START)
    await one.add('s-1', END, START)
    expect(await one.sessions()).toEqual(['s-1'])
  })
  test('they are there after an eviction; a name with none left is as if it had never been', async () => {
    const name = crypto.randomUUID()
    await PEOPLE.getByName(name).add('s-1', END, START)
    await runInDurableObject(PEOPLE.getByName(name), (_object, state) => state.abort('evicted')).catch(() => undefined)
    expect(await PEOPLE.getByName(name).sessions()).toEqual(['s-1'])
    await PEOPLE.getByName(name).remove(['s-1'])
    await runInDurableObject(PEOPLE.getByName(name), async (_object, { storage }) => {
      expect(
        storage.sql.exec("select name from sqlite_master where type = 'table' and name not like '\\_%' escape '\\'").toArray(),
      ).toEqual([])
      expect(await storage.getAlarm()).toBeNull()
    })
  })
})

describe('a person', () => {
  test('OC-7: is issuer and subject, the same whenever they sign in; another subject or issuer is another one', async () => {
    const gate = createIsolate({ now: () => START })
    await gate.signIn({ subject: 'p-1', groups: ['a'], claims: { email: 'same@example.com' } })
    const describePerson = async (subject: string) => PEOPLE.getByName(await personName('https://login.example.net', subject)).describe()
    const first = await describePerson('p-1')
    await gate.signIn({ subject: 'p-1', groups: ['b'] })
    await gate.signIn({ subject: 'p-2', claims: { email: 'same@example.com' } })
    expect(await describePerson('p-1')).toMatchObject({ id: first?.id, groups: ['b'], linked: [] })
    expect((await describePerson('p-2'))?.id).not.toBe(first?.id)
    expect(await describePerson('p-3')).toBeUndefined()
  })
  test('names of objects tell nothing, and no pair can be taken for another', async () => {
    expect(await personName('https://a.example', 'b')).toMatch(/^[0-9a-f]{64}$/u)
    expect(await personName('https://a.example', 'b')).not.toBe(await personName('https://a.exampl', 'eb'))
  })
  test('what is kept of groups and scopes is bounded', async () => {
    const one = person()
    await one.add('s-1', END, START, { ...seen, groups: Array.from({ length: 300 }, (_, number) => `g-${number}`) })
    expect((await one.describe())?.groups).toHaveLength(256)
  })
})
