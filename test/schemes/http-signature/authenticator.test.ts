import { describe, expect, test } from 'vitest'
import type { HttpSignatureConfig } from '../../../src/schemes/http-signature/config.ts'
import { NOW } from '../../support/authenticators.ts'
import {
  acme,
  answerOf,
  authenticator,
  COMPONENTS,
  digestOf,
  globex,
  NOW_SECONDS,
  PAYMENTS,
  resent,
  signedRequest,
  type SignOptions,
  verify,
} from './signing-client.ts'

const BODY = '{"amount":5}'
const withContent = await signedRequest(acme, { body: BODY })
const [DIGEST, DIGEST_512] = [await digestOf(BODY), await digestOf(BODY, 'sha-512')]
const [OTHER_DIGEST, OTHER_512] = [await digestOf('other'), await digestOf('other', 'sha-512')]
const EMPTY_DIGEST = await digestOf('')

describe('createHttpSignatureAuthenticator()', () => {
  test.each([
    ['hmac-sha256', acme, { consumer: 'acme', credentialId: 'acme-1', scopes: new Set(['payments:write']) }],
    ['ed25519', globex, { consumer: 'globex', credentialId: 'globex-1', scopes: new Set() }],
  ])('HS-9: lets a request in that is signed by %s, as the consumer of the key', async (_, signer, expected) => {
    const verdict = await verify(await signedRequest(signer, { body: BODY }))
    expect(verdict).toMatchObject({
      status: 'verified',
      principal: { scheme: 'signed', kind: 'http-signature', issuer: 'portcullis', expiresAt: Number.POSITIVE_INFINITY, ...expected },
    })
  })

  test.each(['https://api.example.com/v1/payments', 'https://api.example.com/', 'https://api.example.com/v1/a%C3%A9?x=%20&y'])(
    'HS-5: %s can be signed',
    async (url) => {
      expect(answerOf(await verify(await signedRequest(acme, { url })))).toBe('verified')
    },
  )

  test('is absent where neither field is there', () => {
    expect(authenticator().read(new Request(PAYMENTS))).toBeUndefined()
  })
})

describe('HS-2: a signature does not hold for', () => {
  test.each<[change: string, Parameters<typeof resent>[1]]>([
    ['another path', { url: 'https://api.example.com/v1/payment?account=7' }],
    ['a longer path', { url: 'https://api.example.com/v1/payments/?account=7' }],
    ['a path in other case', { url: 'https://api.example.com/v1/Payments?account=7' }],
    ['another query', { url: 'https://api.example.com/v1/payments?account=8' }],
    ['a longer query', { url: `${PAYMENTS}&account=8` }],
    ['no query', { url: 'https://api.example.com/v1/payments' }],
    ['another method', { method: 'DELETE' }],
    ['another host', { url: 'https://api.example.org/v1/payments?account=7' }],
    ['another port', { url: 'https://api.example.com:8443/v1/payments?account=7' }],
  ])('%s', async (_, change) => {
    const request = await signedRequest(acme)
    expect(answerOf(await verify(resent(request)))).toBe('verified')
    expect(answerOf(await verify(resent(request, change)))).toBe('signature_invalid')
  })

  test('an empty query differs from none', async () => {
    const request = await signedRequest(acme, { url: 'https://api.example.com/v1/payments' })
    expect(answerOf(await verify(resent(request, { url: 'https://api.example.com/v1/payments?' })))).toBe('verified')
    expect(answerOf(await verify(resent(request, { url: 'https://api.example.com/v1/payments?a' })))).toBe('signature_invalid')
  })

  test('a covered field that changed, went or came', async () => {
    const components = [...COMPONENTS, 'x-amount']
    const request = await signedRequest(acme, { components, fields: { 'x-amount': '5' } })
    const made = authenticator({ components })
    expect(answerOf(await verify(request, made))).toBe('verified')
    expect(answerOf(await verify(resent(request, { fields: { 'x-amount': '50' } }), made))).toBe('signature_invalid')
    expect(answerOf(await verify(resent(request, { fields: { 'x-amount': undefined } }), made))).toBe('malformed')
    expect(answerOf(await verify(resent(request, { fields: { 'x-amount': '5, 5' } }), made))).toBe('signature_invalid')
  })

  test('a covered field with a character that only looks like a space', async () => {
    const components = [...COMPONENTS, 'x-amount']
    const request = await signedRequest(acme, { components, fields: { 'x-amount': '5' } })
    const changed = resent(request, { fields: { 'x-amount': '5\u{a0}' } })
    expect(changed.headers.get('x-amount')).not.toBe('5')
    expect(answerOf(await verify(changed, authenticator({ components })))).toBe('malformed')
  })

  test('spaces around a field do not count', async () => {
    const components = [...COMPONENTS, 'x-amount']
    const request = await signedRequest(acme, { components, fields: { 'x-amount': '5' } })
    expect(answerOf(await verify(resent(request, { fields: { 'x-amount': ' \t5 ' } }), authenticator({ components })))).toBe('verified')
  })

  test('parameters that changed, and bytes of the signature', async () => {
    const request = await signedRequest(acme)
    const input = request.headers.get('signature-input') ?? ''
    const younger = input.replace(`created=${NOW_SECONDS}`, `created=${NOW_SECONDS - 1}`)
    expect(answerOf(await verify(resent(request, { fields: { 'signature-input': younger } })))).toBe('signature_invalid')
    for (const signature of ['sig=::', 'sig=:AAAA:', `sig=:${btoa('\0'.repeat(32))}:`]) {
      expect(answerOf(await verify(resent(request, { fields: { signature } })))).toBe('signature_invalid')
    }
  })
})

