import { decodeBase64, decodeBase64Url } from '../http/base64url.ts'
import type { ConsumerConfig, Policy } from '../policy/policy.ts'
import { isId } from './ids.ts'
import type { CertificateBinding, Consumer, Directory, ImportedKey, Plan, SigningKey } from './directory.ts'

const MIN_SECRET_BYTES = 32
const HASH_PREFIX = 'hmac-sha256:'

/** Who the policy declares, in memory. Throws on a signing secret that is none; the message does not repeat it. */
export function createPolicyDirectory(policy: Policy): Directory {
  const declared = policy.consumers
  const consumers = declared ?? []
  const plans = new Map(
    policy.plans.map(({ name, scopes, limits }): [string, Plan] => [
      name,
      { name, limits, ...(scopes === undefined ? {} : { scopes: new Set(scopes) }) },
    ]),
  )
  const byName = new Map(consumers.map(({ name, plan }): [string, Consumer] => [name, { name, ...(plan === undefined ? {} : { plan }) }]))
  const clients = new Map(
    consumers.flatMap(({ name, clients: own }) =>
      own.map(({ issuer, clientId }): [string, string] => [clientName(issuer, clientId), name]),
    ),
  )
  const certificates = consumers.flatMap(({ name, certificates: own }) =>
    own.map((identity): CertificateBinding => ({ identity, consumer: name })),
  )
  const importedKeys = new Map(consumers.flatMap(importedKeysOf))
  const signingKeys = new Map(consumers.flatMap(signingKeysOf))
  /** An app of the directory: its key says so under its MAC, and the feed what has become of it. */
  const isApp = (name: string): boolean => policy.control !== undefined && isId('app', name)
  return {
    plan: (name) => plans.get(name),
    consumer: (name) => byName.get(name) ?? (declared === undefined || isApp(name) ? { name } : undefined),
    consumerOfClient: (issuer, clientId) => clients.get(clientName(issuer, clientId)),
    certificates: () => certificates,
    importedKey: (digest) => importedKeys.get(digest),
    signingKey: (keyid) => signingKeys.get(keyid),
  }
}

const clientName = (issuer: string, clientId: string): string => JSON.stringify([issuer, clientId])

function importedKeysOf({ name, keys }: ConsumerConfig): [string, ImportedKey][] {
  return keys.map(({ id, hash, scopes, plan }) => [
    hash.slice(HASH_PREFIX.length).toLowerCase(),
    { id, consumer: name, ...(scopes === undefined ? {} : { scopes }), ...(plan === undefined ? {} : { plan }) },
  ])
}

function signingKeysOf({ name, signingKeys }: ConsumerConfig): [string, SigningKey][] {
  return signingKeys.map(({ keyid, secret, jwk, scopes }) => [
    keyid,
    {
      keyid,
      consumer: name,
      ...(scopes === undefined ? {} : { scopes }),
      material: jwk === undefined ? hmacMaterial(keyid, secret ?? '') : { algorithm: 'ed25519', publicJwk: jwk },
    },
  ])
}

function hmacMaterial(keyid: string, text: string): SigningKey['material'] {
  const secret = decodeBase64Url(text) ?? decodeBase64(text)
  if (secret === undefined || secret.length < MIN_SECRET_BYTES)
    throw new Error(`the secret of signing key ${keyid} must be base64 or base64url of at least ${MIN_SECRET_BYTES} bytes`)
  return { algorithm: 'hmac-sha256', secret }
}
