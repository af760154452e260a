import { describe, expect, test } from 'vitest'
import { createTestGate } from '../../src/testing/index.ts'
import { policyDocument } from '../support/policy-document.ts'

/** A policy with doors behind an open hall: what the origin takes for a door must not pass as hall. */
function createHall(): ReturnType<typeof createTestGate> {
  const document = policyDocument()
  const [open, closed] = [{ get: { security: [{}] } }, { get: { security: [{ app: [] }] } }]
  document.paths = {
    '/{rest+}': open,
    '/api/{name}': open,
    '/api/admin': closed,
    '/api/admin/{rest+}': closed,
    '/a;b': closed,
    '/admin': closed,
    '/both': closed,
    '/both/': open,
    '/item/{id}': closed,
  }
  return createTestGate({ policy: document })
}

describe('a literal with path parameters is not taken by a laxer route: servers that cut them off would serve the literal', () => {
  test.each(['/api/admin;x', '/api/admin;', '/api;x/admin', '/api/admin;x=1/users', '/api/admin%3bx', '/api;/admin;/users'])(
    '%s is no route',
    async (path) => {
      const gate = createHall()
      expect((await gate.fetch(new Request(`${gate.baseUrl}/v1${path}`))).status).toBe(404)
    },
  )

  test.each([
    ['/v1/api/other;x', 200],
    ['/v1/other;admin', 200],
    ['/v1/api/adminx;y', 200],
    ['/v1/a;b', 401],
    ['/v1/api/admin', 401],
    ['/v1;x/api/admin', 404],
  ])('%s is %i', async (path, status) => {
    const gate = createHall()
    expect((await gate.fetch(new Request(gate.baseUrl + path))).status).toBe(status)
  })
})

describe('nor is what only ends in another slash', () => {
  test.each([
    ['/admin', 401],
    ['/admin/', 404],
    ['/api/admin/', 404],
    ['/item/1/', 404],
    ['/both', 401],
    ['/both/', 200],
    ['/hall/', 200],
    ['/api/', 200],
    ['/admin/x', 200],
  ])('%s is %i', async (path, status) => {
    const gate = createHall()
    expect((await gate.fetch(new Request(`${gate.baseUrl}/v1${path}`))).status).toBe(status)
  })
})
