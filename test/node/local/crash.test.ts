import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LocalGate } from '../../../cli/local/local-gate.ts'
import { newKey, signatureFields, startGate, startOrigin, temporaryFolder, type Origin } from './support.ts'

const ROUNDS = 3
const folder = temporaryFolder()
let origin: Origin
let gate: LocalGate

beforeAll(async () => {
  origin = await startOrigin((_request, response) => response.end('ok'))
  gate = await startGate({ stateDirectory: folder.path, origin: origin.url })
})
afterAll(async () => {
  await gate.stop()
  await origin.stop()
  folder.remove()
})

/** 0: no answer, because the runtime was gone. */
async function statusOf(path: string, init: RequestInit): Promise<number> {
  try {
    return (await fetch(gate.url + path, init)).status
  } catch {
    return 0
  }
}

/** Kills the runtime once `enough` of the requests have been answered, and starts it again on the same state and port. */
async function crashDuring(enough: number, requests: readonly (() => Promise<number>)[]): Promise<number[]> {
  const port = Number(new URL(gate.url).port)
  let answered = 0
  let crashing: Promise<void> | undefined
  const statuses = await Promise.all(
    requests.map(async (send) => {
      const status = await send()
      answered += status === 0 ? 0 : 1
      if (answered === enough) crashing ??= gate.crash()
      return status
    }),
  )
  await crashing
  gate = await startGate({ stateDirectory: folder.path, origin: origin.url, port })
  return statuses
}

describe('a crash in the middle, again and again', () => {
  test('no nonce is accepted twice', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const signed = Array.from({ length: 60 }, () => signatureFields(`${gate.url}/signed`, '{}'))
      const send = async (headers: Record<string, string>): Promise<number> => statusOf('/signed', { method: 'POST', body: '{}', headers })
      const first = await crashDuring(
        20,
        signed.map((headers) => async () => send(headers)),
      )
      const passed = signed.filter((_headers, index) => first[index] === 200)
      expect(passed.length).toBeGreaterThan(0)
      const again = await Promise.all(passed.map(send))
      expect(again.filter((status) => status === 200)).toEqual([])
    }
  })

  test('no quota is overspent', async () => {
    const { key } = await newKey()
    const send = async (): Promise<number> => statusOf('/quota', { headers: { 'x-api-key': key } })
    let passed = 0
    for (let round = 0; round < ROUNDS; round += 1) {
      const statuses = await crashDuring(
        15,
        Array.from({ length: 60 }, () => send),
      )
      passed += statuses.filter((status) => status === 200).length
    }
    const rest = await Promise.all(Array.from({ length: 150 }, send))
    passed += rest.filter((status) => status === 200).length
    expect(passed).toBeLessThanOrEqual(100)
    expect(rest.filter((status) => status === 429).length).toBeGreaterThan(0)
  })

  test('a crash costs at most the one lease of each isolate: of what was left no more than half, and nothing comes back', async () => {
    const { key } = await newKey('api', 'globex')
    /** What is left after one more, as the gate tells its client. */
    const left = async (): Promise<number> => {
      const response = await fetch(`${gate.url}/quota`, { headers: { 'x-api-key': key } })
      expect(response.status).toBe(200)
      return Number(/"hundred";r=(\d+)/u.exec(response.headers.get('ratelimit') ?? '')?.[1])
    }
    let [before, lost] = [100, 0]
    for (let round = 0; round < ROUNDS; round += 1) {
      for (let sent = 0; sent < 5; sent += 1) before = await left()
      // With nothing on its way.
      await crashDuring(0, [async () => 0])
      const after = await left()
      lost += before - 1 - after
      // One isolate is lent at most half of what is there (src/limits/ledger.ts); here there is one.
      expect(before - 1 - after).toBeGreaterThanOrEqual(0)
      expect(before - 1 - after).toBeLessThanOrEqual(before / 2)
      before = after
    }
    expect(before + lost).toBe(100 - ROUNDS * 6)
  })
})
