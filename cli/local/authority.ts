import 'reflect-metadata'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'

/** A certificate authority of this machine alone: for local work, never for anything that others trust. */
export interface Authority {
  readonly certificate: x509.X509Certificate
  readonly keys: CryptoKeyPair
  /** PEM. */
  readonly pem: string
  /** Subject key identifier, in lower-case hexadecimal: what a policy pins. */
  readonly keyIdentifier: string
}
export interface Leaf {
  readonly certificate: x509.X509Certificate
  /** PEM. */
  readonly pem: string
  /** PKCS #8 in PEM. */
  readonly key: string
}
export interface LeafOptions {
  readonly name: string
  readonly usage: 'server' | 'client'
  readonly uris?: readonly string[]
  readonly dns?: readonly string[]
  readonly addresses?: readonly string[]
  readonly notAfter?: Date
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const YEAR_MS = 365 * 86_400_000
const DAY_MS = 86_400_000

/** The authority kept in `directory`, made there at first use and anew when it ends within a month. */
export async function openAuthority(directory: string, name: string): Promise<Authority> {
  const paths = { certificate: join(directory, 'ca.pem'), key: join(directory, 'ca.key') }
  if (existsSync(paths.certificate) && existsSync(paths.key)) {
    const kept = await readAuthority(readFileSync(paths.certificate, 'utf8'), readFileSync(paths.key, 'utf8'))
    if (kept.certificate.notAfter.getTime() - Date.now() > 30 * DAY_MS) return kept
  }
  const keys = await newKeys()
  const identifier = await x509.SubjectKeyIdentifierExtension.create(keys.publicKey)
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: `CN=${name}`,
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + YEAR_MS),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      identifier,
    ],
  })
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  writeFileSync(paths.key, await exportKey(keys.privateKey), { mode: 0o600 })
  writeFileSync(paths.certificate, `${certificate.toString('pem')}\n`)
  return { certificate, keys, pem: certificate.toString('pem'), keyIdentifier: identifier.keyId.toLowerCase() }
}

export async function issueLeaf(authority: Authority, options: LeafOptions): Promise<Leaf> {
  const keys = await newKeys()
  const names: x509.JsonGeneralName[] = [
    ...(options.uris ?? []).map((value): x509.JsonGeneralName => ({ type: 'url', value })),
    ...(options.dns ?? []).map((value): x509.JsonGeneralName => ({ type: 'dns', value })),
    ...(options.addresses ?? []).map((value): x509.JsonGeneralName => ({ type: 'ip', value })),
  ]
  const purpose = options.usage === 'server' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth
  const notAfter = options.notAfter ?? new Date(Date.now() + 90 * DAY_MS)
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: `CN=${options.name}`,
    issuer: authority.certificate.subject,
    notBefore: new Date(Math.min(Date.now(), notAfter.getTime()) - DAY_MS),
    notAfter,
    signingKey: authority.keys.privateKey,
    publicKey: keys.publicKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([purpose]),
      new x509.SubjectAlternativeNameExtension(names),
      await x509.AuthorityKeyIdentifierExtension.create(authority.keys.publicKey),
    ],
  })
  return { certificate, pem: `${certificate.toString('pem')}\n`, key: await exportKey(keys.privateKey) }
}

/** PEM of the list of what this authority has revoked (RFC 5280 §5). */
export async function revocationList(authority: Authority, revoked: readonly Leaf[]): Promise<string> {
  const list = await x509.X509CrlGenerator.create({
    issuer: authority.certificate.subject,
    thisUpdate: new Date(Date.now() - DAY_MS),
    nextUpdate: new Date(Date.now() + 30 * DAY_MS),
    entries: revoked.map(({ certificate }) => ({ serialNumber: certificate.serialNumber, revocationDate: new Date(Date.now() - DAY_MS) })),
    signingAlgorithm: ALGORITHM,
    signingKey: authority.keys.privateKey,
  })
  return `${x509.PemConverter.encode(list.rawData, 'X509 CRL')}\n`
}

/** A server certificate for this machine's own names, from an authority that clients can be told to trust. */
export async function localServerCertificate(directory: string): Promise<{ readonly leaf: Leaf; readonly authorityPath: string }> {
  const authority = await openAuthority(directory, 'Portcullis local edge')
  const leaf = await issueLeaf(authority, { name: 'localhost', usage: 'server', dns: ['localhost'], addresses: ['127.0.0.1'] })
  return { leaf, authorityPath: join(directory, 'ca.pem') }
}

async function readAuthority(certificatePem: string, keyPem: string): Promise<Authority> {
  const certificate = new x509.X509Certificate(certificatePem)
  const privateKey = await crypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(keyPem), ALGORITHM, true, ['sign'])
  const publicKey = await certificate.publicKey.export()
  const identifier = await x509.SubjectKeyIdentifierExtension.create(publicKey)
  return { certificate, keys: { privateKey, publicKey }, pem: certificatePem, keyIdentifier: identifier.keyId.toLowerCase() }
}

async function newKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
}

async function exportKey(key: CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`
}

/** Positive and 128 bits long at most (RFC 5280 §4.1.2.2). */
function newSerial(): string {
  return `00${randomBytes(15).toString('hex')}`
}
