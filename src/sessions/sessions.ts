import { callObject } from '../http/object-call.ts'
import type { Revocation } from '../revocation/revocations.ts'
import { cookiesNamed, newSessionId, type SessionCookies } from './cookie.ts'
import { namesOf, otherNamesOf, personName, type Named } from './person-name.ts'
import type { PersonObject } from './person-object.ts'
import type { Seen } from './person.ts'
import { createSessionCache } from './session-cache.ts'
import type { Beginning, Ended } from './session-keeper.ts'
import type { FoundSession, SessionLookup } from './session-lookup.ts'
import type { SessionObject } from './session-object.ts'
import type { Session, Sessions, SignIn } from './session.ts'

export interface SessionsParts {
  readonly objects: Pick<DurableObjectNamespace<SessionObject>, 'getByName'>
  readonly people: Pick<DurableObjectNamespace<PersonObject>, 'getByName'>
  readonly cookies: SessionCookies
  readonly cookieName: string
  readonly idleSeconds: number
  readonly absoluteSeconds: number
  /** Providers whose sessions live and end with their refresh token. */
  readonly followingTokens: ReadonlySet<string>
  /** Providers that name somebody else at every sign-in: no person is kept of those. */
  readonly nobodies: ReadonlySet<string>
  /** How long a revocation may take everywhere, in seconds; what an isolate remembers of a session is no older. */
  readonly boundSeconds: number
  /** Puts entries into the revocation feed, and tells this isolate. */
  readonly revoke: (entries: readonly Omit<Revocation, 'sequence'>[], now: number) => Promise<void>
}

/** What an isolate was told of a session counts for this long, in milliseconds, and never for longer than the bound. */
export const FRESH_MS = 5000
/** An ended session is in the feed for this much longer than any isolate remembers it: after that its object says that it is over. */
const MARGIN_MS = 60_000

