/** Each is run once, in order; none is ever changed, only followed by another. */
const MIGRATIONS: readonly string[] = [
  `create table organisations (id text primary key, value text not null);
   create table members (organisation text not null, person text not null, value text not null, primary key (organisation, person));
   create index members_by_person on members (person);
   create table invitations (id text primary key, organisation text not null, hash text not null unique, expires_at integer not null, value text not null);
   create index invitations_by_organisation on invitations (organisation);
   create table apps (id text primary key, organisation text not null, value text not null);
   create index apps_by_organisation on apps (organisation);
   create table keys (id text primary key, app text not null, lookup text unique, value text not null);
   create index keys_by_app on keys (app);
   create table operators (person text primary key, value text not null);
   create table audit (sequence integer primary key autoincrement, organisation text, entry text not null, hash text);
   create index audit_by_organisation on audit (organisation, sequence);
   create index audit_unsealed on audit (sequence) where hash is null;
   create table outbox (sequence integer primary key autoincrement, call text not null);
   create table remembered (name text primary key, fingerprint text not null, answer text, at integer not null);
   create index remembered_by_time on remembered (at)`,
  `create table pace (person text primary key, arrives_at integer not null);
   create index pace_by_time on pace (arrives_at)`,
]

/** Brings the tables to what this code works with. Throws on tables of a later version: they are not ours to read. */
export function migrate(storage: DurableObjectStorage): void {
  const { sql } = storage
  sql.exec('create table if not exists migrated (version integer not null)')
  storage.transactionSync(() => {
    const version = sql.exec<{ version: number }>('select version from migrated').toArray()[0]?.version ?? 0
    if (version > MIGRATIONS.length) throw new Error('the directory was written by a later version of the gate')
    for (const migration of MIGRATIONS.slice(version)) sql.exec(migration)
    sql.exec('delete from migrated')
    sql.exec('insert into migrated values (?)', MIGRATIONS.length)
  })
}
