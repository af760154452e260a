import * as v from 'valibot'
import { closed } from './closed-schema.ts'
import { whole } from './document-numbers.ts'
import { names, text } from './document-texts.ts'

const score = (description: string) =>
  v.optional(
    v.pipe(v.number(), v.minValue(0.4, 'at least 0.4: less is not recorded'), v.maxValue(10, 'at most 10'), v.description(description)),
  )

/** `x-portcullis.abuse` (docs/abuse.md). */
export const abuseSchema = closed({
  answers: v.optional(
    v.union([
      v.literal('record'),
      closed({
        slow: score('From this score on each request waits a second. Absent: never.'),
        limit: score('From this score on 30 requests a minute are let through. Absent: never.'),
        stepUp: score('From this score on a session signs in again; other credentials are limited. Absent: never.'),
        block: score('From this score on nothing is let through. Absent: never.'),
      }),
    ]),
  ),
  blockSeconds: v.optional(
    closed({
      first: v.optional(
        whole(10, 86_400, 'How long a first answer lasts, in seconds; each further one of a week twice as long. Default 900.'),
      ),
      most: v.optional(whole(10, 604_800, 'The longest, in seconds. Default 86400.')),
    }),
  ),
  allow: v.optional(
    closed({
      networks: v.optional(v.pipe(v.array(text), v.maxLength(64, 'more than 64 networks'))),
      consumers: v.optional(names),
      keys: v.optional(v.pipe(v.array(text), v.maxLength(256, 'more than 256 keys'))),
    }),
  ),
  failureBudget: v.optional(
    v.union([
      v.literal(false),
      closed({
        address: v.optional(whole(1, 100_000, 'Failures of one address (IPv6: /64) a minute in one isolate. Default 60.')),
        network: v.optional(whole(1, 1_000_000, 'The same of its /24 (IPv6: /48). Default 600.')),
      }),
    ]),
  ),
})
