import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { parseKey } from '../../src/credentials/key-format.ts'
import { DirectoryObject } from '../../src/directory/directory-object.ts'
import { createDirectory, DEVELOPER, OPERATOR, personOf, valueOf } from '../support/directory.ts'

const owner = { person: DEVELOPER.id, display: 'ada@example.com' }
const bindings = env as unknown as Bindings

async function furnished(parts: Parameters<typeof createDirectory>[0] = {}) {
  const directory = createDirectory(parts)
  const { accounts } = directory
  const organisation = valueOf(await accounts.createOrganisation({ name: 'Acme', owner }, DEVELOPER))
  const app = valueOf(await accounts.createApp({ organisation: organisation.id, name: 'web', plan: 'free' }, DEVELOPER))
  return { ...directory, organisation, app }
}
type Furnished = Awaited<ReturnType<typeof furnished>>

/** The same storage with a feed that cannot be reached; what it was told before is not forgotten. */
async function withoutFeed<Value>({ stub }: Pick<Furnished, 'stub'>, run: (object: DirectoryObject) => Promise<Value>): Promise<Value> {
  return runInDurableObject(stub(), async (_, state) => {
    const fail = async (): Promise<never> => {
      throw new Error('the feed is down')
    }
    const REVOCATIONS = { getByName: () => ({ append: fail, change: fail }) } as unknown as Bindings['REVOCATIONS']
    return run(new DirectoryObject(state, { ...bindings, REVOCATIONS }))
  })
}
const feed = () => bindings.REVOCATIONS.getByName('feed')
const toldOf = async (type: 'key' | 'consumer', id: string) => feed().lookUp([JSON.stringify({ type, id })])
const isRevoked = async (type: 'key' | 'consumer', id: string): Promise<boolean> =>
  (await toldOf(type, id)).some(({ changed }) => changed === undefined)

