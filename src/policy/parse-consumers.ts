import type * as v from 'valibot'
import { decodeBase64, decodeBase64Url } from '../http/base64url.ts'
import type { LimitPolicy } from '../limits/limiter.ts'
import type { consumerSchema } from './document.ts'
import { parseIdentity } from './parse-certificates.ts'
import { withNumbers } from './parse-limits.ts'
import type { ConsumerConfig } from './policy.ts'
import { pointerTo } from './problems.ts'
import { checkName, isOpen, present, type Reading } from './reading.ts'

type Document = v.InferOutput<typeof consumerSchema>
const MIN_SECRET_BYTES = 32

/** What a consumer refers to. Names are those declared, whether or not what they name holds. */
interface Declared {
  readonly plans: ReadonlySet<string>
  readonly limitNames: ReadonlySet<string>
  readonly limits: readonly LimitPolicy[]
}

export function parseConsumer(
  name: string,
  document: Document,
  pointer: string,
  { plans, limitNames, limits }: Declared,
  reading: Reading,
): ConsumerConfig {
  const { problems } = reading
  if (document.plan !== undefined) checkName(document.plan, plans, 'plan', pointerTo(pointer, 'plan'), problems)
  const own = Object.entries(document.limits ?? {}).flatMap(([limit, numbers]) => {
    const place = pointerTo(pointer, 'limits', limit)
    const declared = checkName(limit, limitNames, 'limit', place, problems) ? limits.find((one) => one.name === limit) : undefined
    return declared === undefined ? [] : [withNumbers(declared, numbers, place, reading)]
  })
  return {
    name,
    ...present('plan', document.plan),
    limits: own,
    clients: document.clients ?? [],
    certificates: (document.certificates ?? []).map((identity, index) =>
      parseIdentity(identity, pointerTo(pointer, 'certificates', index), reading),
    ),
    keys: (document.keys ?? []).map((key, index) => parseKey(key, pointerTo(pointer, 'keys', index), plans, reading)),
    signingKeys: (document.signingKeys ?? []).map((key, index) => parseSigningKey(key, pointerTo(pointer, 'signingKeys', index), reading)),
  }
}

type KeyDocument = NonNullable<Document['keys']>[number]
function parseKey(
  { id, hash, scopes, plan }: KeyDocument,
  pointer: string,
  plans: ReadonlySet<string>,
  reading: Reading,
): ConsumerConfig['keys'][number] {
  const { problems } = reading
  if (plan !== undefined) checkName(plan, plans, 'plan', pointerTo(pointer, 'plan'), problems)
  if (!isOpen(hash, reading) && !/^hmac-sha256:[0-9a-f]{64}$/u.test(hash))
    problems.error(pointerTo(pointer, 'hash'), 'expected "hmac-sha256:" and 64 lower-case hexadecimal digits')
  return { id, hash, ...present('scopes', scopes), ...present('plan', plan) }
}

type SigningKeyDocument = NonNullable<Document['signingKeys']>[number]
function parseSigningKey(
  { keyid, secret, jwk, scopes }: SigningKeyDocument,
  pointer: string,
  reading: Reading,
): ConsumerConfig['signingKeys'][number] {
  const { problems } = reading
  if ((secret === undefined) === (jwk === undefined)) problems.error(pointer, 'exactly one of secret and jwk is needed')
  if (secret !== undefined) checkSecret(secret, pointerTo(pointer, 'secret'), reading)
  if (jwk !== undefined && decodeBase64Url(jwk.x)?.length !== 32)
    problems.error(pointerTo(pointer, 'jwk', 'x'), 'expected the base64url form of 32 bytes (RFC 8037 §2)')
  return { keyid, ...present('secret', secret), ...present('jwk', jwk), ...present('scopes', scopes) }
}

function checkSecret(secret: string, pointer: string, reading: Reading): void {
  if (reading.keepsPlaceholders) {
    if (!/^\$\{[A-Z][A-Z0-9_]*\}$/u.test(secret))
      reading.problems.error(pointer, 'a secret never stands in a policy', 'write the name of a secret, such as "${ACME_SIGNING_SECRET}"') // oxlint-disable-line no-template-curly-in-string -- a placeholder
    return
  }
  const bytes = decodeBase64Url(secret) ?? decodeBase64(secret)
  if (bytes === undefined) reading.problems.error(pointer, 'the secret is not base64 or base64url')
  else if (bytes.length < MIN_SECRET_BYTES) reading.problems.error(pointer, `the secret is shorter than ${MIN_SECRET_BYTES} bytes`)
}

/** A credential that two consumers claim would be the one or the other by chance. */
export function checkDistinct(consumers: readonly ConsumerConfig[], pointer: string, { problems }: Reading): void {
  const owners = new Map<string, string>()
  const claim = (identity: readonly unknown[], place: string): void => {
    const key = JSON.stringify(identity)
    const owner = owners.get(key)
    if (owner === undefined) owners.set(key, place)
    else problems.error(place, `this ${String(identity[0])} is already declared at #${owner}`)
  }
  for (const { name, clients, certificates, keys, signingKeys } of consumers) {
    const at = (...tokens: readonly (string | number)[]): string => pointerTo(pointer, name, ...tokens)
    for (const [index, { issuer, clientId }] of clients.entries()) claim(['client', issuer, clientId], at('clients', index))
    for (const [index, { uri, dns, subject, sha256 }] of certificates.entries())
      claim(['certificate', uri, dns, subject, sha256], at('certificates', index))
    for (const [index, { id, hash }] of keys.entries()) {
      claim(['key id', id], at('keys', index, 'id'))
      claim(['key hash', hash], at('keys', index, 'hash'))
    }
    for (const [index, { keyid }] of signingKeys.entries()) claim(['keyid', keyid], at('signingKeys', index, 'keyid'))
  }
}
