import { OPERATOR_ROLES, type OperatorRole } from '../directory/accounts.ts'
import { ADMIN_SCOPES, type AdminScope } from './operation.ts'

/** Scopes of tokens and sessions that mean something to the gate itself begin so (docs/admin-api.md). */
const PREFIX = 'portcullis:'

const VIEWER = ADMIN_SCOPES.filter((scope) => scope.endsWith(':read'))
const SUPPORT = [...VIEWER, 'keys:write', 'credits:write', 'accounts:write'] as const
const OPERATOR = [
  ...SUPPORT,
  'revocations:write',
  'changes:write',
  'blocks:write',
  'anomalies:write',
  'webhooks:write',
  'people:write',
] as const
const SCOPES: Readonly<Record<OperatorRole, readonly AdminScope[]>> = {
  viewer: VIEWER,
  support: SUPPORT,
  operator: OPERATOR,
  owner: ADMIN_SCOPES,
}

export const scopesOfRole = (role: OperatorRole): readonly AdminScope[] => SCOPES[role]

/** What a token's or a session's scopes allow: `portcullis:operator` the role's, `portcullis:audit:read` itself, all others nothing. */
export function adminScopesOf(granted: Iterable<string>): Set<AdminScope> {
  const allowed = new Set<AdminScope>()
  for (const scope of granted) {
    if (!scope.startsWith(PREFIX)) continue
    const name = scope.slice(PREFIX.length)
    const role = OPERATOR_ROLES.find((one) => one === name)
    const single = ADMIN_SCOPES.find((one) => one === name)
    for (const one of role === undefined ? [single] : SCOPES[role]) if (one !== undefined) allowed.add(one)
  }
  return allowed
}
