import { createHash, createHmac, generateKeyPairSync, randomBytes, verify as verifyBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { httpbis } from 'http-message-signatures'
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { signCommand } from '../../../cli/commands/sign.ts'

const folder = mkdtempSync(join(tmpdir(), 'portcullis-sign-'))
const SECRET = randomBytes(32)
const TARGET = 'https://api.example.com/v1/orders?limit=5'
afterAll(() => rmSync(folder, { recursive: true }))
beforeEach(() => vi.stubEnv('PORTCULLIS_SIGNING_SECRET', SECRET.toString('base64url')))
afterEach(() => vi.unstubAllEnvs())

async function run(...args: string[]): Promise<{ code: number; lines: string[] }> {
  const lines: string[] = []
  const code = await signCommand.run(args, { out: (line) => lines.push(line), err: () => undefined, hasColor: false })
  return { code, lines }
}
/** The printed fields, as curl would send them. */
async function fieldsOf(...args: string[]): Promise<Record<string, string>> {
  const { code, lines } = await run(...args)
  expect(code).toBe(0)
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]))
}
const fixed = ['--keyid', 'acme-1', '--created', '1790000000', '--nonce', 'n-1']
const failureOf = async (...args: string[]): Promise<unknown> => run(...args).catch((error: unknown) => error)

type Check = (data: Buffer, signature: Buffer) => boolean
const macOf =
  (secret: Buffer): Check =>
  (data, signature) =>
    createHmac('sha256', secret).update(data).digest().equals(signature)

/** Verified by another implementation of RFC 9421. */
async function holds(message: { method: string; url: string; headers: Record<string, string> }, check = macOf(SECRET)): Promise<boolean> {
  const key = { verify: async (data: Buffer, signature: Buffer) => check(data, signature) }
  return (await httpbis.verifyMessage({ keyLookup: async () => key }, message).catch(() => false)) === true
}