describe('HS-12: content', () => {
  test('that changed by one byte is not what its digest says', async () => {
    expect(answerOf(await verify(resent(withContent, { body: BODY })))).toBe('verified')
    for (const body of ['{"amount":6}', '{"amount":5} ', '{"amount":5']) {
      expect(answerOf(await verify(resent(withContent, { body })))).toBe('authentic digest_mismatch')
    }
  })

  test('that changed together with its digest breaks the signature', async () => {
    const body = '{"amount":6}'
    const forged = resent(withContent, { body, fields: { 'content-digest': await digestOf(body) } })
    expect(answerOf(await verify(forged))).toBe('signature_invalid')
  })

  test('that was added to a request without any needs a digest', async () => {
    const bare = await signedRequest(acme, { method: 'POST' })
    expect(answerOf(await verify(resent(bare)))).toBe('verified')
    expect(answerOf(await verify(resent(bare, { body: BODY })))).toBe('authentic digest_missing')
  })

  test('that was taken away is not what its digest says', async () => {
    expect(answerOf(await verify(resent(withContent)))).toBe('authentic digest_mismatch')
  })

  test.each<[what: string, SignOptions, answer: string]>([
    ['is not covered', { components: COMPONENTS }, 'authentic digest_missing'],
    [
      'is covered in one member only',
      { components: [...COMPONENTS, '"content-digest";key="sha-256"'], values: { '"content-digest";key="sha-256"': 'x' } },
      'digest_missing',
    ],
    ['is malformed', { fields: { 'content-digest': 'sha-256=AAAA' } }, 'authentic malformed'],
    ['is of an algorithm that does not count', { fields: { 'content-digest': 'md5=:AAAA:' } }, 'authentic digest_missing'],
    ['is that of other content', { fields: { 'content-digest': OTHER_DIGEST } }, 'authentic digest_mismatch'],
    ['is by sha-512', { fields: { 'content-digest': DIGEST_512 } }, 'verified'],
    ['is there twice and right', { fields: { 'content-digest': `${DIGEST}, ${DIGEST_512}` } }, 'verified'],
    ['is there twice and wrong once', { fields: { 'content-digest': `${DIGEST}, ${OTHER_512}` } }, 'authentic digest_mismatch'],
  ])('whose digest %s', async (_, options, answer) => {
    expect(answerOf(await verify(await signedRequest(acme, { body: BODY, ...options })))).toBe(answer)
  })

  test('whose digest is covered, but not sent', async () => {
    expect(answerOf(await verify(resent(withContent, { body: BODY, fields: { 'content-digest': undefined } })))).toBe('malformed')
  })

  test.each([
    [BODY.length, 'verified'],
    [BODY.length - 1, 'authentic content_too_large'],
  ])('is held to be digested up to maxBodyBytes: %i', async (maxBodyBytes, answer) => {
    expect(answerOf(await verify(resent(withContent, { body: BODY }), authenticator({ maxBodyBytes })))).toBe(answer)
  })

  test('of a stranger is not read', async () => {
    const forged = resent(withContent, { body: BODY, fields: { signature: 'sig=:AAAA:' } })
    expect(answerOf(await verify(forged))).toBe('signature_invalid')
    expect(forged.bodyUsed).toBe(false)
    const genuine = resent(withContent, { body: BODY })
    expect(answerOf(await verify(genuine))).toBe('verified')
    expect(genuine.bodyUsed).toBe(true)
  })

  test.each<[HttpSignatureConfig['contentDigest'], SignOptions, answer: string]>([
    ['always', {}, 'authentic digest_missing'],
    ['always', { components: [...COMPONENTS, 'content-digest'], fields: { 'content-digest': EMPTY_DIGEST } }, 'verified'],
    ['never', { body: BODY, components: COMPONENTS }, 'verified'],
    ['never', { body: BODY, fields: { 'content-digest': OTHER_DIGEST } }, 'authentic digest_mismatch'],
  ])('contentDigest: %s', async (contentDigest, options, answer) => {
    expect(answerOf(await verify(await signedRequest(acme, options), authenticator({ contentDigest })))).toBe(answer)
  })
})

