import { describe, expect, test, vi } from 'vitest'
import { createLeaks, MAX_REPORT_BYTES, MAX_REPORTED, type LeaksParts } from '../../src/control/leaks.ts'
import { createScannerKeys } from '../../src/control/scanner-keys.ts'
import { importedKeyDigests } from '../../src/credentials/imported-key.ts'
import type { KeyRecord } from '../../src/directory/accounts.ts'
import { encodeBase64, encodeHex } from '../../src/http/base64url.ts'
import { createMemoryLimiter } from '../../src/limits/memory-limiter.ts'
import { foreign, issue, root } from '../support/api-keys.ts'
import { NOW } from '../support/authenticators.ts'

const APP = 'app_aaaaaaaaaaaaaaaaaaaa'
const ID = 'k1'
const pair = (await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])) as CryptoKeyPair
const spki = new Uint8Array((await crypto.subtle.exportKey('spki', pair.publicKey)) as ArrayBuffer)
const PEM = `-----BEGIN PUBLIC KEY-----\n${encodeBase64(spki)}\n-----END PUBLIC KEY-----\n`

type RevokeKey = LeaksParts['accounts']['revokeKey']
interface Scene {
  readonly parts: LeaksParts
  readonly report: (matches: unknown, change?: (init: { headers: Record<string, string>; body: string }) => void) => Promise<Response>
}
function scene(overrides: Partial<LeaksParts> = {}): Scene {
  const parts: LeaksParts = {
    scannerKeys: createScannerKeys({
      scanners: [{ name: 'ours', keys: [{ id: ID, publicKey: PEM }] }],
      fetch: async () => Response.error(),
      now: () => NOW,
    }),
    rootSecret: root,
    directory: { importedKey: () => undefined },
    lookUp: vi.fn<LeaksParts['lookUp']>(async () => undefined),
    accounts: {
      revokeKey: vi.fn<RevokeKey>(
        async (id: string) => ({ status: 'written', value: { id, organisation: 'org_a' } as KeyRecord, inForce: 'announced' }) as const,
      ),
    },
    revoke: vi.fn<LeaksParts['revoke']>(async () => undefined),
    emit: vi.fn<LeaksParts['emit']>(async () => undefined),
    limiter: createMemoryLimiter(() => NOW),
    now: () => NOW,
    log: vi.fn<(line: string) => void>(),
    ...overrides,
  }
  const leaks = createLeaks(parts)
  return {
    parts,
    async report(matches, change = () => undefined) {
      const init = { headers: {} as Record<string, string>, body: typeof matches === 'string' ? matches : JSON.stringify(matches) }
      init.headers = { 'github-public-key-identifier': ID, 'github-public-key-signature': await sign(init.body) }
      change(init)
      return leaks(new Request('https://gate.example/.portcullis/leaks', { method: 'POST', ...init }))
    },
  }
}
async function sign(body: string): Promise<string> {
  const raw = new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, pair.privateKey, new TextEncoder().encode(body)))
  const integers = [raw.slice(0, 32), raw.slice(32)].flatMap((number) => {
    const digits = Array.from(number.subarray(number.findIndex((byte) => byte !== 0)))
    const whole = (digits[0] ?? 0) >= 0x80 ? [0, ...digits] : digits
    return [2, whole.length].concat(whole)
  })
  return encodeBase64(new Uint8Array([0x30, integers.length, ...integers]))
}
const match = (token: string) => ({ token, type: 'portcullis_api_key', url: 'https://github.com/a/b/blob/1/c', source: 'content' })
const hashOf = async (text: string): Promise<string> =>
  encodeHex(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))))
const nothingHappened = ({ accounts, revoke, emit, lookUp }: LeaksParts): void => {
  for (const call of [accounts.revokeKey, revoke, emit, lookUp]) expect(call).not.toHaveBeenCalled()
}

