import type { RootSecret } from '../credentials/root-secret.ts'
import { createSealer } from '../credentials/sealer.ts'
import { encodeBase64Url } from '../http/base64url.ts'
import { SIGN_IN_COOKIE } from '../origin/carriers.ts'
import type { ReplayMemory } from '../replay/replay-memory.ts'
import { cookiesNamed } from '../sessions/cookie.ts'
import { asOutage } from './outage.ts'

/** A sign-in (or sign-out at a provider) that this browser has begun and not yet finished. */
export interface Transaction {
  /** Random, 128 bits: OAuth `state`, SAML `RelayState`. It finds the transaction and is good once. */
  readonly state: string
  /** Name of the provider that alone may finish it. */
  readonly provider: string
  /** Path and query on our own host. */
  readonly returnTo: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  /** What the provider's kind must remember: verifier and nonce, the id of a request. At most 800 characters as JSON. */
  readonly data: Readonly<Record<string, string>>
}

/** A sign-in that begins no session: it proves another identity of somebody who has one. */
export interface LinkIntent {
  /** Id of the session that it began in. */
  readonly session: string
  /** Who is signed in there, for people to read; at most 200 characters. */
  readonly to: string
}

export const linkData = (link: LinkIntent | undefined): Readonly<Record<string, string>> =>
  link === undefined ? {} : { link: link.session, linkTo: link.to }

/** `begunAt`: milliseconds since the epoch. Nothing of an ordinary sign-in. */
export function linkOf(transaction: Transaction | undefined): { readonly link?: LinkIntent & { readonly begunAt: number } } {
  const { link: session, linkTo: to = '' } = transaction?.data ?? {}
  if (transaction === undefined || session === undefined) return {}
  return { link: { session, to, begunAt: transaction.expiresAt - TRANSACTION_SECONDS * 1000 } }
}

/**
 * The transactions of one browser, newest first, together in one sealed cookie: several tabs can sign in at once, and
 * abandoned ones leave no more than this. `SameSite=None`, since SAML comes back by a cross-site POST; the cookie says
 * nothing of who somebody is, and nothing happens by it without the state.
 */
export interface Transactions {
  /** Adds one to those of the request. `setCookie` is the whole field value. */
  begin(
    request: Request,
    begun: Pick<Transaction, 'provider' | 'returnTo' | 'data'>,
    now: number,
  ): Promise<{ readonly transaction: Transaction; readonly setCookie: string }>
  /** `undefined`: this browser has begun none with this state at this provider, or it is over. */
  open(request: Request, named: Pick<Transaction, 'provider' | 'state'>, now: number): Promise<Transaction | undefined>
  /** Once, whatever copies of the cookie there are. Throws `DependencyOutage` when the replay memory cannot answer. */
  use(transaction: Transaction, now: number): Promise<'fresh' | 'replayed'>
  /** The `Set-Cookie` field value without it: the others of the browser stay. */
  clear(request: Request, transaction: Pick<Transaction, 'state'>, now: number): Promise<string>
}

/** How long a person may take at the provider. */
export const TRANSACTION_SECONDS = 900
/** Tabs that can sign in at once. */
const MAX_PENDING = 4
/** Of the sealed list as text: with base64 and its attributes a cookie holds 4,096 bytes. */
const MAX_LIST_BYTES = 2600
const ATTRIBUTES = 'Path=/; Secure; HttpOnly; SameSite=None'

export function createTransactions({
  rootSecret,
  replay,
}: {
  readonly rootSecret: RootSecret
  readonly replay: ReplayMemory
}): Transactions {
  const sealer = createSealer(rootSecret, 'sign-in-transaction')

  /** Nothing but our own JSON comes out of the seal. */
  async function pending(request: Request, now: number): Promise<readonly Transaction[]> {
    const [sealed, ...others] = cookiesNamed(request, SIGN_IN_COOKIE)
    const bytes = sealed === undefined || others.length > 0 ? undefined : await sealer.open(sealed, SIGN_IN_COOKIE)
    const all = bytes === undefined ? [] : (JSON.parse(new TextDecoder().decode(bytes)) as readonly Transaction[])
    return all.filter(({ expiresAt }) => expiresAt > now)
  }
  async function cookieFor(transactions: readonly Transaction[]): Promise<string> {
    if (transactions.length === 0) return `${SIGN_IN_COOKIE}=; ${ATTRIBUTES}; Max-Age=0`
    const sealed = await sealer.seal(new Uint8Array(new TextEncoder().encode(JSON.stringify(transactions))), SIGN_IN_COOKIE)
    return `${SIGN_IN_COOKIE}=${sealed}; ${ATTRIBUTES}; Max-Age=${TRANSACTION_SECONDS}`
  }

  return {
    async begin(request, begun, now) {
      const state = encodeBase64Url(crypto.getRandomValues(new Uint8Array(16)))
      const { provider, returnTo, data } = begun
      const transaction = { state, provider, returnTo, expiresAt: now + TRANSACTION_SECONDS * 1000, data }
      return { transaction, setCookie: await cookieFor(newest([transaction, ...(await pending(request, now))])) }
    },
    async open(request, { provider, state }, now) {
      return (await pending(request, now)).find((known) => known.state === state && known.provider === provider)
    },
    async use({ state, expiresAt }, now) {
      return asOutage('replay', async () => replay.use({ scope: 'sign-in', id: state, expiresAt }, now))
    },
    async clear(request, { state }, now) {
      return cookieFor((await pending(request, now)).filter((known) => known.state !== state))
    },
  }
}

/** As many as fit; the newest always does, its parts being bounded. */
function newest(transactions: readonly Transaction[]): readonly Transaction[] {
  const kept = transactions.slice(0, MAX_PENDING)
  while (kept.length > 1 && new TextEncoder().encode(JSON.stringify(kept)).byteLength > MAX_LIST_BYTES) kept.pop()
  return kept
}
