import { describe, expect, test } from 'vitest'
import { encodeBase64, encodeBase64Url } from '../../../src/http/base64url.ts'
import { AUDIENCE, claimsWith, createScene, createSigner, encodePart, ISSUER, OTHER, outcomeOf, SECONDS, type Signer } from './scene.ts'

const [ed25519, es256, rs256, stranger, others] = await Promise.all([
  createSigner('Ed25519'),
  createSigner('ES256'),
  createSigner('RS256'),
  createSigner('Ed25519'),
  createSigner('Ed25519', 'others'),
])
const KEYS = [ed25519.jwk, es256.jwk, rs256.jwk]
const scene = (overrides: Parameters<typeof createScene>[1] = {}): ReturnType<typeof createScene> =>
  createScene({ [ISSUER]: KEYS, [OTHER]: [others.jwk] }, overrides)
const outcome = async (token: string, overrides: Parameters<typeof createScene>[1] = {}): Promise<string> =>
  outcomeOf(await scene(overrides).verify(token))
const only = (algorithms: readonly string[]) => ({ issuers: [{ issuer: ISSUER, audiences: [AUDIENCE], algorithms }] })

async function hmacToken(alg: string, secret: Uint8Array<ArrayBuffer>): Promise<string> {
  const input = `${encodePart({ alg, typ: 'at+jwt', kid: 'RS256' })}.${encodePart(claimsWith())}`
  const key = await crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  return `${input}.${encodeBase64Url(new Uint8Array(await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(input))))}`
}

const GOOD = await ed25519.sign()
const [header = '', claims = '', signature = ''] = GOOD.split('.')