describe('portcullis sign', () => {
  test('signs method, authority, path and query, to the letter of RFC 9421 §2.5', async () => {
    const fields = await fieldsOf(...fixed, TARGET)
    const parameters = '("@method" "@authority" "@path" "@query");created=1790000000;keyid="acme-1";nonce="n-1"'
    const base = [
      '"@method": GET',
      '"@authority": api.example.com',
      '"@path": /v1/orders',
      '"@query": ?limit=5',
      `"@signature-params": ${parameters}`,
    ].join('\n')
    expect(fields).toEqual({
      'signature-input': `sig=${parameters}`,
      signature: `sig=:${createHmac('sha256', SECRET).update(base).digest('base64')}:`,
    })
  })

  test('another implementation verifies it, and no other request under it', async () => {
    const headers = await fieldsOf(...fixed, TARGET)
    expect(await holds({ method: 'GET', url: TARGET, headers })).toBe(true)
    expect(await holds({ method: 'PUT', url: TARGET, headers })).toBe(false)
    expect(await holds({ method: 'GET', url: TARGET.replace('5', '6'), headers })).toBe(false)
    expect(await holds({ method: 'GET', url: TARGET.replace('orders', 'order'), headers })).toBe(false)
    expect(await holds({ method: 'GET', url: TARGET.replace('api', 'ap1'), headers })).toBe(false)
    expect(await holds({ method: 'GET', url: TARGET, headers }, macOf(randomBytes(32)))).toBe(false)
  })

  test('a URL without a query signs an empty one; a port that is not the default is part of the authority', async () => {
    for (const url of ['https://api.example.com/', 'https://api.example.com:8443/a', 'http://localhost:8787/a?'])
      expect(await holds({ method: 'GET', url, headers: await fieldsOf(...fixed, url) })).toBe(true)
  })

  test('content is digested and the digest is covered; the method becomes POST', async () => {
    const digest = `sha-256=:${createHash('sha256').update('{"a":1}').digest('base64')}:`
    const file = join(folder, 'content')
    writeFileSync(file, '{"a":1}')
    for (const args of [
      ['--data', '{"a":1}'],
      ['--data-file', file],
    ]) {
      const headers = await fieldsOf(...fixed, ...args, TARGET)
      expect(headers['content-digest']).toBe(digest)
      expect(headers['signature-input']).toContain('"content-digest"')
      expect(await holds({ method: 'POST', url: TARGET, headers })).toBe(true)
      expect(await holds({ method: 'POST', url: TARGET, headers: { ...headers, 'content-digest': digest.replace('sha', 'sh4') } })).toBe(
        false,
      )
    }
  })

  test('empty content is content', async () => {
    const { 'content-digest': digest } = await fieldsOf(...fixed, '--data', '', TARGET)
    expect(digest).toBe('sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:')
  })

  test('--method is sent in upper case', async () => {
    const headers = await fieldsOf(...fixed, '--method', 'delete', TARGET)
    expect(await holds({ method: 'DELETE', url: TARGET, headers })).toBe(true)
  })

  test('--cover signs a field; sent twice it is one value, as it arrives', async () => {
    const sent = ['--header', 'Idempotency-Key:  "a b" ', '--header', 'X-Tag: 1', '--header', 'x-tag: 2', '--header', 'X-Free: 9']
    const headers = await fieldsOf(...fixed, ...sent, '--cover', 'Idempotency-Key', '--cover', 'x-tag', TARGET)
    const received = { ...headers, 'idempotency-key': '"a b"', 'x-tag': '1, 2', 'x-free': '10' }
    expect(await holds({ method: 'GET', url: TARGET, headers: received })).toBe(true)
    expect(await holds({ method: 'GET', url: TARGET, headers: { ...received, 'x-tag': '2' } })).toBe(false)
    expect(await holds({ method: 'GET', url: TARGET, headers: { ...received, 'idempotency-key': '"a c"' } })).toBe(false)
  })

  test('created is now and the nonce is new, unless they are given', async () => {
    const [one, two] = [await fieldsOf('--keyid', 'a', TARGET), await fieldsOf('--keyid', 'a', TARGET)]
    const { created = '', nonce = '' } =
      /;created=(?<created>\d+);keyid="a";nonce="(?<nonce>[\w-]{22})"$/u.exec(one['signature-input'] ?? '')?.groups ?? {}
    expect(Math.abs(Date.now() / 1000 - Number(created))).toBeLessThan(60)
    expect(nonce).not.toBe('')
    expect(two['signature-input']).not.toContain(nonce)
  })

  test('an Ed25519 private key as JWK signs, too', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    vi.stubEnv('PORTCULLIS_SIGNING_SECRET', JSON.stringify(privateKey.export({ format: 'jwk' })))
    const headers = await fieldsOf(...fixed, TARGET)
    expect(await holds({ method: 'GET', url: TARGET, headers }, (data, signature) => verifyBytes(null, data, publicKey, signature))).toBe(
      true,
    )
  })

  test('a secret in base64 or base64url, from the environment first, else from the env file', async () => {
    const file = join(folder, 'signing.env')
    writeFileSync(file, `PORTCULLIS_SIGNING_SECRET=${randomBytes(32).toString('base64')}\n`)
    const expected = await fieldsOf(...fixed, TARGET)
    expect(await fieldsOf(...fixed, '--env-file', file, TARGET)).toEqual(expected)
    writeFileSync(file, `PORTCULLIS_SIGNING_SECRET=${SECRET.toString('base64')}\n`)
    vi.stubEnv('PORTCULLIS_SIGNING_SECRET', '')
    expect(await fieldsOf(...fixed, '--env-file', file, TARGET)).toEqual(expected)
  })
})

