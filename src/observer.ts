import { observe } from './insight/observe.ts'
import type { DecisionRecord } from './insight/record.ts'
import type { InsightSink } from './insight/sink.ts'
import type { createWatchedNames } from './insight/watched-names.ts'
import type { Passage } from './passage.ts'
import type { LinkedPolicy } from './policy/link.ts'
import { createPresentedDigest } from './presented.ts'
import type { Principal } from './schemes/authenticator.ts'

export interface ObserverParts {
  readonly linked: Pick<LinkedPolicy, 'anyScheme'>
  readonly names: ReturnType<typeof createWatchedNames>
  readonly sink: InsightSink
  readonly now: () => number
}

/** Has the sink told of a request, after its response. */
export function createObserver({ linked, names, sink, now }: ObserverParts): (passage: Passage, record: DecisionRecord) => void {
  const digestOf = createPresentedDigest(linked, () => {
    const known = names.known()
    if (known === undefined) throw new Error('nothing is hashed without a key')
    return known.key
  })

  return (passage, record) => {
    const { request, address, parameters } = passage
    const answeredAt = now()
    const run = async (): Promise<void> => {
      const { hash, of } = await names.load()
      const isRefused = record.tried?.some(({ shortfall }) => shortfall.status === 'rejected') === true
      const digest = isRefused ? digestOf(request) : 0
      const presented = digest === 0 ? undefined : digest.toString(36)
      // Whoever plays back a request that somebody made is not that somebody: it says nothing of how a credential is used.
      const said = isRefused ? { ...record, caller: undefined } : record
      const told = { record: said, request, address, parameters, answeredAt, presented, hash, watched: (one: Principal) => of(one)[0] }
      const { observation, credential } = observe(told)
      sink.note(observation, credential)
      await sink.flush()
    }
    passage.deferred.push({ name: 'insight', run })
  }
}
