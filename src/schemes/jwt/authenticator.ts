import { encodeBase64Url } from '../../http/base64url.ts'
import type {
  Attempt,
  Authenticator,
  Principal,
  Rejected,
  RejectionReason,
  Remedy,
  Shortfall,
  Verdict,
  VerifyContext,
} from '../authenticator.ts'
import type { SchemeDependencies } from '../index.ts'
import { signatureAlgorithm } from './algorithms.ts'
import { readBearer } from './bearer.ts'
import { clientOf, faultOfClaims, faultOfTimes, isAccessTokenType, scopesOf } from './claims.ts'
import { parseCompact, type CompactJwt } from './compact.ts'
import type { JwtConfig, JwtIssuer } from './config.ts'
import { chooseKey, type KeyChoice, type KeySet } from './key-set.ts'
import { createRemoteJwks, type RemoteJwks } from './remote-jwks.ts'
import { createVerifiedTokens, type VerifiedToken } from './verified-tokens.ts'

const MAX_KEPT_BYTES = 8 * 1024 * 1024
const MAX_KID_LENGTH = 512
const REALM = 'portcullis'
/** What a list of words in a quoted parameter can carry (RFC 6749 §3.3); the policy holds scopes to it already. */
const ONE_WORD = /^[\x21\x23-\x5b\x5d-\x7e]+$/u
/** API keys share the field: their prefixes are in no token (docs/api-keys.md). */
const API_KEY = /^pc[ka]_/u

interface Known {
  readonly issuer: JwtIssuer
  readonly jwks: RemoteJwks
}

/**
 * JWT access tokens (RFC 9068) in `Authorization: Bearer` (RFC 6750), verified against the key set of the very issuer they
 * name (JB-6). Warm, that is memory alone; time, revocation and the key set are asked on every request.
 */
export function createJwtAuthenticator(config: JwtConfig, dependencies: SchemeDependencies): Authenticator {
  const issuers = new Map(
    config.issuers.map((issuer): [string, Known] => [issuer.issuer, { issuer, jwks: createRemoteJwks(issuer, dependencies) }]),
  )
  const verified = createVerifiedTokens(MAX_KEPT_BYTES)

  const verifyKnown = (token: string, entry: VerifiedToken, context: VerifyContext): Verdict | Promise<Verdict> => {
    const jwks = issuers.get(entry.issuer)?.jwks
    if (jwks?.current(context) === entry.keySet) return judgeTimes(entry.principal, context.now, config)
    verified.delete(token)
    const parsed = parseCompact(token)
    return parsed === undefined ? rejected('malformed') : verifyNew(token, parsed, context)
  }

  const verifyNew = async (token: string, jwt: CompactJwt, context: VerifyContext): Promise<Verdict> => {
    const { iss } = jwt.claims
    const known = typeof iss === 'string' ? issuers.get(iss) : undefined
    if (known === undefined) return rejected('unknown_issuer')
    const fault = faultOfHeader(jwt.header, known.issuer, config)
    if (fault !== undefined) return rejected(fault)
    const found = await findKey(jwt, known.jwks, context)
    if (found.status === 'unavailable') return found
    const { choice, keySet } = found
    if (choice.status !== 'chosen') return rejected('unknown_key', choice.status)
    if (!(await choice.verify(jwt.signature, jwt.signed))) return rejected('signature_invalid')
    const claimFault = faultOfClaims(jwt.claims, known.issuer, config.tokenType)
    if (claimFault !== undefined) return { ...rejected(claimFault), authentic: true }
    const principal = await principalOf(token, jwt.claims, known.issuer.issuer)
    verified.set(token, { principal, keySet, issuer: known.issuer.issuer })
    return judgeTimes(principal, context.now, config)
  }

  const principalOf = async (token: string, claims: CompactJwt['claims'], issuer: string): Promise<Principal> => {
    const { sub, jti, iat, exp } = claims
    const client = clientOf(claims)
    const consumer = typeof client === 'string' ? dependencies.directory.consumerOfClient(issuer, client) : undefined
    return {
      scheme: config.name,
      kind: 'jwt',
      issuer,
      subject: String(sub ?? client),
      credentialId: typeof jti === 'string' ? jti : await hashOf(token),
      scopes: scopesOf(claims, config.scopeClaim),
      claims,
      expiresAt: (Number(exp) + config.clockToleranceSeconds) * 1000,
      ...(consumer === undefined ? {} : { consumer }),
      ...(iat === undefined ? {} : { issuedAt: Number(iat) * 1000 }),
    }
  }

  return {
    name: config.name,
    kind: 'jwt',
    carriers: [{ in: 'header', name: 'authorization' }],
    read(request): Attempt | undefined {
      const bearer = readBearer(request.headers.get('authorization'))
      if (bearer.status === 'absent') return undefined
      if (bearer.status !== 'found') return async () => rejected(bearer.status)
      const { token } = bearer
      if (API_KEY.test(token)) return undefined
      if (token.length > config.maxTokenBytes) return async () => rejected('malformed', 'longer than maxTokenBytes')
      const known = verified.get(token)
      if (known !== undefined) return (context) => verifyKnown(token, known, context)
      const jwt = parseCompact(token)
      if (jwt === undefined) return async () => rejected('malformed')
      const { iss } = jwt.claims
      // Another issuer's token is another scheme's.
      if (typeof iss === 'string' && !issuers.has(iss)) return undefined
      return async (context) => verifyNew(token, jwt, context)
    },
    remedy: async (shortfall) => remedyOf(shortfall),
  }
}