describe('organisations, apps and keys', () => {
  test('what was written is there after an eviction, with its version', async () => {
    const { accounts, stub, organisation, app } = await furnished()
    await evictDurableObject(stub())
    expect(await accounts.organisation(organisation.id)).toEqual(organisation)
    expect(await accounts.app(app.id)).toMatchObject({ organisation: organisation.id, plan: 'free', state: 'active', version: 1 })
    expect(await accounts.membershipsOf([DEVELOPER.id])).toMatchObject([{ organisation: { id: organisation.id }, role: 'owner' }])
  })

  test('an issued key verifies itself, says its app and plan, and is known before it is shown', async () => {
    const { accounts, app } = await furnished()
    const made = valueOf(await accounts.createKey({ app: app.id, name: 'ci', scopes: ['read'] }, DEVELOPER))
    expect(parseKey(made.secret ?? '')).toMatchObject({ consumer: app.id, plan: 'free', scopes: ['read'], id: made.id })
    const { secret: _, ...record } = made
    expect(await accounts.key(made.id)).toEqual(record)
    expect(await accounts.keys(app.id)).toEqual([record])
  })

  test('of 100 changes at once that name one version one is written, and 99 are told what it left', async () => {
    const { accounts, app } = await furnished()
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => accounts.changeApp(app.id, { name: `web ${index}` }, 1, OPERATOR)),
    )
    const won = answers.filter(({ status }) => status === 'written')
    expect(won).toHaveLength(1)
    const left = await accounts.app(app.id)
    expect(won[0]).toMatchObject({ value: left })
    expect(answers.filter((answer) => answer.status === 'stale' && answer.current.name === left?.name)).toHaveLength(99)
  })

  test('ten who change at once what they have read lose none of 100 changes', async () => {
    const { accounts, app } = await furnished()
    const countUp = async (): Promise<void> => {
      for (;;) {
        const known = await accounts.app(app.id)
        const name = `web ${Number(known?.name.split(' ')[1] ?? 0) + 1}`
        if ((await accounts.changeApp(app.id, { name }, known?.version, OPERATOR)).status === 'written') return
      }
    }
    for (let round = 1; round <= 10; round++) await Promise.all(Array.from({ length: 10 }, countUp))
    expect(await accounts.app(app.id)).toMatchObject({ name: 'web 100', version: 101 })
  })

  test('the same patch again is no new version and no line of the log', async () => {
    const { accounts, app } = await furnished()
    valueOf(await accounts.changeApp(app.id, { name: 'web' }, undefined, OPERATOR))
    expect((await accounts.app(app.id))?.version).toBe(1)
  })

  test('developers have the numbers of the policy, operators those of the gate', async () => {
    const { accounts, organisation, app } = await furnished()
    valueOf(await accounts.createApp({ organisation: organisation.id, name: 'two', plan: 'gold' }, DEVELOPER))
    const third = { organisation: organisation.id, name: 'three', plan: 'free' }
    expect(await accounts.createApp(third, DEVELOPER)).toEqual({ status: 'full', limit: 2 })
    valueOf(await accounts.createApp(third, OPERATOR))
    for (let number = 1; number <= 2; number++) valueOf(await accounts.createKey({ app: app.id, name: `${number}` }, DEVELOPER))
    expect(await accounts.createKey({ app: app.id, name: '3' }, DEVELOPER)).toEqual({ status: 'full', limit: 2 })
    for (let number = 3; number <= 20; number++) valueOf(await accounts.createKey({ app: app.id, name: `${number}` }, OPERATOR))
    expect(await accounts.createKey({ app: app.id, name: '21' }, OPERATOR)).toEqual({ status: 'full', limit: 20 })
    for (const name of ['B', 'C']) valueOf(await accounts.createOrganisation({ name, owner }, DEVELOPER))
    expect(await accounts.createOrganisation({ name: 'D', owner }, DEVELOPER)).toEqual({ status: 'full', limit: 3 })
  })

  test('a revoked or ended key is no longer counted', async () => {
    const { accounts, app } = await furnished()
    const one = valueOf(await accounts.createKey({ app: app.id, name: '1' }, DEVELOPER))
    valueOf(await accounts.createKey({ app: app.id, name: '2' }, DEVELOPER))
    valueOf(await accounts.revokeKey(one.id, 'lost', DEVELOPER))
    expect((await accounts.createKey({ app: app.id, name: '3' }, DEVELOPER)).status).toBe('written')
  })

  test.each([
    ['no name', { name: '' }, '/name'],
    ['101 characters', { name: 'x'.repeat(101) }, '/name'],
    ['a character that turns the text round', { name: 'ab\u202Ecd' }, '/name'],
    ['a line end', { name: 'a\nb' }, '/name'],
    ['a plan that the policy lacks', { plan: 'platinum' }, '/plan'],
    ['a plan that is not for the asking', { plan: 'secret' }, '/plan'],
    ['a network with bits beyond its prefix', { addresses: ['192.0.2.7/24'] }, '/addresses/0'],
    ['an origin with a path', { origins: ['https://app.example.com/'] }, '/origins/0'],
    ['17 networks', { addresses: Array.from({ length: 17 }, (_, index) => `192.0.2.${index}`) }, '/addresses'],
    ['a scope with a space', { scopes: ['a b'] }, '/scopes/0'],
    ['59 seconds', { expiresInSeconds: 59 }, '/expiresInSeconds'],
    ['over two years', { expiresInSeconds: 2 * 365 * 86_400 + 1 }, '/expiresInSeconds'],
    ['a private key', { publicKey: { kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43), d: 'A'.repeat(43) } }, '/publicKey/d'],
    ['an imported key that is one of ours', { imported: `pck_${'x'.repeat(40)}` }, '/imported'],
    ['an imported key of 19 characters', { imported: 'x'.repeat(19) }, '/imported'],
    ['what nobody knows', { admin: true }, '/admin'],
  ])('a key with %s is refused with the place', async (_, change, pointer) => {
    const { accounts, app } = await furnished()
    const answer = await accounts.createKey({ app: app.id, name: 'key', ...(change as object) }, DEVELOPER)
    expect(answer).toMatchObject({ status: 'invalid', errors: [{ pointer }] })
    expect(await accounts.keys(app.id)).toEqual([])
  })

  test('of somebody else there is nothing', async () => {
    const { accounts } = await furnished()
    const other = `app_${'x'.repeat(20)}`
    expect(await accounts.app(other)).toBeUndefined()
    expect(await accounts.createKey({ app: other, name: 'k' }, OPERATOR)).toEqual({ status: 'not_found' })
    expect(await accounts.rotateKey('0'.repeat(24), {}, OPERATOR)).toEqual({ status: 'not_found' })
  })
})

