import { type Dictionary, parseDictionary } from 'structured-headers'
import type { DigestAlgorithm, RequestBody } from './request-body.ts'

export type DigestCheck = 'matches' | 'missing' | 'malformed' | 'mismatch' | 'too_large'

/** RFC 9530 §5: what is secure enough to count, with the length of the digest in bytes. The rest is as good as absent. */
const ALGORITHMS: readonly (readonly [DigestAlgorithm, number])[] = [
  ['sha-256', 32],
  ['sha-512', 64],
]
const MAX_FIELD_LENGTH = 1024

/**
 * Recomputes a `Content-Digest` (RFC 9530 §2) over the content as it came, of at most `maxBodyBytes`. At least one
 * acceptable algorithm must be there, and each that is must match.
 */
export async function checkContentDigest(field: string | null, body: RequestBody, maxBodyBytes: number): Promise<DigestCheck> {
  if (field === null) return 'missing'
  const dictionary = parse(field)
  if (dictionary === undefined) return 'malformed'
  const claims = ALGORITHMS.flatMap(([algorithm, length]) => {
    const member = dictionary.get(algorithm)
    return member === undefined ? [] : [{ algorithm, length, claimed: member[0] }]
  })
  if (claims.length === 0) return 'missing'
  for (const { algorithm, length, claimed } of claims) {
    if (!(claimed instanceof ArrayBuffer)) return 'malformed'
    if (claimed.byteLength !== length) return 'mismatch'
    const actual = await body.digest(algorithm, maxBodyBytes)
    if (actual.status === 'too_large') return 'too_large'
    if (!crypto.subtle.timingSafeEqual(claimed, actual.digest)) return 'mismatch'
  }
  return 'matches'
}

function parse(field: string): Dictionary | undefined {
  if (field.length > MAX_FIELD_LENGTH) return undefined
  try {
    return parseDictionary(field)
  } catch {
    return undefined
  }
}
