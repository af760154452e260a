/** What an `Idempotency-Key` stands for. Names and fingerprints are hashes, answers sealed. */
export type Remembered = { readonly status: 'new' | 'running' | 'other' } | { readonly status: 'done'; readonly answer: string }

const KEPT_MS = 86_400_000
/** Whoever began and never ended is gone: the request may be made again. */
const RUNNING_MS = 60_000
const MAX_REMEMBERED = 10_000

export function beginOnce(sql: SqlStorage, name: string, fingerprint: string, now: number): Remembered {
  sql.exec('delete from remembered where at <= ? or (answer is null and at <= ?)', now - KEPT_MS, now - RUNNING_MS)
  const [known] = sql
    .exec<{ fingerprint: string; answer: string | null }>('select fingerprint, answer from remembered where name = ?', name)
    .toArray()
  if (known === undefined) {
    sql.exec('insert into remembered (name, fingerprint, at) values (?, ?, ?)', name, fingerprint, now)
    sql.exec('delete from remembered where name in (select name from remembered order by at desc limit -1 offset ?)', MAX_REMEMBERED)
    return { status: 'new' }
  }
  if (known.fingerprint !== fingerprint) return { status: 'other' }
  return known.answer === null ? { status: 'running' } : { status: 'done', answer: known.answer }
}

export function endOnce(sql: SqlStorage, name: string, answer: string | undefined): void {
  if (answer === undefined) sql.exec('delete from remembered where name = ?', name)
  else sql.exec('update remembered set answer = ? where name = ?', answer, name)
}
