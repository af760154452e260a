import { problemResponse, type Problem } from '../http/problem.ts'
import type { TargetFault } from '../http/canonical-url.ts'
import { rateLimitFields } from '../limits/rate-limit-fields.ts'
import type { Admission, LimitState } from '../limits/limiter.ts'
import type { Authenticator, Rejected, RejectionReason, Remedy, Shortfall, Unavailable, VerifyContext } from '../schemes/authenticator.ts'
import type { Tried } from './evaluate.ts'
import { isNavigation, loginOf, loginRedirect } from './login.ts'

/** Every way in which a request stops at the gate. This file alone turns one into a response. */
export type Refusal =
  /** `detail`: the reason that was given when the address was blocked. */
  | { readonly at: 'address'; readonly detail: string }
  /** Too many requests from there failed. */
  | { readonly at: 'failures'; readonly retryAfterSeconds: number }
  /** It is restricted for a while, for what was done before: some requests get through. */
  | { readonly at: 'abnormal'; readonly retryAfterSeconds: number }
  /** The same, and none does. `detail`: the anomaly, or the operator's reason. */
  | { readonly at: 'blocked'; readonly detail: string }
  /** An operator closed a route, or everything. */
  | { readonly at: 'closed'; readonly what: 'route' | 'gate'; readonly retryAfterSeconds: number; readonly detail: string }
  | { readonly at: 'target'; readonly fault: TargetFault }
  | { readonly at: 'host' }
  | { readonly at: 'path' }
  | { readonly at: 'method'; readonly allow: readonly string[] }
  | { readonly at: 'preflight' }
  | { readonly at: 'content'; readonly maxBodyBytes: number }
  | { readonly at: 'evaluate'; readonly tried: readonly Tried[]; readonly context: VerifyContext }
  | {
      readonly at: 'consume'
      readonly authenticator: Authenticator
      readonly shortfall: Rejected | Unavailable
      readonly context: VerifyContext
    }
  | { readonly at: 'limit'; readonly admission: Extract<Admission, { status: 'refused' }> }
  /** A limit of the route counts something that this caller does not have. */
  | { readonly at: 'uncountable'; readonly limit: string }
  /** Something of ours cannot answer: never the caller's fault. */
  | { readonly at: 'dependency'; readonly dependency: 'policy' | 'revocations' | 'limits'; readonly detail?: string }
  | { readonly at: 'origin'; readonly failure: 'unreachable' | 'timeout'; readonly detail?: string }
  /** The provider gives no token for the origin: the operator's fault. */
  | { readonly at: 'exchange'; readonly detail: string }
  | { readonly at: 'bug'; readonly detail: string }

/** What is said to the caller, and what is written to the log. */
export interface Denial {
  readonly response: Response
  readonly code: string
}

/** The public answer to a refusal. The full reason is the log's business (`record.ts`). */
export async function deny(refusal: Refusal, requestId: string): Promise<Denial> {
  const problem = await problemOf(refusal)
  const login = problem.extensions?.['login']
  if (refusal.at === 'evaluate' && typeof login === 'string' && isNavigation(refusal.context.request))
    return { response: loginRedirect(login, requestId), code: problem.code }
  return { response: problemResponse({ ...problem, requestId }), code: problem.code }
}

async function problemOf(refusal: Refusal): Promise<Problem> {
  switch (refusal.at) {
    case 'evaluate':
      return deniedByEvaluation(refusal.tried, refusal.context)
    case 'consume':
      return deniedByEvaluation([{ alternative: 0, authenticator: refusal.authenticator, shortfall: refusal.shortfall }], refusal.context)
    case 'limit':
      return overLimit(refusal.admission)
    case 'dependency':
      return unavailable(refusal.dependency === 'policy' ? 'policy-unavailable' : 'dependency-unavailable', 5)
    default:
      return plainProblem(refusal)
  }
}

