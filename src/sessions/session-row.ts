import type { Sealer } from '../credentials/sealer.ts'
import type { ProviderTokens, SignIn } from './session.ts'

/** What the object keeps of its session. Who signed in and the tokens are sealed: a dump of the storage holds nothing usable. */
export interface SessionRow extends Record<string, SqlStorageValue> {
  readonly id: string
  readonly sign_in: string
  readonly tokens: string | null
  /** All times in milliseconds since the epoch. */
  readonly started_at: number
  /** Absolute end, or the provider's where that is earlier. */
  readonly ends_at: number
  readonly idle_ms: number
  readonly last_seen: number
  /** 1: it ends with its refresh token. */
  readonly follows_tokens: number
  /** When the access token ends, and from when on another one is fetched. */
  readonly token_end: number | null
  readonly refresh_at: number | null
  /** How often a refresh was sent since the last answer that is stored. */
  readonly refresh_tries: number
}

export type Kept = Omit<SignIn, 'tokens'>

const UTF8 = new TextEncoder()
/** Longest form of who signed in, and of the tokens, in bytes. */
const MAX_SIGN_IN_BYTES = 32_768
const MAX_TOKENS_BYTES = 65_536
/** An access token is replaced this long before its end, or in the last half of a shorter life. */
const AHEAD_MS = 30_000

/** Sealed for this session and this column: a row that is copied to another object opens nothing there. */
export function createRowSeal(sealer: Sealer) {
  const close = async (value: unknown, context: string, maxBytes: number): Promise<string> => {
    const bytes = UTF8.encode(JSON.stringify(value))
    if (bytes.byteLength > maxBytes) throw new RangeError(`more than ${maxBytes} bytes to be kept of a session`)
    return sealer.seal(bytes, context)
  }
  const open = async (sealed: string, context: string): Promise<unknown> => {
    const bytes = await sealer.open(sealed, context)
    if (bytes === undefined) throw new Error('what is stored of a session does not open: its generation of the root secret is gone')
    return JSON.parse(new TextDecoder().decode(bytes))
  }
  return {
    closeSignIn: async (id: string, signIn: Kept): Promise<string> => close(signIn, `sign-in ${id}`, MAX_SIGN_IN_BYTES),
    closeTokens: async (id: string, tokens: ProviderTokens): Promise<string> => close(tokens, `tokens ${id}`, MAX_TOKENS_BYTES),
    closeExchanged: async (id: string, target: string, token: string): Promise<string> =>
      close(token, `exchanged ${id} ${target}`, MAX_TOKENS_BYTES),
    openExchanged: async (id: string, target: string, sealed: string): Promise<string> =>
      (await open(sealed, `exchanged ${id} ${target}`)) as string,
    openSignIn: async ({ id, sign_in: sealed }: SessionRow): Promise<Kept> => (await open(sealed, `sign-in ${id}`)) as Kept,
    openTokens: async ({ id, tokens }: SessionRow): Promise<ProviderTokens | undefined> =>
      tokens === null ? undefined : ((await open(tokens, `tokens ${id}`)) as ProviderTokens),
  }
}

export type RowSeal = ReturnType<typeof createRowSeal>

/** The columns that follow from a token's end. */
export function tokenTimes({ expiresAt }: Pick<ProviderTokens, 'expiresAt'>, now: number): Pick<SessionRow, 'token_end' | 'refresh_at'> {
  if (expiresAt === undefined) return { token_end: null, refresh_at: null }
  return { token_end: expiresAt, refresh_at: expiresAt - Math.min(AHEAD_MS, Math.max(0, expiresAt - now) / 2) }
}

/** When the session ends as things stand. */
export function endOf({ ends_at: endsAt, last_seen: lastSeen, idle_ms: idleMs }: SessionRow): number {
  return Math.min(endsAt, lastSeen + idleMs)
}
