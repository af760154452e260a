import { describe, expect, test } from 'vitest'
import { NOW } from '../../support/authenticators.ts'
import type { JwtIssuer } from '../../../src/schemes/jwt/config.ts'
import { createKeySetSource } from '../../../src/schemes/jwt/key-set-source.ts'

const ISSUER = 'https://idp.example/tenant'
const OPENID = `${ISSUER}/.well-known/openid-configuration`
const OAUTH = 'https://idp.example/.well-known/oauth-authorization-server/tenant'
const JWKS = 'https://keys.example/jwks'
const SET = '{"keys":[]}'
const MAX_BYTES = 256 * 1024

type Answers = Readonly<Record<string, () => Response>>
interface Options {
  readonly issuer?: Partial<JwtIssuer>
  readonly isLocal?: boolean
}
function source(answers: Answers, { issuer = {}, isLocal = false }: Options = {}) {
  const fetched: string[] = []
  const inits: (RequestInit | undefined)[] = []
  const fetch = async (url: string, init?: RequestInit): Promise<Response> => {
    fetched.push(url)
    inits.push(init)
    return answers[url]?.() ?? new Response(null, { status: 404 })
  }
  const made = createKeySetSource({ issuer: ISSUER, audiences: ['a'], algorithms: ['ES256'], ...issuer }, { fetch, isLocal })
  const messageOf = async (now = NOW): Promise<string> => {
    try {
      return (await made.fetch(now)).text
    } catch (error) {
      return error instanceof Error ? `${error.name}: ${error.message}` : 'not an Error'
    }
  }
  return { ...made, fetched, inits, messageOf }
}
const metadata =
  (members: Readonly<Record<string, unknown>> = {}, headers: Record<string, string> = {}) =>
  (): Response =>
    Response.json({ issuer: ISSUER, jwks_uri: JWKS, ...members }, { headers })
const keys = (): Response => new Response(SET)
const direct = { issuer: { jwksUri: JWKS } }
const NO_METADATA = 'IssuerFault: no metadata document names this issuer and a key set'

