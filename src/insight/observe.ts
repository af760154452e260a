import type { Caller } from '../policy/evaluate.ts'
import type { Principal, SchemeKind } from '../schemes/authenticator.ts'
import type { Observation } from './observation.ts'
import type { DecisionRecord } from './record.ts'

const MAX_USER_AGENT = 200
/** What names one object, and its neighbours, without naming anybody. */
const NUMBER = /^\d{1,15}$/u
/** Of several credentials of one caller the first of these: what lasts longest tells most. */
const LASTING: readonly SchemeKind[] = ['api-key', 'http-signature', 'mutual-tls', 'session', 'jwt']
/** Tokens and sessions come and go: they count with their consumer alone. */
const PASSING: ReadonlySet<SchemeKind> = new Set(['session', 'jwt'])

export interface Observed {
  readonly record: DecisionRecord
  readonly request: Request
  /** As the edge saw it. */
  readonly address: string | undefined
  /** Of the route, in the order of its path. */
  readonly parameters: Readonly<Record<string, string>> | undefined
  /** When the answer's head was ready, in milliseconds since the epoch. */
  readonly answeredAt: number
  /** A keyed hash of what was presented, where it was refused. */
  readonly presented: string | undefined
  /** Of an object's name that is no number. */
  readonly hash: (text: string) => string
  /** What a credential's use is watched by. */
  readonly watched: (principal: Principal) => string
}

type Draft = { -readonly [Field in keyof Observation]: Observation[Field] }

/** What is told of one request, and what credential it is counted by; empty: none. */
export function observe(observed: Observed): { readonly observation: Observation; readonly credential: string } {
  const { record, request, address = '', parameters, answeredAt, presented, hash, watched } = observed
  const { requestId, method, route, status, code, caller, at } = record
  const draft: Draft = { requestId, at, method, status, code, durationMs: Math.max(0, answeredAt - at), address }
  const principal = lastingOf(caller)
  if (route !== undefined) draft.route = route
  if (caller?.consumer !== undefined) draft.consumer = caller.consumer
  if (caller?.plan !== undefined) draft.plan = caller.plan
  if (principal !== undefined) draft.credential = watched(principal)
  if (presented !== undefined) draft.presented = presented
  const objectId = parameters === undefined ? undefined : Object.values(parameters).at(-1)
  if (objectId !== undefined) draft.objectId = NUMBER.test(objectId) ? objectId : hash(objectId)
  addClient(draft, request)
  const isCounted = principal !== undefined && !PASSING.has(principal.kind)
  return { observation: draft, credential: isCounted ? principal.credentialId : '' }
}

function addClient(draft: Draft, request: Request): void {
  const { asn, country, latitude, longitude } = (request.cf ?? {}) as Partial<IncomingRequestCfProperties>
  const userAgent = request.headers.get('user-agent')
  const tls = tlsOf(request)
  const place = [degrees(latitude), degrees(longitude)] as const
  if (userAgent !== null) draft.userAgent = userAgent.slice(0, MAX_USER_AGENT)
  if (tls !== undefined) draft.tls = tls
  if (asn !== undefined) draft.network = String(asn)
  if (typeof country === 'string') draft.country = country
  if (place[0] !== undefined && place[1] !== undefined) [draft.latitude, draft.longitude] = [place[0], place[1]]
}

/** JA4, where the zone's plan has it. */
export function tlsOf({ cf }: Request): string | undefined {
  const { botManagement } = (cf ?? {}) as { readonly botManagement?: { readonly ja4?: string } }
  return botManagement?.ja4
}

function degrees(text: unknown): number | undefined {
  const value = typeof text === 'string' && text !== '' ? Number(text) : Number.NaN
  return Number.isFinite(value) ? value : undefined
}

function lastingOf(caller: Caller | undefined): Principal | undefined {
  const principals = caller?.principals ?? []
  if (principals.length <= 1) return principals[0]
  return principals.toSorted((one, other) => LASTING.indexOf(one.kind) - LASTING.indexOf(other.kind))[0]
}
