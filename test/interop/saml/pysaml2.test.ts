import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { importMetadata } from '../../../src/identity/saml/idp-metadata.ts'
import { freePort, startHost, type IdentityHost } from './host.ts'
import { createPerson, type Person } from './person.ts'
import { providerOf } from './provider-config.ts'
import { xmlsec } from './xmlsec.ts'

/** For the tests of one `describe`: ours, theirs, and people. */
function parties(cipher: 'none' | 'default' | 'gcm') {
  const tool = xmlsec()
  let host: IdentityHost
  let server: ChildProcess
  let idp: string

  beforeAll(async () => {
    tool.makeIdentity('idp')
    tool.makeIdentity('sp')
    host = await startHost()
    idp = `http://127.0.0.1:${await freePort()}`
    const provisional = {
      entityId: `${idp}/metadata`,
      singleSignOn: { url: `${idp}/sso`, binding: 'redirect' },
      singleLogout: { url: `${idp}/slo`, binding: 'redirect' },
      certificates: [tool.read('idp.crt')],
    } as const
    host.use(providerOf(tool, provisional))
    // It reads our own metadata, as any identity provider does.
    const ours = await fetch(`${host.origin}/.portcullis/saml/acme/metadata`)
    tool.write('sp.xml', await ours.text())
    server = spawn(
      '/usr/bin/python3',
      [join(import.meta.dirname, 'pysaml2_idp.py'), tool.folder, new URL(idp).port, join(tool.folder, 'sp.xml'), cipher],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    )
    const metadata = await metadataOf(`${idp}/metadata`, server)
    const {
      warnings: _warnings,
      wantsSignedRequests: _wants,
      nameIdFormat: _format,
      ...imported
    } = await importMetadata(metadata, { by: 'nothing' }, Date.now())
    host.use(providerOf(tool, { ...imported, wantEncrypted: cipher !== 'none' }))
  })
  afterAll(async () => {
    server?.kill()
    await host?.stop()
    tool.remove()
  })

  const person = (): Person => createPerson((url) => url.startsWith(`${host.origin}/orders`) || url.startsWith(`${host.origin}/bye`))
  const signIn = async (by: Person) => by.open(`${host.origin}/.portcullis/login?return_to=/orders`)
  return { host: () => host, idp: () => idp, person, signIn }
}

describe.each(['none', 'gcm'] as const)('pysaml2, encryption: %s', (cipher) => {
  const { host, idp, person, signIn } = parties(cipher)

  test('somebody signs in', async () => {
    const page = await signIn(person())
    expect(host().log.filter(({ detail }) => detail !== undefined)).toEqual([])
    expect(page.url).toBe(`${host().origin}/orders`)
    expect(host().sessions.started.at(-1)).toMatchObject({
      issuer: `${idp()}/metadata`,
      subject: 'ann',
      claims: { email: 'ann@example.com', name: 'Ann Ö. <&>' },
    })
  })

  test('our sign-out is heard there, with the NameID as it was issued', async () => {
    const by = person()
    await signIn(by)
    const left = await by.open(`${host().origin}/.portcullis/logout`, {
      method: 'POST',
      headers: { origin: host().origin },
      body: new URLSearchParams({ return_to: '/bye' }),
    })
    expect(left.url).toBe(`${host().origin}/bye`)
    expect(left.way.some((url) => url.includes('/slo?SAMLResponse='))).toBe(true)
  })

  test('a sign-out there ends the session here, and our answer is signed', async () => {
    const by = person()
    await signIn(by)
    expect(host().sessions.alive.size).toBeGreaterThan(0)
    const left = await by.open(`${idp()}/end?to=${encodeURIComponent(`${host().origin}/.portcullis/saml/acme/slo`)}`)
    expect(left.html).toBe('signed out here too')
    expect(host().sessions.alive.size).toBe(0)
  })
})

describe('pysaml2, encryption: default', () => {
  const { host, person, signIn } = parties('default')

  test('its default is Triple DES, which is refused in words that say so', async () => {
    expect(await signIn(person())).toMatchObject({ status: 502, url: expect.stringContaining('/acs') })
    expect(host().log.at(-1)).toMatchObject({ detail: expect.stringContaining('3des: Triple DES is refused') })
  })
})

async function metadataOf(url: string, server: ChildProcess): Promise<Uint8Array> {
  const end = Date.now() + 20_000
  while (Date.now() < end && server.exitCode === null) {
    const response = await fetch(url).catch(() => undefined)
    if (response?.ok === true) return new Uint8Array(await response.arrayBuffer())
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('pysaml2 did not start')
}
