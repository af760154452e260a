import { createHash } from 'node:crypto'
import { request as requestTls } from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { issueLeaf, localServerCertificate, openAuthority, revocationList, type Leaf } from '../../../cli/local/authority.ts'
import type { LocalGate } from '../../../cli/local/local-gate.ts'
import { newKey, signatureFields, startGate, startOrigin, temporaryFolder, type Origin } from './support.ts'

const folder = temporaryFolder()
const seen: { readonly url: string; readonly fields: Record<string, unknown> }[] = []
let origin: Origin
let gate: LocalGate
let tls: NonNullable<Parameters<typeof startGate>[0]['tls']>
let keyIdentifier: string
const leaves = new Map<string, Leaf>()
let trusted: string

beforeAll(async () => {
  origin = await startOrigin((request, response) => {
    seen.push({ url: request.url ?? '', fields: request.headers })
    if (request.url?.startsWith('/open/echo') === true) request.pipe(response)
    else if (request.url !== '/never') response.end('ok')
  })
  origin.server.on('upgrade', (request, socket) => {
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
    socket.write(Buffer.concat([Buffer.from([0x81, 5]), Buffer.from('hello')]))
    socket.on('error', () => undefined).on('end', () => socket.end())
  })
  const authority = await openAuthority(join(folder.path, 'clients'), 'Clients')
  const strangers = await openAuthority(join(folder.path, 'strangers'), 'Strangers')
  const billing = { name: 'billing', usage: 'client', uris: ['spiffe://example.org/billing'] } as const
  leaves.set('good', await issueLeaf(authority, billing))
  leaves.set('revoked', await issueLeaf(authority, billing))
  leaves.set('expired', await issueLeaf(authority, { ...billing, notAfter: new Date(Date.now() - 60_000) }))
  leaves.set('stranger', await issueLeaf(strangers, billing))
  leaves.set('other-service', await issueLeaf(authority, { ...billing, uris: ['spiffe://example.org/shipping'] }))
  leaves.set('server-certificate', await issueLeaf(authority, { ...billing, usage: 'server' }))
  const revoked = leaves.get('revoked')
  const server = await localServerCertificate(join(folder.path, 'edge'))
  trusted = (await openAuthority(join(folder.path, 'edge'), '')).pem
  keyIdentifier = authority.keyIdentifier
  tls = {
    port: 0,
    certificate: server.leaf.pem,
    key: server.leaf.key,
    clientAuthorities: authority.pem,
    revocationLists: await revocationList(authority, revoked === undefined ? [] : [revoked]),
  }
  gate = await startGate({ stateDirectory: folder.path, origin: origin.url, tls, authorityKeyIdentifier: keyIdentifier })
})
afterAll(async () => {
  await gate.stop()
  await origin.stop()
  folder.remove()
})

/** One request over TLS, with the named certificate or none. */
async function overTls(name: string | undefined, fields: Readonly<Record<string, string>> = {}): Promise<string> {
  const leaf = name === undefined ? undefined : leaves.get(name)
  return new Promise((resolve, reject) => {
    const request = requestTls(
      `${gate.tlsUrl}/service`,
      { ca: trusted, headers: fields, agent: false, ...(leaf === undefined ? {} : { cert: leaf.pem, key: leaf.key }) },
      (response) => {
        let text = ''
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString()
        })
        response.on('end', () => resolve(`${response.statusCode} ${/"code":"([a-z-]+)"/u.exec(text)?.[1] ?? ''}`.trim()))
      },
    )
    request.on('error', reject).end()
  })
}

describe('transport identity at the local edge', () => {
  test.each([
    ['good', '200'],
    ['revoked', '403 credential-rejected'],
    ['expired', '403 credential-rejected'],
    ['stranger', '403 credential-rejected'],
    ['other-service', '403 credential-rejected'],
    ['server-certificate', '403 credential-rejected'],
    [undefined, '403 credential-missing'],
  ])('CC-1: certificate %s', async (name, answer) => {
    expect(await overTls(name)).toBe(answer)
  })

  test('CC-1: what a client says of a certificate is not believed', async () => {
    const report = JSON.stringify({
      tlsClientAuth: { certPresented: '1', certVerified: 'SUCCESS', certRevoked: '0', certIssuerSKI: keyIdentifier },
    })
    const leaf = leaves.get('good')
    const der = leaf === undefined ? '' : Buffer.from(leaf.certificate.rawData).toString('base64')
    expect(
      await overTls(undefined, {
        'MF-CF-Blob': report,
        'mf-cf-blob': report,
        'Client-Cert': `:${der}:`,
        'X-Client-Cert': der,
        'cf-cert-verified': 'true',
      }),
    ).toBe('403 credential-missing')
    expect(await overTls('stranger', { 'MF-CF-Blob': report })).toBe('403 credential-rejected')
  })
})

