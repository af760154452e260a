import * as v from 'valibot'
import { applyDocument } from '../../directory/apply-document.ts'
import { inForce } from '../account-answers.ts'
import type { Operation } from '../operation.ts'
import { pageQuery } from '../page-query.ts'
import type { AccountsParts } from './organisations.ts'

/** The directory as a document: to keep, to put back, and to say what it is to be (docs/accounts.md). */
export function exportOperations(parts: AccountsParts): readonly Operation[] {
  const { accounts } = parts
  return [
    {
      id: 'export.read',
      method: 'GET',
      path: '/export',
      summary: 'Organisations with members, apps and keys, as apply takes them: everything but secrets, operators and the log',
      scope: 'accounts:read',
      query: v.strictObject(pageQuery),
      async run({ query }) {
        const { items, next } = await accounts.exported(query)
        return { status: 'done', code: 200, value: { organisations: items, ...(next === undefined ? {} : { next }) } }
      },
    },
    {
      id: 'apply',
      method: 'POST',
      path: '/apply',
      summary: 'Bring the directory to what a document says, all of it or nothing; ?dry-run=true: what would be done',
      scope: 'accounts:write',
      // It names keys by their ids, which any key of the gate may have: what it does to one, revocations and changes do.
      needs: ['keys:write', 'changes:write', 'revocations:write'],
      audit: 'own',
      query: v.strictObject({ 'dry-run': v.exactOptional(v.picklist(['true', 'false'])) }),
      body: applyDocument,
      maxBodyBytes: 2 * 1024 * 1024,
      answer: { status: 200, description: 'What was done, or would be, as the audit log has it.' },
      async run({ body, query, actor, request }) {
        const isDry = query['dry-run'] === 'true'
        const applied = await accounts.apply(body, isDry, actor)
        if (applied.status !== 'written' || !isDry) return inForce(applied, parts, request)
        return { status: 'done', code: 200, value: { items: applied.value } }
      },
    },
  ]
}
