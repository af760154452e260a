import type { OperatorRole } from './accounts.ts'
import { MAX_OPERATORS } from './drafts.ts'
import type { StoredOperator } from './tables.ts'
import { full, NOT_FOUND, written, type Outcome, type Work } from './work.ts'

export function changeOperator(
  { tables, now, log }: Work,
  person: string,
  change: { readonly role: OperatorRole; readonly display: string } | 'none',
): Outcome<readonly StoredOperator[]> {
  const known = tables.operator(person)
  if (change === 'none') {
    if (known === undefined) return NOT_FOUND
    tables.dropOperator(person)
  } else {
    if (known === undefined && tables.count('operators') >= MAX_OPERATORS) return full(MAX_OPERATORS)
    tables.putOperator({ person, ...change, since: known?.since ?? now })
  }
  const role = change === 'none' ? 'none' : change.role
  log('operator.change', { type: 'person', id: person }, { role, before: known?.role ?? 'none' })
  return written(tables.operators())
}
