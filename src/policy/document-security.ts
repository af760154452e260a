import * as v from 'valibot'
import { named } from './closed-schema.ts'
import { scopes } from './document-texts.ts'

/** Security Requirement Objects: OR of ANDs, by name of the scheme. */
export const securitySchema = v.pipe(v.array(named(scopes, /^.{1,256}$/u, 'a scheme')), v.maxLength(16, 'more than 16 alternatives'))
export type SecurityRequirements = v.InferOutput<typeof securitySchema>
