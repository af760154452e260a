import { Hono, type Context } from 'hono'
import type { RootSecret } from '../credentials/root-secret.ts'
import { problemResponse } from '../http/problem.ts'
import type { IdentityProviderConfig, SessionsConfig } from '../policy/identity-providers.ts'
import type { ReplayMemory } from '../replay/replay-memory.ts'
import type { Sessions } from '../sessions/session.ts'
import { createAccount, type AccountParts } from './account/account.ts'
import { ACCOUNT } from './account/pages.ts'
import { attemptOnce } from './attempts.ts'
import { readForm } from './form.ts'
import { asOutage, DependencyOutage } from './outage.ts'
import { choicePage, confirmSignOutPage, errorPage, landingPage, signedOutPage, type PageFrame } from './pages.ts'
import type { IdentityContext, IdentityProvider, IdentityRefusal, ProviderOutcome, SignInRequest } from './provider.ts'
import { redirect } from './redirect.ts'
import { IDENTITY_REFUSALS } from './refusal.ts'
import { parseReturnTo } from './return-to.ts'
import { isNameless } from './saml/name-id.ts'
import { parseSignInRequest } from './sign-in-request.ts'

export interface IdentityAppParts {
  /** The policy's title. */
  readonly service: string
  /** In the policy's order. */
  readonly providers: readonly { readonly config: IdentityProviderConfig; readonly provider: IdentityProvider }[]
  readonly sessions: Sessions
  readonly sameSite: SessionsConfig['sameSite']
  readonly replay: ReplayMemory
  readonly rootSecret: RootSecret
  readonly log: (line: string) => void
  /** Absent: people cannot see or link identities of theirs. */
  readonly account?: AccountParts
}

/** What the app is given of each request. `origin` is one of the policy's hosts. */
export type IdentityRequest = IdentityContext & { readonly requestId: string }

export interface IdentityApp {
  /** Never rejects. */
  fetch(request: IdentityRequest): Promise<Response>
}

const LOGIN = '/.portcullis/login'
const LOGOUT = '/.portcullis/logout'
const MAX_FORM_BYTES = 8192

type Bindings = { Bindings: IdentityRequest }