/** What is said of the request itself, whoever sent it. */
function plainProblem(refusal: Exclude<Refusal, { at: 'evaluate' | 'consume' | 'limit' | 'dependency' }>): Problem {
  switch (refusal.at) {
    case 'failures':
    case 'abnormal':
      return abnormalUsage(refusal)
    case 'closed':
      return closedFor(refusal)
    case 'target':
      return refusal.fault === 'too_long' ? PLAIN.tooLong : { ...PLAIN.target, detail: TARGET_FAULTS[refusal.fault] }
    case 'method':
      return { ...PLAIN.method, fields: [['allow', refusal.allow.join(', ')]] }
    case 'content':
      return { ...PLAIN.content, detail: `At most ${refusal.maxBodyBytes} bytes are taken here.` }
    case 'origin':
      return PLAIN[refusal.failure]
    default:
      return PLAIN[refusal.at]
  }
}

/** RL-4: the same words for both, so that nobody learns which it was. */
function abnormalUsage({ at, retryAfterSeconds }: Extract<Refusal, { at: 'failures' | 'abnormal' }>): Problem {
  return {
    status: 429,
    code: 'abnormal-usage-detected',
    type: 'https://iana.org/assignments/http-problem-types#abnormal-usage-detected',
    title: 'This use does not look right',
    detail: `Wait ${retryAfterSeconds} s.`,
    fields: [['retry-after', String(retryAfterSeconds)]],
    extensions: { 'violated-policies': [at] },
  }
}

function closedFor({ what, retryAfterSeconds }: Extract<Refusal, { at: 'closed' }>): Problem {
  const title = what === 'route' ? 'The route is closed at the moment' : 'The gate is closed at the moment'
  return { status: 503, code: `${what}-closed`, title, fields: [['retry-after', String(retryAfterSeconds)]] }
}

const PLAIN = {
  address: { status: 403, code: 'address-blocked', title: 'Nothing is taken from this address at the moment' },
  blocked: { status: 403, code: 'usage-blocked', title: 'This use is stopped at the moment' },
  tooLong: { status: 414, code: 'target-too-long', title: 'The request target is too long' },
  target: { status: 400, code: 'target-not-canonical', title: 'The request target is not in canonical form' },
  host: { status: 421, code: 'host-unknown', title: 'This gate does not answer for that host' },
  path: { status: 404, code: 'route-unknown', title: 'No such route' },
  method: { status: 405, code: 'method-not-allowed', title: 'The route does not take this method' },
  preflight: { status: 403, code: 'origin-not-allowed', title: 'Cross-origin requests from this origin are not allowed' },
  content: { status: 413, code: 'content-too-large', title: 'The content is too large' },
  uncountable: { status: 403, code: 'limit-not-countable', title: 'The caller has nothing that a limit of this route could count' },
  timeout: { status: 504, code: 'origin-timeout', title: 'The origin did not answer in time' },
  unreachable: { status: 502, code: 'origin-unreachable', title: 'The origin could not be reached' },
  exchange: { status: 502, code: 'token-exchange-refused', title: 'The identity provider gives no token for the origin' },
  bug: { status: 500, code: 'internal-error', title: 'The gate failed on this request' },
} as const satisfies Record<string, Problem>

const TARGET_FAULTS: Readonly<Record<TargetFault, string>> = {
  too_long: 'The target is too long.',
  not_absolute: 'The target must be an http or https URL.',
  userinfo: 'The target must not hold user information.',
  bad_host: 'The host is not a valid name or address.',
  bad_character: 'The target holds a character that must be percent-encoded.',
  bad_escape: 'The target holds a percent sign that does not start a valid escape of UTF-8.',
  encoded_separator: 'The path holds an encoded slash, backslash or control character.',
  dot_segment: 'The path holds a dot segment.',
  empty_segment: 'The path holds an empty segment (two slashes in a row).',
  would_change: 'The target would change when parsed; send it in its normal form (RFC 3986 §6.2).',
}

function unavailable(code: string, retryAfterSeconds: number): Problem {
  return {
    status: 503,
    code,
    title: 'The gate cannot decide at the moment',
    detail: 'Nothing is wrong with the request; send it again later.',
    fields: [['retry-after', String(Math.max(1, Math.ceil(retryAfterSeconds)))]],
  }
}

