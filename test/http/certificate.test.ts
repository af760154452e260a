import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeHex } from '../../src/http/base64url.ts'
import { MAX_CERTIFICATE_BYTES, readCertificate } from '../../src/http/certificate.ts'
import { readElements, readObjectIdentifier, readTime } from '../../src/http/der.ts'
import { createAuthority, createLeaf } from '../support/certificates.ts'

const bytes = (hex: string): Uint8Array<ArrayBuffer> => Uint8Array.from(hex.match(/../gu) ?? [], (pair) => Number.parseInt(pair, 16))

describe('readElements()', () => {
  test.each([
    ['an indefinite length', '3080020101'],
    ['a length in more bytes than it needs', '308103020101'],
    ['a long form of a short length', '30810302010a'],
    ['a length past the end', '3004020101'],
    ['a tag of several bytes', '3f0100'],
    ['a header cut short', '30'],
    ['a length of four bytes', '308400000001'],
  ])('refuses %s', (_, hex) => {
    expect(readElements(bytes(hex))).toBeUndefined()
  })
  test('bounds how many elements stand side by side', () => {
    expect(readElements(bytes('0500'.repeat(256)))).toHaveLength(256)
    expect(readElements(bytes('0500'.repeat(257)))).toBeUndefined()
  })
})

describe('readObjectIdentifier()', () => {
  test.each([
    ['0603551d11', '2.5.29.17'],
    ['06082b06010505070302', '1.3.6.1.5.5.7.3.2'],
    ['06022a03', '1.2.3'],
    ['0600', undefined],
    ['06028001', undefined],
    ['060181', undefined],
  ])('%s is %s', (hex, expected) => {
    expect(readObjectIdentifier(readElements(bytes(hex))?.[0])).toBe(expected)
  })
})

describe('readTime()', () => {
  const time = (tag: number, text: string): number | undefined =>
    readTime({ tag, content: new Uint8Array(new TextEncoder().encode(text)), encoded: new Uint8Array() })
  test.each([
    [0x17, '491231235959Z', Date.UTC(2049, 11, 31, 23, 59, 59)],
    [0x17, '500101000000Z', Date.UTC(1950, 0, 1)],
    [0x18, '20500101000000Z', Date.UTC(2050, 0, 1)],
    [0x17, '260230000000Z', undefined],
    [0x17, '260101240000Z', undefined],
    [0x17, '2601010000Z', undefined],
    [0x18, '20260101000000+0100', undefined],
  ])('%i %s', (tag, text, expected) => {
    expect(time(tag, text)).toBe(expected)
  })
})

describe('readCertificate()', async () => {
  const authority = await createAuthority()

  test('agrees with another implementation on names, validity, usage and authority', async () => {
    const name = fc.stringMatching(/^[a-z]{1,12}$/u)
    const seen = new Set<string>()
    await fc.assert(
      fc.asyncProperty(
        fc.array(name, { maxLength: 4 }),
        fc.array(name, { maxLength: 4 }),
        fc.nat(3_000),
        fc.boolean(),
        async (paths, hosts, days, isClient) => {
          const der = await createLeaf(authority, {
            uris: paths.map((path) => `spiffe://example.org/${path}`),
            dns: hosts.map((host) => `${host}.Example.org`),
            notAfter: new Date(Date.UTC(2026, 5, 1) + days * 86_400_000),
            extensions: isClient ? [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth])] : [],
          })
          const oracle = new x509.X509Certificate(der)
          seen.add(encodeHex(der))
          expect(readCertificate(der)).toEqual({
            notBefore: oracle.notBefore.getTime(),
            notAfter: oracle.notAfter.getTime(),
            uris: paths.map((path) => `spiffe://example.org/${path}`),
            dnsNames: hosts.map((host) => `${host}.example.org`),
            authorityKeyIdentifier: authority.ski,
            isAuthority: false,
            keyUsage: { digitalSignature: true, keyCertSign: false, crlSign: false },
            extendedKeyUsage: isClient ? ['1.3.6.1.5.5.7.3.2'] : undefined,
          })
        },
      ),
      { numRuns: 60 },
    )
    expect(seen.size).toBeGreaterThanOrEqual(60)
    expect(readCertificate(new Uint8Array(authority.certificate.rawData))).toMatchObject({ isAuthority: true })
  })

  test('never throws on a damaged certificate, and never reads past its end', async () => {
    const der = await createLeaf(authority, { uris: ['spiffe://example.org/billing'], dns: ['a.example.org'] })
    const seen = new Set<string>()
    let read = 0
    for (let index = 0; index < der.length; index++) {
      for (const value of [0x00, 0x30, 0x80, 0xff, (der[index] ?? 0) ^ 1]) {
        const damaged = der.slice()
        damaged[index] = value
        seen.add(encodeHex(damaged))
        if (readCertificate(damaged) !== undefined) read++
      }
      expect(readCertificate(der.slice(0, index))).toBeUndefined()
    }
    expect(seen.size).toBeGreaterThan(1_500)
    expect(read).toBeLessThan(seen.size)
  })

  test('refuses an extension that comes twice', async () => {
    const der = await createLeaf(authority, {
      extensions: [new x509.Extension('1.2.3.4', false, bytes('0500')), new x509.Extension('1.2.3.4', false, bytes('0500'))],
    })
    expect(readCertificate(der)).toBeUndefined()
  })

  test('refuses a name with a NUL in it', async () => {
    const names = new x509.Extension('2.5.29.17', false, bytes('30088206612e62002e63'))
    expect(readCertificate(await createLeaf(authority, { extensions: [names] }))).toBeUndefined()
  })

  test('refuses what follows the certificate, and what is longer than the edge passes on', async () => {
    const der = await createLeaf(authority)
    expect(readCertificate(new Uint8Array([...der, 0]))).toBeUndefined()
    const padding = (size: number): x509.Extension => new x509.Extension('1.2.3.4', false, new Uint8Array(size))
    const base = (await createLeaf(authority, { extensions: [padding(9_000)] })).length
    const atMost = await createLeaf(authority, { extensions: [padding(9_000 + MAX_CERTIFICATE_BYTES - base - 8)] })
    expect(atMost.length).toBeLessThanOrEqual(MAX_CERTIFICATE_BYTES)
    expect(readCertificate(atMost)).toBeDefined()
    expect(readCertificate(await createLeaf(authority, { extensions: [padding(MAX_CERTIFICATE_BYTES)] }))).toBeUndefined()
  })
})
