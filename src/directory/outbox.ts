import { CALL_MS, within } from '../http/object-call.ts'
import type { ChangeRequest } from '../revocation/change-request.ts'
import type { Revocation } from '../revocation/revocations.ts'

/** What the feed is to be told. Told again it means the same. */
export type FeedCall =
  | { readonly kind: 'append'; readonly entries: readonly Omit<Revocation, 'sequence'>[] }
  | { readonly kind: 'change'; readonly request: ChangeRequest }
/** What operators and webhooks are to be told (docs/events.md). */
export interface EventCall {
  readonly kind: 'event'
  readonly event: {
    readonly id: string
    readonly type: 'key.created' | 'key.rotated' | 'key.revoked' | 'app.changed'
    readonly at: number
    readonly organisation?: string
    readonly consumer?: string
    readonly data: Readonly<Record<string, unknown>>
  }
}
export type TellEvents = (events: readonly EventCall['event'][]) => Promise<unknown>
export interface FeedCalls {
  append(entries: readonly Omit<Revocation, 'sequence'>[]): Promise<unknown>
  change(request: ChangeRequest, now: number): Promise<unknown>
}

/**
 * What has been decided here and the feed has yet to hear: written with the decision, kept until the feed has it. What stops goes first;
 * changes of one target in their order. One that the feed does not take holds up no other target's.
 */
export interface Outbox {
  /** Within the transaction of the decision. */
  add(call: FeedCall | EventCall): void
  isEmpty(): boolean
  /** True: the feed has everything. Never rejects. */
  deliver(): Promise<boolean>
  /** Nobody waits for events. Rejects where they cannot be told; they are kept. */
  deliverEvents(): Promise<void>
}

const BATCH = 100
/** Then the feed itself is taken to be down. */
const MAX_FAILURES = 3

const IS_EVENT = `call like '{"kind":"event"%'`
const IS_APPEND = `call like '{"kind":"append"%'`
const IS_CHANGE = `call like '{"kind":"change"%'`

export function createOutbox(sql: SqlStorage, feed: () => FeedCalls, tellEvents: TellEvents): Outbox {
  let delivering: Promise<boolean> | undefined

  const isEmpty = (): boolean => sql.exec('select 1 from outbox limit 1').toArray().length === 0

  async function tell(sequence: number, call: FeedCall): Promise<boolean> {
    try {
      const told = call.kind === 'append' ? feed().append(call.entries) : feed().change(call.request, Date.now())
      await within(told, CALL_MS, 'the revocation feed')
    } catch {
      return false
    }
    sql.exec('delete from outbox where sequence = ?', sequence)
    return true
  }

  /** However many changes the feed does not take, what stops somebody waits behind none. */
  const run = async (): Promise<boolean> => (await runAll(IS_APPEND)) && (await runAll(IS_CHANGE))

  async function runAll(kind: typeof IS_APPEND | typeof IS_CHANGE): Promise<boolean> {
    const held = new Set<string>()
    let failures = 0
    let after = 0
    for (;;) {
      const rows = sql
        .exec<{ sequence: number; call: string }>(
          `select sequence, call from outbox where sequence > ? and ${kind}
           order by sequence limit ?`,
          after,
          BATCH,
        )
        .toArray()
      if (rows.length === 0) return sql.exec(`select 1 from outbox where ${kind} limit 1`).toArray().length === 0
      const calls = rows.map(({ sequence, call }) => ({ sequence, call: JSON.parse(call) as FeedCall }))
      for (const { sequence, call } of calls) {
        const target = targetOf(call)
        if (target !== undefined && held.has(target)) continue
        if (await tell(sequence, call)) continue
        failures += 1
        if (target !== undefined) held.add(target)
        if (failures >= MAX_FAILURES) return false
      }
      after = rows.at(-1)?.sequence ?? after
    }
  }

  return {
    add(call) {
      sql.exec('insert into outbox (call) values (?)', JSON.stringify(call))
    },
    isEmpty,
    async deliver() {
      delivering ??= run()
        .catch(() => false)
        .finally(() => {
          delivering = undefined
        })
      return delivering
    },
    async deliverEvents() {
      for (;;) {
        const rows = sql
          .exec<{ sequence: number; call: string }>(`select sequence, call from outbox where ${IS_EVENT} order by sequence limit ?`, BATCH)
          .toArray()
        if (rows.length === 0) return
        await within(tellEvents(rows.map(({ call }) => (JSON.parse(call) as EventCall).event)), CALL_MS, 'the events object')
        for (const { sequence } of rows) sql.exec('delete from outbox where sequence = ?', sequence)
      }
    },
  }
}

const targetOf = (call: FeedCall): string | undefined => (call.kind === 'append' ? undefined : JSON.stringify(call.request.target))
