import { encodeHex } from '../http/base64url.ts'
import type { RootSecret } from './root-secret.ts'
import { createSealer } from './sealer.ts'

/** Makes whoever posts it, signed in, an owner of the gate: for the first one. Sealed under the root secret of one environment. */
export const BOOTSTRAP_PREFIX = 'pcb_'
export const BOOTSTRAP_SECONDS = 900
const MAX_LENGTH = 512
const PURPOSE = 'bootstrap-token'

export interface BootstrapToken {
  /** Used once. */
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

export async function createBootstrapToken(root: RootSecret, now: number): Promise<{ readonly token: string; readonly expiresAt: number }> {
  const expiresAt = now + BOOTSTRAP_SECONDS * 1000
  const id = encodeHex(crypto.getRandomValues(new Uint8Array(16)))
  const bytes = new TextEncoder().encode(JSON.stringify([id, expiresAt]))
  return { token: BOOTSTRAP_PREFIX + (await createSealer(root, PURPOSE).seal(bytes, PURPOSE)), expiresAt }
}

/** `undefined`: none that was made with this root secret, or over. Whether it was used is not known here. */
export async function openBootstrapToken(root: RootSecret, token: string, now: number): Promise<BootstrapToken | undefined> {
  if (token.length > MAX_LENGTH || !token.startsWith(BOOTSTRAP_PREFIX)) return undefined
  const bytes = await createSealer(root, PURPOSE).open(token.slice(BOOTSTRAP_PREFIX.length), PURPOSE)
  if (bytes === undefined) return undefined
  const [id, expiresAt] = JSON.parse(new TextDecoder().decode(bytes)) as [string, number]
  return expiresAt > now ? { id, expiresAt } : undefined
}