describe('portcullis sign refuses', () => {
  test.each([
    ['no URL', ['--keyid', 'a'], /give one URL/u],
    ['two URLs', ['--keyid', 'a', TARGET, TARGET], /give one URL/u],
    ['something that is no URL', ['--keyid', 'a', '/v1/orders'], /give one URL/u],
    ['no key id', [TARGET], /which key signs/u],
    ['an empty key id', ['--keyid', '', TARGET], /which key signs/u],
    ['a quote in the key id', ['--keyid', 'a"b', TARGET], /which key signs/u],
    ['a line break in the key id', ['--keyid', 'a\nb', TARGET], /which key signs/u],
    ['two contents', ['--keyid', 'a', '--data', 'a', '--data-file', 'b', TARGET], /two contents/u],
    ['a quote in the nonce', ['--keyid', 'a', '--nonce', 'a"', TARGET], /--nonce takes/u],
    ['a nonce of 257 characters', ['--keyid', 'a', '--nonce', 'n'.repeat(257), TARGET], /--nonce takes/u],
    ['an empty nonce', ['--keyid', 'a', '--nonce', '', TARGET], /--nonce takes/u],
    ['no number', ['--keyid', 'a', '--created', 'now', TARGET], /whole seconds/u],
    ['an empty number', ['--keyid', 'a', '--created', '', TARGET], /whole seconds/u],
    ['half a second', ['--keyid', 'a', '--created', '1.5', TARGET], /whole seconds/u],
    ['another form of a number', ['--keyid', 'a', '--created', '0x10', TARGET], /whole seconds/u],
    ['more digits than a structured integer has', ['--keyid', 'a', '--created', '1'.repeat(16), TARGET], /whole seconds/u],
    ['a field that is not there', ['--keyid', 'a', '--cover', 'x-tag', TARGET], /needs its value/u],
    ['a derived component as a field', ['--keyid', 'a', '--cover', '@method', TARGET], /needs its value/u],
    ['a header without a colon', ['--keyid', 'a', '--header', 'x-tag', TARGET], /'Name: value'/u],
    ['a header with a line break', ['--keyid', 'a', '--header', 'x-tag: a\n"@method": PUT', TARGET], /'Name: value'/u],
    ['a header that is no ASCII', ['--keyid', 'a', '--header', 'x-tag: é', TARGET], /'Name: value'/u],
  ])('%s', async (_, args, message) => {
    expect(await failureOf(...args)).toMatchObject({ name: 'UsageError', message: expect.stringMatching(message) as unknown })
  })

  test('a nonce of 256 characters is taken', async () => {
    expect((await run('--keyid', 'a', '--nonce', 'n'.repeat(256), TARGET)).code).toBe(0)
  })

  test('a secret from a flag', async () => {
    for (const flag of ['--secret', '--key'])
      expect(await failureOf('--keyid', 'a', flag, 'x', TARGET)).toMatchObject({ code: 'ERR_PARSE_ARGS_UNKNOWN_OPTION' })
  })

  test.each([
    ['none', ''],
    ['31 bytes', randomBytes(31).toString('base64')],
    ['31 bytes without padding', randomBytes(31).toString('base64url')],
    ['hunter2', `hunter2 ${'a'.repeat(40)}`],
    ['broken JSON', '{"kty":"OKP","crv":"Ed25519","d":"hunter2",}'],
    ['a JWK that is none', '{"kty":"OKP","crv":"Ed25519","d":"hunter2","x":"hunter2"}'],
    ['a public key', JSON.stringify(generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }))],
    ['a key of another curve', JSON.stringify(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }))],
  ])('a secret that is %s, without repeating it, and before it prints anything', async (_, secret) => {
    vi.stubEnv('PORTCULLIS_SIGNING_SECRET', secret)
    const lines: string[] = []
    const error: unknown = await signCommand
      .run(['--keyid', 'a', '--data', 'x', TARGET], { out: (line) => lines.push(line), err: () => undefined, hasColor: false })
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ name: 'UsageError', message: expect.stringContaining('PORTCULLIS_SIGNING_SECRET') as unknown })
    expect(String(error)).not.toContain('hunter2')
    expect(lines).toEqual([])
  })
})
