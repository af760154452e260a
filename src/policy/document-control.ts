import * as v from 'valibot'
import { closed } from './closed-schema.ts'
import { whole } from './document-numbers.ts'
import { securitySchema } from './document-security.ts'
import { name, names } from './document-texts.ts'

const portal = closed({
  scheme: name,
  plans: v.optional(v.pipe(names, v.minLength(1, 'must not be empty'))),
  defaultPlan: v.optional(name),
  maxOrganisations: v.optional(whole(0, 100, 'How many organisations a person may found. Default 3.')),
  maxApps: v.optional(whole(0, 100, 'How many apps an organisation may have. Default 10.')),
  maxKeys: v.optional(whole(1, 20, 'How many keys an app may have at a time. Default 5.')),
})

/** `x-portcullis.control`: who operates this gate, and what developers may do by themselves. */
export const controlSchema = closed({
  security: v.optional(securitySchema),
  portal: v.optional(portal),
})