describe('what reaches the feed', () => {
  test('a revoked key, a disabled app, a deleted organisation', async () => {
    const { accounts, organisation, app } = await furnished()
    const key = valueOf(await accounts.createKey({ app: app.id, name: 'ci' }, DEVELOPER))
    expect(await toldOf('key', key.id)).toEqual([])
    expect(await accounts.revokeKey(key.id, 'leaked', OPERATOR)).toMatchObject({
      status: 'written',
      inForce: 'announced',
      value: { state: 'revoked' },
    })
    expect(await toldOf('key', key.id)).toMatchObject([{ reason: 'leaked', expiresAt: key.expiresAt }])
    valueOf(await accounts.changeApp(app.id, { state: 'disabled' }, undefined, OPERATOR))
    expect(await toldOf('consumer', app.id)).toMatchObject([{ changed: { disabled: { value: true } } }])
    valueOf(await accounts.deleteOrganisation(organisation.id, undefined, OPERATOR))
    expect(await isRevoked('consumer', app.id)).toBe(true)
    expect(await accounts.key(key.id)).toBeUndefined()
  })

  test('an app stays off while its organisation is, whatever is said of the app', async () => {
    const { accounts, organisation, app } = await furnished()
    const isOff = async () => (await toldOf('consumer', app.id))[0]?.changed?.disabled?.value
    valueOf(await accounts.changeApp(app.id, { state: 'disabled' }, undefined, OPERATOR))
    valueOf(await accounts.changeOrganisation(organisation.id, { state: 'disabled' }, undefined, OPERATOR))
    valueOf(await accounts.changeApp(app.id, { state: 'active' }, undefined, OPERATOR))
    expect(await isOff()).toBe(true)
    valueOf(await accounts.changeOrganisation(organisation.id, { state: 'active' }, undefined, OPERATOR))
    expect(await isOff()).toBe(false)
    valueOf(await accounts.changeOrganisation(organisation.id, { state: 'disabled' }, undefined, OPERATOR))
    expect(await accounts.createApp({ organisation: organisation.id, name: 'n', plan: 'free' }, OPERATOR)).toMatchObject({
      status: 'invalid',
    })
  })

  test('networks and origins of a new key are told before it is shown; another plan of the app reaches the keys that carry none of their own', async () => {
    const { accounts, app } = await furnished()
    const draft = { app: app.id, name: 'k', addresses: ['192.0.2.0/24'], origins: ['https://app.example.com'] }
    const one = valueOf(await accounts.createKey(draft, DEVELOPER))
    const own = valueOf(await accounts.createKey({ app: app.id, name: 'own', plan: 'gold' }, DEVELOPER))
    expect(await toldOf('key', one.id)).toMatchObject([
      { changed: { addresses: { value: draft.addresses }, origins: { value: draft.origins } } },
    ])
    valueOf(await accounts.changeApp(app.id, { plan: 'secret' }, undefined, OPERATOR))
    expect((await toldOf('key', one.id))[0]?.changed?.plan?.value).toBe('secret')
    expect(await toldOf('key', own.id)).toEqual([])
  })

  test('rotation: the old key ends when it was said, the new one has all that it had', async () => {
    const { accounts, app } = await furnished()
    const draft = { app: app.id, name: 'k', scopes: ['read'], addresses: ['192.0.2.0/24'], expiresInSeconds: 86_400 * 30 }
    const old = valueOf(await accounts.createKey(draft, DEVELOPER))
    valueOf(await accounts.createKey({ app: app.id, name: 'second' }, DEVELOPER))
    const before = Date.now()
    const fresh = valueOf(await accounts.rotateKey(old.id, { overlapSeconds: 3600 }, DEVELOPER))
    expect(parseKey(fresh.secret ?? '')).toMatchObject({ consumer: app.id, scopes: ['read'] })
    expect((fresh.expiresAt ?? 0) - fresh.createdAt).toBeGreaterThan(86_400 * 29 * 1000)
    const kept = await accounts.key(old.id)
    expect(kept).toMatchObject({ replacedBy: fresh.id, state: 'active' })
    expect(kept?.validUntil).toBeGreaterThanOrEqual(before + 3_600_000)
    expect((await toldOf('key', old.id))[0]?.changed?.validUntil?.value).toBe(kept?.validUntil)
    expect((await toldOf('key', fresh.id))[0]?.changed?.addresses?.value).toEqual(draft.addresses)
    expect(await accounts.rotateKey(old.id, {}, DEVELOPER)).toMatchObject({ status: 'invalid' })
    expect(await accounts.rotateKey(fresh.id, { overlapSeconds: 90 * 86_400 + 1 }, DEVELOPER)).toMatchObject({ status: 'invalid' })
    expect(await accounts.rotateKey(fresh.id, { overlapSeconds: 90 * 86_400 }, DEVELOPER)).toMatchObject({ status: 'written' })
  })

  test('scopes set back are those that the key was issued with', async () => {
    const { accounts, app } = await furnished()
    const key = valueOf(await accounts.createKey({ app: app.id, name: 'k', scopes: ['read'] }, DEVELOPER))
    valueOf(await accounts.changeKey(key.id, { scopes: ['write'], state: 'disabled' }, 1, OPERATOR))
    expect(await accounts.changeKey(key.id, { scopes: null }, 1, OPERATOR)).toMatchObject({ status: 'stale', current: { version: 2 } })
    expect(valueOf(await accounts.changeKey(key.id, { scopes: null }, 2, OPERATOR)).scopes).toEqual(['read'])
    expect((await toldOf('key', key.id))[0]?.changed).toMatchObject({ scopes: { value: null }, disabled: { value: true } })
  })

  test('what an operator disabled, no developer enables or replaces; what a developer disabled, both', async () => {
    const { accounts, app } = await furnished()
    const key = valueOf(await accounts.createKey({ app: app.id, name: 'k' }, DEVELOPER))
    valueOf(await accounts.changeKey(key.id, { state: 'disabled' }, undefined, DEVELOPER))
    valueOf(await accounts.changeKey(key.id, { state: 'active' }, undefined, DEVELOPER))
    expect(valueOf(await accounts.changeKey(key.id, { state: 'disabled' }, undefined, OPERATOR)).disabledBy).toBe('operator')
    valueOf(await accounts.changeKey(key.id, { state: 'disabled', name: 'mine' }, undefined, DEVELOPER))
    for (const refused of [
      await accounts.changeKey(key.id, { state: 'active' }, undefined, DEVELOPER),
      await accounts.rotateKey(key.id, {}, DEVELOPER),
    ])
      expect(refused).toMatchObject({ status: 'invalid', errors: [{ detail: 'an operator of this gate disabled the key: ask them' }] })
    const enabled = valueOf(await accounts.changeKey(key.id, { state: 'active' }, undefined, OPERATOR))
    expect(enabled.disabledBy).toBeUndefined()
    expect((await accounts.rotateKey(key.id, {}, DEVELOPER)).status).toBe('written')
  })

  test('a feed that is down: pending, kept through an eviction, and told by the alarm', async () => {
    const directory = await furnished()
    const { accounts, stub, app } = directory
    const key = valueOf(await accounts.createKey({ app: app.id, name: 'k' }, DEVELOPER))
    const answer = await withoutFeed(directory, async (object) => object.change('revokeKey', OPERATOR, key.id, 'leaked'))
    expect(answer).toMatchObject({ status: 'written', inForce: 'pending' })
    expect(await toldOf('key', key.id)).toEqual([])
    await evictDurableObject(stub())
    expect((await accounts.key(key.id))?.state).toBe('revoked')
    expect(await runDurableObjectAlarm(stub())).toBe(true)
    expect(await isRevoked('key', key.id)).toBe(true)
    expect(await runDurableObjectAlarm(stub())).toBe(false)
  })

  /** Each change that reaches the feed, and what the feed must have heard of it. */
  type Cut = (
    object: DirectoryObject,
    made: { readonly organisation: string; readonly app: string; readonly key: string },
  ) => Promise<unknown>
  const isOff = async (type: 'key' | 'consumer', id: string) =>
    (await toldOf(type, id)).some(({ changed }) => changed?.disabled?.value === true)
  test.each<readonly [string, Cut, (made: { app: string; key: string }) => Promise<boolean>]>([
    ['key.revoke', async (object, { key }) => object.change('revokeKey', OPERATOR, key, ''), async ({ key }) => isRevoked('key', key)],
    [
      'key.change',
      async (object, { key }) => object.change('changeKey', OPERATOR, key, { state: 'disabled' }, undefined),
      async ({ key }) => isOff('key', key),
    ],
    [
      'app.change',
      async (object, { app }) => object.change('changeApp', OPERATOR, app, { state: 'disabled' }, undefined),
      async ({ app }) => isOff('consumer', app),
    ],
    [
      'app.delete',
      async (object, { app }) => object.change('deleteApp', OPERATOR, app, undefined),
      async ({ app }) => isRevoked('consumer', app),
    ],
    [
      'organisation.change',
      async (object, { organisation }) => object.change('changeOrganisation', OPERATOR, organisation, { state: 'disabled' }, undefined),
      async ({ app }) => isOff('consumer', app),
    ],
    [
      'organisation.delete',
      async (object, { organisation }) => object.change('deleteOrganisation', OPERATOR, organisation, undefined),
      async ({ app }) => isRevoked('consumer', app),
    ],
    [
      'key.rotate',
      async (object, { app, key }) =>
        object.change('createKey', OPERATOR, { id: 'f'.repeat(24), app, kind: 'secret', name: 'n' }, 20, { id: key, overlapSeconds: 60 }),
      async ({ key }) => (await toldOf('key', key)).some(({ changed }) => changed?.validUntil !== undefined),
    ],
  ])('%s, evicted between the decision and the feed: the decision, its line and its outbox are one', async (action, cut, isTold) => {
    const { accounts, stub, organisation, app } = await furnished()
    const key = valueOf(await accounts.createKey({ app: app.id, name: 'k' }, DEVELOPER))
    const made = { organisation: organisation.id, app: app.id, key: key.id }
    // Never answered: the call is cut off where it waits for the feed.
    await runInDurableObject(stub(), async (_, state) => {
      const never = async (): Promise<never> => new Promise(() => {})
      const REVOCATIONS = { getByName: () => ({ append: never, change: never }) } as unknown as Bindings['REVOCATIONS']
      void cut(new DirectoryObject(state, { ...bindings, REVOCATIONS }), made)
      await state.storage.sync()
      state.abort('evicted')
    }).catch(() => undefined)
    expect((await accounts.audit({})).items[0]).toMatchObject({ action })
    expect(await accounts.verifyAudit()).toMatchObject({ status: 'whole' })
    await runDurableObjectAlarm(stub())
    expect(await isTold(made)).toBe(true)
  })

  test('a change that the feed does not take holds no revocation up', async () => {
    const directory = await furnished()
    const { accounts, stub, app } = directory
    const key = valueOf(await accounts.createKey({ app: app.id, name: 'k' }, DEVELOPER))
    await withoutFeed(directory, async (object) => object.change('changeKey', OPERATOR, key.id, { state: 'disabled' }, undefined))
    await withoutFeed(directory, async (object) => object.change('revokeKey', OPERATOR, key.id, 'leaked'))
    await runInDurableObject(stub(), async (_, state) => {
      const change = async (): Promise<never> => {
        throw new Error('the revocation feed takes no more changes')
      }
      const REVOCATIONS = {
        getByName: () => ({ append: async (entries: never) => feed().append(entries), change }),
      } as unknown as Bindings['REVOCATIONS']
      await new DirectoryObject(state, { ...bindings, REVOCATIONS }).alarm()
    })
    expect(await isRevoked('key', key.id)).toBe(true)
    await runDurableObjectAlarm(stub())
    expect((await toldOf('key', key.id)).some(({ changed }) => changed?.disabled?.value === true)).toBe(true)
  })
})

