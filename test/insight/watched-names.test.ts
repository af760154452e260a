import { beforeAll, expect, test } from 'vitest'
import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import { createWatchedNames, type WatchedNames } from '../../src/insight/watched-names.ts'
import type { Principal } from '../../src/schemes/authenticator.ts'

const OLD = 'g1:Vq3n0m0d5b2n8K4rWc7Xy1Zt6Ls9Jh2Gf5Da8Pe3Ou0'
const LABEL = { gateway: 'test', environment: 'test' }
const token: Principal = {
  scheme: 'token',
  kind: 'jwt',
  issuer: 'https://login.example.net',
  subject: 'ada',
  credentialId: 'jti-1',
  scopes: new Set(),
  claims: { client_id: 'app' },
  expiresAt: 0,
}
let names: WatchedNames
beforeAll(async () => {
  names = await createWatchedNames(parseRootSecret(OLD, LABEL)).load()
})

test('every token and session of a person has one name, which tells nothing of them', () => {
  const [name] = names.of(token)
  expect(name).toMatch(/^person-[0-9a-z]{8,11}$/u)
  expect(names.of({ ...token, credentialId: 'jti-2', claims: {} })).toEqual([name])
  expect(names.of({ ...token, kind: 'session', scheme: 'web', credentialId: 's' })).toEqual([name])
})

test.each([
  ['another person', { subject: 'eve' }],
  ['the same subject of another issuer', { issuer: 'https://other.example.net' }],
  ['what only looks the same when joined', { issuer: 'https://login.example.net","ada' }],
  ['a client of that name', { claims: { client_id: 'ada' } }],
])('%s has another name', (_what, changes) => expect(names.of({ ...token, ...changes })).not.toEqual(names.of(token)))

test('AT-3: a token that a client has for itself is the client', () => {
  const own = { ...token, subject: 'app' }
  expect(names.of(own)[0]).toMatch(/^client-/u)
  expect(names.of({ ...own, claims: { azp: 'app' } })).toEqual(names.of(own))
  expect(names.of({ ...own, kind: 'session' })[0]).toMatch(/^person-/u)
})

test('what lasts is named by its id', () => {
  for (const kind of ['api-key', 'mutual-tls', 'http-signature'] as const) expect(names.of({ ...token, kind })).toEqual(['jti-1'])
})

test('after the root secret was replaced the earlier name still restricts', async () => {
  const both = parseRootSecret(
    `g2:${btoa(String.fromCodePoint(...crypto.getRandomValues(new Uint8Array(32))))
      .replaceAll('+', '-')
      .replaceAll('/', '_')
      .replaceAll('=', '')},${OLD}`,
    LABEL,
  )
  const [newest, earlier] = (await createWatchedNames(both).load()).of(token)
  expect(newest).not.toBe(earlier)
  expect([earlier]).toEqual(names.of(token))
})