/** RFC 9110 §15.5.3 leaves 402 open; waiting is no remedy there, so that nobody is told to. */
const OVER_LIMIT = {
  rate: { status: 429, code: 'rate-exceeded', title: 'Too many requests' },
  quota: { status: 429, code: 'quota-exceeded', title: 'The quota is used up' },
  concurrency: { status: 429, code: 'concurrency-exceeded', title: 'Too many requests at a time' },
  credits: { status: 402, code: 'credits-exhausted', title: 'The credits are used up' },
} as const satisfies Record<LimitState['kind'], Problem>

function overLimit({ state, states, retryAfterSeconds }: Extract<Admission, { status: 'refused' }>): Problem {
  const { name } = state.limit
  const waits = Number.isFinite(retryAfterSeconds)
  return {
    ...OVER_LIMIT[state.kind],
    type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
    detail: waits ? `Limit ${name}: wait ${retryAfterSeconds} s.` : `Limit ${name}: ${state.remaining} left.`,
    fields: [...rateLimitFields(states), ...(waits ? [['retry-after', String(retryAfterSeconds)] as const] : [])],
    extensions: { 'violated-policies': [name] },
  }
}

/**
 * Status over alternatives (design §2): those with an absent term count only if all have one. Among the rest an outage
 * is 503, a presented credential that was rejected or too weak an authentication 401, and what only lacks a scope or a
 * condition 403. A 401 always carries a challenge (RFC 9110 §15.5.2): where none could help it is 403.
 */
async function deniedByEvaluation(tried: readonly Tried[], context: VerifyContext): Promise<Problem> {
  const complete = tried.filter(({ shortfall }) => shortfall.status !== 'absent')
  const outage = complete.map(({ shortfall }) => shortfall).find((shortfall) => shortfall.status === 'unavailable')
  if (outage !== undefined) return unavailable('dependency-unavailable', outage.retryAfterSeconds ?? 5)
  const problem = complete.length === 0 ? missing(tried) : worstOf(complete.map(({ shortfall }) => shortfall))
  const { challenges, fields, login } = await remediesOf(tried, context)
  const status = problem.status === 401 && challenges.length === 0 ? 403 : problem.status
  const challenge: (readonly [string, string])[] =
    status === 401 || status === 403 ? challenges.map((value) => ['www-authenticate', value]) : []
  const extensions = status === 401 && login !== undefined ? { extensions: { ...problem.extensions, login } } : {}
  return { ...problem, ...extensions, status, fields: [...challenge, ...fields] }
}

function missing(tried: readonly Tried[]): Problem {
  return {
    status: 401,
    code: 'credential-missing',
    title: 'A credential is missing',
    ...(tried.length === 0 ? {} : { detail: `Present: ${describeAlternatives(tried)}.` }),
  }
}

function describeAlternatives(tried: readonly Tried[]): string {
  const alternatives = new Set(tried.map(({ alternative }) => alternative))
  const namesOf = (wanted: number): string =>
    tried
      .filter(({ alternative }) => alternative === wanted)
      .map(({ authenticator }) => authenticator.name)
      .join(' and ')
  return [...alternatives].map(namesOf).join(', or ')
}

type Fault = Exclude<Shortfall, { status: 'absent' | 'unavailable' }>
const NOT_VERIFIED: Pick<Problem, 'status' | 'code' | 'title'> = {
  status: 401,
  code: 'credential-rejected',
  title: 'A credential was not accepted',
}

/** A rejected credential outweighs a lacking one; a fault of the message outweighs both. */
function worstOf(shortfalls: readonly Shortfall[]): Problem {
  const problems = shortfalls.map((shortfall) => problemOfShortfall(shortfall as Fault))
  return [400, 413, 401, 403].flatMap((status) => problems.filter((problem) => problem.status === status))[0] ?? NOT_VERIFIED
}

