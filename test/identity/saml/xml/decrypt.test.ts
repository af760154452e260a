import { describe, expect, test } from 'vitest'
import { encodeBase64 } from '../../../../src/http/base64url.ts'
import { textOf, type XmlElement } from '../../../../src/http/xml.ts'
import { decryptElement, type DecryptOptions } from '../../../../src/identity/saml/xml/decrypt.ts'
import { importDecryptionKey, type DecryptionKey } from '../../../../src/identity/saml/xml/keys.ts'
import { verifyEnveloped, type SignedElement } from '../../../../src/identity/saml/xml/signature.ts'
import vectors from '../../../vectors/saml/xmlsec.json' with { type: 'json' }
import { bytesOf, find, obligingKey, readDocument, signAnything, vectorKey, type DecryptionRefusalCode } from '../../../support/saml.ts'

const ENC = 'http://www.w3.org/2001/04/xmlenc#'
const ENC11 = 'http://www.w3.org/2009/xmlenc11#'
const DS = 'http://www.w3.org/2000/09/xmldsig#'

const vectorDecryptionKey = await importDecryptionKey(bytesOf(vectors.decryptionKey))
if (vectorDecryptionKey === undefined) throw new Error('no key')
const vectorKeys: readonly DecryptionKey[] = [vectorDecryptionKey]