describe('the local edge', () => {
  test('an address is the socket’s: CF-Connecting-IP and X-Forwarded-For of a client change nothing', async () => {
    const statuses = []
    for (const last of [1, 2, 3]) {
      const address = `203.0.113.${last}`
      const fields = { 'cf-connecting-ip': address, 'x-forwarded-for': address, 'true-client-ip': address, forwarded: `for=${address}` }
      statuses.push((await fetch(`${gate.url}/address`, { headers: fields })).status)
    }
    expect(statuses).toEqual([200, 200, 429])
    expect(seen.at(-1)?.fields['forwarded']).toContain('for=127.0.0.1')
  })

  test('GW-1: Portcullis-* of a client never reaches the origin', async () => {
    await fetch(`${gate.url}/open/a`, { headers: { 'portcullis-assertion': 'forged', 'portcullis-request-id': 'forged' } })
    expect(JSON.stringify(seen.at(-1)?.fields)).not.toContain('forged')
  })

  test('content streams both ways, before the request is whole', async () => {
    const socket = connect(Number(new URL(gate.url).port), '127.0.0.1')
    const chunks: string[] = []
    const arrived = async (text: string): Promise<void> => {
      while (!chunks.join('').includes(text)) await new Promise((resolve) => socket.once('data', resolve))
    }
    socket.on('data', (chunk: Buffer) => chunks.push(chunk.toString()))
    socket.write(`POST /open/echo HTTP/1.1\r\nHost: ${new URL(gate.url).host}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n`)
    await arrived('first')
    socket.write('6\r\nsecond\r\n0\r\n\r\n')
    await arrived('second')
    socket.destroy()
    expect(chunks.join('')).toContain('200 OK')
  })

  test('WebSocket goes through', async () => {
    const socket = new WebSocket(`${gate.url.replace('http', 'ws')}/open/socket`)
    const message = await new Promise((resolve, reject) => {
      socket.addEventListener('message', ({ data }) => resolve(data))
      socket.addEventListener('error', () => reject(new Error('no WebSocket')))
    })
    socket.close()
    expect(message).toBe('hello')
  })

  test('an origin that does not answer in time is 504', async () => {
    const response = await fetch(`${gate.url}/never`)
    expect([response.status, await response.json()]).toMatchObject([504, { code: 'origin-timeout' }])
  })
})

describe('exactly', () => {
  test('HS-11: of 50 identical signed requests at once one passes', async () => {
    const url = `${gate.url}/signed`
    const headers = signatureFields(url, '{}')
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => (await fetch(url, { method: 'POST', body: '{}', headers })).status),
    )
    expect(answers.filter((status) => status === 200)).toHaveLength(1)
    expect(answers.filter((status) => status === 401)).toHaveLength(49)
  })

  test('of 300 parallel calls on a quota of 100, 100 pass', async () => {
    const { key } = await newKey()
    const call = async (): Promise<number> => (await fetch(`${gate.url}/quota`, { headers: { 'x-api-key': key } })).status
    const answers = await Promise.all(Array.from({ length: 300 }, call))
    expect(answers.filter((status) => status === 200)).toHaveLength(100)
    expect(answers.filter((status) => status === 429)).toHaveLength(200)
  })
})

describe('a restart', () => {
  test('forgets no nonce, no quota and no revocation', async () => {
    const { port } = new URL(gate.url)
    const url = `${gate.url}/signed`
    const headers = signatureFields(url, '{}')
    const [key, admin] = [await newKey(), await newKey('admin')]
    const withKey = async (path: string): Promise<number> => (await fetch(gate.url + path, { headers: { 'x-api-key': key.key } })).status
    expect((await fetch(url, { method: 'POST', body: '{}', headers })).status).toBe(200)
    expect(await withKey('/key')).toBe(200)
    const revoked = await fetch(`${gate.url}/.portcullis/admin/v1/revocations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${admin.key}` },
      body: JSON.stringify({ type: 'key', id: key.id }),
    })
    expect(revoked.status).toBe(201)
    await gate.stop()
    gate = await startGate({
      stateDirectory: folder.path,
      origin: origin.url,
      tls,
      port: Number(port),
      authorityKeyIdentifier: keyIdentifier,
    })
    expect((await fetch(url, { method: 'POST', body: '{}', headers })).status).toBe(401)
    expect(await withKey('/key')).toBe(401)
    const other = await newKey()
    expect((await fetch(`${gate.url}/quota`, { headers: { 'x-api-key': other.key } })).status).toBe(429)
  })
})
