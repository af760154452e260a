import * as v from 'valibot'

export const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/u
export const text = v.pipe(v.string(), v.minLength(1, 'must not be empty'), v.maxLength(2048, 'longer than 2048 characters'))
export const name = v.pipe(v.string(), v.regex(NAME, 'not a name: letters, digits, ".", "_", "-", at most 64'))
export const scope = v.pipe(v.string(), v.regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/u, 'not a scope (RFC 6749 §3.3)'))
/** It stands in a challenge, separated by spaces (RFC 9470 §3). */
export const acr = v.pipe(
  v.string(),
  v.regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/u, 'not printable ASCII without space, quote and backslash'),
)
export const scopes = v.pipe(v.array(scope), v.maxLength(64, 'more than 64 scopes'))
export const names = v.pipe(v.array(name), v.maxLength(32, 'more than 32 names'))
export const oneOrMore = v.union([text, v.pipe(v.array(text), v.minLength(1, 'must not be empty'), v.maxLength(16, 'more than 16'))])
export const fieldName = v.pipe(v.string(), v.regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/u, 'not a field name (RFC 9110 §5.1)'))
