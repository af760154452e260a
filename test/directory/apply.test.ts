import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { createDirectory, OPERATOR, personOf, valueOf } from '../support/directory.ts'

type Accounts = ReturnType<typeof createDirectory>['accounts']
const feed = () => (env as unknown as Bindings).REVOCATIONS.getByName('feed')
const toldOf = async (type: 'key' | 'consumer', id: string) => feed().lookUp([JSON.stringify({ type, id })])
const wanted = {
  organisations: [
    {
      name: 'Acme',
      members: [{ person: personOf('a'), display: 'ada', role: 'owner' }],
      apps: [
        { name: 'web', plan: 'free', description: 'shop' },
        { name: 'batch', plan: 'gold', state: 'disabled' },
      ],
    },
    { name: 'Other' },
  ],
}
const apply = async (accounts: Accounts, document: unknown, isDry = false) => accounts.apply(document, isDry, OPERATOR)
const actionsOf = async (accounts: Accounts, document: unknown, isDry = false) =>
  valueOf(await apply(accounts, document, isDry)).map(({ action }) => action)
async function exported(accounts: Accounts): Promise<readonly Record<string, unknown>[]> {
  return (await accounts.exported({ limit: 100 })).items as readonly Record<string, unknown>[]
}
const rowsOf = async ({ stub }: ReturnType<typeof createDirectory>) =>
  runInDurableObject(stub(), (_, { storage: { sql } }) =>
    JSON.stringify(
      ['organisations', 'members', 'apps', 'keys', 'outbox', 'audit'].map((name) => sql.exec(`select * from ${name}`).toArray()),
    ),
  )

describe('apply', () => {
  test('a dry run says what would be done, and does nothing; then it is done, and a second time there is nothing to do', async () => {
    const directory = createDirectory()
    const { accounts } = directory
    const before = await rowsOf(directory)
    const planned = await actionsOf(accounts, wanted, true)
    expect(planned).toEqual(['organisation.create', 'member.change', 'app.create', 'app.create', 'app.change', 'organisation.create'])
    expect(await rowsOf(directory)).toBe(before)
    expect(await actionsOf(accounts, wanted)).toEqual(planned)
    expect(await actionsOf(accounts, wanted)).toEqual([])
    expect((await accounts.organisations({})).items.map(({ name }) => name).toSorted()).toEqual(['Acme', 'Other'])
    expect(await accounts.verifyAudit()).toMatchObject({ status: 'whole', entries: 6 })
  })

  test('what is not named stays, unless it is to be pruned: then what it opened is revoked', async () => {
    const { accounts } = createDirectory()
    await apply(accounts, wanted)
    const apps = (await accounts.apps({})).items
    const web = apps.find(({ name }) => name === 'web')
    const key = valueOf(await accounts.createKey({ app: web?.id ?? '', name: 'k' }, OPERATOR))
    const fewer = { organisations: [{ name: 'Acme', apps: [{ name: 'batch', plan: 'gold' }] }] }
    expect(await actionsOf(accounts, fewer)).toEqual([])
    expect(await actionsOf(accounts, { ...fewer, prune: true })).toEqual(['app.delete', 'organisation.delete'])
    expect((await toldOf('consumer', web?.id ?? '')).some(({ changed }) => changed === undefined)).toBe(true)
    expect(await accounts.key(key.id)).toBeUndefined()
    // Members and keys were not spoken of.
    expect(await accounts.members((await accounts.organisations({})).items[0]?.id ?? '')).toHaveLength(1)
    const none = { organisations: [{ name: 'Acme', members: [], apps: [] }], prune: true }
    expect(await actionsOf(accounts, none)).toEqual(['member.change', 'app.delete'])
  })

  test('every fault at once, each with its place, and then nothing is written', async () => {
    const directory = createDirectory()
    const { accounts } = directory
    for (const name of ['Twice', 'Twice']) valueOf(await accounts.createOrganisation({ name }, OPERATOR))
    const before = await rowsOf(directory)
    const faulty = {
      organisations: [
        { name: 'Fine', apps: [{ name: 'a', plan: 'free', keys: [{ id: '0'.repeat(24), name: 'k' }] }] },
        { name: 'Twice' },
        { id: `org_${'a'.repeat(20)}`, name: 'One' },
        { id: `org_${'a'.repeat(20)}`, name: 'One again' },
      ],
    }
    const answer = await apply(accounts, faulty)
    expect(answer.status === 'invalid' && answer.errors.map(({ pointer }) => pointer)).toEqual([
      '/organisations/0/apps/0/keys/0/id',
      '/organisations/1',
      '/organisations/3',
    ])
    expect(await rowsOf(directory)).toBe(before)
    const unread = { organisations: [{ name: '', apps: [{ name: 'x', plan: 'platinum' }], admin: true }] }
    expect(await apply(accounts, unread)).toMatchObject({
      status: 'invalid',
      errors: [{ pointer: '/organisations/0/name' }, { pointer: '/organisations/0/admin' }],
    })
    expect(await apply(accounts, { organisations: [{ name: 'x', apps: [{ name: 'x', plan: 'platinum' }] }] })).toMatchObject({
      errors: [{ pointer: '/organisations/0/apps/0/plan' }],
    })
  })

  test('an app or a key of somebody else is not to be had by naming its id', async () => {
    const { accounts } = createDirectory()
    await apply(accounts, wanted)
    const [one] = (await accounts.apps({})).items
    const key = valueOf(await accounts.createKey({ app: one?.id ?? '', name: 'k' }, OPERATOR))
    const theft = {
      organisations: [
        {
          name: 'Thief',
          apps: [
            { id: one?.id, name: 'x', plan: 'gold' },
            { name: 'own', plan: 'free', keys: [{ id: key.id, name: 'x' }] },
          ],
        },
      ],
    }
    expect(await apply(accounts, theft)).toMatchObject({
      status: 'invalid',
      errors: [
        { pointer: '/organisations/0/apps/0', detail: expect.stringMatching(/belongs to another/u) as string },
        { pointer: '/organisations/0/apps/1/keys/0', detail: expect.stringMatching(/belongs to another/u) as string },
      ],
    })
  })
})

