import { describe, expect, test } from 'vitest'
import { encodeBase62 } from '../../../src/credentials/base62.ts'
import { encodeClaims, type KeyOptions } from '../../../src/credentials/key-format.ts'
import { parseRootSecret } from '../../../src/credentials/root-secret.ts'
import { type IssuedSigningKey, issueSigningKey } from '../../../src/credentials/signing-key.ts'
import { decodeBase64Url } from '../../../src/http/base64url.ts'
import { evaluate } from '../../../src/policy/evaluate.ts'
import type { Principal } from '../../../src/schemes/authenticator.ts'
import { createHttpSignatureAuthenticator } from '../../../src/schemes/http-signature/authenticator.ts'
import type { SchemeDependencies } from '../../../src/schemes/index.ts'
import { NOW, term } from '../../support/authenticators.ts'
import {
  acme,
  answerOf,
  authenticator,
  contextOf,
  globex,
  hmacSigner,
  publicJwk,
  rootSecret,
  SECRET,
  signedRequest,
  type Signer,
  verify,
} from './signing-client.ts'

const bytes = (base64url: string | undefined): Uint8Array<ArrayBuffer> => decodeBase64Url(base64url ?? '') ?? new Uint8Array()
const signerOf = ({ keyid, secret }: IssuedSigningKey): Signer => hmacSigner(keyid, bytes(secret))
const issue = async (options: Partial<KeyOptions> = {}): Promise<IssuedSigningKey> =>
  issueSigningKey(rootSecret, { consumer: 'acme', ...options }, NOW)

async function answerTo(signer: Signer, parameters: Record<string, string> = {}): Promise<string> {
  return answerOf(await verify(await signedRequest(signer, { parameters })))
}

describe('HS-8: the algorithm is the key’s', () => {
  test('a MAC under the id of a public key does not hold, whatever its secret', async () => {
    for (const secret of [bytes(publicJwk.x), new Uint8Array(new TextEncoder().encode(publicJwk.x)), SECRET]) {
      expect(await answerTo(hmacSigner('globex-1', secret))).toBe('signature_invalid')
      expect(await answerTo(hmacSigner('globex-1', secret), { alg: '"hmac-sha256"' })).toBe('algorithm_not_allowed')
    }
  })

  test.each([
    [acme.keyid, [0, 1, 31, 33, 64]],
    [globex.keyid, [0, 1, 32, 63, 65, 128]],
  ])('a signature of %s that has another length does not hold', async (keyid, lengths) => {
    for (const length of lengths) {
      expect(await answerTo({ keyid, sign: async () => new Uint8Array(length) })).toBe('signature_invalid')
    }
  })

  test('a signature by Ed25519 under the id of a shared secret does not hold', async () => {
    expect(await answerTo({ ...globex, keyid: 'acme-1' })).toBe('signature_invalid')
  })

  test.each([
    [acme, 'hmac-sha256', 'verified'],
    [globex, 'ed25519', 'verified'],
    [acme, 'ed25519', 'algorithm_not_allowed'],
    [globex, 'hmac-sha256', 'algorithm_not_allowed'],
    [acme, 'HMAC-SHA256', 'algorithm_not_allowed'],
    [acme, 'rsa-pss-sha512', 'algorithm_not_allowed'],
    [acme, 'none', 'algorithm_not_allowed'],
    [acme, '', 'algorithm_not_allowed'],
  ])('$0.keyid with alg="%s": %s', async (signer, alg, answer) => {
    expect(await answerTo(signer, { alg: `"${alg}"` })).toBe(answer)
  })
})

describe('a declared key', () => {
  test.each(['nobody-1', 'acme-2', 'ACME-1', 'acme-1 '])('that is not declared is unknown: %j', async (keyid) => {
    expect(await answerTo({ ...acme, keyid })).toBe('unknown_key')
  })

  test('does not verify what another one signed', async () => {
    expect(await answerTo(hmacSigner('acme-1', crypto.getRandomValues(new Uint8Array(32))))).toBe('signature_invalid')
  })

  test('without scopes has those of its plan', async () => {
    expect(await verify(await signedRequest(hmacSigner('acme-all', SECRET)))).toMatchObject({
      principal: { scopes: new Set(['payments:write', 'payments:read']) },
    })
  })

  test('of an unknown consumer or plan is refused, not unlimited', async () => {
    expect(await answerTo(hmacSigner('lost-1', SECRET))).toBe('authentic unknown_consumer')
    expect(await answerTo(hmacSigner('adrift-1', SECRET))).toBe('authentic unknown_plan')
  })

  test('that cannot be read is an outage', async () => {
    expect(await answerTo({ ...globex, keyid: 'broken-1' })).toBe('secret_unavailable')
  })

  test('is kept once it has verified, and still verifies nothing else', async () => {
    const made = authenticator()
    expect(answerOf(await verify(await signedRequest(acme), made))).toBe('verified')
    expect(answerOf(await verify(await signedRequest(acme), made))).toBe('verified')
    const forged = await signedRequest({ ...acme, sign: async () => new Uint8Array(32) })
    expect(answerOf(await verify(forged, made))).toBe('signature_invalid')
  })
})

