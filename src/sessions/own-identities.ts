import { callObject } from '../http/object-call.ts'
import type { Identity } from './people.ts'
import { personName } from './person-name.ts'
import type { PersonObject } from './person-object.ts'
import { MAX_LINKED, type Person } from './person.ts'

/** One of the identities of a person. Who it is at its provider is not kept, so nobody can be told. */
export interface OwnIdentity extends Pick<Person, 'provider' | 'firstSeen' | 'lastSeen'> {
  /** `personName` of it. */
  readonly name: string
}

export type Joined =
  | { readonly status: 'linked'; readonly id: string }
  /** `same`: one identity, not two. `taken`: it has links of its own; two groups of identities are merged by an operator alone. */
  | { readonly status: 'same' | 'taken' | 'full' | 'unknown' }

/**
 * What people do with their own identities. Whoever calls has proof of both (OC-7). Each method throws when an object cannot answer; the
 * same call again then finishes what was begun, from the identity that the person is signed in by: what it says of itself changes first
 * when a link is made and last when one ends, so that the person sees what is half done and can do it again, or undo it.
 */
export interface OwnIdentities {
  /** The one that is asked for comes first. Empty: nobody signed in by it. */
  list(own: Identity): Promise<readonly OwnIdentity[]>
  /** They are one person from here on, of `own`'s id. `provider`: of `other`, which may never have signed in. */
  join(own: Identity, other: Identity & { readonly provider: string }, now: number): Promise<Joined>
  /** Makes one of the others a person by itself. `false`: it is none of them. `end`: its sessions. */
  part(own: Identity, name: string, end: (sessions: readonly string[]) => Promise<void>): Promise<boolean>
}

export function createOwnIdentities(namespace: Pick<DurableObjectNamespace<PersonObject>, 'getByName'>): OwnIdentities {
  const personAt = async (name: string): Promise<Person | undefined> => callObject(async () => namespace.getByName(name).describe())
  const partAt = async (name: string, from: string): Promise<void> => callObject(async () => namespace.getByName(name).part([from]))

  async function relate(own: Identity, other: Identity) {
    const [name, otherName] = await Promise.all([nameOf(own), nameOf(other)])
    const [person, another] = await Promise.all([personAt(name), personAt(otherName)])
    const all = [...new Set([name, otherName, ...(person?.linked ?? [])])]
    return { name, otherName, person, another, all, status: standing() } as const

    function standing(): 'new' | 'alone' | Joined['status'] {
      if (person === undefined) return 'unknown'
      if (name === otherName) return 'same'
      const links = another?.linked ?? []
      if (links.length > 0 && !links.includes(name)) return 'taken'
      if (all.length > MAX_LINKED) return 'full'
      if (another === undefined) return 'new'
      return links.length > 0 ? 'linked' : 'alone'
    }
  }

  return {
    async list(own) {
      const name = await nameOf(own)
      const person = await personAt(name)
      if (person === undefined) return []
      const others = await Promise.all(person.linked.map(async (other) => ({ name: other, person: await personAt(other) })))
      const described = others.flatMap((other) => (other.person === undefined ? [] : [identityOf(other.name, other.person)]))
      return [identityOf(name, person), ...described.toSorted((one, two) => one.firstSeen - two.firstSeen)]
    },
    async join(own, other, now) {
      const { name, otherName, person, all, status } = await relate(own, other)
      if (status === 'same' || status === 'taken' || status === 'full') return { status }
      if (person === undefined || status === 'unknown') return { status: 'unknown' }
      const { id } = person
      const linkAt = async (one: string): Promise<void> =>
        callObject(async () =>
          namespace.getByName(one).link(
            all.filter((each) => each !== one),
            id,
          ),
        )
      if (status === 'new')
        await callObject(async () => namespace.getByName(otherName).see({ provider: other.provider, groups: [], scopes: [] }, now))
      await linkAt(name)
      await Promise.all(all.filter((one) => one !== name).map(linkAt))
      return { status: 'linked', id }
    },
    async part(own, name, end) {
      const ownName = await nameOf(own)
      const person = await personAt(ownName)
      if (person?.linked.includes(name) !== true) return false
      const others = person.linked.filter((other) => other !== name)
      await Promise.all(others.map(async (other) => partAt(other, name)))
      // What is half done names it from one side alone: then it is nobody's session that ends.
      if ((await personAt(name))?.linked.includes(ownName) === true) {
        await end(await callObject(async () => namespace.getByName(name).sessions()))
        await callObject(async () => namespace.getByName(name).separate())
      }
      await partAt(ownName, name)
      return true
    },
  }
}

const nameOf = async ({ issuer, subject }: Identity): Promise<string> => personName(issuer, subject)

const identityOf = (name: string, { provider, firstSeen, lastSeen }: Person): OwnIdentity => ({ name, provider, firstSeen, lastSeen })
