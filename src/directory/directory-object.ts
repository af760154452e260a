import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../bindings.ts'
import { CALL_MS, within } from '../http/object-call.ts'
import { FEED_NAME } from '../revocation/feed.ts'
import type { Actor, App, AuditEntry, OperatorRole, Organisation, Page, Written } from './accounts.ts'
import { apply } from './apply.ts'
import type { ApplyDocument } from './apply-document.ts'
import { createAuditLog, type AuditLine, type AuditLog, type Verified } from './audit-log.ts'
import { changeApp, createApp, deleteApp } from './change-apps.ts'
import { changeKey, createKey, revokeKey } from './change-keys.ts'
import { changeOperator } from './change-operators.ts'
import {
  acceptInvitation,
  changeMember,
  changeOrganisation,
  createOrganisation,
  deleteOrganisation,
  invite,
  withdrawInvitation,
} from './change-organisations.ts'
import { MAX_APPS } from './drafts.ts'
import { createOutbox, type EventCall, type Outbox } from './outbox.ts'
import { takeChange } from './pace.ts'
import { beginOnce, endOnce, type Remembered } from './remembered.ts'
import { migrate } from './schema.ts'
import { createTables, type Paged, type StoredInvitation, type StoredKey, type StoredOperator, type Tables } from './tables.ts'
import { invalid, written, type Outcome, type Work } from './work.ts'

/** Until the feed is told again what it has not heard. */
const RETRY_MS = 2000
const MAX_RETRY_MS = 60_000

/** Lines of the audit log that are events as well. */
const EVENTS: Readonly<Record<string, EventCall['event']['type'] | undefined>> = {
  'key.create': 'key.created',
  'key.rotate': 'key.rotated',
  'key.revoke': 'key.revoked',
  'app.change': 'app.changed',
}

type Rest<Function_> = Function_ extends (work: Work, ...rest: infer Arguments) => unknown ? Arguments : never
/** Every change that can be asked for, by name. */
const CHANGES = {
  createOrganisation,
  changeOrganisation,
  deleteOrganisation,
  changeMember,
  invite,
  withdrawInvitation,
  acceptInvitation,
  createApp,
  changeApp,
  deleteApp,
  createKey,
  changeKey,
  revokeKey,
  changeOperator,
} as const
export type ChangeName = keyof typeof CHANGES
export type ChangeArguments<Name extends ChangeName> = Rest<(typeof CHANGES)[Name]>
export type Changed<Name extends ChangeName> = ReturnType<(typeof CHANGES)[Name]> extends Outcome<infer Value> ? Written<Value> : never

const MAX_FAULTS = 100
const TOO_MANY = invalid('', 'so many changes in a short time are not taken: try again in some minutes')
/** Takes a transaction back. */
class Undone extends Error {
  override readonly name = 'Undone'
  readonly outcome: Outcome<unknown>
  constructor(outcome: Outcome<unknown>) {
    super('undone')
    this.outcome = outcome
  }
}

/** Who the developers and the operators are, and everything that was done: the one object of a gateway that knows. */
export class DirectoryObject extends DurableObject<Bindings> {
  readonly #sql: SqlStorage
  readonly #tables: Tables
  readonly #audit: AuditLog
  readonly #outbox: Outbox
  #failures = 0

  constructor(state: DurableObjectState, bindings: Bindings) {
    super(state, bindings)
    this.#sql = state.storage.sql
    migrate(state.storage)
    this.#tables = createTables(this.#sql)
    this.#audit = createAuditLog(this.#sql)
    this.#outbox = createOutbox(
      this.#sql,
      () => bindings.REVOCATIONS.getByName(FEED_NAME),
      async (events) => bindings.EVENTS.getByName('events').emit(events),
    )
    if (!this.#outbox.isEmpty()) void state.storage.setAlarm(Date.now() + RETRY_MS)
  }