/** Where people sign in and out: pages, redirects to providers and what comes back from them. */
export function createIdentityApp(parts: IdentityAppParts): IdentityApp {
  const { providers, sessions, replay } = parts
  const app = new Hono<Bindings>()

  const offeredAt = (origin: string): typeof providers => {
    const { host } = new URL(origin)
    return providers.filter(({ config }) => config.hosts.length === 0 || config.hosts.includes(host))
  }
  const offered = (context: IdentityRequest, name: string): IdentityProvider | undefined =>
    offeredAt(context.origin).find(({ config }) => config.name === name)?.provider
  const frameOf = ({ origin }: IdentityRequest): PageFrame => ({ service: parts.service, origin })
  const log = (context: IdentityRequest, event: 'sign-in' | 'sign-out' | 'account', details: Readonly<Record<string, unknown>>): void =>
    parts.log(JSON.stringify({ event, time: new Date(context.now).toISOString(), requestId: context.requestId, ...details }))

  /** A page for people, problem details for programs (PD-1). */
  function refuse(context: IdentityRequest, refusal: Omit<IdentityRefusal, 'status'>, provider?: string): Response {
    const { code, detail, returnTo, setCookies = [] } = refusal
    const { status, title, advice, offersSignIn, offersAccount } = IDENTITY_REFUSALS[code]
    log(context, 'sign-in', { status, code, detail, ...(provider === undefined ? {} : { provider }) })
    const query = returnTo === undefined ? '' : `?${new URLSearchParams({ return_to: returnTo }).toString()}`
    // To sign in there anew would begin a session, in place of the one that the account is looked at in.
    const leadsToAccount = offersAccount === true || returnTo === ACCOUNT
    const signInAgain = offersSignIn ? { signIn: `${LOGIN}${provider === undefined ? '' : `/${provider}`}${query}` } : {}
    const takesHtml = context.request.headers.get('accept')?.includes('text/html') === true
    const response = takesHtml
      ? errorPage(frameOf(context), {
          status,
          title,
          advice,
          code,
          requestId: context.requestId,
          ...(leadsToAccount ? { account: ACCOUNT } : signInAgain),
        })
      : problemResponse({ status, code, title, detail: advice, requestId: context.requestId })
    if (status === 503) response.headers.set('retry-after', code === 'dependency-unavailable' ? '5' : '30')
    response.headers.set('portcullis-request-id', context.requestId)
    for (const cookie of setCookies) response.headers.append('set-cookie', cookie)
    return response
  }

  async function begin(context: IdentityRequest, provider: IdentityProvider, asked: SignInRequest): Promise<Response> {
    const begun = await provider.begin(asked, context)
    return begun.status === 'answer' ? begun.response : refuse(context, { returnTo: asked.returnTo, ...begun }, provider.name)
  }

  app.get(LOGIN, async ({ env, req }) => {
    const url = new URL(req.url)
    const parsed = parseSignInRequest(url, env.origin)
    if (parsed.status === 'refused') return refuse(env, parsed)
    const { asked, carried } = parsed
    const choices = offeredAt(env.origin)
    const named = url.searchParams.get('provider')
    const domain = asked.loginHint?.toLowerCase().split('@')[1]
    const byDomain = choices.find(({ config }) => domain !== undefined && config.domains.includes(domain))
    const chosen = named === null ? (byDomain ?? (choices.length === 1 ? choices[0] : undefined))?.provider : offered(env, named)
    if (chosen !== undefined) return begin(env, chosen, asked)
    if (named !== null || choices.length === 0)
      return refuse(env, { code: 'provider-unknown', detail: 'no provider of that name on this host' })
    return choicePage(frameOf(env), {
      choices: choices.map(({ config }) => config),
      query: carried,
      asksForAddress: choices.some(({ config }) => config.domains.length > 0),
      unknownAddress: domain !== undefined,
    })
  })

  app.get(`${LOGIN}/:provider`, async ({ env, req }) => {
    const parsed = parseSignInRequest(new URL(req.url), env.origin)
    if (parsed.status === 'refused') return refuse(env, parsed)
    const provider = offered(env, req.param('provider'))
    if (provider === undefined) return refuse(env, { code: 'provider-unknown', detail: 'no provider of that name on this host' })
    return begin(env, provider, parsed.asked)
  })

  app.all('/.portcullis/:kind{oidc|saml}/:provider/:endpoint', async ({ env, req }) => {
    const { kind, provider: name, endpoint } = req.param()
    const provider = offered(env, name)
    const outcome = provider?.kind === kind ? await provider.handle(endpoint, env) : undefined
    if (provider === undefined || outcome === undefined)
      return refuse(env, { code: 'provider-unknown', detail: 'no such provider or endpoint' })
    return conclude(env, provider.name, outcome)
  })

  async function conclude(context: IdentityRequest, provider: string, outcome: ProviderOutcome): Promise<Response> {
    const { request, now } = context
    switch (outcome.status) {
      case 'answer':
        return outcome.response
      case 'refused':
        return refuse(context, outcome, provider)
      case 'signed_in': {
        if (outcome.link !== undefined)
          return (
            account?.ask(context, { ...outcome, link: outcome.link }) ??
            refuse(context, { code: 'provider-unknown', detail: 'nothing is linked here' })
          )
        const { signIn, returnTo, setCookies } = outcome
        const { session, setCookies: started } = await asOutage('sessions', async () => sessions.start(signIn, request, now))
        log(context, 'sign-in', { status: 303, code: 'signed-in', provider, session: session.id })
        const response = parts.sameSite === 'strict' ? landingPage(frameOf(context), returnTo) : redirect(returnTo)
        for (const cookie of [...setCookies, ...started]) response.headers.append('set-cookie', cookie)
        return response
      }
      case 'signed_out': {
        const { named, once, response } = outcome
        const end = async () => asOutage('sessions', async () => sessions.endByProvider(named, 'signed-out-at-provider', now))
        const ended = once === undefined ? await end() : await attemptOnce(replay, once, now, end)
        if (ended === 'replayed')
          return refuse(context, { code: 'sign-in-replayed', detail: 'the notice of a sign-out has been used' }, provider)
        log(context, 'sign-out', { status: response.status, code: 'signed-out-at-provider', provider, sessions: ended })
        return response
      }
    }
  }

  app.get(LOGOUT, async ({ env, req }) => {
    const asked = new URL(req.url).searchParams.get('return_to')
    const returnTo = asked === null ? undefined : parseReturnTo(asked, env.origin)
    if (asked !== null && returnTo === undefined) return refuse(env, { code: 'return-to-invalid', detail: 'return_to is no path of ours' })
    const session = await asOutage('sessions', async () => sessions.find(env.request, env.now))
    if (session !== undefined) return confirmSignOutPage(frameOf(env), returnTo)
    return returnTo === undefined ? signedOutPage(frameOf(env)) : redirect(returnTo)
  })

  app.post(LOGOUT, async ({ env }) => {
    if (!isOwnPage(env)) return refuse(env, { code: 'sign-out-cross-site', detail: 'the form is not of this origin' })
    const asked = (await readForm(env.request, MAX_FORM_BYTES))?.get('return_to') ?? undefined
    const returnTo = asked === undefined ? LOGOUT : parseReturnTo(asked, env.origin)
    if (returnTo === undefined) return refuse(env, { code: 'return-to-invalid', detail: 'return_to is no path of ours' })
    return signOut(env, returnTo)
  })

  /** Ours first: whatever the provider does, here it is over (OC-10). */
  async function signOut(context: IdentityRequest, returnTo: string): Promise<Response> {
    const { request, now } = context
    const ended = await asOutage('sessions', async () => {
      const session = await sessions.find(request, now)
      return session === undefined ? undefined : { id: session.id, ...(await sessions.end(session, 'signed-out', now)) }
    })
    if (ended === undefined) return redirect(returnTo)
    const { id, signIn, idToken, setCookies } = ended
    const provider = signIn === undefined ? undefined : offered(context, signIn.provider)
    log(context, 'sign-out', {
      status: 303,
      code: 'signed-out',
      session: id,
      ...(provider === undefined ? {} : { provider: provider.name }),
    })
    const asked = signIn === undefined ? undefined : { signIn, returnTo, ...(idToken === undefined ? {} : { idToken }) }
    const leaving =
      asked === undefined
        ? undefined
        : await provider?.signOut(asked, context).catch((error: unknown) => {
            log(context, 'sign-out', { code: 'provider-not-told', detail: error instanceof Error ? error.message : 'unknown' })
          })
    const response = leaving ?? redirect(returnTo)
    for (const cookie of setCookies) response.headers.append('set-cookie', cookie)
    return response
  }

  const account =
    parts.account &&
    createAccount(parts.account, {
      sessions,
      replay,
      rootSecret: parts.rootSecret,
      offeredAt: (origin) => offeredAt(origin).map(({ config }) => ({ config, isNameless: isNameless(config) })),
      offered,
      titleOf: (name) => providers.find(({ config }) => config.name === name)?.config.title ?? name,
      frameOf,
      isOwnPage,
      begin,
      refuse,
      log,
    })
  if (account !== undefined) for (const path of [ACCOUNT, `${ACCOUNT}/*`]) app.all(path, async ({ env }) => account.fetch(env))

  app.all('*', ({ env }) => refuse(env, { code: isKnown(env) ? 'method-not-allowed' : 'provider-unknown', detail: 'no such address' }))
  app.onError((error, { env }: Context<Bindings>) =>
    refuse(env, {
      code: error instanceof DependencyOutage ? 'dependency-unavailable' : 'internal-error',
      detail: `${error.name}: ${error.message}`,
    }),
  )
  return { fetch: async (context) => app.fetch(context.request, context) }
}

const isKnown = ({ request }: IdentityRequest): boolean => /\/\.portcullis\/log(?:in(?:\/[^/?]+)?|out)(?:\?|$)/u.test(request.url)

/** The session cookie's `SameSite` keeps other sites out; this keeps out siblings of the same site (BF-4). */
function isOwnPage({ request, origin }: IdentityRequest): boolean {
  const site = request.headers.get('sec-fetch-site')
  return site === null ? request.headers.get('origin') === origin : site === 'same-origin'
}
