import { parsePolicy, type PolicyResult } from './parse-policy.ts'
import { fillPlaceholders } from './placeholders.ts'
import type { Problem } from './problems.ts'

/**
 * The policy of one environment: a compiled document filled from `values` (the Worker's bindings; only strings count) and checked
 * again. No problem repeats a value.
 */
export function loadPolicy(
  document: unknown,
  values: Readonly<Record<string, unknown>>,
  options: { readonly isLocal: boolean },
): PolicyResult {
  const texts = Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
  const { document: filled, missing } = fillPlaceholders(document, texts)
  const result = parsePolicy(filled, { placeholders: 'forbid', isLocal: options.isLocal })
  if (missing.length === 0) return result
  const unset = missing.map(({ pointer, name }): Problem => ({ pointer, message: `${name} is not set`, severity: 'error' }))
  // A placeholder that is left is the same problem said less clearly.
  const places = new Set(missing.map(({ pointer }) => pointer))
  return {
    ok: false,
    problems: [...unset, ...(result.ok ? result.warnings : result.problems.filter(({ pointer }) => !places.has(pointer)))],
  }
}
