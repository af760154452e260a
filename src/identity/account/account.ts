import type { RootSecret } from '../../credentials/root-secret.ts'
import type { IdentityProviderConfig } from '../../policy/identity-providers.ts'
import type { ReplayMemory } from '../../replay/replay-memory.ts'
import type { OwnIdentities } from '../../sessions/own-identities.ts'
import type { Session, Sessions, SignIn } from '../../sessions/session.ts'
import { attemptOnce } from '../attempts.ts'
import { readForm } from '../form.ts'
import type { IdentityRequest } from '../identity-app.ts'
import { asOutage, DependencyOutage } from '../outage.ts'
import type { PageFrame } from '../pages.ts'
import type { IdentityContext, IdentityProvider, ProviderOutcome, SignInRequest } from '../provider.ts'
import { redirect } from '../redirect.ts'
import type { IdentityRefusalCode } from '../refusal.ts'
import type { LinkIntent } from '../transaction.ts'
import { createLinkOffers, OFFER_SECONDS } from './link-offer.ts'
import { ACCOUNT, accountPage, confirmLinkPage, confirmRemovalPage, type Way } from './pages.ts'

export interface AccountParts {
  readonly identities: OwnIdentities
  /** As a route that takes a session of any provider would decide, revocation included. `undefined`: it may. */
  readonly authorize: (request: Request, defer: IdentityContext['defer']) => Promise<Response | undefined>
}

/** What the account pages need of the app that they are part of. */
export interface AccountHost {
  readonly sessions: Pick<Sessions, 'find' | 'end'>
  readonly replay: ReplayMemory
  readonly rootSecret: RootSecret
  readonly offeredAt: (
    origin: string,
  ) => readonly { readonly config: Pick<IdentityProviderConfig, 'name' | 'title'>; readonly isNameless: boolean }[]
  readonly offered: (context: IdentityRequest, name: string) => IdentityProvider | undefined
  /** Of the whole policy. */
  readonly titleOf: (provider: string) => string
  readonly frameOf: (context: IdentityRequest) => PageFrame
  readonly isOwnPage: (context: IdentityRequest) => boolean
  readonly begin: (context: IdentityRequest, provider: IdentityProvider, asked: SignInRequest) => Promise<Response>
  readonly refuse: (context: IdentityRequest, refusal: { readonly code: IdentityRefusalCode; readonly detail: string }) => Response
  readonly log: (context: IdentityRequest, event: 'account', details: Readonly<Record<string, unknown>>) => void
}

type Proved = Pick<Extract<ProviderOutcome, { status: 'signed_in' }>, 'signIn' | 'setCookies'> & { readonly link: LinkIntent }

/** Where people see the identities of theirs, add one and remove one (docs/identity.md, "Several ways to sign in"). */
export interface Account {
  fetch(context: IdentityRequest): Promise<Response>
  /** Somebody proved another identity: asks whether it is to be linked. Begins no session, changes nothing. */
  ask(context: IdentityRequest, proved: Proved): Promise<Response>
}

/** How old the authentication of who changes something may be, in seconds. */
export const FRESH_SECONDS = 300
/** The same once the second sign-in is done, which may take its time. */
export const FINISH_SECONDS = 900
const MAX_FORM_BYTES = 16_384
const PERSON_NAME = /^[0-9a-f]{64}$/u

