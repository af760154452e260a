import type {
  Attempt,
  Authenticator,
  Carrier,
  Principal,
  Remedy,
  Shortfall,
  Verdict,
  VerifyContext,
} from '../../src/schemes/authenticator.ts'
import type { EvaluateContext, Term } from '../../src/policy/evaluate.ts'
import { createRequestBody } from '../../src/http/request-body.ts'

export const NOW = Date.UTC(2026, 10, 25, 12)

export function principal(scheme: string, overrides: Partial<Principal> = {}): Principal {
  return {
    scheme,
    kind: 'api-key',
    issuer: 'test',
    subject: 'someone',
    credentialId: `${scheme}-1`,
    scopes: new Set(),
    claims: {},
    expiresAt: NOW + 60_000,
    ...overrides,
  }
}
export const verified = (scheme: string, overrides: Partial<Principal> = {}): Verdict => ({
  status: 'verified',
  principal: principal(scheme, overrides),
})
export const rejected = (): Verdict => ({ status: 'rejected', reason: 'signature_invalid' })

export interface Scripted extends Authenticator {
  /** How often it was read and verified. */
  readonly calls: { reads: number; verifications: number }
}

/** An authenticator that says what the test wants. `verdict` undefined: the credential is absent. */
export function scripted(
  name: string,
  verdict: Verdict | undefined,
  options: { remedy?: Remedy | undefined; carriers?: readonly Carrier[] } = {},
): Scripted {
  const calls = { reads: 0, verifications: 0 }
  const attempt: Attempt = async () => {
    calls.verifications++
    if (verdict === undefined) throw new Error('verified although absent')
    return verdict
  }
  return {
    name,
    kind: 'api-key',
    carriers: options.carriers ?? [],
    calls,
    read() {
      calls.reads++
      return verdict === undefined ? undefined : attempt
    },
    async remedy(_shortfall: Shortfall, _context: VerifyContext) {
      return 'remedy' in options ? options.remedy : { challenges: [`${name} realm="test"`] }
    },
  }
}

export const term = (authenticator: Authenticator, overrides: Partial<Term> = {}): Term => ({
  authenticator,
  scopes: [],
  consumerOptional: false,
  ...overrides,
})

export function evaluateContext(overrides: Partial<EvaluateContext> = {}): EvaluateContext {
  const request = new Request('https://api.example.com/v1/orders/1')
  return {
    target: { scheme: 'https', authority: 'api.example.com', path: '/v1/orders/1', query: '', href: request.url },
    request,
    body: createRequestBody(request, 1024),
    now: NOW,
    parameters: {},
    address: undefined,
    revoked: () => undefined,
    changesOf: () => ({}),
    plans: new Set(),
    defer: () => undefined,
    ...overrides,
  }
}
