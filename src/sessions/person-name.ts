import { encodeHex } from '../http/base64url.ts'

/** Whom a logout names: all that is given must be the session's. */
export interface Named {
  readonly issuer: string
  readonly subject?: string
  readonly nameId?: string
  readonly providerSession?: string
}

/** Names of objects are logged and listed by the platform, so they hold hashes alone. */
async function nameOf(kind: 'person' | 'session' | 'name-id', issuer: string, id: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(JSON.stringify([kind, issuer, id])))
  return encodeHex(new Uint8Array(digest))
}

export const personName = async (issuer: string, subject: string): Promise<string> => nameOf('person', issuer, subject)

/** Where the sessions that a provider names are listed: by its own session, else by the person. `undefined`: it names none. */
export async function namesOf({ issuer, subject, nameId, providerSession }: Named): Promise<string | undefined> {
  if (providerSession !== undefined) return nameOf('session', issuer, providerSession)
  if (subject !== undefined) return personName(issuer, subject)
  return nameId === undefined ? undefined : nameOf('name-id', issuer, nameId)
}

/** Every name by which a provider may end this session later, but the person's. */
export async function otherNamesOf({ issuer, nameId, providerSession }: Named): Promise<readonly string[]> {
  return Promise.all([
    ...(providerSession === undefined ? [] : [nameOf('session', issuer, providerSession)]),
    ...(nameId === undefined ? [] : [nameOf('name-id', issuer, nameId)]),
  ])
}
