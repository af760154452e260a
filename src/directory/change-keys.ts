import type { ChangePatch } from '../revocation/changes.ts'
import type { KeyPatch } from './accounts.ts'
import type { ApplyKey } from './apply-document.ts'
import type { FeedCall } from './outbox.ts'
import { MAX_KEYS, MAX_REVOKED } from './drafts.ts'
import { lookupOf, type StoredKey } from './tables.ts'
import { changedBy, full, invalid, NEVER, NOT_FOUND, written, type Outcome, type Work } from './work.ts'

const target = (id: string) => ({ type: 'key', id })

/** Takes part in what an app may have: it works, and no other is to take its place. */
const counts = (key: StoredKey, now: number): boolean => isAlive(key, now) && key.replacedBy === undefined
const isHeld = ({ disabledBy }: StoredKey, { kind }: Work['actor']): boolean => disabledBy === 'operator' && kind === 'developer'
const HELD = invalid('/state', 'an operator of this gate disabled the key: ask them')
const isAlive = ({ state, expiresAt = NEVER, validUntil = NEVER }: StoredKey, now: number): boolean =>
  state !== 'revoked' && Math.min(expiresAt, validUntil) > now

/** Known before it is shown. `replaces`: the key that then ends at `until`. */
export function createKey(
  work: Work,
  draft: Omit<StoredKey, 'organisation' | 'state' | 'createdAt' | 'createdBy' | 'version'>,
  most: number,
  replaces?: { readonly id: string; readonly overlapSeconds: number },
): Outcome<StoredKey> {
  const { tables, now, actor, log } = work
  const app = tables.app(draft.app)
  if (app === undefined) return NOT_FOUND
  const known = tables.key(draft.id)
  if (known !== undefined) return written(known)
  const old = replaces === undefined ? undefined : tables.key(replaces.id)
  if (replaces !== undefined && old?.app !== app.id) return NOT_FOUND
  const refusal = refusalOf(work, draft, most, old)
  if (refusal !== undefined) return refusal
  const key: StoredKey = { ...draft, organisation: app.organisation, state: 'active', createdAt: now, createdBy: actor.id, version: 1 }
  tables.putKey(key)
  tellNew(work, key, app.plan)
  const { name, kind, scopes, plan, addresses, origins, expiresAt } = key
  log('key.create', target(key.id), { app: app.id, name, kind, scopes, plan, addresses, origins, expiresAt }, app.organisation)
  if (old !== undefined && replaces !== undefined) replace(work, old, key.id, replaces.overlapSeconds)
  return written(key)
}

function refusalOf(
  { tables, now, actor }: Work,
  draft: Pick<StoredKey, 'app' | 'kind' | 'id' | 'digest'>,
  most: number,
  old: StoredKey | undefined,
) {
  if (old !== undefined && isHeld(old, actor)) return HELD
  if (old !== undefined && !counts(old, now)) return invalid('', 'the key has ended, or was replaced already')
  const alive = tables.keys(draft.app).filter((key) => isAlive(key, now))
  const limit = Math.min(most, MAX_KEYS)
  if (alive.filter((key) => counts(key, now) && key.id !== old?.id).length >= limit) return full(limit)
  // Those that were replaced still work for a while: not without end either.
  if (alive.length >= 2 * MAX_KEYS) return full(2 * MAX_KEYS)
  const lookup = lookupOf(draft)
  return lookup !== null && tables.keyBy(lookup) !== undefined ? invalid('/imported', 'the key is known already') : undefined
}

/** What an export says of each kind: every issued key ends; the others are known by nothing else. */
const NEEDED = { secret: 'expiresAt', imported: 'digest', public: 'publicKey' } as const

/** A key of an export, as it was: one that was issued verifies itself as before, and holds nothing that is not in it. */
export function restoreKey(work: Work, app: string, wanted: ApplyKey): Outcome<StoredKey> {
  const { tables, now, actor, log } = work
  const owner = tables.app(app)
  if (owner === undefined) return NOT_FOUND
  const { kind, state = 'active' } = wanted
  if (kind === undefined) return invalid('/id', 'nobody knows this key; an export says all of it')
  const missing = NEEDED[kind]
  if (wanted[missing] === undefined) return invalid(`/${missing}`, 'without it the key is of no use')
  const refusal = state === 'revoked' ? undefined : refusalOf(work, { ...wanted, app, kind }, MAX_KEYS, undefined)
  if (refusal !== undefined) return refusal
  const restored = { createdAt: now, createdBy: actor.id, ...wanted, app, kind, organisation: owner.organisation, state, version: 1 }
  const { lastUsedAt: _, ...key } = restored as StoredKey
  tables.putKey(key)
  tellNew(work, key, owner.plan)
  if (state === 'disabled') tellChange(work, key, { disabled: true }, 'restored')
  if (key.validUntil !== undefined) tellChange(work, key, { validUntil: key.validUntil }, 'restored')
  if (state === 'revoked') work.tell(revocationOf(key, 'revoked'))
  log('key.restore', target(key.id), { app, name: key.name, kind, state }, owner.organisation)
  return written(key)
}

