import { describe, expect, test } from 'vitest'
import { abuseSchema } from '../../src/policy/document-abuse.ts'
import { readAs } from '../../src/policy/closed-schema.ts'
import { parseAbuse } from '../../src/policy/parse-abuse.ts'
import { createProblems } from '../../src/policy/problems.ts'

function parse(value: unknown) {
  const problems = createProblems()
  const document = readAs(abuseSchema, value, '/abuse', problems)
  const reading = { problems, keepsPlaceholders: false, isLocal: false }
  const abuse = document === undefined ? undefined : parseAbuse(document, '/abuse', new Set(['acme']), reading)
  return { abuse, pointers: problems.all().map(({ pointer }) => pointer) }
}

describe('parseAbuse()', () => {
  test('a policy that says nothing records alone; the budget is the default of where it runs', () => {
    const silent = { answers: {}, blockSeconds: { first: 900, most: 86_400 }, allow: { networks: [], consumers: [], keys: [] } }
    expect(parse({}).abuse).toEqual(silent)
    expect(parse({ answers: 'record' }).abuse).toEqual(silent)
  })

  test('the budget: off, or with the other number filled in', () => {
    expect(parse({ failureBudget: false }).abuse?.failureBudget).toBe(false)
    expect(parse({ failureBudget: { address: 20 } }).abuse?.failureBudget).toEqual({ address: 20, network: 600 })
  })

  test.each([
    ['a score under what is recorded', { answers: { slow: 0.39 } }, '/abuse/answers/slow'],
    ['a stronger answer before a milder one', { answers: { slow: 0.8, block: 0.7 } }, '/abuse/answers/block'],
    ['a most under the first', { blockSeconds: { first: 60, most: 59 } }, '/abuse/blockSeconds/most'],
    ['a first of 9 seconds', { blockSeconds: { first: 9 } }, '/abuse/blockSeconds/first'],
    ['bits beyond the prefix', { allow: { networks: ['192.0.2.7/24'] } }, '/abuse/allow/networks/0'],
    ['a consumer that nobody declares', { allow: { consumers: ['acmee'] } }, '/abuse/allow/consumers/0'],
    ['a budget of 0', { failureBudget: { address: 0 } }, '/abuse/failureBudget/address'],
  ])('%s is refused', (_name, value, pointer) => {
    expect(parse(value).pointers.some((one) => pointer.startsWith(one))).toBe(true)
    expect(parse(value).pointers).not.toEqual([])
  })

  test.each([
    { answers: { slow: 0.4 } },
    { answers: { slow: 0.8, limit: 0.8, stepUp: 0.8, block: 0.8 } },
    { blockSeconds: { first: 60, most: 60 } },
    { blockSeconds: { first: 10 } },
    { allow: { networks: ['192.0.2.0/24', '2001:db8::/32'], consumers: ['acme', 'app_0123456789abcdefghij'], keys: ['k'] } },
  ])('%j is taken', (value) => expect(parse(value).pointers).toEqual([]))
})
