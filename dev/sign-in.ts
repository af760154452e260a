import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createClientKeys } from '../src/identity/oidc/client-key.ts'
import type { OpenIdProviderConfig } from '../src/policy/identity-providers.ts'
import type { RootSecret } from '../src/credentials/root-secret.ts'
import type { DemoRelyingParty } from './issuer.ts'
import { makeRsaIdentity, type RsaIdentity } from './rsa-identity.ts'
import { startSamlProvider } from './saml-provider.ts'

/** A place to sign in, for people and for scripts. */
export interface SignInExample {
  readonly name: string
  readonly kind: 'oidc' | 'saml'
  /** Opened in a browser: leads through the sign-in and back to an answer of the origin. */
  readonly url: string
  readonly username: string
  readonly password: string
}

/** Names of the providers in policy.yaml. */
const OPENID = 'staff'
const SAML = 'partners'
const LANDING = '/v1/orders/42'

/**
 * Browsers come by `localhost` and the providers stand at `127.0.0.1`: two sites, as in production, so that SameSite bites. Both are
 * trustworthy to browsers without TLS, so that Secure cookies work.
 */
export const browserUrl = (port: number): string => `http://localhost:${port}`

/** How the OpenID provider knows the gate: by keys derived from the root secret, and by its addresses. */
export async function relyingPartyOf(root: RootSecret, gatePort: number): Promise<DemoRelyingParty> {
  const own: Pick<OpenIdProviderConfig, 'name' | 'clientAuthentication'> = {
    name: OPENID,
    clientAuthentication: { method: 'private_key_jwt', algorithm: 'ES256' },
  }
  const keys = await createClientKeys(own, root).published()
  const base = `${browserUrl(gatePort)}/.portcullis/oidc/${OPENID}`
  return {
    clientId: 'portcullis',
    keys,
    redirectUri: `${base}/callback`,
    signedOutUri: `${base}/signed-out`,
    // From the provider itself, not through the browser.
    backChannelLogoutUri: `http://127.0.0.1:${gatePort}/.portcullis/oidc/${OPENID}/backchannel-logout`,
  }
}

/** The SAML side: the identity provider, and what the gate must be told of it. */
export async function startSamlSide(options: { readonly port: number; readonly gatePort: number; readonly folder: string }): Promise<{
  readonly url: string
  readonly bindings: Readonly<Record<string, string>>
  stop(): Promise<void>
}> {
  const theirs = await keptIdentity(join(options.folder, 'saml-provider.json'), 'Portcullis demo identity provider')
  const ours = await keptIdentity(join(options.folder, 'saml-gate.json'), 'Portcullis demo gate')
  const provider = await startSamlProvider(options.port, theirs)
  provider.trust(`${browserUrl(options.gatePort)}/.portcullis/saml/${SAML}`, ours.certificate)
  return {
    url: provider.url,
    bindings: {
      SAML_URL: provider.url,
      SAML_CERTIFICATE: theirs.certificate,
      SAML_OWN_CERTIFICATE: ours.certificate,
      SAML_PRIVATE_KEY: ours.privateKey,
    },
    stop: async () => provider.stop(),
  }
}

export function signInExamples(gatePort: number): readonly SignInExample[] {
  const url = (provider: string): string => `${browserUrl(gatePort)}/.portcullis/login/${provider}?return_to=${encodeURIComponent(LANDING)}`
  return [
    { name: 'sign in with OpenID Connect', kind: 'oidc', url: url(OPENID), username: 'demo', password: 'demo' },
    { name: 'sign in with SAML', kind: 'saml', url: url(SAML), username: 'demo', password: 'demo' },
  ]
}

async function keptIdentity(path: string, name: string): Promise<RsaIdentity> {
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as RsaIdentity
  const made = await makeRsaIdentity(name)
  writeFileSync(path, JSON.stringify(made), { mode: 0o600 })
  return made
}
