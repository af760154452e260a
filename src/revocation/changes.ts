import type { Restriction } from './restrictions.ts'

/** A value with the instant at which it was set, in milliseconds since the epoch. */
interface Stamped<Value> {
  readonly at: number
  readonly value: Value
}

/** What an operator sets of a key or a consumer that has been issued; `null`: as it was issued, or as the policy has it. */
export interface ChangePatch {
  readonly disabled?: boolean
  readonly plan?: string | null
  /** In place of the key's own; the plan still bounds them. */
  readonly scopes?: readonly string[] | null
  /** Networks from which alone the key is taken, canonical. */
  readonly addresses?: readonly string[] | null
  /** Browser origins from which alone the key is taken, as `Origin` has them (RFC 6454 §6.1). */
  readonly origins?: readonly string[] | null
  /** The key was replaced and ends then, in milliseconds since the epoch. */
  readonly validUntil?: number | null
  /** Of what is `restricted` alone; `null`: lifted. */
  readonly restriction?: Restriction | null
}

/** All that was set of one target, each field with its own instant: of two, field by field, the later counts. */
export type Changes = { readonly [Field in keyof ChangePatch]?: Stamped<Required<ChangePatch>[Field]> }

/** What has changed of a credential since it was issued. */
export interface KnownChanges {
  /** Of the key itself, where it is one. */
  readonly key?: Changes
  readonly consumer?: Changes
}

/** Commutative, associative, and the same when repeated: entries may come in any order. */
export function mergeChanges(one: Changes | undefined, other: Changes): Changes {
  const merged: Record<string, Stamped<unknown>> = { ...one }
  for (const [field, stamped] of Object.entries(other)) {
    const known = merged[field]
    if (known === undefined || isLater(stamped, known)) merged[field] = stamped
  }
  return merged
}

function isLater(one: Stamped<unknown>, other: Stamped<unknown>): boolean {
  return one.at === other.at ? JSON.stringify(one.value) > JSON.stringify(other.value) : one.at > other.at
}

/** The patch as of `now`, or just after what is known where that is later: a clock that was set back takes nothing back. */
export function stampChanges(patch: ChangePatch, known: Changes | undefined, now: number): Changes {
  const at = Math.max(now, ...Object.values(known ?? {}).map((earlier) => earlier.at + 1))
  return Object.fromEntries(Object.entries(patch).map(([field, value]) => [field, { at, value }]))
}

type Current = { readonly [Field in keyof ChangePatch]?: NonNullable<ChangePatch[Field]> }
const AS_ISSUED: Current = {}

/** What is set now; what was set back to how it was issued is absent. */
export function currentOf(changes: Changes | undefined): Current {
  if (changes === undefined) return AS_ISSUED
  return Object.fromEntries(Object.entries(changes).flatMap(([field, { value }]) => (value === null ? [] : [[field, value]])))
}
