import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../bindings.ts'
import type { Actor, AuditEntry, OperatorRole, Page } from './accounts.ts'
import { createAuditLog, type AuditLine, type AuditLog, type Verified } from './audit-log.ts'
import { beginOnce, endOnce } from './remembered.ts'
import { migrate } from './schema.ts'

/** Who the developers and the operators are, and everything that was done: the one object of a gateway that knows. */
export class DirectoryObject extends DurableObject<Bindings> {
  readonly #sql: SqlStorage
  readonly #audit: AuditLog

  constructor(state: DurableObjectState, bindings: Bindings) {
    super(state, bindings)
    this.#sql = state.storage.sql
    migrate(state.storage)
    this.#audit = createAuditLog(this.#sql)
  }

  async record(line: AuditLine, actor: Actor): Promise<void> {
    this.#audit.append(line, actor, Date.now())
    await this.#audit.seal()
  }

  async audit(asked: { readonly after?: string; readonly limit: number; readonly organisation?: string }): Promise<Page<AuditEntry>> {
    await this.#audit.seal()
    return this.#audit.page(asked)
  }

  async verifyAudit(): Promise<Verified> {
    return this.#audit.verify()
  }

  async beginOnce(name: string, fingerprint: string): Promise<ReturnType<typeof beginOnce>> {
    return this.ctx.storage.transactionSync(() => beginOnce(this.#sql, name, fingerprint, Date.now()))
  }

  async endOnce(name: string, answer: string | undefined): Promise<void> {
    endOnce(this.#sql, name, answer)
  }

  async operatorRole(person: string): Promise<OperatorRole | undefined> {
    const [row] = this.#sql.exec<{ value: string }>('select value from operators where person = ?', person).toArray()
    return row === undefined ? undefined : (JSON.parse(row.value) as { role: OperatorRole }).role
  }
}