describe('POST /.portcullis/leaks', () => {
  test('a key of an app is revoked and its owner told; the answer says true_positive, and repeats no key', async () => {
    const { parts, report } = scene()
    const { key, id } = await issue({ consumer: APP })
    const response = await report([match(key)])
    const text = await response.text()
    expect(response.status).toBe(200)
    expect(JSON.parse(text)).toEqual([{ token_hash: await hashOf(key), token_type: 'portcullis_api_key', label: 'true_positive' }])
    expect(text).not.toContain(key)
    expect(parts.accounts.revokeKey).toHaveBeenCalledWith(id, 'leaked', expect.objectContaining({ kind: 'system', id: 'leaks' }))
    expect(parts.revoke).not.toHaveBeenCalled()
    expect(parts.emit).toHaveBeenCalledWith([
      expect.objectContaining({
        id: `evt_leaked_${id}`,
        type: 'key.leaked',
        consumer: APP,
        organisation: 'org_a',
        data: { key: id, scanner: 'ours', type: 'portcullis_api_key', source: 'content', url: 'https://github.com/a/b/blob/1/c' },
      }),
    ])
    expect(JSON.stringify(vi.mocked(parts.emit).mock.calls)).not.toContain(key)
  })

  test.each([
    ['a key of the policy', 'acme', 'api'],
    ['an admin key', 'acme', 'admin'],
  ] as const)('%s is revoked by the feed', async (_, consumer, kind) => {
    const { parts, report } = scene()
    const { key, id, expiresAt } = await issue({ consumer }, kind)
    expect(await (await report([match(key)])).json()).toMatchObject([{ label: 'true_positive' }])
    expect(parts.accounts.revokeKey).not.toHaveBeenCalled()
    expect(parts.revoke).toHaveBeenCalledWith({ target: { type: 'key', id }, expiresAt, reason: 'leaked' }, 'gate.example')
  })

  test('a key of an app that the directory does not know is revoked by the feed', async () => {
    const { parts, report } = scene({ accounts: { revokeKey: vi.fn<RevokeKey>(async () => ({ status: 'not_found' }) as const) } })
    const { key, id } = await issue({ consumer: APP })
    await report([match(key)])
    expect(parts.revoke).toHaveBeenCalledWith(expect.objectContaining({ target: { type: 'key', id } }), 'gate.example')
  })

  test('imported keys as well, of the policy and of the directory', async () => {
    const [digest = ''] = await importedKeyDigests(root, 'legacy-key-of-the-policy')
    const [other = ''] = await importedKeyDigests(root, 'legacy-key-of-the-directory')
    const { parts, report } = scene({
      directory: { importedKey: (asked) => (asked === digest ? { id: 'acme.legacy', consumer: 'acme' } : undefined) },
      lookUp: async ([asked]) => (asked === `digest:${other}` ? { id: 'key_1', consumer: APP } : undefined),
    })
    const labels = await (await report(['legacy-key-of-the-policy', 'legacy-key-of-the-directory', 'nobodys-key'].map(match))).json()
    expect(labels).toMatchObject([{ label: 'true_positive' }, { label: 'true_positive' }, { label: 'false_positive' }])
    expect(parts.revoke).toHaveBeenCalledWith(expect.objectContaining({ target: { type: 'key', id: 'acme.legacy' } }), 'gate.example')
    expect(parts.accounts.revokeKey).toHaveBeenCalledWith('key_1', 'leaked', expect.anything())
    expect(vi.mocked(parts.emit).mock.calls.map(([[event]]) => event?.id)).toEqual(['evt_leaked_acme-legacy', 'evt_leaked_key_1'])
  })

  test('a key with a MAC of somebody else, or one that was changed, is a false positive, and nothing happens', async () => {
    const { parts, report } = scene()
    const { key } = await issue({ consumer: APP }, 'api', foreign)
    const { key: own } = await issue({ consumer: APP })
    const changed = `${own.slice(0, -1)}${own.endsWith('0') ? '1' : '0'}`
    expect(await (await report([match(key), match(changed), match('')])).json()).toMatchObject(
      Array.from({ length: 3 }, () => ({ label: 'false_positive' })),
    )
    nothingHappened(parts)
  })

  test('a key that is over needs no revocation', async () => {
    const { parts, report } = scene({ now: () => NOW + 10_000 })
    const { key } = await issue({ consumer: APP, expiresInSeconds: 5 })
    expect(await (await report([match(key)])).json()).toMatchObject([{ label: 'true_positive' }])
    nothingHappened(parts)
  })

  test('WH-8: without a signature over these very bytes nobody learns anything, and nothing happens', async () => {
    const { parts, report } = scene()
    const { key } = await issue({ consumer: APP })
    const attacks: ((init: { headers: Record<string, string>; body: string }) => void)[] = [
      (init) => void delete init.headers['github-public-key-signature'],
      (init) => void delete init.headers['github-public-key-identifier'],
      (init) => void (init.headers['github-public-key-identifier'] = 'k2'),
      (init) => void (init.headers['github-public-key-signature'] = 'AAAA'),
      (init) => void (init.headers['github-public-key-signature'] = encodeBase64(new Uint8Array([0x30, 6, 2, 1, 0, 2, 1, 0]))),
      (init) => void (init.body = init.body.replace('"source"', ' "source"')),
      (init) => void (init.body = `${init.body}\n`),
    ]
    const answers = await Promise.all(
      [match(key), match('nothing')].flatMap((one) =>
        attacks.map(async (attack) => {
          const response = await report([one], attack)
          return JSON.stringify([response.status, await response.text()])
        }),
      ),
    )
    expect(new Set(answers).size).toBe(1)
    expect(answers[0]).toContain('401')
    nothingHappened(parts)
  })

  test('a report that is signed and still none is 400', async () => {
    const { parts, report } = scene()
    for (const body of ['', '{}', '[{"type":"x"}]', '[1]', 'null', '\u{feff}[]']) expect((await report(body)).status).toBe(400)
    nothingHappened(parts)
  })

  test.each([
    [MAX_REPORTED, 200],
    [MAX_REPORTED + 1, 400],
  ])('%i keys: %i', async (count, status) => {
    const { report } = scene()
    expect((await report(Array.from({ length: count }, (_, index) => ({ token: `x${index}` })))).status).toBe(status)
  })

  test.each([
    [MAX_REPORT_BYTES, 200],
    [MAX_REPORT_BYTES + 1, 413],
  ])('%i bytes: %i', async (bytes, status) => {
    const { report } = scene()
    expect((await report('[]'.padEnd(bytes, ' '))).status).toBe(status)
  })

  test('where one key cannot be stopped the others are, and the scanner hears 503, not a label', async () => {
    const { key: bad, id: badId } = await issue({ consumer: APP })
    const { key: good, id: goodId } = await issue({ consumer: APP })
    const revokeKey = vi.fn<RevokeKey>(async (id: string) => {
      if (id === badId) throw new Error('the directory did not answer in time')
      return { status: 'written', value: { id, organisation: 'org_a' } as KeyRecord, inForce: 'announced' } as const
    })
    const { report, parts } = scene({ accounts: { revokeKey } })
    const response = await report([match(bad), match(good)])
    expect(response.status).toBe(503)
    expect(await response.text()).not.toContain('positive')
    expect(revokeKey.mock.calls.map(([id]) => id)).toEqual([badId, goodId])
    expect(parts.emit).toHaveBeenCalledOnce()
    expect(JSON.stringify(vi.mocked(parts.log).mock.calls)).not.toContain(bad)
  })

  test('GET is 405', async () => {
    const leaks = createLeaks(scene().parts)
    expect((await leaks(new Request('https://gate.example/.portcullis/leaks'))).status).toBe(405)
  })
})

