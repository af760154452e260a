import { formatRecord, type DecisionRecord } from './insight/record.ts'
import { followToEnd } from './origin/answer-end.ts'
import { deny, type Refusal } from './policy/denial.ts'
import type { Caller, Tried } from './policy/evaluate.ts'
import type { LinkedRoute } from './policy/link.ts'
import type { DeferredTask } from './schemes/authenticator.ts'

/** One request on its way: what is known of it, and what is to be done once it is answered. */
export interface Passage {
  readonly request: Request
  readonly requestId: string
  /** Of the client, as the edge reports it; none for requests to the gate itself, which no address is kept from. */
  readonly address: string | undefined
  /** Milliseconds since the epoch, read once. */
  readonly now: number
  readonly deferred: DeferredTask[]
  /** Has it told to insight. */
  readonly observe?: ((passage: Passage, record: DecisionRecord) => void) | undefined
  linkedRoute?: LinkedRoute
  /** Of the matched route. */
  parameters?: Readonly<Record<string, string>>
  caller?: Caller
  /** Access token of the caller's session, for the origin alone. */
  originToken?: string
}

/** `code`: of the record, where the answer is not the origin's. */
export type Outcome = { readonly response: Response; readonly code?: string } | { readonly refusal: Refusal }
type Log = (line: string) => void

/** Turns what the data path concluded, or a throw, into the one response, and leaves its record to be written. Never rejects. */
export async function settle(passage: Passage, work: () => Promise<Outcome>, log: Log): Promise<Response> {
  const outcome = await work().catch(bug)
  if ('response' in outcome) {
    record(passage, outcome.response.status, outcome.code ?? 'forwarded', undefined, log)
    return outcome.response
  }
  const { refusal } = outcome
  const { response, code } = await deny(refusal, passage.requestId).catch(async (error: unknown) =>
    deny(bug(error).refusal, passage.requestId),
  )
  record(passage, response.status, code, refusal, log)
  return response
}

/**
 * Permits of concurrency limits come back when the answer has ended, however it ends; those of a WebSocket when their time is over.
 * `work` forwards the request.
 */
export async function holdPermits(
  { request, deferred }: Passage,
  release: () => Promise<void>,
  work: () => Promise<Outcome>,
): Promise<Outcome> {
  let ended: Promise<void> | undefined = Promise.resolve()
  const run = async (): Promise<void> => {
    if (ended === undefined) return
    await ended
    await release()
  }
  deferred.push({ name: 'permit release', run })
  const outcome = await work()
  if ('refusal' in outcome || request.method === 'HEAD') return outcome
  if (outcome.response.status === 101) {
    ended = undefined
    return outcome
  }
  const followed = followToEnd(outcome.response)
  ended = followed.ended
  return { ...outcome, response: followed.response }
}

/** After the response: a failure is logged by name and disturbs nothing else. */
export async function runDeferred(tasks: readonly DeferredTask[], log: Log): Promise<void> {
  const results = await Promise.allSettled(tasks.map(async ({ run }) => run()))
  for (const [index, result] of results.entries()) {
    if (result.status === 'rejected')
      log(JSON.stringify({ event: 'deferred-failure', task: tasks[index]?.name, detail: messageOf(result.reason) }))
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : 'unknown'
}

function bug(error: unknown): { refusal: Refusal } {
  return { refusal: { at: 'bug', detail: messageOf(error) } }
}

function record(passage: Passage, status: number, code: string, refusal: Refusal | undefined, log: Log): void {
  const { request, requestId, linkedRoute, caller, now } = passage
  const line: DecisionRecord = {
    requestId,
    method: request.method,
    route: linkedRoute?.route.id,
    status,
    code,
    at: now,
    caller,
    tried: refusal === undefined ? undefined : triedOf(refusal),
    fault: refusal !== undefined && 'detail' in refusal ? refusal.detail : undefined,
  }
  passage.observe?.(passage, line)
  passage.deferred.push({ name: 'record', run: async () => log(formatRecord(line)) })
}

function triedOf(refusal: Refusal): readonly Tried[] | undefined {
  if (refusal.at === 'evaluate') return refusal.tried
  if (refusal.at === 'consume') return [{ alternative: 0, authenticator: refusal.authenticator, shortfall: refusal.shortfall }]
  return undefined
}
