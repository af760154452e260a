import { MAX_KEY_LIFE_SECONDS } from '../credentials/key-format.ts'
import type { App, AppDraft, AppPatch } from './accounts.ts'
import { changedBy, full, invalid, NEVER, NOT_FOUND, written, type Outcome, type Work } from './work.ts'
import { MAX_APPS } from './drafts.ts'

const target = (id: string) => ({ type: 'app', id })

/** `most`: how many the organisation may have. */
export function createApp({ tables, now, log }: Work, draft: AppDraft & { readonly id: string }, most: number): Outcome<App> {
  const { id, organisation, name, plan } = draft
  const owner = tables.organisation(organisation)
  if (owner === undefined) return NOT_FOUND
  const known = tables.app(id)
  if (known !== undefined) return written(known)
  if (owner.state === 'disabled') return invalid('/organisation', 'the organisation is disabled')
  const limit = Math.min(most, MAX_APPS)
  if (tables.apps({ organisation, limit }).length >= limit) return full(limit)
  const app: App = { id, organisation, name, description: draft.description ?? '', plan, state: 'active', createdAt: now, version: 1 }
  tables.putApp(app)
  log('app.create', target(id), { name, plan }, organisation)
  return written(app)
}

export function changeApp(work: Work, id: string, patch: AppPatch, version: number | undefined): Outcome<App> {
  const { tables, log } = work
  const known = tables.app(id)
  if (known === undefined) return NOT_FOUND
  if (version !== undefined && version !== known.version) return { status: 'stale', current: known }
  const detail = changedBy(known, patch)
  if (Object.keys(detail).length === 0) return written(known)
  const changed = { ...known, ...patch, version: known.version + 1 }
  tables.putApp(changed)
  if (changed.state !== known.state) disableConsumer(work, changed)
  if (changed.plan !== known.plan) tellPlan(work, changed)
  log('app.change', target(id), detail, known.organisation)
  return written(changed)
}

export function deleteApp(work: Work, id: string, version: number | undefined): Outcome<App> {
  const known = work.tables.app(id)
  if (known === undefined) return NOT_FOUND
  if (version !== undefined && version !== known.version) return { status: 'stale', current: known }
  dropApp(work, known)
  work.log('app.delete', target(id), { name: known.name }, known.organisation)
  return written(known)
}

/** Its id is never given again, so every credential of it stops for good; the last that was issued ends by itself before the feed forgets. */
export function dropApp({ tables, now, tell }: Work, { id }: App): void {
  tables.dropApp(id)
  const expiresAt = now + (MAX_KEY_LIFE_SECONDS + 86_400) * 1000
  tell({ kind: 'append', entries: [{ target: { type: 'consumer', id }, before: NEVER, expiresAt, reason: 'deleted' }] })
}

/** By what the app and its organisation are now. */
export function disableConsumer({ tables, tell }: Work, { id, state, organisation }: App): void {
  const disabled = state === 'disabled' || tables.organisation(organisation)?.state === 'disabled'
  tell({ kind: 'change', request: { target: { type: 'consumer', id }, patch: { disabled }, expiresAt: NEVER, reason: 'app' } })
}

/** Keys carry the plan that the app had when they were issued; those with one of their own keep it. */
function tellPlan({ tables, tell, now }: Work, { id, plan }: App): void {
  for (const key of tables.keys(id)) {
    const expiresAt = key.expiresAt ?? NEVER
    if (key.plan !== undefined || key.state === 'revoked' || expiresAt <= now) continue
    tell({ kind: 'change', request: { target: { type: 'key', id: key.id }, patch: { plan }, expiresAt, reason: 'plan of the app' } })
  }
}
