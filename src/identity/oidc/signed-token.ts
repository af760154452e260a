import { signatureAlgorithm } from '../../schemes/jwt/algorithms.ts'
import { parseCompact, type CompactJwt } from '../../schemes/jwt/compact.ts'
import { chooseKey, type KeyChoice } from '../../schemes/jwt/key-set.ts'
import type { KeySetAnswer, KeySetContext, RemoteJwks } from '../../schemes/jwt/remote-jwks.ts'
import { ProviderFault } from './fault.ts'

/** Longest ID or logout token that is looked at, in characters: people have many groups. */
export const MAX_TOKEN_LENGTH = 32_768

/** A token by the provider whose signature holds. Its claims are still to be judged. */
export type SignedToken = Pick<CompactJwt, 'header' | 'claims'>

/**
 * Verifies with the provider's keys, by the one algorithm that was registered (OC-5): never `none`, never an HMAC. Throws
 * `ProviderFault`.
 */
export async function openSignedToken(
  token: string,
  { algorithm: name, keys, context }: { readonly algorithm: string; readonly keys: RemoteJwks; readonly context: KeySetContext },
): Promise<SignedToken> {
  const jwt = token.length > MAX_TOKEN_LENGTH ? undefined : parseCompact(token)
  if (jwt === undefined) throw invalid('is no JWT')
  const { header, claims } = jwt
  const algorithm = signatureAlgorithm(name)
  if (algorithm === undefined || typeof header['alg'] !== 'string' || signatureAlgorithm(header['alg']) !== algorithm)
    throw invalid('is signed by another algorithm than the registered one')
  if (header['crit'] !== undefined) throw invalid('has critical extensions')
  const { kid } = header
  if (kid !== undefined && typeof kid !== 'string') throw invalid('names its key by no string')
  let known = keys.current(context) ?? loaded(await keys.load(context))
  let choice: KeyChoice = chooseKey(known, kid, algorithm)
  if (choice.status === 'unknown') {
    known = loaded(await keys.reload(context, known))
    choice = chooseKey(known, kid, algorithm)
  }
  if (choice.status !== 'chosen') throw invalid('is signed by a key that the provider does not publish for it')
  if (!(await choice.verify(jwt.signature, jwt.signed))) throw invalid('has a signature that does not hold')
  return { header, claims }
}

function loaded(answer: KeySetAnswer) {
  if (answer.status === 'loaded') return answer.keySet
  throw new ProviderFault('provider-unavailable', answer.detail ?? 'the keys of the provider could not be had')
}

function invalid(what: string): ProviderFault {
  return new ProviderFault('provider-answer-invalid', `the token ${what}`)
}
