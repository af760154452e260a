import { describe, expect, test } from 'vitest'
import { createRequestBody } from '../../src/http/request-body.ts'
import { encodeHex } from '../../src/http/base64url.ts'

const URL_OF_REQUEST = 'https://api.example.com/orders'
/** SHA-256 of `hello world`. */
const HELLO_WORLD = 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9'
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/** A body in chunks, without a declared length; counts what was pulled. */
function chunked(chunks: readonly string[]): { request: Request; pulled: () => number; cancelled: () => boolean } {
  let pulled = 0
  let cancelled = false
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const chunk = chunks[pulled]
        if (chunk === undefined) {
          controller.close()
          return
        }
        pulled++
        controller.enqueue(new TextEncoder().encode(chunk))
      },
      cancel() {
        cancelled = true
      },
    },
    { highWaterMark: 0 },
  )
  return { request: new Request(URL_OF_REQUEST, { method: 'POST', body }), pulled: () => pulled, cancelled: () => cancelled }
}
const textOf = async (forwarded: ReadableStream<Uint8Array> | Uint8Array | null): Promise<string> =>
  new Response(forwarded as BodyInit | null).text()
async function hexOf(body: ReturnType<typeof createRequestBody>, maxBytes?: number): Promise<string> {
  const result = await body.digest('sha-256', maxBytes)
  return result.status === 'digested' ? encodeHex(result.digest) : result.status
}

describe('createRequestBody()', () => {
  test('nobody digested: the untouched stream is forwarded', async () => {
    const { request, pulled } = chunked(['hello ', 'world'])
    const body = createRequestBody(request, 1024)
    expect(pulled()).toBe(0)
    const forwarded = body.forward()
    expect(forwarded).toBe(request.body)
    expect(await textOf(forwarded)).toBe('hello world')
  })

  test('digested once per algorithm, then forwarded as bytes', async () => {
    const { request, pulled } = chunked(['hello ', 'world'])
    const body = createRequestBody(request, 1024)
    const [first, second, long] = await Promise.all([hexOf(body), hexOf(body), body.digest('sha-512')])
    expect([first, second]).toEqual([HELLO_WORLD, HELLO_WORLD])
    expect(long).toMatchObject({ status: 'digested', digest: { byteLength: 64 } })
    expect(pulled()).toBe(2)
    expect(body.forward()).toBeInstanceOf(Uint8Array)
    expect(await textOf(body.forward())).toBe('hello world')
  })

  test.each([
    { maxBodyBytes: 11, outcome: HELLO_WORLD },
    { maxBodyBytes: 10, outcome: 'too_large' },
  ])('a cap of $maxBodyBytes for 11 bytes', async ({ maxBodyBytes, outcome }) => {
    expect(await hexOf(createRequestBody(chunked(['hello ', 'world']).request, maxBodyBytes))).toBe(outcome)
    expect(await hexOf(createRequestBody(chunked(['hello ', 'world']).request, 1024), maxBodyBytes)).toBe(outcome)
    expect(await hexOf(createRequestBody(new Request(URL_OF_REQUEST, { method: 'POST', body: 'hello world' }), maxBodyBytes))).toBe(outcome)
  })

  test('reading stops at the cap', async () => {
    const { request, pulled } = chunked(Array.from({ length: 1000 }, () => 'x'.repeat(1000)))
    expect(await hexOf(createRequestBody(request, 3000))).toBe('too_large')
    expect(pulled()).toBeLessThan(6)
  })

  test('a declared length over the cap is refused without reading', async () => {
    const request = new Request(URL_OF_REQUEST, { method: 'POST', body: 'hello world', headers: { 'content-length': '11' } })
    const body = createRequestBody(request, 10)
    expect(await body.digest('sha-256')).toEqual({ status: 'too_large', maxBodyBytes: 10 })
    expect(body.forward()).toBe(request.body)
  })

  test('what was too large for one scheme is still forwarded whole for another', async () => {
    const body = createRequestBody(chunked(['hello ', 'world', '!']).request, 1024)
    expect(await hexOf(body, 3)).toBe('too_large')
    expect(await textOf(body.forward())).toBe('hello world!')
  })

  test('a higher cap reads on where a lower one stopped', async () => {
    const body = createRequestBody(chunked(['hello ', 'world']).request, 1024)
    expect(await hexOf(body, 3)).toBe('too_large')
    expect(await hexOf(body)).toBe(HELLO_WORLD)
  })

  test('abandoning the forwarded rest cancels the request body', async () => {
    const { request, cancelled } = chunked(['hello ', 'world', '!'])
    const body = createRequestBody(request, 3)
    await body.digest('sha-256')
    await (body.forward() as ReadableStream).cancel()
    expect(cancelled()).toBe(true)
  })

  test('content is absent without a body and with a declared length of 0', async () => {
    const none = createRequestBody(new Request(URL_OF_REQUEST), 10)
    const declared = createRequestBody(new Request(URL_OF_REQUEST, { method: 'POST', body: '', headers: { 'content-length': '0' } }), 10)
    for (const body of [none, declared]) {
      expect(body.isPresent).toBe(false)
      expect(await hexOf(body)).toBe(EMPTY)
      expect(body.forward()).toBe(null)
    }
  })

  test('a chunked body without a byte counts as present and digests to nothing', async () => {
    const body = createRequestBody(chunked([]).request, 10)
    expect(body.isPresent).toBe(true)
    expect(await hexOf(body)).toBe(EMPTY)
    expect(await textOf(body.forward())).toBe('')
  })

  test('CD-2: Content-Encoding is left as it came', async () => {
    const zipped = new Uint8Array(
      await new Response(new Blob(['hello world']).stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer(),
    )
    const request = new Request(URL_OF_REQUEST, { method: 'POST', body: zipped, headers: { 'content-encoding': 'gzip' } })
    expect(await hexOf(createRequestBody(request, 1024))).toBe(encodeHex(new Uint8Array(await crypto.subtle.digest('SHA-256', zipped))))
  })
})
