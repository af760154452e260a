import type { AttributeMapping } from '../policy/identity-providers.ts'

/** What of a provider's word about somebody is kept. */
export interface MappedAttributes {
  readonly claims: Readonly<Record<string, unknown>>
  readonly groups: readonly string[]
  readonly scopes: readonly string[]
}

/** Most groups of one person. More are refused, not cut: a group that is left out silently would be a riddle. */
export const MAX_GROUPS = 500
/** Longest name of a group, in characters. */
const MAX_GROUP_LENGTH = 256
/** All mapped claims together, as JSON. */
export const MAX_CLAIMS_LENGTH = 8192

/**
 * `attributes`: claims, or attribute names to their values. Nothing but what the mapping names gets through. Throws `RangeError`
 * where that is more than a session keeps; the message names the bound.
 */
export function mapAttributes(mapping: AttributeMapping, attributes: Readonly<Record<string, unknown>>): MappedAttributes {
  const valueOf = (name: string): unknown => (Object.hasOwn(attributes, name) ? attributes[name] : undefined)
  const claims = Object.fromEntries(
    Object.entries(mapping.claims)
      .map(([ours, theirs]) => [ours, valueOf(theirs)] as const)
      .filter(([, value]) => value !== undefined && value !== null),
  )
  if (JSON.stringify(claims).length > MAX_CLAIMS_LENGTH)
    throw new RangeError(`the mapped claims are longer than ${MAX_CLAIMS_LENGTH} characters`)
  const groups = groupsOf(valueOf(mapping.groups))
  const scopes = new Set(mapping.scopes)
  for (const group of groups) {
    const granted = Object.hasOwn(mapping.groupScopes, group) ? mapping.groupScopes[group] : undefined
    for (const scope of granted ?? []) scopes.add(scope)
  }
  return { claims, groups, scopes: [...scopes] }
}

function groupsOf(value: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  const groups = [...new Set(list.filter((group): group is string => typeof group === 'string' && group !== ''))]
  if (groups.length > MAX_GROUPS) throw new RangeError(`there are more than ${MAX_GROUPS} groups`)
  if (groups.some((group) => group.length > MAX_GROUP_LENGTH)) throw new RangeError(`a group has more than ${MAX_GROUP_LENGTH} characters`)
  return groups
}
