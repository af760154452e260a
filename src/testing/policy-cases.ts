import type { Credential } from './credentials.ts'
import type { TestGate } from './test-gate.ts'

/** One line of a table: given this request with these credentials, the gate answers that. */
export interface PolicyCase {
  readonly given: string
  readonly request: {
    readonly method?: string
    readonly path: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string
  }
  readonly credentials?: readonly Credential[]
  readonly expect: {
    readonly status: number
    /** Stable code of a refusal (docs/errors.md); `forwarded` for what reached the origin. */
    readonly code?: string
  }
}

export interface PolicyCaseResult {
  readonly given: string
  readonly isAsExpected: boolean
  /** `403 scope-insufficient`. */
  readonly answer: string
  /** The log line of the decision: the full reason. */
  readonly decision: Readonly<Record<string, unknown>>
}

/**
 * Sends every case through the gate, in order. Throws one error that lists all that came out differently, with the full reason of
 * each; returns the results otherwise.
 */
export async function checkPolicy(gate: TestGate, cases: readonly PolicyCase[]): Promise<readonly PolicyCaseResult[]> {
  const results: PolicyCaseResult[] = []
  for (const policyCase of cases) results.push(await checkCase(gate, policyCase))
  const wrong = results.map((result, index) => ({ result, expected: cases[index]?.expect })).filter(({ result }) => !result.isAsExpected)
  if (wrong.length === 0) return results
  const lines = wrong.flatMap(({ result, expected }) => [
    `- ${result.given}`,
    `    expected ${expected?.status} ${expected?.code ?? ''}`.trimEnd(),
    `    got      ${result.answer}`,
    `    because  ${JSON.stringify(result.decision)}`,
  ])
  throw new Error([`${wrong.length} of ${cases.length} cases came out differently:`, ...lines].join('\n'))
}

async function checkCase(gate: TestGate, { given, request, credentials = [], expect }: PolicyCase): Promise<PolicyCaseResult> {
  const { method = 'GET', path, headers = {}, body } = request
  let prepared = new Request(new URL(path, gate.baseUrl), { method, headers, ...(body === undefined ? {} : { body }) })
  for (const credential of credentials) prepared = await credential(prepared, gate)
  const { status } = await gate.fetch(prepared)
  const decision = gate.log.findLast(({ event }) => event === 'decision') ?? {}
  const code = String(decision['code'])
  return {
    given,
    isAsExpected: status === expect.status && (expect.code === undefined || expect.code === code),
    answer: `${status} ${code}`,
    decision,
  }
}