function problemOfShortfall(shortfall: Fault): Problem {
  switch (shortfall.status) {
    case 'rejected':
      return problemOfRejection(shortfall)
    case 'insufficient_authentication':
      return { status: 401, code: 'step-up-required', title: 'A stronger or more recent sign-in is needed' }
    case 'insufficient_scope':
      return {
        status: 403,
        code: 'scope-insufficient',
        title: 'The credential lacks a scope',
        extensions: { scope: shortfall.required.join(' ') },
      }
    case 'forbidden':
      return { status: 403, code: 'condition-unmet', title: 'The credential does not meet a condition of this route' }
    case 'credentials_disagree':
      return { status: 403, code: 'credentials-disagree', title: 'The credentials do not belong to one party' }
  }
}

/** What is said of an authentic credential, or of a message at fault by itself; anything else is one answer for all. */
const AUTHENTIC: Partial<Record<RejectionReason, Pick<Problem, 'status' | 'code' | 'title'>>> = {
  expired: { status: 401, code: 'credential-expired', title: 'The credential has expired' },
  revoked: { status: 401, code: 'credential-revoked', title: 'The credential has been revoked' },
  disabled: { status: 401, code: 'credential-disabled', title: 'The credential is switched off' },
  replaced: { status: 401, code: 'credential-replaced', title: 'The credential was replaced by another one' },
  origin_not_allowed: { status: 403, code: 'credential-origin-not-allowed', title: 'The credential is not for use from this origin' },
  address_not_allowed: { status: 403, code: 'address-not-allowed', title: 'The credential is not for use from this address' },
  replayed: { status: 401, code: 'replayed', title: 'The request was already used once' },
  too_old: { status: 401, code: 'credential-out-of-time', title: 'The credential is not for this time' },
  not_yet_valid: { status: 401, code: 'credential-out-of-time', title: 'The credential is not for this time' },
  component_not_covered: { status: 401, code: 'component-not-covered', title: 'The signature does not cover all that it must' },
  digest_missing: { status: 401, code: 'digest-missing', title: 'The content has no digest that is signed' },
  digest_mismatch: { status: 400, code: 'digest-mismatch', title: 'The content is not what its digest says' },
  content_too_large: { status: 413, code: 'content-too-large', title: 'The content is too large to be verified' },
}

const CROSS_SITE = {
  status: 403,
  code: 'request-cross-site',
  title: 'The request may come from another site',
  detail: 'Send it from a page of this origin, or with the field "X-Portcullis-CSRF: 1".',
} as const satisfies Problem

/** Specific only where a MAC or signature held, or where sending it twice is the whole fault: a prober learns nothing else. */
function problemOfRejection({ reason, authentic }: Rejected): Problem {
  if (reason === 'cross_site') return CROSS_SITE
  if (reason === 'ambiguous') return { status: 400, code: 'credential-ambiguous', title: 'A credential was sent more than once' }
  return (authentic === true ? AUTHENTIC[reason] : undefined) ?? NOT_VERIFIED
}

/** One remedy per scheme, for its most telling shortfall, in declared order, without repeats (OA-8). */
async function remediesOf(
  tried: readonly Tried[],
  context: VerifyContext,
): Promise<{ challenges: string[]; fields: (readonly [string, string])[]; login: string | undefined }> {
  const shortfalls = new Map<Authenticator, Shortfall>()
  for (const { authenticator, shortfall } of tried) {
    const known = shortfalls.get(authenticator)
    if (known === undefined || known.status === 'absent') shortfalls.set(authenticator, shortfall)
  }
  const remedies = new Map(
    await Promise.all(
      [...shortfalls].map(async ([authenticator, shortfall]) => [authenticator, await authenticator.remedy(shortfall, context)] as const),
    ),
  )
  const useful = [...remedies.values()].filter((remedy): remedy is Remedy => remedy !== undefined)
  const fields = new Map(useful.flatMap((remedy) => remedy.fields ?? []).map((field) => [field.join('\0').toLowerCase(), field]))
  return {
    challenges: [...new Set(useful.flatMap((remedy) => remedy.challenges))],
    fields: [...fields.values()],
    login: loginOf(tried, remedies),
  }
}
