import type { RootSecret } from '../credentials/root-secret.ts'
import { createSealer } from '../credentials/sealer.ts'
import { decodeHex, encodeHex } from '../http/base64url.ts'

/** What a browser holds: the id of its session, sealed. Under 200 bytes with its name and attributes. */
export interface SessionCookies {
  /** The whole `Set-Cookie` value. Without `Max-Age`: the browser forgets it when it is closed, the session ends by itself. */
  set(id: string): Promise<string>
  clear(): string
  /** The id, or `undefined`: not sealed by this gate, or by a generation that is gone. */
  open(value: string): Promise<string | undefined>
}

/** 128 random bits: nobody finds one by trying, and it is the name of the session's object. */
const ID_BYTES = 16
/** Longest value looked at: a generation of 8 characters, a dot and 59 of base64url. */
const MAX_VALUE_LENGTH = 72

export function newSessionId(): string {
  return encodeHex(crypto.getRandomValues(new Uint8Array(ID_BYTES)))
}

export function createSessionCookies(
  rootSecret: RootSecret,
  { name, sameSite }: { readonly name: string; readonly sameSite: 'lax' | 'strict' },
): SessionCookies {
  const sealer = createSealer(rootSecret, 'session-cookie')
  const attributes = `Path=/; Secure; HttpOnly; SameSite=${sameSite === 'strict' ? 'Strict' : 'Lax'}`
  return {
    async set(id) {
      const bytes = decodeHex(id)
      if (bytes?.byteLength !== ID_BYTES) throw new RangeError('not the id of a session')
      return `${name}=${await sealer.seal(bytes, name)}; ${attributes}`
    },
    clear: () => `${name}=; ${attributes}; Max-Age=0`,
    async open(value) {
      if (value.length > MAX_VALUE_LENGTH) return undefined
      const bytes = await sealer.open(value, name)
      return bytes?.byteLength === ID_BYTES ? encodeHex(bytes) : undefined
    },
  }
}

/** The values of all cookies of that name: of several, which one counts would be chance (cookie tossing). */
export function cookiesNamed(request: Request, name: string): readonly string[] {
  const pairs = (request.headers.get('cookie') ?? '').split(';')
  return pairs.flatMap((pair) => {
    const at = pair.indexOf('=')
    return at !== -1 && pair.slice(0, at).trim() === name ? [pair.slice(at + 1).trim()] : []
  })
}
