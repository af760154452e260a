import { array, assert, constantFrom, oneof, property, string } from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  MAX_CANDIDATES,
  MAX_COMPONENTS,
  MAX_FIELD_LENGTH,
  readSignatureFields,
} from '../../../src/schemes/http-signature/signature-fields.ts'
import {
  acme,
  answerOf,
  authenticator,
  COMPONENTS,
  globex,
  NOW_SECONDS,
  PAYMENTS,
  resent,
  signedRequest,
  type Signer,
  type SignOptions,
  verify,
  withBoth,
} from './signing-client.ts'

const stranger: Signer = { keyid: 'acme-1', sign: async () => new Uint8Array(32) }
const nobody: Signer = { ...acme, keyid: 'nobody-1' }

const [good, bad] = [await signedRequest(acme), await signedRequest(stranger)]

async function answerTo(options: SignOptions, signer = acme): Promise<string> {
  return answerOf(await verify(await signedRequest(signer, options)))
}

describe('HS-1: a label', () => {
  const [input = '', signature = ''] = ['signature-input', 'signature'].map((name) => good.headers.get(name) ?? '')

  test.each<[what: string, fields: Record<string, string | undefined>]>([
    ['only in Signature-Input', { signature: undefined }],
    ['only in Signature', { 'signature-input': undefined }],
    ['of its own in each field', { signature: signature.replace('sig=', 'gis=') }],
    ['too many in Signature', { signature: `${signature}, other=:AAAA:` }],
    ['too many in Signature-Input', { 'signature-input': `${input}, other=("@method");created=1;keyid="a"` }],
    ['in other case', { signature: signature.replace('sig=', 'SIG=') }],
    ['that is empty in both', { 'signature-input': '', signature: '' }],
  ])('%s is malformed', async (_, fields) => {
    expect(answerOf(await verify(resent(good, { fields })))).toBe('malformed')
  })

  test('that comes twice counts as it came last, in both fields (RFC 9651 §4.2.2)', async () => {
    expect(answerOf(await verify(withBoth(bad, good)))).toBe('verified')
    expect(answerOf(await verify(withBoth(good, bad)))).toBe('signature_invalid')
  })

  test.each([
    ['an item in Signature-Input', { 'signature-input': 'sig="@method"' }],
    ['a string in Signature', { signature: `sig="${btoa('x')}"` }],
    ['a token in Signature', { signature: 'sig=abc' }],
    ['an inner list in Signature', { signature: 'sig=(:AAAA:)' }],
    ['true in Signature', { signature: 'sig' }],
    ['no dictionary at all', { signature: '::' }],
  ])('with %s is malformed', async (_, fields) => {
    expect(answerOf(await verify(resent(good, { fields })))).toBe('malformed')
  })
})

describe('HS-3: a component', () => {
  test.each([
    ['twice', '"@method"'],
    ['of responses', '"@status"'],
    ['whose form nobody can know', '"@request-target"'],
    ['that nobody knows', '"@body"'],
    ['in upper case', '"X-Amount"'],
    ['of the trailer', '"x-amount";tr'],
    ['of the request that was answered', '"@authority";req'],
    ['with a parameter that nobody knows', '"x-amount";part=1'],
    ['with two parameters', '"x-amount";sf;bs'],
    ['with a parameter turned off', '"x-amount";sf=?0'],
    ['with a member that is no string', '"x-amount";key=a'],
    ['derived, with a member', '"@path";key="a"'],
    ['named without a name', '"@query-param"'],
    ['that is a token', 'date'],
    ['without a name', '""'],
    ['that is not in the message', '"x-absent"'],
  ])('%s is malformed: %s', async (_, identifier) => {
    const identifiers = [...COMPONENTS.map((name) => `"${name}"`), identifier]
    const request = await signedRequest(acme, { fields: { 'x-amount': '5' } })
    const parameters = `;created=${NOW_SECONDS};keyid="acme-1";nonce="n"`
    const fields = { 'signature-input': `sig=(${identifiers.join(' ')})${parameters}` }
    expect(answerOf(await verify(resent(request, { fields })))).toBe('malformed')
  })

  test.each<[identifier: string, field: string, value: string]>([
    ['"x-amount"', ' 5 , 6', '5 , 6'],
    ['"x-amount";bs', '5', ':NQ==:'],
    ['"x-amount";key="b"', 'a=1, b=(2  3);c', '(2 3);c'],
    ['"priority";sf', 'u=1,   i', 'u=1, i'],
  ])('HS-4: %s is signed in its form', async (identifier, field, value) => {
    const name = identifier.slice(1, identifier.indexOf('"', 1))
    const options = { fields: { [name]: field }, components: [...COMPONENTS, identifier], values: { [identifier]: value } }
    expect(await answerTo(options)).toBe('verified')
    expect(await answerTo({ ...options, values: { [identifier]: `${value}0` } })).toBe('signature_invalid')
  })

  test.each([
    ['"x-amount";sf', '5'],
    ['"x-amount";bs', '5, 6'],
    ['"x-amount";key="c"', 'a=1, b=2'],
    ['"priority";sf', '='],
    ['"x-amount"', 'caf\u{e9}'],
  ])('HS-4: %s of %s has no form', async (identifier, field) => {
    const name = identifier.slice(1, identifier.indexOf('"', 1))
    const options = { fields: { [name]: field }, components: [...COMPONENTS, identifier], values: { [identifier]: field } }
    expect(await answerTo(options)).toBe('malformed')
  })

  test.each([
    [MAX_COMPONENTS, 'verified'],
    [MAX_COMPONENTS + 1, 'malformed'],
  ])('is one of %i at most: %s', async (count, answer) => {
    const names = Array.from({ length: count - COMPONENTS.length }, (_, index) => `x-${index}`)
    const fields = Object.fromEntries(names.map((name) => [name, 'v']))
    expect(await answerTo({ fields, components: [...COMPONENTS, ...names] })).toBe(answer)
  })
})

