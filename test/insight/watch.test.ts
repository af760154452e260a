import { env } from 'cloudflare:workers'
import { runInDurableObject } from 'cloudflare:test'
import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import type { GateEvent } from '../../src/insight/gate-event.ts'
import type { Observation } from '../../src/insight/observation.ts'
import { createWatch, type Watch } from '../../src/insight/watch.ts'
import type { AbuseConfig } from '../../src/policy/policy.ts'
import type { ChangeRequest } from '../../src/revocation/change-request.ts'

const NOW = Date.UTC(2026, 10, 2)
const HOUR_MS = 3_600_000
const RECORD: AbuseConfig = { answers: {}, blockSeconds: { first: 900, most: 3600 }, allow: { networks: [], consumers: [], keys: [] } }
const ANSWER: AbuseConfig = { ...RECORD, answers: { slow: 0.6, limit: 0.8, block: 1 } }
const HOME = { address: '192.0.2.1', network: '64500', country: 'DE', latitude: 52.5, longitude: 13.4, userAgent: 'node/24', tls: 't1' }
const AWAY = { address: '198.51.100.9', network: '64501', country: 'BR', latitude: -23.5, longitude: -46.6, userAgent: 'curl/8', tls: 't2' }

interface World {
  now: number
  isDown: boolean
  readonly told: ChangeRequest[]
  readonly events: GateEvent[]
  readonly log: string[]
  /** As after an eviction: of the object only its storage is left. */
  open(): Watch
}

let names = 0
/** Runs in the storage of an object of its own. */
async function inStorage(work: (world: World) => Promise<void>): Promise<void> {
  names += 1
  const stub = (env as unknown as Bindings).EVENTS.getByName(`watch-${names}`)
  await runInDurableObject(stub as never, async (_instance: unknown, { storage }: DurableObjectState) => {
    const world: World = {
      now: NOW,
      isDown: false,
      told: [],
      events: [],
      log: [],
      open: () =>
        createWatch({
          storage,
          now: () => world.now,
          log: (line) => world.log.push(line),
          restrict: async (request) => {
            if (world.isDown) throw new Error('down')
            world.told.push(request)
          },
          emit: async (events) => {
            if (world.isDown) throw new Error('down')
            world.events.push(...events)
          },
        }),
    }
    await work(world)
  })
}

let requests = 0
const observed = (at: number, more: Partial<Observation>): Observation => {
  requests += 1
  return { ...HOME, at, requestId: `r-${requests}`, method: 'GET', code: 'forwarded', status: 200, durationMs: 5, ...more }
}
const guesses = (at: number, count: number, more: Partial<Observation> = {}): Observation[] =>
  Array.from({ length: count }, (_, index) =>
    observed(at + index * 100, { presented: `p-${index}`, status: 401, code: 'credential-rejected', route: 'GET /orders', ...more }),
  )
/** Eight hours of one key, two requests a minute. */
const ordinary = (): Observation[] =>
  Array.from({ length: 960 }, (_, index) =>
    observed(NOW + index * 30_000, {
      credential: 'key-1',
      consumer: 'acme',
      route: 'GET /orders/{id}',
      objectId: String((index * 7919) % 100_000),
    }),
  )
const stolen = (at: number): Observation[] =>
  Array.from({ length: 10 }, (_, index) =>
    observed(at + index * 1000, {
      ...AWAY,
      credential: 'key-1',
      consumer: 'acme',
      route: 'GET /orders/{id}',
      objectId: String(index * 997),
    }),
  )
const settings = (world: World) =>
  world.told.map(({ target, patch }) => ({ id: target.id, answer: patch.restriction?.answer, until: patch.restriction?.until }))
const typesOf = (world: World) => world.events.map(({ type }) => type)

