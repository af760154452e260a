import * as v from 'valibot'
import { closed } from './closed-schema.ts'
import { whole } from './document-numbers.ts'

const LIMIT_RATE = /^[1-9][0-9]{0,9}\/(?:[1-9][0-9]{0,5} )?(?:second|minute|hour|day)s?$/u
const LIMIT_QUOTA = /^[1-9][0-9]{0,11}\/(?:minute|hour|day|week|month|year)$/u
const SUBJECT = /^(?:address|consumer|subject|credential|route)(?:\*(?:address|consumer|subject|credential|route))*$/u
const numbers = {
  rate: v.optional(v.pipe(v.string(), v.regex(LIMIT_RATE, 'expected such as "20/second" or "100/10 seconds" (second, minute, hour, day)'))),
  burst: v.optional(whole(1, 1_000_000_000, 'Most requests at once. Default: the count of the rate.')),
  quota: v.optional(v.pipe(v.string(), v.regex(LIMIT_QUOTA, 'expected such as "1000000/month" (minute, hour, day, week, month, year)'))),
  concurrent: v.optional(whole(1, 1000, 'Most requests at a time.')),
  credits: v.optional(whole(0, 1_000_000_000, 'Balance of a consumer that was never seen before.')),
}
export const ownNumbersSchema = closed(numbers)
export type OwnNumbers = v.InferOutput<typeof ownNumbersSchema>
export const limitSchema = closed({
  by: v.pipe(
    v.array(v.pipe(v.string(), v.regex(SUBJECT, 'expected address, consumer, subject, credential or route, or several joined by "*"'))),
    v.minLength(1, 'must not be empty'),
    v.maxLength(5),
  ),
  ...numbers,
  timeZone: v.optional(
    v.pipe(
      v.string(),
      v.minLength(1, 'must not be empty'),
      v.maxLength(64, 'longer than 64 characters'),
      v.description("Whose calendar the quota's period follows, such as Europe/Berlin. Default UTC."),
    ),
  ),
  holdSeconds: v.optional(whole(1, 900, 'Longest that one request counts as concurrent, in seconds. Default 60.')),
  chargeOn: v.optional(v.picklist(['request', 'success'])),
  consistency: v.optional(v.picklist(['leased', 'strict', 'local'])),
  onOutage: v.optional(v.picklist(['closed', 'local'])),
})
