import * as v from 'valibot'
import type { Accounts } from '../directory/accounts.ts'
import type { Problem } from '../http/problem.ts'
import { messageOf } from '../passage.ts'
import type { AdminScope, Answer, Call, Operation } from './operation.ts'
import type { Operator } from './operators.ts'

export interface RunParts {
  readonly accounts: Pick<Accounts, 'record'>
  readonly log: (line: string) => void
}

/** What stops something is done even where the audit log cannot be written: the gate's own log then has it alone. */
const STOPPING: ReadonlySet<AdminScope> = new Set(['revocations:write', 'changes:write', 'blocks:write', 'kill-switches:write'])

/** Writes down what is about to be done, and does it: what was done and not written down would be worse than the other way round. */
export function createRun({ accounts, log }: RunParts): (operation: Operation, call: Call) => Promise<Answer> {
  async function recordIntent({ id, method, scope, audit }: Operation, call: Call): Promise<void> {
    if (method === 'GET' || audit === 'own') return
    const { target, detail } = audit?.(call) ?? { target: { type: id, id: Object.values(call.params).join('/') }, detail: {} }
    try {
      await accounts.record({ action: id, target, detail }, call.actor)
    } catch (error) {
      if (!STOPPING.has(scope)) throw error
      const { actor } = call
      log(JSON.stringify({ event: 'audit-missed', action: id, target, actor, detail: messageOf(error) }))
    }
  }
  return async (operation, call) => {
    await recordIntent(operation, call)
    return operation.run(call)
  }
}

/** What a page of the gate's own asks of the admin API. */
export interface OwnCall {
  readonly params?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** The admin API for the gate's own pages: who may, what is valid and what is written down are the operation's, as for any other client. */
export function createOwnCalls(
  parts: RunParts & { readonly operations: readonly Operation[]; readonly now: () => number },
): (id: string, asked: OwnCall, operator: Operator, request: Request) => Promise<Answer> {
  const run = createRun(parts)
  const byId = new Map(parts.operations.map((operation) => [operation.id, operation]))
  return async (id, { params = {}, body }, { actor, scopes }, request) => {
    const operation = byId.get(id)
    if (operation === undefined) throw new Error(`the admin API has no operation ${id}`)
    if (![operation.scope, ...(operation.needs ?? [])].every((scope) => scopes.has(scope))) return { status: 'refused', problem: LACKING }
    const read = operation.body === undefined ? ({ ok: true, value: undefined } as const) : parse(operation.body, body)
    if (!read.ok) return { status: 'refused', problem: read.problem }
    return run(operation, { params, query: {}, body: read.value, actor, version: undefined, now: parts.now(), request })
  }
}
const LACKING: Problem = { status: 403, code: 'scope-insufficient', title: 'The credential lacks a scope' }

export type Parsed = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problem: Problem }
export function parse(schema: v.GenericSchema, value: unknown): Parsed {
  const parsed = v.safeParse(schema, value, { abortPipeEarly: true })
  if (parsed.success) return { ok: true, value: parsed.output }
  const errors = parsed.issues.map(({ path, message }) => ({
    pointer: (path ?? []).map(({ key }) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''),
    detail: message,
  }))
  return { ok: false, problem: invalid(errors) }
}

/** All that is wrong with a request, each fault with its place. */
export function invalid(errors: readonly { readonly pointer: string; readonly detail: string }[]): Problem {
  return { status: 422, code: 'request-invalid', title: 'The request is not valid', extensions: { errors } }
}
