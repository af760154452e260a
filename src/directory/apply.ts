import type { AccountFault } from './accounts.ts'
import { changeApp, createApp, dropApp } from './change-apps.ts'
import { changeKey, restoreKey, revokeKey } from './change-keys.ts'
import { changeMember, changeOrganisation, createOrganisation, deleteOrganisation } from './change-organisations.ts'
import type { ApplyApp, ApplyDocument, ApplyKey, ApplyOrganisation } from './apply-document.ts'
import { MAX_APPS, MAX_ORGANISATIONS } from './drafts.ts'
import { newId } from './ids.ts'
import type { Outcome, Work } from './work.ts'

/**
 * Brings the directory to what a document says, as one change: all of it, or nothing and every fault. What it does not name stays as it
 * is, unless it is to be pruned. Naming an id that nobody has makes it with that id: so what was exported comes back.
 */
export function apply(work: Work, document: ApplyDocument): readonly AccountFault[] {
  const faults: AccountFault[] = []
  const named = new Set<string>()
  for (const [index, wanted] of document.organisations.entries()) {
    const place = `/organisations/${index}`
    const id = settle(faults, place, organisationOf(work, wanted), ({ id: known }) => known)
    if (id === undefined) continue
    if (named.has(id)) faults.push({ pointer: place, detail: 'it is named twice' })
    named.add(id)
    applyOrganisation(work, id, wanted, document.prune === true, place, faults)
  }
  if (document.prune === true) {
    for (const { id } of work.tables.organisations({ limit: MAX_ORGANISATIONS }))
      if (!named.has(id)) deleteOrganisation(work, id, undefined)
  }
  return faults
}

/** Notes why something was not written; else gives what was. */
function settle<Value, Result>(
  faults: AccountFault[],
  place: string,
  outcome: Outcome<Value> | AccountFault,
  map: (value: Value) => Result,
): Result | undefined {
  if ('pointer' in outcome) faults.push({ ...outcome, pointer: place + outcome.pointer })
  else if (outcome.status === 'written') return map(outcome.value)
  else if (outcome.status === 'invalid') faults.push(...outcome.errors.map(({ pointer, detail }) => ({ pointer: place + pointer, detail })))
  else faults.push({ pointer: place, detail: outcome.status === 'full' ? `there are ${outcome.limit} already` : 'there is no such thing' })
  return undefined
}

const present = (fields: object): object => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

function organisationOf(work: Work, wanted: ApplyOrganisation): ReturnType<typeof createOrganisation> | AccountFault {
  const { tables } = work
  const { name, state } = wanted
  const alike = wanted.id === undefined ? tables.organisations({ limit: MAX_ORGANISATIONS }).filter((one) => one.name === name) : []
  if (alike.length > 1) return { pointer: '', detail: `more than one organisation is called ${JSON.stringify(name)}: say which, by id` }
  const known = wanted.id === undefined ? alike[0] : tables.organisation(wanted.id)
  if (known !== undefined) return changeOrganisation(work, known.id, present({ name, state }), undefined)
  const made = createOrganisation(work, { id: wanted.id ?? newId('org'), name }, Number.MAX_SAFE_INTEGER)
  return made.status === 'written' && state === 'disabled' ? changeOrganisation(work, made.value.id, { state }, undefined) : made
}

function applyOrganisation(
  work: Work,
  id: string,
  { members, apps }: ApplyOrganisation,
  prune: boolean,
  place: string,
  faults: AccountFault[],
): void {
  for (const [index, { person, role, display }] of (members ?? []).entries())
    settle(faults, `${place}/members/${index}`, changeMember(work, id, person, role, display), () => true)
  if (prune && members !== undefined) {
    const kept = new Set(members.map(({ person }) => person))
    for (const { person } of work.tables.members(id)) if (!kept.has(person)) changeMember(work, id, person, 'none')
  }
  applyApps(work, id, apps, prune, place, faults)
}

function applyApps(
  work: Work,
  id: string,
  apps: readonly ApplyApp[] | undefined,
  prune: boolean,
  place: string,
  faults: AccountFault[],
): void {
  const named = new Set<string>()
  for (const [index, wanted] of (apps ?? []).entries()) {
    const at = `${place}/apps/${index}`
    const app = settle(faults, at, appOf(work, id, wanted), ({ id: known }) => known)
    if (app === undefined) continue
    if (named.has(app)) faults.push({ pointer: at, detail: 'it is named twice' })
    named.add(app)
    applyKeys(work, app, wanted.keys, prune, at, faults)
  }
  if (!prune || apps === undefined) return
  for (const app of work.tables.apps({ organisation: id, limit: MAX_APPS })) {
    if (named.has(app.id)) continue
    dropApp(work, app)
    work.log('app.delete', { type: 'app', id: app.id }, { name: app.name }, id)
  }
}

function appOf(work: Work, organisation: string, wanted: ApplyApp): ReturnType<typeof createApp> | AccountFault {
  const { tables } = work
  const { name, plan, description, state } = wanted
  const apps = tables.apps({ organisation, limit: MAX_APPS })
  const alike = apps.filter((app) => (wanted.id === undefined ? app.name === name : app.id === wanted.id))
  if (alike.length > 1) return { pointer: '', detail: `more than one app is called ${JSON.stringify(name)}: say which, by id` }
  const [known] = alike
  if (known !== undefined) return changeApp(work, known.id, present({ name, plan, description, state }), undefined)
  if (wanted.id !== undefined && tables.app(wanted.id) !== undefined)
    return { pointer: '', detail: 'the app belongs to another organisation' }
  const draft = { id: wanted.id ?? newId('app'), organisation, name, plan, ...(description === undefined ? {} : { description }) }
  const made = createApp(work, draft, MAX_APPS)
  return made.status === 'written' && state === 'disabled' ? changeApp(work, made.value.id, { state }, undefined) : made
}

function applyKeys(
  work: Work,
  app: string,
  keys: readonly ApplyKey[] | undefined,
  prune: boolean,
  place: string,
  faults: AccountFault[],
): void {
  for (const [index, wanted] of (keys ?? []).entries()) settle(faults, `${place}/keys/${index}`, keyOf(work, app, wanted), () => true)
  if (!prune || keys === undefined) return
  const named = new Set(keys.map(({ id }) => id))
  for (const { id } of work.tables.keys(app)) if (!named.has(id)) revokeKey(work, id, 'not named any more')
}

function keyOf(work: Work, app: string, wanted: ApplyKey): ReturnType<typeof changeKey> | AccountFault {
  const known = work.tables.key(wanted.id)
  if (known === undefined) return restoreKey(work, app, wanted)
  if (known.app !== app) return { pointer: '', detail: 'the key belongs to another app' }
  if (wanted.state === 'revoked') return revokeKey(work, known.id, 'applied')
  const { name, state, scopes, plan, addresses, origins } = wanted
  return changeKey(work, known.id, present({ name, state, scopes, plan, addresses, origins }), undefined)
}