describe('HS-7: a parameter', () => {
  test.each<[what: string, parameters: NonNullable<SignOptions['parameters']>, answer: string]>([
    ['that nobody knows', { priority: '1' }, 'malformed'],
    ['created, missing', { created: undefined }, 'malformed'],
    ['created as text', { created: `"${NOW_SECONDS}"` }, 'malformed'],
    ['created with a fraction', { created: `${NOW_SECONDS}.5` }, 'malformed'],
    ['created before the epoch', { created: '-1' }, 'malformed'],
    ['keyid, missing', { keyid: undefined }, 'malformed'],
    ['keyid, empty', { keyid: '""' }, 'malformed'],
    ['keyid as a token', { keyid: 'acme-1' }, 'malformed'],
    ['keyid, as long as can be', { keyid: `"${'k'.repeat(1024)}"` }, 'unknown_key'],
    ['keyid, longer', { keyid: `"${'k'.repeat(1025)}"` }, 'malformed'],
    ['nonce, empty', { nonce: '""' }, 'malformed'],
    ['nonce as bytes', { nonce: ':AAAA:' }, 'malformed'],
    ['nonce, as long as can be', { nonce: `"${'n'.repeat(256)}"` }, 'verified'],
    ['nonce, longer', { nonce: `"${'n'.repeat(257)}"` }, 'malformed'],
    ['expires as text', { expires: '"1"' }, 'malformed'],
    ['expires when it was created', { expires: String(NOW_SECONDS) }, 'authentic expired'],
    ['expires before it was created', { expires: String(NOW_SECONDS - 1) }, 'malformed'],
    ['tag as a token', { tag: 'shop' }, 'malformed'],
    ['alg as a token', { alg: 'hmac-sha256' }, 'malformed'],
  ])('%s', async (_, parameters, answer) => {
    expect(await answerTo({ parameters })).toBe(answer)
  })
})

