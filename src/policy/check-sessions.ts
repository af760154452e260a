import type { SchemeConfig } from '../schemes/index.ts'
import type { SessionSchemeConfig } from '../schemes/session/config.ts'
import type { IdentityProviderConfig } from './identity-providers.ts'
import type { OriginConfig, Policy } from './policy.ts'
import { pointerTo } from './problems.ts'
import { checkName, isOpen, type Reading } from './reading.ts'

const SCHEMES = '/components/securitySchemes'

interface Providers {
  readonly names: ReadonlySet<string>
  readonly values: readonly IdentityProviderConfig[]
}

/** Gives each session scheme its providers with their hosts. Without `login` all of them. */
export function linkSessionSchemes(schemes: readonly SchemeConfig[], providers: Providers, { problems }: Reading): readonly SchemeConfig[] {
  const cookies = new Set<string>()
  return schemes.map((scheme) => {
    if (scheme.kind !== 'session') return scheme
    const place = pointerTo(SCHEMES, scheme.name)
    for (const [index, { provider }] of scheme.login.entries())
      checkName(provider, providers.names, 'identity provider', pointerTo(place, 'x-portcullis', 'login', index), problems)
    if (providers.names.size === 0)
      problems.error(
        place,
        'nobody can sign in: there is no identity provider',
        'write x-portcullis: { identityProviders: ... } at the root',
      )
    cookies.add(scheme.cookie)
    if (cookies.size > 1)
      problems.error(pointerTo(place, 'name'), 'all session schemes must name the same cookie: a browser has one session')
    const named = new Set(scheme.login.map(({ provider }) => provider))
    const counted = providers.values.filter(({ name }) => named.size === 0 || named.has(name))
    return { ...scheme, login: counted.map(({ name, hosts }) => ({ provider: name, hosts })) }
  })
}

/** What the policy must not do with a session: let its cookie out, or give its token to whom it is not for. */
export function checkSessionUse(policy: Policy, reading: Reading): void {
  const sessions = new Map(policy.schemes.flatMap((scheme) => (scheme.kind === 'session' ? [[scheme.name, scheme] as const] : [])))
  const { problems } = reading
  const forwarding = policy.routes.find(({ forwardCredentials }) => forwardCredentials.some((name) => sessions.has(name)))
  if (forwarding !== undefined)
    problems.error(
      '/paths',
      `route ${forwarding.id} forwards a session: its cookie never leaves the gate (BF-6)`,
      'see attachToken of the origin',
    )
  for (const origin of policy.origins) {
    const place = pointerTo('/x-portcullis/origins', origin.name)
    for (const [index, name] of origin.forwardCredentials.entries()) {
      if (sessions.has(name))
        problems.error(pointerTo(place, 'forwardCredentials', index), 'the cookie of a session never leaves the gate (BF-6)', 'attachToken')
    }
    checkAttached(origin, pointerTo(place, 'attachToken'), sessions, policy.identityProviders, reading)
  }
}

function checkAttached(
  { attachToken }: OriginConfig,
  place: string,
  sessions: ReadonlyMap<string, SessionSchemeConfig>,
  providers: readonly IdentityProviderConfig[],
  reading: Reading,
): void {
  if (attachToken === undefined) return
  const { problems } = reading
  if (!checkName(attachToken.scheme, new Set(sessions.keys()), 'session scheme', pointerTo(place, 'scheme'), problems)) return
  const counted = new Set(sessions.get(attachToken.scheme)?.login.map(({ provider }) => provider))
  for (const provider of providers.filter(({ name }) => counted.has(name))) {
    const fault = faultOf(provider, 'resource' in attachToken ? attachToken.resource : undefined, reading)
    if (fault !== undefined) problems.error(place, `${provider.name}: ${fault[0]}`, fault[1])
  }
}

/** `resource`: whom its tokens must be for; `undefined`: they are exchanged. */
function faultOf(provider: IdentityProviderConfig, resource: string | undefined, reading: Reading): readonly [string, string] | undefined {
  if (provider.kind === 'saml') return ['SAML gives no access token', 'let the scheme name OpenID providers alone in login']
  if (provider.dpop !== 'never')
    return ["its tokens may be bound to a key of the gate's (DPoP), which an origin cannot be given", 'dpop: never']
  if (resource === undefined) return undefined
  const isKnown = !isOpen(resource, reading) && !isOpen(provider.resource ?? '', reading)
  if (provider.resource === undefined || (isKnown && provider.resource !== resource))
    return ['its access tokens are not asked for this resource (RFC 8707)', 'write the same resource at the provider']
  return undefined
}
