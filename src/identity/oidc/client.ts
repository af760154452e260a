import {
  allowInsecureRequests,
  clockSkew,
  clockTolerance,
  Configuration,
  customFetch,
  getDPoPHandle,
  modifyAssertion,
  type DPoPHandle,
} from 'openid-client'
import { deriveP256 } from '../../credentials/p256-key.ts'
import type { RootSecret } from '../../credentials/root-secret.ts'
import type { OpenIdProviderConfig } from '../../policy/identity-providers.ts'
import { createRemoteJwks, type KeySetContext, type RemoteJwks } from '../../schemes/jwt/remote-jwks.ts'
import { isRecord } from '../../schemes/jwt/strict-json.ts'
import { createClientKeys, type ClientKeys } from './client-key.ts'
import { ProviderFault } from './fault.ts'
import { CLOCK_TOLERANCE_SECONDS } from './id-token.ts'
import { metadataIssuerOf } from './issuers.ts'
import { createMetadataSource, metadataUrlOf, type ProviderMetadata } from './metadata.ts'
import { openSignedToken, type SignedToken } from './signed-token.ts'
import { createTransport, type TransportParts } from './transport.ts'

/** What speaking to providers needs of the Worker, and of an object that refreshes for a session. */
export interface OpenIdDependencies extends TransportParts {
  readonly rootSecret: RootSecret
  /** Milliseconds since the epoch; for the times inside assertions and proofs. */
  readonly now: () => number
}

/** This gate as a client of one provider. Keeps values between requests: metadata, keys, DPoP nonces. */
export interface OpenIdClient {
  readonly config: OpenIdProviderConfig
  readonly keys: ClientKeys
  /** Throws `ProviderFault`. */
  connect(now: number): Promise<Connection>
  /** A token of the provider whose signature holds. Throws `ProviderFault`. */
  openToken(token: string, context: KeySetContext): Promise<SignedToken>
}

/** For one request: openid-client set up, and the proof of possession where tokens are bound to a key. */
export interface Connection {
  readonly metadata: ProviderMetadata
  readonly configuration: Configuration
  readonly proof: { readonly DPoP?: DPoPHandle }
  /** That of the last answer of the token endpoint: openid-client does not see it, since it would judge claims before their signature. */
  idToken(): string | undefined
}

/** The one algorithm of our proofs; every provider with DPoP has it (RFC 9449 §5.1, FAPI 2.0 §5.4). */
const PROOF_ALGORITHM = 'ES256'

export function createOpenIdClient(config: OpenIdProviderConfig, dependencies: OpenIdDependencies): OpenIdClient {
  const { rootSecret, isLocal, now: clock } = dependencies
  const transport = createTransport(dependencies)
  const source = createMetadataSource(config, transport, isLocal)
  const keys = createClientKeys(config, rootSecret)
  const remoteKeys: RemoteJwks = createRemoteJwks(
    {
      issuer: metadataIssuerOf(config),
      audiences: [config.clientId],
      algorithms: [config.idTokenAlgorithm],
      ...(config.tenants === undefined ? {} : { metadataUrl: metadataUrlOf(config.issuer) }),
    },
    dependencies,
  )
  let handle: DPoPHandle | undefined

  async function configurationOf(metadata: ProviderMetadata, aside: Aside): Promise<Configuration> {
    const client = {
      id_token_signed_response_alg: config.idTokenAlgorithm,
      [clockSkew]: Math.round((clock() - Date.now()) / 1000),
      [clockTolerance]: CLOCK_TOLERANCE_SECONDS,
    }
    const configuration = new Configuration(serverOf(metadata), config.clientId, client, await keys.authentication())
    configuration[customFetch] = async (url, { body, headers, method }) => {
      const response = await transport(url, { method, headers, ...(body === undefined ? {} : { body: body as BodyInit }) })
      return url === metadata.token_endpoint ? putIdTokenAside(response, aside) : response
    }
    // The transport has asked already: without TLS only to loopback, and only in `portcullis dev`.
    if (isLocal) allowInsecureRequests(configuration)
    return configuration
  }

  /**
   * One key for all sessions: it is derived, so nothing is stored, and never leaves the gate. Refresh tokens of a confidential
   * client are bound to the client, not to this key (RFC 9449 §5), so a new root generation ends no session.
   */
  async function proofOf(metadata: ProviderMetadata, configuration: Configuration): Promise<{ readonly DPoP?: DPoPHandle }> {
    const isOffered = metadata.dpop_signing_alg_values_supported?.includes(PROOF_ALGORITHM) === true
    if (config.dpop === 'never' || (config.dpop === 'auto' && !isOffered)) return {}
    if (!isOffered) throw new ProviderFault('provider-refused', `the provider does not take DPoP proofs by ${PROOF_ALGORITHM}`)
    const [generation = ''] = rootSecret.generations
    const { privateKey, publicKey } = await deriveP256(rootSecret, `dpop:${config.name}`, generation)
    handle ??= getDPoPHandle(
      configuration,
      { privateKey, publicKey },
      {
        [modifyAssertion]: (_header, payload) => {
          payload['iat'] = Math.floor(clock() / 1000)
        },
      },
    )
    return { DPoP: handle }
  }

  return {
    config,
    keys,
    async connect(now) {
      const metadata = await source.load(now)
      const aside: Aside = { idToken: undefined }
      const configuration = await configurationOf(metadata, aside)
      return { metadata, configuration, proof: await proofOf(metadata, configuration), idToken: () => aside.idToken }
    },
    openToken: async (token, context) => openSignedToken(token, { algorithm: config.idTokenAlgorithm, keys: remoteKeys, context }),
  }
}

interface Aside {
  idToken: string | undefined
}

/** What is no such answer is left for openid-client to refuse. */
async function putIdTokenAside(response: Response, aside: Aside): Promise<Response> {
  aside.idToken = undefined
  const text = await response.text()
  const { status, headers } = response
  const answer = parseJson(text)
  if (!isRecord(answer) || typeof answer['id_token'] !== 'string') return new Response(text, { status, headers })
  const { id_token: idToken, ...others } = answer
  aside.idToken = idToken
  return new Response(JSON.stringify(others), { status, headers })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function serverOf({ dpop_signing_alg_values_supported: algorithms, ...metadata }: ProviderMetadata) {
  return { ...metadata, ...(algorithms === undefined ? {} : { dpop_signing_alg_values_supported: [...algorithms] }) }
}
