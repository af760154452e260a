import { assert, asyncProperty, string, uint8Array } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeBase64 } from '../../src/http/base64url.ts'
import { checkContentDigest, type DigestCheck } from '../../src/http/content-digest.ts'
import { createRequestBody } from '../../src/http/request-body.ts'

const MAX = 1024
/** The content of RFC 9530 Appendix B and D: it ends with a line feed. */
const HELLO = '{"hello": "world"}\n'

async function check(field: string | null, content: string | Uint8Array<ArrayBuffer> | null = HELLO, max = MAX): Promise<DigestCheck> {
  const request = new Request('https://api.example.com/', { method: 'POST', body: content })
  return checkContentDigest(field, createRequestBody(request, MAX), max)
}
async function digest(algorithm: 'sha-256' | 'sha-512', content: string | Uint8Array<ArrayBuffer> = HELLO): Promise<string> {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
  return `${algorithm}=:${encodeBase64(new Uint8Array(await crypto.subtle.digest(algorithm.toUpperCase(), bytes)))}:`
}
const [SHA_256, SHA_512] = [await digest('sha-256'), await digest('sha-512')]
const [OTHER_256, OTHER_512] = [await digest('sha-256', 'other'), await digest('sha-512', 'other')]

describe('checkContentDigest()', () => {
  test.each([
    ['RFC 9530 B.1: content', HELLO, 'sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:'],
    ['RFC 9530 B.2: no content', null, 'sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:'],
    [
      'RFC 9421 B.2: content without a line feed',
      '{"hello": "world"}',
      'sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:',
    ],
  ])('%s', async (_, content, field) => {
    expect(await check(field, content)).toBe('matches')
    expect(await check(field, `${content ?? ''} `)).toBe('mismatch')
  })

  test.each<[what: string, field: string | null, expected: DigestCheck]>([
    ['none', null, 'missing'],
    ['an empty field', '', 'missing'],
    ['an algorithm that does not count', 'md5=:AAAA:, sha=:AAAA:, unixsum=:AAAA:, crc32c=:AAAA:', 'missing'],
    ['an algorithm that nobody knows', 'sha-384=:AAAA:', 'missing'],
    ['both, right', `${SHA_256}, ${SHA_512}`, 'matches'],
    ['both, the first wrong', `${OTHER_256}, ${SHA_512}`, 'mismatch'],
    ['both, the second wrong', `${SHA_256}, ${OTHER_512}`, 'mismatch'],
    ['both, the second no bytes', `${SHA_256}, sha-512="x"`, 'malformed'],
    ['one that counts beside one that does not', `md5=:AAAA:, ${SHA_256}`, 'matches'],
    ['the same algorithm twice: the last counts', `${OTHER_256}, ${SHA_256}`, 'matches'],
    ['the same algorithm twice, the last wrong', `${SHA_256}, ${OTHER_256}`, 'mismatch'],
    ['a parameter', `${SHA_256};a=1`, 'matches'],
    ['a digest of other content', OTHER_256, 'mismatch'],
    ['a digest cut short', 'sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabA==:', 'mismatch'],
    ['a digest one byte too long', 'sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDgA:', 'mismatch'],
    ['an empty digest', 'sha-256=::', 'mismatch'],
    ['a digest under the other name', SHA_256.replace('256', '512'), 'mismatch'],
    ['a string', 'sha-256="RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg="', 'malformed'],
    ['true', 'sha-256', 'malformed'],
    ['an integer', 'sha-256=1', 'malformed'],
    ['an inner list', 'sha-256=(:AAAA:)', 'malformed'],
    ['the form of RFC 3230', 'sha-256=RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=', 'malformed'],
    ['an upper-case name', SHA_256.replace('sha', 'SHA'), 'malformed'],
    ['no dictionary', ':AAAA:', 'malformed'],
    ['a comma at the end', `${SHA_256},`, 'malformed'],
  ])('%s', async (_, field, expected) => {
    expect(await check(field)).toBe(expected)
  })

  test.each([
    [1024, 'matches'],
    [1025, 'malformed'],
  ])('a field of %i characters: %s', async (length, expected) => {
    const field = `${SHA_256};a="${'x'.repeat(length - SHA_256.length - 5)}"`
    expect(field).toHaveLength(length)
    expect(await check(field)).toBe(expected)
  })

  test.each([
    [HELLO.length, 'matches'],
    [HELLO.length - 1, 'too_large'],
  ])('content is held up to %i bytes: %s', async (max, expected) => {
    expect(await check(SHA_256, HELLO, max)).toBe(expected)
  })

  test('content over the cap of the body itself is too large, whatever the caller would hold', async () => {
    const content = 'x'.repeat(MAX + 1)
    expect(await check(await digest('sha-256', content), content, 10 * MAX)).toBe('too_large')
    expect(await check(await digest('sha-256', content.slice(1)), content.slice(1), 10 * MAX)).toBe('matches')
  })

  test('content is not read for a field that says nothing', async () => {
    for (const field of [null, 'md5=:AAAA:', 'sha-256=1', 'sha-256=:AAAA:']) {
      const request = new Request('https://api.example.com/', { method: 'POST', body: HELLO })
      await checkContentDigest(field, createRequestBody(request, MAX), MAX)
      expect(request.bodyUsed).toBe(false)
    }
  })

  test('RFC 9530 §2: an encoding counts as it came', async () => {
    const stream = new Blob([HELLO]).stream().pipeThrough(new CompressionStream('gzip'))
    const zipped = new Uint8Array(await new Response(stream).arrayBuffer())
    const request = (): Request => {
      const headers = { 'content-encoding': 'gzip' }
      return new Request('https://api.example.com/', { method: 'POST', headers, body: zipped })
    }
    expect(await checkContentDigest(await digest('sha-256', zipped), createRequestBody(request(), MAX), MAX)).toBe('matches')
    expect(await checkContentDigest(SHA_256, createRequestBody(request(), MAX), MAX)).toBe('mismatch')
  })

  test('content that was checked still goes to the origin', async () => {
    const body = createRequestBody(new Request('https://api.example.com/', { method: 'POST', body: HELLO }), MAX)
    expect(await checkContentDigest(`${SHA_256}, ${SHA_512}`, body, MAX)).toBe('matches')
    expect(await new Response(body.forward() as BodyInit).text()).toBe(HELLO)
  })

  test('any content matches its own digest, and no field makes it throw', async () => {
    await assert(
      asyncProperty(uint8Array({ maxLength: 64 }), string({ maxLength: 24 }), async (bytes, text) => {
        const content = new Uint8Array(bytes)
        expect(await check(await digest('sha-512', content), content)).toBe('matches')
        expect(await check(text, content)).not.toBe('matches')
        expect(await check(`sha-256=${text}`, content)).not.toBe('matches')
      }),
      { numRuns: 100 },
    )
  })
})
