import { describe, expect, test } from 'vitest'
import { REJECTION_REASONS, type Shortfall } from '../../../src/schemes/authenticator.ts'
import { evaluateContext } from '../../support/authenticators.ts'
import { createScene, ISSUER } from './scene.ts'

const { authenticator } = createScene({ [ISSUER]: [] })
const challengesTo = async (shortfall: Shortfall): Promise<readonly string[] | undefined> =>
  (await authenticator.remedy(shortfall, evaluateContext()))?.challenges

describe('the challenge of a jwt scheme', () => {
  test('BT-5: without a credential it names no error', async () => {
    expect(await challengesTo({ status: 'absent' })).toEqual(['Bearer realm="portcullis"'])
  })

  test.each(REJECTION_REASONS.filter((reason) => reason !== 'ambiguous'))(
    'BT-6: a token refused for %s is invalid_token',
    async (reason) => {
      expect(await challengesTo({ status: 'rejected', reason, detail: '"injected\\' })).toEqual([
        'Bearer realm="portcullis", error="invalid_token"',
      ])
    },
  )

  test('BT-2: two credentials are invalid_request', async () => {
    expect(await challengesTo({ status: 'rejected', reason: 'ambiguous' })).toEqual(['Bearer realm="portcullis", error="invalid_request"'])
  })

  test('BT-6: too little scope names the scopes of the route', async () => {
    expect(await challengesTo({ status: 'insufficient_scope', required: ['orders:read', 'orders:write'] })).toEqual([
      'Bearer realm="portcullis", error="insufficient_scope", scope="orders:read orders:write"',
    ])
  })

  test.each([
    [{ acrValues: ['gold', 'silver'], maxAgeSeconds: 300 }, ', acr_values="gold silver", max_age="300"'],
    [{ acrValues: ['gold'] }, ', acr_values="gold"'],
    [{ maxAgeSeconds: 0 }, ', max_age="0"'],
    [{}, ''],
  ])('SU-1: too weak a sign-in says how to do better: %j', async (wanted, expected) => {
    expect(await challengesTo({ status: 'insufficient_authentication', ...wanted })).toEqual([
      `Bearer realm="portcullis", error="insufficient_user_authentication"${expected}`,
    ])
  })

  test.each([
    [['a"b', 'gold'], ', acr_values="gold"'],
    [['a\\', 'gold'], ', acr_values="gold"'],
    [['gold silver', 'gold'], ', acr_values="gold"'],
    [['a\r\nset-cookie: x', '\u2603', '', 'urn:mace:incommon:iap:silver'], ', acr_values="urn:mace:incommon:iap:silver"'],
    [['stark "genug"'], ''],
  ])('BT-7: an acr value that a field cannot carry is left out: %j', async (acrValues, expected) => {
    const challenges = await challengesTo({ status: 'insufficient_authentication', acrValues })
    expect(challenges).toEqual([`Bearer realm="portcullis", error="insufficient_user_authentication"${expected}`])
    expect(() => new Headers({ 'www-authenticate': challenges?.[0] ?? '' })).not.toThrow()
  })

  test.each<Shortfall>([
    { status: 'unavailable', reason: 'key_set_unavailable' },
    { status: 'forbidden', condition: 'claim' },
    { status: 'credentials_disagree' },
  ])('what another token would not mend has none: $status', async (shortfall) => {
    expect(await challengesTo(shortfall)).toBeUndefined()
  })
})