type Hash = 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512'
const pair = (await crypto.subtle.generateKey(
  { name: 'RSA-OAEP', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
  true,
  ['encrypt', 'decrypt'],
)) as CryptoKeyPair
const pkcs8 = new Uint8Array((await crypto.subtle.exportKey('pkcs8', pair.privateKey)) as ArrayBuffer)
const spki = (await crypto.subtle.exportKey('spki', pair.publicKey)) as ArrayBuffer
const ours = await importDecryptionKey(pkcs8)
if (ours === undefined) throw new Error('no key')

/** A sender that does as it is told. */
interface Sealing {
  readonly plaintext?: string
  readonly cipher?: string
  readonly secretBytes?: number
  readonly hash?: Hash
  readonly transport?: string
  readonly label?: string
  readonly place?: 'inside' | 'beside'
  readonly before?: string
}
const OLDER = `<xenc:EncryptionMethod Algorithm="${ENC}rsa-oaep-mgf1p"/>`
const newer = (digest: string, generator: string): string =>
  `<xenc:EncryptionMethod Algorithm="${ENC11}rsa-oaep"><ds:DigestMethod Algorithm="${digest}"/><xenc11:MGF Algorithm="${ENC11}${generator}"/></xenc:EncryptionMethod>`

async function encryptContent(cipher: string, secret: Uint8Array<ArrayBuffer>, plaintext: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const mode = cipher.endsWith('cbc') ? 'AES-CBC' : 'AES-GCM'
  const iv = crypto.getRandomValues(new Uint8Array(mode === 'AES-CBC' ? 16 : 12))
  const key = await crypto.subtle.importKey('raw', secret, mode, false, ['encrypt'])
  return new Uint8Array([...iv, ...new Uint8Array(await crypto.subtle.encrypt({ name: mode, iv }, key, plaintext))])
}

async function seal(sealing: Sealing = {}): Promise<string> {
  const { plaintext, cipher, secretBytes, hash, transport, label, place, before } = {
    plaintext: '<saml:NameID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">ann</saml:NameID>',
    cipher: `${ENC11}aes256-gcm`,
    secretBytes: 32,
    hash: 'SHA-1' as Hash,
    transport: OLDER,
    place: 'inside',
    before: '',
    ...sealing,
  }
  const secret = crypto.getRandomValues(new Uint8Array(secretBytes))
  const publicKey = await crypto.subtle.importKey('spki', spki, { name: 'RSA-OAEP', hash }, false, ['encrypt'])
  const oaep = { name: 'RSA-OAEP', ...(label === undefined ? {} : { label: new TextEncoder().encode(label) }) }
  const wrapped = encodeBase64(new Uint8Array(await crypto.subtle.encrypt(oaep, publicKey, secret)))
  const content = encodeBase64(await encryptContent(cipher, secret, new Uint8Array(new TextEncoder().encode(plaintext))))
  const key = `<xenc:EncryptedKey>${transport}<xenc:CipherData><xenc:CipherValue>${wrapped}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>`
  const retrieval = `<ds:RetrievalMethod Type="${ENC}EncryptedKey" URI="#_k"/>`
  const info = `<ds:KeyInfo>${before}${place === 'inside' ? key : retrieval}</ds:KeyInfo>`
  return `<saml:EncryptedID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" xmlns:xenc="${ENC}" xmlns:xenc11="${ENC11}" xmlns:ds="${DS}"><xenc:EncryptedData><xenc:EncryptionMethod Algorithm="${cipher}"/>${info}<xenc:CipherData><xenc:CipherValue>${content}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>${place === 'beside' ? key : ''}</saml:EncryptedID>`
}

async function outcomeOf(
  xml: string | XmlElement,
  keys: readonly DecryptionKey[] = [ours as DecryptionKey],
  options: DecryptOptions = {},
): Promise<string> {
  const container = typeof xml === 'string' ? readDocument(xml) : xml
  const result = await decryptElement(container, keys, options)
  if (result.status === 'refused') return result.code
  return `${result.signed === undefined ? 'unsigned' : 'signed'} ${textOf(find(result.element, 'NameID'))}`
}

async function signedAround(encrypted: string): Promise<SignedElement> {
  const document = (signature: string): string =>
    `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_r">${signature}${encrypted}</samlp:Response>`
  const root = readDocument(await signAnything(document, 'Response'))
  const result = await verifyEnveloped(root, root, [await obligingKey()])
  if (result.status === 'refused') throw new Error(result.code)
  return result.signed
}

describe('documents that xmlsec1 encrypted', () => {
  test.each(['encrypted-aes256-gcm', 'encrypted-aes128-gcm'] as const)('XW-5: %s; the inner signature verifies', async (name) => {
    const root = readDocument(vectors.documents[name].xml)
    const result = await decryptElement(find(root, 'EncryptedAssertion'), vectorKeys)
    if (result.status === 'refused') throw new Error(result.code)
    expect(result.signed).toBeUndefined()
    const verified = await verifyEnveloped(result.element, result.element, [await vectorKey('rsa')])
    if (verified.status === 'refused') throw new Error(verified.code)
    expect(textOf(find(verified.signed, 'NameID'))).toBe('ann@example.com')
  })

  test('XW-5: CBC with random padding, by option and within a signed response alone', async () => {
    const root = readDocument(vectors.documents['encrypted-aes128-cbc-in-signed-response'].xml)
    const verified = await verifyEnveloped(root, root, [await vectorKey('rsa')])
    if (verified.status === 'refused') throw new Error(verified.code)
    const within = verified.signed
    expect(await outcomeOf(find(within, 'EncryptedAssertion'), vectorKeys, { within, allowCbc: true })).toBe('signed ann@example.com')
    expect(await outcomeOf(find(within, 'EncryptedAssertion'), vectorKeys, { within })).toBe('cbc')
    expect(await outcomeOf(find(within, 'EncryptedAssertion'), vectorKeys, { allowCbc: true })).toBe('cbc')
    // The element as it stood in the unsigned document is another one.
    expect(await outcomeOf(find(root, 'EncryptedAssertion'), vectorKeys, { within, allowCbc: true })).toBe('cbc')
    const unsigned = readDocument(vectors.documents['encrypted-aes256-cbc'].xml)
    expect(await outcomeOf(find(unsigned, 'EncryptedAssertion'), vectorKeys, { within, allowCbc: true })).toBe('cbc')
  })

  test.each([
    ['refused-3des', '3des'],
    ['refused-rsa-1_5', 'rsa-1_5'],
  ] as const)('%s', async (name, code) => {
    expect(await outcomeOf(find(readDocument(vectors.documents[name].xml), 'EncryptedAssertion'), vectorKeys)).toBe(code)
  })
})

describe('decryptElement()', () => {
  test.each([
    ['the key inside', {}],
    ['the key beside, a RetrievalMethod inside', { place: 'beside' }],
    ['AES-128', { cipher: `${ENC11}aes128-gcm`, secretBytes: 16 }],
    ['a label', { label: 'p', transport: OLDER.replace('/>', '><xenc:OAEPparams>cA==</xenc:OAEPparams></xenc:EncryptionMethod>') }],
    ['SHA-1 by name', { transport: OLDER.replace('/>', `><ds:DigestMethod Algorithm="${DS}sha1"/></xenc:EncryptionMethod>`) }],
    ['OAEP of 1.1, its defaults', { transport: OLDER.replace(`${ENC}rsa-oaep-mgf1p`, `${ENC11}rsa-oaep`) }],
    ['SHA-256 twice', { hash: 'SHA-256', transport: newer(`${ENC}sha256`, 'mgf1sha256') }],
    ['SHA-384 twice', { hash: 'SHA-384', transport: newer('http://www.w3.org/2001/04/xmldsig-more#sha384', 'mgf1sha384') }],
    ['SHA-512 twice', { hash: 'SHA-512', transport: newer(`${ENC}sha512`, 'mgf1sha512') }],
    ['a prefix declared around', { plaintext: '<saml:NameID>ann</saml:NameID>' }],
    [
      'after a key for somebody else',
      {
        before: `<xenc:EncryptedKey>${OLDER.replace('rsa-oaep-mgf1p', 'kw-aes128')}<xenc:CipherData><xenc:CipherValue>AAAA</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>`,
      },
    ],
  ] as const)('%s', async (_name, sealing) => {
    expect(await outcomeOf(await seal(sealing))).toBe('unsigned ann')
  })

  test('with the second of two keys of ours', async () => {
    expect(await outcomeOf(await seal(), [...vectorKeys, ours])).toBe('unsigned ann')
  })

  test('within a signed element, what comes out is signed', async () => {
    const within = await signedAround(await seal())
    expect(await outcomeOf(find(within, 'EncryptedID'), [ours], { within })).toBe('signed ann')
    const cbc = await signedAround(await seal({ cipher: `${ENC}aes256-cbc` }))
    expect(await outcomeOf(find(cbc, 'EncryptedID'), [ours], { within: cbc, allowCbc: true })).toBe('signed ann')
  })

  const spoil = (xml: string, after: string): string =>
    xml.replace(
      new RegExp(`(${after}[^]*?<xenc:CipherValue>.{40})(.)`, 'u'),
      (_all, head: string, letter: string) => head + (letter === 'A' ? 'B' : 'A'),
    )
  const cases: Record<DecryptionRefusalCode | 'unknown-algorithm' | 'sha-1', readonly (() => Promise<string>)[]> = {
    'rsa-1_5': [async () => seal({ transport: OLDER.replace('rsa-oaep-mgf1p', 'rsa-1_5') })],
    '3des': [async () => (await seal()).replace(`${ENC11}aes256-gcm`, `${ENC}tripledes-cbc`)],
    cbc: ['aes128-cbc', 'aes256-cbc', 'aes192-cbc'].map(
      (name) => async () => (await seal()).replace(`${ENC11}aes256-gcm`, `${ENC}${name}`),
    ),
    oaep: [
      async () => seal({ transport: OLDER.replace('/>', `><ds:DigestMethod Algorithm="${ENC}sha256"/></xenc:EncryptionMethod>`) }),
      async () => seal({ transport: newer(`${ENC}sha256`, 'mgf1sha1') }),
      async () => seal({ transport: newer(`${ENC}sha256`, 'mgf1sha512') }),
      async () => seal({ transport: newer(`${ENC}sha256`, 'mgf1md5') }),
      async () => seal({ transport: newer(`${ENC}sha256`, 'mgf1sha256').replace(/<xenc11:MGF[^>]*>/u, '') }),
    ],
    'sha-1': [async () => seal({ transport: OLDER.replace(`${ENC}rsa-oaep-mgf1p`, `${DS}rsa-sha1`) })],
    'unknown-algorithm': [
      async () => (await seal()).replace('aes256-gcm', 'aes192-gcm'),
      async () => seal({ transport: OLDER.replace('rsa-oaep-mgf1p', 'kw-aes256') }),
      async () => seal({ transport: newer('urn:md5', 'mgf1sha1') }),
      async () => seal({ transport: '<xenc:EncryptionMethod/>' }),
    ],
    'encryption-form': [
      async () => '<saml:EncryptedID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"/>',
      async () => (await seal()).replace(/(<xenc:EncryptedData>.*<\/xenc:EncryptedData>)/u, '$1$1'),
      async () => (await seal()).replace(/<ds:KeyInfo>.*<\/ds:KeyInfo>/u, ''),
      async () => (await seal()).replace(/<xenc:EncryptionMethod[^>]*gcm"\/>/u, ''),
      async () => (await seal()).replace(/<xenc:EncryptionMethod[^>]*mgf1p"\/>/u, ''),
      async () => (await seal()).replaceAll('xenc:CipherValue', 'xenc:CipherReference'),
      async () => (await seal()).replace(/<xenc:CipherValue>/u, '<xenc:CipherValue>!'),
      async () => (await seal()).replace(/(<xenc:EncryptedKey>.*<\/xenc:EncryptedKey>)/u, '$1$1$1$1$1$1$1$1$1'),
      async () => seal({ transport: OLDER.replace('/>', '><xenc:OAEPparams>!</xenc:OAEPparams></xenc:EncryptionMethod>') }),
    ],
    undecipherable: [
      async () => spoil(await seal(), '<xenc:EncryptedKey>'),
      async () => spoil(await seal(), '</ds:KeyInfo>'),
      async () => seal({ secretBytes: 16 }),
      async () => seal({ label: 'p' }),
      async () => seal({ hash: 'SHA-256' }),
      async () => seal({ plaintext: 'ann' }),
      async () => seal({ plaintext: '' }),
      async () => seal({ plaintext: '<!DOCTYPE a><a/>' }),
      async () => seal({ plaintext: '<a/><a/>' }),
      async () => (await seal()).replace(/(<\/ds:KeyInfo><xenc:CipherData><xenc:CipherValue>)[^<]*/u, '$1AAAA'),
    ],
  }
  test.each(Object.entries(cases).flatMap(([code, list]) => list.map((make, index) => [code, index, make] as const)))(
    'XW-5: %s (%i)',
    async (code, _index, make) => {
      expect(await outcomeOf(await make())).toBe(code)
    },
  )

  test('eight wrapped keys are tried, a ninth refuses the whole', async () => {
    const repeat = (xml: string, count: number): string =>
      xml.replace(
        /(<xenc:EncryptedKey>.*<\/xenc:EncryptedKey>)/u,
        (key: string) => spoil(key, '<xenc:EncryptedKey>').repeat(count - 1) + key,
      )
    expect(await outcomeOf(repeat(await seal(), 8))).toBe('unsigned ann')
    expect(await outcomeOf(repeat(await seal(), 9))).toBe('encryption-form')
  })

  test('within CBC, every way to be wrong is one refusal', async () => {
    const cbc = await seal({ cipher: `${ENC}aes256-cbc` })
    const content = /<\/ds:KeyInfo><xenc:CipherData><xenc:CipherValue>([^<]*)/u.exec(cbc)?.[1] ?? ''
    const wrong = [
      // The last block, the first, half a block, the IV alone, nothing.
      ...[-1, -17, 20, 3].map((at) => encodeBase64(bytesOf(content).with(at, (bytesOf(content).at(at) ?? 0) ^ 0x40))),
      encodeBase64(bytesOf(content).subarray(0, -8)),
      encodeBase64(bytesOf(content).subarray(0, 16)),
      '',
    ]
    for (const value of wrong) {
      const within = await signedAround(cbc.replace(content, value))
      expect(await outcomeOf(find(within, 'EncryptedID'), [ours], { within, allowCbc: true })).toBe('undecipherable')
    }
  })

  test.each([
    [0, 'undecipherable'],
    [1, 'signed ann'],
    [16, 'signed ann'],
    [17, 'undecipherable'],
    [30, 'undecipherable'],
  ])('within CBC, a padding of %i', async (count, outcome) => {
    // White space may follow the root: what is cut off makes no difference, only how much. The sender's own padding, a whole block, goes.
    const plaintext = `<NameID>ann</NameID>${' '.repeat(43)}${String.fromCharCode(count)}`
    const xml = await seal({ cipher: `${ENC}aes256-cbc`, plaintext })
    const content = /<\/ds:KeyInfo><xenc:CipherData><xenc:CipherValue>([^<]*)/u.exec(xml)?.[1] ?? ''
    const within = await signedAround(xml.replace(content, encodeBase64(bytesOf(content).subarray(0, -16))))
    expect(await outcomeOf(find(within, 'EncryptedID'), [ours], { within, allowCbc: true })).toBe(outcome)
  })
})
