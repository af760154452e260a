import * as v from 'valibot'
import { problemResponse } from '../http/problem.ts'
import type { Identity, People } from '../sessions/people.ts'
import type { Sessions } from '../sessions/session.ts'
import { json, methodNotAllowed, readJson, UNAVAILABLE } from './json-call.ts'

export interface PeopleApiParts {
  readonly people: People
  readonly sessions: Pick<Sessions, 'endByProvider'>
  /** `undefined`: it may. Else the refusal. */
  readonly authorize: (request: Request, scope: 'people:read' | 'people:write') => Promise<Response | undefined>
  readonly now: () => number
}

export const PEOPLE_PATHS = /^https?:\/\/[^/?#]+\/\.portcullis\/admin\/v1\/people(?:\/|\?|$)/u

const text = v.pipe(v.string(), v.minLength(1), v.maxLength(2048))
const identity = v.strictObject({ issuer: text, subject: text })
const pair = v.strictObject({ identities: v.tuple([identity, identity]) })

/** People for operators (docs/sessions.md): who somebody is, which identities are one person, and their sign-out everywhere. */
export async function peopleResponse(parts: PeopleApiParts, request: Request): Promise<Response> {
  const { pathname } = new URL(request.url)
  const call = CALLS[pathname.replace('/.portcullis/admin/v1/people', '')]
  if (call === undefined) return problemResponse({ status: 404, code: 'route-unknown', title: 'No such route' })
  if (request.method !== 'POST') return problemResponse(methodNotAllowed('POST'))
  const refusal = await parts.authorize(request, call.scope)
  if (refusal !== undefined) return refusal
  const document = await readJson(request)
  if ('problem' in document) return problemResponse(document.problem)
  try {
    return await call.run(parts, document.value)
  } catch {
    return problemResponse(UNAVAILABLE)
  }
}

interface Call {
  readonly scope: 'people:read' | 'people:write'
  readonly run: (parts: PeopleApiParts, document: unknown) => Promise<Response>
}

/** By the rest of the path. Subjects stand in the content: addresses end up in logs. */
const CALLS: Readonly<Record<string, Call>> = {
  '/find': {
    scope: 'people:read',
    run: async ({ people }, document) =>
      withIdentity(document, async (asked) => {
        const person = await people.describe(asked)
        return person === undefined ? UNKNOWN() : json(200, person)
      }),
  },
  '/sign-out': {
    scope: 'people:write',
    run: async ({ sessions, now }, document) =>
      withIdentity(document, async (asked) => json(200, { ended: await sessions.endByProvider(asked, 'signed-out-by-operator', now()) })),
  },
  '/links': { scope: 'people:write', run: async ({ people }, document) => withPair(document, async (one, other) => linked(await people.link(one, other))) }, // prettier-ignore
  '/unlink': {
    scope: 'people:write',
    run: async ({ people }, document) =>
      withIdentity(document, async (asked) => {
        const person = await people.unlink(asked)
        return person === undefined ? UNKNOWN() : json(200, person)
      }),
  },
}

function linked(result: Awaited<ReturnType<People['link']>>): Response {
  switch (result.status) {
    case 'linked':
      return json(200, { id: result.id })
    case 'unknown':
      return UNKNOWN()
    case 'full':
      return problemResponse({ status: 409, code: 'links-full', title: 'The person has as many identities as a person can have' })
  }
}

const UNKNOWN = (): Response =>
  problemResponse({ status: 404, code: 'person-unknown', title: 'Nobody has signed in by this identity, or not for very long' })

async function withIdentity(document: unknown, run: (asked: Identity) => Promise<Response>): Promise<Response> {
  const asked = v.safeParse(identity, document)
  return asked.success ? run(asked.output) : INVALID()
}
async function withPair(document: unknown, run: (one: Identity, other: Identity) => Promise<Response>): Promise<Response> {
  const asked = v.safeParse(pair, document)
  return asked.success ? run(...asked.output.identities) : INVALID()
}
const INVALID = (): Response =>
  problemResponse({ status: 422, code: 'identity-invalid', title: 'The identity is not valid', detail: 'See docs/sessions.md, "People".' })