type Found = { readonly status: 'found'; readonly choice: KeyChoice; readonly keySet: KeySet } | Extract<Verdict, { status: 'unavailable' }>

/** A key that the set does not hold may be a new one: the issuer is asked again, within its cooldown (JC-2). */
async function findKey({ header }: CompactJwt, jwks: RemoteJwks, context: VerifyContext): Promise<Found> {
  const algorithm = signatureAlgorithm(String(header['alg']))
  if (algorithm === undefined) throw new TypeError('the header was checked before')
  const kid = typeof header['kid'] === 'string' ? header['kid'] : undefined
  let keySet = jwks.current(context)
  if (keySet === undefined) {
    const answer = await jwks.load(context)
    if (answer.status === 'unavailable') return answer
    keySet = answer.keySet
  }
  const choice = chooseKey(keySet, kid, algorithm)
  if (choice.status !== 'unknown') return { status: 'found', choice, keySet }
  const answer = await jwks.reload(context, keySet)
  if (answer.status === 'unavailable') return answer
  return { status: 'found', choice: chooseKey(answer.keySet, kid, algorithm), keySet: answer.keySet }
}

/** `jku`, `x5u`, `jwk` and `x5c` have no say in which key it is (JW-6). */
function faultOfHeader(header: CompactJwt['header'], issuer: JwtIssuer, { tokenType }: JwtConfig): RejectionReason | undefined {
  const { alg, typ, kid, crit } = header
  if (typeof alg !== 'string' || !issuer.algorithms.includes(alg) || signatureAlgorithm(alg) === undefined) return 'algorithm_not_allowed'
  if (crit !== undefined || 'b64' in header || 'zip' in header) return 'critical_header'
  if (!isAccessTokenType(typ, tokenType)) return 'type_not_allowed'
  const isNamed = kid === undefined || (typeof kid === 'string' && kid.length <= MAX_KID_LENGTH)
  return isNamed ? undefined : 'malformed'
}

function judgeTimes(principal: Principal, now: number, { clockToleranceSeconds }: JwtConfig): Verdict {
  const fault = faultOfTimes(principal.claims, now, clockToleranceSeconds)
  return fault === undefined ? { status: 'verified', principal } : { ...rejected(fault), authentic: true }
}

function rejected(reason: RejectionReason, detail?: string): Rejected {
  return { status: 'rejected', reason, ...(detail === undefined ? {} : { detail }) }
}

/** Names a token without `jti`: what a revocation can say without knowing the token. */
async function hashOf(token: string): Promise<string> {
  return encodeBase64Url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token))))
}

/** RFC 6750 §3.1, RFC 9470 §3. Scopes and acr values are the policy's own words (BT-7). */
function remedyOf(shortfall: Shortfall): Remedy | undefined {
  switch (shortfall.status) {
    case 'absent':
      return challenge([])
    case 'rejected':
      return challenge([['error', shortfall.reason === 'ambiguous' ? 'invalid_request' : 'invalid_token']])
    case 'insufficient_scope':
      return challenge([
        ['error', 'insufficient_scope'],
        ['scope', shortfall.required.join(' ')],
      ])
    case 'insufficient_authentication': {
      const { maxAgeSeconds } = shortfall
      const acrValues = (shortfall.acrValues ?? []).filter((value) => ONE_WORD.test(value))
      return challenge([
        ['error', 'insufficient_user_authentication'],
        ...(acrValues.length === 0 ? [] : [['acr_values', acrValues.join(' ')] as const]),
        ...(maxAgeSeconds === undefined ? [] : [['max_age', String(maxAgeSeconds)] as const]),
      ])
    }
    default:
      return undefined
  }
}

function challenge(parameters: readonly (readonly [name: string, value: string])[]): Remedy {
  const all = [['realm', REALM] as const, ...parameters]
  return { challenges: [`Bearer ${all.map(([name, value]) => `${name}="${value}"`).join(', ')}`] }
}