describe('createKeySetSource()', () => {
  test('MD-1: looks where OpenID Connect says, then where RFC 8414 says', async () => {
    const openid = source({ [OPENID]: metadata(), [JWKS]: keys })
    expect(await openid.messageOf()).toBe(SET)
    expect(openid.fetched).toEqual([OPENID, JWKS])
    const oauth = source({ [OAUTH]: metadata(), [JWKS]: keys })
    expect(await oauth.messageOf()).toBe(SET)
    expect(oauth.fetched).toEqual([OPENID, OAUTH, JWKS])
  })

  test('MD-1: a slash at the end of the issuer is dropped from the address, not from the name', async () => {
    const made = source({ [OPENID]: metadata({ issuer: `${ISSUER}/` }), [JWKS]: keys }, { issuer: { issuer: `${ISSUER}/` } })
    expect(await made.messageOf()).toBe(SET)
  })

  test('the policy’s own addresses come first', async () => {
    const made = source({ [JWKS]: keys }, direct)
    expect(await made.messageOf()).toBe(SET)
    expect(made.fetched).toEqual([JWKS])
    const elsewhere = source({ 'https://m.example/': metadata(), [JWKS]: keys }, { issuer: { metadataUrl: 'https://m.example/' } })
    expect(await elsewhere.messageOf()).toBe(SET)
    expect(elsewhere.fetched).toEqual(['https://m.example/', JWKS])
  })

  test.each([
    ['of another issuer', { issuer: 'https://evil.example' }],
    ['of an issuer that differs by a slash', { issuer: `${ISSUER}/` }],
    ['of no issuer', { issuer: undefined }],
    ['with an issuer that is a list', { issuer: [ISSUER] }],
    ['without a key set', { jwks_uri: undefined }],
    ['with a key set that is no text', { jwks_uri: [JWKS] }],
  ])('JB-6: metadata %s names no keys', async (_, members) => {
    const made = source({ [OPENID]: metadata(members), [JWKS]: keys })
    expect(await made.messageOf()).toBe(NO_METADATA)
    expect(made.fetched).not.toContain(JWKS)
  })

  test.each(['not JSON', '[]', 'null', '"text"'])('metadata that is %s names no keys', async (text) => {
    expect(await source({ [OPENID]: () => new Response(text), [JWKS]: keys }).messageOf()).toBe(NO_METADATA)
  })

  test.each([
    'http://keys.example/jwks',
    'http://localhost/jwks',
    'https://user@keys.example/jwks',
    'https://user:secret@keys.example/jwks',
    'file:///etc/passwd',
    'data:application/json,{"keys":[]}',
    '/jwks',
    '',
  ])('JB-8: a key set at %j is not asked for', async (url) => {
    const made = source({ [OPENID]: metadata({ jwks_uri: url }), [url]: keys })
    expect(await made.messageOf()).toBe('IssuerFault: a document of the issuer is not at an https URL')
    expect(made.fetched).toEqual([OPENID])
  })

  test.each([
    ['http://localhost:8788/jwks', true],
    ['http://127.0.0.1/jwks', true],
    ['http://[::1]:1/jwks', true],
    ['http://localhost.evil.example/jwks', false],
    ['http://127.0.0.1.evil.example/jwks', false],
    ['http://10.0.0.1/jwks', false],
    ['ftp://localhost/jwks', false],
  ])('in development alone, http reaches the same machine: %s %s', async (jwksUri, isTaken) => {
    const local = source({ [jwksUri]: keys }, { issuer: { jwksUri }, isLocal: true })
    expect((await local.messageOf()) === SET).toBe(isTaken)
    const deployed = source({ [jwksUri]: keys }, { issuer: { jwksUri } })
    expect(await deployed.messageOf()).not.toBe(SET)
    expect(deployed.fetched).toEqual([])
  })

  test.each([201, 204, 301, 302, 307, 400, 404, 429, 500, 503])(
    'an answer of %i is no key set, and no redirect is followed',
    async (status) => {
      const answer = (): Response => new Response(status === 204 ? null : SET, { status, headers: { location: 'https://evil.example/' } })
      const made = source({ [JWKS]: answer }, direct)
      expect(await made.messageOf()).toBe(`IssuerFault: the issuer answered ${status}`)
      expect(made.fetched).toEqual([JWKS])
      expect(made.inits[0]).toMatchObject({ redirect: 'manual' })
      expect(made.inits[0]?.signal).toBeInstanceOf(AbortSignal)
    },
  )

  test.each([
    [MAX_BYTES, true],
    [MAX_BYTES + 1, false],
  ])('JC-6: %i bytes are taken: %s', async (bytes, isTaken) => {
    const text = SET.padEnd(bytes, ' ')
    const streamed = (): Response => new Response(new Blob([text]).stream(), { headers: { 'content-length': '11' } })
    const expected = isTaken ? text : `IssuerFault: a document of the issuer is longer than ${MAX_BYTES} bytes`
    expect(await source({ [JWKS]: () => new Response(text) }, direct).messageOf()).toBe(expected)
    expect(await source({ [JWKS]: streamed }, direct).messageOf()).toBe(expected)
  })

  test('a document that is not UTF-8 is refused', async () => {
    const made = source({ [JWKS]: () => new Response(new Uint8Array([0x22, 0xff, 0x22])) }, direct)
    expect(await made.messageOf()).toMatch(/^TypeError/u)
  })

  test('the place is kept while its document is fresh, and looked up again once the place fails', async () => {
    let isGone = false
    const answer = (): Response => (isGone ? new Response(null, { status: 410 }) : keys())
    const made = source({ [OPENID]: metadata({}, { 'cache-control': 'max-age=60' }), [JWKS]: answer })
    await made.messageOf()
    await made.messageOf(NOW + 59_999)
    expect(made.fetched.splice(0)).toEqual([OPENID, JWKS, JWKS])
    await made.messageOf(NOW + 60_000)
    expect(made.fetched.splice(0)).toEqual([OPENID, JWKS])
    isGone = true
    await made.messageOf(NOW + 60_000)
    isGone = false
    expect(await made.messageOf(NOW + 60_000)).toBe(SET)
    expect(made.fetched).toEqual([JWKS, OPENID, JWKS])
  })

  test('says when it was fetched and how long it is fresh', async () => {
    const made = source({ [JWKS]: () => new Response(SET, { headers: { 'cache-control': 'private, max-age=60' } }) }, direct)
    expect(await made.fetch(NOW)).toEqual({ text: SET, fetchedAt: NOW, freshUntil: NOW + 60_000, isShareable: false })
  })
})
