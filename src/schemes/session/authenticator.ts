import { cookiesNamed } from '../../sessions/cookie.ts'
import type { Session } from '../../sessions/session.ts'
import type { Attempt, Authenticator, Principal, Remedy, Shortfall, Verdict, VerifyContext } from '../authenticator.ts'
import type { SchemeDependencies } from '../index.ts'
import type { SessionSchemeConfig } from './config.ts'
import { loginUrl } from './login-url.ts'
import { isForgeable } from './same-site.ts'

/**
 * Browser sessions (docs/sessions.md): the cookie names one, the session's object knows it. Whether it was revoked is asked of the
 * feed on every request, by `evaluate`.
 */
export function createSessionAuthenticator(config: SessionSchemeConfig, { sessions }: SchemeDependencies): Authenticator {
  const hostsOf = new Map(config.login.map(({ provider, hosts }) => [provider, hosts]))
  const onlyProvider = config.login.length === 1 ? config.login[0]?.provider : undefined

  async function verify(cookie: string, context: VerifyContext): Promise<Verdict> {
    const { target, request, now } = context
    if (isForgeable(request, `${target.scheme}://${target.authority}`)) return { status: 'rejected', reason: 'cross_site' }
    if (sessions === undefined) return { status: 'unavailable', reason: 'session_unavailable', detail: 'this gate has no sessions' }
    const found = await sessions.findByCookie(cookie, now)
    switch (found.status) {
      case 'active':
        return admit(found.session, context)
      case 'over':
        return { status: 'rejected', reason: 'expired', authentic: true }
      case 'forged':
        return { status: 'rejected', reason: 'signature_invalid' }
      case 'unavailable':
        return { status: 'unavailable', reason: 'session_unavailable', detail: found.detail }
    }
  }

  /** A session of a provider that does not count here, or not on this host, is one of somebody else's. */
  function admit(session: Session, context: VerifyContext): Verdict {
    const hosts = hostsOf.get(session.signIn.provider)
    if (hosts === undefined || (hosts.length > 0 && !hosts.includes(context.target.authority)))
      return { status: 'rejected', reason: 'unknown_issuer', authentic: true, detail: 'the provider does not count here' }
    const principal = principalOf(config.name, session)
    // Revoked is over for good, however long the feed remembers it, and its refresh token goes back.
    if (context.revoked(principal) !== undefined) context.defer({ name: 'session end', run: async () => sessions?.discard(session.id) })
    return { status: 'verified', principal }
  }

  return {
    name: config.name,
    kind: 'session',
    carriers: [{ in: 'cookie', name: config.cookie }],
    read(request): Attempt | undefined {
      const [cookie, ...others] = cookiesNamed(request, config.cookie)
      if (cookie === undefined) return undefined
      return others.length > 0 ? async () => ({ status: 'rejected', reason: 'ambiguous' }) : async (context) => verify(cookie, context)
    },
    async remedy(shortfall, context): Promise<Remedy | undefined> {
      const canHelp = isOver(shortfall)
      return {
        challenges: [`Cookie realm="portcullis", cookie-name="${config.cookie}"${errorOf(shortfall)}`],
        ...(canHelp ? { login: loginUrl(onlyProvider, shortfall, context) } : {}),
      }
    },
  }
}

/** Whether another sign-in would help. */
function isOver(shortfall: Shortfall): boolean {
  if (shortfall.status === 'rejected') return shortfall.reason !== 'cross_site' && shortfall.reason !== 'ambiguous'
  return shortfall.status === 'absent' || shortfall.status === 'insufficient_authentication'
}

/** RFC 9470 in the words of this challenge: they come from the policy. */
function errorOf(shortfall: Shortfall): string {
  if (shortfall.status !== 'insufficient_authentication') return ''
  const { acrValues, maxAgeSeconds } = shortfall
  const acr = acrValues === undefined ? '' : `, acr_values="${acrValues.join(' ')}"`
  const age = maxAgeSeconds === undefined ? '' : `, max_age="${maxAgeSeconds}"`
  return `, error="insufficient_user_authentication"${acr}${age}`
}

function principalOf(scheme: string, { id, signIn, startedAt, expiresAt }: Session): Principal {
  const { issuer, subject, person, consumer, claims, groups, scopes } = signIn
  return {
    scheme,
    kind: 'session',
    issuer,
    subject,
    ...(person === undefined ? {} : { person }),
    ...(consumer === undefined ? {} : { consumer }),
    credentialId: id,
    scopes: new Set(scopes),
    claims: { ...claims, groups },
    issuedAt: startedAt,
    expiresAt,
  }
}
