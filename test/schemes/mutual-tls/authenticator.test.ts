import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { describe, expect, test } from 'vitest'
import type { CertificateBinding, Directory } from '../../../src/directory/directory.ts'
import { encodeHex } from '../../../src/http/base64url.ts'
import type { Verdict } from '../../../src/schemes/authenticator.ts'
import type { SchemeDependencies } from '../../../src/schemes/index.ts'
import { createMutualTlsAuthenticator } from '../../../src/schemes/mutual-tls/authenticator.ts'
import type { MutualTlsConfig } from '../../../src/schemes/mutual-tls/config.ts'
import { createAuthority, createLeaf, edgeReportOf } from '../../support/certificates.ts'
import { evaluateContext, NOW } from '../../support/authenticators.ts'

const BILLING = 'spiffe://example.org/billing'
const authority = await createAuthority()
const billing = await createLeaf(authority, { uris: [BILLING] })

function authenticator(overrides: Partial<MutualTlsConfig> = {}, bindings: readonly CertificateBinding[] = []) {
  const directory: Partial<Directory> = {
    certificates: () => bindings,
    consumer: (name) => ({ name, plan: 'gold' }),
    plan: (name) => ({ name, limits: [], scopes: new Set(['orders:read']) }),
  }
  const config: MutualTlsConfig = {
    kind: 'mutual-tls',
    name: 'service',
    issuers: [{ ski: authority.ski }],
    identities: [{ identity: { uri: BILLING }, scopes: ['reports:read'] }],
    consumerOptional: false,
    ...overrides,
  }
  return createMutualTlsAuthenticator(config, { directory } as SchemeDependencies)
}
type Made = ReturnType<typeof authenticator>

const requestWith = (tlsClientAuth: unknown, headers: Record<string, string> = {}): Request =>
  Object.defineProperty(new Request('https://api.example.com/', { headers }), 'cf', { value: { tlsClientAuth } })

async function verify(report: Record<string, unknown>, made: Made = authenticator(), now = NOW): Promise<Verdict> {
  const attempt = made.read(requestWith(report))
  if (attempt === undefined) throw new Error('absent')
  return attempt(evaluateContext({ now }))
}
const reasonOf = (verdict: Verdict): string => ('reason' in verdict ? verdict.reason : verdict.status)