/** What the key does not say itself: networks, browser origins, and a plan that the app was given meanwhile. */
function tellNew(work: Work, key: StoredKey, appPlan: string): void {
  const { addresses, origins, issued, plan } = key
  const isOutdated = plan === undefined && issued?.plan !== appPlan
  const patch = {
    ...(addresses === undefined ? {} : { addresses }),
    ...(origins === undefined ? {} : { origins }),
    ...(isOutdated ? { plan: appPlan } : {}),
  }
  if (Object.keys(patch).length > 0) tellChange(work, key, patch, 'issued')
}

function tellChange({ tell }: Work, { id, expiresAt = NEVER }: StoredKey, patch: ChangePatch, reason: string): void {
  tell({ kind: 'change', request: { target: { type: 'key', id }, patch, expiresAt, reason } })
}

function replace(work: Work, old: StoredKey, replacedBy: string, overlapSeconds: number): void {
  const validUntil = Math.min(old.expiresAt ?? NEVER, work.now + overlapSeconds * 1000)
  work.tables.putKey({ ...old, validUntil, replacedBy, version: old.version + 1 })
  tellChange(work, old, { validUntil }, 'replaced')
  work.log('key.rotate', target(old.id), { replacedBy, validUntil }, old.organisation)
}

export function changeKey(work: Work, id: string, patch: KeyPatch, version: number | undefined): Outcome<StoredKey> {
  const { tables, log, actor } = work
  const known = tables.key(id)
  const app = known === undefined ? undefined : tables.app(known.app)
  if (known === undefined || app === undefined) return NOT_FOUND
  if (version !== undefined && version !== known.version) return { status: 'stale', current: known }
  if (known.state === 'revoked') return invalid('/state', 'the key is revoked, for good')
  if (patch.state === 'active' && isHeld(known, actor)) return HELD
  // `null`: as it was issued.
  const wanted = patch.scopes === null && known.issued?.scopes !== undefined ? { ...patch, scopes: known.issued.scopes } : patch
  const detail = changedBy(known, wanted)
  if (Object.keys(detail).length === 0) return written(known)
  const fields = Object.entries({ ...known, ...wanted, disabledBy: disablerOf(known, patch, actor), version: known.version + 1 }).filter(
    ([, value]) => value !== null && value !== undefined,
  )
  const changed = Object.fromEntries(fields) as unknown as StoredKey
  tables.putKey(changed)
  const told = toldOf(patch, app.plan)
  if (Object.keys(told).length > 0) tellChange(work, changed, told, 'changed')
  log('key.change', target(id), detail, known.organisation)
  return written(changed)
}

/** Of two who disable a key the operator counts. */
function disablerOf({ disabledBy }: StoredKey, { state }: KeyPatch, { kind }: Work['actor']): StoredKey['disabledBy'] {
  if (state === undefined) return disabledBy
  return state === 'active' ? undefined : disabledBy === 'operator' ? disabledBy : kind
}

function toldOf({ state, scopes, plan, addresses, origins }: KeyPatch, appPlan: string): ChangePatch {
  return {
    ...(state === undefined ? {} : { disabled: state === 'disabled' }),
    ...(scopes === undefined ? {} : { scopes }),
    ...(plan === undefined ? {} : { plan: plan ?? appPlan }),
    ...(addresses === undefined ? {} : { addresses }),
    ...(origins === undefined ? {} : { origins }),
  }
}

export function revokeKey({ tables, tell, log }: Work, id: string, reason: string): Outcome<StoredKey> {
  const known = tables.key(id)
  if (known === undefined) return NOT_FOUND
  if (known.state === 'revoked') return written(known)
  const revoked: StoredKey = { ...known, state: 'revoked', version: known.version + 1 }
  tables.putKey(revoked)
  const old = tables.keys(known.app).filter(({ state }) => state === 'revoked')
  for (const one of old.toSorted((a, b) => b.createdAt - a.createdAt).slice(MAX_REVOKED)) tables.dropKey(one.id)
  tell(revocationOf(known, reason === '' ? 'revoked' : reason))
  log('key.revoke', target(id), { app: known.app, name: known.name, reason }, known.organisation)
  return written(revoked)
}

function revocationOf({ id, expiresAt = NEVER }: StoredKey, reason: string): FeedCall {
  return { kind: 'append', entries: [{ target: { type: 'key', id }, expiresAt, reason }] }
}
