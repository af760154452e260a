import type { RootSecret } from './credentials/root-secret.ts'
import { observe } from './insight/observe.ts'
import type { DecisionRecord } from './insight/record.ts'
import type { InsightSink } from './insight/sink.ts'
import type { Passage } from './passage.ts'
import type { LinkedPolicy } from './policy/link.ts'
import { createPresentedDigest, textDigest } from './presented.ts'
import { createKeyedHash, type KeyedHash } from './revocation/keyed-hash.ts'

export interface ObserverParts {
  readonly linked: Pick<LinkedPolicy, 'anyScheme'>
  readonly rootSecret: RootSecret
  readonly sink: InsightSink
  readonly now: () => number
}

/**
 * Has the sink told of a request, after its response. What names a refused credential or an object is hashed by a key that every isolate
 * of the gateway has: the same thing is the same everywhere, and tells nothing.
 */
export function createObserver({ linked, rootSecret, sink, now }: ObserverParts): (passage: Passage, record: DecisionRecord) => void {
  let key: Int32Array | undefined
  let hash: KeyedHash | undefined
  const keyOf = (): Int32Array => {
    if (key === undefined) throw new Error('nothing is hashed without a key')
    return key
  }
  const authenticators = linked.anyScheme.flatMap((requirement) => requirement.map(({ authenticator }) => authenticator))
  const digestOf = createPresentedDigest(authenticators, keyOf)

  return (passage, record) => {
    const { request, address, parameters } = passage
    const answeredAt = now()
    const run = async (): Promise<void> => {
      // Kept as a value: a promise would be its first request's.
      key ??= await deriveKey(rootSecret)
      hash ??= createKeyedHash(key)
      const keyed = hash
      const isRefused = record.tried?.some(({ shortfall }) => shortfall.status === 'rejected') === true
      const digest = isRefused ? digestOf(request) : 0
      const presented = digest === 0 ? undefined : digest.toString(36)
      const name = (text: string): string => textDigest(keyed, text).toString(36)
      const { observation, credential } = observe({ record, request, address, parameters, answeredAt, presented, hash: name })
      sink.note(observation, credential)
      await sink.flush()
    }
    passage.deferred.push({ name: 'insight', run })
  }
}

async function deriveKey(rootSecret: RootSecret): Promise<Int32Array> {
  const [newest = ''] = rootSecret.generations
  return new Int32Array((await rootSecret.derive('insight', newest)).buffer, 0, 2)
}
