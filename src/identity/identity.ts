import { canonicalize } from '../http/canonical-url.ts'
import { problemResponse } from '../http/problem.ts'
import type { IdentityProviderConfig, SessionsConfig } from '../policy/identity-providers.ts'
import type { ReplayMemory } from '../replay/replay-memory.ts'
import type { DeferredTask } from '../schemes/authenticator.ts'
import type { Sessions } from '../sessions/session.ts'
import type { AccountParts } from './account/account.ts'
import { createIdentityApp } from './identity-app.ts'
import type { OpenIdDependencies } from './oidc/client.ts'
import { createOpenIdProvider } from './oidc/provider.ts'
import type { IdentityProvider } from './provider.ts'
import { createSamlProvider, type SamlDependencies } from './saml/provider.ts'
import { createTransactions } from './transaction.ts'

export interface IdentityParts extends OpenIdDependencies {
  /** The policy's title. */
  readonly service: string
  readonly providers: readonly IdentityProviderConfig[]
  readonly sessions: Sessions
  readonly sameSite: SessionsConfig['sameSite']
  readonly replay: ReplayMemory
  /** Whether this authority is one of the policy's hosts. */
  readonly answersTo: (authority: string) => boolean
  readonly log: (line: string) => void
  /** Absent: there is no account page. */
  readonly account?: AccountParts
}

/** The reserved paths of sign-in and sign-out, of one isolate. */
export interface Identity {
  /** Answers a request to one of them; never rejects. `defer`: work after the response. */
  handle(request: Request, defer: (task: DeferredTask) => void): Promise<Response>
}

export const IDENTITY_PATHS = /^https?:\/\/[^/?#]+\/\.portcullis\/(?:log(?:in|out)|account|oidc|saml)(?:\/|$|\?)/u

export function createIdentity(parts: IdentityParts): Identity {
  const { service, sessions, sameSite, replay, rootSecret, log, now, account } = parts
  const transactions = createTransactions(parts)
  const providers = parts.providers.map((config) => ({ config, provider: providerOf(config, { ...parts, transactions }) }))
  const app = createIdentityApp({
    service,
    providers,
    sessions,
    sameSite,
    replay,
    rootSecret,
    log,
    ...(account === undefined ? {} : { account }),
  })
  return {
    async handle(request, defer) {
      const requestId = crypto.randomUUID()
      const canonical = canonicalize(request.url)
      if (canonical.status === 'refused')
        return problemResponse({
          status: 400,
          code: 'target-not-canonical',
          title: 'The request target is not in canonical form',
          requestId,
        })
      const { scheme, authority } = canonical.url
      // Redirect URIs and cookies are this host's: it must be one that the policy knows.
      if (!parts.answersTo(authority))
        return problemResponse({ status: 421, code: 'host-unknown', title: 'This gate does not answer for that host', requestId })
      return app.fetch({ request, origin: `${scheme}://${authority}`, now: now(), defer, requestId })
    },
  }
}

function providerOf(config: IdentityProviderConfig, dependencies: OpenIdDependencies & SamlDependencies): IdentityProvider {
  return config.kind === 'oidc' ? createOpenIdProvider(config, dependencies) : createSamlProvider(config, dependencies)
}
