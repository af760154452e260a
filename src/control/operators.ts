import type { Actor, OperatorRole } from '../directory/accounts.ts'
import { displayable } from '../directory/drafts.ts'
import type { Gateway, Identified } from '../gateway.ts'
import { problemResponse } from '../http/problem.ts'
import type { Requirement } from '../policy/evaluate.ts'
import type { Authenticator, Principal } from '../schemes/authenticator.ts'
import { personName } from '../sessions/person-name.ts'
import { lackingScope, UNAVAILABLE } from './json-call.ts'
import { ADMIN_SCOPES, type AdminScope } from './operation.ts'
import { adminScopesOf, scopesOfRole } from './roles.ts'

/** Somebody who may do what they asked for. */
export interface Operator {
  readonly actor: Actor
  readonly scopes: ReadonlySet<AdminScope>
  readonly principals: readonly Principal[]
  readonly content: Extract<Identified, { caller: object }>['content']
}
export interface Operators {
  /** `scope`: what they must be allowed; `undefined`: nothing in particular. The response refuses: 401 who it is not, 403 who may not, 503 what cannot be known. */
  identify(
    request: Request,
    scope: AdminScope | undefined,
    lifetime: Pick<ExecutionContext, 'waitUntil'>,
  ): Promise<Operator | { readonly response: Response }>
}

export interface OperatorsParts {
  readonly gateway: Pick<Gateway, 'identify'>
  /** Of admin keys. */
  readonly adminKey: Authenticator
  /** `x-portcullis.control.security`; empty: admin keys alone. */
  readonly security: readonly Requirement[]
  /** What the directory gave a person, by `personName`. Throws where it cannot answer. */
  readonly roleOf: (person: string) => Promise<OperatorRole | undefined>
}

/** Who operates this gate: holders of admin keys, and whom the policy's `control.security` lets in by the roles they have. */
export function createOperators({ gateway, adminKey, security, roleOf }: OperatorsParts): Operators {
  return {
    async identify(request, scope, lifetime) {
      const byKey = [{ authenticator: adminKey, scopes: scope === undefined ? [] : [scope], consumerOptional: true }]
      const identified = await gateway.identify(request, [byKey, ...security], lifetime)
      if ('response' in identified) return identified
      const { caller, alternative, requestId, content } = identified
      const { principals } = caller
      const [principal] = principals
      if (principal === undefined) throw new Error('somebody operates this gate who is nobody')
      if (alternative === 0) {
        const scopes = new Set(ADMIN_SCOPES.filter((one) => principal.scopes.has(one)))
        const actor = { kind: 'operator', id: principal.credentialId, display: principal.subject, requestId } as const
        return { actor, scopes, principals, content }
      }
      const person = await personName(principal.issuer, principal.subject)
      const scopes = adminScopesOf(principals.flatMap((one) => [...one.scopes]))
      if (scope === undefined || !scopes.has(scope)) {
        try {
          const role = await roleOf(person)
          for (const one of role === undefined ? [] : scopesOfRole(role)) scopes.add(one)
        } catch {
          return { response: problemResponse({ ...UNAVAILABLE, requestId }) }
        }
      }
      if (scope !== undefined && !scopes.has(scope)) return { response: problemResponse(lackingScope(scope)) }
      return { actor: { kind: 'operator', id: person, display: displayOf(principal), requestId }, scopes, principals, content }
    },
  }
}

const NAMES = ['email', 'preferred_username', 'name'] as const
/** For people to read; decides nothing. At most 100 characters. */
export function displayOf({ claims, subject }: Pick<Principal, 'claims' | 'subject'>): string {
  const named = NAMES.map((name) => claims[name]).find((value): value is string => typeof value === 'string' && value !== '')
  return displayable(named ?? subject)
}
