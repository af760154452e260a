import { encodeHex } from '../http/base64url.ts'
import type { Actor, AuditEntry, Page } from './accounts.ts'

/** What is written down of one change. */
export type AuditLine = Pick<AuditEntry, 'action' | 'target' | 'organisation' | 'detail'>
interface Row extends Record<string, SqlStorageValue> {
  readonly sequence: number
  readonly entry: string
  readonly hash: string | null
}
export type Verified =
  | { readonly status: 'whole'; readonly entries: number; readonly head: string }
  /** `sequence`: the first line that is not what was written, or that is missing. */
  | { readonly status: 'broken'; readonly sequence: number }

/** What the first line follows. */
const ROOT = '0'.repeat(64)
/** Lines read at a time. */
const BATCH = 1000
const MAX_DETAIL = 4000
/** Keys, and tokens of invitations and of the first owner, that somebody sent in place of a name. */
const SECRET = /pc[kabi]_[\w-]{16,}/gu

/**
 * Who changed what, each line bound to the one before it by SHA-256 over `previous hash, line`. A line is written in the transaction of
 * its change and sealed before the change is answered; one that an eviction left unsealed is sealed next.
 */
export interface AuditLog {
  /** Within the transaction of the change. */
  append(line: AuditLine, actor: Actor, now: number): void
  seal(): Promise<void>
  page(asked: { readonly after?: string; readonly limit: number; readonly organisation?: string }): Page<AuditEntry>
  verify(): Promise<Verified>
}

export function createAuditLog(sql: SqlStorage): AuditLog {
  let sealing: Promise<void> = Promise.resolve()

  async function sealAll(): Promise<void> {
    let previous: string | undefined
    for (;;) {
      const [row] = sql.exec<Row>('select sequence, entry, hash from audit where hash is null order by sequence limit 1').toArray()
      if (row === undefined) return
      previous ??= before(row.sequence)
      previous = await hashOf(previous, row)
      sql.exec('update audit set hash = ? where sequence = ?', previous, row.sequence)
    }
  }
  function before(sequence: number): string {
    const query = 'select hash from audit where sequence < ? order by sequence desc limit 1'
    return sql.exec<{ hash: string | null }>(query, sequence).toArray()[0]?.hash ?? ROOT
  }
  const seal = async (): Promise<void> => {
    sealing = sealing.then(sealAll, sealAll)
    return sealing
  }

  return {
    append({ action, target, organisation, detail }, actor, now) {
      const text = JSON.stringify(detail)
      const kept = text.length > MAX_DETAIL ? { shortened: text.slice(0, MAX_DETAIL) } : detail
      const entry = JSON.stringify({ at: now, actor, action, target, organisation, detail: kept }).replaceAll(SECRET, '(a secret)')
      sql.exec('insert into audit (organisation, entry) values (?, ?)', organisation ?? null, entry)
    },
    seal,
    page({ after, limit, organisation }) {
      const from = after === undefined ? Number.MAX_SAFE_INTEGER : Number(after)
      const [where, values] = organisation === undefined ? ['', []] : ['and organisation = ?', [organisation]]
      const query = `select sequence, entry, hash from audit where hash is not null and sequence < ? ${where} order by sequence desc limit ?`
      const rows = sql.exec<Row>(query, Number.isFinite(from) ? from : 0, ...values, limit + 1).toArray()
      const items = rows.slice(0, limit).map(entryOf)
      const next = rows.length > limit ? items.at(-1)?.sequence : undefined
      return { items, ...(next === undefined ? {} : { next: String(next) }) }
    },
    async verify() {
      await seal()
      let previous = ROOT
      let last = 0
      for (;;) {
        const rows = sql
          .exec<Row>(
            'select sequence, entry, hash from audit where sequence > ? and hash is not null order by sequence limit ?',
            last,
            BATCH,
          )
          .toArray()
        if (rows.length === 0) break
        for (const row of rows) {
          previous = await hashOf(previous, row)
          if (row.sequence !== last + 1 || row.hash !== previous) return { status: 'broken', sequence: last + 1 }
          last = row.sequence
        }
      }
      const highest = sql.exec<{ seq: number }>(`select seq from sqlite_sequence where name = 'audit'`).toArray()[0]?.seq ?? 0
      // Lines at the end that were taken out: more were written than are there.
      const later = sql.exec('select 1 from audit where sequence > ?', last).toArray().length
      return highest > last && later === 0 ? { status: 'broken', sequence: last + 1 } : { status: 'whole', entries: last, head: previous }
    },
  }
}

async function hashOf(previous: string, { sequence, entry }: Row): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify([previous, sequence, entry]))
  return encodeHex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)))
}

function entryOf({ sequence, entry, hash }: Row): AuditEntry {
  return { sequence, ...(JSON.parse(entry) as Omit<AuditEntry, 'sequence' | 'hash'>), hash: hash ?? '' }
}
