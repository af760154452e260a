import { describe, expect, test } from 'vitest'
import { createGate } from '../../src/gate.ts'
import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import { canonicalize } from '../../src/http/canonical-url.ts'
import { createMemoryLimiter } from '../../src/limits/memory-limiter.ts'
import { createAssertionSigner } from '../../src/origin/assertion.ts'
import { withoutCookies } from '../../src/origin/carriers.ts'
import { isStripped } from '../../src/origin/stripped-fields.ts'
import { createMemoryRevocations } from '../../src/revocation/memory-revocations.ts'
import { parseRevocationRequest } from '../../src/revocation/revocation-request.ts'
import { createTestGate } from '../../src/testing/index.ts'
import { NOW } from '../support/authenticators.ts'
import { createOrdersGate, get, key, prepare } from '../support/orders.ts'
import { policyDocument } from '../support/policy-document.ts'

const ROOT_KEY = 'g1:Vq3n0m0d5b2n8K4rWc7Xy1Zt6Ls9Jh2Gf5Da8Pe3Ou0'

test('what one caller was answered never comes to another from the platform’s cache, which knows URLs alone', async () => {
  const gate = createOrdersGate()
  await gate.fetch(await prepare(gate, get(gate, '/v1/orders/1'), [key('acme')]))
  expect(gate.forwarded[0]?.cache).toBe('no-store')
})

test('a base path that is sent escaped cannot lengthen the name of the origin’s host', async () => {
  const document = policyDocument()
  document.servers = [{ url: 'https://api.example.com/@v' }]
  document['x-portcullis'].origins.main.stripBasePath = true
  document.paths = { '/status': { get: { security: [{}] } }, '/': { get: { security: [{}] } } }
  const gate = createTestGate({ policy: document })
  for (const path of ['/@v/status', '/%40v/status', '/@v/']) await gate.fetch(new Request(gate.baseUrl + path))
  expect(gate.forwarded.map(({ url }) => url)).toEqual([
    'https://origin.example.com/status',
    'https://origin.example.com/status',
    'https://origin.example.com/',
  ])
})

describe('targets that an origin may read as another', () => {
  test.each(['/open/..;/key', '/open/..;a=1/key', '/open/.;/key', '/open/..;', '/..;/', '/open/..%3b/key', '/open/..%3Bx'])(
    '%s is refused: cut off its parameters, it climbs',
    (path) => {
      expect(canonicalize(`https://api.example.com${path}`)).toEqual({ status: 'refused', fault: 'dot_segment' })
    },
  )
  test.each(['/open/..a;/key', '/open/a;..', '/open/...;x', '/open/a..;x', '/open/;..'])('%s is not', (path) => {
    expect(canonicalize(`https://api.example.com${path}`).status).toBe('canonical')
  })
})

describe('fields that an origin may believe', () => {
  test.each([
    'ssl-client-verify',
    'ssl_client_s_dn',
    'x-arr-clientcert',
    'x-ms-client-principal',
    'x-ms-client-principal-id',
    'x-goog-iap-jwt-assertion',
  ])('GW-1: %s does not pass', (name) => {
    expect(isStripped(name)).toBe(true)
  })
})

test.each(['x_api_key', 'X_API-Key', 'signature_input'])('GW-1: %s is the carrier that an origin behind CGI reads it as', async (name) => {
  const gate = createOrdersGate()
  expect((await gate.fetch(get(gate, '/v1/status', { [name]: 'somebody' }))).status).toBe(200)
  expect(JSON.stringify([...(gate.forwarded[0]?.headers ?? [])])).not.toContain('somebody')
})

describe('a key in a cookie does not pass', () => {
  const names = new Set(['session'])
  test.each([
    ['a=1, session=KEY', 'a=1'],
    ['a=1, session=KEY, b=2', 'a=1, b=2'],
    ['session=KEY, a=1', 'a=1'],
    ['a=1; b=2,session=KEY; c=3', 'a=1; b=2; c=3'],
    ['session=KEY,session=OTHER', undefined],
    ['a=1, 2; b=x,y', 'a=1, 2; b=x,y'],
  ])('%j becomes %j: a field sent twice is joined by a comma', (field, expected) => {
    expect(withoutCookies(field, names)).toBe(expected)
  })
})

describe('cross-origin sharing', () => {
  const answer = async (from: string | undefined): Promise<Headers> => {
    const document = policyDocument()
    document.paths['/status'].get['x-portcullis'] = { cors: { origins: ['https://app.example.com'], credentials: true } }
    const gate = createTestGate({
      policy: document,
      origin: (request) =>
        new Response('private', {
          headers: {
            'access-control-allow-origin': request.headers.get('origin') ?? '*',
            'access-control-allow-credentials': 'true',
            'access-control-expose-headers': 'X-Secret',
          },
        }),
    })
    return (await gate.fetch(get(gate, '/v1/status', from === undefined ? {} : { origin: from }))).headers
  }

  test.each(['https://evil.example', 'null', undefined])(
    'OW-8: an origin that lets everybody in does not widen the policy to %s',
    async (from) => {
      const headers = await answer(from)
      expect(headers.get('access-control-allow-origin')).toBeNull()
      expect(headers.get('access-control-allow-credentials')).toBeNull()
      expect(headers.get('access-control-expose-headers')).toBeNull()
    },
  )

  test('who may, may', async () => {
    expect((await answer('https://app.example.com')).get('access-control-allow-origin')).toBe('https://app.example.com')
  })
})

test('assertions for long paths do not fill the memory of an isolate', async () => {
  const signer = createAssertionSigner(parseRootSecret(ROOT_KEY, { gateway: 'test', environment: 'test' }), 'test')
  const sign = (path: string): string | Promise<string> =>
    signer.sign(
      {
        path,
        audience: 'https://origin.example.com',
        method: 'GET',
        route: 'GET /open/{rest+}',
        caller: { principals: [], expiresAt: Number.POSITIVE_INFINITY },
      },
      NOW,
    )
  await sign('/open/first')
  expect(typeof sign('/open/first')).toBe('string')
  for (let index = 0; index < 120; index += 1) await sign(`/open/${'x'.repeat(16_000)}${index}`)
  expect(typeof sign('/open/first')).not.toBe('string')
})

test('a client that leaves before its answer leaves a record all the same', async () => {
  const log: string[] = []
  const pending: Promise<unknown>[] = []
  const origin = Promise.withResolvers<Response>()
  const gate = createGate(policyDocument(), { PORTCULLIS_ROOT_KEY: ROOT_KEY } as never, {
    limiter: createMemoryLimiter(() => NOW),
    revocations: createMemoryRevocations(),
    log: (line) => log.push(line),
    fetch: async () => origin.promise,
  })
  const answering = gate.handle(new Request('https://api.example.com/v1/status'), { waitUntil: (promise) => pending.push(promise) })
  expect(pending).toHaveLength(1)
  expect(log).toEqual([])
  origin.resolve(new Response('late'))
  await answering
  await Promise.all(pending)
  expect(log.map((line) => (JSON.parse(line) as { readonly code?: string }).code)).toEqual(['forwarded'])
})

test.each(['2027-01-31T00:00:00+05', '2027-01-31'])('a revocation until %s is refused, not stored until never', (expiresAt) => {
  expect(parseRevocationRequest({ type: 'key', id: 'a', expiresAt }, NOW)).toMatchObject({
    status: 'invalid',
    errors: [{ pointer: '/expiresAt' }],
  })
})
