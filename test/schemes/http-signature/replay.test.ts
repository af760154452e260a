import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../../src/bindings.ts'
import type { ReplayMemory } from '../../../src/replay/replay-memory.ts'
import { createMemoryReplay, createReplayMemory } from '../../../src/replay/replay-store.ts'
import type { Authenticator, Consumed, Verdict } from '../../../src/schemes/authenticator.ts'
import { NOW } from '../../support/authenticators.ts'
import {
  acme,
  answerOf,
  authenticator,
  globex,
  hmacSigner,
  NOW_SECONDS,
  reasonOf,
  resent,
  SECRET,
  signedRequest,
  verify,
} from './signing-client.ts'

async function consumed(verdict: Verdict): Promise<Consumed> {
  if (verdict.status !== 'verified' || verdict.consume === undefined) throw new Error(`nothing to consume: ${answerOf(verdict)}`)
  return verdict.consume()
}
const used = async (request: Request, made: Authenticator, now = NOW): Promise<string> =>
  reasonOf(await consumed(await verify(resent(request), made, now)))
const nonce = (text: string) => ({ parameters: { nonce: `"${text}"` } })

const memories: readonly (readonly [name: string, create: () => ReplayMemory])[] = [
  ['one isolate', createMemoryReplay],
  ['Durable Objects', () => createReplayMemory((env as unknown as Bindings).REPLAY)],
]

describe.each(memories)('HS-11: a nonce in the memory of %s', (_, create) => {
  test('is taken once', async () => {
    const [made, request] = [authenticator({}, create()), await signedRequest(acme)]
    expect(await used(request, made)).toBe('consumed')
    expect(await consumed(await verify(resent(request), made))).toEqual({ status: 'rejected', reason: 'replayed', authentic: true })
    expect(await used(await signedRequest(acme), made)).toBe('consumed')
  })

  test('is taken once of 50 in parallel', async () => {
    const [made, request] = [authenticator({}, create()), await signedRequest(acme)]
    const answers = await Promise.all(Array.from({ length: 50 }, async () => used(request, made)))
    expect(answers.filter((answer) => answer === 'consumed')).toHaveLength(1)
    expect(answers.filter((answer) => answer === 'replayed')).toHaveLength(49)
  })

  test('of another request by the same key is the same nonce', async () => {
    const [made, text] = [authenticator({}, create()), crypto.randomUUID()]
    expect(await used(await signedRequest(acme, nonce(text)), made)).toBe('consumed')
    expect(await used(await signedRequest(acme, { ...nonce(text), method: 'DELETE' }), made)).toBe('replayed')
  })

  test('of another key is another nonce', async () => {
    const [made, text] = [authenticator({}, create()), crypto.randomUUID()]
    for (const signer of [acme, globex, hmacSigner('acme-all', SECRET)]) {
      expect(await used(await signedRequest(signer, nonce(text)), made)).toBe('consumed')
    }
  })
})

describe('HS-11: a nonce', () => {
  test.each([
    ['now', 0],
    ['at the edge of our future', 30],
    ['long ago', -299],
  ])('of a signature created %s is remembered while the signature can be accepted', async (_, ahead) => {
    const made = authenticator()
    const request = await signedRequest(acme, { parameters: { created: String(NOW_SECONDS + ahead) } })
    expect(await used(request, made)).toBe('consumed')
    const last = NOW + (ahead + 300) * 1000
    expect(await used(request, made, last)).toBe('replayed')
    expect(answerOf(await verify(resent(request), made, last + 1))).toBe('authentic too_old')
  })

  test('can be remembered at the widest bounds that a policy may set', async () => {
    const made = authenticator({ maxAgeSeconds: 3600, clockToleranceSeconds: 300 })
    expect(await used(await signedRequest(acme, { parameters: { created: String(NOW_SECONDS + 300) } }), made)).toBe('consumed')
  })

  test('is used up by consuming alone: a request that is only verified can still be sent', async () => {
    const [made, request] = [authenticator(), await signedRequest(acme)]
    expect(answerOf(await verify(resent(request), made))).toBe('verified')
    expect(await used(request, made)).toBe('consumed')
  })

  test('must be there, unless the policy does without', async () => {
    const options = { parameters: { nonce: undefined } }
    expect(answerOf(await verify(await signedRequest(acme, options)))).toBe('authentic malformed')
    const verdict = await verify(await signedRequest(acme, options), authenticator({ nonce: false }))
    expect(answerOf(verdict)).toBe('verified')
    expect(verdict).not.toHaveProperty('consume')
  })

  test('while the memory is down is an outage, never a refusal or a pass', async () => {
    const down: ReplayMemory = {
      async use() {
        throw new TypeError('unreachable')
      },
    }
    const verdict = await verify(await signedRequest(acme), authenticator({}, down))
    expect(await consumed(verdict)).toEqual({ status: 'unavailable', reason: 'replay_memory_unavailable', detail: 'TypeError' })
  })

  test('is shared by all schemes of a gate: no other tag opens it again', async () => {
    const replay = createMemoryReplay()
    const [first, second] = [authenticator({ name: 'first' }, replay), authenticator({ name: 'second' }, replay)]
    const request = await signedRequest(acme)
    expect([await used(request, first), await used(request, second)]).toEqual(['consumed', 'replayed'])
  })
})
