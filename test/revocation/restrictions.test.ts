import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { createSnapshot } from '../../src/revocation/snapshot.ts'
import { clientName, restrictedName, restrictedSubject, type Restriction } from '../../src/revocation/restrictions.ts'

const NOW = Date.UTC(2026, 10, 2)
const until = (answer: Restriction['answer'], ms = 60_000): Restriction => ({ answer, since: NOW, until: NOW + ms, cause: 'x' })
const entry = (id: string, at: number, value: Restriction | null) => ({
  target: { type: 'restricted', id } as const,
  changed: { restriction: { at, value } },
  expiresAt: NOW + 3_600_000,
  reason: 'x',
})

describe('restrictions of a snapshot', () => {
  test('are in force until their end, to the millisecond; names are not asked where there are none', () => {
    const snapshot = createSnapshot()
    let asked = 0
    const names = () => {
      asked += 1
      return ['consumer:acme']
    }
    expect(snapshot.findRestriction(names, NOW)).toBeUndefined()
    expect(asked).toBe(0)
    snapshot.add([entry('consumer:acme', NOW, until('block'))])
    expect(snapshot.findRestriction(names, NOW + 59_999)).toMatchObject({ answer: 'block', name: 'consumer:acme' })
    expect(snapshot.findRestriction(names, NOW + 60_000)).toBeUndefined()
  })

  test('the later entry counts in any order, a lifted one too; the strongest of several wins', () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ] as const) {
      const snapshot = createSnapshot()
      const entries = [entry('consumer:acme', NOW, until('block')), entry('consumer:acme', NOW + 1, null)]
      snapshot.add(order.flatMap((index) => entries[index] ?? []))
      expect(snapshot.findRestriction(() => ['consumer:acme'], NOW)).toBeUndefined()
    }
    const both = createSnapshot()
    both.add([entry('credential:k', NOW, until('slow')), entry('consumer:acme', NOW, until('limit'))])
    expect(both.findRestriction(() => ['credential:k', 'consumer:acme'], NOW)?.answer).toBe('limit')
  })

  test('outlive being handed to another isolate, and stop no credential of themselves', () => {
    const key = new Int32Array([1, 2])
    const snapshot = createSnapshot(key)
    snapshot.add([entry('credential:k', NOW, until('limit'))])
    const copy = createSnapshot(key, snapshot.encode())
    expect(copy.findRestriction(() => ['credential:k'], NOW)?.answer).toBe('limit')
    expect(copy.find({ kind: 'api-key', issuer: '', subject: 'k', credentialId: 'k' })).toBeUndefined()
    copy.forget(NOW + 60_000)
    expect(copy.size).toBe(0)
  })

  test('the feed lists what is in force, and not what was lifted or is over', async () => {
    const feed = (env as unknown as Bindings).REVOCATIONS.getByName('restrictions-listed')
    const set = async (id: string, value: Restriction | null, at: number) =>
      feed.change({ target: { type: 'restricted', id }, patch: { restriction: value }, expiresAt: NOW + 3_600_000, reason: 'x' }, at)
    await set('consumer:a', until('block'), NOW)
    await set('consumer:b', until('block', 1000), NOW)
    await set('consumer:c', until('block'), NOW)
    await set('consumer:c', null, NOW + 1)
    const listed = await feed.restrictions(NOW + 1000)
    expect(listed.map(({ target }) => target.id)).toEqual(['consumer:a'])
  })

  test('names come apart as they were put together; a long one is cut on both sides', () => {
    expect(restrictedSubject(restrictedName('fingerprint', 't1 a:b'))).toEqual({ kind: 'fingerprint', id: 't1 a:b' })
    expect(clientName('t', 'x'.repeat(500))).toBe(clientName('t', 'x'.repeat(201)))
  })
})
