import { isInNetwork } from '../http/network.ts'
import { currentOf, type Changes, type KnownChanges } from '../revocation/changes.ts'
import type { Principal, Rejected } from '../schemes/authenticator.ts'
import type { Caller, EvaluateContext } from './evaluate.ts'

/**
 * A verified principal as of what has changed since its credential was issued, or why it must stop. Plan and scopes of a key are
 * its scheme's to apply (`entitlementOf`); the plan of a consumer counts here for credentials that carry none.
 */
export function applyChanges(
  principal: Principal,
  { key, consumer }: KnownChanges,
  { now, address, plans, request }: Pick<EvaluateContext, 'now' | 'address' | 'plans' | 'request'>,
): Principal | Rejected {
  if (key === undefined && consumer === undefined) return principal
  const [own, shared] = [currentOf(key), currentOf(consumer)]
  if ([own.disabled, shared.disabled].includes(true)) return rejected('disabled')
  if (own.validUntil !== undefined && own.validUntil <= now) return rejected('replaced')
  const elsewhere = elsewhereOf(own, address, request)
  if (elsewhere !== undefined) return rejected(elsewhere)
  const plan = principal.plan ?? shared.plan
  // Given once, and taken out of the policy since: never unlimited.
  if (plan !== undefined && !plans.has(plan)) return rejected('unknown_plan')
  const planned = plan === undefined ? principal : { ...principal, plan }
  return own.validUntil === undefined ? planned : endingAt(own.validUntil, key, planned)
}

/** It was replaced, and is good until then. */
function endingAt(until: number, key: Changes | undefined, principal: Principal): Principal {
  return { ...principal, expiresAt: Math.min(principal.expiresAt, until), replacedAt: key?.validUntil?.at ?? until }
}

function elsewhereOf(
  { addresses, origins }: ReturnType<typeof currentOf>,
  address: string | undefined,
  request: Request,
): Rejected['reason'] | undefined {
  if (!isFrom(addresses, address)) return 'address_not_allowed'
  // What a browser says of itself: a key that one page shows to everybody is kept from other pages. It is no proof of anything.
  return origins?.includes(request.headers.get('origin') ?? '') === false ? 'origin_not_allowed' : undefined
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