export function createAccount({ identities, authorize }: AccountParts, host: AccountHost): Account {
  const { sessions, replay, refuse, frameOf } = host
  const offers = createLinkOffers(host.rootSecret)

  /** The session that the request presents. */
  async function present(context: IdentityRequest): Promise<Session | Response> {
    const { request, now } = context
    const refusal = await authorize(request, (task) => context.defer(task))
    if (refusal?.status === 503) throw new DependencyOutage('sessions: the session cannot be judged')
    const isForm = request.method === 'POST'
    // Of its kind, such as 429: to sign in does not help.
    if (refusal !== undefined && refusal.status !== 401) return refusal
    const session = refusal === undefined ? await asOutage('sessions', async () => sessions.find(request, now)) : undefined
    return session ?? (isForm ? refuse(context, { code: 'session-over', detail: 'no session' }) : redirectToSignIn())
  }

  /** The session of who sent a form of ours, and what it says. */
  async function sent(context: IdentityRequest): Promise<{ readonly session: Session; readonly form: URLSearchParams } | Response> {
    if (!host.isOwnPage(context)) return refuse(context, { code: 'account-cross-site', detail: 'the form is not of this origin' })
    const session = await present(context)
    if (session instanceof Response) return session
    const form = await readForm(context.request, MAX_FORM_BYTES)
    return form === undefined ? refuse(context, { code: 'request-malformed', detail: 'no form' }) : { session, form }
  }

  async function waysOf({ signIn }: Session): Promise<readonly Way[]> {
    const all = signIn.person === undefined ? [] : await inPeople(async () => identities.list(signIn))
    return all.map(({ name, provider, firstSeen }) => ({ name, title: host.titleOf(provider), since: firstSeen }))
  }

  /** A sign-in at the same provider; then they are back on the page. */
  async function stepUp(context: IdentityRequest, { signIn }: Session): Promise<Response> {
    const provider = host.offered(context, signIn.provider)
    if (provider === undefined) return refuse(context, { code: 'provider-unknown', detail: 'the provider of the session is not offered' })
    return host.begin(context, provider, { returnTo: ACCOUNT, prompt: 'login', maxAgeSeconds: FRESH_SECONDS })
  }

  async function show(context: IdentityRequest): Promise<Response> {
    const session = await present(context)
    if (session instanceof Response) return session
    const done = new URL(context.request.url).searchParams.get('done')
    return accountPage(frameOf(context), {
      who: describe(session.signIn, host.titleOf),
      ways: await waysOf(session),
      choices: host.offeredAt(context.origin).flatMap(({ config, isNameless }) => (isNameless ? [] : [config])),
      isFresh: isFresh(session, context.now, FRESH_SECONDS),
      done: done === 'linked' || done === 'removed' ? done : undefined,
    })
  }

  async function startLink(context: IdentityRequest): Promise<Response> {
    const read = await sent(context)
    if (read instanceof Response) return read
    const { session, form } = read
    const name = form.get('provider') ?? ''
    const chosen = host.offeredAt(context.origin).find(({ config }) => config.name === name)
    const provider = host.offered(context, name)
    if (chosen === undefined || provider === undefined)
      return refuse(context, { code: 'provider-unknown', detail: 'no provider of that name on this host' })
    if (chosen.isNameless || session.signIn.person === undefined)
      return refuse(context, { code: 'link-not-possible', detail: 'one of the two names nobody' })
    if (!isFresh(session, context.now, FRESH_SECONDS)) return stepUp(context, session)
    const link = { session: session.id, to: describe(session.signIn, host.titleOf) }
    return host.begin(context, provider, { returnTo: ACCOUNT, prompt: 'login', maxAgeSeconds: FRESH_SECONDS, link })
  }

  async function confirmLink(context: IdentityRequest): Promise<Response> {
    const read = await sent(context)
    if (read instanceof Response) return read
    const { session, form } = read
    const { now } = context
    const offer = await offers.open(form.get('offer') ?? '', now)
    if (offer?.session !== session.id || session.signIn.person === undefined)
      return refuse(context, { code: 'link-unknown', detail: 'the offer is over, or of another session' })
    if (!isFresh(session, now, FINISH_SECONDS)) return stepUp(context, session)
    const once = { scope: 'account-link', id: offer.id, expiresAt: offer.expiresAt }
    const joined = await attemptOnce(replay, once, now, async () => inPeople(async () => identities.join(session.signIn, offer, now)))
    if (joined === 'replayed') return refuse(context, { code: 'sign-in-replayed', detail: 'the offer has been used' })
    if (joined.status !== 'linked') return refuse(context, notLinked(joined.status))
    const details = { provider: session.signIn.provider, linked: offer.provider, person: joined.id, session: session.id }
    host.log(context, 'account', { status: 303, code: 'identity-linked', ...details })
    return redirect(`${ACCOUNT}?done=linked`)
  }

  async function askRemoval(context: IdentityRequest): Promise<Response> {
    const session = await present(context)
    if (session instanceof Response) return session
    const name = new URL(context.request.url).searchParams.get('identity')
    const [, ...others] = await waysOf(session)
    const way = others.find((other) => other.name === name)
    return way === undefined ? refuse(context, NOT_THEIRS) : confirmRemovalPage(frameOf(context), way)
  }

  async function remove(context: IdentityRequest): Promise<Response> {
    const read = await sent(context)
    if (read instanceof Response) return read
    const { session, form } = read
    const { now } = context
    const name = form.get('identity') ?? ''
    if (!PERSON_NAME.test(name)) return refuse(context, NOT_THEIRS)
    if (!isFresh(session, now, FRESH_SECONDS)) return stepUp(context, session)
    const end = async (ids: readonly string[]): Promise<void> => {
      await Promise.all(ids.map(async (id) => sessions.end({ id }, 'identity-removed', now)))
    }
    if (!(await inPeople(async () => identities.part(session.signIn, name, end)))) return refuse(context, NOT_THEIRS)
    const { provider, person } = session.signIn
    host.log(context, 'account', { status: 303, code: 'identity-removed', provider, removed: name, person, session: session.id })
    return redirect(`${ACCOUNT}?done=removed`)
  }

  const pages: Readonly<Record<string, Partial<Record<string, (context: IdentityRequest) => Promise<Response>>>>> = {
    '': { GET: show },
    '/link': { POST: startLink },
    '/confirm': { POST: confirmLink },
    '/remove': { GET: askRemoval, POST: remove },
  }

  return {
    async fetch(context) {
      const path = new URL(context.request.url).pathname.slice(ACCOUNT.length)
      const methods = Object.hasOwn(pages, path) ? pages[path] : undefined
      if (methods === undefined) return refuse(context, { code: 'provider-unknown', detail: 'no such address' })
      const { method } = context.request
      const run = Object.hasOwn(methods, method) ? methods[method] : undefined
      return run?.(context) ?? refuse(context, { code: 'method-not-allowed', detail: 'no such address' })
    },
    async ask(context, { signIn, link, setCookies }) {
      const { now } = context
      const { provider, issuer, subject } = signIn
      const offer = { id: crypto.randomUUID(), session: link.session, provider, issuer, subject, expiresAt: now + OFFER_SECONDS * 1000 }
      const known = await inPeople(async () => identities.list(signIn))
      const response = confirmLinkPage(frameOf(context), {
        offer: await offers.seal(offer),
        to: link.to,
        other: describe(signIn, host.titleOf),
        wasSomebody: known.length > 0,
      })
      for (const cookie of setCookies) response.headers.append('set-cookie', cookie)
      return response
    },
  }
}

