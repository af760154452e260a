import type { OpenIdProviderConfig } from '../../policy/identity-providers.ts'
import { ProviderFault } from './fault.ts'
import type { SignedToken } from './signed-token.ts'

type Config = Pick<OpenIdProviderConfig, 'issuer' | 'tenants'>

/** What Entra ID's metadata for many tenants writes in place of one. */
const PLACEHOLDER = '{tenantid}'

/** The issuer that the metadata names: the provider's own, or with `tenants` the template of theirs. */
export function metadataIssuerOf({ issuer, tenants }: Config): string {
  return tenants === undefined ? issuer : withTenant(issuer, PLACEHOLDER)
}

/** Whether the policy believes tokens of this issuer: the provider's own, or one of the tenants that it lists. */
export function mayIssue({ issuer, tenants }: Config, asked: unknown): asked is string {
  if (tenants === undefined) return asked === issuer
  const tenant = typeof asked === 'string' ? tenantOf(asked) : ''
  return tenant !== '' && asked === withTenant(issuer, tenant) && (tenants === 'any' || tenants.includes(tenant))
}

/**
 * The issuer of a token whose signature holds. With `tenants` a person is one of their tenant: its `iss` must be a tenant that is listed, and
 * the key must be for this tenant or for all (the member `issuer` of Entra ID's keys), or one tenant could speak for another. Throws `ProviderFault`.
 */
export function issuerOf(config: Config, { claims, keyIssuer }: SignedToken): string {
  const { iss } = claims
  if (!mayIssue(config, iss)) {
    const isTenant = config.tenants !== undefined && typeof iss === 'string' && iss === withTenant(config.issuer, tenantOf(iss))
    if (isTenant) throw new ProviderFault('sign-in-denied', "the token's iss is none of the tenants of the policy")
    throw new ProviderFault('provider-answer-invalid', "the token's iss names another issuer")
  }
  if (config.tenants !== undefined && keyIssuer !== undefined && keyIssuer !== iss && keyIssuer !== metadataIssuerOf(config))
    throw new ProviderFault('provider-answer-invalid', 'the token is signed by a key of another tenant')
  return iss
}

/** Of an ID token `tid` as well must be the tenant that issued it. Throws `ProviderFault`. */
export function issuerOfIdToken(config: Config, signed: SignedToken): string {
  const issuer = issuerOf(config, signed)
  if (config.tenants !== undefined && signed.claims['tid'] !== tenantOf(issuer))
    throw new ProviderFault('provider-answer-invalid', "the token's tid is not the tenant of its iss")
  return issuer
}

/** A tenant's id is the first segment of the path. */
function withTenant(issuer: string, tenant: string): string {
  return issuer.replace(/^(https?:\/\/[^/]+\/)[^/]+/u, (_all, host: string) => host + tenant)
}

/** Empty: none. Case counts: two spellings would be two people. */
function tenantOf(issuer: string): string {
  return /^https?:\/\/[^/]+\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\/|$)/u.exec(issuer)?.[1] ?? ''
}
