import { encodeBase64, encodeHex } from '../../http/base64url.ts'
import { readPem } from '../../http/pem.ts'
import { readXml } from '../../http/xml-reader.ts'
import { attributeOf, childrenNamed, elementsWithin, textOf, type XmlElement } from '../../http/xml.ts'
import type { SamlProviderConfig } from '../../policy/identity-providers.ts'
import { METADATA } from './metadata.ts'
import { BINDINGS, NAME_ID_FORMATS, PROTOCOL, readInstant } from './protocol.ts'
import { SIGNATURE } from './xml/algorithms.ts'
import { importVerificationKey, type VerificationKey } from './xml/keys.ts'
import { verifyEnveloped } from './xml/signature.ts'

/** Why metadata is to be believed. */
export type MetadataTrust =
  /** PEM or Base64 of the certificate that signs it. */
  | { readonly by: 'certificate'; readonly certificate: string }
  /** SHA-256 of that certificate, which comes along in the signature: hexadecimal, colons or not. */
  | { readonly by: 'fingerprint'; readonly fingerprint: string }
  /** Nothing: whoever can change the file can sign anybody in. */
  | { readonly by: 'nothing' }

/** What the policy needs to know of an identity provider. */
export type ImportedProvider = Pick<SamlProviderConfig, 'entityId' | 'singleSignOn' | 'singleLogout' | 'certificates'> & {
  readonly nameIdFormat: SamlProviderConfig['nameIdFormat'] | undefined
  readonly wantsSignedRequests: boolean
  /** What was left out, and why. */
  readonly warnings: readonly string[]
}

/** Metadata that is not imported; the message says what to do. */
export class MetadataError extends Error {
  override readonly name = 'MetadataError'
}
const refuse = (message: string): never => {
  throw new MetadataError(message)
}

/** As many as a policy may hold. */
const MAX_CERTIFICATES = 8

/**
 * Reads one identity provider from metadata (SAML 2.0 Metadata §2.4.3). A signature must be there and hold unless nothing is asked of it;
 * then everything is read from what was signed. Throws `MetadataError`.
 */
export async function importMetadata(bytes: Uint8Array, trust: MetadataTrust, now: number, entityId?: string): Promise<ImportedProvider> {
  const document = readXml(bytes)
  if (document.status === 'refused')
    return refuse(`not metadata this command reads: ${document.code}, line ${document.line}. Of a federation, ask for the one entity (MDQ)`)
  const root = trust.by === 'nothing' ? document.root : await verified(document.root, trust)
  const entity = findEntity(root, entityId)
  for (const element of new Set([root, entity])) checkValidity(element, now)
  return readEntity(entity)
}

async function verified(root: XmlElement, trust: Exclude<MetadataTrust, { by: 'nothing' }>): Promise<XmlElement> {
  const result = await verifyEnveloped(root, root, [await trustedKey(root, trust)])
  if (result.status === 'verified') return result.signed
  return refuse(
    result.code === 'unsigned' ? 'the metadata is not signed' : `the signature does not hold: ${result.code}: ${result.message}`,
  )
}

async function trustedKey(root: XmlElement, trust: Exclude<MetadataTrust, { by: 'nothing' }>): Promise<VerificationKey> {
  const der = trust.by === 'certificate' ? readPem(trust.certificate) : await certificateBy(trust.fingerprint, root)
  const key = der && (await importVerificationKey(der))
  return key ?? refuse('that is no certificate with a key of RSA (2048 to 8192 bits), P-256, P-384 or P-521')
}

/** SA-9 holds: the certificate comes from the document, but its fingerprint does not. */
async function certificateBy(fingerprint: string, root: XmlElement): Promise<Uint8Array<ArrayBuffer>> {
  const wanted = fingerprint.replaceAll(/[\s:]/gu, '').toLowerCase()
  if (!/^[0-9a-f]{64}$/u.test(wanted)) return refuse('a fingerprint is 64 hexadecimal digits: SHA-256 of the certificate')
  const found: string[] = []
  for (const signature of childrenNamed(root, SIGNATURE, 'Signature').slice(0, 1)) {
    for (const der of certificatesIn(signature)) {
      const has = encodeHex(new Uint8Array(await crypto.subtle.digest('SHA-256', der)))
      if (has === wanted) return der
      found.push(has)
    }
  }
  return refuse(`no certificate in the signature has this fingerprint${found.length === 0 ? '' : `; there is ${found.join(', ')}`}`)
}

