import * as v from 'valibot'
import type { Accounts, OperatorRole } from '../../directory/accounts.ts'
import { operatorChange } from '../../directory/drafts.ts'
import type { PlanConfig } from '../../policy/policy.ts'
import { personName } from '../../sessions/person-name.ts'
import { answered, listed, UNKNOWN } from '../account-answers.ts'
import type { Operation } from '../operation.ts'
import { pageQuery } from '../page-query.ts'

export interface OperatorsOperationsParts {
  readonly accounts: Accounts
  readonly plans: readonly PlanConfig[]
  /** Those that developers choose from. */
  readonly offered: readonly string[]
}

const PERSON = /^[0-9a-f]{64}$/u
const named = v.pipe(v.string(), v.minLength(1), v.maxLength(2048))
type OperatorBody = { readonly role: OperatorRole; readonly display: string }

/** Who operates this gate, what was done, and the plans of the policy. */
export function operatorsOperations({ accounts, plans, offered }: OperatorsOperationsParts): readonly Operation[] {
  return [
    {
      id: 'plans.list',
      method: 'GET',
      path: '/plans',
      summary: 'Plans of the policy',
      scope: 'accounts:read',
      run: async () => listed({ items: plans.map((plan) => ({ ...plan, offered: offered.includes(plan.name) })) }),
    },
    {
      id: 'operators.list',
      method: 'GET',
      path: '/operators',
      summary: 'Who operates this gate by the word of an owner',
      scope: 'audit:read',
      run: async () => listed({ items: await accounts.operators() }),
    },
    {
      id: 'operators.create',
      method: 'POST',
      path: '/operators',
      summary: 'Give somebody a role, by issuer and subject',
      scope: 'operators:write',
      audit: 'own',
      body: v.strictObject({ ...operatorChange.entries, issuer: named, subject: named }),
      answer: { status: 201, description: 'Everybody who has a role.' },
      async run({ body, actor }) {
        const { issuer, subject, ...change } = body as OperatorBody & { readonly issuer: string; readonly subject: string }
        return answered(await accounts.changeOperator(await personName(issuer, subject), change, actor), 201)
      },
    },
    {
      id: 'operators.put',
      method: 'PUT',
      path: '/operators/:person',
      summary: 'Give somebody a role',
      scope: 'operators:write',
      audit: 'own',
      body: operatorChange,
      async run({ params, body, actor }) {
        const { person = '' } = params
        return PERSON.test(person) ? answered(await accounts.changeOperator(person, body as OperatorBody, actor)) : UNKNOWN
      },
    },
    {
      id: 'operators.delete',
      method: 'DELETE',
      path: '/operators/:person',
      summary: 'Take it from them',
      scope: 'operators:write',
      audit: 'own',
      run: async ({ params, actor }) => answered(await accounts.changeOperator(params['person'] ?? '', 'none', actor)),
    },
    {
      id: 'audit.list',
      method: 'GET',
      path: '/audit',
      summary: 'What was done, newest first',
      scope: 'audit:read',
      query: v.strictObject({ ...pageQuery, organisation: v.exactOptional(v.string()) }),
      run: async ({ query }) => listed(await accounts.audit(query)),
    },
    {
      id: 'audit.verify',
      method: 'GET',
      path: '/audit/verify',
      summary: 'Whether the log is as it was written',
      scope: 'audit:read',
      run: async () => ({ status: 'done', code: 200, value: await accounts.verifyAudit() }),
    },
  ]
}
