import type { Caller, Tried } from '../policy/evaluate.ts'

/** What the gate concluded about one request: one line of the log, and never a credential in it (GW-4). */
export interface DecisionRecord {
  readonly requestId: string
  readonly method: string
  /** Path template; absent where no route matched. The path itself may hold personal data. */
  readonly route: string | undefined
  readonly status: number
  /** Stable code of the refusal; else `forwarded`, `preflight`, or `granted` on the gate's own paths. */
  readonly code: string
  readonly caller: Caller | undefined
  readonly tried: readonly Tried[] | undefined
  /** Why the gate itself failed. */
  readonly fault: string | undefined
  /** Milliseconds since the epoch at which the request arrived. */
  readonly at: number
}

/** Names who was let in by what a revocation would name, never by subject. */
export function formatRecord(record: DecisionRecord): string {
  const { requestId, method, route, status, code, fault, caller, tried, at } = record
  return JSON.stringify({
    event: 'decision',
    time: new Date(at).toISOString(),
    requestId,
    method,
    route,
    status,
    code,
    fault,
    consumer: caller?.consumer,
    plan: caller?.plan,
    credentials: caller?.principals.map(({ scheme, credentialId }) => ({ scheme, id: credentialId })),
    tried: tried?.map(describe),
  })
}

function describe({ alternative, authenticator, shortfall }: Tried): Record<string, unknown> {
  const detail = 'detail' in shortfall ? shortfall.detail : undefined
  const reason = 'reason' in shortfall ? shortfall.reason : undefined
  return { alternative, scheme: authenticator.name, status: shortfall.status, reason, detail }
}
