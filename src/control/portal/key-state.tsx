import type { KeyRecord } from '../../directory/accounts.ts'
import { Badge } from '../pages/parts.tsx'

/** A key that ends within this long is about to. */
const SOON_MS = 14 * 86_400_000

export function KeyState({ record: { state, expiresAt, validUntil }, now }: { readonly record: KeyRecord; readonly now: number }) {
  if (state === 'revoked') return <Badge kind="bad">Revoked</Badge>
  if (expiresAt !== undefined && expiresAt <= now) return <Badge kind="bad">Expired</Badge>
  if (validUntil !== undefined) return validUntil <= now ? <Badge kind="bad">Replaced</Badge> : <Badge kind="warning">Being replaced</Badge>
  if (state === 'disabled') return <Badge kind="warning">Disabled</Badge>
  if (expiresAt !== undefined && expiresAt - now < SOON_MS) return <Badge kind="warning">Ends soon</Badge>
  return <Badge kind="good">Active</Badge>
}

/** Whether it can still be used, or be switched on again. */
export function isAlive({ state, expiresAt, validUntil }: KeyRecord, now: number): boolean {
  return state !== 'revoked' && (expiresAt ?? Number.POSITIVE_INFINITY) > now && (validUntil ?? Number.POSITIVE_INFINITY) > now
}
