import type { OpenIdProviderConfig } from '../../policy/identity-providers.ts'
import { freshnessOf } from '../../schemes/jwt/freshness.ts'
import { isRecord } from '../../schemes/jwt/strict-json.ts'
import { ProviderFault } from './fault.ts'
import { metadataIssuerOf } from './issuers.ts'
import { isProviderUrl, type Transport } from './transport.ts'

/** What of a provider's metadata is used (OpenID Connect Discovery §3, RFC 8414 §2). Every URL may be asked. */
export interface ProviderMetadata {
  readonly issuer: string
  readonly authorization_endpoint: string
  readonly token_endpoint: string
  readonly userinfo_endpoint?: string
  readonly revocation_endpoint?: string
  readonly end_session_endpoint?: string
  readonly pushed_authorization_request_endpoint?: string
  readonly require_pushed_authorization_requests?: boolean
  readonly authorization_response_iss_parameter_supported?: boolean
  readonly dpop_signing_alg_values_supported?: readonly string[]
}

export interface MetadataSource {
  /** From memory while it is fresh; a stale copy for an hour while the provider is down. Throws `ProviderFault`. */
  load(now: number): Promise<ProviderMetadata>
}

const REQUIRED = ['authorization_endpoint', 'token_endpoint'] as const
const OPTIONAL = ['userinfo_endpoint', 'revocation_endpoint', 'end_session_endpoint', 'pushed_authorization_request_endpoint'] as const
const FLAGS = ['require_pushed_authorization_requests', 'authorization_response_iss_parameter_supported'] as const
/** After a failure nobody is asked for this long: sign-ins in a row do not wait for the same outage each. */
const COOLDOWN_MS = 5000
const STALE_IF_ERROR_MS = 3_600_000

/** Holds values, never a promise: first sign-ins at once may each ask. */
export function createMetadataSource(
  config: Pick<OpenIdProviderConfig, 'issuer' | 'tenants'>,
  transport: Transport,
  isLocal: boolean,
): MetadataSource {
  const url = metadataUrlOf(config.issuer)
  const issuer = metadataIssuerOf(config)
  let held: { readonly metadata: ProviderMetadata; readonly freshUntil: number } | undefined
  let failed: { readonly fault: ProviderFault; readonly at: number } | undefined

  async function ask(now: number): Promise<ProviderMetadata> {
    const response = await transport(url, { headers: { accept: 'application/json' } })
    if (response.status !== 200) throw new ProviderFault('provider-answer-invalid', `discovery was answered with ${response.status}`)
    const metadata = metadataOf(await response.text(), issuer, isLocal)
    held = { metadata, freshUntil: now + freshnessOf(response.headers, now).seconds * 1000 }
    failed = undefined
    return metadata
  }

  return {
    async load(now) {
      if (held !== undefined && now < held.freshUntil) return held.metadata
      const stale = held !== undefined && now < held.freshUntil + STALE_IF_ERROR_MS ? held.metadata : undefined
      if (failed !== undefined && now - failed.at < COOLDOWN_MS) {
        if (stale !== undefined) return stale
        throw failed.fault
      }
      try {
        return await ask(now)
      } catch (error) {
        if (!(error instanceof ProviderFault)) throw error
        failed = { fault: error, at: now }
        if (stale !== undefined) return stale
        throw error
      }
    },
  }
}

export const metadataUrlOf = (issuer: string): string => `${issuer.replace(/\/$/u, '')}/.well-known/openid-configuration`

function metadataOf(text: string, issuer: string, isLocal: boolean): ProviderMetadata {
  const document = parse(text)
  // Else one issuer could name the endpoints of another (OpenID Connect Discovery §4.3).
  if (document['issuer'] !== issuer) throw invalid('names another issuer')
  const url = (name: string): string => {
    const value = document[name]
    if (typeof value !== 'string' || !isProviderUrl(value, isLocal)) throw invalid(`has no usable ${name}`)
    return value
  }
  const [authorization, token] = REQUIRED.map(url)
  const algorithms: unknown = document['dpop_signing_alg_values_supported']
  return {
    issuer,
    authorization_endpoint: authorization ?? '',
    token_endpoint: token ?? '',
    ...Object.fromEntries(OPTIONAL.filter((name) => document[name] !== undefined).map((name) => [name, url(name)])),
    ...Object.fromEntries(FLAGS.map((name) => [name, document[name] === true])),
    ...(Array.isArray(algorithms)
      ? { dpop_signing_alg_values_supported: algorithms.filter((name): name is string => typeof name === 'string') }
      : {}),
  }
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const document: unknown = JSON.parse(text)
    if (isRecord(document)) return document
  } catch {
    // Said below.
  }
  throw invalid('is no JSON object')
}

function invalid(what: string): ProviderFault {
  return new ProviderFault('provider-answer-invalid', `the provider's metadata ${what}`)
}