/** The sessions of a gate, as one isolate reaches them. */
export function createSessions(parts: SessionsParts): Sessions & SessionLookup {
  const { objects, people, cookies, cookieName, boundSeconds } = parts
  const freshMs = Math.min(FRESH_MS, boundSeconds * 1000)
  const cache = createSessionCache(freshMs)

  const lookup: SessionLookup = {
    async findByCookie(cookie, now) {
      const known = cache.find(cookie, now)
      if (known !== undefined) return known
      const id = await cookies.open(cookie)
      // Not kept: guesses would fill the memory.
      if (id === undefined) return { status: 'forged' }
      const found = await look(id, now)
      if (found.status !== 'unavailable') cache.keep(cookie, found, now)
      return found
    },
    async accessToken(id, now, target) {
      const asked = target === undefined ? '' : JSON.stringify(target)
      const known = cache.token(id, now, asked)
      if (known !== undefined) return { status: 'token', token: known }
      try {
        const answer = await callObject(async () => objects.getByName(id).token(now, asked))
        if (answer.status !== 'token') return answer
        cache.keepToken(id, answer, now, asked)
        return { status: 'token', token: answer.token }
      } catch (error) {
        return { status: 'unavailable', detail: messageOf(error) }
      }
    },
    async discard(id) {
      await endObject(id)
    },
  }

  /** In the object alone; gives what it was. */
  async function endObject(id: string, named?: Named): Promise<Ended | undefined> {
    const ended = await callObject(async () => objects.getByName(id).end(named))
    cache.forget(id)
    return ended
  }

  async function look(id: string, now: number): Promise<FoundSession> {
    try {
      const looked = await callObject(async () => objects.getByName(id).look(now))
      return looked.status === 'active' ? { status: 'active', session: JSON.parse(looked.session) as Session } : looked
    } catch (error) {
      return { status: 'unavailable', detail: messageOf(error) }
    }
  }

  /** In the object first, so that it is over for good; then in the feed, for isolates that still remember it. */
  async function end(ids: readonly string[], reason: string, now: number, named?: Named): Promise<ReadonlyMap<string, Ended>> {
    const ended = new Map<string, Ended>()
    await Promise.all(
      ids.map(async (id) => {
        const one = await endObject(id, named)
        if (one !== undefined) ended.set(id, one)
      }),
    )
    if (ended.size > 0) {
      const expiresAt = now + boundSeconds * 1000 + MARGIN_MS
      await parts.revoke(
        [...ended.keys()].map((id) => ({ target: { type: 'session', id }, expiresAt, reason })),
        now,
      )
    }
    return ended
  }

  /** Under every name by which it may be ended later, before it begins: a logout that comes in between finds it. Gives the person's id. */
  async function enlist(id: string, signIn: SignIn, expiresAt: number, now: number): Promise<string | undefined> {
    const { issuer, subject, provider, groups, scopes } = signIn
    const seen: Seen | undefined = parts.nobodies.has(provider) ? undefined : { provider, groups, scopes }
    const [person, others] = await Promise.all([personName(issuer, subject), otherNamesOf(signIn)])
    const crowded = await Promise.all([
      callObject(async () => people.getByName(person).add(id, expiresAt, now, seen)),
      ...others.map(async (name) => callObject(async () => people.getByName(name).add(id, expiresAt, now))),
    ])
    await end(crowded.flat(), 'too-many-sessions', now)
    return seen === undefined ? undefined : (await callObject(async () => people.getByName(person).describe()))?.id
  }

  const idOf = async (request: Request): Promise<string | undefined> => {
    const [cookie, ...others] = cookiesNamed(request, cookieName)
    return cookie === undefined || others.length > 0 ? undefined : cookies.open(cookie)
  }

  const forBrowsers: Sessions = {
    async find(request, now) {
      const id = await idOf(request)
      const found = id === undefined ? undefined : await look(id, now)
      if (found?.status === 'unavailable') throw new Error(found.detail)
      return found?.status === 'active' ? found.session : undefined
    },
    async start(signIn, request, now) {
      const replaced = await idOf(request)
      if (replaced !== undefined) await end([replaced], 'replaced', now)
      const id = newSessionId()
      const { idleSeconds, absoluteSeconds } = parts
      const endsAt = Math.min(now + absoluteSeconds * 1000, signIn.endsAt ?? Number.POSITIVE_INFINITY)
      const person = await enlist(id, signIn, endsAt, now)
      const known: SignIn = { ...signIn, ...(person === undefined ? {} : { person }) }
      const followsTokens = parts.followingTokens.has(signIn.provider)
      const beginning: Beginning = { id, signIn: known, idleSeconds, absoluteSeconds, followsTokens }
      const started = await callObject(async () => objects.getByName(id).start(JSON.stringify(beginning), now))
      if (started === 'over') throw new Error('the provider ended the session before it began')
      const { tokens: _tokens, ...kept } = known
      const session = { id, signIn: kept, startedAt: now, expiresAt: Math.min(endsAt, now + idleSeconds * 1000) }
      return { session, setCookies: [await cookies.set(id)] }
    },
    async end({ id }, reason, now) {
      const ended = (await end([id], reason, now)).get(id)
      const setCookies = [cookies.clear()]
      if (ended === undefined) return { setCookies }
      const signIn = JSON.parse(ended.signIn) as Omit<SignIn, 'tokens'>
      return { setCookies, signIn, ...(ended.idToken === undefined ? {} : { idToken: ended.idToken }) }
    },
    async endByProvider(named, reason, now) {
      const name = await namesOf(named)
      if (name === undefined) return []
      const ids = await callObject(async () => people.getByName(name).sessions())
      const ended = await end(ids, reason, now, named)
      if (ended.size > 0) await callObject(async () => people.getByName(name).remove([...ended.keys()]))
      return [...ended.keys()]
    },
  }

  return { ...forBrowsers, ...lookup }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown'
}
