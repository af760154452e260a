import type { Bindings } from './bindings.ts'
import { createControlPlane } from './control-plane.ts'
import { createKeyLookUp, createLookedUpKeys, createUnknownKeys } from './directory/looked-up-keys.ts'
import { createPolicyDirectory } from './directory/policy-directory.ts'
import { readEnvironment, type Environment } from './environment.ts'
import { createGateway, type GatewayParts } from './gateway.ts'
import { problemResponse } from './http/problem.ts'
import { createEvents, type Events } from './insight/events.ts'
import { sinkOf } from './insight/insight-calls.ts'
import { createIssuedKeys } from './insight/issued-keys.ts'
import { createQuotaWatch } from './insight/quota-watch.ts'
import type { InsightSink } from './insight/sink.ts'
import { createWatchedNames } from './insight/watched-names.ts'
import { createLedgerLimiter } from './limits/ledger-calls.ts'
import { createObserver } from './observer.ts'
import { createAssertionSigner } from './origin/assertion.ts'
import { linkPolicy } from './policy/link.ts'
import type { ReplayMemory } from './replay/replay-memory.ts'
import { createReplayMemory } from './replay/replay-store.ts'
import { createRevocations } from './revocation/feed-client.ts'
import type { SchemeDependencies } from './schemes/index.ts'
import type { KeySetReport } from './schemes/jwt/key-set-report.ts'
import type { SessionLookup } from './sessions/session-lookup.ts'
import type { Sessions } from './sessions/session.ts'
import { createSignIn, sessionsOf } from './sign-in.ts'

/** Everything one isolate answers with: the data path, and the gate's own paths beside it. */
export interface Gate {
  handle(request: Request, lifetime: Pick<ExecutionContext, 'waitUntil'>): Promise<Response>
}

/** Tests put their own clock, origin and log here. */
export type GateOverrides = Partial<Pick<GatewayParts, 'limiter' | 'revocations' | 'fetch' | 'wait' | 'now' | 'log'>> & {
  readonly replay?: ReplayMemory
  readonly sessions?: Sessions & SessionLookup
  /** Absent where the clock is the test's: nobody is told of requests. */
  readonly insight?: InsightSink
  /** The same of what happened to quotas. */
  readonly events?: Pick<Events, 'emit'>
}

