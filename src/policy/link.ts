import { createApiKeyAuthenticator } from '../schemes/api-key/authenticator.ts'
import type { Authenticator, Carrier } from '../schemes/authenticator.ts'
import { createHttpSignatureAuthenticator } from '../schemes/http-signature/authenticator.ts'
import type { SchemeConfig, SchemeDependencies } from '../schemes/index.ts'
import { createJwtAuthenticator } from '../schemes/jwt/authenticator.ts'
import { createMutualTlsAuthenticator } from '../schemes/mutual-tls/authenticator.ts'
import { createSessionAuthenticator } from '../schemes/session/authenticator.ts'
import { strippedCarriers, type StrippedCarriers } from '../origin/carriers.ts'
import { originOf, type Origin } from '../origin/forward.ts'
import type { LimitPolicy } from '../limits/limiter.ts'
import type { Requirement, Term } from './evaluate.ts'
import type { Alternative, Policy, Route } from './policy.ts'

/** A route with everything it names looked up, so that a request looks nothing up by name. */
export interface LinkedRoute {
  readonly route: Route
  readonly requirements: readonly Requirement[]
  /** True where some alternative asks for a credential. */
  readonly isProtected: boolean
  readonly origin: Origin
  readonly limits: readonly LimitPolicy[]
  readonly stripped: StrippedCarriers
}

export interface LinkedPolicy {
  readonly policy: Policy
  readonly routes: ReadonlyMap<Route, LinkedRoute>
  /** Each scheme alone, for `unknownPaths: authenticate`. */
  readonly anyScheme: readonly Requirement[]
  /** Alternatives that stand elsewhere than at a route, with the same authenticators. */
  requirementsOf(alternatives: readonly Alternative[]): readonly Requirement[]
  readonly limitsOfPlan: ReadonlyMap<string, readonly LimitPolicy[]>
  /** The limits with the numbers that are the consumer's own. */
  limitsOfConsumer(limits: readonly LimitPolicy[], consumer: string | undefined): readonly LimitPolicy[]
}

function createAuthenticator(config: SchemeConfig, dependencies: SchemeDependencies): Authenticator {
  switch (config.kind) {
    case 'jwt':
      return createJwtAuthenticator(config, dependencies)
    case 'api-key':
      return createApiKeyAuthenticator(config, dependencies)
    case 'http-signature':
      return createHttpSignatureAuthenticator(config, dependencies)
    case 'mutual-tls':
      return createMutualTlsAuthenticator(config, dependencies)
    case 'session':
      return createSessionAuthenticator(config, dependencies)
  }
}

/** Makes authenticators of a policy's schemes and joins them to its routes. Throws on a name that `parsePolicy` let through: a bug. */
export function linkPolicy(policy: Policy, dependencies: SchemeDependencies): LinkedPolicy {
  const configs = new Map(policy.schemes.map((config) => [config.name, config]))
  const limits = new Map(policy.limits.map((limit) => [limit.name, limit]))
  const origins = new Map(policy.origins.map((origin) => [origin.name, originOf(origin)]))
  const known = new Map<string, Authenticator>()

  /** One authenticator per scheme; a signature that must cover other credentials is another one than it is alone. */
  const authenticatorOf = (name: string, alternative: Alternative): Authenticator => {
    const config = lookUp(configs, name)
    const coveredFields = config.kind === 'http-signature' ? fieldsToCover(config.name, alternative, authenticatorOf) : []
    const identity = [name, ...coveredFields].join(' ')
    const found = known.get(identity)
    if (found !== undefined) return found
    const made = createAuthenticator(config.kind === 'http-signature' ? { ...config, coveredFields } : config, dependencies)
    known.set(identity, made)
    return made
  }
  const requirementOf = (alternative: Alternative): Requirement =>
    alternative.map((term): Term => ({
      authenticator: authenticatorOf(term.scheme, alternative),
      scopes: term.scopes,
      consumerOptional: lookUp(configs, term.scheme).consumerOptional,
      ...(term.require === undefined ? {} : { require: term.require }),
    }))
  const anyScheme = policy.schemes.map(({ name }) => requirementOf([{ scheme: name, scopes: [] }]))
  const alone = anyScheme.flatMap((requirement) => requirement.map(({ authenticator }) => authenticator))
  const linkRoute = (route: Route): LinkedRoute => {
    const origin = lookUp(origins, route.origin)
    return {
      route,
      requirements: route.alternatives.map(requirementOf),
      isProtected: route.alternatives.some((alternative) => alternative.length > 0),
      origin,
      limits: route.limits.map((name) => lookUp(limits, name)),
      stripped: carriersToStrip(alone, new Set([...route.forwardCredentials, ...origin.forwardCredentials]), origin),
    }
  }
  const numbered = new Map(
    (policy.consumers ?? []).map((consumer) => [consumer.name, new Map(consumer.limits.map((limit) => [limit.name, limit]))]),
  )
  return {
    policy,
    limitsOfConsumer(given, consumer) {
      const own = consumer === undefined ? undefined : numbered.get(consumer)
      return own === undefined || own.size === 0 ? given : given.map((limit) => own.get(limit.name) ?? limit)
    },
    routes: new Map(policy.routes.map((route) => [route, linkRoute(route)])),
    anyScheme,
    requirementsOf: (alternatives) => alternatives.map(requirementOf),
    limitsOfPlan: new Map(policy.plans.map((plan) => [plan.name, plan.limits.map((name) => lookUp(limits, name))])),
  }
}

/** Header fields of every other credential in the conjunction: stolen parts must not be joined to a signature of one's own. */
function fieldsToCover(
  signature: string,
  alternative: Alternative,
  authenticatorOf: (name: string, alternative: Alternative) => Authenticator,
): string[] {
  const others = alternative.filter(({ scheme }) => scheme !== signature)
  const carriers = others.flatMap(({ scheme }) => authenticatorOf(scheme, [{ scheme, scopes: [] }]).carriers)
  const fields = carriers.flatMap((carrier): string[] => {
    if (carrier.in === 'header') return [carrier.name.toLowerCase()]
    return carrier.in === 'cookie' ? ['cookie'] : []
  })
  return [...new Set(fields)].toSorted()
}

const AUTHORIZATION = { in: 'header', name: 'authorization' } as const

/**
 * All declared carriers but those of forwarded schemes; a carrier shared with a scheme that is not forwarded stays in. An origin that
 * is given tokens of sessions takes none that a client chose, unless a forwarded scheme verifies them.
 */
function carriersToStrip(
  authenticators: readonly Authenticator[],
  forwarded: ReadonlySet<string>,
  { attachToken }: Origin,
): StrippedCarriers {
  const carriersOf = (isForwarded: boolean): readonly Carrier[] =>
    authenticators.filter(({ name }) => forwarded.has(name) === isForwarded).flatMap(({ carriers }) => carriers)
  const isVerified = carriersOf(true).some((carrier) => 'name' in carrier && carrier.name.toLowerCase() === AUTHORIZATION.name)
  return strippedCarriers([...carriersOf(false), ...(attachToken === undefined || isVerified ? [] : [AUTHORIZATION])])
}

function lookUp<Value>(values: ReadonlyMap<string, Value>, name: string): Value {
  const value = values.get(name)
  if (value === undefined) throw new Error(`the policy names ${JSON.stringify(name)}, which it does not declare`)
  return value
}
