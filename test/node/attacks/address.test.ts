import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LocalGate } from '../../../cli/local/local-gate.ts'
import { newKey, startGate, startOrigin, temporaryFolder, type Origin } from '../local/support.ts'

const folder = temporaryFolder()
let origin: Origin
let gate: LocalGate

/** Another isolate of the same feed: it knows at once what was revoked. */
async function restart(): Promise<void> {
  await gate.stop()
  gate = await startGate({ stateDirectory: folder.path, origin: origin.url })
}
async function block(id: string): Promise<number> {
  const { key } = await newKey('admin')
  const response = await fetch(`${gate.url}/.portcullis/admin/v1/revocations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ type: 'address', id }),
  })
  return response.status
}
async function ask(path: string, claimed: string): Promise<string> {
  const { key } = await newKey()
  const headers = {
    'x-api-key': key,
    'cf-connecting-ip': claimed,
    'x-forwarded-for': claimed,
    'true-client-ip': claimed,
    'x-real-ip': claimed,
  }
  const response = await fetch(gate.url + path, { headers })
  const text = await response.text()
  return `${response.status} ${/"code":\s*"([a-z-]+)"/u.exec(text)?.[1] ?? text}`
}

beforeAll(async () => {
  origin = await startOrigin((request, response) => {
    request.resume()
    response.end('ok')
  })
  gate = await startGate({ stateDirectory: folder.path, origin: origin.url })
})
afterAll(async () => {
  await gate.stop()
  await origin.stop()
  folder.remove()
})

test('who claims a blocked address is not blocked, and who is blocked cannot claim another one', async () => {
  expect(await block('203.0.113.9')).toBe(201)
  await restart()
  expect([await ask('/key', '203.0.113.9'), await ask('/open/a', '203.0.113.9')]).toEqual(['200 ok', '200 ok'])
  expect(await block('127.0.0.1')).toBe(201)
  await restart()
  const answers = [await ask('/key', '203.0.113.8'), await ask('/open/a', '203.0.113.8'), await ask('/nowhere', '203.0.113.8')]
  expect(answers).toEqual(['403 address-blocked', '403 address-blocked', '403 address-blocked'])
  // Whoever blocked themselves by mistake can still revoke.
  expect(await block('203.0.113.10')).toBe(201)
})
