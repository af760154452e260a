import type { Bindings } from './bindings.ts'
import type { Environment } from './environment.ts'
import type { Gateway, Identified } from './gateway.ts'
import { callObject } from './http/object-call.ts'
import { createIdentity, IDENTITY_PATHS } from './identity/identity.ts'
import { runDeferred } from './passage.ts'
import { isNameless } from './identity/saml/name-id.ts'
import type { ReplayMemory } from './replay/replay-memory.ts'
import { FEED_NAME } from './revocation/feed.ts'
import type { Revocations } from './revocation/revocations.ts'
import type { DeferredTask } from './schemes/authenticator.ts'
import type { SchemeDependencies } from './schemes/index.ts'
import { createSessionAuthenticator } from './schemes/session/authenticator.ts'
import type { SessionSchemeConfig } from './schemes/session/config.ts'
import { SESSION_PATH, sessionResponse } from './session-api.ts'
import { createSessionCookies } from './sessions/cookie.ts'
import type { SessionLookup } from './sessions/session-lookup.ts'
import { createOwnIdentities } from './sessions/own-identities.ts'
import type { Sessions } from './sessions/session.ts'
import { createSessions } from './sessions/sessions.ts'

const DEFAULT_COOKIE = '__Host-portcullis'

/** The sessions of one gate, in the objects of its bindings. `undefined`: the policy has no identity provider. */
export function sessionsOf(
  { policy, rootSecret }: Environment,
  bindings: Bindings,
  revocations: Revocations,
): (Sessions & SessionLookup) | undefined {
  const { identityProviders, sessions: config, revocation } = policy
  if (identityProviders.length === 0) return undefined
  const cookieName = sessionCookieName(policy.schemes)
  return createSessions({
    objects: bindings.SESSION,
    people: bindings.PEOPLE,
    cookies: createSessionCookies(rootSecret, { name: cookieName, sameSite: config.sameSite }),
    cookieName,
    idleSeconds: config.idleSeconds,
    absoluteSeconds: config.absoluteSeconds,
    followingTokens: new Set(identityProviders.flatMap((one) => (one.kind === 'oidc' && one.followTokens ? [one.name] : []))),
    nobodies: new Set(identityProviders.flatMap((one) => (isNameless(one) ? [one.name] : []))),
    boundSeconds: revocation.boundSeconds,
    async revoke(entries) {
      await callObject(async () => bindings.REVOCATIONS.getByName(FEED_NAME).append(entries))
      // Isolates of one data centre share what they read under the host's name.
      await revocations.announce?.(policy.hosts[0] ?? 'localhost').catch(() => undefined)
    },
  })
}

/** One for all session schemes of a policy. */
export function sessionCookieName(schemes: Environment['policy']['schemes']): string {
  return schemes.find((scheme): scheme is SessionSchemeConfig => scheme.kind === 'session')?.cookie ?? DEFAULT_COOKIE
}

export interface SignInParts {
  readonly environment: Environment
  readonly bindings: Pick<Bindings, 'PEOPLE'>
  readonly sessions: Sessions & SessionLookup
  readonly replay: ReplayMemory
  readonly gateway: Gateway
  readonly dependencies: SchemeDependencies
  readonly now: () => number
  readonly log: (line: string) => void
}

/** The gate's own paths for people: sign-in and sign-out, and who is signed in. */
export interface SignIn {
  /** `undefined`: the path is another one. */
  handle(request: Request, lifetime: Pick<ExecutionContext, 'waitUntil'>): Promise<Response> | undefined
}

export function createSignIn({ environment, bindings, sessions, replay, gateway, dependencies, now, log }: SignInParts): SignIn {
  const { policy, rootSecret, isLocal, localAuthorities } = environment
  const { identityProviders } = policy
  const login = identityProviders.map(({ name, hosts }) => ({ provider: name, hosts }))
  const anySession: SessionSchemeConfig = {
    kind: 'session',
    name: 'session',
    cookie: sessionCookieName(policy.schemes),
    login,
    consumerOptional: true,
  }
  const authenticator = createSessionAuthenticator(anySession, dependencies)

  const authorize = async (request: Request, lifetime: Pick<ExecutionContext, 'waitUntil'>): Promise<Response | undefined> =>
    refusalOf(await gateway.identify(request, [[{ authenticator, scopes: [], consumerOptional: true }]], lifetime))
  const identity = createIdentity({
    service: policy.title,
    providers: identityProviders,
    sessions,
    sameSite: policy.sessions.sameSite,
    replay,
    answersTo: (authority) => policy.hosts.length === 0 || policy.hosts.includes(authority) || localAuthorities.has(authority),
    log,
    rootSecret,
    fetch: dependencies.fetch,
    isLocal,
    now,
    account: {
      identities: createOwnIdentities(bindings.PEOPLE),
      authorize: async (request, defer) =>
        authorize(request, { waitUntil: (work: Promise<unknown>) => defer({ name: 'authorize', run: async () => void (await work) }) }),
    },
  })

  async function signInOrOut(request: Request, lifetime: Pick<ExecutionContext, 'waitUntil'>): Promise<Response> {
    const deferred: DeferredTask[] = []
    const response = await identity.handle(request, (task) => deferred.push(task))
    lifetime.waitUntil(runDeferred(deferred, log))
    return response
  }

  return {
    handle(request, lifetime) {
      if (IDENTITY_PATHS.test(request.url)) return signInOrOut(request, lifetime)
      if (!SESSION_PATH.test(request.url)) return undefined
      return sessionResponse({ sessions, authorize: async (asked) => authorize(asked, lifetime), now }, request)
    },
  }
}

const refusalOf = (identified: Identified): Response | undefined => ('response' in identified ? identified.response : undefined)
