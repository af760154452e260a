import type * as v from 'valibot'
import type { CertificateIdentity } from '../directory/directory.ts'
import type { MutualTlsConfig, ServiceIdentity } from '../schemes/mutual-tls/config.ts'
import type { mutualTlsSchema } from './document.ts'
import type { SchemeSource } from './scheme-source.ts'
import { pointerTo } from './problems.ts'
import { isOpen, present, type Reading } from './reading.ts'

/** Lower-case hexadecimal without the colons that other tools write. */
function parseHex(value: string, pattern: RegExp, expected: string, pointer: string, reading: Reading): string {
  if (isOpen(value, reading)) return value
  const hex = value.replaceAll(':', '').toLowerCase()
  if (!pattern.test(hex)) reading.problems.error(pointer, `expected ${expected}`)
  return hex
}

type IdentityDocument = {
  readonly uri?: string | undefined
  readonly dns?: string | undefined
  readonly subject?: string | undefined
  readonly sha256?: string | undefined
}

/** How a certificate is named: at least one member, and all of them hold. */
export function parseIdentity({ uri, dns, subject, sha256 }: IdentityDocument, pointer: string, reading: Reading): CertificateIdentity {
  const { problems } = reading
  if ([uri, dns, subject, sha256].every((member) => member === undefined))
    problems.error(pointer, 'an identity needs one of uri, dns, subject and sha256')
  if (uri !== undefined && !isOpen(uri, reading) && (!URL.canParse(uri) || uri.includes('*')))
    problems.error(pointerTo(pointer, 'uri'), 'not an absolute URI; patterns are not taken')
  if (dns !== undefined && !isOpen(dns, reading) && !/^(?=.{1,253}$)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/u.test(dns)) {
    problems.error(pointerTo(pointer, 'dns'), 'not a DNS name; patterns are not taken')
  }
  const digest =
    sha256 === undefined
      ? undefined
      : parseHex(sha256, /^[0-9a-f]{64}$/u, 'a SHA-256 in 64 hexadecimal digits', pointerTo(pointer, 'sha256'), reading)
  return { ...present('uri', uri), ...present('dns', dns), ...present('subject', subject), ...present('sha256', digest) }
}

type ServiceDocument = NonNullable<v.InferOutput<typeof mutualTlsSchema>['identities']>[number]
function parseServiceIdentity({ scopes, consumer, ...identity }: ServiceDocument, pointer: string, reading: Reading): ServiceIdentity {
  return { identity: parseIdentity(identity, pointer, reading), scopes: scopes ?? [], ...present('consumer', consumer) }
}

export function parseMutualTls(
  { name, place }: SchemeSource,
  extension: v.InferOutput<typeof mutualTlsSchema>,
  reading: Reading,
): MutualTlsConfig {
  const issuers = extension.issuers.map(({ ski, subject }, index) => {
    const pointer = pointerTo(place, 'issuers', index)
    if (ski === undefined && subject === undefined) reading.problems.error(pointer, 'a pinned issuer needs ski or subject')
    const identifier =
      ski === undefined
        ? undefined
        : parseHex(ski, /^(?:[0-9a-f]{2}){8,64}$/u, 'a subject key identifier in hexadecimal digits', pointerTo(pointer, 'ski'), reading)
    return { ...present('ski', identifier), ...present('subject', subject) }
  })
  const identities = (extension.identities ?? []).map((identity, index) =>
    parseServiceIdentity(identity, pointerTo(place, 'identities', index), reading),
  )
  return { kind: 'mutual-tls', name, issuers, identities, consumerOptional: extension.consumer === 'any' }
}