describe('createMutualTlsAuthenticator()', () => {
  test('lets a pinned issuer’s certificate in by its URI, as the party it names', async () => {
    expect(await verify(edgeReportOf(billing, authority))).toMatchObject({
      status: 'verified',
      principal: {
        kind: 'mutual-tls',
        issuer: `x509:${authority.ski}`,
        subject: BILLING,
        scopes: new Set(['reports:read']),
        expiresAt: Date.UTC(2027, 0, 1),
      },
    })
  })

  test.each([
    ['no cf at all', undefined],
    ['no certificate', { certPresented: '0', certVerified: 'NONE' }],
    ['a boolean where text is promised', { certPresented: true }],
  ])('%s is an absent credential', (_, report) => {
    expect(authenticator().read(requestWith(report))).toBeUndefined()
  })

  test('CC-1: no field of the client stands in for the edge', async () => {
    const forged = {
      'client-cert': `:${btoa('x')}:`,
      'x-ssl-client-verify': 'SUCCESS',
      'mf-cf-blob': JSON.stringify({ tlsClientAuth: edgeReportOf(billing, authority) }),
    }
    expect(authenticator().read(requestWith({ certPresented: '0' }, forged))).toBeUndefined()
  })

  test.each([
    ['not verified', { certVerified: 'FAILED:self signed certificate' }, 'certificate_not_verified'],
    ['verified in other words', { certVerified: 'SUCCESS ' }, 'certificate_not_verified'],
    ['verified, but revoked', { certRevoked: '1' }, 'certificate_revoked'],
    ['revocation unknown', { certRevoked: '' }, 'certificate_revoked'],
    ['another issuer at the edge', { certIssuerSKI: '00'.repeat(20) }, 'issuer_not_pinned'],
    ['no issuer at the edge', { certIssuerSKI: '' }, 'issuer_not_pinned'],
    ['not a byte sequence', { certRFC9440: 'abc' }, 'certificate_unreadable'],
    ['not a certificate', { certRFC9440: ':AAAA:' }, 'certificate_unreadable'],
    ['dropped, and no fingerprint', { certRFC9440: '', certRFC9440TooLarge: true }, 'certificate_unreadable'],
    ['dropped: names cannot be known', { certRFC9440: '', certFingerprintSHA256: 'ab'.repeat(32) }, 'unknown_certificate'],
  ])('refuses a certificate that is %s', async (_, overrides, reason) => {
    expect(reasonOf(await verify(edgeReportOf(billing, authority, overrides)))).toBe(reason)
  })

  test('the certificate itself must name the issuer that the edge reports', async () => {
    const other = await createAuthority('Other CA')
    const leaf = await createLeaf(other, { uris: [BILLING] })
    expect(reasonOf(await verify(edgeReportOf(leaf, authority)))).toBe('issuer_not_pinned')
  })

  test('an issuer pinned by subject is compared as a whole', async () => {
    const made = authenticator({ issuers: [{ subject: 'CN=Test CA' }] })
    expect(reasonOf(await verify(edgeReportOf(billing, authority), made))).toBe('verified')
    expect(reasonOf(await verify(edgeReportOf(billing, authority, { certIssuerDNRFC2253: 'CN=Test CA,O=Evil' }), made))).toBe(
      'issuer_not_pinned',
    )
    expect(reasonOf(await verify(edgeReportOf(billing, authority), authenticator({ issuers: [{}] })))).toBe('issuer_not_pinned')
  })

  test.each([
    [Date.UTC(2026, 0, 1) - 1, 'not_yet_valid'],
    [Date.UTC(2026, 0, 1), 'verified'],
    [Date.UTC(2027, 0, 1) - 1, 'verified'],
    [Date.UTC(2027, 0, 1), 'expired'],
  ])('validity is checked on every request, cached or not: %i', async (now, expected) => {
    const made = authenticator()
    await verify(edgeReportOf(billing, authority), made)
    expect(reasonOf(await verify(edgeReportOf(billing, authority), made, now))).toBe(expected)
  })

  test('revocation at the edge counts on a certificate that was read before', async () => {
    const made = authenticator()
    expect(reasonOf(await verify(edgeReportOf(billing, authority), made))).toBe('verified')
    expect(reasonOf(await verify(edgeReportOf(billing, authority, { certRevoked: '1' }), made))).toBe('certificate_revoked')
  })

  test.each([
    ['SP-1: a second URI', { uris: [BILLING, 'spiffe://example.org/other'] }, 'unknown_certificate'],
    ['SP-2: no digital signature', { uris: [BILLING], keyUsage: null }, 'unknown_certificate'],
    [
      'SP-2: may certify',
      { uris: [BILLING], keyUsage: x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyCertSign },
      'unknown_certificate',
    ],
    ['another identity', { uris: ['spiffe://example.org/billing2'] }, 'unknown_certificate'],
    ['other case', { uris: ['spiffe://example.org/Billing'] }, 'unknown_certificate'],
    ['an authority', { uris: [BILLING], extensions: [new x509.BasicConstraintsExtension(true)] }, 'type_not_allowed'],
    [
      'for servers only',
      { uris: [BILLING], extensions: [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth])] },
      'type_not_allowed',
    ],
    ['for clients', { uris: [BILLING], extensions: [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth])] }, 'verified'],
  ])('a leaf with %s', async (_, options, expected) => {
    expect(reasonOf(await verify(edgeReportOf(await createLeaf(authority, options), authority)))).toBe(expected)
  })

  test.each([
    'spiffe://example.org',
    'spiffe://example.org/',
    'spiffe://Example.org/a',
    'spiffe://example.org/a//b',
    'spiffe://example.org/../a',
    'spiffe://example.org:1/a',
    'spiffe://u@example.org/a',
  ])('SP-3: %s is no SPIFFE ID, even where the policy names it', async (uri) => {
    const made = authenticator({ identities: [{ identity: { uri }, scopes: [] }] })
    expect(reasonOf(await verify(edgeReportOf(await createLeaf(authority, { uris: [uri] }), authority), made))).toBe('unknown_certificate')
  })

  test('every given member of an identity must hold', async () => {
    const leaf = await createLeaf(authority, { dns: ['Batch.example.org'] })
    const sha256 = encodeHex(new Uint8Array(await crypto.subtle.digest('SHA-256', leaf)))
    const identityHolds = async (identity: CertificateBinding['identity']): Promise<string> =>
      reasonOf(await verify(edgeReportOf(leaf, authority), authenticator({ identities: [{ identity, scopes: [] }] })))
    expect(await identityHolds({ dns: 'batch.example.org', sha256 })).toBe('verified')
    expect(await identityHolds({ dns: 'batch.example.org', sha256: '00'.repeat(32) })).toBe('unknown_certificate')
    expect(await identityHolds({ subject: 'CN=leaf' })).toBe('verified')
    expect(await identityHolds({ subject: 'CN=lea' })).toBe('unknown_certificate')
    expect(await identityHolds({})).toBe('unknown_certificate')
  })

  test('a certificate bound to a consumer is that consumer, with the scopes of its plan', async () => {
    const made = authenticator({ identities: [] }, [{ identity: { uri: BILLING }, consumer: 'acme' }])
    expect(await verify(edgeReportOf(billing, authority), made)).toMatchObject({
      principal: { consumer: 'acme', scopes: new Set(['orders:read']) },
    })
  })

  test('no challenge helps after the handshake', async () => {
    expect(await authenticator().remedy({ status: 'absent' }, evaluateContext())).toBeUndefined()
  })
})
