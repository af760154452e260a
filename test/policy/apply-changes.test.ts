import { describe, expect, test } from 'vitest'
import { applyChanges, replacementFields } from '../../src/policy/apply-changes.ts'
import { evaluate } from '../../src/policy/evaluate.ts'
import { evaluateContext, NOW, principal, scripted, term, verified } from '../support/authenticators.ts'

const at = NOW - 1000
const nowhere = { now: NOW, address: undefined, plans: new Set(['gold', 'own']), request: new Request('https://api.example.com') }

describe('applyChanges()', () => {
  const token = principal('user', { kind: 'jwt', consumer: 'acme' })

  test('nothing changed: the very same principal', () => {
    expect(applyChanges(token, {}, nowhere)).toBe(token)
  })

  test('a key for the pages of one origin is taken from them alone, by what the browser says', () => {
    const key = { key: { origins: { at, value: ['https://app.example.com'] } } }
    const from = (origin?: string) => ({
      ...nowhere,
      request: new Request('https://api.example.com', origin === undefined ? {} : { headers: { origin } }),
    })
    expect(applyChanges(token, key, from('https://app.example.com'))).toEqual(token)
    for (const origin of [undefined, 'https://evil.example', 'https://app.example.com:8443', 'http://app.example.com', 'null'])
      expect(applyChanges(token, key, from(origin))).toMatchObject({ reason: 'origin_not_allowed', authentic: true })
    expect(applyChanges(token, { key: { origins: { at, value: null } } }, from())).toEqual(token)
  })

  test('a token stops with its consumer, and is on the plan that its consumer was given, unless it carries one', () => {
    expect(applyChanges(token, { consumer: { disabled: { at, value: true } } }, nowhere)).toMatchObject({
      reason: 'disabled',
      authentic: true,
    })
    const plan = { consumer: { disabled: { at, value: false }, plan: { at, value: 'gold' } } }
    expect(applyChanges(token, plan, nowhere)).toMatchObject({ plan: 'gold' })
    expect(applyChanges({ ...token, plan: 'own' }, plan, nowhere)).toMatchObject({ plan: 'own' })
  })

  test('a plan that its consumer was given and the policy no longer has stops it, but not what carries one itself', () => {
    const gone = { consumer: { plan: { at, value: 'gone' } } }
    expect(applyChanges(token, gone, nowhere)).toEqual({ status: 'rejected', reason: 'unknown_plan', authentic: true })
    expect(applyChanges({ ...token, plan: 'gold' }, gone, nowhere)).toMatchObject({ plan: 'gold' })
  })

  test('what was set back to how it was issued changes nothing', () => {
    const none = { at, value: null }
    expect(
      applyChanges(token, { key: { addresses: none, validUntil: none, plan: none, scopes: none }, consumer: { plan: none } }, nowhere),
    ).toEqual(token)
  })

  test('whoever is told of the end of several keys is told the earliest', () => {
    const replaced = (until: number) => principal('app', { expiresAt: until, replacedAt: at })
    const caller = { principals: [replaced(NOW + 2000), replaced(NOW + 1000), token], expiresAt: NOW }
    expect(replacementFields(caller)[1]).toEqual(['sunset', new Date(NOW + 1000).toUTCString()])
  })
})

test('a change is asked for only once the credential verified, and decides even where the scheme kept the key', async () => {
  const asked: string[] = []
  const context = evaluateContext({
    changesOf: ({ credentialId }) => {
      asked.push(credentialId)
      return { key: { disabled: { at, value: true } } }
    },
  })
  const forged = scripted('app', { status: 'rejected', reason: 'signature_invalid' })
  expect((await evaluate([[term(forged)]], context)).outcome).toBe('deny')
  expect(asked).toEqual([])
  const decision = await evaluate([[term(scripted('app', verified('app')))]], context)
  expect(decision).toMatchObject({ outcome: 'deny', tried: [{ shortfall: { reason: 'disabled' } }] })
  expect(asked).toEqual(['app-1'])
})
