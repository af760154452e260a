import type { RootSecret } from '../credentials/root-secret.ts'
import { createKeyedHash, textDigest, type KeyedHash } from '../revocation/keyed-hash.ts'
import type { Principal } from '../schemes/authenticator.ts'
import { clientOf } from '../schemes/jwt/claims.ts'

/**
 * Names by a key that every isolate of the gateway has: the same thing is named the same everywhere, and the name tells nothing. With
 * another generation of the root secret things have other names.
 */
export interface WatchedNames {
  readonly key: Int32Array
  readonly hash: (text: string) => string
  /**
   * What the use of a credential is watched and restricted by, by the newest generation first. Tokens and sessions come and go, so it
   * is who has them: `person-` of issuer and subject, or `client-` where a client has the token for itself. Else the credential's id.
   */
  readonly of: (principal: Principal) => readonly [newest: string, ...earlier: string[]]
}

/** Kept as values: a promise would be its first request's. */
export function createWatchedNames(rootSecret: RootSecret): { known(): WatchedNames | undefined; load(): Promise<WatchedNames> } {
  let names: WatchedNames | undefined
  return {
    known: () => names,
    async load() {
      if (names !== undefined) return names
      const keys = await Promise.all(rootSecret.generations.map(async (generation) => deriveKey(rootSecret, generation)))
      names ??= namesBy(keys)
      return names
    },
  }
}

function namesBy([key = new Int32Array(2), ...older]: readonly Int32Array[]): WatchedNames {
  const [hash, earlier] = [createKeyedHash(key), older.map((one) => createKeyedHash(one))]
  return {
    key,
    hash: (text) => digestOf(hash, text),
    of(principal) {
      const { kind, issuer, subject, credentialId } = principal
      if (kind !== 'jwt' && kind !== 'session') return [credentialId]
      const what = kind === 'jwt' && isClient(principal) ? 'client' : 'person'
      const text = JSON.stringify([what, issuer, subject])
      const nameBy = (by: KeyedHash): string => `${what}-${digestOf(by, text)}`
      return [nameBy(hash), ...earlier.map(nameBy)]
    },
  }
}

/** RFC 9068 §2.2: where no resource owner is involved, `sub` is the client. */
function isClient({ subject, claims }: Principal): boolean {
  return subject === clientOf(claims)
}

const digestOf = (hash: KeyedHash, text: string): string => textDigest(hash, text).toString(36)

async function deriveKey(rootSecret: RootSecret, generation: string): Promise<Int32Array> {
  return new Int32Array((await rootSecret.derive('insight', generation)).buffer, 0, 2)
}
