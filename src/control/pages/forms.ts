import type { RootSecret } from '../../credentials/root-secret.ts'
import { decodeBase64Url, encodeBase64Url } from '../../http/base64url.ts'
import { readForm } from '../../identity/form.ts'
import { MAX_LIFE_MS, type ReplayMemory } from '../../replay/replay-memory.ts'

/** What a form brought. Only `sent` may change anything, and only once `spend` has said yes. */
export type FormRead =
  /** `spend`: `false` where this very form was sent before (a double click, the back button). Throws when nobody can say. */
  | { readonly status: 'sent'; readonly form: URLSearchParams; readonly spend: () => Promise<boolean> }
  /** The page was open for longer than `FORM_MS`: shown again with what was typed. */
  | { readonly status: 'expired'; readonly form: URLSearchParams }
  /** Of another site, of another session, or no form of ours. */
  | { readonly status: 'refused' }

/**
 * Forms of the gate's own pages. Each carries a token that names it: an HMAC over session, time and a random id, so that no other
 * site and no other session can have made it, and the same form changes something once.
 */
export interface Forms {
  /** Hidden in every form. */
  token(sessionId: string, now: number): Promise<string>
  read(request: Request, sessionId: string, now: number): Promise<FormRead>
}

/** How long a page may be open before its form is sent, in milliseconds. */
export const FORM_MS = MAX_LIFE_MS - 60_000
/** Name of the field. */
export const TOKEN_FIELD = 'token'
const MAX_FORM_BYTES = 64 * 1024
const TOKEN = /^([a-z0-9]{1,8})\.([0-9a-z]{1,11})\.([\w-]{22})\.([\w-]{43})$/u
const utf8 = new TextEncoder()

export function createForms(rootSecret: RootSecret, replay: ReplayMemory): Forms {
  async function macKey(generation: string): Promise<CryptoKey> {
    const bytes = await rootSecret.derive('page-forms', generation)
    return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
  }

  /** When the form was made, and its id. `undefined`: not of this session. */
  async function open(token: string, sessionId: string): Promise<{ readonly madeAt: number; readonly id: string } | undefined> {
    const [, generation = '', made = '', id = '', mac = ''] = TOKEN.exec(token) ?? []
    const bytes = decodeBase64Url(mac)
    if (bytes === undefined || !rootSecret.generations.includes(generation)) return undefined
    const isOurs = await crypto.subtle.verify('HMAC', await macKey(generation), bytes, said(sessionId, made, id))
    return isOurs ? { madeAt: Number.parseInt(made, 36), id } : undefined
  }

  return {
    async token(sessionId, now) {
      const generation = rootSecret.generations[0] ?? ''
      const made = now.toString(36)
      const id = encodeBase64Url(crypto.getRandomValues(new Uint8Array(16)))
      const mac = await crypto.subtle.sign('HMAC', await macKey(generation), said(sessionId, made, id))
      return `${generation}.${made}.${id}.${encodeBase64Url(new Uint8Array(mac))}`
    },
    async read(request, sessionId, now) {
      if (!isOwn(request)) return { status: 'refused' }
      const form = await readForm(request, MAX_FORM_BYTES)
      const opened = form === undefined ? undefined : await open(form.get(TOKEN_FIELD) ?? '', sessionId)
      if (form === undefined || opened === undefined) return { status: 'refused' }
      const { madeAt, id } = opened
      const expiresAt = madeAt + FORM_MS
      if (expiresAt <= now) return { status: 'expired', form }
      const spend = async (): Promise<boolean> => (await replay.use({ scope: 'page-form', id, expiresAt }, now)) === 'fresh'
      return { status: 'sent', form, spend }
    },
  }
}

const said = (sessionId: string, made: string, id: string): Uint8Array => utf8.encode(JSON.stringify([sessionId, made, id]))

/** Browsers name the origin of every form that is sent with POST (Fetch §4.6); no other program has reason to send one. */
function isOwn(request: Request): boolean {
  const site = request.headers.get('sec-fetch-site')
  return request.headers.get('origin') === new URL(request.url).origin && (site === null || site === 'same-origin')
}
