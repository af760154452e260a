import { calculateJwkThumbprint, importPKCS8 } from 'jose'
import { modifyAssertion, ClientSecretBasic, ClientSecretPost, PrivateKeyJwt, type ClientAuth, type JWK } from 'openid-client'
import { deriveEd25519 } from '../../credentials/assertion-key.ts'
import { deriveP256 } from '../../credentials/p256-key.ts'
import type { RootSecret } from '../../credentials/root-secret.ts'
import type { OpenIdProviderConfig } from '../../policy/identity-providers.ts'

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
  const keys = 'privateKey' in clientAuthentication ? async () => [await rsaKeyOf(clientAuthentication.privateKey, algorithm)] : derived
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

/** `pem`: PKCS#8. Throws, without a word of it, when it is none. */
async function rsaKeyOf(pem: string, algorithm: string): Promise<SigningKey> {
  let key: CryptoKey
  try {
    key = await importPKCS8(pem, algorithm, { extractable: true })
  } catch {
    throw new Error('the private key of an identity provider is no RSA key in PKCS#8 PEM')
  }
  const { n, e } = (await crypto.subtle.exportKey('jwk', key)) as JsonWebKey
  if (n === undefined || e === undefined) throw new Error('the public half of a private key could not be exported')
  const publicJwk = { kty: 'RSA', n, e }
  return { privateKey: await importPKCS8(pem, algorithm), publicJwk, kid: await calculateJwkThumbprint(publicJwk) }
}
