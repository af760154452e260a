import type { SamlProviderConfig } from '../../../src/policy/identity-providers.ts'

type Imported = Pick<SamlProviderConfig, 'entityId' | 'singleSignOn' | 'singleLogout' | 'certificates'>

/** The provider `acme`, with the key `sp.pem` for us. */
export function providerOf(files: { read(name: string): string }, imported: Imported & Partial<SamlProviderConfig>): SamlProviderConfig {
  return {
    kind: 'saml',
    name: 'acme',
    title: 'Acme',
    hosts: [],
    domains: [],
    mapping: { claims: { name: 'name', email: 'email' }, groups: 'groups', scopes: [], groupScopes: { staff: ['orders:read'] } },
    privateKey: files.read('sp.pem'),
    certificate: files.read('sp.crt'),
    signRequests: true,
    wantSigned: 'both',
    wantEncrypted: false,
    allowCbc: false,
    allowIdpInitiated: false,
    relayStates: [],
    nameIdFormat: 'persistent',
    authnContexts: [],
    clockToleranceSeconds: 60,
    ...imported,
  }
}
