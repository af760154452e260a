import { calculateJwkThumbprint } from 'jose'
import { modifyAssertion, ClientSecretBasic, ClientSecretPost, PrivateKeyJwt, type ClientAuth, type JWK } from 'openid-client'
import { deriveEd25519 } from '../../credentials/assertion-key.ts'
import { deriveP256 } from '../../credentials/p256-key.ts'
import type { RootSecret } from '../../credentials/root-secret.ts'
import { readPem } from '../../http/pem.ts'
import type { OpenIdProviderConfig } from '../../policy/identity-providers.ts'
import { DependencyOutage } from '../outage.ts'

/** How we prove to one provider who we are (OC-9). */
export interface ClientKeys {
  authentication(): Promise<ClientAuth>
  /** The public halves, newest first: `/.portcullis/oidc/{name}/jwks.json`. Empty where a secret is shared. */
  published(): Promise<readonly JWK[]>
}

interface SigningKey {
  readonly privateKey: CryptoKey
  readonly publicJwk: JWK
  readonly kid: string
}

/** Of every generation of the root secret one key: a provider that knows the newest only after a while still knows the one before. */
export function createClientKeys(
  { name, clientAuthentication }: Pick<OpenIdProviderConfig, 'name' | 'clientAuthentication'>,
  root: RootSecret,
): ClientKeys {
  if (clientAuthentication.method !== 'private_key_jwt') {
    const { method, clientSecret } = clientAuthentication
    const authenticate = method === 'client_secret_basic' ? ClientSecretBasic : ClientSecretPost
    return { authentication: async () => authenticate(clientSecret), published: async () => [] }
  }
  const { algorithm } = clientAuthentication
  const purpose = `client-authentication:${name}`
  const derived = async (): Promise<readonly SigningKey[]> => {
    const derive = algorithm === 'ES256' ? deriveP256 : deriveEd25519
    return Promise.all(root.generations.map(async (generation) => derive(root, purpose, generation)))
  }
  const keys =
    'privateKey' in clientAuthentication ? async () => [await rsaKeyOf(clientAuthentication.privateKey, algorithm, name)] : derived
  let known: readonly SigningKey[] | undefined
  const all = async (): Promise<readonly SigningKey[]> => (known ??= await keys())

  return {
    async authentication() {
      const [newest] = await all()
      if (newest === undefined) throw new Error('there is no key to authenticate with')
      return PrivateKeyJwt(
        { key: newest.privateKey, kid: newest.kid },
        {
          // The name that the provider knows: `EdDSA` or `Ed25519` is the same signature (RFC 9864 §2.2).
          [modifyAssertion]: (header) => {
            header['alg'] = algorithm
          },
        },
      )
    },
    published: async () => (await all()).map(({ publicJwk, kid }) => Object.assign({ kid, use: 'sig', alg: algorithm }, publicJwk)),
  }
}

/** `pem`: PKCS#8. Throws `DependencyOutage`, without a word of it, when it is no such key. */
async function rsaKeyOf(pem: string, algorithm: string, provider: string): Promise<SigningKey> {
  const pkcs8 = readPem(pem) ?? new Uint8Array()
  const parameters = { name: algorithm === 'PS256' ? 'RSA-PSS' : 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
  const importKey = async (isExtractable: boolean): Promise<CryptoKey> =>
    crypto.subtle.importKey('pkcs8', pkcs8, parameters, isExtractable, ['sign'])
  try {
    const { n, e } = (await crypto.subtle.exportKey('jwk', await importKey(true))) as JsonWebKey
    const publicJwk = { kty: 'RSA', n: n ?? '', e: e ?? '' }
    return { privateKey: await importKey(false), publicJwk, kid: await calculateJwkThumbprint(publicJwk) }
  } catch {
    throw new DependencyOutage(`${provider}.clientAuthentication.privateKey is no RSA key in PKCS#8`)
  }
}
