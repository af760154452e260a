import { describe, expect, test } from 'vitest'
import type { Actor } from '../../../src/directory/accounts.ts'
import { createDirectory, DEVELOPER, OPERATOR, personOf, valueOf } from '../../support/directory.ts'

const ada = { person: personOf('a'), display: 'ada' }
const eve = { person: personOf('e'), display: 'eve' }
const asEve: Actor = { ...DEVELOPER, id: eve.person }

async function organisationOf(accounts: ReturnType<typeof createDirectory>['accounts']) {
  const { id } = valueOf(await accounts.createOrganisation({ name: 'Acme', owner: ada }, DEVELOPER))
  valueOf(await accounts.changeMember(id, eve.person, 'owner', OPERATOR, 'eve'))
  return id
}

describe('invitations', () => {
  test.each(['none', 'developer'] as const)(
    'of an owner who is one no longer (%s) are withdrawn: no way back is left open',
    async (role) => {
      const { accounts } = createDirectory()
      const id = await organisationOf(accounts)
      const { token } = valueOf(await accounts.invite(id, { note: 'for later', role: 'owner' }, asEve))
      const { token: good } = valueOf(await accounts.invite(id, { note: 'bob', role: 'viewer' }, DEVELOPER))
      valueOf(await accounts.changeMember(id, eve.person, role, DEVELOPER))
      expect((await accounts.acceptInvitation(token, eve, asEve)).status).toBe('not_found')
      expect((await accounts.audit({ organisation: id })).items.map(({ action }) => action)).toContain('invitation.withdraw')
      expect((await accounts.acceptInvitation(good, { person: personOf('b'), display: 'bob' }, DEVELOPER)).status).toBe('written')
    },
    20_000,
  )

  test('of one organisation open no other, and a member is given no other role by one', async () => {
    const { accounts } = createDirectory()
    const id = await organisationOf(accounts)
    const { token, ...invitation } = valueOf(await accounts.invite(id, { note: '', role: 'owner' }, asEve))
    valueOf(await accounts.changeMember(id, personOf('c'), 'viewer', OPERATOR, 'carol'))
    valueOf(await accounts.acceptInvitation(token, { person: personOf('c'), display: 'carol' }, { ...DEVELOPER, id: personOf('c') }))
    expect((await accounts.members(id)).find(({ person }) => person === personOf('c'))?.role).toBe('viewer')
    expect((await accounts.withdrawInvitation(`org_${'a'.repeat(20)}`, invitation.id, DEVELOPER)).status).toBe('not_found')
  })
})

describe('what a developer may wear out', () => {
  test('changes of one developer come slower than the feed would be filled; operators and others are not kept', async () => {
    const { accounts } = createDirectory({ portal: { maxOrganisations: 1000, maxApps: 100, maxKeys: 20, plans: ['free'] } })
    const { id } = valueOf(await accounts.createOrganisation({ name: 'Acme', owner: ada }, DEVELOPER))
    const app = valueOf(await accounts.createApp({ organisation: id, name: 'a', plan: 'free' }, DEVELOPER))
    const rename = async (index: number, actor: Actor) => accounts.changeApp(app.id, { name: `n${index}` }, undefined, actor)
    for (let index = 0; index < 118; index += 1) expect((await rename(index, DEVELOPER)).status).toBe('written')
    expect(await rename(118, DEVELOPER)).toMatchObject({ status: 'invalid', errors: [{ pointer: '' }] })
    expect((await accounts.app(app.id))?.name).toBe('n117')
    expect((await rename(200, asEve)).status).toBe('written')
    expect((await rename(201, OPERATOR)).status).toBe('written')
    const system: Actor = { ...OPERATOR, kind: 'system', id: DEVELOPER.id }
    expect((await rename(202, system)).status).toBe('written')
  })

  test('a key is revoked all the same, whatever its holder did before', async () => {
    const { accounts } = createDirectory()
    const { id } = valueOf(await accounts.createOrganisation({ name: 'Acme', owner: ada }, DEVELOPER))
    const app = valueOf(await accounts.createApp({ organisation: id, name: 'a', plan: 'free' }, DEVELOPER))
    const key = valueOf(await accounts.createKey({ app: app.id, name: 'k' }, DEVELOPER))
    for (let index = 0; index < 120; index += 1) await accounts.changeApp(app.id, { name: `n${index}` }, undefined, DEVELOPER)
    expect((await accounts.createKey({ app: app.id, name: 'another' }, DEVELOPER)).status).toBe('invalid')
    expect((await accounts.revokeKey(key.id, '', DEVELOPER)).status).toBe('written')
  })

  test('as many at once as there is room for, and none more', async () => {
    const { accounts } = createDirectory()
    const { id } = valueOf(await accounts.createOrganisation({ name: 'Acme', owner: ada }, DEVELOPER))
    const made = await Promise.all(
      Array.from({ length: 8 }, async () => accounts.createApp({ organisation: id, name: 'a', plan: 'free' }, DEVELOPER)),
    )
    expect(made.filter(({ status }) => status === 'written')).toHaveLength(2)
    const [app] = (await accounts.apps({ organisation: id })).items
    const keys = await Promise.all(Array.from({ length: 8 }, async () => accounts.createKey({ app: app?.id ?? '', name: 'k' }, DEVELOPER)))
    expect(keys.filter(({ status }) => status === 'written')).toHaveLength(2)
  })
})