const OWN_PATHS = /^https?:\/\/[^/?#]+\/\.(?:portcullis|well-known\/portcullis)(?:\/|$|\?)/iu
const JWKS_PATH = /^https?:\/\/[^/?#]+\/\.well-known\/portcullis\/jwks\.json$/u

/**
 * Builds the gate of one environment from the compiled policy. A policy or a binding that does not hold makes a gate that
 * answers 503 on every route and says why in the log, never one that is open.
 */
export function createGate(document: unknown, bindings: Bindings, overrides: GateOverrides = {}): Gate {
  const log = overrides.log ?? ((line: string): void => console.log(line)) // oxlint-disable-line no-console -- the log is the console
  try {
    return buildGate(document, bindings, { ...overrides, log })
  } catch (error) {
    const detail = error instanceof Error ? error.message : 'unknown'
    return {
      handle: async () => {
        log(JSON.stringify({ event: 'outage', dependency: 'policy', detail }))
        return problemResponse({
          status: 503,
          code: 'policy-unavailable',
          title: 'The gate cannot decide at the moment',
          fields: [['retry-after', '60']],
        })
      },
    }
  }
}

function buildGate(document: unknown, bindings: Bindings, overrides: GateOverrides & Pick<GatewayParts, 'log'>): Gate {
  const environment = readEnvironment(document, bindings)
  const { policy, rootSecret, gatewayName, isLocal, localAuthorities } = environment
  const now = overrides.now ?? Date.now
  const revocations =
    overrides.revocations ??
    createRevocations(bindings.REVOCATIONS, {
      ...policy.revocation,
      relays: { namespace: bindings.RELAYS, count: policy.revocation.relays },
      rootSecret,
      now,
    })
  const sessions = overrides.sessions ?? sessionsOf(environment, bindings, revocations)
  const replay = overrides.replay ?? createReplayMemory(bindings.REPLAY)
  const directory = createPolicyDirectory(policy)
  const fetcher: typeof fetch = overrides.fetch ?? (async (input, init) => fetch(input, init))
  const keySets = new Set<() => KeySetReport>()
  const dependencies = {
    directory,
    rootSecret,
    replay,
    ...(sessions === undefined ? {} : { sessions }),
    fetch: async (input: string, init?: RequestInit): Promise<Response> => fetcher(input, { ...init, redirect: 'manual' }),
    isLocal,
    noteKeySet: (report: () => KeySetReport): void => void keySets.add(report),
    ...directoryParts(environment, bindings, overrides),
  }
  const limiter = overrides.limiter ?? createLedgerLimiter(bindings.LEDGER)
  const assertions = createAssertionSigner(rootSecret, gatewayName)
  const linked = linkPolicy(policy, dependencies)
  const wait = overrides.wait ?? (async (milliseconds: number) => scheduler.wait(milliseconds))
  const gateway = createGateway({
    linked,
    ...insightParts(environment, bindings, overrides, { linked, now, wait }),
    directory,
    limiter,
    revocations,
    assertions,
    sessions,
    localAuthorities,
    fetch: fetcher,
    isLocal,
    wait,
    now,
    log: overrides.log,
  })
  const parts = {
    environment,
    bindings,
    gateway,
    linked,
    directory,
    limiter,
    revocations,
    replay,
    sessions,
    dependencies,
    keySets,
    now,
    log: overrides.log,
  }
  const controlPlane = createControlPlane(parts)
  const signIn = sessions === undefined ? undefined : createSignIn({ ...parts, sessions })

  const own = async (request: Request, lifetime: Pick<ExecutionContext, 'waitUntil'>): Promise<Response> => {
    if (JWKS_PATH.test(request.url)) return jwksResponse(request.method, await assertions.jwks())
    return signIn?.handle(request, lifetime) ?? controlPlane.handle(request, lifetime)
  }
  return { handle: async (request, lifetime) => (OWN_PATHS.test(request.url) ? own(request, lifetime) : gateway.handle(request, lifetime)) }
}

/** Where the policy has a directory: what the schemes ask it, and tell of it. */
function directoryParts(
  { policy, rootSecret }: Environment,
  { DIRECTORY, EVENTS, PROJECTION }: Partial<Bindings>,
  { events }: GateOverrides,
): Pick<SchemeDependencies, 'lookedUp' | 'noteIssued'> {
  if (policy.control === undefined || DIRECTORY === undefined || EVENTS === undefined || PROJECTION === undefined) return {}
  const { emit } = events ?? createEvents(EVENTS)
  return {
    lookedUp: createLookedUpKeys({ projection: PROJECTION, rootSecret, ask: createKeyLookUp(DIRECTORY) }),
    noteIssued: createIssuedKeys({ unknownOf: createUnknownKeys(DIRECTORY), emit: async (some) => emit(some) }),
  }
}

/** Who is told of requests, and of quotas. */
function insightParts(
  { policy, rootSecret }: Environment,
  bindings: Bindings,
  overrides: GateOverrides & Pick<GatewayParts, 'log'>,
  { linked, now, wait }: Pick<GatewayParts, 'linked' | 'now' | 'wait'>,
): Pick<GatewayParts, 'names' | 'observe' | 'quotas'> {
  const { log } = overrides
  const isReal = overrides.now === undefined
  const names = createWatchedNames(rootSecret)
  const sink = overrides.insight ?? (isReal ? sinkOf(bindings, { now, wait, log, abuse: policy.abuse }) : undefined)
  const events: Pick<Events, 'emit'> | undefined =
    overrides.events ?? (isReal && bindings.EVENTS !== undefined ? createEvents(bindings.EVENTS) : undefined)
  return {
    names,
    ...(sink === undefined ? {} : { observe: createObserver({ linked, names, sink, now }) }),
    ...(events === undefined ? {} : { quotas: createQuotaWatch(async (some) => events.emit(some)) }),
  }
}

/** The public keys of the assertion to the origin: the same for everybody, so anybody may keep them for a while. */
function jwksResponse(method: string, jwks: object): Response {
  if (method !== 'GET' && method !== 'HEAD')
    return problemResponse({
      status: 405,
      code: 'method-not-allowed',
      title: 'The route does not take this method',
      fields: [['allow', 'GET, HEAD']],
    })
  return Response.json(jwks, { headers: { 'cache-control': 'public, max-age=300', 'x-content-type-options': 'nosniff' } })
}
