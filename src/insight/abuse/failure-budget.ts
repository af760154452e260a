import { addressKey, addressWords } from '../../http/address.ts'
import { createKept } from './recent.ts'

const MINUTE_MS = 60_000
const MAX_ADDRESSES = 20_000
const MAX_NETWORKS = 4000
/** How long who is over the budget waits, at first and at most; each time twice as long as before. */
const FIRST_WAIT_MS = 10_000
const LONGEST_WAIT_MS = 300_000
/** Who did not fail for so long after a wait begins at the first again. */
const FORGIVEN_MS = 600_000
/** After a wait there is this part of the budget: whoever goes on is over it soon. */
const AFTERWARDS = 0.25
/** What is presented again and again is a mistake more than a guess, and counts as this much. */
const REPEATED = 0.25
/** Credentials remembered of an address and of a network: those that were refused last, and those that were good. */
const REMEMBERED = { refused: 4, good: { address: 32, network: 256 } } as const

/**
 * How often requests of one address, and of its network, may fail: credentials that are refused, targets that are none, paths that are
 * unknown. Who is over it waits before anything is verified, but for credentials that were good from there since the failures began: whoever
 * guesses behind a shared address does not lock out those who work there. In the memory of one isolate, bounded; all is synchronous.
 */
export interface FailureBudget {
  /** Seconds to wait, or `undefined`. While nobody waits it is one comparison. `digest`: of what the request presents; 0: nothing. */
  waits(address: string, digest: () => number, now: number): number | undefined
  /** `isGuess`: it may have been one, else it counts as a repeated one does. */
  failed(address: string, digest: number, isGuess: boolean, now: number): void
  /** What is presented was good. */
  passed(address: string, digest: () => number, now: number): void
}

interface Standing {
  /** As in GCRA: when all failures so far have flowed off. */
  arrivesAt: number
  waitsUntil: number
  waits: number
  /** Newest last. */
  readonly refused: number[]
  readonly good: Set<number>
}

const makeStanding = (): Standing => ({ arrivesAt: 0, waitsUntil: 0, waits: 0, refused: [], good: new Set() })

/** Failures a minute, which is also the most at once. */
export function createFailureBudget(perMinute: { readonly address: number; readonly network: number }): FailureBudget {
  const addresses = createKept(MAX_ADDRESSES, makeStanding)
  const networks = createKept(MAX_NETWORKS, makeStanding)
  /** Nobody waits from then on, and nothing failed for long. */
  let lastWait = 0
  let lastFailure = Number.NEGATIVE_INFINITY

  function charge(standing: Standing, allowed: number, amount: number, now: number): void {
    const interval = MINUTE_MS / allowed
    if (now < standing.waitsUntil) return
    standing.arrivesAt = Math.max(standing.arrivesAt, now) + interval * amount
    if (standing.arrivesAt - now < MINUTE_MS) return
    if (now - standing.waitsUntil > FORGIVEN_MS) standing.waits = 0
    standing.waitsUntil = now + Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** standing.waits)
    standing.waits += 1
    standing.arrivesAt = standing.waitsUntil + MINUTE_MS * (1 - AFTERWARDS)
    lastWait = Math.max(lastWait, standing.waitsUntil)
  }

  return {
    waits(address, digest, now) {
      if (now >= lastWait) return undefined
      const standings = [addresses.known(addressKey(address) ?? address), networks.known(networkKey(address))]
      const waiting = standings.filter((one) => one !== undefined && now < one.waitsUntil) as Standing[]
      if (waiting.length === 0) return undefined
      const presented = digest()
      if (presented !== 0 && standings.some((one) => one?.good.has(presented))) return undefined
      return Math.ceil((Math.max(...waiting.map(({ waitsUntil }) => waitsUntil)) - now) / 1000)
    },
    failed(address, digest, isGuess, now) {
      lastFailure = now
      const [own, network] = [addresses.of(addressKey(address) ?? address), networks.of(networkKey(address))]
      const isRepeated = digest !== 0 && own.refused.includes(digest)
      if (!isRepeated && digest !== 0) {
        own.refused.push(digest)
        if (own.refused.length > REMEMBERED.refused) own.refused.shift()
      }
      // Revoked, or out of time: it was good once, and is no longer.
      for (const standing of [own, network]) standing.good.delete(digest)
      const amount = isRepeated || !isGuess ? REPEATED : 1
      charge(own, perMinute.address, amount, now)
      charge(network, perMinute.network, amount, now)
    },
    passed(address, digest, now) {
      if (now - lastFailure > FORGIVEN_MS) return
      const [own, network] = [addresses.known(addressKey(address) ?? address), networks.known(networkKey(address))]
      if (own === undefined && network === undefined) return
      const presented = digest()
      if (presented === 0) return
      remember(own, presented, REMEMBERED.good.address)
      remember(network, presented, REMEMBERED.good.network)
    },
  }
}

function remember(standing: Standing | undefined, digest: number, most: number): void {
  if (standing === undefined || standing.good.has(digest)) return
  standing.good.add(digest)
  const [oldest] = standing.good
  if (standing.good.size > most && oldest !== undefined) standing.good.delete(oldest)
}

/** The /24 of an IPv4 address, the /48 of an IPv6 one. */
function networkKey(address: string): string {
  const words = addressWords(address)
  if (words === undefined) return address
  const isMapped = words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff
  return isMapped ? `${words[6]}.${(words[7] ?? 0) >> 8}` : words.slice(0, 3).join(':')
}
