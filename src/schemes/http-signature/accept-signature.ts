import { encodeBase64Url } from '../../http/base64url.ts'
import type { HttpSignatureConfig } from './config.ts'
import { requiredComponents } from './coverage.ts'

/**
 * What a signature needs, as `Accept-Signature` (RFC 9421 §5.1): `created` is the signer's to fill in, the nonce is one that
 * it may use. No `keyid`: there it would name the key to sign with, and only the signer knows its own.
 */
export function acceptSignature(config: HttpSignatureConfig, hasContent: boolean): string {
  const components = requiredComponents(config, hasContent).join(' ')
  const nonce = config.nonce ? `;nonce="${encodeBase64Url(crypto.getRandomValues(new Uint8Array(16)))}"` : ''
  const tag = config.tag === undefined ? '' : `;tag="${config.tag.replaceAll(/["\\]/gu, String.raw`\$&`)}"`
  return `${labelOf(config.name)}=(${components});created${nonce}${tag}`
}

/** The scheme's name as a dictionary key (RFC 9651 §3.2), so that several schemes can ask in one response. */
function labelOf(name: string): string {
  return `sig-${name.toLowerCase().replaceAll(/[^a-z0-9_\-.*]/gu, '-')}`
}
