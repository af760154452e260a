import type * as v from 'valibot'
import type { Problem } from '../http/problem.ts'
import type { Actor, AuditEntry } from '../directory/accounts.ts'

/** What one call of the admin API may do; operators' roles are sets of these (docs/admin-api.md). */
export const ADMIN_SCOPES = [
  'status:read',
  'revocations:write',
  'changes:write',
  'credits:read',
  'credits:write',
  'people:read',
  'people:write',
  'accounts:read',
  'accounts:write',
  'keys:write',
  'usage:read',
  'usage:write',
  'decisions:read',
  'anomalies:read',
  'anomalies:write',
  'blocks:write',
  'events:read',
  'webhooks:write',
  'audit:read',
  'operators:write',
  'kill-switches:write',
] as const
export type AdminScope = (typeof ADMIN_SCOPES)[number]

/** One operation of the admin API: what checks a call is what describes it (OpenAPI), and what it may do stands beside what it does. */
export interface Operation {
  readonly id: string
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below `/.portcullis/admin/v1`, with Hono's parameters: `/apps/:id`. */
  readonly path: `/${string}`
  readonly summary: string
  readonly scope: AdminScope
  /** Further ones without which it is refused. */
  readonly needs?: readonly AdminScope[]
  /** Strict: what it does not know is an error with its pointer. */
  readonly query?: v.GenericSchema<unknown, Readonly<Record<string, unknown>>>
  readonly body?: v.GenericSchema
  /** Of the answer, for the description. */
  readonly answer?: { readonly status: 200 | 201 | 204; readonly schema?: v.GenericSchema; readonly description: string }
  /** `If-Match` with the entity tag of what is changed: needed (428 without), or taken where it is sent. */
  readonly ifMatch?: 'required' | 'optional'
  /** Most content, in bytes. Default 65,536. */
  readonly maxBodyBytes?: number
  /**
   * What the audit log says of a call that changes something, before it does. `own`: the directory writes its line with the change.
   * Default: the operation's id and its parameters.
   */
  readonly audit?: 'own' | ((call: Call) => Pick<AuditEntry, 'target' | 'detail'>)
  readonly run: (call: Call) => Promise<Answer>
}
export interface Call {
  readonly params: Readonly<Record<string, string>>
  /** As `query` read it. */
  readonly query: Readonly<Record<string, unknown>>
  /** As `body` read it. */
  readonly body: unknown
  readonly actor: Actor
  /** Of `If-Match`; `undefined`: none, or `*`. */
  readonly version: number | undefined
  readonly now: number
  readonly request: Request
}
export type Answer =
  | {
      readonly status: 'done'
      readonly code: 200 | 201 | 204
      readonly value?: object
      readonly version?: number
      /** Below `/.portcullis/admin/v1/`. */
      readonly location?: string
    }
  /** Another form than JSON, such as CSV. */
  | { readonly status: 'sent'; readonly response: Response }
  | { readonly status: 'refused'; readonly problem: Problem }
