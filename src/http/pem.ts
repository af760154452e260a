import { decodeBase64 } from './base64url.ts'
import { readChildren, readElements, TAG } from './der.ts'

/** Of certificates and keys as people copy them: 10 KiB of DER, with line breaks and lines around it. */
const MAX_CHARACTERS = 20_480

/** PEM of any label (RFC 7468), or bare Base64 with white space as SAML metadata has it. `undefined`: neither. */
export function readPem(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length > MAX_CHARACTERS) return undefined
  const body = /^\s*-----BEGIN ([A-Z ]+)-----([^-]*)-----END \1-----\s*$/u.exec(text)?.[2] ?? text
  const bytes = decodeBase64(body.replaceAll(/\s/gu, ''))
  return bytes === undefined || bytes.length === 0 ? undefined : bytes
}

/**
 * Whether the text may be a certificate or a key: one SEQUENCE, whole and with nothing behind it, of one element at least. What kind of
 * key it is shows only when it is imported.
 */
export function looksLikePem(text: string): boolean {
  const bytes = readPem(text)
  const elements = bytes === undefined ? undefined : readElements(bytes)
  return elements?.length === 1 && (readChildren(elements[0], TAG.sequence) ?? []).length > 0
}