/** Both examples of GitHub's documentation of the partner programme, by the keys that it published for them. */
const PUBLISHED = [
  {
    id: 'bcb53661c06b4728e59d897fb6165d5c9cda0fd9cdf9d09ead458168deb7518c',
    publicKey:
      '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYAGMWO8XgCamYKMJS6jc/qgvSlAd\nAjPuDPRcXU22YxgBrz+zoN19MzuRyW87qEt9/AmtoNP5GrobzUvQSyJFVw==\n-----END PUBLIC KEY-----\n',
    signature: 'MEQCIQDaMKqrGnE27S0kgMrEK0eYBmyG0LeZismAEz/BgZyt7AIfXt9fErtRS4XaeSt/AO1RtBY66YcAdjxji410VQV4xg==',
    body: '[{"source":"commit","token":"some_token","type":"some_type","url":"https://example.com/base-repo-url/"}]',
  },
  {
    id: 'f9525bf080f75b3506ca1ead061add62b8633a346606dc5fe544e29231c6ee0d',
    publicKey:
      '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsz9ugWDj5jK5ELBK42ynytbo38gP\nHzZFI03Exwz8Lh/tCfL3YxwMdLjB+bMznsanlhK0RwcGP3IDb34kQDIo3Q==\n-----END PUBLIC KEY-----',
    signature: 'MEUCIFLZzeK++IhS+y276SRk2Pe5LfDrfvTXu6iwKKcFGCrvAiEAhHN2kDOhy2I6eGkOFmxNkOJ+L2y8oQ9A2T9GGJo6WJY=',
    body: '[{"token":"some_token","type":"some_type","url":"some_url","source":"some_source"}]',
  },
]
describe("GitHub's own reports", () => {
  test.each(PUBLISHED)('$id', async ({ id, publicKey, signature, body }) => {
    const fetch = vi.fn<() => Promise<Response>>(async () =>
      Response.json({ public_keys: [{ key_identifier: id, key: publicKey, is_current: true }] }),
    )
    const scannerKeys = createScannerKeys({
      scanners: [{ name: 'github', keysUrl: 'https://api.github.com/meta/public_keys/secret_scanning' }],
      fetch,
      now: () => NOW,
    })
    const { report } = scene({ scannerKeys })
    const change = (content: string) => (init: { headers: Record<string, string>; body: string }) => {
      init.headers = { 'github-public-key-identifier': id, 'github-public-key-signature': signature }
      init.body = content
    }
    expect(await (await report([], change(body))).json()).toMatchObject([{ token_type: 'some_type', label: 'false_positive' }])
    expect((await report([], change(body.replace('some_token', 'same_token')))).status).toBe(401)
    expect(fetch).toHaveBeenCalledOnce()
  })
})
