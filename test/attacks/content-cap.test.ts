import { describe, expect, test } from 'vitest'
import { createTestGate, signature, type TestGate } from '../../src/testing/index.ts'
import { codeOf } from '../support/orders.ts'
import { policyDocument } from '../support/policy-document.ts'

const CAP = 1000
const SECRET = new Uint8Array(32).fill(7)

function createCappedGate(): TestGate {
  const document = policyDocument()
  document['x-portcullis'].consumers.acme.signingKeys = [{ keyid: 'acme-1', secret: 'BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc' }]
  document.paths = { '/pay': { post: { security: [{ signed: [] }], 'x-portcullis': { maxBodyBytes: CAP } } } }
  return createTestGate({ policy: document })
}

/** Signed, and sent in chunks, so that nobody knows its length before it is read. */
async function inChunks(gate: TestGate, length: number): Promise<Request> {
  const content = 'x'.repeat(length)
  const request = new Request(`${gate.baseUrl}/v1/pay`, { method: 'POST', body: content })
  const { headers } = await signature({ keyid: 'acme-1', secret: SECRET })(request, gate)
  return new Request(request.url, { method: 'POST', headers, body: new Blob([content]).stream() })
}

describe('the cap on a route’s content holds for content that was digested', () => {
  test('just under it', async () => {
    const gate = createCappedGate()
    expect((await gate.fetch(await inChunks(gate, CAP))).status).toBe(200)
    expect(await gate.forwarded[0]?.text()).toHaveLength(CAP)
  })

  test('just over it', async () => {
    const gate = createCappedGate()
    expect(await codeOf(await gate.fetch(await inChunks(gate, CAP + 1)))).toBe('413 content-too-large')
    expect(gate.forwarded).toEqual([])
  })
})
