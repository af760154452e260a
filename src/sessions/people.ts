import { callObject } from '../http/object-call.ts'
import { personName } from './person-name.ts'
import type { PersonObject } from './person-object.ts'
import { MAX_LINKED, type Person } from './person.ts'

/** As a provider vouches for it. */
export interface Identity {
  readonly issuer: string
  readonly subject: string
}
/** A person as operators see one. */
export type DescribedPerson = Omit<Person, 'linked'> & {
  /** Other identities of the same person. */
  readonly linked: number
  /** Ids of sessions that may still be open. */
  readonly sessions: readonly string[]
}

/** The people who have signed in. Every method throws when the objects cannot answer, and bears being called again. */
export interface People {
  describe(identity: Identity): Promise<DescribedPerson | undefined>
  /**
   * Makes two identities one person, with all that either was linked to: by the word of an operator (people do it by `OwnIdentities`),
   * never because two providers name the same e-mail address (OC-7).
   */
  link(
    one: Identity,
    other: Identity,
  ): Promise<{ readonly status: 'linked'; readonly id: string } | { readonly status: 'unknown' | 'full' }>
  /** Makes an identity a person by itself again. */
  unlink(identity: Identity): Promise<DescribedPerson | undefined>
}

export function createPeople(namespace: Pick<DurableObjectNamespace<PersonObject>, 'getByName'>): People {
  const personAt = async (name: string): Promise<Person | undefined> => callObject(async () => namespace.getByName(name).describe())

  async function describe(identity: Identity): Promise<DescribedPerson | undefined> {
    const name = await nameOf(identity)
    const [person, sessions] = await Promise.all([personAt(name), callObject(async () => namespace.getByName(name).sessions())])
    return person === undefined ? undefined : { ...person, linked: person.linked.length, sessions }
  }

  return {
    describe,
    async link(one, other) {
      const names = await Promise.all([nameOf(one), nameOf(other)])
      const [first, second] = await Promise.all(names.map(personAt))
      if (first === undefined || second === undefined) return { status: 'unknown' }
      const { id } = first.firstSeen <= second.firstSeen ? first : second
      const all = [...new Set([...names, ...first.linked, ...second.linked])]
      if (all.length > MAX_LINKED) return { status: 'full' }
      await Promise.all(all.map(async (name) => callObject(async () => namespace.getByName(name).link(without(all, name), id))))
      return { status: 'linked', id }
    },
    async unlink(identity) {
      const name = await nameOf(identity)
      const person = await personAt(name)
      if (person === undefined) return undefined
      // First in the others: a call that fails half-way finds them again.
      await Promise.all(person.linked.map(async (other) => callObject(async () => namespace.getByName(other).part([name]))))
      await callObject(async () => namespace.getByName(name).separate())
      return describe(identity)
    },
  }
}

const without = (names: readonly string[], name: string): readonly string[] => names.filter((other) => other !== name)

const nameOf = async ({ issuer, subject }: Identity): Promise<string> => personName(issuer, subject)
