import { describe, expect, test } from 'vitest'
import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import { createTransactions, TRANSACTION_SECONDS } from '../../src/identity/transaction.ts'
import { createMemoryReplay } from '../../src/replay/replay-store.ts'

const NOW = 1_800_000_000_000
const KEY = { g1: 'Vq3n0m0d5b2n8K4rWc7Xy1Zt6Ls9Jh2Gf5Da8Pe3Ou0', g2: '8yQm1vR5nZ3kX7wT2bL9cJ4hG6fD0sA-qWeRtYuIoP0' }
const secretOf = (text: string) => parseRootSecret(text, { gateway: 'test', environment: 'test' })
const transactionsOf = (rootKey = `g1:${KEY.g1}`) => createTransactions({ rootSecret: secretOf(rootKey), replay: createMemoryReplay() })
const begun = { provider: 'acme', returnTo: '/orders', data: { nonce: 'n-1', verifier: 'v'.repeat(43) } }

const without = new Request('https://api.example.com/.portcullis/login')
const requestWith = (setCookie: string) =>
  new Request('https://api.example.com/.portcullis/oidc/acme/callback', { headers: { cookie: `other=1; ${setCookie.split(';')[0]}` } })

describe('the transactions of a browser', () => {
  test('OC-1: one is found by its state at its provider, until it is over', async () => {
    const transactions = transactionsOf()
    const { transaction, setCookie } = await transactions.begin(without, begun, NOW)
    const request = requestWith(setCookie)
    expect(await transactions.open(request, { provider: 'acme', state: transaction.state }, NOW)).toEqual({
      ...begun,
      state: transaction.state,
      expiresAt: NOW + 900_000,
    })
    const end = NOW + TRANSACTION_SECONDS * 1000
    expect(await transactions.open(request, transaction, end - 1)).toBeDefined()
    expect(await transactions.open(request, transaction, end)).toBeUndefined()
    expect(await transactions.open(request, { provider: 'other', state: transaction.state }, NOW)).toBeUndefined()
    expect(await transactions.open(request, { provider: 'acme', state: 'A'.repeat(22) }, NOW)).toBeUndefined()
    expect(await transactions.open(without, transaction, NOW)).toBeUndefined()
  })

  test('OC-1: a state is good once, whatever copies of the cookie there are', async () => {
    const transactions = transactionsOf()
    const { transaction } = await transactions.begin(without, begun, NOW)
    const answers = await Promise.all(Array.from({ length: 5 }, async () => transactions.use(transaction, NOW)))
    expect(answers.toSorted()).toEqual(['fresh', 'replayed', 'replayed', 'replayed', 'replayed'])
  })

  test('four tabs sign in side by side; a fifth takes the place of the first', async () => {
    const transactions = transactionsOf()
    let request = without
    const all = []
    for (let tab = 0; tab < 5; tab += 1) {
      const { transaction, setCookie } = await transactions.begin(request, begun, NOW + tab)
      request = requestWith(setCookie)
      all.push(transaction)
    }
    const found = await Promise.all(all.map(async (transaction) => (await transactions.open(request, transaction, NOW)) !== undefined))
    expect(found).toEqual([false, true, true, true, true])
  })

  test('the cookie fits a browser, however long the addresses to return to', async () => {
    const transactions = transactionsOf()
    let request = without
    let cookie = ''
    for (let tab = 0; tab < 4; tab += 1) {
      const { setCookie } = await transactions.begin(
        request,
        { ...begun, returnTo: `/${'x'.repeat(1023)}`, data: { ...begun.data, acrValues: 'a'.repeat(512) } },
        NOW,
      )
      cookie = setCookie
      request = requestWith(setCookie)
    }
    expect(cookie.length).toBeLessThanOrEqual(4096)
    expect(cookie.length).toBeGreaterThan(2000)
  })

  test('to finish one leaves the others; the last takes the cookie with it', async () => {
    const transactions = transactionsOf()
    const first = await transactions.begin(without, begun, NOW)
    const second = await transactions.begin(requestWith(first.setCookie), begun, NOW)
    const left = await transactions.clear(requestWith(second.setCookie), second.transaction, NOW)
    expect(await transactions.open(requestWith(left), first.transaction, NOW)).toBeDefined()
    expect(await transactions.open(requestWith(left), second.transaction, NOW)).toBeUndefined()
    expect(await transactions.clear(requestWith(left), first.transaction, NOW)).toBe(
      '__Host-portcullis-login=; Path=/; Secure; HttpOnly; SameSite=None; Max-Age=0',
    )
  })

  test('BF-3: nothing of it can be read, and one changed character makes it none', async () => {
    const transactions = transactionsOf()
    const { transaction, setCookie } = await transactions.begin(without, begun, NOW)
    const sealed = (setCookie.split(';')[0] ?? '').split('=')[1] ?? ''
    expect(setCookie).toMatch(/^__Host-portcullis-login=g1\.[\w-]+; Path=\/; Secure; HttpOnly; SameSite=None; Max-Age=900$/u)
    expect(atob(sealed.slice(3).replaceAll('-', '+').replaceAll('_', '/'))).not.toContain('acme')
    const changed = sealed.slice(0, 40) + (sealed[40] === 'A' ? 'B' : 'A') + sealed.slice(41)
    for (const value of [changed, '', 'g1.', 'g1.AAAA', 'g2.AAAA', sealed.replace('g1.', 'g2.'), `${sealed}.x`, sealed.slice(3)])
      expect(await transactions.open(requestWith(`__Host-portcullis-login=${value}`), transaction, NOW)).toBeUndefined()
    expect(await transactionsOf(`g1:${KEY.g2}`).open(requestWith(setCookie), transaction, NOW)).toBeUndefined()
  })

  test('a new generation of the root secret still opens what the one before sealed', async () => {
    const { transaction, setCookie } = await transactionsOf().begin(without, begun, NOW)
    const rotated = transactionsOf(`g2:${KEY.g2},g1:${KEY.g1}`)
    expect(await rotated.open(requestWith(setCookie), transaction, NOW)).toBeDefined()
    expect((await rotated.begin(requestWith(setCookie), begun, NOW)).setCookie).toMatch(/login=g2\./u)
  })
})
