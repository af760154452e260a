import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import type { Bindings } from '../../src/bindings.ts'
import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import { createSealer } from '../../src/credentials/sealer.ts'
import { newSessionId } from '../../src/sessions/cookie.ts'
import { SessionKeeper, type Beginning } from '../../src/sessions/session-keeper.ts'
import type { Exchanged, ProviderTokens, Refreshed, Session, SignIn, TokenRefresher, TokenTarget } from '../../src/sessions/session.ts'

export const { SESSION, PEOPLE } = env as unknown as Bindings
/** The instant that sessions of tests begin at: now, since alarms know no other clock. */
export const START = Date.now()
export const ROOT = parseRootSecret('g1:Vq3n0m0d5b2n8K4rWc7Xy1Zt6Ls9Jh2Gf5Da8Pe3Ou0', { gateway: 'test', environment: 'test' })

export const signInOf = (changes: Partial<SignIn> = {}): SignIn => ({
  provider: 'acme',
  issuer: 'https://login.example.net',
  subject: 'ada',
  claims: { name: 'Ada', acr: 'mfa', auth_time: Math.floor(START / 1000) },
  groups: ['staff'],
  scopes: ['read'],
  authenticatedAt: START,
  ...changes,
})
export const tokensOf = (number: number, changes: Partial<ProviderTokens> = {}): ProviderTokens => ({
  accessToken: `access-${number}`,
  tokenType: 'bearer',
  expiresAt: START + number * 300_000,
  refreshToken: `refresh-${number}`,
  idToken: `id-${number}`,
  ...changes,
})
export const beginningOf = (changes: Partial<SignIn> = {}, more: Partial<Beginning> = {}): Beginning => ({
  id: newSessionId(),
  signIn: signInOf(changes),
  idleSeconds: 3600,
  absoluteSeconds: 43_200,
  followsTokens: true,
  ...more,
})

/** A provider that gives each refresh token once, as RFC 9700 §4.14 asks for public clients, and counts. */
export interface FakeProvider extends TokenRefresher {
  readonly refreshed: readonly string[]
  readonly revoked: readonly string[]
  answer: (tokens: ProviderTokens, now: number) => Promise<Refreshed>
  /** Each as the token that was given for another, and whom that is for. */
  readonly exchanged: readonly string[]
  giveInExchange: (accessToken: string, target: TokenTarget, now: number) => Promise<Exchanged>
}
export function createFakeProvider(): FakeProvider {
  const refreshed: string[] = []
  const revoked: string[] = []
  const exchanged: string[] = []
  const provider: FakeProvider = {
    refreshed,
    revoked,
    async answer(tokens) {
      const number = Number(tokens.refreshToken?.split('-')[1]) + 1
      return { status: 'refreshed', tokens: tokensOf(number) }
    },
    async refresh(_provider, tokens, _signIn, now) {
      refreshed.push(tokens.refreshToken ?? '')
      return provider.answer(tokens, now)
    },
    exchanged,
    async giveInExchange(accessToken, { audience }, at) {
      return { status: 'exchanged', token: `${accessToken}-for-${audience}`, expiresAt: at + 120_000 }
    },
    async exchange(_provider, accessToken, target, at) {
      exchanged.push(`${accessToken} ${target.audience}`)
      return provider.giveInExchange(accessToken, target, at)
    },
    async revoke(_provider, tokens) {
      revoked.push(tokens.refreshToken ?? tokens.accessToken)
    },
  }
  return provider
}

/** Runs with a keeper on the storage of one object; another keeper on the same object is what is left after an eviction. */
export async function withKeeper<Result>(
  id: string,
  refresher: TokenRefresher,
  run: (keeper: SessionKeeper, state: DurableObjectState, again: () => SessionKeeper) => Promise<Result>,
): Promise<Result> {
  return runInDurableObject(SESSION.getByName(id), async (_object, state) => {
    const make = (): SessionKeeper =>
      new SessionKeeper(state.storage, { sealer: createSealer(ROOT, 'session-store'), refresher, log: () => undefined })
    return run(make(), state, make)
  })
}

/** The session that is looked at, or why there is none. */
export async function lookAt(keeper: SessionKeeper, now: number): Promise<Session | string> {
  const looked = await keeper.look(now)
  return looked.status === 'active' ? (JSON.parse(looked.session) as Session) : looked.status
}
