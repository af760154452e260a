import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LocalGate } from '../../../cli/local/local-gate.ts'
import { raw, startGate, startOrigin, temporaryFolder, type Origin } from './support.ts'

const folder = temporaryFolder()
const seen: string[] = []
let origin: Origin
let gate: LocalGate

beforeAll(async () => {
  origin = await startOrigin((request, response) => {
    seen.push(request.url ?? '')
    response.end('ok')
  })
  gate = await startGate({ stateDirectory: folder.path, origin: origin.url })
})
afterAll(async () => {
  await gate.stop()
  await origin.stop()
  folder.remove()
})

/** Targets as they stand on the wire, and what the gate makes of them. */
const TARGETS: readonly (readonly [target: string, answer: string])[] = [
  ['/open/a', '200'],
  ['/open/a?b=c&d', '200'],
  ['/open/a;p=1', '200'],
  ['/open/%41', '400 target-not-canonical'],
  ['/open/../key', '400 target-not-canonical'],
  ['/open/./a', '400 target-not-canonical'],
  ['/open/%2e%2e/key', '400 target-not-canonical'],
  ['/open/%2E%2E/key', '400 target-not-canonical'],
  ['/open/.%2e/key', '400 target-not-canonical'],
  ['/open/..', '400 target-not-canonical'],
  ['/open/..;/key', '400 target-not-canonical'],
  ['/open/..;a=1/key', '400 target-not-canonical'],
  ['/open/..%3b/key', '400 target-not-canonical'],
  ['/open/.;/key', '400 target-not-canonical'],
  ['/open/..a;/key', '200'],
  ['/open//key', '400 target-not-canonical'],
  ['//open/a', '400 target-not-canonical'],
  ['/open/a%2f..%2fkey', '400 target-not-canonical'],
  ['/open/a%2Fb', '400 target-not-canonical'],
  ['/open/a%5cb', '400 target-not-canonical'],
  ['/open\\a', '400 target-not-canonical'],
  ['/open/\\..\\key', '400 target-not-canonical'],
  ['/open/a%00', '400 target-not-canonical'],
  ['/open/a%0d%0aX: y', '400'],
  ['/open/%zz', '400 target-not-canonical'],
  ['/open/%', '400 target-not-canonical'],
  ['/open/%ff', '400 target-not-canonical'],
  ['/open/%c3%a9', '200'],
  ['/open/%C3%A9', '200'],
  ['/OPEN/a', '404 route-unknown'],
  ['/%6fpen/a', '400 target-not-canonical'],
  ['/key/', '404 route-unknown'],
  ['/', '404 route-unknown'],
  ['/open', '404 route-unknown'],
  ['/.portcullis/admin/v1/status/../../../../open/a', '404 route-unknown'],
]

describe.each([
  ['workerd serve', (local: LocalGate) => local.runtimePort],
  ['the local edge', (local: LocalGate) => Number(new URL(local.url).port)],
])('raw targets at %s', (_name, portOf) => {
  test.each(TARGETS)('%j', async (target, answer) => {
    seen.length = 0
    const host = new URL(gate.url).host
    const { status, code } = await raw(portOf(gate), [`GET ${target} HTTP/1.1`, `Host: ${host}`])
    expect(`${status} ${code}`.trim()).toBe(answer)
    expect(seen).toEqual(answer === '200' ? [target] : [])
  })

  test('a host that is not ours; the authority of an absolute form has no say', async () => {
    const host = new URL(gate.url).host
    const port = portOf(gate)
    expect(await raw(port, ['GET /open/a HTTP/1.1', 'Host: evil.example'])).toEqual({ status: 421, code: 'host-unknown' })
    seen.length = 0
    expect((await raw(port, ['GET http://evil.example/open/a HTTP/1.1', `Host: ${host}`])).status).toBe(200)
    expect(seen).toEqual(['/open/a'])
    expect(await raw(port, ['GET http://api.example.com/open/a HTTP/1.1', 'Host: evil.example'])).toEqual({
      status: 421,
      code: 'host-unknown',
    })
    expect((await raw(port, ['GET /open/a HTTP/1.1', `Host: ${host}@evil.example`])).status).not.toBe(200)
  })
})
