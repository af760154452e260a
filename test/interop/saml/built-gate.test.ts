import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startLocalGate, type LocalGate } from '../../../cli/local/local-gate.ts'
import { compilePolicy } from '../../../src/policy/parse-policy.ts'
import { freePort } from './host.ts'
import { createPerson, type Page, type Person } from './person.ts'
import { startSimpleSaml, type SimpleSaml } from './simplesamlphp.ts'
import { xmlsec } from './xmlsec.ts'

/** The gate as it is deployed, in its runtime, with SimpleSAMLphp at its side: signed and encrypted. */
describe('the built gate', () => {
  const tool = xmlsec()
  const state = mkdtempSync(join(tmpdir(), 'portcullis-gate-'))
  let gate: LocalGate
  let idp: SimpleSaml
  let origin: Server

  beforeAll(async () => {
    tool.makeIdentity('idp')
    tool.makeIdentity('sp')
    const [gatePort, idpPort] = [await freePort(), await freePort()]
    origin = createServer((request, response) => {
      const [, claims = ''] = String(request.headers['portcullis-assertion']).split('.')
      response.end(Buffer.from(claims, 'base64url').toString())
    })
    await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve))
    const base = `http://127.0.0.1:${gatePort}/.portcullis/saml/acme`
    const serviceProvider = {
      entityId: `${base}/metadata`,
      acs: `${base}/acs`,
      slo: `${base}/slo`,
      certificate: tool.read('sp.crt').replaceAll(/-----[^-]+-----|\s/gu, ''),
    }
    idp = await startSimpleSaml({ folder: tool.folder, port: idpPort, serviceProvider, encrypts: true })
    const compiled = compilePolicy(policyFor(idp, `http://127.0.0.1:${(origin.address() as AddressInfo).port}`, tool.read('idp.crt')), {
      placeholders: 'keep',
      isLocal: true,
    })
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems))
    const bindings = {
      PORTCULLIS_ROOT_KEY: 'g1:Vq3n0m0d5b2n8K4rWc7Xy1Zt6Ls9Jh2Gf5Da8Pe3Ou0',
      SAML_KEY: tool.read('sp.pem'),
      SAML_CERTIFICATE: tool.read('sp.crt'),
    }
    gate = await startLocalGate({
      policy: compiled.document,
      bindings,
      stateDirectory: state,
      port: gatePort,
      log: (line) => lines.push(line),
    })
  })
  const lines: string[] = []
  afterAll(async () => {
    idp?.stop()
    await gate?.stop()
    origin?.close()
    tool.remove()
    rmSync(state, { recursive: true, force: true })
  })

  const person = (): Person => createPerson(() => false)
  async function signIn(by: Person): Promise<Page> {
    const asked = await by.open(`${gate.url}/.portcullis/login?return_to=/orders`)
    return by.submit(asked, { username: 'ann', password: 'secret' })
  }

  test('signs somebody in, whom the origin then knows', async () => {
    const page = await signIn(person())
    expect(lines.filter((line) => line.includes('"detail"'))).toEqual([])
    expect([page.url, page.status]).toEqual([`${gate.url}/orders`, 200])
    expect(JSON.parse(page.html)).toMatchObject({ principals: [{ iss: idp.entityId, sub: 'ann', scope: 'orders:read' }] })
  })

  test('signs out there, and nothing opens any more', async () => {
    const by = person()
    await signIn(by)
    const left = await by.open(`${gate.url}/.portcullis/logout`, {
      method: 'POST',
      headers: { origin: gate.url },
      body: new URLSearchParams(),
    })
    expect(left.way.some((url) => url.includes('/slo?SAMLResponse='))).toBe(true)
    expect((await by.open(`${gate.url}/orders`, { headers: { accept: 'application/json' } })).status).toBe(401)
  })

  test('hears of a sign-out there', async () => {
    const by = person()
    await signIn(by)
    const left = await by.open(`${idp.url}saml2/idp/initSLO.php?RelayState=${encodeURIComponent(`${gate.url}/orders`)}`, {
      headers: { accept: 'application/json' },
    })
    expect(left.way.some((url) => url.includes('/slo?SAMLRequest='))).toBe(true)
    expect((await by.open(`${gate.url}/orders`, { headers: { accept: 'application/json' } })).status).toBe(401)
  })
})

/* oxlint-disable no-template-curly-in-string -- placeholders */
const policyFor = (idp: SimpleSaml, origin: string, certificate: string): unknown => ({
  openapi: '3.1.0',
  info: { title: 'Orders', version: '1' },
  'x-portcullis': {
    origins: { main: { url: origin } },
    defaults: { origin: 'main' },
    identityProviders: {
      acme: {
        kind: 'saml',
        entityId: idp.entityId,
        singleSignOn: { url: `${idp.url}saml2/idp/SSOService.php`, binding: 'redirect' },
        singleLogout: { url: `${idp.url}saml2/idp/SingleLogoutService.php`, binding: 'redirect' },
        certificates: [certificate],
        privateKey: '${SAML_KEY}',
        certificate: '${SAML_CERTIFICATE}',
        wantSigned: 'both',
        wantEncrypted: true,
        allowCbc: true,
        mapping: { groupScopes: { staff: ['orders:read'] } },
      },
    },
  },
  components: {
    securitySchemes: {
      person: { type: 'apiKey', in: 'cookie', name: '__Host-portcullis', 'x-portcullis': { kind: 'session', consumer: 'any' } },
    },
  },
  paths: { '/orders': { get: { security: [{ person: ['orders:read'] }] } } },
})
