import { currentOf, type KnownChanges } from '../revocation/changes.ts'
import type { Directory } from './directory.ts'

/** Whom a credential names, and what it carries itself. */
export interface Entitled {
  readonly consumer: string
  readonly plan?: string
  readonly scopes?: readonly string[]
}
export type Entitlement =
  | { readonly status: 'entitled'; readonly scopes: ReadonlySet<string>; readonly plan?: string }
  /** Refused, never unlimited. */
  | { readonly status: 'unknown_consumer' | 'unknown_plan' }

/**
 * What the holder of a credential may do now: its own scopes ∩ its plan's. Where one says nothing, the other's; nothing said at all is
 * no scope. What was changed counts in place of what it carries and of what the policy says. `plan`: its own, absent where the consumer's counts.
 */
export function entitlementOf(
  directory: Pick<Directory, 'consumer' | 'plan'>,
  { consumer: name, plan: issuedPlan, scopes: issuedScopes }: Entitled,
  changes: KnownChanges,
): Entitlement {
  const consumer = directory.consumer(name)
  if (consumer === undefined) return { status: 'unknown_consumer' }
  const { plan: own = issuedPlan, scopes = issuedScopes } = currentOf(changes.key)
  const planName = own ?? currentOf(changes.consumer).plan ?? consumer.plan
  const plan = planName === undefined ? undefined : directory.plan(planName)
  if (planName !== undefined && plan === undefined) return { status: 'unknown_plan' }
  const planned = plan?.scopes
  const granted = scopes === undefined ? planned : scopes.filter((scope) => planned?.has(scope) ?? true)
  return { status: 'entitled', scopes: new Set(granted), ...(own === undefined ? {} : { plan: own }) }
}
