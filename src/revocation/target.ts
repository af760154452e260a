import type { RevocationTarget } from './revocations.ts'

/** The members of a target in the one order in which the feed keeps them. */
export function canonicalTarget(target: RevocationTarget): RevocationTarget {
  const { type, id } = target
  const issuer = 'issuer' in target ? target.issuer : undefined
  return { type, id, ...(issuer === undefined ? {} : { issuer }) }
}

/** The name under which the feed finds the entries of a target. */
export function targetText(target: RevocationTarget): string {
  return JSON.stringify(canonicalTarget(target))
}
