import type { Operation } from './document.ts'
import type { SecurityRequirements } from './document-security.ts'
import { uncountableBy } from './parse-limits.ts'
import type { Alternative, Conditions, TermConfig } from './policy.ts'
import { didYouMean, pointerTo } from './problems.ts'
import { checkName, present } from './reading.ts'
import type { RouteContext } from './route-context.ts'
import { parameterNames, type Segment } from './template.ts'

/** OA-2, OA-3, OA-6: OR of ANDs; the operation's list replaces the root's; `[]` and `{}` are public; silence is an error. */
export function alternativesOf(
  operation: Operation,
  place: string,
  segments: readonly Segment[],
  context: RouteContext,
): readonly Alternative[] {
  const { problems } = context.reading
  const security = operation.security ?? context.security
  const conditions = operation['x-portcullis']?.require ?? {}
  const at = pointerTo(place, 'x-portcullis', 'require')
  if (security === undefined) {
    problems.error(place, 'no security is declared for this operation (OA-6)', 'name a scheme, or write security: [{}] to make it public')
    return []
  }
  if (operation.security !== undefined) checkSecurity(operation.security, pointerTo(place, 'security'), context)
  checkConditions(conditions, security, segments, at, context)
  if (security.length === 0) return [[]]
  return security.map((requirement) => Object.entries(requirement).map(([scheme, scopes]) => termOf(scheme, scopes, conditions)))
}

function termOf(scheme: string, scopes: readonly string[], conditions: Require): TermConfig {
  const require = Object.hasOwn(conditions, scheme) ? conditions[scheme] : undefined
  return { scheme, scopes, ...present('require', require as Conditions | undefined) }
}

export function checkSecurity(
  security: SecurityRequirements,
  pointer: string,
  { schemeNames, reading: { problems } }: Pick<RouteContext, 'schemeNames' | 'reading'>,
): void {
  for (const [index, requirement] of security.entries()) {
    for (const scheme of Object.keys(requirement)) {
      if (schemeNames.has(scheme)) continue
      const isUri = /[:/#]/u.test(scheme)
      const message = isUri
        ? 'a scheme is named as in components.securitySchemes, not by a URI (OA-5)'
        : `unknown security scheme ${JSON.stringify(scheme)} (OA-5)`
      problems.error(pointerTo(pointer, index, scheme), message, isUri ? undefined : didYouMean(scheme, schemeNames))
    }
  }
}

type Require = NonNullable<NonNullable<Operation['x-portcullis']>['require']>
function checkConditions(
  conditions: Require,
  security: SecurityRequirements,
  segments: readonly Segment[],
  pointer: string,
  context: RouteContext,
): void {
  const { problems } = context.reading
  const asked = new Set(security.flatMap((requirement) => Object.keys(requirement)))
  const parameters = new Set(parameterNames(segments))
  for (const [scheme, condition] of Object.entries(conditions)) {
    const at = pointerTo(pointer, scheme)
    if (!checkName(scheme, context.schemeNames, 'scheme', at, problems)) continue
    if (!asked.has(scheme)) problems.error(at, `no alternative of this operation asks for ${scheme}, so this would never hold anyone up`)
    for (const parameter of Object.keys(condition.pathParameters ?? {}))
      checkName(parameter, parameters, 'path parameter', pointerTo(at, 'pathParameters', parameter), problems)
    if (Object.keys(condition).length === 0) problems.error(at, 'an empty condition requires nothing')
  }
}

export function checkLimits(
  names: readonly string[],
  alternatives: readonly Alternative[],
  pointer: string,
  { limits, schemes, reading }: RouteContext,
): void {
  for (const name of names) {
    const limit = limits.get(name)
    const index = limit === undefined ? undefined : uncountableBy(limit, alternatives, schemes)
    if (index === undefined) continue
    const who = (alternatives[index] ?? []).map(({ scheme }) => scheme).join(' and ') || 'anonymous callers'
    reading.problems.error(
      pointer,
      `the limit ${JSON.stringify(name)} cannot count ${who}`,
      'add to its "by" what they all have: subject for tokens, address for everybody',
    )
  }
}
