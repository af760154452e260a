import { importedKeyDigests } from '../credentials/imported-key.ts'
import { issueKey } from '../credentials/key-format.ts'
import type { RootSecret } from '../credentials/root-secret.ts'
import { encodeBase64Url, encodeHex } from '../http/base64url.ts'
import { CALL_MS, callObject, within } from '../http/object-call.ts'
import type { AccountFault, Accounts, Actor, KeyDraft, KeyRecord, Page, PageAsked, Written } from './accounts.ts'
import { applyDocument, type ApplyDocument } from './apply-document.ts'
import type { ChangeArguments, Changed, ChangeName, DirectoryObject } from './directory-object.ts'
import * as drafts from './drafts.ts'
import { newId } from './ids.ts'
import type { Remembered } from './remembered.ts'
import type { StoredInvitation, StoredKey } from './tables.ts'

/** The one object of a gateway that has its directory. */
export const DIRECTORY_NAME = 'directory'

export interface AccountsParts {
  readonly namespace: DurableObjectNamespace<DirectoryObject>
  readonly rootSecret: RootSecret
  /** Whether the policy has a plan of that name, and what it bounds. */
  readonly hasPlan: (name: string) => boolean
  /** What developers may have; absent: nobody is one. */
  readonly portal?: {
    readonly maxOrganisations: number
    readonly maxApps: number
    readonly maxKeys: number
    readonly plans: readonly string[]
  }
  /** When keys were last used. A failure leaves it unsaid. */
  readonly lastUsed?: (ids: readonly string[]) => Promise<Readonly<Record<string, number>>>
  readonly now: () => number
}
/** What is remembered under an `Idempotency-Key`. */
export interface Once {
  begin(name: string, fingerprint: string): Promise<Remembered>
  end(name: string, answer: string | undefined): Promise<void>
}

const DEFAULT_PAGE = 50
const MAX_PAGE = 100
const INVITATION_PREFIX = 'pci_'
/** A key that is to be had, before the directory knows it. */
type NewKey = ChangeArguments<'createKey'>[0]

