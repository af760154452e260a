import type { Directory } from './directory.ts'

/** Whom a credential names, and what it carries itself. */
export interface Entitled {
  readonly consumer: string
  readonly plan?: string
  readonly scopes?: readonly string[]
}
export type Entitlement =
  | { readonly status: 'entitled'; readonly scopes: ReadonlySet<string> }
  /** Refused, never unlimited. */
  | { readonly status: 'unknown_consumer' | 'unknown_plan' }

/** What the holder of a credential may do now: its own scopes ∩ its plan's. Where one says nothing, the other's; nothing said at all is no scope. */
export function entitlementOf(
  directory: Pick<Directory, 'consumer' | 'plan'>,
  { consumer: name, plan: own, scopes }: Entitled,
): Entitlement {
  const consumer = directory.consumer(name)
  if (consumer === undefined) return { status: 'unknown_consumer' }
  const planName = own ?? consumer.plan
  const plan = planName === undefined ? undefined : directory.plan(planName)
  if (planName !== undefined && plan === undefined) return { status: 'unknown_plan' }
  const planned = plan?.scopes
  if (scopes === undefined) return { status: 'entitled', scopes: planned ?? new Set() }
  return { status: 'entitled', scopes: new Set(planned === undefined ? scopes : scopes.filter((scope) => planned.has(scope))) }
}