describe('createWatch()', () => {
  test('guessing is found, blocked by policy, and told with its evidence', async () =>
    inStorage(async (world) => {
      const watch = world.open()
      await watch.observe(guesses(NOW, 20), ANSWER)
      const [anomaly] = await watch.anomalies({})
      expect(anomaly).toMatchObject({ kind: 'address', subject: HOME.address, state: 'answered', answer: 'block', until: NOW + 900_000 })
      expect(anomaly?.id).toMatch(/^ano_[a-z0-9]{20}$/u)
      expect(anomaly?.reasons[0]?.code).toBe('credential-stuffing')
      expect(anomaly?.evidence.length).toBeGreaterThanOrEqual(12)
      expect(settings(world).at(-1)).toEqual({ id: `address:${HOME.address}`, answer: 'block', until: NOW + 900_000 })
      expect(typesOf(world)[0]).toBe('anomaly.found')
      expect(typesOf(world).at(-1)).toBe('block.set')
      expect(new Set(world.events.map(({ id }) => id)).size).toBe(world.events.length)
    }))

  test('a policy that says nothing records it and does nothing', async () =>
    inStorage(async (world) => {
      const watch = world.open()
      await watch.observe(guesses(NOW, 20), RECORD)
      expect(await watch.anomalies({})).toMatchObject([{ state: 'open', answer: 'record' }])
      expect(world.told).toEqual([])
      expect(typesOf(world)).toEqual(['anomaly.found'])
    }))

  test('honest mistakes are nothing: one key that ran out, tried for an hour', async () =>
    inStorage(async (world) => {
      const watch = world.open()
      const tries = Array.from({ length: 720 }, (_, index) => observed(NOW + index * 5000, { presented: 'old', status: 401, code: 'x' }))
      await watch.observe(tries, ANSWER)
      expect(await watch.anomalies({})).toEqual([])
    }))

  test.each([
    ['network', { networks: ['192.0.2.0/24'], consumers: [], keys: [] }, () => guesses(NOW + 9 * HOUR_MS, 20)],
    ['consumer', { networks: [], consumers: ['acme'], keys: [] }, () => stolen(NOW + 9 * HOUR_MS)],
    ['key', { networks: [], consumers: [], keys: ['key-1'] }, () => stolen(NOW + 9 * HOUR_MS)],
  ])('a %s that is allowed is recorded alone', async (_name, allow, attack) =>
    inStorage(async (world) => {
      const watch = world.open()
      await watch.observe([...ordinary(), ...attack()], { ...ANSWER, allow })
      expect((await watch.anomalies({})).length).toBeGreaterThan(0)
      expect(world.told).toEqual([])
    }),
  )

  test('a kind of client without a TLS fingerprint is recorded alone: others have the same User-Agent', async () =>
    inStorage(async (world) => {
      const watch = world.open()
      const spread = Array.from({ length: 60 }, (_, index) => {
        const { tls: _tls, ...bare } = observed(NOW + index * 100, { presented: `p-${index}`, status: 401, code: 'credential-rejected' })
        return Object.assign(bare, { address: `203.0.${index}.1` })
      })
      await watch.observe(spread, ANSWER)
      expect(await watch.anomalies({})).toMatchObject([{ kind: 'fingerprint', answer: 'record' }])
      expect(world.told).toEqual([])
    }))

  test('while the feed is down it is kept, and told after an eviction', async () =>
    inStorage(async (world) => {
      world.isDown = true
      await world.open().observe(guesses(NOW, 20), ANSWER)
      expect(world.told).toEqual([])
      world.isDown = false
      const anew = world.open()
      expect(anew.dueAt()).toBe(0)
      await anew.alarm()
      expect(settings(world).at(-1)).toMatchObject({ answer: 'block' })
      expect(typesOf(world)).toContain('block.set')
      expect(anew.dueAt()).toBeUndefined()
    }))

  test('a second block within a week lasts twice as long, up to the most', async () =>
    inStorage(async (world) => {
      const watch = world.open()
      const lasted: number[] = []
      for (let round = 0; round < 4; round += 1) {
        world.now = NOW + round * 3 * HOUR_MS
        await watch.observe(guesses(world.now, 40), { ...ANSWER, answers: { block: 1 } })
        lasted.push((settings(world).at(-1)?.until ?? 0) - world.now)
      }
      expect(lasted).toEqual([900_000, 1_800_000, 3_600_000, 3_600_000])
    }))

  test('accept() lifts what was done, and learns anew', async () =>
    inStorage(async (world) => {
      const watch = world.open()
      world.now = NOW + 9 * HOUR_MS
      await watch.observe([...ordinary(), ...stolen(world.now)], ANSWER)
      const [anomaly] = await watch.anomalies({ state: 'answered' })
      expect(anomaly).toMatchObject({ kind: 'credential', subject: 'key-1', consumer: 'acme' })
      const accepted = await watch.accept(anomaly?.id ?? '')
      expect(accepted).toMatchObject({ state: 'accepted', answer: 'record' })
      expect(accepted).not.toHaveProperty('until')
      expect(world.told.at(-1)).toMatchObject({ target: { id: 'credential:key-1' }, patch: { restriction: null } })
      expect(await watch.baseline('key-1')).toMatchObject({ requests: 0, isLearning: true, countries: [] })
      await watch.observe(stolen(world.now + 60_000), ANSWER)
      expect(await watch.anomalies({ state: 'answered' })).toEqual([])
    }))

  test('what an operator decided is not decided again by itself', async () =>
    inStorage(async (world) => {
      const watch = world.open()
      await watch.observe(guesses(NOW, 8), RECORD)
      const [anomaly] = await watch.anomalies({})
      await watch.answered(anomaly?.id ?? '', 'slow', NOW + 60_000)
      expect(settings(world)).toEqual([{ id: `address:${HOME.address}`, answer: 'slow', until: NOW + 60_000 }])
      await watch.observe(guesses(NOW + 1000, 40, { userAgent: 'b' }), ANSWER)
      expect(settings(world)).toHaveLength(1)
      await watch.answered(anomaly?.id ?? '', 'record', undefined)
      expect(world.told.at(-1)?.patch).toEqual({ restriction: null })
    }))

  test('a baseline outlives an eviction: a stolen key is found by the next object', async () =>
    inStorage(async (world) => {
      const first = world.open()
      await first.observe(ordinary(), ANSWER)
      expect(first.dueAt()).toBe(NOW + 30_000)
      world.now = NOW + 30_000
      await first.alarm()
      world.now = NOW + 9 * HOUR_MS
      const second = world.open()
      expect(await second.baseline('key-1')).toMatchObject({ requests: 960, isLearning: false, countries: ['DE'] })
      await second.observe(stolen(world.now), ANSWER)
      expect(await second.anomalies({})).toMatchObject([{ subject: 'key-1' }])
    }))

  test('evidence: 50 observations at most, and replaying them is replaying the traffic', async () =>
    inStorage(async (world) => {
      const watch = world.open()
      await watch.observe(guesses(NOW, 300), RECORD)
      world.now += 1000
      await watch.observe(guesses(NOW + 400_000, 100), RECORD)
      const [anomaly] = await watch.anomalies({})
      expect(anomaly?.evidence).toHaveLength(50)
      expect(anomaly?.evidence.every(({ address, status }) => address === HOME.address && status === 401)).toBe(true)
    }))

  test('of a flood of anomalies 300 a minute are written; the log counts the others', async () =>
    inStorage(async (world) => {
      const watch = world.open()
      const flood = Array.from({ length: 400 }, (_, index) =>
        guesses(NOW, 5, { address: `203.${Math.floor(index / 250)}.${index % 250}.1`, userAgent: `u-${index}` }),
      ).flat()
      await watch.observe(flood, RECORD)
      expect(await watch.anomalies({ limit: 500 })).toHaveLength(300)
      world.now += 60_000
      await watch.observe(guesses(NOW + 60_000, 5, { address: '198.51.100.77' }), RECORD)
      expect(await watch.anomalies({ limit: 500 })).toHaveLength(301)
      expect(world.log.join()).toContain('"anomalies-dropped","anomalies":100')
    }))

  test('what the gate refuses because of a restriction is not judged again', async () =>
    inStorage(async (world) => {
      const watch = world.open()
      await watch.observe(guesses(NOW, 40, { code: 'address-blocked', status: 403 }), ANSWER)
      expect(await watch.anomalies({})).toEqual([])
    }))
})
