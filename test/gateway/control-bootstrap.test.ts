import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { BOOTSTRAP_SECONDS, createBootstrapToken } from '../../src/credentials/bootstrap-token.ts'
import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import { createControlGate } from '../support/control.ts'
import { codeOf } from '../support/orders.ts'
import { ROOT } from '../support/sessions.ts'

let at = Date.now()
const gate = createControlGate({ now: () => at })
const post = async (cookie: string, token: unknown): Promise<Response> => gate.asPerson(cookie, 'POST', '/bootstrap', { token })
const somebody = async (): Promise<string> => gate.signIn({ subject: crypto.randomUUID() })

describe('POST /.portcullis/admin/v1/bootstrap', () => {
  test('who is signed in and has the token becomes an owner, and the log says so', async () => {
    const cookie = await somebody()
    const { token } = await createBootstrapToken(ROOT, at)
    expect(await codeOf(await gate.asPerson(cookie, 'GET', '/operators'))).toBe('403 scope-insufficient')
    expect((await post(cookie, token)).status).toBe(201)
    expect((await gate.asPerson(cookie, 'GET', '/operators')).status).toBe(200)
    const { items } = await gate.json<{ items: { action: string }[] }>('GET', '/audit?limit=2')
    expect(items.map(({ action }) => action)).toEqual(['operator.change', 'operator.bootstrap'])
    expect(JSON.stringify(items)).not.toContain(token.slice(-20))
  })

  test('of ten people at once with one token one becomes an owner', async () => {
    const { token } = await createBootstrapToken(ROOT, at)
    const cookies = await Promise.all(Array.from({ length: 10 }, somebody))
    const answers = await Promise.all(cookies.map(async (cookie) => post(cookie, token)))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 403)).toHaveLength(9)
  })

  test('just before its end it is good, at its end not', async () => {
    const made = at
    const [one, other] = [await createBootstrapToken(ROOT, made), await createBootstrapToken(ROOT, made)]
    const cookie = await somebody()
    at = made + BOOTSTRAP_SECONDS * 1000 - 1
    expect((await post(cookie, one.token)).status).toBe(201)
    at = made + BOOTSTRAP_SECONDS * 1000
    expect(await codeOf(await post(cookie, other.token))).toBe('403 bootstrap-refused')
  })

  test('a token of another environment, a changed one, one of another kind, or none', async () => {
    const cookie = await somebody()
    const staging = parseRootSecret('g1:Vq3n0m0d5b2n8K4rWc7Xy1Zt6Ls9Jh2Gf5Da8Pe3Ou0', { gateway: 'test', environment: 'staging' })
    const { token } = await createBootstrapToken(ROOT, at)
    const changed = token.slice(0, -3) + (token.at(-3) === 'A' ? 'B' : 'A') + token.slice(-2)
    for (const wrong of [
      (await createBootstrapToken(staging, at)).token,
      changed,
      token.replace('pcb_', 'pca_'),
      '',
      'pcb_',
      'x'.repeat(513),
      7,
      undefined,
    ])
      expect(await codeOf(await post(cookie, wrong))).toBe('403 bootstrap-refused')
    expect((await post(cookie, token)).status).toBe(201)
  })

  test('nobody without a session, not with an admin key, and not from a page of another origin: the token is still good', async () => {
    const { token } = await createBootstrapToken(ROOT, at)
    expect(await codeOf(await gate.call('POST', '/bootstrap', { token }))).toBe('401 credential-missing')
    const cookie = await somebody()
    const forged = await gate.asPerson(cookie, 'POST', '/bootstrap', { token }, { origin: 'https://evil.example' })
    expect(await codeOf(forged)).toBe('403 request-cross-site')
    expect((await gate.asPerson(cookie, 'GET', '/bootstrap')).status).toBe(405)
    expect((await post(cookie, token)).status).toBe(201)
  })

  test('our own fault is 503', async () => {
    const broken = { getByName: () => ({}) } as unknown as Bindings['DIRECTORY']
    const down = createControlGate({ now: () => at, bindings: { DIRECTORY: broken } })
    const { token } = await createBootstrapToken(ROOT, at)
    const cookie = await down.signIn({ subject: crypto.randomUUID() })
    expect(await codeOf(await down.asPerson(cookie, 'POST', '/bootstrap', { token }))).toBe('503 dependency-unavailable')
    expect((env as unknown as Bindings).DIRECTORY).toBeDefined()
  })
})
