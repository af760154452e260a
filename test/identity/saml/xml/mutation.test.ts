import { expect, test } from 'vitest'
import { surveyMutations } from '../../../support/saml-mutations.ts'

const MUTATIONS = 1_200

test('XW-2: a mutated response gives the signed identity, or none', async () => {
  const { distinct, accepted, changed } = await surveyMutations(MUTATIONS, 20_261_126)
  console.log(`${distinct} distinct mutations: ${accepted} with the signed identity, ${changed.length} with another`)
  expect(changed).toEqual([])
  expect(accepted).toBeGreaterThan(0)
  expect(distinct).toBeGreaterThan(MUTATIONS * 0.8)
}, 30_000)
