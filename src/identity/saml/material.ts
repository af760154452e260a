import { decodeBase64 } from '../../http/base64url.ts'
import { readPem } from '../../http/pem.ts'
import type { SamlProviderConfig } from '../../policy/identity-providers.ts'
import { DependencyOutage } from '../outage.ts'
import {
  importDecryptionKey,
  importSigningKey,
  importVerificationKey,
  signBytes,
  verifyBytes,
  type DecryptionKey,
  type SigningKey,
  type VerificationKey,
} from './xml/keys.ts'

/** The keys of one identity provider and ours for it. Values alone: an isolate may keep them. */
export interface KeyMaterial {
  /** SA-9: from the policy, several while they are replaced. */
  readonly verification: readonly VerificationKey[]
  readonly signing: SigningKey | undefined
  /** None where our key is not RSA. */
  readonly decryption: readonly DecryptionKey[]
}

/** Throws `DependencyOutage` where the policy holds what is no key: the message names the field, never its value. */
export async function readKeyMaterial(
  config: Pick<SamlProviderConfig, 'name' | 'certificates' | 'privateKey' | 'certificate'>,
): Promise<KeyMaterial> {
  const verification = await Promise.all(
    config.certificates.map(async (text, index) => readCertificate(text, `${config.name}.certificates[${index}]`)),
  )
  if (config.privateKey === undefined) return { verification, signing: undefined, decryption: [] }
  const pkcs8 = readPem(config.privateKey)
  const signing = pkcs8 && (await importSigningKey(pkcs8))
  if (pkcs8 === undefined || signing === undefined)
    throw new DependencyOutage(`${config.name}.privateKey is no PKCS#8 key of RSA, P-256, P-384 or P-521`)
  if (config.certificate !== undefined) await checkPair(signing, config.certificate, `${config.name}.certificate`)
  const decryption = await importDecryptionKey(pkcs8)
  return { verification, signing, decryption: decryption === undefined ? [] : [decryption] }
}

/** Identity providers verify by what we publish: of another key they would refuse all that we sign, and nobody could say why. */
async function checkPair(signing: SigningKey, certificate: string, name: string): Promise<void> {
  const { kind, hash } = signing
  const published = await readCertificate(certificate, name)
  const bytes = new Uint8Array(new TextEncoder().encode('portcullis'))
  const value = new Uint8Array(decodeBase64(await signBytes(bytes, signing)) ?? [])
  if ((await verifyBytes(bytes, value, { family: kind === 'RSA' ? 'RSA' : 'ECDSA', hash }, [published])) !== undefined)
    throw new DependencyOutage(`${name} is not that of the privateKey: make a certificate from this key, or put its own key there`)
}

async function readCertificate(text: string, name: string): Promise<VerificationKey> {
  const der = readPem(text)
  const key = der && (await importVerificationKey(der))
  if (key === undefined)
    throw new DependencyOutage(`${name} is no certificate with a key of RSA (2048 to 8192 bits), P-256, P-384 or P-521`)
  return key
}
