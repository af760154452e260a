import * as v from 'valibot'
import type { Identity, People } from '../../sessions/people.ts'
import type { Sessions } from '../../sessions/session.ts'
import type { Answer, Call, Operation } from '../operation.ts'

export interface PeopleParts {
  readonly people: People
  readonly sessions: Pick<Sessions, 'endByProvider'>
}

const text = v.pipe(v.string(), v.minLength(1), v.maxLength(2048))
const identity = v.strictObject({ issuer: text, subject: text })
const pair = v.strictObject({ identities: v.tuple([identity, identity]) })

/** People for operators (docs/sessions.md): who somebody is, which identities are one person, and their sign-out everywhere. */
export function peopleOperations({ people, sessions }: PeopleParts): readonly Operation[] {
  const described = v.pipe(v.unknown(), v.description('{ issuer, subject }: docs/sessions.md, "People".'))
  const common = { method: 'POST', body: described, audit: auditOf } as const
  return [
    {
      ...common,
      id: 'people.find',
      path: '/people/find',
      summary: 'Who somebody is, with the sessions',
      scope: 'people:read',
      run: async (call) => withIdentity(call, async (asked) => (await people.describe(asked)) ?? undefined),
    },
    {
      ...common,
      id: 'people.sign-out',
      path: '/people/sign-out',
      summary: 'End every session of a person',
      scope: 'people:write',
      run: async (call) =>
        withIdentity(call, async (asked) => ({ ended: await sessions.endByProvider(asked, 'signed-out-by-operator', call.now) })),
    },
    {
      ...common,
      id: 'people.link',
      path: '/people/links',
      summary: 'Two identities are one person',
      scope: 'people:write',
      run: async ({ body }) => {
        const asked = v.safeParse(pair, body)
        return asked.success ? linked(await people.link(...asked.output.identities)) : INVALID
      },
    },
    {
      ...common,
      id: 'people.unlink',
      path: '/people/unlink',
      summary: 'An identity is a person by itself again',
      scope: 'people:write',
      run: async (call) => withIdentity(call, async (asked) => (await people.unlink(asked)) ?? undefined),
    },
  ]
}

/** Subjects stand in the content, and in the audit log. */
function auditOf({ body }: Call): { target: { type: string; id: string }; detail: Record<string, unknown> } {
  const one = v.safeParse(identity, body)
  const both = v.safeParse(pair, body)
  const identities = one.success ? [one.output] : both.success ? both.output.identities : []
  return { target: { type: 'person', id: identities[0]?.subject.slice(0, 200) ?? '' }, detail: { identities } }
}

function linked(result: Awaited<ReturnType<People['link']>>): Answer {
  switch (result.status) {
    case 'linked':
      return { status: 'done', code: 200, value: { id: result.id } }
    case 'unknown':
      return UNKNOWN
    case 'full':
      return refused(409, 'links-full', 'The person has as many identities as a person can have')
  }
}

async function withIdentity({ body }: Call, run: (asked: Identity) => Promise<object | undefined>): Promise<Answer> {
  const asked = v.safeParse(identity, body)
  if (!asked.success) return INVALID
  const value = await run(asked.output)
  return value === undefined ? UNKNOWN : { status: 'done', code: 200, value }
}

function refused(status: number, code: string, title: string, detail?: string): Answer {
  return { status: 'refused', problem: { status, code, title, ...(detail === undefined ? {} : { detail }) } }
}
const UNKNOWN = refused(404, 'person-unknown', 'Nobody has signed in by this identity, or not for very long')
const INVALID = refused(422, 'identity-invalid', 'The identity is not valid', 'See docs/sessions.md, "People".')
