/** What an `Authorization` field holds for a scheme of bearer tokens. */
export type Bearer =
  | { readonly status: 'found'; readonly token: string }
  /** No field, or credentials of another scheme (Basic, DPoP, Signature). */
  | { readonly status: 'absent' }
  | { readonly status: 'malformed' }
  /** Two fields, which the platform joins with a comma (RFC 6750 §2: one method, once). */
  | { readonly status: 'ambiguous' }

const BEARER = /^bearer(?![!#$%&'*+.^_`|~0-9a-z-])/iu
const SECOND_BEARER = /,[ \t]*bearer(?:[ \t,]|$)/iu
/** RFC 6750 §2.1. */
const CREDENTIALS = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/iu

/** The scheme name is case-insensitive (RFC 9110 §11.1). A comma is in no token: it joins two fields. */
export function readBearer(field: string | null): Bearer {
  if (field === null) return { status: 'absent' }
  if (!BEARER.test(field)) return { status: SECOND_BEARER.test(field) ? 'ambiguous' : 'absent' }
  if (field.includes(',')) return { status: 'ambiguous' }
  const token = CREDENTIALS.exec(field)?.[1]
  return token === undefined ? { status: 'malformed' } : { status: 'found', token }
}
