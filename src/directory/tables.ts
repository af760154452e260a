import type { App, Invitation, KeyRecord, Member, OperatorRecord, Organisation } from './accounts.ts'

/** A key as it is kept: with what the data path looks it up by, and how it was issued. */
export interface StoredKey extends KeyRecord {
  /** Of an imported key: peppered hash under the newest generation then, 64 hexadecimal digits. */
  readonly digest?: string
  readonly publicKey?: JsonWebKey
  /** What the key says itself, or was added with, whatever was changed since: the feed's changes count in its place. */
  readonly issued?: { readonly plan?: string; readonly scopes?: readonly string[] }
}
export interface StoredInvitation extends Invitation {
  /** SHA-256 of the token. */
  readonly hash: string
}
export type StoredOperator = OperatorRecord
export interface Paged {
  readonly after?: string
  readonly limit: number
}

type Row = { value: string }
/** Reads the records of one table: what stands there was written below. */
function readerOf<Value>(sql: SqlStorage) {
  const all = (query: string, ...values: SqlStorageValue[]): readonly Value[] =>
    sql
      .exec<Row>(query, ...values)
      .toArray()
      .map(({ value }) => JSON.parse(value) as Value)
  return { all, one: (query: string, ...values: SqlStorageValue[]): Value | undefined => all(query, ...values)[0] }
}

/** Rows by name, each its record as JSON; what is asked by has a column of its own. */
export interface Tables {
  organisation(id: string): Organisation | undefined
  organisations(asked: Paged): readonly Organisation[]
  putOrganisation(organisation: Organisation): void
  dropOrganisation(id: string): void
  members(organisation: string): readonly Member[]
  memberships(person: string): readonly string[]
  putMember(organisation: string, member: Member): void
  dropMember(organisation: string, person: string): void
  invitation(by: { readonly id: string } | { readonly hash: string }): StoredInvitation | undefined
  invitations(organisation: string): readonly StoredInvitation[]
  putInvitation(invitation: StoredInvitation): void
  dropInvitation(id: string): void
  dropInvitationsBefore(now: number): void
  app(id: string): App | undefined
  apps(asked: Paged & { readonly organisation?: string }): readonly App[]
  putApp(app: App): void
  dropApp(id: string): void
  key(id: string): StoredKey | undefined
  keyBy(lookup: string): StoredKey | undefined
  keys(app: string): readonly StoredKey[]
  putKey(key: StoredKey): void
  dropKey(id: string): void
  operator(person: string): StoredOperator | undefined
  operators(): readonly StoredOperator[]
  putOperator(operator: StoredOperator): void
  dropOperator(person: string): void
  count(table: 'organisations' | 'operators'): number
}

/** What the data path finds a key by; issued ones verify themselves. */
export function lookupOf({ kind, id, digest }: Pick<StoredKey, 'kind' | 'id' | 'digest'>): string | null {
  if (kind === 'imported' && digest !== undefined) return `digest:${digest}`
  return kind === 'public' ? `keyid:${id}` : null
}

export function createTables(sql: SqlStorage): Tables {
  const organisations = readerOf<Organisation>(sql)
  const members = readerOf<Member>(sql)
  const invitations = readerOf<StoredInvitation>(sql)
  const apps = readerOf<App>(sql)
  const keys = readerOf<StoredKey>(sql)
  const operators = readerOf<OperatorRecord>(sql)
  const run = (query: string, ...values: SqlStorageValue[]): void => {
    sql.exec(query, ...values)
  }
  return {
    organisation: (id) => organisations.one('select value from organisations where id = ?', id),
    organisations: ({ after = '', limit }) =>
      organisations.all('select value from organisations where id > ? order by id limit ?', after, limit),
    putOrganisation: (organisation) =>
      run('insert or replace into organisations values (?, ?)', organisation.id, JSON.stringify(organisation)),
    dropOrganisation(id) {
      run('delete from organisations where id = ?', id)
      run('delete from members where organisation = ?', id)
      run('delete from invitations where organisation = ?', id)
    },
    members: (organisation) => members.all('select value from members where organisation = ? order by person', organisation),
    memberships: (person) =>
      sql
        .exec<{ organisation: string }>('select organisation from members where person = ? order by organisation', person)
        .toArray()
        .map(({ organisation }) => organisation),
    putMember: (organisation, member) =>
      run('insert or replace into members values (?, ?, ?)', organisation, member.person, JSON.stringify(member)),
    dropMember: (organisation, person) => run('delete from members where organisation = ? and person = ?', organisation, person),
    invitation: (by) =>
      'id' in by
        ? invitations.one('select value from invitations where id = ?', by.id)
        : invitations.one('select value from invitations where hash = ?', by.hash),
    invitations: (organisation) => invitations.all('select value from invitations where organisation = ? order by id', organisation),
    putInvitation: (invitation) =>
      run(
        'insert or replace into invitations values (?, ?, ?, ?, ?)',
        invitation.id,
        invitation.organisation,
        invitation.hash,
        invitation.expiresAt,
        JSON.stringify(invitation),
      ),
    dropInvitation: (id) => run('delete from invitations where id = ?', id),
    dropInvitationsBefore: (now) => run('delete from invitations where expires_at <= ?', now),
    app: (id) => apps.one('select value from apps where id = ?', id),
    apps: ({ after = '', limit, organisation }) =>
      organisation === undefined
        ? apps.all('select value from apps where id > ? order by id limit ?', after, limit)
        : apps.all('select value from apps where organisation = ? and id > ? order by id limit ?', organisation, after, limit),
    putApp: (app) => run('insert or replace into apps values (?, ?, ?)', app.id, app.organisation, JSON.stringify(app)),
    dropApp(id) {
      run('delete from apps where id = ?', id)
      run('delete from keys where app = ?', id)
    },
    key: (id) => keys.one('select value from keys where id = ?', id),
    keyBy: (lookup) => keys.one('select value from keys where lookup = ?', lookup),
    keys: (app) => keys.all('select value from keys where app = ? order by id', app),
    putKey: (key) => run('insert or replace into keys values (?, ?, ?, ?)', key.id, key.app, lookupOf(key), JSON.stringify(key)),
    dropKey: (id) => run('delete from keys where id = ?', id),
    operator: (person) => operators.one('select value from operators where person = ?', person),
    operators: () => operators.all('select value from operators order by person'),
    putOperator: (operator) => run('insert or replace into operators values (?, ?)', operator.person, JSON.stringify(operator)),
    dropOperator: (person) => run('delete from operators where person = ?', person),
    count: (table) => sql.exec<{ rows: number }>(`select count(*) as rows from ${table}`).one().rows,
  }
}
