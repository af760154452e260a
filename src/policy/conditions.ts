import type { Principal, Shortfall } from '../schemes/authenticator.ts'
import type { EvaluateContext } from './evaluate.ts'
import type { ClaimValue, Conditions } from './policy.ts'

/** The first condition that a verified principal does not meet; a claim that is missing meets nothing. */
export function unmetCondition(conditions: Conditions, principal: Principal, context: EvaluateContext): Shortfall | undefined {
  for (const [path, expected] of Object.entries(conditions.claims ?? {})) {
    const allowed = Array.isArray(expected) ? (expected as readonly ClaimValue[]) : [expected as ClaimValue]
    if (!claimHolds(claimAt(principal.claims, path), allowed)) return { status: 'forbidden', condition: `claim ${path}` }
  }
  for (const [parameter, path] of Object.entries(conditions.pathParameters ?? {})) {
    const value = context.parameters[parameter]
    const claim = claimAt(principal.claims, path)
    const isEqual = value !== undefined && (typeof claim === 'string' || typeof claim === 'number') && String(claim) === value
    if (!isEqual) return { status: 'forbidden', condition: `path parameter ${parameter}` }
  }
  return authenticationShortfall(conditions, principal, context.now)
}

/** RFC 9470: missing `acr` or `auth_time` counts as not satisfied (SU-2). */
function authenticationShortfall(conditions: Conditions, principal: Principal, now: number): Shortfall | undefined {
  const { acrValues, maxAgeSeconds } = conditions
  const { acr, auth_time: authTime } = principal.claims
  const isStrong = acrValues === undefined || (typeof acr === 'string' && acrValues.includes(acr))
  const isRecent = maxAgeSeconds === undefined || (typeof authTime === 'number' && now - authTime * 1000 <= maxAgeSeconds * 1000)
  if (isStrong && isRecent) return undefined
  return {
    status: 'insufficient_authentication',
    ...(acrValues === undefined ? {} : { acrValues }),
    ...(maxAgeSeconds === undefined ? {} : { maxAgeSeconds }),
  }
}

/** Own members only, so that `constructor` and friends never answer. A literal name with dots wins over descent. */
function claimAt(claims: Readonly<Record<string, unknown>>, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path]
  let value: unknown = claims
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) return undefined
    value = (value as Record<string, unknown>)[name]
  }
  return value
}

/** A claim that is a list holds when one of its members is allowed. */
function claimHolds(claim: unknown, allowed: readonly ClaimValue[]): boolean {
  const values: readonly unknown[] = Array.isArray(claim) ? claim : [claim]
  return values.some((value) => allowed.includes(value as ClaimValue))
}
