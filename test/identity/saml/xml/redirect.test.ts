import { describe, expect, test, vi } from 'vitest'
import { encodeBase64 } from '../../../../src/http/base64url.ts'
import { attributeOf, XML_LIMITS } from '../../../../src/http/xml.ts'
import { importSigningKey, importVerificationKey, type SigningKey, type VerificationKey } from '../../../../src/identity/saml/xml/keys.ts'
import { signRedirect, verifyRedirect } from '../../../../src/identity/saml/xml/redirect.ts'
import { vectorKey } from '../../../support/saml.ts'

const pair = (await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])) as CryptoKeyPair
const key = (await importSigningKey(new Uint8Array((await crypto.subtle.exportKey('pkcs8', pair.privateKey)) as ArrayBuffer))) as SigningKey
const keys = [
  (await importVerificationKey(new Uint8Array((await crypto.subtle.exportKey('spki', pair.publicKey)) as ArrayBuffer))) as VerificationKey,
]
const ALGORITHM = 'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256'

async function deflate(content: string | Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([content as string]).stream().pipeThrough(new CompressionStream('deflate-raw'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

/** Signs any raw query, as a stack with an encoding of its own would. */
async function signRaw(query: string): Promise<string> {
  const value = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, pair.privateKey, new TextEncoder().encode(query))
  return `${query}&Signature=${encodeURIComponent(encodeBase64(new Uint8Array(value)))}`
}
const sigAlg = `SigAlg=${encodeURIComponent(ALGORITHM)}`
const message = async (content: string): Promise<string> => encodeURIComponent(encodeBase64(await deflate(content)))

async function outcomeOf(query: string, trusted = keys): Promise<string> {
  const result = await verifyRedirect(query, trusted)
  return result.status === 'refused' ? result.code : `${result.parameter} ${attributeOf(result.signed, 'ID')} ${result.relayState}`
}

const XML = '<LogoutRequest xmlns="urn:oasis:names:tc:SAML:2.0:protocol" ID="_1"/>'
const signed = await signRedirect({ parameter: 'SAMLRequest', xml: XML, relayState: 'a b&c=d+é%' }, key)

describe('signRedirect() and verifyRedirect()', () => {
  test('SA-1: message, RelayState, SigAlg, Signature, in that order', async () => {
    expect(signed.split('&').map((part) => part.split('=')[0])).toEqual(['SAMLRequest', 'RelayState', 'SigAlg', 'Signature'])
    expect(await outcomeOf(signed)).toBe('SAMLRequest _1 a b&c=d+é%')
    const response = await signRedirect({ parameter: 'SAMLResponse', xml: XML }, key)
    expect(await outcomeOf(response)).toBe('SAMLResponse _1 undefined')
  })

  test('the order in which they arrive is of no matter, nor are names of nobody', async () => {
    expect(await outcomeOf(`x=1&${signed.split('&').toReversed().join('&')}&SAMLrequest=2&`)).toBe('SAMLRequest _1 a b&c=d+é%')
    const encoding = encodeURIComponent('urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE')
    expect(await outcomeOf(`${signed}&SAMLEncoding=${encoding}`)).toBe('SAMLRequest _1 a b&c=d+é%')
  })

  test('the bytes as sent: another spelling of escapes verifies only if it was signed', async () => {
    const lower = `SAMLRequest=${(await message(XML)).replaceAll(/%../gu, (escape) => escape.toLowerCase())}&RelayState=%7e+x&${sigAlg.replaceAll(/%../gu, (escape) => escape.toLowerCase())}`
    expect(await outcomeOf(await signRaw(lower))).toBe('SAMLRequest _1 ~ x')
    expect(await outcomeOf((await signRaw(lower)).replace('%7e', '%7E'))).toBe('signature-invalid')
    expect(await outcomeOf((await signRaw(lower)).replace('%7e+x', '~+x'))).toBe('signature-invalid')
  })

  test('an empty RelayState is one, and counts', async () => {
    const empty = await signRaw(`SAMLRequest=${await message(XML)}&RelayState=&${sigAlg}`)
    expect(await outcomeOf(empty)).toBe('SAMLRequest _1 ')
    expect(await outcomeOf(empty.replace('&RelayState=', ''))).toBe('signature-invalid')
  })

  test.each([
    ['another RelayState', signed.replace('RelayState=a', 'RelayState=b'), 'signature-invalid'],
    ['no RelayState', signed.replace(/&RelayState=[^&]*/u, ''), 'signature-invalid'],
    ['a request as a response', signed.replace('SAMLRequest', 'SAMLResponse'), 'signature-invalid'],
    ['a message changed', signed.replace('SAMLRequest=', 'SAMLRequest=A'), 'signature-invalid'],
    ['no signature', signed.replace(/&Signature=[^&]*/u, ''), 'unsigned'],
    ['no algorithm', signed.replace(/&SigAlg=[^&]*/u, ''), 'unsigned'],
    ['an empty signature', signed.replace(/&Signature=[^&]*/u, '&Signature='), 'signature-invalid'],
    ['a signature that is not Base64', signed.replace(/&Signature=/u, '&Signature=!'), 'query-form'],
    ['a bad escape in the signature', signed.replace(/&Signature=/u, '&Signature=%'), 'unsigned'],
    ['a bad escape in RelayState', signed.replace('RelayState=', 'RelayState=%C3'), 'query-form'],
    ['a bad escape in the message', signed.replace('SAMLRequest=', 'SAMLRequest=%'), 'query-form'],
    ['two messages', `${signed}&SAMLResponse=x`, 'query-form'],
    ['the message twice', `SAMLRequest=x&${signed}`, 'query-form'],
    ['RelayState twice', `${signed}&RelayState=x`, 'query-form'],
    ['SigAlg twice', `${signed}&SigAlg=x`, 'query-form'],
    ['Signature twice', `${signed}&Signature`, 'query-form'],
    ['no message', 'RelayState=x', 'query-form'],
    ['nothing', '', 'query-form'],
    ['another encoding', `${signed}&SAMLEncoding=urn%3Ax`, 'query-form'],
    ['SHA-1', signed.replace(/SigAlg=[^&]*/u, `SigAlg=${encodeURIComponent('http://www.w3.org/2000/09/xmldsig#rsa-sha1')}`), 'sha-1'],
    ['HMAC', signed.replace('ecdsa-sha256', 'hmac-sha256'), 'hmac'],
    ['an algorithm of nobody', signed.replace('ecdsa-sha256', 'none'), 'unknown-algorithm'],
    ['the other hash', signed.replace('ecdsa-sha256', 'ecdsa-sha512'), 'signature-invalid'],
    ['the other family', signed.replace('ecdsa-sha256', 'rsa-sha256'), 'no-key'],
  ])('%s: %s', async (_name, query, code) => {
    expect(await outcomeOf(query)).toBe(code)
  })

  test('another key', async () => {
    expect(await outcomeOf(signed, [await vectorKey('p256')])).toBe('signature-invalid')
    expect(await outcomeOf(signed, [await vectorKey('p256'), ...keys])).toMatch(/^SAMLRequest/u)
  })

  test('64 KiB of query are read, more are not', async () => {
    const fill = (length: number): string => `${signed}&x=${'x'.repeat(length - signed.length - 3)}`
    expect(await outcomeOf(fill(65_536))).toMatch(/^SAMLRequest/u)
    expect(await outcomeOf(fill(65_537))).toBe('query-form')
  })

  test.each([
    ['not DEFLATE', async () => encodeURIComponent(encodeBase64(new TextEncoder().encode(XML)))],
    ['cut short', async () => encodeURIComponent(encodeBase64((await deflate(XML)).subarray(0, -4)))],
    ['more at the end', async () => encodeURIComponent(encodeBase64(new Uint8Array([...(await deflate(XML)), 1, 2, 3])))],
    ['not XML', async () => message('x')],
    ['a document type', async () => message(`<!DOCTYPE a>${XML}`)],
    ['not Base64', async () => 'AAA'],
    ['empty', async () => ''],
  ])('signed but %s', async (_name, make) => {
    expect(await outcomeOf(await signRaw(`SAMLRequest=${await make()}&${sigAlg}`))).toBe('signed-form')
  })

  test('XW-5: inflates as much as a document may be, and no bomb', async () => {
    const ofLength = (length: number): string => `<r ID="_1">${' '.repeat(length - 15)}</r>`
    const query = async (length: number): Promise<string> => signRaw(`SAMLRequest=${await message(ofLength(length))}&${sigAlg}`)
    expect(await outcomeOf(await query(XML_LIMITS.bytes))).toBe('SAMLRequest _1 undefined')
    expect(await outcomeOf(await query(XML_LIMITS.bytes + 1))).toBe('signed-form')
    const bomb = await query(32 * 1024 * 1024)
    expect(bomb.length).toBeLessThan(65_536)
    expect(await outcomeOf(bomb)).toBe('signed-form')
  })

  test('XW-5: a bomb is inflated no further than the limit', async () => {
    const Original = DecompressionStream
    let inflated = 0
    vi.stubGlobal(
      'DecompressionStream',
      class {
        readonly readable: ReadableStream
        readonly writable: WritableStream
        constructor(format: 'deflate-raw') {
          const inner = new Original(format)
          const count = new TransformStream<Uint8Array, Uint8Array>({
            transform: (chunk, controller) => {
              inflated += chunk.byteLength
              controller.enqueue(chunk)
            },
          })
          this.readable = inner.readable.pipeThrough(count)
          this.writable = inner.writable
        }
      },
    )
    const bomb = await signRaw(`SAMLRequest=${await message(' '.repeat(32 * 1024 * 1024))}&${sigAlg}`)
    expect(await outcomeOf(bomb)).toBe('signed-form')
    vi.unstubAllGlobals()
    expect(inflated).toBeGreaterThan(XML_LIMITS.bytes)
    expect(inflated).toBeLessThan(XML_LIMITS.bytes * 8)
  })
})
