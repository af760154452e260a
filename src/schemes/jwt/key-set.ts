import { decodeBase64Url } from '../../http/base64url.ts'
import { signatureAlgorithm, type SignatureAlgorithm } from './algorithms.ts'
import { isRecord } from './strict-json.ts'

/** A public key of one issuer. */
export interface VerificationKey {
  readonly kid?: string
  /** Whose tokens it signs, where a set is that of many issuers and says so (Entra ID). */
  readonly issuer?: string
  /** `undefined`: the key is not for this algorithm (RFC 7517 §4.2 to §4.4, RFC 8725 §3.1). */
  verifier(algorithm: SignatureAlgorithm): Verifier | undefined
}
export type Verifier = (signature: Uint8Array<ArrayBuffer>, signed: Uint8Array<ArrayBuffer>) => Promise<boolean>

/** The keys of one issuer at one time. Two sets are the same only as the same object. */
export interface KeySet {
  readonly keys: readonly VerificationKey[]
}

export type KeyChoice =
  | { readonly status: 'chosen'; readonly verify: Verifier; readonly issuer?: string }
  /** Perhaps the issuer has a newer set. */
  | { readonly status: 'unknown' }
  /** The named key is not for this algorithm. */
  | { readonly status: 'misused' }
  /** Several keys would do and nothing says which. */
  | { readonly status: 'undecided' }

const MAX_KEYS = 256
/** RFC 7518 §3.3 sets the least; the most bounds the work of one verification. */
const RSA_BYTES = { least: 256, most: 1024, exponent: 4 }
const MEMBERS = { RSA: ['n', 'e'], EC: ['crv', 'x', 'y'], OKP: ['crv', 'x'] } as const
/** Of private and symmetric keys: whoever reads the set could sign with such a key. */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']

/** `undefined`: not a JWK Set. Keys of other kinds and for other uses are left out, not fatal (RFC 7517 §5). */
export function parseKeySet(text: string): KeySet | undefined {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isRecord(document) || !Array.isArray(document['keys'])) return undefined
  const entries: readonly unknown[] = document['keys']
  const keys = entries.slice(0, MAX_KEYS).map((entry) => (isRecord(entry) ? keyOf(entry) : undefined))
  return { keys: keys.filter((key) => key !== undefined) }
}

/** By `kid` where the token names one, else the only key that fits (RFC 7515 §6). */
export function chooseKey({ keys }: KeySet, kid: string | undefined, algorithm: SignatureAlgorithm): KeyChoice {
  const named = kid === undefined ? keys : keys.filter((key) => key.kid === kid)
  const [chosen, ...others] = named.flatMap((key) => {
    const verify = key.verifier(algorithm)
    return verify === undefined ? [] : [{ key, verify }]
  })
  if (chosen === undefined) return { status: kid === undefined || named.length === 0 ? 'unknown' : 'misused' }
  return others.length === 0
    ? { status: 'chosen', verify: chosen.verify, ...(chosen.key.issuer === undefined ? {} : { issuer: chosen.key.issuer }) }
    : { status: 'undecided' }
}

function keyOf(jwk: Readonly<Record<string, unknown>>): VerificationKey | undefined {
  const { kty, alg, crv } = jwk
  if ((kty !== 'RSA' && kty !== 'EC' && kty !== 'OKP') || !isPublicForSignatures(jwk)) return undefined
  const material = Object.fromEntries(MEMBERS[kty].map((member) => [member, jwk[member]]))
  if (!Object.values(material).every((value) => typeof value === 'string')) return undefined
  const rsaBytes = kty === 'RSA' ? modulusBytes(material) : undefined
  const only = typeof alg === 'string' ? signatureAlgorithm(alg) : undefined
  if ((kty === 'RSA' && rsaBytes === undefined) || (alg !== undefined && only === undefined)) return undefined
  const verifierOf = importingOnce({ kty, ...material }, rsaBytes)
  const curve = kty === 'RSA' ? undefined : crv
  return {
    ...namesOf(jwk),
    verifier(algorithm) {
      const isFor = algorithm.kty === kty && algorithm.crv === curve && (only === undefined || only.name === algorithm.name)
      return isFor ? verifierOf(algorithm) : undefined
    },
  }
}

function namesOf({ kid, issuer }: Readonly<Record<string, unknown>>): Pick<VerificationKey, 'kid' | 'issuer'> {
  return { ...(typeof kid === 'string' ? { kid } : {}), ...(typeof issuer === 'string' ? { issuer } : {}) }
}

/** RFC 7517 §4.2, §4.3; a key with a secret member is nobody's public key (JW-9). */
function isPublicForSignatures({ use, kid, key_ops: operations, ...members }: Readonly<Record<string, unknown>>): boolean {
  const isForSignatures = (use === undefined || use === 'sig') && (operations === undefined || isListWith(operations, 'verify'))
  const isNamed = kid === undefined || typeof kid === 'string'
  return isForSignatures && isNamed && SECRET_MEMBERS.every((member) => !Object.hasOwn(members, member))
}

/** Imported when it is first used, once per algorithm. */
function importingOnce(jwk: JsonWebKey, rsaBytes: number | undefined): (algorithm: SignatureAlgorithm) => Verifier {
  const imported = new Map<string, CryptoKey>()
  return (algorithm) => async (signature, signed) => {
    if (signature.byteLength !== (algorithm.signatureBytes ?? rsaBytes)) return false
    const key = imported.get(algorithm.name) ?? (await importPublic(jwk, algorithm))
    if (key === undefined) return false
    imported.set(algorithm.name, key)
    return crypto.subtle.verify(algorithm.verifyParameters, key, signature, signed)
  }
}

/** `undefined`: no key of its kind, such as a point that is not on the curve (RFC 8725 §3.4). */
async function importPublic(jwk: JsonWebKey, { importParameters }: SignatureAlgorithm): Promise<CryptoKey | undefined> {
  try {
    return await crypto.subtle.importKey('jwk', jwk, importParameters, false, ['verify'])
  } catch {
    return undefined
  }
}

/** workerd takes RSA keys of any size. */
function modulusBytes({ n, e }: Readonly<Record<string, unknown>>): number | undefined {
  const modulus = typeof n === 'string' ? decodeBase64Url(n) : undefined
  const exponent = typeof e === 'string' ? decodeBase64Url(e) : undefined
  if (modulus === undefined || exponent === undefined || exponent.byteLength > RSA_BYTES.exponent) return undefined
  const significant = modulus.subarray(
    Math.max(
      0,
      modulus.findIndex((byte) => byte !== 0),
    ),
  )
  const isLongEnough =
    significant.byteLength > RSA_BYTES.least || (significant.byteLength === RSA_BYTES.least && (significant[0] ?? 0) >= 0x80)
  return isLongEnough && significant.byteLength <= RSA_BYTES.most ? significant.byteLength : undefined
}

function isListWith(value: unknown, wanted: string): boolean {
  return Array.isArray(value) && value.includes(wanted)
}
