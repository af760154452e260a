import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, test } from 'vitest'
import type { Bindings } from '../../../src/bindings.ts'
import { createOutbox, type FeedCall } from '../../../src/directory/outbox.ts'

const change = (id: string): FeedCall => ({
  kind: 'change',
  request: { target: { type: 'key', id }, patch: { disabled: true }, expiresAt: 1, reason: 'r' },
})
const stop = (id: string): FeedCall => ({ kind: 'append', entries: [{ target: { type: 'key', id }, expiresAt: 1, reason: 'r' }] })

test('however many changes the feed takes no more, what stops a key goes first', async () => {
  const stub = (env as unknown as Bindings).EVENTS.getByName(crypto.randomUUID())
  await runInDurableObject(stub as never, async (_instance: unknown, { storage }: DurableObjectState) => {
    storage.sql.exec('create table if not exists outbox (sequence integer primary key autoincrement, call text not null)')
    const stopped: string[] = []
    let isFull = true
    const changed: string[] = []
    const feed = () => ({
      async append(entries: Extract<FeedCall, { kind: 'append' }>['entries']) {
        stopped.push(...entries.map(({ target }) => ('id' in target ? target.id : '')))
      },
      async change({ target }: Extract<FeedCall, { kind: 'change' }>['request']) {
        if (isFull) throw new Error('the revocation feed takes no more changes')
        changed.push(target.id)
      },
    })
    const outbox = createOutbox(storage.sql, feed, async () => {})
    for (let index = 0; index < 150; index += 1) outbox.add(change(`k${index}`))
    outbox.add(stop('leaked'))
    expect([await outbox.deliver(), stopped, outbox.isEmpty()]).toEqual([false, ['leaked'], false])
    isFull = false
    expect([await outbox.deliver(), stopped, changed.length, outbox.isEmpty()]).toEqual([true, ['leaked'], 150, true])
    expect(changed.at(-1)).toBe('k149')
  })
}, 20_000)
