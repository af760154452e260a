import type { HttpSignatureConfig } from './config.ts'
import { identifierOf, type SignatureCandidate } from './signature-fields.ts'

const TARGET_PARTS = new Set(['"@scheme"', '"@authority"', '"@path"', '"@query"'])

/** Identifiers of the components that a signature must cover (RFC 9421 §7.2.1), `content-digest` among them where it must. */
export function requiredComponents(
  { components, coveredFields, contentDigest }: Pick<HttpSignatureConfig, 'components' | 'coveredFields' | 'contentDigest'>,
  hasContent: boolean,
): readonly string[] {
  const isDigestRequired = contentDigest === 'always' || (contentDigest === 'when-body' && hasContent)
  const required = [...components, ...coveredFields, ...(isDigestRequired ? ['content-digest'] : [])]
  return [...new Set(required.map(identifierOf))]
}

/** The first required identifier that the signature leaves out; `@target-uri` stands for its parts. */
export function missingComponent(candidate: Pick<SignatureCandidate, 'components'>, required: readonly string[]): string | undefined {
  const covered = new Set(
    candidate.components.flatMap(({ name, parameter, identifier }) => {
      // The whole field in another form is the whole field; one member of it (`key`) is not.
      const isWholeField = parameter?.name === 'sf' || parameter?.name === 'bs'
      return isWholeField ? [identifier, identifierOf(name)] : [identifier]
    }),
  )
  const hasTarget = covered.has('"@target-uri"')
  return required.find((identifier) => !covered.has(identifier) && !(hasTarget && TARGET_PARTS.has(identifier)))
}

export type TimeFault = 'not_yet_valid' | 'too_old' | 'expired'

/**
 * `created` may lie `clockToleranceSeconds` in our future and `maxAgeSeconds` in our past, both inclusive; at `expires`
 * the signature has ended (RFC 9421 §2.3). `now` in milliseconds since the epoch.
 */
export function timeFault(
  { created, expires }: Pick<SignatureCandidate, 'created' | 'expires'>,
  { maxAgeSeconds, clockToleranceSeconds }: Pick<HttpSignatureConfig, 'maxAgeSeconds' | 'clockToleranceSeconds'>,
  now: number,
): TimeFault | undefined {
  if (created * 1000 > now + clockToleranceSeconds * 1000) return 'not_yet_valid'
  if (now > (created + maxAgeSeconds) * 1000) return 'too_old'
  return expires !== undefined && now >= expires * 1000 ? 'expired' : undefined
}
