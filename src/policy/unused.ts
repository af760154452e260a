import type { Policy } from './policy.ts'
import { pointerTo, type Problems } from './problems.ts'

/** What is declared and stands nowhere: most often a name that was meant elsewhere. */
export function warnOfUnused(policy: Policy, problems: Problems): void {
  const { routes, plans, schemes, consumers = [] } = policy
  const warn = (
    what: string,
    declared: readonly { readonly name: string }[],
    used: ReadonlySet<string | undefined>,
    pointer: string,
  ): void => {
    for (const { name } of declared)
      if (!used.has(name)) problems.warn(pointerTo(pointer, name), `the ${what} ${JSON.stringify(name)} is used nowhere`)
  }
  const terms = [...routes.flatMap(({ alternatives }) => alternatives.flat()), ...(policy.control?.security.flat() ?? [])]
  warn('scheme', schemes, new Set([...terms.map(({ scheme }) => scheme), policy.control?.portal?.scheme]), '/components/securitySchemes')
  warn('origin', policy.origins, new Set(routes.map(({ origin }) => origin)), '/x-portcullis/origins')
  warn('limit', policy.limits, new Set([...routes, ...plans].flatMap(({ limits }) => limits)), '/x-portcullis/limits')
  if (routes.length === 0) problems.warn('/paths', 'no route is declared: every request is refused')
  const issuers = new Set(schemes.flatMap((scheme) => (scheme.kind === 'jwt' ? scheme.issuers.map(({ issuer }) => issuer) : [])))
  for (const { name, clients } of consumers) {
    for (const [index, { issuer }] of clients.entries()) {
      if (!issuers.has(issuer))
        problems.warn(pointerTo('/x-portcullis/consumers', name, 'clients', index, 'issuer'), 'no jwt scheme takes tokens of this issuer')
    }
  }
}