const inPeople = async <Done>(work: () => Promise<Done>): Promise<Done> => asOutage('people', work)

const redirectToSignIn = (): Response => redirect(`/.portcullis/login?${new URLSearchParams({ return_to: ACCOUNT }).toString()}`)

const NOT_THEIRS = { code: 'link-not-found', detail: 'not linked to the identity of the session' } as const

function notLinked(status: 'same' | 'taken' | 'full' | 'unknown'): { readonly code: IdentityRefusalCode; readonly detail: string } {
  return status === 'unknown'
    ? { code: 'link-not-possible', detail: 'the person of the session is not kept' }
    : { code: `link-${status}`, detail: 'the two identities cannot be linked' }
}

/** By what the provider says, never by when it answered: without `auth_time` nothing is fresh. */
function isFresh({ signIn }: Session, now: number, seconds: number): boolean {
  const { auth_time: at } = signIn.claims
  return typeof at === 'number' && now <= (at + seconds) * 1000
}

/** For people to read: how the provider names somebody, and how it tells people apart. At most 200 characters. */
function describe({ provider, subject, claims }: Omit<SignIn, 'tokens'>, titleOf: (provider: string) => string): string {
  const { name } = claims
  const known = typeof name === 'string' && name !== '' ? `${name.slice(0, 60)} (${subject.slice(0, 60)})` : subject.slice(0, 60)
  return `${titleOf(provider).slice(0, 60)}: ${known}`
}
