import type * as v from 'valibot'
import type { JwtConfig, JwtIssuer } from '../schemes/jwt/config.ts'
import type { JwtIssuerDocument, jwtSchema } from './document.ts'
import type { SchemeSource } from './scheme-source.ts'
import { pointerTo } from './problems.ts'
import { checkUrl, isOpen, present, type Reading } from './reading.ts'

const DEFAULT_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA', 'Ed25519']
type Extension = v.InferOutput<typeof jwtSchema>

export function parseJwt({ name, head, pointer, place }: SchemeSource, extension: Extension, reading: Reading): JwtConfig {
  const { problems } = reading
  const discovery = head.openIdConnectUrl ?? head.oauth2MetadataUrl
  const field = head.openIdConnectUrl === undefined ? 'oauth2MetadataUrl' : 'openIdConnectUrl'
  if (discovery !== undefined) checkUrl(discovery, pointerTo(pointer, field), reading)
  return {
    kind: 'jwt',
    name,
    issuers: issuersOf(extension, place, problems).map(({ issuer, at, inherited }) =>
      parseIssuer(issuer, at, inherited ? extension : {}, discovery, reading),
    ),
    tokenType: extension.tokenType ?? 'at+jwt',
    scopeClaim: extension.scopeClaim ?? 'scope',
    clockToleranceSeconds: extension.clockToleranceSeconds ?? 30,
    maxTokenBytes: extension.maxTokenBytes ?? 8192,
    consumerOptional: extension.consumer === 'any',
  }
}

interface Source {
  readonly issuer: JwtIssuerDocument
  readonly at: string
  /** One of a list: what the scheme says of audiences and algorithms holds for it too. */
  readonly inherited: boolean
}
function issuersOf(extension: Extension, place: string, problems: Reading['problems']): readonly Source[] {
  const { issuer, issuers } = extension
  if ((issuer === undefined) === (issuers === undefined)) {
    problems.error(place, 'exactly one of issuer and issuers is needed (JW-12)')
    return []
  }
  if (issuers === undefined) return [{ issuer: { ...extension, issuer: issuer ?? '' }, at: place, inherited: false }]
  for (const key of ['jwksUri', 'metadataUrl'] as const) {
    if (extension[key] !== undefined)
      problems.error(
        pointerTo(place, key),
        'with several issuers each says this for itself: the keys of one verify no tokens of another (JB-6)',
      )
  }
  for (const [index, one] of issuers.entries()) {
    if (issuers.findIndex((other) => other.issuer === one.issuer) !== index)
      problems.error(pointerTo(place, 'issuers', index, 'issuer'), 'this issuer is in the list twice')
  }
  return issuers.map((one, index) => ({ issuer: one, at: pointerTo(place, 'issuers', index), inherited: true }))
}

type Inherited = Pick<Partial<Extension>, 'audience' | 'audiences' | 'algorithms' | 'issuers'>

function parseIssuer(
  document: JwtIssuerDocument,
  at: string,
  inherited: Inherited,
  discovery: string | undefined,
  reading: Reading,
): JwtIssuer {
  const { issuer, jwksUri } = document
  const isOnlyOne = inherited.issuers === undefined || inherited.issuers.length === 1
  const metadataUrl = document.metadataUrl ?? (jwksUri === undefined && isOnlyOne ? discovery : undefined)
  if (jwksUri !== undefined) checkUrl(jwksUri, pointerTo(at, 'jwksUri'), reading, { query: true })
  if (document.metadataUrl !== undefined) checkUrl(document.metadataUrl, pointerTo(at, 'metadataUrl'), reading, { query: true })
  // Only an issuer whose keys are found through its own name must be a URL (RFC 8414 §2).
  if (jwksUri === undefined && metadataUrl === undefined) checkUrl(issuer, pointerTo(at, 'issuer'), reading)
  else if (!isOpen(issuer, reading) && issuer.trim() !== issuer)
    reading.problems.error(pointerTo(at, 'issuer'), 'white space at the ends of an issuer never matches')
  return {
    issuer,
    ...present('jwksUri', jwksUri),
    ...present('metadataUrl', metadataUrl),
    audiences: audiencesOf(document, inherited, at, reading),
    algorithms: document.algorithms ?? inherited.algorithms ?? DEFAULT_ALGORITHMS,
  }
}

function audiencesOf(document: JwtIssuerDocument, inherited: Inherited, at: string, { problems }: Reading): readonly string[] {
  if (document.audience !== undefined && document.audiences !== undefined)
    problems.error(at, 'audience and audiences say the same: keep one')
  const audience = document.audience ?? document.audiences ?? inherited.audience ?? inherited.audiences
  if (audience === undefined)
    problems.error(
      at,
      'an audience is needed: a token for another API must not open this one (JW-11)',
      'write audience: "https://api.example.com"',
    )
  return typeof audience === 'string' ? [audience] : (audience ?? [])
}
