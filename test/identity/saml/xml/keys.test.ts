import { describe, expect, test } from 'vitest'
import { encodeBase64 } from '../../../../src/http/base64url.ts'
import { readPem } from '../../../../src/http/pem.ts'
import { importDecryptionKey, importSigningKey, importVerificationKey } from '../../../../src/identity/saml/xml/keys.ts'
import vectors from '../../../vectors/saml/xmlsec.json' with { type: 'json' }
import { bytesOf } from '../../../support/saml.ts'

/** SubjectPublicKeyInfo of an RSA key with an odd modulus of that many bits: nobody's, but a key. */
function rsaPublicKey(bits: number): Uint8Array<ArrayBuffer> {
  const element = (tag: number, content: readonly number[]): number[] => {
    const { length } = content
    if (length < 128) return [tag, length, ...content]
    return length < 256 ? [tag, 0x81, length, ...content] : [tag, 0x82, length >> 8, length & 255, ...content]
  }
  const modulus = Array.from({ length: Math.ceil(bits / 8) }, () => 0xa5)
  modulus[0] = 1 << ((bits - 1) % 8)
  const integer = element(2, (modulus[0] & 0x80) === 0 ? modulus : [0, ...modulus])
  const key = element(0x30, [...integer, 2, 3, 1, 0, 1])
  const algorithm = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1, 5, 0]
  return new Uint8Array(element(0x30, [...algorithm, ...element(3, [0, ...key])]))
}

describe('importVerificationKey()', () => {
  test.each([
    ['rsa', 'RSA'],
    ['rsa3072', 'RSA'],
    ['p256', 'P-256'],
    ['p384', 'P-384'],
    ['p521', 'P-521'],
  ] as const)('%s is %s', async (name, kind) => {
    expect(await importVerificationKey(bytesOf(vectors.keys[name]))).toMatchObject({ kind })
  })

  test('SA-9: a certificate stands for its key', async () => {
    const der = readPem(vectors.certificate)
    const key = der && (await importVerificationKey(der))
    const spki = key && ((await crypto.subtle.exportKey('spki', key.keyFor['SHA-256'])) as ArrayBuffer)
    expect(spki && encodeBase64(new Uint8Array(spki))).toBe(vectors.keys.rsa)
  })

  test.each([
    [2047, undefined],
    [2048, { kind: 'RSA' }],
    [8192, { kind: 'RSA' }],
    [8193, undefined],
  ])('RSA of %i bits', async (bits, key) => {
    const imported = await importVerificationKey(rsaPublicKey(bits))
    expect(imported === undefined ? undefined : { kind: imported.kind }).toEqual(key)
  })

  test.each([
    ['nothing', new Uint8Array()],
    ['cut short', bytesOf(vectors.keys.rsa).subarray(0, -1)],
    ['more at the end', new Uint8Array([...bytesOf(vectors.keys.rsa), 0])],
    ['a private key', bytesOf(vectors.decryptionKey)],
    ['a point off the curve', bytesOf(vectors.keys.p256).map((byte, index, all) => (index === all.length - 1 ? byte ^ 1 : byte))],
    ['too long', new Uint8Array(10_241)],
  ])('%s is no key', async (_name, der) => {
    expect(await importVerificationKey(new Uint8Array(der))).toBeUndefined()
  })
})

describe('keys of our own', () => {
  test('only RSA decrypts', async () => {
    expect(await importDecryptionKey(bytesOf(vectors.decryptionKey))).toBeDefined()
    expect(await importDecryptionKey(bytesOf(vectors.keys.rsa))).toBeUndefined()
    expect(await importDecryptionKey(bytesOf(vectors.decryptionKey).subarray(0, -1))).toBeUndefined()
    expect(await importDecryptionKey(new Uint8Array(10_241))).toBeUndefined()
  })

  test('a key signs with its own hash', async () => {
    expect(await importSigningKey(bytesOf(vectors.decryptionKey))).toMatchObject({ kind: 'RSA', hash: 'SHA-256' })
    for (const [namedCurve, hash] of [
      ['P-256', 'SHA-256'],
      ['P-384', 'SHA-384'],
      ['P-521', 'SHA-512'],
    ] as const) {
      const pair = (await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve }, true, ['sign', 'verify'])) as CryptoKeyPair
      const pkcs8 = new Uint8Array((await crypto.subtle.exportKey('pkcs8', pair.privateKey)) as ArrayBuffer)
      expect(await importSigningKey(pkcs8)).toMatchObject({ kind: namedCurve, hash })
    }
    expect(await importSigningKey(bytesOf(vectors.keys.rsa))).toBeUndefined()
    expect(await importSigningKey(new Uint8Array())).toBeUndefined()
  })
})
