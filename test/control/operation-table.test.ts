import { describe, expect, test } from 'vitest'
import type { Operation } from '../../src/control/operation.ts'
import { createOperationTable } from '../../src/control/operation-table.ts'

const operation = (method: Operation['method'], path: Operation['path']): Operation => ({
  id: `${method} ${path}`,
  method,
  path,
  summary: '',
  scope: 'status:read',
  run: async () => ({ status: 'done', code: 204 }),
})
const match = createOperationTable([
  operation('GET', '/audit'),
  operation('GET', '/apps/:id'),
  operation('PATCH', '/apps/:id'),
  operation('POST', '/apps/mine'),
  operation('GET', '/apps/:id/keys'),
])
const found = (method: string, path: string): string => {
  const answer = match(method, path)
  if (answer.status === 'found') return `${answer.operation.id} ${JSON.stringify(answer.params)}`
  return answer.status === 'method' ? `405 ${answer.allow}` : '404'
}

describe('the table of operations', () => {
  test.each([
    ['GET', '/audit', 'GET /audit {}'],
    ['HEAD', '/audit', 'GET /audit {}'],
    ['POST', '/audit', '405 GET, HEAD'],
    ['GET', '/audit/', '404'],
    ['GET', '/Audit', '404'],
    ['GET', '', '404'],
    ['GET', '/', '404'],
    ['GET', '/apps/a%20b', 'GET /apps/:id {"id":"a b"}'],
    ['GET', '/apps/%ff', '404'],
    ['GET', '/apps/', '404'],
    ['GET', '/apps//keys', '404'],
    ['DELETE', '/apps/a', '405 GET, HEAD, PATCH'],
    // A literal is another path than a parameter, whatever methods it has.
    ['GET', '/apps/mine', '405 POST'],
    ['POST', '/apps/mine', 'POST /apps/mine {}'],
    ['GET', `/apps/${'x'.repeat(512)}`, `GET /apps/:id {"id":"${'x'.repeat(512)}"}`],
    ['GET', `/apps/${'x'.repeat(513)}`, '404'],
    ['OPTIONS', '/apps/a', '405 GET, HEAD, PATCH'],
  ])('%s %s', (method, path, expected) => {
    expect(found(method, path)).toBe(expected)
  })
})
