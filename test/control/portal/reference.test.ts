import { beforeEach, describe, expect, test } from 'vitest'
import { quote } from '../../../src/control/portal/recipes.ts'
import { createTestPortal } from '../../support/portal.ts'

type Portal = ReturnType<typeof createTestPortal>
let portal: Portal
let ada: ReturnType<Portal['as']>
let app: string
const operation = (id: string): string => `/reference?operation=${encodeURIComponent(id)}`
const READ = operation('GET /orders/{id}')
const WRITE = operation('PUT /orders/{id}')

beforeEach(async () => {
  portal = createTestPortal()
  ada = portal.as('ada')
  const organisation = await ada.made('/organisations/new', { name: 'Acme' })
  app = await ada.made(`${organisation}/apps/new`, { name: 'Export', plan: 'free' })
  await ada.post(`${app}/keys/new`, { name: 'Production', scopes: 'read', life: '2592000' })
})
const textOf = async (path: string): Promise<string> =>
  (await (await ada.get(path)).text()).replaceAll('&#39;', "'").replaceAll('&quot;', '"')

describe('the reference', () => {
  test('lists what there is to call', async () => {
    const text = await textOf('/reference')
    expect(text).toContain('Read an order')
    expect(text).toContain('/v1/orders/{id}')
  })
  test('shows every way in, with the key of the reader', async () => {
    const text = await textOf(READ)
    for (const way of ['With an access token', 'With an API key', 'With a client certificate']) expect(text).toContain(way)
    const [id = ''] = portal.accounts.keysById.keys()
    expect(text).toContain(`curl -H 'X-API-Key: SECRET_OF_KEY_${id}' \\\n  'https://api.example.com/v1/orders/42'`)
  })
  test('of a conjunction the command has all parts, and the signature covers the key', async () => {
    const text = await textOf(WRITE)
    expect(text).toContain('With an API key and a signed request')
    expect(text).toContain("--method PUT \\\n  --data '{}'")
    expect(text).toContain('--cover x-api-key')
  })
  test('says what the plan lacks, and nothing where it lacks nothing', async () => {
    expect(await textOf(WRITE)).toContain('plan free lacks write')
    expect(await textOf(READ)).not.toContain('lacks')
  })
  test('does not show commands for an app of somebody else', async () => {
    const eve = portal.as('eve')
    const text = await (await eve.get(`${READ}&app=${app.split('/').at(-1) ?? ''}`)).text()
    expect(text).not.toContain('SECRET_OF_KEY_')
    expect(text).toContain('YOUR_SECRET')
  })
  test('what is not in the policy is 404', async () => {
    expect((await ada.get(operation('GET /nothing'))).status).toBe(404)
  })
  test('tells how to sign, as the scheme asks', async () => {
    expect(await textOf('/reference/signing')).toContain('("@method" "@authority" "@path" "@query");created=')
  })
  test.each([
    ['plain', "'plain'"],
    ["it's", String.raw`'it'\''s'`],
    ['$(rm -rf /)', "'$(rm -rf /)'"],
  ])('%s stays one word in a shell', (text, expected) => {
    expect(quote(text)).toBe(expected)
  })
})

describe('usage of an app', () => {
  test('none yet says so; the quota is of the ledger', async () => {
    const text = await textOf(app)
    expect(text).toContain('No request in the last 24 hours')
    expect(text).toContain('900 of 1,000, 90%')
  })
  test.each([
    ['', 24, '1,200', '240'],
    ['?usage=30d', 30, '1,500', '300'],
    ['?usage=nonsense', 24, '1,200', '240'],
  ])('%j: %d steps', async (query, steps, requests, errors) => {
    Object.assign(portal.rates, { requests: 50, errors: 10 })
    const text = await textOf(app + query)
    expect(text).toContain(`${requests} requests, ${errors} errors.`)
    expect(text).toContain('429 rate-limited')
    expect(text.match(/<th scope="row" role="rowheader" data-label="Time">/gu)).toHaveLength(steps)
  })
})
