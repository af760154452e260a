/**
 * Who the developers are and what they hold: organisations with members and invitations, apps (each one consumer of the gate), and
 * their keys. One object has it all (`directory-object.ts`); the admin API and the developer portal are two ways to it.
 */

/** What a member may do in an organisation: everything; apps and keys; look. */
export const MEMBER_ROLES = ['owner', 'developer', 'viewer'] as const
export type MemberRole = (typeof MEMBER_ROLES)[number]

/** What somebody may do with the gate itself: `viewer` reads, `owner` may everything (docs/admin-api.md). */
export const OPERATOR_ROLES = ['viewer', 'support', 'operator', 'owner'] as const
export type OperatorRole = (typeof OPERATOR_ROLES)[number]

export type State = 'active' | 'disabled'

export interface Organisation {
  /** `org_` and 20 lower-case letters and digits. */
  readonly id: string
  /** What people call it; not unique. 1 to 100 characters. */
  readonly name: string
  readonly state: State
  /** Milliseconds since the epoch, like every instant here. */
  readonly createdAt: number
  /** Rises by one with each write; the entity tag of a representation. */
  readonly version: number
}
export interface Member {
  /** Of (issuer, subject): `personName` of src/sessions. Linked identities of one person are several names. */
  readonly person: string
  /** As the provider last called them: an e-mail address or a name, for people to read; decides nothing. */
  readonly display: string
  readonly role: MemberRole
  readonly since: number
}
export interface Invitation {
  /** `inv_` and 20 letters and digits: names it, and opens nothing. */
  readonly id: string
  readonly organisation: string
  /** For whom, for people to read. */
  readonly note: string
  readonly role: MemberRole
  readonly invitedBy: string
  readonly expiresAt: number
}
export interface App {
  /** `app_` and 20 letters and digits: the name of the consumer that its credentials speak for. */
  readonly id: string
  readonly organisation: string
  readonly name: string
  readonly description: string
  /** A plan of the policy. */
  readonly plan: string
  readonly state: State
  readonly createdAt: number
  readonly version: number
}
/** `secret`: issued, verifies itself. `imported`: made elsewhere, known by a peppered hash. `public`: a public key whose holder signs. */
export type KeyKind = 'secret' | 'imported' | 'public'
export interface KeyRecord {
  /** Of an issued key its 24 hexadecimal digits; else `key_` and 20 letters and digits. What usage, the feed and the log name. */
  readonly id: string
  readonly app: string
  readonly organisation: string
  readonly kind: KeyKind
  readonly name: string
  /** Absent: those of the plan. */
  readonly scopes?: readonly string[]
  /** In place of the app's. */
  readonly plan?: string
  /** Networks from which alone it is taken. */
  readonly addresses?: readonly string[]
  /** Browser origins from which alone it is taken. */
  readonly origins?: readonly string[]
  readonly state: State | 'revoked'
  /** What an operator disabled, no developer enables or replaces. */
  readonly disabledBy?: Actor['kind']
  readonly createdAt: number
  readonly createdBy: string
  /** Imported and public keys may have no end. */
  readonly expiresAt?: number
  /** It was replaced, and works until then. */
  readonly validUntil?: number
  readonly replacedBy?: string
  /** To the minute, as far as isolates have told. */
  readonly lastUsedAt?: number
  readonly version: number
}

/** Who asks for a change: for the audit log, and never a credential. */
export interface Actor {
  readonly kind: 'operator' | 'developer' | 'system'
  /** A person's name of `personName`, the id of an admin key, or the part of the gate that acts by itself. */
  readonly id: string
  /** For people to read. */
  readonly display: string
  readonly requestId: string
}

/** One line of the audit log. `hash` covers the line and the hash before it: a line that was changed or taken out shows. */
export interface AuditEntry {
  readonly sequence: number
  readonly at: number
  readonly actor: Actor
  /** Such as `key.revoke`. */
  readonly action: string
  /** What it was done to: `{ type: 'key', id: '…' }`. */
  readonly target: { readonly type: string; readonly id: string }
  readonly organisation?: string
  /** What changed, without secrets. */
  readonly detail: Readonly<Record<string, unknown>>
  /** SHA-256, 64 hexadecimal digits. */
  readonly hash: string
}

/** What a write came to. Nothing was written but with `written`. */
export type Written<Value> =
  /** `pending`: recorded, and the feed does not have it yet; it is told again until it has. */
  | { readonly status: 'written'; readonly value: Value; readonly inForce: 'announced' | 'pending' }
  | { readonly status: 'not_found' }
  /** Somebody wrote in between: `current` is what they left. */
  | { readonly status: 'stale'; readonly current: Value }
  | { readonly status: 'invalid'; readonly errors: readonly AccountFault[] }
  /** No more of these: `limit` says how many there may be. */
  | { readonly status: 'full'; readonly limit: number }
export interface AccountFault {
  /** RFC 6901, such as `/name`. */
  readonly pointer: string
  readonly detail: string
}
export interface Page<Value> {
  readonly items: readonly Value[]
  /** Of the next page; absent: this is the last. */
  readonly next?: string
}
export interface PageAsked {
  readonly after?: string
  /** 1 to 100, default 50. */
  readonly limit?: number
}

