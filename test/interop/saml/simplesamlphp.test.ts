import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { importMetadata } from '../../../src/identity/saml/idp-metadata.ts'
import { startHost, type IdentityHost } from './host.ts'
import { createPerson, type Page, type Person } from './person.ts'
import { providerOf } from './provider-config.ts'
import { startSimpleSaml, type SimpleSaml } from './simplesamlphp.ts'
import { xmlsec } from './xmlsec.ts'

const BASE64 = /-----[^-]+-----|\s/gu

describe.each([
  ['in the clear', false, {}],
  // Version 1.19 knows no other cipher than AES-128-CBC.
  ['encrypted', true, { wantEncrypted: true, allowCbc: true }],
] as const)('SimpleSAMLphp, assertions %s', (_name, encrypts, changes) => {
  const tool = xmlsec()
  let host: IdentityHost
  let idp: SimpleSaml

  beforeAll(async () => {
    tool.makeIdentity('idp')
    tool.makeIdentity('sp')
    host = await startHost()
    const base = `${host.origin}/.portcullis/saml/acme`
    idp = await startSimpleSaml({
      folder: tool.folder,
      serviceProvider: {
        entityId: `${base}/metadata`,
        acs: `${base}/acs`,
        slo: `${base}/slo`,
        certificate: tool.read('sp.crt').replaceAll(BASE64, ''),
      },
      encrypts,
    })
    const metadata = new Uint8Array(await (await fetch(idp.entityId)).arrayBuffer())
    const {
      warnings: _warnings,
      wantsSignedRequests: _wants,
      nameIdFormat: _format,
      ...imported
    } = await importMetadata(metadata, { by: 'certificate', certificate: tool.read('idp.crt') }, Date.now())
    host.use(providerOf(tool, { ...imported, ...changes }))
  })
  afterAll(async () => {
    idp?.stop()
    await host?.stop()
    tool.remove()
  })

  const person = (): Person => createPerson((url) => url.startsWith(`${host.origin}/orders`) || url.startsWith(`${host.origin}/bye`))
  async function signIn(by: Person, query = ''): Promise<Page> {
    const asked = await by.open(`${host.origin}/.portcullis/login?return_to=/orders${query}`)
    return by.submit(asked, { username: 'ann', password: 'secret' })
  }

  test('somebody signs in', async () => {
    const page = await signIn(person())
    expect(host.log.filter(({ detail }) => detail !== undefined)).toEqual([])
    expect(page.url).toBe(`${host.origin}/orders`)
    expect(host.sessions.started.at(-1)).toMatchObject({
      issuer: idp.entityId,
      subject: 'ann',
      claims: { email: 'ann@example.com', name: 'Ann Ö. <&>' },
      groups: ['staff', 'admins'],
      scopes: ['orders:read'],
      providerSession: expect.stringMatching(/^_/u),
    })
  })

  test('a second sign-in asks nothing, unless it must; passively it asks never', async () => {
    const by = person()
    await signIn(by)
    const started = host.sessions.started.length
    expect((await by.open(`${host.origin}/.portcullis/login?return_to=/orders`)).url).toBe(`${host.origin}/orders`)
    expect((await by.open(`${host.origin}/.portcullis/login?return_to=/orders&prompt=login`)).url).toContain('loginuserpass')
    expect(host.sessions.started.length).toBe(started + 1)
    const refused = await person().open(`${host.origin}/.portcullis/login?return_to=/orders&prompt=none`)
    expect(refused).toMatchObject({ status: 401, url: expect.stringContaining('/acs') })
    expect(host.log.at(-1)).toMatchObject({ code: 'interaction-required', detail: expect.stringContaining('status-passive') })
  })

  test('our sign-out ends the session there too', async () => {
    const by = person()
    await signIn(by)
    const left = await by.open(`${host.origin}/.portcullis/logout`, {
      method: 'POST',
      headers: { origin: host.origin },
      body: new URLSearchParams({ return_to: '/bye' }),
    })
    expect(left.url).toBe(`${host.origin}/bye`)
    expect(left.way.some((url) => url.includes('/slo?SAMLResponse='))).toBe(true)
    expect((await by.open(`${host.origin}/.portcullis/login?return_to=/orders`)).url).toContain('loginuserpass')
  })

  test('a sign-out there ends the session here', async () => {
    const by = person()
    await signIn(by)
    const alive = host.sessions.alive.size
    const left = await by.open(`${idp.url}saml2/idp/initSLO.php?RelayState=${encodeURIComponent(`${host.origin}/bye`)}`)
    expect(left.way.some((url) => url.includes('/slo?SAMLRequest='))).toBe(true)
    expect(left.url).toBe(`${host.origin}/bye`)
    expect(host.sessions.alive.size).toBe(alive - 1)
    expect(host.log.at(-1)).toMatchObject({ event: 'sign-out', code: 'signed-out-at-provider' })
  })
})
