import * as v from 'valibot'
import { closed } from './closed-schema.ts'
import { whole } from './document-numbers.ts'
import { securitySchema } from './document-security.ts'
import { name, names, text } from './document-texts.ts'

const portal = closed({
  scheme: name,
  plans: v.optional(v.pipe(names, v.minLength(1, 'must not be empty'))),
  defaultPlan: v.optional(name),
  maxOrganisations: v.optional(whole(0, 100, 'How many organisations a person may found. Default 3.')),
  maxApps: v.optional(whole(0, 100, 'How many apps an organisation may have. Default 10.')),
  maxKeys: v.optional(whole(1, 20, 'How many keys an app may have at a time. Default 5.')),
})

/** Either a URL that publishes keys as GitHub does, or the keys themselves. */
const scanner = closed({
  name: v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,32}$/u, '1 to 32 lower-case letters, digits and hyphens')),
  keysUrl: v.optional(text),
  keys: v.optional(
    v.pipe(
      v.array(
        closed({
          id: v.pipe(v.string(), v.regex(/^[\w.-]{1,128}$/u, '1 to 128 letters, digits, dots, hyphens or underscores')),
          publicKey: v.pipe(v.string(), v.maxLength(2048, 'longer than 2048 characters')),
        }),
      ),
      v.minLength(1, 'must not be empty'),
      v.maxLength(16, 'more than 16'),
    ),
  ),
})

/** `x-portcullis.control`: who operates this gate, and what developers may do by themselves. */
export const controlSchema = closed({
  security: v.optional(securitySchema),
  portal: v.optional(portal),
  secretScanning: v.optional(v.pipe(v.array(scanner), v.maxLength(8, 'more than 8'))),
})