describe('an issued signing key', () => {
  test('signs as what its id says', async () => {
    const key = await issue({ plan: 'gold', scopes: ['payments:read', 'admin'], expiresInSeconds: 60 })
    const expected: Partial<Principal> = {
      consumer: 'acme',
      subject: 'acme',
      plan: 'gold',
      scopes: new Set(['payments:read']),
      credentialId: key.id,
      generation: 'g1',
      issuedAt: NOW,
      expiresAt: NOW + 60_000,
    }
    expect(await verify(await signedRequest(signerOf(key)))).toMatchObject({ status: 'verified', principal: expected })
  })

  test.each([
    [59_999, 'allow'],
    [60_000, 'expired'],
  ])('ends when it says: after %i ms', async (after, expected) => {
    const request = await signedRequest(signerOf(await issue({ expiresInSeconds: 60 })))
    const decision = await evaluate([[term(authenticator())]], contextOf(request, NOW + after))
    expect(decision.outcome === 'allow' ? 'allow' : decision.tried[0]?.shortfall).toEqual(
      expected === 'allow' ? expected : { status: 'rejected', reason: 'expired', authentic: true },
    )
  })

  test('whose id was changed is another key, whose secret nobody has', async () => {
    const key = await issue({ expiresInSeconds: 60, scopes: ['payments:read'] })
    const changes = [{ consumer: 'globex' }, { scopes: ['payments:write'] }, { expiresAt: NOW + 3_600_000 }, { plan: 'gold' }]
    for (const change of changes) {
      const keyid = `pcs_${encodeBase62(encodeClaims({ ...key, ...change }))}`
      expect(keyid).not.toBe(key.keyid)
      expect(await answerTo(hmacSigner(keyid, bytes(key.secret)))).toBe('signature_invalid')
    }
    const same = `pcs_${encodeBase62(encodeClaims(key))}`
    expect(await answerTo(hmacSigner(same, bytes(key.secret)))).toBe('verified')
  })

  test('of another gateway, or of a generation that is over, is none', async () => {
    const text = 'g2:Yw9s2Qm7Lr4Tb6Xk1Zp8Hd3Nf5Vc0Jg2Ae7Ui4Oo6Rs'
    const later = parseRootSecret(text, { gateway: 'test', environment: 'test' })
    const other = parseRootSecret(`g1:${text.slice(3)}`, { gateway: 'test', environment: 'test' })
    expect(await answerTo(signerOf(await issueSigningKey(later, { consumer: 'acme' }, NOW)))).toBe('unknown_key')
    expect(await answerTo(signerOf(await issueSigningKey(other, { consumer: 'acme' }, NOW)))).toBe('signature_invalid')
  })

  test.each(['pcs_', 'pcs_0', 'pcs_!', `pcs_${'A'.repeat(1000)}`])('%s is none', async (keyid) => {
    expect(await answerTo({ ...acme, keyid })).toBe('unknown_key')
  })

  test('with as many scopes as its id can hold signs like any other', async () => {
    const scopes = Array.from({ length: 60 }, (_, index) => `scope:${index}`)
    const key = await issue({ scopes })
    expect(key.keyid.length).toBeGreaterThan(800)
    expect(await answerTo(signerOf(key))).toBe('verified')
  })

  test.each([
    [{ consumer: 'ghost' }, 'authentic unknown_consumer'],
    [{ plan: 'no-such-plan' }, 'authentic unknown_plan'],
    [{ consumer: 'globex', plan: 'gold' }, 'verified'],
  ])('of %j: %s', async (options, answer) => {
    expect(await answerTo(signerOf(await issue(options)))).toBe(answer)
  })

  test('while the root secret is not to be had is an outage, not an unknown key', async () => {
    const key = await issue()
    const config = { ...BASE, name: 'signed' }
    const dependencies = { directory: { signingKey: () => undefined }, rootSecret } as unknown as SchemeDependencies
    const made = createHttpSignatureAuthenticator(config, dependencies, async () => {
      throw new Error('no secret')
    })
    expect(await verify(await signedRequest(signerOf(key)), made)).toEqual({ status: 'unavailable', reason: 'secret_unavailable' })
    expect(answerOf(await verify(await signedRequest(acme), made))).toBe('unknown_key')
  })
})

const BASE = {
  kind: 'http-signature',
  components: ['@method'],
  contentDigest: 'never',
  coveredFields: [],
  maxAgeSeconds: 300,
  clockToleranceSeconds: 30,
  nonce: false,
  maxBodyBytes: 1024,
  consumerOptional: false,
} as const
