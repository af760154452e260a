import { beforeEach, describe, expect, test } from 'vitest'
import { createForms, FORM_MS, type FormRead, type Forms } from '../../../src/control/pages/forms.ts'
import { parseRootSecret } from '../../../src/credentials/root-secret.ts'
import type { ReplayMemory } from '../../../src/replay/replay-memory.ts'

const HOST = 'https://api.example.com'
const START = Date.UTC(2026, 10, 25)
const OLD = 'g1:Vq3n0m0d5b2n8K4rWc7Xy1Zt6Ls9Jh2Gf5Da8Pe3Ou0'
const NEW = 'g2:Yw9s2Qm7Lr4Tb6Xk1Zp8Hd3Nf5Vc0Jg2Ae7Ui4Oo6Rs'
const label = { gateway: 'test', environment: 'test' }

let used: Set<string>
const replay: ReplayMemory = {
  async use({ scope, id }) {
    if (used.has(scope + id)) return 'replayed'
    used.add(scope + id)
    return 'fresh'
  },
}
const formsWith = (roots: string): Forms => createForms(parseRootSecret(roots, label), replay)
let forms: Forms
beforeEach(() => {
  used = new Set()
  forms = formsWith(OLD)
})

const OWN = { origin: HOST, 'sec-fetch-site': 'same-origin' }
async function send(token: string, headers: Record<string, string> = OWN, session = 'ada', now = START): Promise<FormRead> {
  return forms.read(new Request(`${HOST}/x`, { method: 'POST', headers, body: new URLSearchParams({ token, name: 'n' }) }), session, now)
}

describe('a form of ours', () => {
  test('brings what was typed, and may change something once', async () => {
    const read = await send(await forms.token('ada', START))
    if (read.status !== 'sent') throw new Error(read.status)
    expect(read.form.get('name')).toBe('n')
    expect([await read.spend(), await read.spend()]).toEqual([true, false])
  })
  test('of two clicks one counts', async () => {
    const token = await forms.token('ada', START)
    const reads = await Promise.all([send(token), send(token)])
    const spent = await Promise.all(reads.map(async (read) => read.status === 'sent' && read.spend()))
    expect(spent.filter(Boolean)).toHaveLength(1)
  })
  test('counts until it is old, and then says what was typed', async () => {
    const token = await forms.token('ada', START)
    expect((await send(token, OWN, 'ada', START + FORM_MS - 1)).status).toBe('sent')
    const old = await send(token, OWN, 'ada', START + FORM_MS)
    expect(old.status === 'expired' && old.form.get('name')).toBe('n')
  })
  test('of an older generation of the root secret still counts, of one that is gone not', async () => {
    const token = await forms.token('ada', START)
    forms = formsWith(`${NEW},${OLD}`)
    expect((await send(token)).status).toBe('sent')
    forms = formsWith(NEW)
    expect((await send(token)).status).toBe('refused')
  })
})

describe('BF-4: refused', () => {
  test.each([
    ['of another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['of a sibling host', { origin: 'https://www.example.com', 'sec-fetch-site': 'same-site' }],
    ['of an opaque origin', { origin: 'null' }],
    ['without an origin', {}],
    ['with our origin, but sent from elsewhere', { origin: HOST, 'sec-fetch-site': 'cross-site' }],
    ['of our host over http', { origin: 'http://api.example.com' }],
    ['of another port', { origin: `${HOST}:8443` }],
  ])('%s', async (_name, headers: Record<string, string>) => {
    expect((await send(await forms.token('ada', START), headers)).status).toBe('refused')
  })
  test('the token of another session', async () => {
    expect((await send(await forms.token('eve', START))).status).toBe('refused')
  })
  test('every token that is not whole', async () => {
    const token = await forms.token('ada', START)
    const [generation, made, id, mac] = token.split('.')
    const tampered = [
      '',
      'x',
      `${token}A`,
      token.slice(0, -1),
      [generation, (START + 1).toString(36), id, mac].join('.'),
      [generation, made, 'A'.repeat(22), mac].join('.'),
      [generation, made, id, 'A'.repeat(43)].join('.'),
      ['g9', made, id, mac].join('.'),
      ['__proto', made, id, mac].join('.'),
    ]
    for (const one of tampered) expect([one, (await send(one)).status]).toEqual([one, 'refused'])
  })
  test('what is no form, and what is too long', async () => {
    const token = await forms.token('ada', START)
    const post = async (body: string, type = 'application/x-www-form-urlencoded'): Promise<string> => {
      const request = new Request(`${HOST}/x`, { method: 'POST', headers: { ...OWN, 'content-type': type }, body })
      return (await forms.read(request, 'ada', START)).status
    }
    const start = `token=${token}&name=`
    expect(await post(start, 'text/plain')).toBe('refused')
    expect(await post(start + 'x'.repeat(64 * 1024 - start.length))).toBe('sent')
    expect(await post(start + 'x'.repeat(64 * 1024 - start.length + 1))).toBe('refused')
  })
})
