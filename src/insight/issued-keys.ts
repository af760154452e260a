import { isId } from '../directory/ids.ts'
import type { VerifyContext } from '../schemes/authenticator.ts'
import type { IssuedNote } from '../schemes/index.ts'
import type { Events } from './events.ts'

/** Ids that are remembered as asked for; then all are asked for anew. */
const MAX_SEEN = 10_000
/** Ids of one call. */
const MAX_ASKED = 100
/** Ids that wait while the directory does not answer: for the next time that a key is seen. */
const MAX_WAITING = 1000
/** A call that has not ended by then never will. */
const LATE_MS = 15_000

type Waiting = IssuedNote & { readonly at: number }

export interface IssuedKeysParts {
  /** Which of these, at most 100, the directory does not have. */
  readonly unknownOf: (ids: readonly string[]) => Promise<readonly string[]>
  readonly emit: Events['emit']
}

/**
 * A key whose MAC holds, of an app, that the directory never gave: whoever made it has the root secret (docs/events.md, `key.forged`).
 * Each id is asked for once by an isolate, after the response; those of requests that end together in one call.
 */
export function createIssuedKeys({ unknownOf, emit }: IssuedKeysParts): (key: IssuedNote, context: VerifyContext) => void {
  const seen = new Set<string>()
  /** Values alone: nothing of a request outlives it. */
  const waiting = new Map<string, Waiting>()

  /** When the call that is under way began, in milliseconds; the request that makes it may be gone. */
  let askingSince = Number.NEGATIVE_INFINITY

  /** Those that come meanwhile are asked for by whoever is asking already. */
  async function ask(now: number): Promise<void> {
    if (Math.abs(now - askingSince) < LATE_MS) return
    askingSince = now
    try {
      while (waiting.size > 0) await askFor([...waiting.values()].slice(0, MAX_ASKED))
    } finally {
      askingSince = Number.NEGATIVE_INFINITY
    }
  }

  async function askFor(asked: readonly Waiting[]): Promise<void> {
    const unknown = new Set(await unknownOf(asked.map(({ id }) => id)))
    const forged = asked.filter(({ id }) => unknown.has(id))
    if (forged.length > 0) await emit(forged.map(eventOf))
    for (const { id } of asked) waiting.delete(id)
  }

  return (key, context) => {
    const { id, kind, consumer, generation, issuedAt, expiresAt } = key
    if (!isId('app', consumer) || seen.has(id)) return
    if (seen.size >= MAX_SEEN) seen.clear()
    seen.add(id)
    const run = async (): Promise<void> => {
      // What was revoked the directory may have forgotten.
      const named = { kind, issuer: 'portcullis', subject: consumer, credentialId: id, consumer, generation, issuedAt, expiresAt }
      const revoked = await context.revoked({ ...named, scheme: '', scopes: new Set(), claims: {} })
      if (revoked !== undefined) return
      if (waiting.size < MAX_WAITING) waiting.set(id, { id, kind, consumer, generation, issuedAt, expiresAt, at: context.now })
      await ask(context.now)
    }
    context.defer({ name: 'is the key known', run })
  }
}

function eventOf({ at, id, kind, consumer, generation, issuedAt, expiresAt }: Waiting) {
  const data = { key: id, kind, generation, issuedAt, expiresAt, severity: 'critical' }
  return { id: `evt_forged_${id}`, type: 'key.forged', at, consumer, data } as const
}
