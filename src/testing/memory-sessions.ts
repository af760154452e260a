import type { RootSecret } from '../credentials/root-secret.ts'
import type { Policy } from '../policy/policy.ts'
import { cookiesNamed, createSessionCookies, newSessionId } from '../sessions/cookie.ts'
import type { SessionLookup } from '../sessions/session-lookup.ts'
import type { Session, Sessions, SignIn } from '../sessions/session.ts'
import { sessionCookieName } from '../sign-in.ts'

/** Sessions in the memory of a test. Tokens are never refreshed: an access token that is over asks for another sign-in. */
export function createMemorySessions({ schemes, sessions: config }: Policy, rootSecret: RootSecret): Sessions & SessionLookup {
  const name = sessionCookieName(schemes)
  const cookies = createSessionCookies(rootSecret, { name, sameSite: config.sameSite })
  const open = new Map<string, { readonly signIn: SignIn; readonly startedAt: number; readonly endsAt: number; seenAt: number }>()

  function look(id: string, now: number): Session | undefined {
    const known = open.get(id)
    if (known === undefined || now >= Math.min(known.endsAt, known.seenAt + config.idleSeconds * 1000)) return undefined
    known.seenAt = now
    const { tokens: _tokens, ...signIn } = known.signIn
    return { id, signIn, startedAt: known.startedAt, expiresAt: Math.min(known.endsAt, now + config.idleSeconds * 1000) }
  }
  async function idOf(request: Request): Promise<string | undefined> {
    const [cookie, ...others] = cookiesNamed(request, name)
    return cookie === undefined || others.length > 0 ? undefined : cookies.open(cookie)
  }

  return {
    async start(signIn, request, now) {
      open.delete((await idOf(request)) ?? '')
      const id = newSessionId()
      const endsAt = Math.min(now + config.absoluteSeconds * 1000, signIn.endsAt ?? Number.POSITIVE_INFINITY)
      open.set(id, { signIn, startedAt: now, endsAt, seenAt: now })
      const session = look(id, now)
      if (session === undefined) throw new Error('the sign-in is over before it began')
      return { session, setCookies: [await cookies.set(id)] }
    },
    async find(request, now) {
      return look((await idOf(request)) ?? '', now)
    },
    async findByCookie(cookie, now) {
      const id = await cookies.open(cookie)
      if (id === undefined) return { status: 'forged' }
      const session = look(id, now)
      return session === undefined ? { status: 'over' } : { status: 'active', session }
    },
    async accessToken(id, now) {
      const tokens = open.get(id)?.signIn.tokens
      const isGood = tokens?.tokenType === 'bearer' && (tokens.expiresAt ?? Number.POSITIVE_INFINITY) > now
      return isGood ? { status: 'token', token: tokens.accessToken } : { status: 'over' }
    },
    async discard(id) {
      open.delete(id)
    },
    async end({ id }) {
      const known = open.get(id)
      open.delete(id)
      const setCookies = [cookies.clear()]
      if (known === undefined) return { setCookies }
      const { tokens, ...signIn } = known.signIn
      return { setCookies, signIn, ...(tokens?.idToken === undefined ? {} : { idToken: tokens.idToken }) }
    },
    async endByProvider({ issuer, subject, nameId, providerSession }) {
      const named = [...open].filter(
        ([, { signIn }]) =>
          signIn.issuer === issuer &&
          (subject === undefined || signIn.subject === subject) &&
          (nameId === undefined || signIn.nameId === nameId) &&
          (providerSession === undefined || signIn.providerSession === providerSession),
      )
      for (const [id] of named) open.delete(id)
      return named.map(([id]) => id)
    },
  }
}
