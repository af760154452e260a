import { addressKey } from '../http/address.ts'
import { MAX_LOOKED_UP } from './feed.ts'
import { RevocationOutage, type Revocable, type Revocation, type RevocationSnapshot, type RevocationTarget } from './revocations.ts'
import { createSnapshot, type GrowingSnapshot } from './snapshot.ts'
import { targetText } from './target.ts'

/** Names that are kept with what was found of them; more, and it begins anew. */
const MAX_NAMES = 10_000

/** Asks the feed for what names exactly these targets, by `targetText`. */
export type LookUp = (targets: readonly string[]) => Promise<readonly Revocation[]>

/** What an isolate knows of the feed before it holds all of it: what it asked for, name by name. */
export interface LookedUp {
  /** Answers for the request of `now`; a look-up that fails rejects with `RevocationOutage`. */
  at(now: number, lookUp: LookUp): RevocationSnapshot
}

/** `maxAgeMs`: how long an answer counts, from when the question was sent. */
export function createLookedUp(maxAgeMs: number): LookedUp {
  let found = createSnapshot()
  let sentAt = new Map<string, number>()

  async function learn(names: readonly string[], now: number, lookUp: LookUp): Promise<void> {
    let entries: readonly Revocation[]
    try {
      entries = await lookUp(names)
    } catch (error) {
      throw new RevocationOutage('the revocation feed could not be asked', { cause: error })
    }
    if (sentAt.size + names.length > MAX_NAMES) {
      found = createSnapshot()
      sentAt = new Map()
    }
    found.add(entries)
    for (const name of names) sentAt.set(name, Math.max(now, sentAt.get(name) ?? now))
  }

  return {
    at(now, lookUp) {
      function ask<Answer>(targets: readonly RevocationTarget[], answer: (known: GrowingSnapshot) => Answer): Answer | Promise<Answer> {
        const names = targets.map(targetText).filter((name) => Math.abs(now - (sentAt.get(name) ?? Number.NEGATIVE_INFINITY)) >= maxAgeMs)
        if (names.length === 0) return answer(found)
        if (names.length > MAX_LOOKED_UP) throw new RangeError('a credential has too many names')
        return learn(names, now, lookUp).then(() => answer(found))
      }
      return {
        find: (credential) => ask(targetsOf(credential), (known) => known.find(credential)),
        changesOf: (credential) => ask(changeTargetsOf(credential), (known) => known.changesOf(credential)),
        findAddress(address, at) {
          const id = addressKey(address)
          return id === undefined ? undefined : ask([{ type: 'address', id }], (known) => known.findAddress(address, at))
        },
        findRestriction: (namesOf, at) =>
          ask(
            namesOf().map((id) => ({ type: 'restricted', id })),
            (known) => known.findRestriction(namesOf, at),
          ),
      }
    },
  }
}

/** Everything that could stop or change this credential: what a snapshot looks for, as targets. */
export function targetsOf(credential: Revocable): RevocationTarget[] {
  const { kind, issuer, subject, credentialId: id, generation } = credential
  const changes = changeTargetsOf(credential)
  if (kind === 'mutual-tls') return [{ type: 'certificate', id }, ...changes]
  if (kind !== 'jwt' && kind !== 'session')
    return [...changes, ...(generation === undefined ? [] : [{ type: 'generation', id: generation } as const])]
  const type = kind === 'jwt' ? 'jti' : 'session'
  return [{ type, id }, { type, id, issuer }, { type: 'subject', id: subject }, { type: 'subject', id: subject, issuer }, ...changes]
}

function changeTargetsOf({ kind, credentialId, consumer }: Pick<Revocable, 'kind' | 'credentialId' | 'consumer'>): RevocationTarget[] {
  const isKey = kind === 'api-key' || kind === 'http-signature'
  return [
    ...(isKey ? [{ type: 'key', id: credentialId } as const] : []),
    ...(consumer === undefined ? [] : [{ type: 'consumer', id: consumer } as const]),
  ]
}