describe('HS-13: of several signatures', () => {
  const tagged = (tag: string | undefined, label: string): SignOptions => ({
    label,
    parameters: tag === undefined ? {} : { tag: `"${tag}"` },
  })

  test.each([
    ['forged', stranger, {}],
    ['of a key that nobody knows', nobody, {}],
    ['that is malformed', acme, { parameters: { priority: '1' } }],
    ['that is too old', acme, { parameters: { created: '1' } }],
    ['that covers nothing', acme, { components: [] }],
    ['of no length that its key has', { ...globex, sign: async () => new Uint8Array(32) }, {}],
    ['of a key that is down', { ...acme, keyid: 'broken-1' }, {}],
  ])('one %s fails alone', async (_, signer, options) => {
    const [failing, holding] = [await signedRequest(signer, { label: 'a', ...options }), await signedRequest(acme, { label: 'b' })]
    expect(answerOf(await verify(withBoth(failing, holding)))).toBe('verified')
    expect(answerOf(await verify(withBoth(holding, failing)))).toBe('verified')
  })

  test('each counts for its own key alone', async () => {
    const both = withBoth(await signedRequest(stranger, { label: 'a' }), await signedRequest(globex, { label: 'b' }))
    expect(await verify(both)).toMatchObject({ principal: { consumer: 'globex', scopes: new Set() } })
  })

  test('all of which fail, an outage is told first, then what the holder of a key did wrong', async () => {
    const forged = await signedRequest(stranger, { label: 'a' })
    const late = await signedRequest(acme, { label: 'b', parameters: { created: '1' } })
    const down = await signedRequest({ ...acme, keyid: 'broken-1' }, { label: 'c' })
    expect(answerOf(await verify(withBoth(forged, late)))).toBe('authentic too_old')
    expect(answerOf(await verify(withBoth(withBoth(forged, late), down)))).toBe('secret_unavailable')
  })

  test('those with another tag are another scheme’s', async () => {
    const made = authenticator({ tag: 'shop' })
    expect(answerOf(await verify(await signedRequest(acme, tagged('shop', 'a')), made))).toBe('verified')
    for (const tag of ['Shop', 'shop2', 'web-bot-auth', undefined]) {
      expect(made.read(await signedRequest(acme, tagged(tag, 'a')))).toBeUndefined()
    }
    expect(await answerTo(tagged('anything', 'a'))).toBe('verified')
  })

  test('a bad one of another tag does no harm, a good one no good', async () => {
    const made = authenticator({ tag: 'shop' })
    const ours = await signedRequest(acme, tagged('shop', 'a'))
    const theirs = await signedRequest(acme, { label: 'b', parameters: { tag: '"other"', priority: '1' } })
    expect(answerOf(await verify(withBoth(theirs, ours), made))).toBe('verified')
    const forged = await signedRequest(stranger, tagged('shop', 'a'))
    expect(answerOf(await verify(withBoth(forged, await signedRequest(acme, tagged('other', 'b'))), made))).toBe('signature_invalid')
  })

  async function several(count: number, tag: string): Promise<Request> {
    const requests = await Promise.all(Array.from({ length: count }, async (_, index) => signedRequest(acme, tagged(tag, `s${index}`))))
    return requests.reduce(withBoth)
  }
  test.each([
    [MAX_CANDIDATES, 'verified'],
    [MAX_CANDIDATES + 1, 'malformed'],
  ])('%i are looked at: %s', async (count, answer) => {
    const made = authenticator({ tag: 'shop' })
    const ours = await several(count, 'shop')
    expect(answerOf(await verify(ours, made))).toBe(answer)
    expect(answerOf(await verify(withBoth(await signedRequest(acme, tagged('other', 'o')), ours), made))).toBe(answer)
  })
})

describe('readSignatureFields()', () => {
  test.each([
    [MAX_FIELD_LENGTH, 'verified'],
    [MAX_FIELD_LENGTH + 1, 'malformed'],
  ])('a field has %i characters: %s', async (length, answer) => {
    const request = await signedRequest(acme)
    const input = request.headers.get('signature-input') ?? ''
    const padded = input.replace('(', `(${' '.repeat(length - input.length)}`)
    expect(padded).toHaveLength(length)
    expect(answerOf(await verify(resent(request, { fields: { 'signature-input': padded } })))).toBe(answer)
  })

  test('throws at nothing, and reads no candidate without a date and a key', () => {
    const parts = oneof(
      string({ maxLength: 4 }),
      constantFrom('sig=', '(', ')', '"@path"', ';key="a"', ';sf', ';created=', '1', ';keyid="a"', ';nonce="n"', ':AAAA:', ', ', ' '),
    )
    const field = array(parts, { maxLength: 12 }).map((list) => list.join('').replaceAll(/[^\x20-\x7e]/gu, ''))
    assert(
      property(field, field, (input, signature) => {
        const read = readSignatureFields(new Headers({ 'signature-input': input, signature }), undefined)
        if (read.status !== 'read') return true
        return read.candidates.every((found) => 'malformed' in found || (found.created >= 0 && found.keyid !== ''))
      }),
      { numRuns: 500 },
    )
  })

  test('an unsigned request has none', () => {
    expect(readSignatureFields(new Request(PAYMENTS).headers, undefined)).toEqual({ status: 'absent' })
  })
})
