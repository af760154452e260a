import { describe, expect, test, vi } from 'vitest'
import type { GateEvent } from '../../src/insight/gate-event.ts'
import { createIssuedKeys } from '../../src/insight/issued-keys.ts'
import type { VerifyContext } from '../../src/schemes/authenticator.ts'
import type { IssuedNote } from '../../src/schemes/index.ts'

const APP = 'app_aaaaaaaaaaaaaaaaaaaa'
const keyOf = (id: string, consumer = APP): IssuedNote => ({
  kind: 'api-key',
  id,
  consumer,
  generation: 'g1',
  issuedAt: 0,
  expiresAt: 1000,
})

function scene(unknown: readonly string[]) {
  const unknownOf = vi.fn<(ids: readonly string[]) => Promise<readonly string[]>>(async (ids) => ids.filter((id) => unknown.includes(id)))
  const emit = vi.fn<(events: readonly GateEvent[]) => Promise<void>>(async () => undefined)
  const note = createIssuedKeys({ unknownOf, emit })
  let later: (() => Promise<void>)[] = []
  return {
    unknownOf,
    emit,
    see: (key: IssuedNote, revoked?: string): void => {
      const context: Partial<VerifyContext> = { now: 5, revoked: () => revoked, defer: ({ run }) => void later.push(run) }
      note(key, context as VerifyContext)
    },
    afterwards: async () => {
      const tasks = later
      later = []
      return Promise.allSettled(tasks.map(async (run) => run()))
    },
    waiting: () => later.length,
  }
}

describe('createIssuedKeys()', () => {
  test('a key of an app that the directory never gave is told of, once, and after the response', async () => {
    const { see, afterwards, unknownOf, emit } = scene(['k1'])
    see(keyOf('k1'))
    expect(unknownOf).not.toHaveBeenCalled()
    await afterwards()
    see(keyOf('k1'))
    await afterwards()
    expect(unknownOf).toHaveBeenCalledTimes(1)
    expect(emit).toHaveBeenCalledExactlyOnceWith([
      {
        id: 'evt_forged_k1',
        type: 'key.forged',
        at: 5,
        consumer: APP,
        data: { key: 'k1', kind: 'api-key', generation: 'g1', issuedAt: 0, expiresAt: 1000, severity: 'critical' },
      },
    ])
  })

  test('one that it gave, one of the policy’s own consumers, and one that was revoked are nothing to tell', async () => {
    const { see, afterwards, unknownOf, emit } = scene(['k2', 'k3'])
    see(keyOf('k1'))
    see(keyOf('k2', 'acme'))
    see(keyOf('k3'), 'revoked')
    await afterwards()
    expect(unknownOf.mock.calls).toEqual([[['k1']]])
    expect(emit).not.toHaveBeenCalled()
  })

  test('those that come while it is being asked are asked for together, a hundred at a time', async () => {
    const { see, afterwards, unknownOf } = scene([])
    for (let index = 0; index < 101; index += 1) see(keyOf(`k${index}`))
    await afterwards()
    expect(unknownOf.mock.calls.map(([ids]) => ids.length)).toEqual([1, 100])
  })

  test('where the directory does not answer, it is asked again with the next key', async () => {
    const { see, afterwards, unknownOf, emit } = scene(['k1'])
    unknownOf.mockRejectedValueOnce(new Error('down'))
    see(keyOf('k1'))
    expect(await afterwards()).toMatchObject([{ status: 'rejected' }])
    see(keyOf('k2'))
    await afterwards()
    expect(emit.mock.calls.map(([events]) => events.map(({ id }) => id))).toEqual([['evt_forged_k1']])
  })

  test('however many keys there are, what waits is bounded', async () => {
    const { see, afterwards, unknownOf } = scene([])
    unknownOf.mockRejectedValue(new Error('down'))
    for (let index = 0; index < 3000; index += 1) see(keyOf(`k${index}`))
    await afterwards()
    unknownOf.mockReset()
    unknownOf.mockResolvedValue([])
    for (let index = 0; index < 20; index += 1) see(keyOf(`later${index}`))
    await afterwards()
    const asked = unknownOf.mock.calls.reduce((sum, [ids]) => sum + ids.length, 0)
    expect(asked).toBeLessThanOrEqual(1020)
  })
})