/** The directory from the Worker's side: what is asked is read here, and secrets are made here; the object never sees one. */
export function createAccounts(parts: AccountsParts): Accounts & { readonly once: Once } {
  const { namespace, rootSecret, hasPlan, portal, lastUsed, now } = parts
  const object = (): DurableObjectStub<DirectoryObject> => namespace.getByName(DIRECTORY_NAME)
  const ask = async <Answer>(call: (stub: DurableObjectStub<DirectoryObject>) => Promise<Answer>): Promise<Answer> =>
    callObject(async () => call(object()))
  /** The feed is told meanwhile, which may take its whole time too. */
  const change = async <Name extends ChangeName>(name: Name, actor: Actor, ...rest: ChangeArguments<Name>): Promise<Changed<Name>> => {
    const stub = object() as unknown as { change(name: Name, actor: Actor, ...rest: ChangeArguments<Name>): Promise<Changed<Name>> }
    return within(stub.change(name, actor, ...rest), 2 * CALL_MS, 'the directory')
  }
  const mostOf = ({ kind }: Actor, own: keyof Omit<NonNullable<AccountsParts['portal']>, 'plans'>): number =>
    kind === 'developer' ? (portal?.[own] ?? 0) : Number.MAX_SAFE_INTEGER

  function planFault(plan: string | null | undefined, { kind }: Actor): readonly AccountFault[] {
    if (plan === undefined || plan === null) return []
    if (!hasPlan(plan)) return [{ pointer: '/plan', detail: 'the policy has no such plan' }]
    return kind === 'developer' && portal?.plans.includes(plan) !== true
      ? [{ pointer: '/plan', detail: 'this plan is not for the asking' }]
      : []
  }

  const withUse = async (keys: readonly StoredKey[]): Promise<readonly KeyRecord[]> => {
    const used = keys.length === 0 ? {} : await (lastUsed?.(keys.map(({ id }) => id)) ?? Promise.resolve({})).catch(() => ({}))
    return keys.map((key) => {
      const lastUsedAt = (used as Readonly<Record<string, number>>)[key.id]
      return { ...recordOf(key), ...(lastUsedAt === undefined ? {} : { lastUsedAt }) }
    })
  }

  async function newKey(draft: KeyDraft, appPlan: string): Promise<{ readonly key: NewKey; readonly secret?: string }> {
    const { app, name, scopes, plan, addresses, origins, expiresInSeconds, imported, publicKey } = draft
    const common = {
      app,
      name,
      ...present({ scopes, plan, addresses, origins }),
    }
    const carried = { plan: plan ?? appPlan, ...present({ scopes }) }
    if (imported === undefined && publicKey === undefined) {
      const { key: secret, ...claims } = await issueKey(
        rootSecret,
        'api',
        { consumer: app, ...carried, ...present({ expiresInSeconds }) },
        now(),
      )
      return { key: { ...common, id: claims.id, kind: 'secret', expiresAt: claims.expiresAt, issued: carried }, secret }
    }
    const expiresAt = expiresInSeconds === undefined ? undefined : now() + expiresInSeconds * 1000
    const id = newId('key')
    if (publicKey !== undefined) return { key: { ...common, id, kind: 'public', publicKey, issued: carried, ...present({ expiresAt }) } }
    const [digest] = await importedKeyDigests(rootSecret, imported ?? '')
    return { key: { ...common, id, kind: 'imported', issued: carried, ...present({ digest, expiresAt }) } }
  }

  return {
    async createOrganisation(draft, actor) {
      const asked = drafts.read(drafts.organisationDraft, draft)
      if ('errors' in asked) return invalid(asked.errors)
      return change('createOrganisation', actor, { id: newId('org'), ...asked.value }, mostOf(actor, 'maxOrganisations'))
    },
    organisation: async (id) => ask(async (stub) => stub.organisation(id)),
    organisations: async (asked) => pageOf(asked, async (paged) => ask(async (stub) => stub.organisations(paged))),
    async changeOrganisation(id, patch, version, actor) {
      const asked = drafts.read(drafts.organisationPatch, patch)
      return 'errors' in asked ? invalid(asked.errors) : change('changeOrganisation', actor, id, asked.value, version)
    },
    deleteOrganisation: async (id, version, actor) => change('deleteOrganisation', actor, id, version),

    members: async (organisation) => ask(async (stub) => stub.members(organisation)),
    membershipsOf: async (people) => ask(async (stub) => stub.membershipsOf(people.slice(0, 16))),
    async changeMember(organisation, person, role, actor, display = '') {
      const asked = drafts.read(drafts.personSchema, person)
      return 'errors' in asked ? NOT_FOUND : change('changeMember', actor, organisation, person, role, display)
    },
    async invite(organisation, draft, actor) {
      const asked = drafts.read(drafts.invitationDraft, draft)
      if ('errors' in asked) return invalid(asked.errors)
      const token = INVITATION_PREFIX + encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)))
      const made = await change('invite', actor, { id: newId('inv'), organisation, ...asked.value, hash: await hash(token) })
      return made.status === 'written'
        ? { ...made, value: { ...invitationOf(made.value), token } }
        : (made as Exclude<typeof made, { status: 'stale' }>)
    },
    invitations: async (organisation) => (await ask(async (stub) => stub.invitations(organisation))).map(invitationOf),
    async withdrawInvitation(organisation, id, actor) {
      return mapped(await change('withdrawInvitation', actor, organisation, id), invitationOf)
    },
    async acceptInvitation(token, member, actor) {
      return token.startsWith(INVITATION_PREFIX) && token.length <= 64
        ? change('acceptInvitation', actor, await hash(token), { ...member, display: drafts.displayable(member.display) })
        : NOT_FOUND
    },

    async createApp(draft, actor) {
      const asked = drafts.read(drafts.appDraft, draft)
      if ('errors' in asked) return invalid(asked.errors)
      const faults = planFault(asked.value.plan, actor)
      return faults.length > 0
        ? invalid(faults)
        : change('createApp', actor, { id: newId('app'), ...asked.value }, mostOf(actor, 'maxApps'))
    },
    app: async (id) => ask(async (stub) => stub.app(id)),
    apps: async ({ organisation, ...asked }) =>
      pageOf(asked, async (paged) => ask(async (stub) => stub.apps({ ...paged, ...present({ organisation }) }))),
    async changeApp(id, patch, version, actor) {
      const asked = drafts.read(drafts.appPatch, patch)
      if ('errors' in asked) return invalid(asked.errors)
      const faults = planFault(asked.value.plan, actor)
      return faults.length > 0 ? invalid(faults) : change('changeApp', actor, id, asked.value, version)
    },
    deleteApp: async (id, version, actor) => change('deleteApp', actor, id, version),

    async createKey({ app: of, ...draft }, actor) {
      const asked = drafts.read(drafts.keyDraft, draft)
      if ('errors' in asked) return invalid(asked.errors)
      if (asked.value.imported !== undefined && asked.value.publicKey !== undefined)
        return invalid([{ pointer: '/publicKey', detail: 'a key is imported or public, not both' }])
      const faults = planFault(asked.value.plan, actor)
      if (faults.length > 0) return invalid(faults)
      const app = await ask(async (stub) => stub.app(of))
      if (app === undefined) return NOT_FOUND
      const { key, secret } = await newKey({ app: of, ...asked.value }, app.plan)
      const made = await change('createKey', actor, key, mostOf(actor, 'maxKeys'))
      return mapped(made, (value) => ({ ...recordOf(value), ...present({ secret }) }))
    },
    async key(id) {
      const found = await ask(async (stub) => stub.key(id))
      return found === undefined ? undefined : (await withUse([found.key]))[0]
    },
    keys: async (app) => withUse(await ask(async (stub) => stub.keys(app))),
    async changeKey(id, patch, version, actor) {
      const asked = drafts.read(drafts.keyPatch, patch)
      if ('errors' in asked) return invalid(asked.errors)
      const faults = planFault(asked.value.plan, actor)
      return faults.length > 0 ? invalid(faults) : mapped(await change('changeKey', actor, id, asked.value, version), recordOf)
    },
    async rotateKey(id, asked, actor) {
      const read = drafts.read(drafts.rotation, asked)
      if ('errors' in read) return invalid(read.errors)
      const { overlapSeconds = drafts.DEFAULT_OVERLAP_SECONDS } = read.value
      const found = await ask(async (stub) => stub.key(id))
      if (found === undefined) return NOT_FOUND
      const { key: old, app } = found
      if (old.kind !== 'secret') return invalid([{ pointer: '', detail: 'it was made elsewhere: add the new one, then revoke this' }])
      const { name, scopes, plan, addresses, origins, createdAt, expiresAt = 0 } = old
      const expiresInSeconds = Math.max(60, Math.round((expiresAt - createdAt) / 1000))
      const draft = { app: app.id, name, ...present({ scopes, plan, addresses, origins, expiresInSeconds }) }
      const { key, secret } = await newKey(draft, app.plan)
      const made = await change('createKey', actor, key, mostOf(actor, 'maxKeys'), { id, overlapSeconds })
      return mapped(made, (value) => ({ ...recordOf(value), ...present({ secret }) }))
    },
    async revokeKey(id, reason, actor) {
      const asked = drafts.read(drafts.reason, reason)
      return 'errors' in asked
        ? invalid([{ pointer: '/reason', detail: asked.errors[0]?.detail ?? '' }])
        : mapped(await change('revokeKey', actor, id, asked.value), recordOf)
    },

    audit: async ({ organisation, ...asked }) => ask(async (stub) => stub.audit({ ...pagedOf(asked), ...present({ organisation }) })),
    verifyAudit: async () => ask(async (stub) => stub.verifyAudit()),
    // Not repeated: a line that is there twice would tell of two changes.
    record: async (line, actor) => within(object().record(line, actor), CALL_MS, 'the directory'),

    async apply(document, isDry, actor) {
      const asked = drafts.read(applyDocument, document)
      if ('errors' in asked) return invalid(asked.errors)
      const faults = unknownPlans(asked.value, hasPlan)
      if (faults.length > 0) return invalid(faults)
      const applied = object().apply(asked.value, isDry, actor) as ReturnType<Accounts['apply']>
      return within(applied, 2 * CALL_MS, 'the directory')
    },
    async exported(asked) {
      const page = await pageOf(asked, async (paged) => ask(async (stub) => stub.exported(paged) as Promise<readonly { id: string }[]>))
      return page
    },

    operators: async () => ask(async (stub) => stub.operators()),
    operatorRole: async (person) => ask(async (stub) => stub.operatorRole(person)),
    changeOperator: async (person, asked, actor) => change('changeOperator', actor, person, asked),

    once: {
      begin: async (name, fingerprint) => within(object().beginOnce(name, fingerprint) as Promise<Remembered>, CALL_MS, 'the directory'),
      end: async (name, answer) => ask(async (stub) => stub.endOnce(name, answer)),
    },
  }
}

