import { describe, expect, test } from 'vitest'
import { createTestIdentity, ORIGIN, type TestIdentity } from '../../support/identity.ts'

const CALLBACK = `${ORIGIN}/.portcullis/oidc/acme/callback`

/** As far as the provider's page that posts the answer. */
async function begin(
  responseMode?: 'form_post',
): Promise<{ readonly scene: TestIdentity; readonly answer: Readonly<Record<string, string>> }> {
  const scene = await createTestIdentity(responseMode === undefined ? {} : { responseMode })
  const begun = await scene.browser.get(`${ORIGIN}/.portcullis/login?return_to=/orders`)
  const back = new URL(await scene.provider.authorize(begun.headers.get('location') ?? ''))
  return { scene, answer: Object.fromEntries(back.searchParams) }
}

describe('response_mode=form_post', () => {
  test('is asked for, and the posted answer signs in', async () => {
    const { scene, answer } = await begin('form_post')
    expect(scene.provider.asked.get('response_mode')).toBe('form_post')
    const response = await scene.browser.post(CALLBACK, answer, { origin: 'https://idp.example.net', 'sec-fetch-site': 'cross-site' })
    expect([response.status, response.headers.get('location')]).toEqual([303, '/orders'])
    expect(scene.sessions.started).toHaveLength(1)
  })

  test('is not asked for otherwise', async () => {
    const { scene } = await begin()
    expect(scene.provider.asked.has('response_mode')).toBe(false)
  })

  test('OC-1: the same answer in the address is not taken, nor a posted one that was not asked for', async () => {
    const posted = await begin('form_post')
    expect((await posted.scene.browser.get(`${CALLBACK}?${new URLSearchParams(posted.answer).toString()}`)).status).toBe(405)
    const inAddress = await begin()
    expect((await inAddress.scene.browser.post(CALLBACK, inAddress.answer)).status).toBe(405)
    expect([...posted.scene.sessions.started, ...inAddress.scene.sessions.started]).toEqual([])
  })

  test('OC-2: posted by a page of an attacker in a browser that has not begun it (login CSRF)', async () => {
    const { scene, answer } = await begin('form_post')
    expect((await scene.newBrowser().post(CALLBACK, answer)).status).toBe(400)
    expect(scene.log.at(-1)).toMatchObject({ code: 'sign-in-unknown' })
    expect(scene.sessions.started).toEqual([])
  })

  test('OC-1: an answer is good once', async () => {
    const { scene, answer } = await begin('form_post')
    const cookies = new Map(scene.browser.cookies)
    await scene.browser.post(CALLBACK, answer)
    for (const [name, value] of cookies) scene.browser.cookies.set(name, value)
    expect((await scene.browser.post(CALLBACK, answer)).status).toBe(400)
    expect(scene.log.at(-1)).toMatchObject({ code: 'sign-in-replayed' })
  })

  test.each([
    ['just under the bound', 16_384, 303],
    ['just over it', 16_385, 400],
  ])('a form %s', async (_name, bytes, status) => {
    const { scene, answer } = await begin('form_post')
    const length = new URLSearchParams({ ...answer, pad: '' }).toString().length
    expect((await scene.browser.post(CALLBACK, { ...answer, pad: 'x'.repeat(bytes - length) })).status).toBe(status)
  })

  test.each([
    ['a parameter twice', (form: string) => `${form}&state=other`, 'application/x-www-form-urlencoded'],
    ['what is no form', (form: string) => form, 'text/plain'],
  ])('%s', async (_name, change, type) => {
    const { scene, answer } = await begin('form_post')
    const cookie = [...scene.browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const body = change(new URLSearchParams(answer).toString())
    const response = await scene.fetch(new Request(CALLBACK, { method: 'POST', body, headers: { 'content-type': type, cookie } }))
    expect(response.status).toBe(400)
    expect(scene.log.at(-1)).toMatchObject({ code: 'request-malformed' })
    expect(scene.sessions.started).toEqual([])
  })

  test('a parameter in the address adds nothing to the form', async () => {
    const { scene, answer } = await begin('form_post')
    const { state, ...others } = answer
    const response = await scene.browser.post(`${CALLBACK}?state=${state}`, others)
    expect(response.status).toBe(400)
  })
})
