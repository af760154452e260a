import { signatureAlgorithm } from '../../schemes/jwt/algorithms.ts'
import { parseCompact, type CompactJwt } from '../../schemes/jwt/compact.ts'
import { chooseKey, type KeyChoice } from '../../schemes/jwt/key-set.ts'
import type { KeySetAnswer, KeySetContext, RemoteJwks } from '../../schemes/jwt/remote-jwks.ts'
import { ProviderFault, UncheckedAnswer } from './fault.ts'

/** Longest ID or logout token that is looked at, in characters: people have many groups. */
export const MAX_TOKEN_LENGTH = 32_768

/** A token by the provider whose signature holds. Its claims are still to be judged. */
export type SignedToken = Pick<CompactJwt, 'header' | 'claims'> & {
  /** Whose tokens the key signs, where the key set says so. */
  readonly keyIssuer?: string
}

/**
 * Verifies with the provider's keys, by the one algorithm that was registered (OC-5): never `none`, never an HMAC. Throws
 * `ProviderFault`; `UncheckedAnswer` where the key is not known or nothing says which it is.
 */
export async function openSignedToken(
  token: string,
  { algorithm: name, keys, context }: { readonly algorithm: string; readonly keys: RemoteJwks; readonly context: KeySetContext },
): Promise<SignedToken> {
  const jwt = read(token)
  const { header, claims } = jwt
  const algorithm = signatureAlgorithm(name)
  if (algorithm === undefined || typeof header['alg'] !== 'string' || signatureAlgorithm(header['alg']) !== algorithm)
    throw invalid('is signed by another algorithm than the registered one')
  if (header['crit'] !== undefined) throw invalid('has critical extensions')
  const { kid } = header
  if (kid !== undefined && typeof kid !== 'string') throw invalid('names its key by no string')
  const seen = keys.current(context) ?? loaded(await keys.load(context))
  const holds =
    (await holdsBy(jwt, chooseKey(seen, kid, algorithm), kid)) ??
    (await holdsBy(jwt, chooseKey(loaded(await keys.reload(context, seen)), kid, algorithm), kid))
  if (holds === undefined) throw new UncheckedAnswer('the token is signed by a key that the provider does not publish for it')
  if (!holds.isGood) throw invalid('has a signature that does not hold')
  return { header, claims, ...(holds.issuer === undefined ? {} : { keyIssuer: holds.issuer }) }
}

function read(token: string): CompactJwt {
  if (token.split('.', 6).length === 5) throw invalid('is encrypted, which the gate does not read: register the client without it')
  const jwt = token.length > MAX_TOKEN_LENGTH ? undefined : parseCompact(token)
  if (jwt === undefined) throw invalid('is no JWT')
  return jwt
}

/** `undefined`: no key that is known is said to be the one. Without a key id, none is when the signature does not hold. */
async function holdsBy(
  { signature, signed }: CompactJwt,
  choice: KeyChoice,
  kid: string | undefined,
): Promise<{ readonly isGood: boolean; readonly issuer?: string | undefined } | undefined> {
  if (choice.status === 'misused') throw invalid('is signed by a key that is for another algorithm')
  if (choice.status !== 'chosen') return undefined
  const isGood = await choice.verify(signature, signed)
  return isGood || kid !== undefined ? { isGood, issuer: choice.issuer } : undefined
}

function loaded(answer: KeySetAnswer) {
  if (answer.status === 'loaded') return answer.keySet
  throw new ProviderFault('provider-unavailable', answer.detail ?? 'the keys of the provider could not be had')
}

function invalid(what: string): ProviderFault {
  return new ProviderFault('provider-answer-invalid', `the token ${what}`)
}