export interface AppDraft {
  readonly organisation: string
  readonly name: string
  readonly description?: string
  readonly plan: string
}
export type AppPatch = Partial<Pick<App, 'name' | 'description' | 'plan' | 'state'>>
export interface KeyDraft {
  readonly app: string
  readonly name: string
  readonly scopes?: readonly string[]
  readonly plan?: string
  readonly addresses?: readonly string[]
  readonly origins?: readonly string[]
  /** Default one year; imported and public keys: none. */
  readonly expiresInSeconds?: number
  /** A key made elsewhere, as text: only its peppered hash is kept. */
  readonly imported?: string
  /** An Ed25519 or P-256 public key (RFC 7517): requests are then signed. */
  readonly publicKey?: JsonWebKey
}
export type KeyPatch = {
  readonly [Field in 'name' | 'state' | 'scopes' | 'plan' | 'addresses' | 'origins']?: Field extends 'state'
    ? State
    : Required<KeyRecord>[Field] | null
}

/** Somebody who operates this gate by the word of an owner, besides whom the policy lets in. */
export interface OperatorRecord {
  /** `personName`. */
  readonly person: string
  readonly display: string
  readonly role: OperatorRole
  readonly since: number
}

/** The directory as the admin API and the portal use it. Every method throws when the object cannot answer: 503. Who may is the caller's to know. */
export interface Accounts {
  createOrganisation(
    draft: { readonly name: string; readonly owner?: Pick<Member, 'person' | 'display'> },
    actor: Actor,
  ): Promise<Written<Organisation>>
  organisation(id: string): Promise<Organisation | undefined>
  organisations(page: PageAsked): Promise<Page<Organisation>>
  /** Disabled: every app of it is refused within the bound. */
  changeOrganisation(
    id: string,
    patch: Partial<Pick<Organisation, 'name' | 'state'>>,
    version: number | undefined,
    actor: Actor,
  ): Promise<Written<Organisation>>
  /** With its apps and keys, which are revoked. */
  deleteOrganisation(id: string, version: number | undefined, actor: Actor): Promise<Written<Organisation>>

  members(organisation: string): Promise<readonly Member[]>
  /** The organisations of any of these names. */
  membershipsOf(people: readonly string[]): Promise<readonly { readonly organisation: Organisation; readonly role: MemberRole }[]>
  changeMember(
    organisation: string,
    person: string,
    role: MemberRole | 'none',
    actor: Actor,
    display?: string,
  ): Promise<Written<readonly Member[]>>
  /** `token`: shown once, kept as a hash. */
  invite(
    organisation: string,
    draft: { readonly note: string; readonly role: MemberRole },
    actor: Actor,
  ): Promise<Written<Invitation & { readonly token: string }>>
  invitations(organisation: string): Promise<readonly Invitation[]>
  withdrawInvitation(organisation: string, id: string, actor: Actor): Promise<Written<Invitation>>
  /** Once; whoever has the token and is signed in. */
  acceptInvitation(token: string, member: Pick<Member, 'person' | 'display'>, actor: Actor): Promise<Written<Organisation>>

  createApp(draft: AppDraft, actor: Actor): Promise<Written<App>>
  app(id: string): Promise<App | undefined>
  apps(asked: PageAsked & { readonly organisation?: string }): Promise<Page<App>>
  changeApp(id: string, patch: AppPatch, version: number | undefined, actor: Actor): Promise<Written<App>>
  /** Its keys are revoked. */
  deleteApp(id: string, version: number | undefined, actor: Actor): Promise<Written<App>>

  /** `secret`: of an issued key, shown once and kept nowhere. */
  createKey(draft: KeyDraft, actor: Actor): Promise<Written<KeyRecord & { readonly secret?: string }>>
  key(id: string): Promise<KeyRecord | undefined>
  keys(app: string): Promise<readonly KeyRecord[]>
  changeKey(id: string, patch: KeyPatch, version: number | undefined, actor: Actor): Promise<Written<KeyRecord>>
  /** A new key with all that the old one has; the old one works for `overlapSeconds` more (0 to 90 days, default 7 days). */
  rotateKey(
    id: string,
    asked: { readonly overlapSeconds?: number },
    actor: Actor,
  ): Promise<Written<KeyRecord & { readonly secret?: string }>>
  revokeKey(id: string, reason: string, actor: Actor): Promise<Written<KeyRecord>>

  /** Newest first. */
  audit(asked: PageAsked & { readonly organisation?: string }): Promise<Page<AuditEntry>>
  /** Whether every line is what was written, and none is missing: the first that is not. `head`: the hash of the last. */
  verifyAudit(): Promise<
    { readonly status: 'whole'; readonly entries: number; readonly head: string } | { readonly status: 'broken'; readonly sequence: number }
  >

  /** Brings the directory to what a document says (`apply-document.ts`): what was, or would be, done, as the log has it. */
  apply(
    document: unknown,
    isDry: boolean,
    actor: Actor,
  ): Promise<Written<readonly Pick<AuditEntry, 'action' | 'target' | 'organisation' | 'detail'>[]>>
  /** Everything but secrets, operators and the log, in the form that `apply` takes. */
  exported(page: PageAsked): Promise<Page<object>>

  operators(): Promise<readonly OperatorRecord[]>
  operatorRole(person: string): Promise<OperatorRole | undefined>
  changeOperator(
    person: string,
    change: { readonly role: OperatorRole; readonly display: string } | 'none',
    actor: Actor,
  ): Promise<Written<readonly OperatorRecord[]>>

  /** Another part of the gate did something that belongs into the log. */
  record(entry: Pick<AuditEntry, 'action' | 'target' | 'organisation' | 'detail'>, actor: Actor): Promise<void>
}