describe('createJwtAuthenticator()', () => {
  test.each<[string, Signer]>([
    ['Ed25519', ed25519],
    ['ES256', es256],
    ['RS256', rs256],
  ])('lets an access token of the issuer in, signed with %s', async (_, signer) => {
    expect(await scene().verify(await signer.sign())).toEqual({
      status: 'verified',
      principal: {
        scheme: 'user',
        kind: 'jwt',
        issuer: ISSUER,
        subject: 'alice',
        consumer: 'acme',
        credentialId: 'token-1',
        scopes: new Set(['orders:read', 'orders:write']),
        claims: claimsWith(),
        issuedAt: SECONDS * 1000,
        expiresAt: (SECONDS + 330) * 1000,
      },
    })
  })

  test('JB-12: EdDSA and Ed25519 name one algorithm, each where it is allowed', async () => {
    expect(await outcome(await ed25519.sign({}, { alg: 'EdDSA' }))).toBe('verified')
    expect(await outcome(await ed25519.sign({}, { alg: 'EdDSA' }), only(['Ed25519']))).toBe('algorithm_not_allowed')
  })

  test.each([
    'none',
    'None',
    'NONE',
    '',
    'HS256',
    'RS1',
    'rs256',
    'Rs256',
    'ES256K',
    'toString',
    '__proto__',
    7,
    null,
    ['RS256'],
    undefined,
  ])('JW-4: alg %j is no algorithm', async (alg) => {
    expect(await outcome(await rs256.sign({}, { alg }))).toBe('algorithm_not_allowed')
    expect(await outcome(await rs256.sign({}, { alg }), only([String(alg)]))).toBe('algorithm_not_allowed')
  })

  test('JW-4: a token with alg none and an empty signature is refused', async () => {
    const unsigned = `${encodePart({ alg: 'none', typ: 'at+jwt' })}.${encodePart(claimsWith())}.`
    expect(await outcome(unsigned)).toBe('algorithm_not_allowed')
    expect(await outcome(unsigned, only(['none', 'RS256']))).toBe('algorithm_not_allowed')
    expect(await outcome(`${(await ed25519.sign()).split('.', 2).join('.')}.`)).toBe('signature_invalid')
  })

  test('JB-2: the public key is no shared secret, whatever its form and whatever the policy says', async () => {
    const { n, e } = rs256.jwk as { n: string; e: string }
    const key = await crypto.subtle.importKey('jwk', { kty: 'RSA', n, e }, { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, true, ['verify'])
    const spki = new Uint8Array((await crypto.subtle.exportKey('spki', key)) as ArrayBuffer)
    const pem = `-----BEGIN PUBLIC KEY-----\n${encodeBase64(spki).replaceAll(/(.{64})/gu, '$1\n')}\n-----END PUBLIC KEY-----\n`
    const texts = [pem, pem.trimEnd(), JSON.stringify(rs256.jwk), n].map((text) => new Uint8Array(new TextEncoder().encode(text)))
    for (const secret of [spki, ...texts]) {
      for (const alg of ['HS256', 'HS384', 'HS512', 'RS256']) {
        const expected = alg === 'RS256' ? 'signature_invalid' : 'algorithm_not_allowed'
        expect(await outcome(await hmacToken(alg, secret), only(['HS256', 'HS384', 'HS512', 'RS256']))).toBe(expected)
      }
    }
  })

  test('JB-1: an algorithm that the issuer is not allowed is refused, although its key is published', async () => {
    expect(await outcome(await rs256.sign(), only(['ES256']))).toBe('algorithm_not_allowed')
    expect(await outcome(await es256.sign(), only(['ES256']))).toBe('verified')
  })

  test('JB-2: a key is used with its own algorithm alone', async () => {
    expect(await outcome(await rs256.sign({}, { alg: 'PS256' }))).toBe('unknown_key')
    expect(await outcome(await ed25519.sign({}, { alg: 'ES256' }))).toBe('unknown_key')
    expect(await outcome(await es256.sign({}, { kid: 'Ed25519' }))).toBe('unknown_key')
  })

  test('another’s key under the issuer’s kid does not verify', async () => {
    expect(await outcome(await stranger.sign())).toBe('signature_invalid')
    const [, othersClaims = ''] = (await ed25519.sign({ sub: 'mallory' })).split('.')
    expect(await outcome(`${header}.${othersClaims}.${signature}`)).toBe('signature_invalid')
  })

  test('JB-6: the keys of one issuer verify no token of another', async () => {
    expect(await outcome(await others.sign({ iss: OTHER }))).toBe('verified')
    expect(await outcome(await others.sign({ iss: ISSUER }))).toBe('unknown_key')
    expect(await outcome(await others.sign({ iss: ISSUER }, { kid: 'Ed25519' }))).toBe('signature_invalid')
    expect(await outcome(await ed25519.sign({ iss: OTHER }))).toBe('unknown_key')
    expect(await outcome(await others.sign({ iss: ISSUER }, { kid: undefined }))).toBe('signature_invalid')
  })

  test('JB-6: a warm key set of one issuer says nothing about the other', async () => {
    const warm = scene()
    expect(outcomeOf(await warm.verify(await others.sign({ iss: OTHER })))).toBe('verified')
    expect(outcomeOf(await warm.verify(await ed25519.sign()))).toBe('verified')
    expect(outcomeOf(await warm.verify(await others.sign({ iss: ISSUER })))).toBe('unknown_key')
  })

  test.each(['jku', 'x5u', 'jwk', 'x5c'])('JW-6: %s in the header chooses no key and is not fetched', async (member) => {
    const value = { jku: 'https://evil.example/jwks', x5u: 'https://evil.example/cert', jwk: stranger.jwk, x5c: ['AAAA'] }[member]
    const made = scene()
    expect(outcomeOf(await made.verify(await stranger.sign({}, { [member]: value, kid: 'evil' })))).toBe('unknown_key')
    expect(outcomeOf(await made.verify(await stranger.sign({}, { [member]: value })))).toBe('signature_invalid')
    expect(outcomeOf(await made.verify(await ed25519.sign({}, { [member]: value })))).toBe('verified')
    expect(made.fetched).toEqual([`${ISSUER}/.well-known/openid-configuration`, `${ISSUER}/jwks`])
  })

  test.each([
    [['exp'], 'critical_header'],
    [[], 'critical_header'],
    [null, 'critical_header'],
    ['b64', 'critical_header'],
    [['http://example.com/unknown'], 'critical_header'],
  ])('JW-3: crit %j is refused', async (crit, expected) => {
    expect(await outcome(await ed25519.sign({}, { crit }))).toBe(expected)
  })

  test.each([{ b64: false, crit: ['b64'] }, { b64: false }, { b64: true }, { zip: 'DEF' }])('JW-5: %j is refused', async (members) => {
    expect(await outcome(await ed25519.sign({}, members))).toBe('critical_header')
  })

  test.each([
    ['x'.repeat(512), 'unknown_key'],
    ['x'.repeat(513), 'malformed'],
    [7, 'malformed'],
    [null, 'malformed'],
    ['../../etc/passwd', 'unknown_key'],
    ['__proto__', 'unknown_key'],
  ])('JB-8: a kid is a name and nothing else: %j', async (kid, expected) => {
    const made = scene()
    expect(outcomeOf(await made.verify(await ed25519.sign({}, { kid })))).toBe(expected)
    expect(made.fetched.every((url) => url.startsWith(`${ISSUER}/`))).toBe(true)
  })
})

describe('the form of a token and of its field', () => {
  test.each([
    ['two parts', `${header}.${claims}`],
    ['four parts', `${GOOD}.`],
    ['five parts, as a JWE has', `${GOOD}.AAAA.AAAA`],
    ['one part', header],
    ['an empty header', `.${claims}.${signature}`],
    ['empty claims', `${header}..${signature}`],
    ['padding', `${header}=.${claims}.${signature}`],
    ['padding at the end', `${GOOD}==`],
    ['white space inside', `${header} .${claims}.${signature}`],
    ['a tab at the start', `\t${GOOD}`],
    ['the standard alphabet', `${header}.${claims}.${'+/'.repeat(43)}`],
    ['trailing bits set', `${GOOD.slice(0, -1)}${'BRhx'.charAt('AQgw'.indexOf(GOOD.at(-1) ?? ''))}`],
    ['no token at all', ''],
  ])('JW-1: %s', async (_, token) => {
    expect(await outcome(token)).toBe('malformed')
  })

  test('JW-1: the JSON form is no token: its commas look like two fields', async () => {
    expect(await outcome(JSON.stringify({ payload: claims, protected: header, signature }))).toBe('ambiguous')
  })

  test.each([
    ['a name twice in the claims', undefined, `{"sub":"mallory",${JSON.stringify(claimsWith()).slice(1)}`],
    ['an escaped name twice', undefined, `{"s\\u0075b":"mallory",${JSON.stringify(claimsWith()).slice(1)}`],
    ['a name twice deep inside', undefined, JSON.stringify(claimsWith({ a: [{ b: 1 }] })).replace('"b":1', '"b":1,"b":2')],
    ['a name twice in the header', '{"alg":"none","alg":"Ed25519","typ":"at+jwt","kid":"Ed25519"}', undefined],
    ['claims that are a list', undefined, '[]'],
    ['claims that are text', undefined, '"text"'],
    ['claims that are null', undefined, 'null'],
    ['a byte order mark', undefined, `\uFEFF${JSON.stringify(claimsWith())}`],
    ['something after the claims', undefined, `${JSON.stringify(claimsWith())}{}`],
  ])('JW-2: %s', async (_, headerText, claimsText) => {
    const token = await ed25519.signParts(
      encodePart(headerText ?? { alg: 'Ed25519', typ: 'at+jwt', kid: 'Ed25519' }),
      encodePart(claimsText ?? claimsWith()),
    )
    expect(await outcome(token)).toBe('malformed')
  })

  test('JW-2: claims that are not UTF-8', async () => {
    const bytes = new TextEncoder().encode(JSON.stringify(claimsWith({ name: '?' })))
    bytes[bytes.indexOf(0x3f)] = 0xff
    expect(await outcome(await ed25519.signParts(header, encodeBase64Url(bytes)))).toBe('malformed')
  })

  test('JW-13: the longest token is looked at, one byte more is not', async () => {
    expect(await outcome(GOOD, { maxTokenBytes: GOOD.length })).toBe('verified')
    expect(await outcome(GOOD, { maxTokenBytes: GOOD.length - 1 })).toBe('malformed')
  })

  test('BT-1: the name of the scheme is case-insensitive, and a token of another is absent', async () => {
    for (const name of ['Bearer', 'bearer', 'BEARER', 'Bearer  ']) {
      expect(outcomeOf(await scene().verifyField(`${name} ${GOOD}`))).toBe('verified')
    }
    for (const name of ['Basic', 'DPoP', 'Bearerx', 'X-Bearer', 'PrivateToken']) {
      expect(outcomeOf(await scene().verifyField(`${name} ${GOOD}`))).toBe('absent')
    }
  })

  test('BT-9: two Authorization fields are ambiguous, good token or not', async () => {
    for (const second of [`Bearer ${GOOD}`, 'Bearer x', 'Basic eDp5', 'Bearer']) {
      expect(outcomeOf(await scene().verifyField(`Bearer ${GOOD}, ${second}`))).toBe('ambiguous')
    }
    expect(outcomeOf(await scene().verifyField(`Basic eDp5, Bearer ${GOOD}`))).toBe('ambiguous')
  })

  test.each(['pck_live_abc', 'pca_abc'])('an API key in the same field is another scheme’s: %s', (key) => {
    expect(
      scene().authenticator.read(new Request('https://api.example.com/', { headers: { authorization: `Bearer ${key}` } })),
    ).toBeUndefined()
  })

  test('no field is an absent credential', () => {
    expect(scene().authenticator.read(new Request('https://api.example.com/'))).toBeUndefined()
  })
})
