import { describe, expect, test } from 'vitest'
import { createOwnIdentities } from '../../src/sessions/own-identities.ts'
import { personName } from '../../src/sessions/person-name.ts'
import { PEOPLE, START } from '../support/sessions.ts'

type Stub = Record<string, (...given: unknown[]) => Promise<unknown>>

/** Objects of which the call with number `failing` that changes something does not happen. */
function failingAt(failing: number) {
  let changes = 0
  const namespace = {
    getByName: (name: string) =>
      new Proxy(PEOPLE.getByName(name), {
        get: (stub, method: string) =>
          method === 'describe' || method === 'sessions'
            ? async () => (stub as unknown as Stub)[method]?.()
            : async (...given: unknown[]) => {
                changes += 1
                if (changes === failing) throw new Error('gone')
                return (stub as unknown as Stub)[method]?.(...given)
              },
      }),
  }
  return createOwnIdentities(namespace)
}
const whole = createOwnIdentities(PEOPLE)
const ended: string[] = []
const end = async (sessions: readonly string[]): Promise<void> => void ended.push(...sessions)

/** Ada with two linked identities; a third is to come. */
async function ada() {
  const issuer = `https://${crypto.randomUUID()}.example.net`
  const [own, second, third] = ['own', 'second', 'third'].map((subject) => ({ issuer, subject, provider: 'acme' }))
  if (own === undefined || second === undefined || third === undefined) throw new Error('three')
  await PEOPLE.getByName(await personName(issuer, 'own')).add('session', START + 3_600_000, START, {
    provider: 'acme',
    groups: [],
    scopes: [],
  })
  await whole.join(own, second, START)
  const linked = async (): Promise<readonly (readonly string[])[]> => {
    const names = await Promise.all([own, second, third].map(async (one) => personName(one.issuer, one.subject)))
    const people = await Promise.all(names.map(async (name) => PEOPLE.getByName(name).describe()))
    return people.map((person) => (person?.linked ?? []).map((name) => String(names.indexOf(name))).toSorted())
  }
  return { own, second, third, linked, thirdName: await personName(issuer, 'third') }
}
const ALL = [['1', '2'], ['0', '2'], ['0', '1']] // prettier-ignore
const WITHOUT_THIRD = [['1'], ['0'], []]

describe('the identities of a person', () => {
  test.each([1, 2, 3, 4])(
    'OC-7: a link that breaks off at its change number %i is finished by the same call again, or undone',
    async (failing) => {
      const { own, third, linked } = await ada()
      await expect(failingAt(failing).join(own, third, START)).rejects.toThrow('gone')
      expect(await linked()).not.toEqual(ALL)
      expect((await whole.join(own, third, START)).status).toBe('linked')
      expect(await linked()).toEqual(ALL)

      const again = await ada()
      await expect(failingAt(failing).join(again.own, again.third, START)).rejects.toThrow('gone')
      // What one cannot see cannot be undone, and need not be: nothing names it.
      const isSeen = (await whole.list(again.own)).some(({ name }) => name === again.thirdName)
      expect(await whole.part(again.own, again.thirdName, end)).toBe(isSeen)
      expect(await again.linked()).toEqual(WITHOUT_THIRD)
    },
  )

  test.each([1, 2, 3])('a removal that breaks off at its change number %i is finished by the same call again', async (failing) => {
    const { own, third, linked, thirdName } = await ada()
    await whole.join(own, third, START)
    await expect(failingAt(failing).part(own, thirdName, end)).rejects.toThrow('gone')
    expect(await whole.part(own, thirdName, end)).toBe(true)
    expect(await linked()).toEqual(WITHOUT_THIRD)
    expect(await whole.part(own, thirdName, end)).toBe(false)
  })

  test('a removal whose sessions cannot be ended is none yet', async () => {
    const { own, third, linked, thirdName } = await ada()
    await whole.join(own, third, START)
    await PEOPLE.getByName(thirdName).add('of-third', START + 3_600_000, START)
    const cannot = async (): Promise<void> => Promise.reject(new Error('gone'))
    await expect(whole.part(own, thirdName, cannot)).rejects.toThrow('gone')
    expect((await linked())[0]).toEqual(['1', '2'])
    await whole.part(own, thirdName, end)
    expect(ended).toContain('of-third')
    expect(await linked()).toEqual(WITHOUT_THIRD)
  })

  test('a person who is not kept is linked to nobody, and lists nothing', async () => {
    const nobody = { issuer: `https://${crypto.randomUUID()}.example`, subject: 'nobody', provider: 'acme' }
    expect(await whole.join(nobody, { ...nobody, subject: 'other' }, START)).toEqual({ status: 'unknown' })
    expect(await whole.list(nobody)).toEqual([])
  })
})