describe('HS-7: time', () => {
  test.each([
    ['at its greatest age', -300, 'verified'],
    ['over it', -301, 'authentic too_old'],
    ['in our future within the tolerance', 30, 'verified'],
    ['in our future beyond it', 31, 'authentic not_yet_valid'],
  ])('created %s', async (_, seconds, answer) => {
    const request = await signedRequest(acme, { parameters: { created: String(NOW_SECONDS + seconds) } })
    expect(answerOf(await verify(request))).toBe(answer)
  })

  test.each([
    [NOW + 300_000, 'verified'],
    [NOW + 300_001, 'authentic too_old'],
    [NOW - 30_000, 'verified'],
    [NOW - 30_001, 'authentic not_yet_valid'],
  ])('is compared to the millisecond: %i', async (now, answer) => {
    expect(answerOf(await verify(await signedRequest(acme), authenticator(), now))).toBe(answer)
  })

  test.each([
    [1, 'verified'],
    [0, 'authentic expired'],
    [-1, 'authentic expired'],
  ])('expires %i seconds from now', async (seconds, answer) => {
    const parameters = { created: String(NOW_SECONDS - 60), expires: String(NOW_SECONDS + seconds) }
    expect(answerOf(await verify(await signedRequest(acme, { parameters })))).toBe(answer)
  })

  test('a late end makes no signature live longer', async () => {
    const parameters = { created: String(NOW_SECONDS - 301), expires: String(NOW_SECONDS + 3600) }
    expect(answerOf(await verify(await signedRequest(acme, { parameters })))).toBe('authentic too_old')
  })

  test('a stranger does not learn that it was too late', async () => {
    const request = await signedRequest({ ...acme, sign: async () => new Uint8Array(32) }, { parameters: { created: '1' } })
    expect(await verify(request)).toEqual({ status: 'rejected', reason: 'too_old' })
  })
})

describe('HS-10: coverage', () => {
  test.each(COMPONENTS)('%s must be covered', async (left) => {
    const request = await signedRequest(acme, { components: COMPONENTS.filter((name) => name !== left) })
    expect(await verify(request)).toEqual({ status: 'rejected', reason: 'component_not_covered', detail: `"${left}"`, authentic: true })
  })

  test('nothing covered is nothing signed', async () => {
    expect(answerOf(await verify(await signedRequest(acme, { components: [] })))).toBe('authentic component_not_covered')
  })

  test('@target-uri stands for authority, path and query, but not for the method', async () => {
    expect(answerOf(await verify(await signedRequest(acme, { components: ['@method', '@target-uri'] })))).toBe('verified')
    expect(answerOf(await verify(await signedRequest(acme, { components: ['@target-uri'] })))).toBe('authentic component_not_covered')
  })

  test('one parameter of the query is not the query', async () => {
    const identifier = '"@query-param";name="account"'
    const components = ['@method', '@authority', '@path', identifier]
    const request = await signedRequest(acme, { components, values: { [identifier]: '7' } })
    expect(answerOf(await verify(request))).toBe('authentic component_not_covered')
    const made = authenticator({ components: ['@method', '@authority', '@path', '@query-param;name="account"'] })
    expect(answerOf(await verify(resent(request), made))).toBe('verified')
    expect(answerOf(await verify(resent(request, { url: `${PAYMENTS}&account=7` }), made))).toBe('malformed')
  })

  test('every other credential of the conjunction must be covered', async () => {
    const made = authenticator({ coveredFields: ['x-api-key'] })
    const fields = { 'x-api-key': 'pck_mine' }
    expect(answerOf(await verify(await signedRequest(acme, { fields }), made))).toBe('authentic component_not_covered')
    const request = await signedRequest(acme, { fields, components: [...COMPONENTS, 'x-api-key'] })
    expect(answerOf(await verify(resent(request), made))).toBe('verified')
    expect(answerOf(await verify(resent(request, { fields: { 'x-api-key': 'pck_stolen' } }), made))).toBe('signature_invalid')
  })
})