function unknownPlans({ organisations }: ApplyDocument, hasPlan: (name: string) => boolean): readonly AccountFault[] {
  const detail = 'the policy has no such plan'
  return organisations.flatMap(({ apps = [] }, index) =>
    apps.flatMap(({ plan, keys = [] }, at) => {
      const place = `/organisations/${index}/apps/${at}`
      const ofKeys = keys.flatMap((key, of) =>
        key.plan === undefined || hasPlan(key.plan) ? [] : [{ pointer: `${place}/keys/${of}/plan`, detail }],
      )
      return hasPlan(plan) ? ofKeys : [{ pointer: `${place}/plan`, detail }, ...ofKeys]
    }),
  )
}

const NOT_FOUND = { status: 'not_found' } as const
const invalid = (errors: readonly AccountFault[]) => ({ status: 'invalid', errors }) as const

function present<const Fields extends object>(fields: Fields): { readonly [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as ReturnType<typeof present<Fields>>
}

/** Without what only the data path and a rotation need. */
function recordOf({ digest: _digest, publicKey: _publicKey, issued: _issued, ...record }: StoredKey): KeyRecord {
  return record
}
function invitationOf({ hash: _hash, ...invitation }: StoredInvitation) {
  return invitation
}
function mapped<One, Other>(answer: Written<One>, map: (value: One) => Other): Written<Other> {
  if (answer.status === 'written') return { ...answer, value: map(answer.value) }
  return answer.status === 'stale' ? { status: 'stale', current: map(answer.current) } : answer
}

function pagedOf({ after, limit = DEFAULT_PAGE }: PageAsked): { readonly after?: string; readonly limit: number } {
  return { limit: Math.min(Math.max(1, Math.floor(limit)), MAX_PAGE), ...present({ after }) }
}
/** One more is asked for than is given: so it is known whether it was the last page. */
async function pageOf<Value extends { readonly id: string }>(
  asked: PageAsked,
  read: (paged: { readonly after?: string; readonly limit: number }) => Promise<readonly Value[]>,
): Promise<Page<Value>> {
  const { limit, ...rest } = pagedOf(asked)
  const found = await read({ ...rest, limit: limit + 1 })
  const items = found.slice(0, limit)
  const last = items.at(-1)
  return { items, ...(found.length > limit && last !== undefined ? { next: last.id } : {}) }
}

async function hash(token: string): Promise<string> {
  return encodeHex(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token))))
}
