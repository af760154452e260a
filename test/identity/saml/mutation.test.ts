import { expect, test } from 'vitest'
import { randomFrom } from '../../support/random.ts'
import { mutation } from '../../support/saml-mutations.ts'
import { answerOf, codeOf, createBench } from '../../support/saml-provider.ts'

const EACH = 400

test.each(['assertion', 'response', 'both'] as const)(
  'XW-2: a mutated answer with a signed %s signs in the signed person, or nobody',
  async (signs) => {
    const bench = createBench({ wantSigned: signs }, { use: async () => 'fresh' })
    const begun = await bench.begin()
    const genuine = await answerOf({ requestId: begun.requestId }, signs)
    const told = await bench.post(genuine, begun)
    expect(codeOf(told)).toBe('signed_in')
    const expected = told.status === 'signed_in' ? JSON.stringify(told.signIn) : ''

    const random = randomFrom(20_261_128)
    const documents = new Set(Array.from({ length: EACH }, () => mutation(genuine, random)))
    expect(documents.size).toBeGreaterThan(EACH * 0.8)
    const codes = new Map<string, number>()
    const changed: string[] = []
    for (const document of documents) {
      // A throw would be a bug of ours: every document is refused or believed.
      const outcome = await bench.post(document, begun)
      codes.set(codeOf(outcome), (codes.get(codeOf(outcome)) ?? 0) + 1)
      if (outcome.status === 'signed_in' && JSON.stringify(outcome.signIn) !== expected) changed.push(document)
    }
    console.log(`${documents.size} distinct, signed ${signs}: ${JSON.stringify(Object.fromEntries(codes))}`)
    expect(changed).toEqual([])
    expect(codes.get('signed_in') ?? 0).toBeLessThan(documents.size / 2)
    expect(codes.size).toBeGreaterThan(5)
  },
)