function certificatesIn(parent: XmlElement): readonly Uint8Array<ArrayBuffer>[] {
  return childrenNamed(parent, SIGNATURE, 'KeyInfo')
    .flatMap((info) => childrenNamed(info, SIGNATURE, 'X509Data'))
    .flatMap((data) => childrenNamed(data, SIGNATURE, 'X509Certificate'))
    .map((certificate) => readPem(textOf(certificate) ?? ''))
    .filter((der) => der !== undefined)
}

const isIdentityProvider = (entity: XmlElement): boolean => childrenNamed(entity, METADATA, 'IDPSSODescriptor').some(isSaml2)
const isSaml2 = (role: XmlElement): boolean => (attributeOf(role, 'protocolSupportEnumeration') ?? '').split(/\s+/u).includes(PROTOCOL)

function findEntity(root: XmlElement, entityId: string | undefined): XmlElement {
  const entities = [...elementsWithin(root)].filter(
    ({ namespace, localName }) => namespace === METADATA && localName === 'EntityDescriptor',
  )
  const fitting = entities.filter(
    (entity) => isIdentityProvider(entity) && (entityId === undefined || attributeOf(entity, 'entityID') === entityId),
  )
  const [entity, another] = fitting
  if (entity === undefined) return refuse('there is no SAML 2.0 identity provider in it, or none of that entityID')
  if (another !== undefined) return refuse(`there are ${fitting.length} identity providers in it: choose one by --entity-id`)
  return entity
}

function checkValidity(element: XmlElement, now: number): void {
  const until = attributeOf(element, 'validUntil')
  if (until !== undefined && !((readInstant(until) ?? 0) > now)) refuse(`the metadata was valid until ${until}: fetch it again`)
}

async function readEntity(entity: XmlElement): Promise<ImportedProvider> {
  const role = childrenNamed(entity, METADATA, 'IDPSSODescriptor').find(isSaml2) ?? refuse('no IDPSSODescriptor')
  const warnings: string[] = []
  const singleSignOn = endpointOf(role, 'SingleSignOnService')
  const singleLogout = endpointOf(role, 'SingleLogoutService')
  if (singleLogout === undefined)
    warnings.push('no single logout by redirect or POST: a sign-out here does not reach the identity provider')
  const imported: ImportedProvider = {
    entityId: attributeOf(entity, 'entityID') ?? '',
    singleSignOn: singleSignOn ?? refuse('it offers no single sign-on by redirect or POST'),
    ...(singleLogout === undefined ? {} : { singleLogout }),
    certificates: await signingCertificates(role, warnings),
    nameIdFormat: formatOf(role),
    wantsSignedRequests: /^(?:true|1)$/u.test(attributeOf(role, 'WantAuthnRequestsSigned') ?? ''),
    warnings,
  }
  // In a policy it would be a placeholder: a name of a secret of ours, sent to whoever wrote the metadata.
  if (JSON.stringify(imported).includes('${')) refuse('a value in it holds "${", which a policy would fill')
  return imported
}

/** Redirect before POST: no page in between. */
function endpointOf(role: XmlElement, name: string): SamlProviderConfig['singleLogout'] | undefined {
  const services = childrenNamed(role, METADATA, name)
  for (const binding of ['redirect', 'post'] as const) {
    const service = services.find((each) => attributeOf(each, 'Binding') === BINDINGS[binding])
    const url = service && attributeOf(service, 'Location')
    const responseUrl = service && attributeOf(service, 'ResponseLocation')
    if (url !== undefined) return { url, binding, ...(responseUrl === undefined ? {} : { responseUrl }) }
  }
  return undefined
}

async function signingCertificates(role: XmlElement, warnings: string[]): Promise<readonly string[]> {
  const descriptors = childrenNamed(role, METADATA, 'KeyDescriptor').filter((each) => attributeOf(each, 'use') !== 'encryption')
  const certificates = new Set<string>()
  for (const der of descriptors.flatMap(certificatesIn)) {
    if ((await importVerificationKey(der)) === undefined)
      warnings.push('a certificate was left out: its key is not RSA of 2048 to 8192 bits, P-256, P-384 or P-521')
    else certificates.add(encodeBase64(der))
  }
  if (certificates.size === 0) return refuse('it names no certificate that can be used')
  if (certificates.size > MAX_CERTIFICATES) warnings.push(`only ${MAX_CERTIFICATES} of ${certificates.size} certificates were taken`)
  return [...certificates].slice(0, MAX_CERTIFICATES)
}

/** The best format it offers; `undefined`: it names none that we know. */
function formatOf(role: XmlElement): ImportedProvider['nameIdFormat'] {
  const offered = new Set(childrenNamed(role, METADATA, 'NameIDFormat').map((each) => textOf(each)?.trim()))
  return (['persistent', 'emailAddress', 'unspecified'] as const).find((name) => offered.has(NAME_ID_FORMATS[name]))
}
