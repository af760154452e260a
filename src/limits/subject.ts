import { addressKey } from '../http/address.ts'
import type { Principal } from '../schemes/authenticator.ts'
import type { Charge, LimitPolicy, SubjectPart } from './limiter.ts'

/** What of a request can be counted. */
export interface Countable {
  readonly principals: readonly Pick<Principal, 'kind' | 'issuer' | 'subject' | 'credentialId'>[]
  readonly routeId: string
  readonly consumer?: string
  /** As the edge reports it. */
  readonly address?: string
}
export type Counted =
  | { readonly status: 'countable'; readonly charges: readonly Charge[] }
  /** The caller has nothing that this limit counts: refused, never unlimited. */
  | { readonly status: 'unsatisfiable'; readonly limit: LimitPolicy }

/** Each limit with whom it counts: of its `by` list the first entry that the caller has all parts of. `cost`: the route's. */
export function chargesOf(limits: readonly LimitPolicy[], countable: Countable, cost = 1): Counted {
  const charges: Charge[] = []
  for (const limit of limits) {
    const subject = limit.by.map((parts) => subjectOf(parts, countable)).find((found) => found !== undefined)
    if (subject === undefined) return { status: 'unsatisfiable', limit }
    charges.push({ limit, subject, cost: limit.concurrency === undefined ? cost : 1 })
  }
  return { status: 'countable', charges }
}

function subjectOf(parts: readonly SubjectPart[], countable: Countable): string | undefined {
  const named = parts.map((part) => {
    const value = valueOf(part, countable)
    return value === undefined ? undefined : `${part}=${encodeURIComponent(value)}`
  })
  return named.includes(undefined) ? undefined : named.join('&')
}

function valueOf(part: SubjectPart, { principals, consumer, address, routeId }: Countable): string | undefined {
  // In a conjunction the token says for whom, whatever client carries it.
  const speaker = principals.find(({ kind }) => kind === 'jwt') ?? principals[0]
  switch (part) {
    case 'address':
      return address === undefined ? undefined : addressKey(address)
    case 'consumer':
      return consumer
    case 'subject':
      return speaker === undefined ? undefined : JSON.stringify([speaker.issuer, speaker.subject])
    case 'credential':
      return speaker === undefined ? undefined : JSON.stringify([speaker.kind, speaker.issuer, speaker.credentialId])
    case 'route':
      return routeId
  }
}
