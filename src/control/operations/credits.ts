import * as v from 'valibot'
import type { Problem } from '../../http/problem.ts'
import type { CreditCalls } from '../../limits/ledger-calls.ts'
import type { Balance } from '../../limits/ledger.ts'
import type { LimitPolicy } from '../../limits/limiter.ts'
import { chargesOf } from '../../limits/subject.ts'
import type { Answer, Operation } from '../operation.ts'

export interface CreditsParts {
  readonly calls: CreditCalls
  /** With the consumer's own numbers. */
  readonly limitOf: (name: string, consumer: string) => LimitPolicy | undefined
  readonly isConsumer: (name: string) => boolean
}

/** Most credits of one top-up. */
const MAX_CREDITS = 1_000_000_000
const name = v.pipe(v.string(), v.minLength(1), v.maxLength(512), v.regex(/^\P{Cc}+$/u, 'no control characters'))
const ofSchema = { limit: name, consumer: name }
const topUpSchema = v.strictObject({
  ...ofSchema,
  credits: v.pipe(v.number(), v.integer('a whole number'), v.minValue(1), v.maxValue(MAX_CREDITS)),
  /** What the top-up is for, such as the number of an invoice: sent again it adds nothing. */
  key: v.pipe(v.string(), v.regex(/^[\x21-\x7e]{1,128}$/u, '1 to 128 printable ASCII characters')),
})
const balanceSchema = v.strictObject(ofSchema)

/** Whose balance of what. */
interface Account {
  readonly limit: LimitPolicy
  readonly subject: string
}

/** Balances of limits of credits (docs/limits.md, "Credits"). */
export function creditsOperations(parts: CreditsParts): readonly Operation[] {
  return [
    {
      id: 'credits.add',
      method: 'POST',
      path: '/credits',
      summary: "Add to a consumer's balance; the same key adds once",
      scope: 'credits:write',
      body: v.pipe(v.unknown(), v.description('{ limit, consumer, credits, key }: docs/limits.md, "Credits".')),
      answer: { status: 201, description: 'The balance; 200: the key had added already.' },
      audit: ({ body }) => {
        const read = v.safeParse(topUpSchema, body)
        if (!read.success) return { target: { type: 'consumer', id: '' }, detail: { asked: 'invalid' } }
        const { consumer, ...detail } = read.output
        return { target: { type: 'consumer', id: consumer }, detail }
      },
      run: async ({ body }) => addCredits(parts, body),
    },
    {
      id: 'credits.read',
      method: 'GET',
      path: '/credits',
      summary: "A consumer's balance: ?limit=&consumer=",
      scope: 'credits:read',
      answer: { status: 200, description: 'The balance, and what isolates were lent of it.' },
      run: async ({ request }) => balance(parts, request),
    },
  ]
}

/** Adds to a consumer's balance; the same key adds once. */
async function addCredits(parts: CreditsParts, body: unknown): Promise<Answer> {
  const read = v.safeParse(topUpSchema, body)
  if (!read.success) return { status: 'refused', problem: invalid(read.issues.map(faultOf)) }
  const { credits, key, ...named } = read.output
  const account = accountOf(named, parts)
  if ('faults' in account) return { status: 'refused', problem: invalid(account.faults) }
  const answer = await parts.calls.add(account.subject, { limit: account.limit, credits, key })
  if (answer.status === 'conflict') return { status: 'refused', problem: CONFLICT }
  const isNew = answer.status === 'added'
  return { status: 'done', code: isNew ? 201 : 200, value: { ...named, added: isNew ? credits : 0, ...shown(answer.balance) } }
}

async function balance(parts: CreditsParts, request: Request): Promise<Answer> {
  const read = v.safeParse(balanceSchema, Object.fromEntries(new URL(request.url).searchParams))
  if (!read.success) return { status: 'refused', problem: invalid(read.issues.map(faultOf)) }
  const account = accountOf(read.output, parts)
  if ('faults' in account) return { status: 'refused', problem: invalid(account.faults) }
  return { status: 'done', code: 200, value: { ...read.output, ...shown(await parts.calls.balance(account.subject, account.limit)) } }
}

interface Fault {
  readonly pointer: string
  readonly detail: string
}

function accountOf(
  { limit: wanted, consumer }: { readonly limit: string; readonly consumer: string },
  { limitOf, isConsumer }: CreditsParts,
): Account | { readonly faults: readonly Fault[] } {
  if (!isConsumer(consumer)) return { faults: [{ pointer: '/consumer', detail: 'the policy has no consumer of that name' }] }
  const limit = limitOf(wanted, consumer)
  if (limit?.credits === undefined) return { faults: [{ pointer: '/limit', detail: 'the policy has no limit of credits of that name' }] }
  const counted = chargesOf([limit], { principals: [], routeId: '', consumer })
  const [charge] = counted.status === 'countable' ? counted.charges : []
  if (charge === undefined) throw new Error('a limit of credits that does not count consumers')
  return { limit, subject: charge.subject }
}

const shown = ({ available, lent }: Balance): object => ({ balance: available, lent })

function faultOf(issue: v.BaseIssue<unknown>): Fault {
  return { pointer: `/${v.getDotPath(issue) ?? ''}`, detail: issue.message }
}

function invalid(errors: readonly Fault[]): Problem {
  return {
    status: 422,
    code: 'credits-invalid',
    title: 'The top-up is not valid',
    detail: 'See docs/limits.md, "Credits".',
    extensions: { errors },
  }
}

const CONFLICT: Problem = {
  status: 409,
  code: 'idempotency-conflict',
  title: 'The key was used for another number of credits',
  detail: 'Nothing was added.',
}
