import { describe, expect, test } from 'vitest'
import { deny } from '../../src/policy/denial.ts'
import type { Tried } from '../../src/policy/evaluate.ts'
import { REJECTION_REASONS, type Remedy, type Shortfall } from '../../src/schemes/authenticator.ts'
import { evaluateContext, scripted } from '../support/authenticators.ts'

const context = evaluateContext()
const absent: Shortfall = { status: 'absent' }
const down: Shortfall = { status: 'unavailable', reason: 'key_set_unavailable', retryAfterSeconds: 7 }
const bad: Shortfall = { status: 'rejected', reason: 'signature_invalid' }
const scopeless: Shortfall = { status: 'insufficient_scope', required: ['write'] }

type Entry = readonly [scheme: string, alternative: number, shortfall: Shortfall, remedy?: Remedy | null]
function triedOf(entries: readonly Entry[]): Tried[] {
  const known = new Map<string, ReturnType<typeof scripted>>()
  return entries.map(([name, alternative, shortfall, remedy]) => {
    const authenticator = known.get(name) ?? scripted(name, undefined, remedy === null ? { remedy: undefined } : {})
    known.set(name, authenticator)
    return { alternative, authenticator, shortfall }
  })
}
async function answer(
  ...entries: Entry[]
): Promise<{ status: number; code: string; challenges: string | null; retryAfter: string | null }> {
  const { response, code } = await deny({ at: 'evaluate', tried: triedOf(entries), context }, crypto.randomUUID())
  return {
    status: response.status,
    code,
    challenges: response.headers.get('www-authenticate'),
    retryAfter: response.headers.get('retry-after'),
  }
}

describe('deny()', () => {
  test('nothing presented: 401 with one challenge per distinct scheme (OA-8)', async () => {
    expect(await answer(['user', 0, absent], ['app', 1, absent], ['user', 2, absent])).toMatchObject({
      status: 401,
      code: 'credential-missing',
      challenges: 'user realm="test", app realm="test"',
    })
  })
  test('a 401 always carries a challenge: where none could help it is 403', async () => {
    expect(await answer(['service', 0, absent, null])).toMatchObject({ status: 403, code: 'credential-missing', challenges: null })
    expect(await answer(['service', 0, bad, null])).toMatchObject({ status: 403, code: 'credential-rejected' })
  })
  test('an alternative with an absent term does not count beside one that is complete', async () => {
    expect(await answer(['user', 0, absent], ['app', 1, scopeless])).toMatchObject({ status: 403, code: 'scope-insufficient' })
  })
  test('GW-3: an outage is 503 with Retry-After, never 401', async () => {
    expect(await answer(['user', 0, down], ['app', 1, bad])).toMatchObject({
      status: 503,
      code: 'dependency-unavailable',
      challenges: null,
      retryAfter: '7',
    })
  })
  test('a rejected credential outweighs one that lacks a scope', async () => {
    expect(await answer(['user', 0, scopeless], ['app', 1, bad])).toMatchObject({ status: 401, code: 'credential-rejected' })
  })
  test('BT-2: the same credential twice is 400', async () => {
    expect(await answer(['user', 0, { status: 'rejected', reason: 'ambiguous' }])).toMatchObject({
      status: 400,
      code: 'credential-ambiguous',
    })
  })

  test('AK-8: what a prober could tell apart is one answer until a signature or MAC held', async () => {
    const merged = REJECTION_REASONS.filter((reason) => reason !== 'ambiguous' && reason !== 'cross_site')
    const bodies = await Promise.all(
      merged.map(async (reason) => {
        const { response } = await deny(
          { at: 'evaluate', tried: triedOf([['app', 0, { status: 'rejected', reason, detail: 'why' }]]), context },
          'id',
        )
        return `${response.status} ${await response.text()}`
      }),
    )
    expect(new Set(bodies).size).toBe(1)
    expect(bodies[0]).not.toContain('why')
  })

  test.each([
    ['expired', 401, 'credential-expired'],
    ['revoked', 401, 'credential-revoked'],
    ['disabled', 401, 'credential-disabled'],
    ['replaced', 401, 'credential-replaced'],
    ['address_not_allowed', 403, 'address-not-allowed'],
    ['origin_not_allowed', 403, 'credential-origin-not-allowed'],
    ['replayed', 401, 'replayed'],
    ['too_old', 401, 'credential-out-of-time'],
    ['component_not_covered', 401, 'component-not-covered'],
    ['digest_missing', 401, 'digest-missing'],
    ['digest_mismatch', 400, 'digest-mismatch'],
    ['content_too_large', 413, 'content-too-large'],
    ['audience_mismatch', 401, 'credential-rejected'],
    ['cross_site', 403, 'request-cross-site'],
  ] as const)('an authentic credential that is %s: %i %s', async (reason, status, code) => {
    expect(await answer(['app', 0, { status: 'rejected', reason, authentic: true }])).toMatchObject({ status, code })
  })

  test.each([
    [{ at: 'target', fault: 'dot_segment' }, 400, 'target-not-canonical'],
    [{ at: 'target', fault: 'too_long' }, 414, 'target-too-long'],
    [{ at: 'host' }, 421, 'host-unknown'],
    [{ at: 'path' }, 404, 'route-unknown'],
    [{ at: 'method', allow: ['GET', 'HEAD'] }, 405, 'method-not-allowed'],
    [{ at: 'content', maxBodyBytes: 1 }, 413, 'content-too-large'],
    [{ at: 'uncountable', limit: 'calls' }, 403, 'limit-not-countable'],
    [{ at: 'dependency', dependency: 'limits' }, 503, 'dependency-unavailable'],
    [{ at: 'dependency', dependency: 'policy' }, 503, 'policy-unavailable'],
    [{ at: 'origin', failure: 'timeout' }, 504, 'origin-timeout'],
    [{ at: 'origin', failure: 'unreachable' }, 502, 'origin-unreachable'],
    [{ at: 'bug', detail: 'secret reason' }, 500, 'internal-error'],
  ] as const)('PD-1: %j is %i %s', async (refusal, status, code) => {
    const { response } = await deny(refusal, '00000000-0000-4000-8000-000000000000')
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(response.headers.get('cache-control')).toBe('no-store')
    const body = await response.json<Record<string, unknown>>()
    expect(body).toMatchObject({
      type: `urn:portcullis:error:${code}`,
      status,
      code,
      instance: 'urn:uuid:00000000-0000-4000-8000-000000000000',
    })
    expect(response.status).toBe(status)
    expect(JSON.stringify(body)).not.toContain('secret reason')
  })
})
