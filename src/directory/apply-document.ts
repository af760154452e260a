import * as v from 'valibot'
import { isId } from './ids.ts'
import { appDraft, keyDraft, memberDraft, organisationDraft, personSchema, publicKeySchema, stateSchema } from './drafts.ts'

/** Most of each in one document. */
const MAX_ITEMS = 1000

const id = (kind: 'org' | 'app') =>
  v.exactOptional(
    v.pipe(
      v.string(),
      v.check((text) => isId(kind, text), `an id that begins with ${kind}_`),
    ),
  )
/** What an export says besides, and the directory knows better. */
const said = { createdAt: v.exactOptional(v.number()), version: v.exactOptional(v.number()), organisation: v.exactOptional(v.string()) }
const { scopes, plan, addresses, origins } = keyDraft.entries
const instant = v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(0)))

/** By id, for an issued key holds what it is itself: what is said of one that nobody knows must be all that there is to know. */
const key = v.strictObject({
  ...said,
  id: v.pipe(v.string(), v.regex(/^(?:[0-9a-f]{24}|key_[a-z0-9]{20})$/u, 'the id of a key')),
  name: keyDraft.entries.name,
  state: v.exactOptional(v.picklist(['active', 'disabled', 'revoked'])),
  disabledBy: v.exactOptional(v.picklist(['operator', 'developer', 'system'])),
  scopes,
  plan,
  addresses,
  origins,
  app: v.exactOptional(v.string()),
  kind: v.exactOptional(v.picklist(['secret', 'imported', 'public'])),
  createdBy: v.exactOptional(v.pipe(v.string(), v.maxLength(128))),
  expiresAt: instant,
  validUntil: instant,
  replacedBy: v.exactOptional(v.string()),
  lastUsedAt: instant,
  digest: v.exactOptional(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/u, '64 hexadecimal digits'))),
  publicKey: v.exactOptional(publicKeySchema),
  issued: v.exactOptional(v.strictObject({ plan, scopes })),
})
const app = v.strictObject({
  ...said,
  id: id('app'),
  name: appDraft.entries.name,
  description: appDraft.entries.description,
  plan: appDraft.entries.plan,
  state: v.exactOptional(stateSchema),
  keys: v.exactOptional(v.pipe(v.array(key), v.maxLength(MAX_ITEMS))),
})
const organisation = v.strictObject({
  ...said,
  id: id('org'),
  name: organisationDraft.entries.name,
  state: v.exactOptional(stateSchema),
  members: v.exactOptional(
    v.pipe(
      v.array(v.strictObject({ person: personSchema, ...memberDraft.entries, since: v.exactOptional(v.number()) })),
      v.maxLength(MAX_ITEMS),
    ),
  ),
  apps: v.exactOptional(v.pipe(v.array(app), v.maxLength(MAX_ITEMS))),
})

/** What the directory is to be. `prune`: what is not named goes, and what it opened is revoked. Default: it stays. */
export const applyDocument = v.strictObject({
  organisations: v.pipe(v.array(organisation), v.maxLength(MAX_ITEMS)),
  prune: v.exactOptional(v.boolean()),
})
export type ApplyDocument = v.InferOutput<typeof applyDocument>
export type ApplyOrganisation = v.InferOutput<typeof organisation>
export type ApplyApp = v.InferOutput<typeof app>
export type ApplyKey = v.InferOutput<typeof key>
