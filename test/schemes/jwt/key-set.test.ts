import { describe, expect, test } from 'vitest'
import { encodeBase64Url } from '../../../src/http/base64url.ts'
import { signatureAlgorithm, type SignatureAlgorithm } from '../../../src/schemes/jwt/algorithms.ts'
import { chooseKey, parseKeySet, type KeyChoice, type KeySet } from '../../../src/schemes/jwt/key-set.ts'

type Jwk = Readonly<Record<string, unknown>>
const algorithm = (name: string): SignatureAlgorithm => {
  const found = signatureAlgorithm(name)
  if (found === undefined) throw new Error(`no algorithm ${name}`)
  return found
}
const setOf = (...keys: readonly unknown[]): KeySet => {
  const parsed = parseKeySet(JSON.stringify({ keys }))
  if (parsed === undefined) throw new Error('not a key set')
  return parsed
}
const choose = (keys: readonly unknown[], kid: string | undefined, alg: string): KeyChoice['status'] =>
  chooseKey(setOf(...keys), kid, algorithm(alg)).status

const SIGNED = new Uint8Array(new TextEncoder().encode('signed'))
async function pairOf(
  generation: SubtleCryptoGenerateKeyAlgorithm,
  signing: SubtleCryptoSignAlgorithm,
): Promise<{ jwk: Jwk; secret: Jwk; signature: Uint8Array<ArrayBuffer> }> {
  const pair = (await crypto.subtle.generateKey(generation, true, ['sign', 'verify'])) as CryptoKeyPair
  const { key_ops: _operations, ext: _ext, alg: _alg, ...jwk } = (await crypto.subtle.exportKey('jwk', pair.publicKey)) as JsonWebKey
  const { key_ops: _more, ext: _ext2, alg: _alg2, ...secret } = (await crypto.subtle.exportKey('jwk', pair.privateKey)) as JsonWebKey
  return { jwk: { ...jwk }, secret: { ...secret }, signature: new Uint8Array(await crypto.subtle.sign(signing, pair.privateKey, SIGNED)) }
}
const ecdsa = async (namedCurve: string, hash: string) => pairOf({ name: 'ECDSA', namedCurve }, { name: 'ECDSA', hash })
const rsa = async (modulusLength: number) =>
  pairOf(
    { name: 'RSASSA-PKCS1-v1_5', modulusLength, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
    { name: 'RSASSA-PKCS1-v1_5' },
  )
const [ed, ec, ec384, ec521, rsa2048] = await Promise.all([
  pairOf({ name: 'Ed25519' }, { name: 'Ed25519' }),
  ecdsa('P-256', 'SHA-256'),
  ecdsa('P-384', 'SHA-384'),
  ecdsa('P-521', 'SHA-512'),
  rsa(2048),
])
const verifies = async (jwk: Jwk, alg: string, signature: Uint8Array<ArrayBuffer>, signed = SIGNED): Promise<boolean> => {
  const choice = chooseKey(setOf(jwk), undefined, algorithm(alg))
  return choice.status === 'chosen' && choice.verify(signature, signed)
}
/** A modulus of that many bits that is no product of anything known: enough where only its size is looked at. */
const modulus = (bits: number): string => {
  const bytes = new Uint8Array(Math.ceil(bits / 8)).fill(0xff)
  bytes[0] = 0xff >> (bytes.length * 8 - bits)
  return encodeBase64Url(bytes)
}

describe('parseKeySet()', () => {
  test.each(['', 'null', '[]', '{}', '{"keys":null}', '{"keys":{}}', '{"keys":"x"}', '{"keys":[]', '"keys"'])(
    '%j is no key set',
    (text) => {
      expect(parseKeySet(text)).toBeUndefined()
    },
  )

  test('JW-8: keys that are not understood are left out, and the rest counts', () => {
    const strange = [
      null,
      7,
      'key',
      [],
      {},
      { kty: 'AKP', alg: 'ML-DSA-44', pub: 'AAAA' },
      { kty: 'OKP' },
      { kty: 'EC', crv: 'P-256', x: 7, y: 8 },
      { kty: 'RSA', n: '***', e: 'AQAB' },
      { ...ed.jwk, kty: 'okp' },
    ]
    expect(setOf(...strange).keys).toHaveLength(0)
    expect(choose([...strange, ed.jwk], undefined, 'EdDSA')).toBe('chosen')
  })

  test('JW-8: members that are not understood change nothing', () => {
    expect(choose([{ ...ed.jwk, x5c: ['AAAA'], x5t: 'a', nbf: 0, exp: 0, ext: false, other: {} }], undefined, 'EdDSA')).toBe('chosen')
  })

  test('at most 256 keys are looked at', () => {
    const padding = (length: number) => Array.from({ length }, () => ({ ...ec.jwk, kid: 'other' }))
    expect(choose([...padding(255), ed.jwk], undefined, 'EdDSA')).toBe('chosen')
    expect(choose([...padding(256), ed.jwk], undefined, 'EdDSA')).toBe('unknown')
  })

  test.each<[string, Jwk, string]>([
    ['Ed25519', ed.secret, 'EdDSA'],
    ['P-256', ec.secret, 'ES256'],
    ['RSA', rsa2048.secret, 'RS256'],
    ['RSA with one prime alone', { ...rsa2048.jwk, p: rsa2048.secret['p'] }, 'RS256'],
    ['a member k beside a public key', { ...ed.jwk, k: 'AAAA' }, 'EdDSA'],
    ['a member d that is empty', { ...ed.jwk, d: null }, 'EdDSA'],
    ['a shared secret', { kty: 'oct', k: 'AAAA', alg: 'HS256' }, 'EdDSA'],
  ])('JW-9: a key that is not public verifies nothing: %s', (_, jwk, alg) => {
    expect(choose([jwk], undefined, alg)).toBe('unknown')
  })
})

describe('chooseKey()', () => {
  test('JW-7: by kid where there is one', async () => {
    const other = await ecdsa('P-256', 'SHA-256')
    const keys = [
      { ...ec.jwk, kid: 'a' },
      { ...other.jwk, kid: 'b' },
    ]
    const choice = chooseKey(setOf(...keys), 'b', algorithm('ES256'))
    expect(choice.status === 'chosen' && (await choice.verify(other.signature, SIGNED))).toBe(true)
    expect(choice.status === 'chosen' && (await choice.verify(ec.signature, SIGNED))).toBe(false)
    expect(choose(keys, 'c', 'ES256')).toBe('unknown')
    expect(choose(keys, 'A', 'ES256')).toBe('unknown')
    expect(choose(keys, 'toString', 'ES256')).toBe('unknown')
  })

  test('JW-7: without kid, the only key that fits', () => {
    const keys = [ed.jwk, { ...ec.jwk, kid: 'a' }, rsa2048.jwk]
    for (const alg of ['EdDSA', 'ES256', 'RS256']) expect(choose(keys, undefined, alg)).toBe('chosen')
    expect(choose([...keys, { ...ec.jwk, kid: 'b' }], undefined, 'ES256')).toBe('undecided')
    expect(choose([...keys, { ...ec.jwk, kid: 'b', use: 'enc' }], undefined, 'ES256')).toBe('chosen')
  })

  test('JW-7: a key without kid has no name at all', () => {
    expect(choose([ed.jwk], 'undefined', 'EdDSA')).toBe('unknown')
    expect(choose([{ ...ed.jwk, kid: 7 }], '7', 'EdDSA')).toBe('unknown')
  })

  test('two keys of one name are told apart by algorithm, or not at all', () => {
    expect(
      choose(
        [
          { ...ed.jwk, kid: 'a' },
          { ...ec.jwk, kid: 'a' },
        ],
        'a',
        'ES256',
      ),
    ).toBe('chosen')
    expect(
      choose(
        [
          { ...ec.jwk, kid: 'a' },
          { ...ec.jwk, kid: 'a' },
        ],
        'a',
        'ES256',
      ),
    ).toBe('undecided')
  })

  test.each<[Jwk, KeyChoice['status']]>([
    [{ use: 'sig' }, 'chosen'],
    [{ use: 'enc' }, 'unknown'],
    [{ use: 'SIG' }, 'unknown'],
    [{ use: ['sig'] }, 'unknown'],
    [{ use: null }, 'unknown'],
    [{ key_ops: ['verify'] }, 'chosen'],
    [{ key_ops: ['sign', 'verify'] }, 'chosen'],
    [{ key_ops: ['sign'] }, 'unknown'],
    [{ key_ops: [] }, 'unknown'],
    [{ key_ops: 'verify' }, 'unknown'],
    [{ use: 'sig', key_ops: ['encrypt'] }, 'unknown'],
    [{ alg: 'ES256' }, 'chosen'],
    [{ alg: 'ES384' }, 'unknown'],
    [{ alg: 'es256' }, 'unknown'],
    [{ alg: 'HS256' }, 'unknown'],
    [{ alg: 'ECDH-ES' }, 'unknown'],
    [{ alg: null }, 'unknown'],
  ])('JW-7: a key with %j', (members, expected) => {
    expect(choose([{ ...ec.jwk, ...members }], undefined, 'ES256')).toBe(expected)
  })

  test('JB-2: a named key of another algorithm is misused, not unknown: the issuer need not be asked', () => {
    const named = { ...rsa2048.jwk, kid: 'a', alg: 'RS256' }
    expect(choose([named], 'a', 'RS256')).toBe('chosen')
    for (const alg of ['RS384', 'PS256', 'ES256', 'EdDSA']) expect(choose([named], 'a', alg)).toBe('misused')
    expect(choose([{ ...ec.jwk, kid: 'a' }], 'a', 'ES384')).toBe('misused')
  })

  test('JB-12: EdDSA and Ed25519 are one algorithm in a key as well', () => {
    for (const alg of ['EdDSA', 'Ed25519'])
      for (const wanted of ['EdDSA', 'Ed25519']) expect(choose([{ ...ed.jwk, alg }], undefined, wanted)).toBe('chosen')
    expect(choose([{ ...ed.jwk, crv: 'Ed448' }], undefined, 'EdDSA')).toBe('unknown')
    expect(choose([{ ...ed.jwk, crv: 'X25519' }], undefined, 'EdDSA')).toBe('unknown')
  })
})

describe('a verifier', () => {
  test.each<[string, { jwk: Jwk; signature: Uint8Array<ArrayBuffer> }, number]>([
    ['ES256', ec, 64],
    ['ES384', ec384, 96],
    ['ES512', ec521, 132],
    ['EdDSA', ed, 64],
    ['RS256', rsa2048, 256],
  ])('JW-14: %s takes its own signature, of its very length', async (alg, { jwk, signature }, bytes) => {
    expect(signature).toHaveLength(bytes)
    expect(await verifies(jwk, alg, signature)).toBe(true)
    expect(await verifies(jwk, alg, signature.slice(0, -1))).toBe(false)
    expect(await verifies(jwk, alg, new Uint8Array([...signature, 0]))).toBe(false)
    expect(await verifies(jwk, alg, new Uint8Array([0, ...signature]))).toBe(false)
    expect(await verifies(jwk, alg, new Uint8Array(bytes))).toBe(false)
    expect(await verifies(jwk, alg, new Uint8Array())).toBe(false)
    expect(await verifies(jwk, alg, signature, new Uint8Array([...SIGNED, 0]))).toBe(false)
  })

  test('JB-4: a point that is not on the curve verifies nothing', async () => {
    for (const [x, y] of [
      [ec.jwk['y'], ec.jwk['x']],
      [encodeBase64Url(new Uint8Array(32)), encodeBase64Url(new Uint8Array(32))],
      [ec.jwk['x'], 'AAAA'],
    ])
      expect(await verifies({ ...ec.jwk, x, y }, 'ES256', ec.signature)).toBe(false)
  })

  test('JW-15: RSA of 2048 to 8192 bits, leading zeros not counted', () => {
    for (const [bits, expected] of [
      [2047, 'unknown'],
      [2048, 'chosen'],
      [8192, 'chosen'],
      [8193, 'unknown'],
    ] as const)
      expect(choose([{ kty: 'RSA', n: modulus(bits), e: 'AQAB' }], undefined, 'RS256')).toBe(expected)
    const padded = encodeBase64Url(new Uint8Array([...new Uint8Array(128), ...new Uint8Array(128).fill(0xff)]))
    expect(choose([{ kty: 'RSA', n: padded, e: 'AQAB' }], undefined, 'RS256')).toBe('unknown')
    expect(choose([{ kty: 'RSA', n: '', e: 'AQAB' }], undefined, 'RS256')).toBe('unknown')
  })

  test('JW-15: a 1024-bit key does not verify its own good signature', async () => {
    const { jwk, signature } = await rsa(1024)
    expect(await verifies(jwk, 'RS256', signature)).toBe(false)
  })

  test('an exponent that signs nothing: 1, even ones, and ones over 32 bits', async () => {
    // With exponent 1 the "signature" is the padded digest itself: anybody can write it.
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', SIGNED))
    const prefix = Uint8Array.from('3031300d060960864801650304020105000420'.match(/../gu) ?? [], (byte) => Number.parseInt(byte, 16))
    const padding = new Uint8Array(256 - 3 - prefix.length - digest.length).fill(0xff)
    const forged = new Uint8Array([0, 1, ...padding, 0, ...prefix, ...digest])
    for (const e of ['AQ', 'AAAAAQ', 'Ag', '', 'AAAAAAE', 'AQAAAAE'])
      expect(await verifies({ ...rsa2048.jwk, e }, 'RS256', forged)).toBe(false)
  })
})
