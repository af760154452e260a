import { isInNetwork } from '../http/network.ts'
import { currentOf, type KnownChanges } from '../revocation/changes.ts'
import type { Principal, Rejected, VerifyContext } from '../schemes/authenticator.ts'
import type { Caller } from './evaluate.ts'

/**
 * A verified principal as of what has changed since its credential was issued, or why it must stop. Plan and scopes of a key are
 * its scheme's to apply (`entitlementOf`); the plan of a consumer counts here for credentials that carry none.
 */
export function applyChanges(
  principal: Principal,
  { key, consumer }: KnownChanges,
  { now, address }: Pick<VerifyContext, 'now' | 'address'>,
): Principal | Rejected {
  if (key === undefined && consumer === undefined) return principal
  const [own, shared] = [currentOf(key), currentOf(consumer)]
  if (own.disabled === true || shared.disabled === true) return rejected('disabled')
  if (own.validUntil !== undefined && own.validUntil <= now) return rejected('replaced')
  if (!isFrom(own.addresses, address)) return rejected('address_not_allowed')
  return {
    ...principal,
    ...(principal.plan === undefined && shared.plan !== undefined ? { plan: shared.plan } : {}),
    ...(own.validUntil === undefined
      ? {}
      : { expiresAt: Math.min(principal.expiresAt, own.validUntil), replacedAt: key?.validUntil?.at ?? now }),
  }
}

/** An address that nobody knows is in no network. */
function isFrom(networks: readonly string[] | undefined, address: string | undefined): boolean {
  return networks?.some((network) => address !== undefined && isInNetwork(address, network)) ?? true
}

const rejected = (reason: Rejected['reason']): Rejected => ({ status: 'rejected', reason, authentic: true })

/** Tells the holder of a key that was replaced: since when (RFC 9745 §2.1), and when it ends (RFC 8594 §3). */
export function replacementFields(caller: Caller | undefined): readonly (readonly [name: string, value: string])[] {
  const replaced = caller?.principals.filter(({ replacedAt }) => replacedAt !== undefined).toSorted((a, b) => a.expiresAt - b.expiresAt)[0]
  if (replaced === undefined) return []
  return [
    ['deprecation', `@${Math.floor((replaced.replacedAt ?? 0) / 1000)}`],
    ['sunset', new Date(replaced.expiresAt).toUTCString()],
  ]
}
