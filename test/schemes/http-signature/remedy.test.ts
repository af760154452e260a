import { parseDictionary } from 'structured-headers'
import { describe, expect, test } from 'vitest'
import type { Authenticator, Shortfall } from '../../../src/schemes/authenticator.ts'
import { acme, answerOf, authenticator, COMPONENTS, contextOf, PAYMENTS, signedRequest, verify } from './signing-client.ts'

const GET = new Request(PAYMENTS)
const ABSENT: Shortfall = { status: 'absent' }

async function fieldsOf(made: Authenticator, shortfall: Shortfall, request = GET): Promise<ReadonlyMap<string, string>> {
  const remedy = await made.remedy(shortfall, contextOf(request))
  return new Map(remedy?.fields)
}

/** Label, component names and parameters of an Accept-Signature (RFC 9421 §5.1). */
function parsed(field: string | undefined) {
  const [member] = parseDictionary(field ?? '')
  const [label = '', value = []] = member ?? []
  const [items, parameters] = value as [[string, Map<string, unknown>][], Map<string, unknown>]
  return { label, components: items.map(([name]) => name), parameters: Object.fromEntries(parameters) }
}

describe('HS-15: remedy()', () => {
  test('challenges, and says what a signature must cover', async () => {
    const remedy = await authenticator().remedy(ABSENT, contextOf(GET))
    expect(remedy?.challenges).toEqual(['Signature realm="portcullis"'])
    const [name, value] = remedy?.fields?.[0] ?? []
    expect(name).toBe('Accept-Signature')
    expect(parsed(value)).toEqual({
      label: 'sig-signed',
      components: COMPONENTS,
      parameters: { created: true, nonce: expect.stringMatching(/^[\w-]{22}$/u) },
    })
  })

  test('names no key: keyid would be the one to sign with (RFC 9421 §5.1)', async () => {
    expect((await fieldsOf(authenticator(), ABSENT)).get('Accept-Signature')).not.toContain('keyid')
  })

  test('what it asks for is what is let in', async () => {
    const made = authenticator({ tag: 'shop', coveredFields: ['x-api-key'] })
    const request = new Request(PAYMENTS, { method: 'POST', body: '{}' })
    const { components, parameters } = parsed((await fieldsOf(made, ABSENT, request)).get('Accept-Signature'))
    const { nonce, tag } = parameters as Record<string, string>
    const signed = await signedRequest(acme, {
      body: '{}',
      fields: { 'x-api-key': 'pck_1' },
      components,
      parameters: { nonce: `"${nonce}"`, tag: `"${tag}"` },
    })
    expect(components).toEqual([...COMPONENTS, 'x-api-key', 'content-digest'])
    expect(answerOf(await verify(signed, made))).toBe('verified')
  })

  test('gives every caller a nonce of its own, and none where none is needed', async () => {
    const made = authenticator()
    const nonces = [await fieldsOf(made, ABSENT), await fieldsOf(made, ABSENT)].map((fields) => fields.get('Accept-Signature'))
    expect(new Set(nonces).size).toBe(2)
    expect((await fieldsOf(authenticator({ nonce: false }), ABSENT)).get('Accept-Signature')).not.toContain('nonce')
  })

  test.each([
    ['Signed Requests/2', 'a"b\\c'],
    ['ünïcode', 'shop'],
  ])('is a dictionary whatever the names: %j, %j', async (name, tag) => {
    const { label, parameters } = parsed((await fieldsOf(authenticator({ name, tag }), ABSENT)).get('Accept-Signature'))
    expect(label).toMatch(/^sig-[a-z0-9_.*-]+$/u)
    expect(parameters).toMatchObject({ tag })
  })

  test('a component of the policy keeps its parameter', async () => {
    const made = authenticator({ components: ['@method', '@query-param;name="id"'] })
    expect((await fieldsOf(made, ABSENT)).get('Accept-Signature')).toContain('("@method" "@query-param";name="id")')
  })

  test.each<[Shortfall, wanted: string | undefined]>([
    [{ status: 'rejected', reason: 'digest_missing' }, 'sha-256=1'],
    [{ status: 'rejected', reason: 'digest_mismatch' }, 'sha-256=1'],
    [{ status: 'rejected', reason: 'signature_invalid' }, undefined],
    [ABSENT, undefined],
  ])('RFC 9530 §4: of %j wants a digest: %s', async (shortfall, wanted) => {
    const fields = await fieldsOf(authenticator(), shortfall)
    expect(fields.get('Want-Content-Digest')).toBe(wanted)
    expect(fields.has('Accept-Signature')).toBe(true)
  })

  test.each<Shortfall>([
    { status: 'insufficient_scope', required: ['a'] },
    { status: 'forbidden', condition: 'claims' },
    { status: 'credentials_disagree' },
    { status: 'unavailable', reason: 'replay_memory_unavailable' },
  ])('no better signature would help with %j', async (shortfall) => {
    expect(await authenticator().remedy(shortfall, contextOf(GET))).toBeUndefined()
  })
})
