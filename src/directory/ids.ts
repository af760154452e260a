const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'
export type IdKind = 'org' | 'inv' | 'app' | 'key' | 'whe'
/** 100 random bits. */
export function newId(kind: IdKind): string {
  return `${kind}_${Array.from(crypto.getRandomValues(new Uint8Array(20)), (byte) => ALPHABET[byte & 31]).join('')}`
}
export const isId = (kind: IdKind, text: string): boolean => text.startsWith(`${kind}_`) && /^[a-z]{3}_[a-z0-9]{20}$/u.test(text)