describe('an export put back into an empty directory', () => {
  test('is the same again, and holds no secret; keys that were revoked or off stay so', async () => {
    const { accounts } = createDirectory()
    await apply(accounts, wanted)
    const app = (await accounts.apps({})).items.find(({ name }) => name === 'web')?.id ?? ''
    const draft = { app, name: 'k', scopes: ['read'], addresses: ['192.0.2.0/24'] }
    const issued = valueOf(await accounts.createKey(draft, OPERATOR))
    const off = valueOf(await accounts.createKey({ app, name: 'off' }, OPERATOR))
    const gone = valueOf(await accounts.createKey({ app, name: 'gone' }, OPERATOR))
    valueOf(await accounts.createKey({ app, name: 'old', imported: 'legacy-key-of-somebody-else-0123456789' }, OPERATOR))
    valueOf(await accounts.createKey({ app, name: 'public', publicKey: { kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43) } }, OPERATOR))
    valueOf(await accounts.changeKey(off.id, { state: 'disabled' }, undefined, OPERATOR))
    valueOf(await accounts.revokeKey(gone.id, '', OPERATOR))
    const document = { organisations: await exported(accounts) }
    expect(JSON.stringify(document)).not.toContain(issued.secret?.slice(-20))
    expect(JSON.stringify(document)).not.toContain('legacy-key')

    const empty = createDirectory()
    valueOf(await apply(empty.accounts, document))
    const plain = (value: unknown): unknown =>
      JSON.parse(JSON.stringify(value, (field, one: unknown) => (['version', 'createdAt', 'since'].includes(field) ? undefined : one)))
    expect(plain(await exported(empty.accounts))).toEqual(plain(document.organisations))
    expect((await empty.accounts.key(gone.id))?.state).toBe('revoked')
    expect(await actionsOf(empty.accounts, document, true)).toEqual([])
  })

  test('comes in pages', async () => {
    const { accounts } = createDirectory()
    await apply(accounts, { organisations: Array.from({ length: 5 }, (_, index) => ({ name: `O ${index}` })) })
    const first = await accounts.exported({ limit: 3 })
    const second = await accounts.exported({ limit: 3, ...(first.next === undefined ? {} : { after: first.next }) })
    expect([first.items.length, second.items.length, second.next]).toEqual([3, 2, undefined])
  })
})
