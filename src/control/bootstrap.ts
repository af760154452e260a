import * as v from 'valibot'
import { openBootstrapToken } from '../credentials/bootstrap-token.ts'
import type { RootSecret } from '../credentials/root-secret.ts'
import type { Accounts, Actor } from '../directory/accounts.ts'
import type { Gateway } from '../gateway.ts'
import { problemResponse, type Problem } from '../http/problem.ts'
import type { Limiter } from '../limits/limiter.ts'
import { messageOf } from '../passage.ts'
import { deny } from '../policy/denial.ts'
import type { Requirement } from '../policy/evaluate.ts'
import type { ReplayMemory } from '../replay/replay-memory.ts'
import { personName } from '../sessions/person-name.ts'
import { overAdminLimit } from './admin-limits.ts'
import { json, methodNotAllowed, readJson, UNAVAILABLE } from './json-call.ts'
import { displayOf } from './operators.ts'

export interface RedeemParts {
  readonly rootSecret: RootSecret
  readonly replay: ReplayMemory
  readonly accounts: Pick<Accounts, 'changeOperator' | 'record'>
  readonly now: () => number
}
/** Makes who is signed in an owner, once for each token. `false`: the token is not good. Throws where nobody can say. */
export type Redeem = (token: string, actor: Actor) => Promise<boolean>

export function createRedeem({ rootSecret, replay, accounts, now }: RedeemParts): Redeem {
  return async (token, actor) => {
    const at = now()
    const opened = await openBootstrapToken(rootSecret, token, at)
    if (opened === undefined) return false
    const used = await replay.use({ scope: 'bootstrap', id: opened.id, expiresAt: opened.expiresAt }, at)
    if (used === 'replayed') return false
    const { id: person, display } = actor
    await accounts.record({ action: 'operator.bootstrap', target: { type: 'person', id: person }, detail: { token: opened.id } }, actor)
    const changed = await accounts.changeOperator(person, { role: 'owner', display }, actor)
    if (changed.status !== 'written') throw new Error(`the directory has no place for an owner: ${changed.status}`)
    return true
  }
}

export interface BootstrapParts {
  readonly gateway: Pick<Gateway, 'identify'>
  /** `x-portcullis.control.security`. */
  readonly security: readonly Requirement[]
  readonly redeem: Redeem
  readonly limiter: Limiter
  readonly now: () => number
  readonly log: (line: string) => void
}

const REFUSED: Problem = {
  status: 403,
  code: 'bootstrap-refused',
  title: 'The token is not good, or not any more',
  detail: 'It is used once, within 15 minutes: make another with `portcullis operators bootstrap`.',
}
const body = v.strictObject({ token: v.pipe(v.string(), v.maxLength(512)) })

/**
 * `POST /.portcullis/admin/v1/bootstrap`: whoever is signed in and has the token that `portcullis operators bootstrap` printed becomes
 * an owner. Only who has the root secret can make one.
 */
export function createBootstrap(
  parts: BootstrapParts,
): (request: Request, lifetime: Pick<ExecutionContext, 'waitUntil'>) => Promise<Response> {
  const { gateway, security, now } = parts

  return async (request, lifetime) => {
    if (request.method !== 'POST') return problemResponse(methodNotAllowed('POST'))
    try {
      const address = request.headers.get('cf-connecting-ip') ?? undefined
      const admission = await overAdminLimit(
        parts.limiter,
        'address',
        { principals: [], ...(address === undefined ? {} : { address }) },
        now(),
      )
      if (admission !== undefined) return (await deny({ at: 'limit', admission }, crypto.randomUUID())).response
      const identified = await gateway.identify(request, security, lifetime)
      if ('response' in identified) return identified.response
      const [principal] = identified.caller.principals
      const document = await readJson(new Response(identified.content()))
      if ('problem' in document) return problemResponse(document.problem)
      const asked = v.safeParse(body, document.value)
      if (principal === undefined || !asked.success) return problemResponse(REFUSED)
      const { requestId } = identified
      const id = await personName(principal.issuer, principal.subject)
      const actor = { kind: 'operator', id, display: displayOf(principal), requestId } as const
      if (!(await parts.redeem(asked.output.token, actor))) return problemResponse({ ...REFUSED, requestId })
      return json(201, { person: id, role: 'owner' })
    } catch (error) {
      parts.log(JSON.stringify({ event: 'outage', dependency: 'bootstrap', detail: messageOf(error) }))
      return problemResponse(UNAVAILABLE)
    }
  }
}
