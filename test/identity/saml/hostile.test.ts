import { describe, expect, test } from 'vitest'
import { encodeBase64 } from '../../../src/http/base64url.ts'
import { answerOf, codeOf, createBench } from '../../support/saml-provider.ts'
import { partsOf } from './hostile-documents.ts'
import { HOSTILE_FORMS } from './hostile-forms.ts'
import { HOSTILE_STATEMENTS } from './hostile-statements.ts'

const HOSTILE = { ...HOSTILE_FORMS, ...HOSTILE_STATEMENTS }

describe('hostile documents', () => {
  test('there are many of them', () => {
    expect(Object.keys(HOSTILE).length).toBeGreaterThanOrEqual(120)
  })

  test('the genuine one signs in', async () => {
    const bench = createBench()
    const begun = await bench.begin()
    expect(codeOf(await bench.post((await partsOf(begun.requestId)).xml, begun))).toBe('signed_in')
  })

  test.each(Object.entries(HOSTILE))('%s', async (_name, { make, code, policy }) => {
    const bench = createBench(policy)
    const begun = await bench.begin()
    const outcome = await bench.post(await make(begun.requestId), begun)
    expect(codeOf(outcome)).toBe(code)
    if (outcome.status !== 'refused') return
    expect(outcome.detail).not.toMatch(/\bann\b|admin|staff/u)
    // Whoever sends it learns no more than that it does not hold.
    expect(['provider-answer-invalid', 'provider-refused', 'request-malformed']).toContain(outcome.code)
  })
})

describe('the form', () => {
  const form = (body: string, type = 'application/x-www-form-urlencoded') => ({ method: 'POST', body, headers: { 'content-type': type } })
  test.each([
    ['no field', form('a=b'), 'form'],
    ['an empty field', form('SAMLResponse='), 'form'],
    ['the field twice', form('SAMLResponse=AAAA&SAMLResponse=AAAA'), 'form'],
    ['RelayState twice', form('SAMLResponse=AAAA&RelayState=a&RelayState=b'), 'form'],
    ['a request as well', form('SAMLResponse=AAAA&SAMLRequest=AAAA'), 'form'],
    ['JSON', form('{"SAMLResponse":"AAAA"}', 'application/json'), 'form'],
    ['no content', { method: 'POST' }, 'form'],
    ['other letters', form('SAMLResponse=AA*A'), 'base64'],
    ['a space for a plus', form('SAMLResponse=AA+A'), 'base64'],
    ['no padding', form('SAMLResponse=AAA'), 'base64'],
    ['512 KiB', form(`SAMLResponse=${'A'.repeat(524_288 - 13)}`), 'base64'],
    ['a byte more', form(`SAMLResponse=${'A'.repeat(524_288 - 12)}`), 'form'],
  ])('%s', async (_name, init, code) => {
    expect(codeOf(await createBench().send('acs', init))).toBe(code)
  })

  test('line breaks in Base64 are taken', async () => {
    const bench = createBench()
    const begun = await bench.begin()
    const encoded = encodeBase64(new TextEncoder().encode(await answerOf({ requestId: begun.requestId })))
    const body = new URLSearchParams({ SAMLResponse: encoded.replaceAll(/.{76}/gu, '$&\r\n'), RelayState: begun.relayState })
    expect(codeOf(await bench.send('acs', { method: 'POST', body, headers: { cookie: begun.cookie } }))).toBe('signed_in')
  })

  test('another method, another browser, another provider', async () => {
    expect(await createBench().send('acs')).toMatchObject({ status: 'refused', code: 'method-not-allowed' })
    const bench = createBench()
    const begun = await bench.begin()
    const xml = await answerOf({ requestId: begun.requestId })
    expect(codeOf(await bench.post(xml, { ...begun, cookie: '' }))).toBe('transaction')
    expect(codeOf(await bench.post(xml, { ...begun, relayState: 'A'.repeat(22) }))).toBe('transaction')
    expect(codeOf(await createBench({ name: 'other' }).post(xml, begun))).toBe('transaction')
  })
})
