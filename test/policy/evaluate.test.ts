import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { evaluate, type Decision } from '../../src/policy/evaluate.ts'
import { evaluateContext, NOW, rejected, scripted, term, verified } from '../support/authenticators.ts'

const shortfalls = (decision: Decision): string[] =>
  decision.outcome === 'deny' ? decision.tried.map(({ authenticator, shortfall }) => `${authenticator.name}:${shortfall.status}`) : []

describe('evaluate()', () => {
  test('no alternative at all denies', async () => {
    expect(await evaluate([], evaluateContext())).toEqual({ outcome: 'deny', tried: [] })
  })

  test('OA-2: the first alternative that holds wins, in declared order', async () => {
    const [first, second] = [scripted('first', verified('first')), scripted('second', verified('second'))]
    const decision = await evaluate([[term(first)], [term(second)]], evaluateContext())
    expect(decision).toMatchObject({ outcome: 'allow', alternative: 0 })
    expect(second.calls.verifications).toBe(0)
  })

  test('a conjunction with one absent credential verifies nothing', async () => {
    const [present, absent] = [scripted('present', verified('present')), scripted('absent', undefined)]
    const decision = await evaluate([[term(present), term(absent)]], evaluateContext())
    expect(shortfalls(decision)).toEqual(['absent:absent'])
    expect(present.calls.verifications).toBe(0)
  })

  test('a scheme in several alternatives is read and verified once', async () => {
    const shared = scripted('shared', rejected())
    await evaluate([[term(shared)], [term(shared, { scopes: ['x'] })]], evaluateContext())
    expect(shared.calls).toEqual({ reads: 1, verifications: 1 })
  })

  test('OA-3: {} lets in who presents nothing', async () => {
    expect(await evaluate([[term(scripted('app', undefined))], []], evaluateContext())).toMatchObject({
      outcome: 'allow',
      alternative: 1,
      caller: { principals: [] },
    })
  })

  test.each([['first'], ['last']])('OA-7: {} declared %s never saves a credential that was rejected', async (place) => {
    const other = [term(scripted('app', rejected()))]
    const alternatives = place === 'first' ? [[], other] : [other, []]
    expect(shortfalls(await evaluate(alternatives, evaluateContext()))).toEqual(['app:rejected'])
  })

  test('a revoked principal is rejected, whatever the scheme has cached', async () => {
    const decision = await evaluate([[term(scripted('app', verified('app')))]], evaluateContext({ revoked: () => 'leaked' }))
    expect(decision).toMatchObject({ outcome: 'deny', tried: [{ shortfall: { status: 'rejected', reason: 'revoked', detail: 'leaked' } }] })
  })

  test.each([
    [NOW, 'deny'],
    [NOW + 1, 'allow'],
  ])('a principal that ends at %i is: %s', async (expiresAt, outcome) => {
    expect(await evaluate([[term(scripted('app', verified('app', { expiresAt })))]], evaluateContext())).toMatchObject({ outcome })
  })

  test('all scopes of a term are needed', async () => {
    const app = scripted('app', verified('app', { scopes: new Set(['read']) }))
    expect(await evaluate([[term(app, { scopes: ['read'] })]], evaluateContext())).toMatchObject({ outcome: 'allow' })
    expect(shortfalls(await evaluate([[term(app, { scopes: ['read', 'write'] })]], evaluateContext()))).toEqual(['app:insufficient_scope'])
  })

  test.each([
    ['the same consumer twice', 'acme', 'acme', false, 'allow'],
    ['two consumers', 'acme', 'globex', false, 'deny'],
    ['two consumers, even where naming is optional', 'acme', 'globex', true, 'deny'],
    ['one that names nobody', 'acme', undefined, false, 'deny'],
    ['one that may name nobody', 'acme', undefined, true, 'allow'],
  ])('a conjunction is one party: %s', async (_, left, right, consumerOptional, outcome) => {
    const one = scripted('one', verified('one', left === undefined ? {} : { consumer: left }))
    const two = scripted('two', verified('two', right === undefined ? {} : { consumer: right }))
    const decision = await evaluate([[term(one), term(two, { consumerOptional })]], evaluateContext())
    expect(decision.outcome).toBe(outcome)
    expect(shortfalls(decision)).toEqual(outcome === 'deny' ? ['two:credentials_disagree'] : [])
  })

  test('only the winning alternative is consumed, and evaluate() itself consumes nothing', async () => {
    let consumed = 0
    const consume = async (): Promise<{ status: 'consumed' }> => {
      consumed++
      return { status: 'consumed' }
    }
    const loser = scripted('loser', { ...verified('loser'), consume } as ReturnType<typeof verified>)
    const winner = scripted('winner', verified('winner'))
    const decision = await evaluate([[term(loser, { scopes: ['missing'] })], [term(winner)]], evaluateContext())
    expect(decision).toMatchObject({ outcome: 'allow', consume: [] })
    expect(consumed).toBe(0)
  })

  test('a throw is a bug: it passes through and no further alternative is tried', async () => {
    const broken = { ...scripted('broken', verified('broken')), read: () => async () => Promise.reject(new Error('bug')) }
    const second = scripted('second', verified('second'))
    await expect(evaluate([[term(broken)], [term(second)]], evaluateContext())).rejects.toThrow('bug')
    expect(second.calls.verifications).toBe(0)
  })

  test('the caller ends with the first of its principals', async () => {
    const one = scripted('one', verified('one', { consumer: 'acme', expiresAt: NOW + 5 }))
    const two = scripted('two', verified('two', { consumer: 'acme', plan: 'gold', expiresAt: NOW + 9 }))
    expect(await evaluate([[term(one), term(two)]], evaluateContext())).toMatchObject({
      caller: { expiresAt: NOW + 5, consumer: 'acme', plan: 'gold' },
    })
  })

  test('agrees with the plain reading of OR over ANDs, for any verdicts', async () => {
    const verdict = fc.constantFrom('absent', 'rejected', 'verified')
    await fc.assert(
      fc.asyncProperty(
        fc.array(verdict, { minLength: 4, maxLength: 4 }),
        fc.array(fc.array(fc.nat(3), { maxLength: 3 }), { maxLength: 4 }),
        async (verdicts, shapes) => {
          const all = verdicts.map((kind, index) =>
            scripted(
              `s${index}`,
              kind === 'absent' ? undefined : kind === 'rejected' ? rejected() : verified(`s${index}`, { consumer: 'acme' }),
            ),
          )
          const alternatives = shapes.map((shape) => [...new Set(shape)])
          const isPresented = alternatives.flat().some((index) => verdicts[index] !== 'absent')
          const expected = alternatives.some((shape) =>
            shape.length === 0 ? !isPresented : shape.every((index) => verdicts[index] === 'verified'),
          )
          const decision = await evaluate(
            alternatives.map((shape) => shape.map((index) => term(all[index]!))),
            evaluateContext(),
          )
          expect(decision.outcome).toBe(expected ? 'allow' : 'deny')
        },
      ),
    )
  })
})

