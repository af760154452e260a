import { callObject } from '../../http/object-call.ts'
import type { RevocationFeed } from '../../revocation/feed-object.ts'
import { describeOperations } from '../describe-operations.ts'
import type { Operation } from '../operation.ts'

export interface StatusParts {
  readonly feed: () => Pick<DurableObjectStub<RevocationFeed>, 'status'>
  readonly gateway: string
  readonly policySummary: () => unknown
  readonly boundSeconds: number
  readonly graceSeconds: number
  /** What the replay memory holds of a scope. */
  readonly replayOf: (scope: string) => Promise<object>
  /** The whole table, this group too. */
  readonly operations: () => readonly Operation[]
}

const MAX_SCOPES = 8

export function statusOperations(parts: StatusParts): readonly Operation[] {
  const { feed, gateway, boundSeconds, graceSeconds } = parts
  return [
    {
      id: 'status.read',
      method: 'GET',
      path: '/status',
      summary: 'What this gate runs; ?replay=<scope> what its replay memory holds',
      scope: 'status:read',
      answer: { status: 200, description: 'The gate, its policy, and how its feed stands.' },
      async run({ now, request }) {
        const revocations = { ...(await callObject(async () => feed().status())), boundSeconds, graceSeconds }
        const replay = await replayScopes(parts, new URL(request.url).searchParams.getAll('replay'))
        const time = new Date(now).toISOString()
        return { status: 'done', code: 200, value: { gateway, time, policy: parts.policySummary(), revocations, ...replay } }
      },
    },
    {
      id: 'openapi.read',
      method: 'GET',
      path: '/openapi.json',
      summary: 'This description',
      scope: 'status:read',
      answer: { status: 200, description: 'An OpenAPI 3.1 document.' },
      run: async () => ({ status: 'done', code: 200, value: describeOperations(parts.operations()) }),
    },
  ]
}

/** Each scope costs a call to every object of it: the first few that are asked for. */
async function replayScopes({ replayOf }: Pick<StatusParts, 'replayOf'>, asked: readonly string[]): Promise<object> {
  const scopes = [...new Set(asked)].slice(0, MAX_SCOPES)
  if (scopes.length === 0) return {}
  const held = await Promise.all(scopes.map(async (scope) => Object.assign({ scope }, await replayOf(scope))))
  return { replay: { scopes: held } }
}
