import type { Changes } from './changes.ts'

/** What the gate does to somebody's requests for a while, mildest first. `close` is of routes and of everything: a kill switch. */
export const RESTRICTIONS = ['slow', 'limit', 'step-up', 'block', 'close'] as const
export type RestrictionAnswer = (typeof RESTRICTIONS)[number]

/** What can be restricted. `fingerprint`: a kind of client (`clientName`); `everything` has no id but itself. */
export const RESTRICTED_KINDS = ['credential', 'consumer', 'address', 'fingerprint', 'route', 'everything'] as const
export type RestrictedKind = (typeof RESTRICTED_KINDS)[number]

export interface Restriction {
  readonly answer: RestrictionAnswer
  /** Milliseconds since the epoch, as `until`, when it is over by itself. */
  readonly since: number
  readonly until: number
  /** For the log and operators: the anomaly or the operator's reason. Never shown to the caller. */
  readonly cause: string
}

/** With whose it is: a `restrictedName`. */
export type FoundRestriction = Restriction & { readonly name: string }

/** Longest id of a subject. */
export const MAX_SUBJECT = 400
/** The name under which the feed keeps the restriction of a subject. */
export const restrictedName = (kind: RestrictedKind, id: string): string => `${kind}:${id.slice(0, MAX_SUBJECT)}`
export function restrictedSubject(name: string): { readonly kind: RestrictedKind; readonly id: string } {
  const end = name.indexOf(':')
  return { kind: name.slice(0, end) as RestrictedKind, id: name.slice(end + 1) }
}

/** A kind of client: the fingerprint of its TLS hello and its User-Agent, as far as both are told. */
export function clientName(tls: string | undefined, userAgent: string | undefined): string {
  return `${(tls ?? '').slice(0, 80)} ${(userAgent ?? '').slice(0, 200)}`
}

/** Restrictions in force, by name: few, and a look-up costs nothing while there are none. */
export interface RestrictionTable {
  readonly size: number
  /** Sets, or lifts where `changed` says so; of two for one name the later counts. */
  add(name: string, changed: Changes): void
  find(name: string, now: number): FoundRestriction | undefined
  /** Drops what is over. `now` in milliseconds. */
  forget(now: number): void
  encode(): readonly EncodedRestriction[]
}
/** Name, and when and as what it was set. */
export type EncodedRestriction = readonly [name: string, at: number, value: Restriction | null]

export function createRestrictionTable(encoded: readonly EncodedRestriction[] = []): RestrictionTable {
  const byName = new Map(encoded.map(([name, at, value]) => [name, { at, value }]))
  return {
    get size() {
      return byName.size
    },
    add(name, { restriction }) {
      if (restriction === undefined) return
      const known = byName.get(name)
      if (known === undefined || restriction.at >= known.at) byName.set(name, restriction)
    },
    find(name, now) {
      const value = byName.get(name)?.value
      return value !== undefined && value !== null && now < value.until ? { ...value, name } : undefined
    },
    forget(now) {
      for (const [name, { at, value }] of byName) if ((value?.until ?? at + KEPT_MS) <= now) byName.delete(name)
    },
    encode: () => [...byName].map(([name, { at, value }]) => [name, at, value]),
  }
}

/** That it was lifted is kept for so long: an earlier entry, read late, must not bring it back. */
const KEPT_MS = 3_600_000

/** The strongest. */
export function strongestOf(restrictions: readonly (FoundRestriction | undefined)[]): FoundRestriction | undefined {
  return restrictions
    .filter((one) => one !== undefined)
    .toSorted((one, other) => RESTRICTIONS.indexOf(other.answer) - RESTRICTIONS.indexOf(one.answer))[0]
}