  /** Rows, log and outbox in one transaction; answered once the log is sealed and the feed was told, or could not be for now. */
  async change<Name extends ChangeName>(name: Name, actor: Actor, ...rest: ChangeArguments<Name>): Promise<Changed<Name>> {
    const run = CHANGES[name] as unknown as (work: Work, ...rest: unknown[]) => Outcome<unknown>
    const { outcome, isTold } = this.#transact(actor, (work) =>
      // Whatever its holder did before, a key can be stopped.
      name === 'revokeKey' || takeChange(this.#sql, actor, work.now) ? run(work, ...rest) : TOO_MANY,
    )
    if (outcome.status !== 'written') return outcome as Changed<Name>
    return { ...outcome, inForce: await this.#settled(isTold) } as Changed<Name>
  }

  /** All of a document as one change, or nothing. `isDry`: what would be done, and nothing is. */
  async apply(document: ApplyDocument, isDry: boolean, actor: Actor): Promise<Written<readonly AuditLine[]>> {
    const { outcome, isTold } = this.#transact(actor, (work): Outcome<readonly AuditLine[]> => {
      const lines: AuditLine[] = []
      const log: Work['log'] = (action, target, detail, organisation) => {
        lines.push({ action, target, detail, ...(organisation === undefined ? {} : { organisation }) })
        work.log(action, target, detail, organisation)
      }
      const errors = apply({ ...work, log }, document)
      if (errors.length > 0) throw new Undone({ status: 'invalid', errors: errors.slice(0, MAX_FAULTS) })
      if (isDry) throw new Undone(written(lines))
      return written(lines)
    })
    if (outcome.status !== 'written') return outcome
    return { ...outcome, inForce: isDry ? 'announced' : await this.#settled(isTold) }
  }