describe('members and invitations', () => {
  test('an invitation opens once, to whoever has it; another organisation withdraws nothing', async () => {
    const { accounts, organisation } = await furnished()
    const other = valueOf(await accounts.createOrganisation({ name: 'Other' }, OPERATOR))
    const invited = valueOf(await accounts.invite(organisation.id, { note: 'Grace', role: 'developer' }, DEVELOPER))
    expect(await accounts.withdrawInvitation(other.id, invited.id, OPERATOR)).toEqual({ status: 'not_found' })
    const grace = { person: personOf('b'), display: 'grace' }
    const answers = await Promise.all(
      [1, 2, 3].map(async () => accounts.acceptInvitation(invited.token, grace, { ...DEVELOPER, id: grace.person })),
    )
    expect(answers.map(({ status }) => status).toSorted()).toEqual(['not_found', 'not_found', 'written'])
    expect(await accounts.members(organisation.id)).toMatchObject([{ role: 'owner' }, { person: grace.person, role: 'developer' }])
    expect(await accounts.invitations(organisation.id)).toEqual([])
    for (const token of ['', 'pci_', `pci_${'x'.repeat(43)}`, invited.id])
      expect(await accounts.acceptInvitation(token, grace, DEVELOPER)).toEqual({ status: 'not_found' })
  })

  test('50 invitations, not 51; the last owner stays', async () => {
    const { accounts, organisation } = await furnished()
    const draft = { note: '', role: 'viewer' } as const
    for (let number = 1; number <= 50; number++) valueOf(await accounts.invite(organisation.id, draft, DEVELOPER))
    expect(await accounts.invite(organisation.id, draft, DEVELOPER)).toEqual({ status: 'full', limit: 50 })
    expect(await accounts.changeMember(organisation.id, DEVELOPER.id, 'none', DEVELOPER)).toMatchObject({ status: 'invalid' })
    expect(await accounts.changeMember(organisation.id, DEVELOPER.id, 'viewer', DEVELOPER)).toMatchObject({ status: 'invalid' })
    expect(await accounts.changeMember(organisation.id, DEVELOPER.id, 'none', OPERATOR)).toMatchObject({ status: 'written' })
  })
})