describe('require', () => {
  const claims = {
    tenant: 'acme',
    roles: ['admin', 'ops'],
    address: { country: 'DE' },
    'https://example.com/tier': 3,
    acr: 'mfa',
    auth_time: NOW / 1000 - 100,
  }
  const decide = async (require: NonNullable<Parameters<typeof term>[1]>['require'], parameters = {}): Promise<string> => {
    const decision = await evaluate(
      [[term(scripted('user', verified('user', { claims })), require === undefined ? {} : { require })]],
      evaluateContext({ parameters }),
    )
    return decision.outcome === 'allow' ? 'allow' : (decision.tried[0]?.shortfall.status ?? '')
  }
  test.each([
    ['an equal claim', { claims: { tenant: 'acme' } }, 'allow'],
    ['another value', { claims: { tenant: 'globex' } }, 'forbidden'],
    ['one of several values', { claims: { tenant: ['globex', 'acme'] } }, 'allow'],
    ['a member of a list claim', { claims: { roles: 'ops' } }, 'allow'],
    ['a path into a claim', { claims: { 'address.country': 'DE' } }, 'allow'],
    ['a name with dots', { claims: { 'https://example.com/tier': 3 } }, 'allow'],
    ['a number is not its text', { claims: { 'https://example.com/tier': '3' } }, 'forbidden'],
    ['a missing claim', { claims: { nothing: 'x' } }, 'forbidden'],
    ['a member of the prototype', { claims: { 'constructor.name': 'Object' } }, 'forbidden'],
    ['SU-2: an accepted acr', { acrValues: ['mfa'] }, 'allow'],
    ['SU-2: another acr', { acrValues: ['hardware'] }, 'insufficient_authentication'],
    ['SU-2: exactly as old as allowed', { maxAgeSeconds: 100 }, 'allow'],
    ['SU-2: a second older', { maxAgeSeconds: 99 }, 'insufficient_authentication'],
  ])('%s', async (_, require, outcome) => {
    expect(await decide(require)).toBe(outcome)
  })
  test('OW-1: a path parameter must equal its claim', async () => {
    expect(await decide({ pathParameters: { tenant: 'tenant' } }, { tenant: 'acme' })).toBe('allow')
    expect(await decide({ pathParameters: { tenant: 'tenant' } }, { tenant: 'globex' })).toBe('forbidden')
    expect(await decide({ pathParameters: { tenant: 'roles' } }, { tenant: 'admin' })).toBe('forbidden')
  })
})
