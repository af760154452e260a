import { importedKeyDigests, MAX_IMPORTED_KEY_LENGTH, mayBeImported } from '../../credentials/imported-key.ts'
import { isIssuedKey, KEY_PREFIXES, parseKey, type KeyClaims, type ParsedKey } from '../../credentials/key-format.ts'
import { entitlementOf } from '../../directory/entitlement.ts'
import { currentOf, type KnownChanges } from '../../revocation/changes.ts'
import type { Attempt, Authenticator, Carrier, Principal, Rejected, Remedy, Shortfall, Verdict, VerifyContext } from '../authenticator.ts'
import type { SchemeDependencies } from '../index.ts'
import type { ApiKeyConfig } from './config.ts'
import { findKey } from './find-key.ts'

/** Keys kept verified, and how much memory their texts may take, in characters. */
const MAX_KEPT_LENGTH = 2 * 1024 * 1024
const REALM = 'portcullis'

/**
 * API keys (docs/api-keys.md). A key that the gate issued verifies itself, without any read; a key made elsewhere is known by its
 * peppered hash. Unknown, malformed and forged keys are one answer (AK-8).
 */
export function createApiKeyAuthenticator(
  config: ApiKeyConfig,
  { directory, rootSecret, lookedUp, noteIssued }: SchemeDependencies,
): Authenticator {
  const kind = config.purpose
  /** Only what verified: nobody can fill it with guesses. Expiry, revocation, plan and consumer are asked on every request. */
  const verified = new Map<string, ParsedKey>()
  let keptLength = 0

  const keep = (text: string, key: ParsedKey): void => {
    if (keptLength + text.length > MAX_KEPT_LENGTH) {
      verified.clear()
      keptLength = 0
    }
    verified.set(text, key)
    keptLength += text.length
  }

  const verifyNew = async (text: string, context: VerifyContext): Promise<Verdict> => {
    const key = parseKey(text)
    if (key === undefined) return kind === 'admin' ? rejected('unknown_key') : verifyImported(text, context)
    if (key.kind !== kind || !(await isIssuedKey(rootSecret, key))) return rejected('unknown_key')
    keep(text, key)
    if (kind === 'api') noteIssued?.({ ...key, kind: 'api-key' }, context)
    return admitIssued(key, context)
  }

  const verifyImported = async (text: string, context: VerifyContext): Promise<Verdict> => {
    if (text.length > MAX_IMPORTED_KEY_LENGTH) return rejected('malformed')
    const digests = await importedKeyDigests(rootSecret, text)
    // The pepper makes the digest a secret-keyed value: a look-up by it tells nobody anything about a stored key.
    const declared = digests.map((digest) => directory.importedKey(digest)).find((found) => found !== undefined)
    if (declared !== undefined) return admit({ ...declared, expiresAt: Number.POSITIVE_INFINITY }, context)
    if (lookedUp === undefined || !mayBeImported(text)) return rejected('unknown_key')
    try {
      const key = await lookedUp.find(
        digests.map((digest) => `digest:${digest}`),
        context,
      )
      return key === undefined
        ? rejected('unknown_key')
        : admitIssued({ ...key, expiresAt: key.expiresAt ?? Number.POSITIVE_INFINITY }, context)
    } catch (error) {
      const detail = error instanceof Error ? error.message : 'unknown'
      return { status: 'unavailable', reason: 'directory_unavailable', retryAfterSeconds: 3, detail }
    }
  }

  const admitIssued = (key: Admitted, context: VerifyContext): Verdict | Promise<Verdict> =>
    key.expiresAt <= context.now ? { ...rejected('expired'), authentic: true } : admit(key, context)

  const admit = (key: Admitted, context: VerifyContext): Verdict | Promise<Verdict> => {
    const changes = context.changesOf({ kind: 'api-key', credentialId: key.id, consumer: key.consumer })
    return changes instanceof Promise ? changes.then((found) => judge(key, found)) : judge(key, changes)
  }

  /**
   * Whom the key names must still be known: an unknown plan is never unlimited. A change takes from an admin key and never adds: whoever
   * may change keys may not thereby do all else.
   */
  const judge = (key: Admitted, changes: KnownChanges): Verdict => {
    if (kind === 'admin') {
      const { scopes: left = key.scopes } = currentOf(changes.key)
      return { status: 'verified', principal: principalOf(key, new Set(key.scopes?.filter((scope) => left?.includes(scope)))) }
    }
    const entitlement = entitlementOf(directory, key, changes)
    if (entitlement.status !== 'entitled') return { ...rejected(entitlement.status), authentic: true }
    return { status: 'verified', principal: principalOf(key, entitlement.scopes, entitlement.plan) }
  }

  const principalOf = (key: Admitted, scopes: ReadonlySet<string>, plan = key.plan): Principal => ({
    scheme: config.name,
    kind: 'api-key',
    issuer: REALM,
    subject: key.consumer,
    consumer: key.consumer,
    credentialId: key.id,
    scopes,
    claims: {},
    expiresAt: key.expiresAt,
    ...(plan === undefined ? {} : { plan }),
    ...(key.generation === undefined ? {} : { generation: key.generation }),
    ...(key.issuedAt === undefined ? {} : { issuedAt: key.issuedAt }),
  })

  return {
    name: config.name,
    kind: 'api-key',
    carriers: [carrierOf(config)],
    read(request): Attempt | undefined {
      const found = findKey(config.carrier, KEY_PREFIXES[kind], request)
      if (found === undefined) return undefined
      if (found.status !== 'found') return () => rejected(found.status)
      const known = verified.get(found.key)
      return (context) => (known === undefined ? verifyNew(found.key, context) : admitIssued(known, context))
    },
    remedy: async (shortfall) => remedyOf(config, shortfall),
  }
}

/** An imported key has no end and does not say when it was made. */
type Admitted = Omit<KeyClaims, 'generation' | 'issuedAt'> & Partial<Pick<KeyClaims, 'generation' | 'issuedAt'>>

const rejected = (reason: Rejected['reason']): Rejected => ({ status: 'rejected', reason })

function carrierOf({ carrier }: ApiKeyConfig): Carrier {
  return carrier.in === 'bearer' ? { in: 'header', name: 'authorization' } : carrier
}

/** Where to put a key, as a challenge (RFC 9110 §11.6.1). `ApiKey` is no registered scheme; clients that know none skip it. */
function remedyOf({ carrier }: ApiKeyConfig, shortfall: Shortfall): Remedy {
  if (carrier.in !== 'bearer') return { challenges: [`ApiKey realm="${REALM}", ${carrier.in}="${carrier.name}"`] }
  if (shortfall.status === 'insufficient_scope')
    return { challenges: [`Bearer realm="${REALM}", error="insufficient_scope", scope="${shortfall.required.join(' ')}"`] }
  return { challenges: [shortfall.status === 'absent' ? `Bearer realm="${REALM}"` : `Bearer realm="${REALM}", error="invalid_token"`] }
}