describe('the audit log', () => {
  test('every write is a line, by whom and without secrets; whoever reads one organisation reads no other', async () => {
    const { accounts, organisation, app } = await furnished()
    valueOf(await accounts.createOrganisation({ name: 'Other' }, OPERATOR))
    const { items } = await accounts.audit({ organisation: organisation.id })
    expect(items.map(({ action }) => action)).toEqual(['app.create', 'organisation.create'])
    expect(items[0]).toMatchObject({ actor: DEVELOPER, target: { type: 'app', id: app.id }, detail: { name: 'web', plan: 'free' } })
    const first = await accounts.audit({ limit: 2 })
    const second = await accounts.audit({ limit: 2, ...(first.next === undefined ? {} : { after: first.next }) })
    expect([...first.items, ...second.items].map(({ sequence }) => sequence)).toEqual([3, 2, 1])
    expect(second.next).toBeUndefined()
  })

  test.each([
    ['a line was changed', `update audit set entry = replace(entry, '"web"', '"wev"') where sequence = 2`, 2],
    ['a line was taken out', 'delete from audit where sequence = 2', 2],
    ['the last line was taken out', 'delete from audit where sequence = 3', 3],
    ['the first line was taken out', 'delete from audit where sequence = 1', 1],
    ['a hash was changed', `update audit set hash = '${'0'.repeat(64)}' where sequence = 1`, 1],
    [
      'two lines changed places',
      'update audit set sequence = case sequence when 2 then 30 else 2 end where sequence in (2, 3); update audit set sequence = 3 where sequence = 30',
      2,
    ],
  ])('%s: it shows, and where', async (_, statement, sequence) => {
    const { accounts, stub, organisation } = await furnished()
    valueOf(await accounts.changeOrganisation(organisation.id, { name: 'Acme 2' }, undefined, OPERATOR))
    expect(await accounts.verifyAudit()).toMatchObject({ status: 'whole', entries: 3 })
    await runInDurableObject(stub(), (_object, state) => void state.storage.sql.exec(statement))
    expect(await accounts.verifyAudit()).toEqual({ status: 'broken', sequence })
  })

  test('a line that an eviction left unsealed is sealed with the next', async () => {
    const { accounts, stub } = await furnished()
    await runInDurableObject(stub(), (_, state) => void state.storage.sql.exec('update audit set hash = null where sequence = 2'))
    await evictDurableObject(stub())
    await accounts.record({ action: 'test', target: { type: 'test', id: '1' }, detail: {} }, OPERATOR)
    expect(await accounts.verifyAudit()).toMatchObject({ status: 'whole', entries: 3 })
  })
})

test('AK-2: all that the object stores holds nothing that could be used', async () => {
  const { accounts, stub, organisation, app } = await furnished()
  const issued = valueOf(await accounts.createKey({ app: app.id, name: 'issued' }, OPERATOR))
  const imported = 'legacy-key-of-somebody-else-0123456789'
  valueOf(await accounts.createKey({ app: app.id, name: 'imported', imported }, OPERATOR))
  const invited = valueOf(await accounts.invite(organisation.id, { note: 'x', role: 'viewer' }, OPERATOR))
  const rotated = valueOf(await accounts.rotateKey(issued.id, {}, OPERATOR))
  const dump = await runInDurableObject(stub(), (_, { storage: { sql } }) => {
    const names = sql
      .exec<{ name: string }>(`select name from sqlite_master where type = 'table' and name not like '\\_cf%' escape '\\'`)
      .toArray()
    return JSON.stringify(names.map(({ name }) => [name, sql.exec(`select * from "${name}"`).toArray()]))
  })
  expect(dump).toContain(issued.id)
  for (const secret of [issued.secret, rotated.secret, imported, invited.token]) {
    const tail = (secret ?? '').slice(-20)
    expect(tail).toHaveLength(20)
    expect(dump).not.toContain(tail)
  }
})
