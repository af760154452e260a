import 'reflect-metadata'
import * as x509 from '@peculiar/x509'

const ALGORITHM = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }

/** A key and a certificate for it, PEM. */
export async function identityOf(
  name: string,
): Promise<{ readonly privateKey: string; readonly certificate: string; readonly publicKey: string }> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({ name: `CN=${name}`, keys, signingAlgorithm: ALGORITHM })
  const pem = async (format: 'pkcs8' | 'spki', key: CryptoKey, label: string): Promise<string> => {
    const body = Buffer.from(await crypto.subtle.exportKey(format, key)).toString('base64')
    return `-----BEGIN ${label}-----\n${body.replaceAll(/.{64}/gu, '$&\n')}\n-----END ${label}-----\n`
  }
  return {
    privateKey: await pem('pkcs8', keys.privateKey, 'PRIVATE KEY'),
    certificate: certificate.toString('pem'),
    publicKey: await pem('spki', keys.publicKey, 'PUBLIC KEY'),
  }
}
