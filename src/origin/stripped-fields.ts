import { foldedName } from './carriers.ts'

/**
 * Request fields that never pass the gate, whatever the policy says: what binds one hop only (RFC 9110 §7.6.1), what the
 * gate itself vouches for (GW-1, CC-1, OB-5), and what would let a client name another target, method or identity than the
 * one that was decided on (GW-7). Lower case, with `-` for `_`: an origin behind CGI cannot tell the two apart.
 */
const NAMES: ReadonlySet<string> = new Set([
  'connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade',
  'client-cert', 'client-cert-chain', 'client-ip', 'forwarded', 'true-client-ip', 'via', 'x-client-ip', 'x-cluster-client-ip', 'x-real-ip',
  'x-original-url', 'x-original-uri', 'x-original-host', 'x-rewrite-url', 'x-host', 'x-http-method', 'x-http-method-override', 'x-method-override',
  'remote-user', 'x-remote-user', 'x-user', 'x-user-id', 'x-anonymous-consumer', 'x-jwt-assertion', 'x-userinfo',
  'cdn-loop', 'cloudflare-workers-version-key', 'cloudflare-workers-version-overrides', 'accept-signature', 'expect', 'host', 'content-length',
]) // prettier-ignore

const PREFIXES = [
  'portcullis-',
  'cf-',
  'mf-',
  'x-forwarded-',
  'x-ssl-',
  'ssl-client-',
  'x-arr-',
  'x-client-cert',
  'x-authenticated-',
  'x-auth-request-',
  'x-consumer-',
  'x-credential-',
  'x-amzn-oidc-',
  'x-goog-authenticated-',
  'x-goog-iap-',
  'x-ms-client-principal',
] as const

/** Whether a field of the client's is kept from the origin. `name` is lower case, as `Headers` gives it. */
export function isStripped(name: string): boolean {
  const folded = foldedName(name)
  return NAMES.has(folded) || PREFIXES.some((prefix) => folded.startsWith(prefix))
}
