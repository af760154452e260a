import type { Session, Sessions, SignIn } from '../../src/sessions/session.ts'

/** Sessions in the memory of a test, with what the real ones keep to themselves open to it. */
export interface MemorySessions extends Sessions {
  readonly started: readonly SignIn[]
  readonly ended: readonly { readonly id: string; readonly reason: string }[]
  readonly alive: ReadonlyMap<string, SignIn>
  /** Makes every method throw, as when the objects cannot answer. */
  fail(isFailing: boolean): void
}

const COOKIE = '__Host-test-session'

export function createMemorySessions(): MemorySessions {
  const alive = new Map<string, SignIn>()
  const started: SignIn[] = []
  const ended: { id: string; reason: string }[] = []
  let isFailing = false
  const check = (): void => {
    if (isFailing) throw new Error('the session object is gone')
  }
  const idOf = (request: Request): string => new RegExp(`${COOKIE}=([^;]+)`, 'u').exec(request.headers.get('cookie') ?? '')?.[1] ?? ''
  const describe = (id: string, { tokens: _tokens, ...signIn }: SignIn, now: number): Session => ({
    id,
    signIn,
    startedAt: now,
    expiresAt: now + 3_600_000,
  })
  const stop = (id: string, reason: string): void => {
    if (alive.delete(id)) ended.push({ id, reason })
  }
  return {
    started,
    ended,
    alive,
    fail: (failing) => {
      isFailing = failing
    },
    async start(signIn, request, now) {
      check()
      stop(idOf(request), 'replaced')
      const id = `session-${started.push(signIn)}`
      alive.set(id, signIn)
      return { session: describe(id, signIn, now), setCookies: [`${COOKIE}=${id}; Path=/; Secure; HttpOnly; SameSite=Lax`] }
    },
    async find(request, now) {
      check()
      const id = idOf(request)
      const signIn = alive.get(id)
      return signIn === undefined ? undefined : describe(id, signIn, now)
    },
    async end({ id }, reason, now) {
      check()
      const signIn = alive.get(id)
      stop(id, reason)
      const setCookies = [`${COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0`]
      if (signIn === undefined) return { setCookies }
      const idToken = signIn.tokens?.idToken
      return { setCookies, signIn: describe(id, signIn, now).signIn, ...(idToken === undefined ? {} : { idToken }) }
    },
    async endByProvider({ issuer, subject, providerSession }, reason) {
      check()
      const ids = [...alive].filter(([, signIn]) => {
        const isNamed = providerSession === undefined ? signIn.subject === subject : signIn.providerSession === providerSession
        return signIn.issuer === issuer && isNamed
      })
      for (const [id] of ids) stop(id, reason)
      return ids.map(([id]) => id)
    },
  }
}
