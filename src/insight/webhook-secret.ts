import type { RootSecret } from '../credentials/root-secret.ts'
import { encodeBase64 } from '../http/base64url.ts'
import type { SecretName } from './webhook.ts'

const UTF8 = new TextEncoder()

/** Signs for one endpoint. Nothing is stored of a secret: it is made of the root secret, the endpoint's id and the version (WH-1). */
export async function webhookSecret(
  root: RootSecret,
  endpoint: string,
  { generation, version }: SecretName,
): Promise<Uint8Array<ArrayBuffer>> {
  return hmac(await root.derive('webhook-secret', generation), JSON.stringify([endpoint, version]))
}

/** As its holder is shown it: `whsec_` and 32 bytes in base64. */
export async function shownWebhookSecret(root: RootSecret, endpoint: string, name: SecretName): Promise<string> {
  return `whsec_${encodeBase64(await webhookSecret(root, endpoint, name))}`
}

/** Those of an endpoint's secrets that count and can be made, newest first. */
export function secretsAt(root: RootSecret, secrets: readonly SecretName[], now: number): readonly SecretName[] {
  return secrets.filter(({ generation, until = Number.POSITIVE_INFINITY }) => until > now && root.generations.includes(generation))
}

/** The fields of a message: one signature by each of the secrets (WH-1, WH-3). `id` holds no dot. */
export async function webhookFields(
  secrets: readonly Uint8Array<ArrayBuffer>[],
  { id, at, body }: { readonly id: string; readonly at: number; readonly body: string },
): Promise<Record<string, string>> {
  const timestamp = Math.floor(at / 1000)
  const macs = await Promise.all(secrets.map(async (secret) => hmac(secret, `${id}.${timestamp}.${body}`)))
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': macs.map((mac) => `v1,${encodeBase64(mac)}`).join(' '),
  }
}

async function hmac(secret: Uint8Array<ArrayBuffer>, text: string): Promise<Uint8Array<ArrayBuffer>> {
  const key = await crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  return new Uint8Array(await crypto.subtle.sign('HMAC', key, UTF8.encode(text)))
}
