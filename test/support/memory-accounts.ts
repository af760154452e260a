import type { PortalParts } from '../../src/control/portal/context.ts'
import type {
  AccountFault,
  Actor,
  App,
  AuditEntry,
  Invitation,
  KeyRecord,
  Member,
  Organisation,
  Written,
} from '../../src/directory/accounts.ts'

/** Accounts in the memory of a test, with what the directory keeps to itself open to it. */
export type MemoryAccounts = PortalParts['accounts'] & {
  readonly organisationsById: Map<string, Organisation>
  readonly appsById: Map<string, App>
  readonly keysById: Map<string, KeyRecord>
  readonly auditLog: AuditEntry[]
  /** Calls that may change something, by name. */
  readonly writes: string[]
  /** Makes every method throw, as when the object cannot answer. */
  fail(isFailing: boolean): void
  inForce: 'announced' | 'pending'
}

const faultIn = (name: string | undefined): readonly AccountFault[] =>
  name === undefined || (name.length > 0 && name.length <= 100) ? [] : [{ pointer: '/name', detail: 'must have 1 to 100 characters' }]

export interface MostOfEach {
  readonly maxOrganisations: number
  readonly maxApps: number
  readonly maxKeys: number
}

export function createMemoryAccounts(now: () => number, most: MostOfEach): MemoryAccounts {
  const organisationsById = new Map<string, Organisation>()
  const members = new Map<string, Member[]>()
  const invitations = new Map<string, { invitation: Invitation; token: string }>()
  const appsById = new Map<string, App>()
  const keysById = new Map<string, KeyRecord>()
  const auditLog: AuditEntry[] = []
  const writes: string[] = []
  let isFailing = false
  let count = 0
  const idOf = (prefix: string): string => `${prefix}${String(++count).padStart(20, '0')}`

  function write<Value>(action: string, id: string, actor: Actor, value: Value, organisation?: string): Written<Value> {
    auditLog.unshift({
      sequence: auditLog.length,
      at: now(),
      actor,
      action,
      target: { type: action.split('.')[0] ?? '', id },
      ...(organisation === undefined ? {} : { organisation }),
      detail: {},
      hash: '',
    })
    return { status: 'written', value, inForce: accounts.inForce }
  }
  const stale = (value: { readonly version: number }, version: number | undefined): boolean =>
    version !== undefined && version !== value.version
  function revokeAll(app: string): void {
    for (const key of keysById.values()) if (key.app === app) keysById.set(key.id, { ...key, state: 'revoked' })
  }

  const accounts: Omit<MemoryAccounts, 'fail'> = {
    organisationsById,
    appsById,
    keysById,
    auditLog,
    writes,
    inForce: 'announced',
    async createOrganisation({ name, owner }, actor) {
      const errors = faultIn(name)
      if (errors.length > 0) return { status: 'invalid', errors }
      const owned = [...members.values()].filter((all) => all.some(({ person, role }) => person === owner?.person && role === 'owner'))
      if (owned.length >= most.maxOrganisations) return { status: 'full', limit: most.maxOrganisations }
      const organisation: Organisation = { id: idOf('org_'), name, state: 'active', createdAt: now(), version: 1 }
      organisationsById.set(organisation.id, organisation)
      members.set(organisation.id, owner === undefined ? [] : [{ ...owner, role: 'owner', since: now() }])
      return write('organisation.create', organisation.id, actor, organisation, organisation.id)
    },
    organisation: async (id) => organisationsById.get(id),
    organisations: async () => ({ items: [...organisationsById.values()] }),
    async changeOrganisation(id, patch, version, actor) {
      const known = organisationsById.get(id)
      if (known === undefined) return { status: 'not_found' }
      if (stale(known, version)) return { status: 'stale', current: known }
      const changed = { ...known, ...patch, version: known.version + 1 }
      organisationsById.set(id, changed)
      return write('organisation.change', id, actor, changed, id)
    },
    async deleteOrganisation(id, _version, actor) {
      const known = organisationsById.get(id)
      if (known === undefined) return { status: 'not_found' }
      organisationsById.delete(id)
      members.delete(id)
      for (const app of appsById.values()) if (app.organisation === id) revokeAll(app.id)
      return write('organisation.delete', id, actor, known, id)
    },
    members: async (organisation) => members.get(organisation) ?? [],
    async membershipsOf(people) {
      return [...organisationsById.values()].flatMap((organisation) => {
        const mine = (members.get(organisation.id) ?? []).find(({ person }) => people.includes(person))
        return mine === undefined ? [] : [{ organisation, role: mine.role }]
      })
    },
    async changeMember(organisation, person, role, actor) {
      const known = members.get(organisation) ?? []
      const one = known.find((member) => member.person === person)
      if (one === undefined) return { status: 'not_found' }
      const others = known.filter((member) => member !== one)
      const changed = role === 'none' ? others : [...others, { ...one, role }]
      if (!changed.some((member) => member.role === 'owner'))
        return { status: 'invalid', errors: [{ pointer: '', detail: 'an organisation keeps at least one owner' }] }
      members.set(organisation, changed)
      return write('member.change', person, actor, changed, organisation)
    },
    async invite(organisation, { note, role }, actor) {
      const invitation = { id: idOf('inv_'), organisation, note, role, invitedBy: actor.id, expiresAt: now() + 7 * 86_400_000 }
      const token = `pci_${idOf('')}`
      invitations.set(invitation.id, { invitation, token })
      return write('invitation.create', invitation.id, actor, { ...invitation, token }, organisation)
    },
    invitations: async (organisation) =>
      [...invitations.values()].map(({ invitation }) => invitation).filter((one) => one.organisation === organisation),
    async withdrawInvitation(organisation, id, actor) {
      const known = invitations.get(id)
      if (known?.invitation.organisation !== organisation) return { status: 'not_found' }
      invitations.delete(id)
      return write('invitation.withdraw', id, actor, known.invitation, organisation)
    },
    async acceptInvitation(token, member, actor) {
      const known = [...invitations.values()].find((one) => one.token === token)
      const organisation = organisationsById.get(known?.invitation.organisation ?? '')
      if (known === undefined || organisation === undefined) return { status: 'not_found' }
      invitations.delete(known.invitation.id)
      members.get(organisation.id)?.push({ ...member, role: known.invitation.role, since: now() })
      return write('invitation.accept', known.invitation.id, actor, organisation, organisation.id)
    },
    async createApp(draft, actor) {
      const errors = faultIn(draft.name)
      if (errors.length > 0) return { status: 'invalid', errors }
      if ([...appsById.values()].filter(({ organisation }) => organisation === draft.organisation).length >= most.maxApps)
        return { status: 'full', limit: most.maxApps }
      const app: App = { description: '', ...draft, id: idOf('app_'), state: 'active', createdAt: now(), version: 1 }
      appsById.set(app.id, app)
      return write('app.create', app.id, actor, app, app.organisation)
    },
    app: async (id) => appsById.get(id),
    apps: async ({ organisation }) => ({
      items: [...appsById.values()].filter((app) => organisation === undefined || app.organisation === organisation),
    }),
    async changeApp(id, patch, version, actor) {
      const known = appsById.get(id)
      if (known === undefined) return { status: 'not_found' }
      if (stale(known, version)) return { status: 'stale', current: known }
      const changed = { ...known, ...patch, version: known.version + 1 }
      appsById.set(id, changed)
      return write('app.change', id, actor, changed, known.organisation)
    },
    async deleteApp(id, _version, actor) {
      const known = appsById.get(id)
      if (known === undefined) return { status: 'not_found' }
      revokeAll(id)
      appsById.delete(id)
      return write('app.delete', id, actor, known, known.organisation)
    },
    async createKey(draft, actor) {
      const app = appsById.get(draft.app)
      if (app === undefined) return { status: 'not_found' }
      const wrong = (draft.addresses ?? []).findIndex((one) => !/^[\d.:a-f/]+$/u.test(one))
      if (wrong !== -1) return { status: 'invalid', errors: [{ pointer: `/addresses/${wrong}`, detail: 'not a network' }] }
      if ([...keysById.values()].filter((one) => one.app === app.id && one.state !== 'revoked').length >= most.maxKeys)
        return { status: 'full', limit: most.maxKeys }
      const { name, scopes, addresses, origins, publicKey, expiresInSeconds = 31_536_000 } = draft
      const record: KeyRecord = {
        id: publicKey === undefined ? String(++count).padStart(24, 'a') : idOf('key_'),
        app: app.id,
        organisation: app.organisation,
        kind: publicKey === undefined ? 'secret' : 'public',
        name,
        ...(scopes === undefined ? {} : { scopes }),
        ...(addresses === undefined ? {} : { addresses }),
        ...(origins === undefined ? {} : { origins }),
        state: 'active',
        createdAt: now(),
        createdBy: actor.id,
        ...(publicKey === undefined ? { expiresAt: now() + expiresInSeconds * 1000 } : {}),
        version: 1,
      }
      keysById.set(record.id, record)
      return write(
        'key.create',
        record.id,
        actor,
        publicKey === undefined ? { ...record, secret: `pck_secretof_${record.id}` } : record,
        app.organisation,
      )
    },
    key: async (id) => keysById.get(id),
    keys: async (app) => [...keysById.values()].filter((key) => key.app === app),
    async changeKey(id, patch, version, actor) {
      const known = keysById.get(id)
      if (known === undefined) return { status: 'not_found' }
      if (stale(known, version)) return { status: 'stale', current: known }
      const given = Object.entries({ ...known, ...patch, version: known.version + 1 }).filter(([, value]) => value !== null)
      const changed = Object.fromEntries(given) as unknown as KeyRecord
      keysById.set(id, changed)
      return write('key.change', id, actor, changed, known.organisation)
    },
    async rotateKey(id, { overlapSeconds = 604_800 }, actor) {
      const known = keysById.get(id)
      if (known === undefined) return { status: 'not_found' }
      const record: KeyRecord = { ...known, id: String(++count).padStart(24, 'b'), createdAt: now(), version: 1 }
      keysById.set(record.id, record)
      keysById.set(id, { ...known, validUntil: now() + overlapSeconds * 1000, replacedBy: record.id, version: known.version + 1 })
      return write('key.rotate', id, actor, { ...record, secret: `pck_secretof_${record.id}` }, known.organisation)
    },
    async revokeKey(id, _reason, actor) {
      const known = keysById.get(id)
      if (known === undefined) return { status: 'not_found' }
      const changed: KeyRecord = { ...known, state: 'revoked', version: known.version + 1 }
      keysById.set(id, changed)
      return write('key.revoke', id, actor, changed, known.organisation)
    },
    audit: async ({ organisation }) => ({
      items: auditLog.filter((line) => organisation === undefined || line.organisation === organisation),
    }),
  }
  const READS = /^(?:organisations?|members|membershipsOf|invitations|apps?|keys?|audit)$/u
  return new Proxy(accounts as MemoryAccounts, {
    get(target, name: keyof MemoryAccounts) {
      if (name === 'fail') return (failing: boolean) => (isFailing = failing)
      const member: unknown = target[name]
      if (typeof member !== 'function') return member
      return async (...given: unknown[]) => {
        if (isFailing) throw new Error('the directory object is gone')
        if (!READS.test(name)) writes.push(name)
        return (member as (...all: unknown[]) => unknown)(...given)
      }
    },
  })
}