  #transact<Value>(actor: Actor, run: (work: Work) => Outcome<Value>): { readonly outcome: Outcome<Value>; readonly isTold: boolean } {
    let isTold = false
    try {
      const outcome = this.ctx.storage.transactionSync(() => {
        const now = Date.now()
        return run({
          tables: this.#tables,
          actor,
          now,
          log: (action, target, detail, organisation) => {
            this.#audit.append({ action, target, detail, ...(organisation === undefined ? {} : { organisation }) }, actor, now)
            const event = this.#eventOf(action, target, detail, organisation, now)
            if (event === undefined) return
            isTold = true
            this.#outbox.add({ kind: 'event', event })
          },
          tell: (call) => {
            isTold = true
            this.#outbox.add(call)
          },
        })
      })
      return { outcome, isTold }
    } catch (error) {
      if (error instanceof Undone) return { outcome: error.outcome as Outcome<Value>, isTold: false }
      throw error
    }
  }

  #eventOf(
    ...[action, { type: kind, id }, detail, organisation, at]: [...Parameters<Work['log']>, number]
  ): EventCall['event'] | undefined {
    const type = EVENTS[action]
    if (type === undefined) return undefined
    const consumer = kind === 'app' ? id : this.#tables.key(id)?.app
    return {
      id: `evt_${crypto.randomUUID()}`,
      type,
      at,
      ...(organisation === undefined ? {} : { organisation }),
      ...(consumer === undefined ? {} : { consumer }),
      data: { ...detail, [kind]: id },
    }
  }

  async #settled(isTold: boolean): Promise<'announced' | 'pending'> {
    // With the transaction: an eviction from here on loses neither.
    if (isTold) await this.ctx.storage.setAlarm(Date.now() + RETRY_MS)
    await this.#audit.seal()
    if (!isTold) return 'announced'
    const isDone = await within(this.#deliver(), CALL_MS, 'the revocation feed').catch(() => false)
    return isDone ? 'announced' : 'pending'
  }

  override async alarm(): Promise<void> {
    await this.#audit.seal()
    await this.#deliver()
    // Whoever stops something is not kept waiting by who is told of it.
    await this.#outbox.deliverEvents().catch(() => undefined)
    if (this.#outbox.isEmpty()) await this.ctx.storage.deleteAlarm()
  }

  async #deliver(): Promise<boolean> {
    const isDone = await this.#outbox.deliver()
    this.#failures = isDone ? 0 : this.#failures + 1
    // Nothing may come between the two: a decision that was just made has set the alarm for itself.
    if (isDone && this.#outbox.isEmpty()) await this.ctx.storage.deleteAlarm()
    else await this.ctx.storage.setAlarm(Date.now() + Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** Math.min(this.#failures, 6)))
    return isDone
  }

  async organisation(id: string): Promise<Organisation | undefined> {
    return this.#tables.organisation(id)
  }
  async organisations(asked: Paged): Promise<readonly Organisation[]> {
    return this.#tables.organisations(asked)
  }
  async members(organisation: string): Promise<ReturnType<Tables['members']>> {
    return this.#tables.members(organisation)
  }
  async membershipsOf(
    people: readonly string[],
  ): Promise<readonly { organisation: Organisation; person: string; role: ReturnType<Tables['members']>[number]['role'] }[]> {
    return people.flatMap((person) =>
      this.#tables.memberships(person).flatMap((id) => {
        const organisation = this.#tables.organisation(id)
        const member = this.#tables.members(id).find((one) => one.person === person)
        return organisation === undefined || member === undefined ? [] : [{ organisation, person, role: member.role }]
      }),
    )
  }
  async invitations(organisation: string): Promise<readonly StoredInvitation[]> {
    return this.#tables.invitations(organisation).filter(({ expiresAt }) => expiresAt > Date.now())
  }
  async app(id: string): Promise<App | undefined> {
    return this.#tables.app(id)
  }
  async apps(asked: Paged & { readonly organisation?: string }): Promise<readonly App[]> {
    return this.#tables.apps(asked)
  }
  /** With the app that it is of. */
  async key(id: string): Promise<{ readonly key: StoredKey; readonly app: App } | undefined> {
    const key = this.#tables.key(id)
    const app = key === undefined ? undefined : this.#tables.app(key.app)
    return key === undefined || app === undefined ? undefined : { key, app }
  }
  async keys(app: string): Promise<readonly StoredKey[]> {
    return this.#tables.keys(app)
  }
  /** An imported or public key as the data path looks it up: `digest:…` of any generation, or `keyid:…`. */
  async findKey(lookups: readonly string[]): Promise<{ readonly key: StoredKey; readonly app: App } | undefined> {
    const [key] = lookups.slice(0, 8).flatMap((lookup) => this.#tables.keyBy(lookup) ?? [])
    const app = key === undefined ? undefined : this.#tables.app(key.app)
    return key === undefined || app === undefined ? undefined : { key, app }
  }
  /** Organisations with all that is theirs, in the form that `apply` takes: everything but secrets. */
  async exported(asked: Paged): Promise<readonly object[]> {
    const tables = this.#tables
    return tables.organisations(asked).map((organisation) =>
      Object.assign({}, organisation, {
        members: tables.members(organisation.id),
        apps: tables
          .apps({ organisation: organisation.id, limit: MAX_APPS })
          .map((app) => Object.assign({}, app, { keys: tables.keys(app.id) })),
      }),
    )
  }
  /** Which of these ids it has never given, or has forgotten since: the feed knows what became of those. */
  async unknownKeys(ids: readonly string[]): Promise<readonly string[]> {
    return ids.slice(0, 100).filter((id) => this.#tables.key(id) === undefined)
  }
  async operators(): Promise<readonly StoredOperator[]> {
    return this.#tables.operators()
  }
  async operatorRole(person: string): Promise<OperatorRole | undefined> {
    return this.#tables.operator(person)?.role
  }

  async record(line: AuditLine, actor: Actor): Promise<void> {
    this.#audit.append(line, actor, Date.now())
    await this.#audit.seal()
  }
  async audit(asked: Paged & { readonly organisation?: string }): Promise<Page<AuditEntry>> {
    await this.#audit.seal()
    return this.#audit.page(asked)
  }
  async verifyAudit(): Promise<Verified> {
    return this.#audit.verify()
  }

  async beginOnce(name: string, fingerprint: string): Promise<Remembered> {
    return this.ctx.storage.transactionSync(() => beginOnce(this.#sql, name, fingerprint, Date.now()))
  }
  async endOnce(name: string, answer: string | undefined): Promise<void> {
    endOnce(this.#sql, name, answer)
  }
}
