import { checkContentDigest, type DigestCheck } from '../../http/content-digest.ts'
import { entitlementOf } from '../../directory/entitlement.ts'
import { resolveSigningKey } from '../../credentials/signing-key.ts'
import type {
  Attempt,
  Authenticator,
  Consumed,
  Principal,
  Rejected,
  RejectionReason,
  Unavailable,
  Verdict,
  VerifyContext,
} from '../authenticator.ts'
import type { SchemeDependencies } from '../index.ts'
import { acceptSignature } from './accept-signature.ts'
import type { HttpSignatureConfig } from './config.ts'
import { missingComponent, requiredComponents, timeFault } from './coverage.ts'
import { signatureBase } from './signature-base.ts'
import { type MalformedCandidate, readSignatureFields, type SignatureCandidate } from './signature-fields.ts'
import { createVerificationKeys, type ResolveIssuedKey, type VerificationKey } from './verification-keys.ts'

const CARRIERS = [
  { in: 'header', name: 'Signature' },
  { in: 'header', name: 'Signature-Input' },
] as const
const CHALLENGE = 'Signature realm="portcullis"'
/** Shortfalls that a better signature would cure. */
const CURABLE: ReadonlySet<string> = new Set(['absent', 'rejected'])
const DIGEST_REASONS: ReadonlySet<string> = new Set<RejectionReason>(['digest_missing', 'digest_mismatch'])

/**
 * RFC 9421 signatures over the request. Each signature that is this scheme's is held against the whole policy; one that
 * fails leaves the others standing (§4.3, §7.2.6). `resolveIssuedKey` is there for tests.
 */
export function createHttpSignatureAuthenticator(
  config: HttpSignatureConfig,
  dependencies: SchemeDependencies,
  resolveIssuedKey: ResolveIssuedKey = resolveSigningKey,
): Authenticator {
  const { directory, replay } = dependencies
  const keys = createVerificationKeys(directory, dependencies.rootSecret, resolveIssuedKey, dependencies.lookedUp)

  async function verify(candidate: SignatureCandidate | MalformedCandidate, context: VerifyContext): Promise<Verdict> {
    if ('malformed' in candidate) return rejected('malformed', candidate.malformed)
    const fault = policyFault(candidate, config, context)
    const holder = await holderOf(candidate, context)
    if ('status' in holder) return fault ?? holder
    // Only the holder of the key is told what else is wrong.
    return fault === undefined ? verifiedBy(candidate, holder, context) : { ...fault, authentic: true }
  }

  /** The key by which the signature holds. */
  async function holderOf(candidate: SignatureCandidate, context: VerifyContext): Promise<VerificationKey | Rejected | Unavailable> {
    const { request, target } = context
    const base = signatureBase(candidate, { method: request.method, target, headers: request.headers })
    if (base === undefined) return rejected('malformed', 'a covered component is not in the message')
    let key: VerificationKey | undefined
    try {
      key = await keys.find(candidate.keyid, context)
    } catch {
      return { status: 'unavailable', reason: 'secret_unavailable' }
    }
    if (key === undefined) return rejected('unknown_key')
    // The key says which algorithm it is for; the message may only agree (RFC 9421 §7.3.6).
    if (candidate.alg !== undefined && candidate.alg !== key.algorithm) return rejected('algorithm_not_allowed')
    const { parameters, length } = ALGORITHMS[key.algorithm]
    // Workers throws on an Ed25519 signature of another length.
    if (candidate.signature.byteLength !== length) return rejected('signature_invalid', 'not of its length')
    if (!(await crypto.subtle.verify(parameters, key.key, candidate.signature, new TextEncoder().encode(base)))) {
      return rejected('signature_invalid')
    }
    if (keys.keep(candidate.keyid, key)) note(key, context)
    return key
  }

  function note({ credentialId: id, consumer, generation, issuedAt, expiresAt }: VerificationKey, context: VerifyContext): void {
    if (generation === undefined || issuedAt === undefined) return
    dependencies.noteIssued?.({ kind: 'http-signature', id, consumer, generation, issuedAt, expiresAt }, context)
  }

  /** All that follows once the signature holds. */
  async function verifiedBy(candidate: SignatureCandidate, key: VerificationKey, context: VerifyContext): Promise<Verdict> {
    if (candidate.components.some(({ name }) => name === 'content-digest')) {
      const field = context.request.headers.get('content-digest')
      const reason = DIGEST_FAULTS[await checkContentDigest(field, context.body, config.maxBodyBytes)]
      if (reason !== undefined) return { status: 'rejected', reason, authentic: true }
    }
    const principal = await principalOf(key, context)
    if ('status' in principal) return principal
    const { nonce } = candidate
    return config.nonce && nonce !== undefined
      ? { status: 'verified', principal, consume: async () => consumeNonce(candidate, nonce, context.now) }
      : { status: 'verified', principal }
  }

  /** Scopes are the key's own within its plan's; who or what is unknown is refused, never unlimited. */
  async function principalOf(
    { key: _key, algorithm: _algorithm, plan, scopes, ...named }: VerificationKey,
    context: VerifyContext,
  ): Promise<Principal | Rejected> {
    const changes = await context.changesOf({ kind: 'http-signature', ...named })
    const carried = { consumer: named.consumer, ...(plan === undefined ? {} : { plan }), ...(scopes === undefined ? {} : { scopes }) }
    const entitlement = entitlementOf(directory, carried, changes)
    if (entitlement.status !== 'entitled') return { status: 'rejected', reason: entitlement.status, authentic: true }
    return {
      ...named,
      scheme: config.name,
      kind: 'http-signature',
      issuer: 'portcullis',
      subject: named.consumer,
      scopes: entitlement.scopes,
      ...(entitlement.plan === undefined ? {} : { plan: entitlement.plan }),
      claims: {},
    }
  }

  async function consumeNonce({ keyid, created }: SignatureCandidate, nonce: string, now: number): Promise<Consumed> {
    // One second more than the signature can still be accepted: at the last instant of its age it is not over yet.
    const expiresAt = (created + config.maxAgeSeconds + config.clockToleranceSeconds + 1) * 1000
    try {
      const answer = await replay.use({ scope: `http-signature:${keyid}`, id: nonce, expiresAt }, now)
      return answer === 'fresh' ? { status: 'consumed' } : { status: 'rejected', reason: 'replayed', authentic: true }
    } catch (error) {
      return { status: 'unavailable', reason: 'replay_memory_unavailable', detail: error instanceof Error ? error.name : 'unknown' }
    }
  }

  return {
    name: config.name,
    kind: 'http-signature',
    carriers: CARRIERS,
    read(request): Attempt | undefined {
      const fields = readSignatureFields(request.headers, config.tag)
      if (fields.status === 'absent') return undefined
      if (fields.status === 'malformed') return async () => rejected('malformed', fields.detail)
      return async (context) => {
        const failed: (Rejected | Unavailable)[] = []
        for (const candidate of fields.candidates) {
          const verdict = await verify(candidate, context)
          if (verdict.status === 'verified') return verdict
          failed.push(verdict)
        }
        return mostTelling(failed)
      }
    },
    async remedy(shortfall, context) {
      if (!CURABLE.has(shortfall.status)) return undefined
      const fields: (readonly [string, string])[] = [['Accept-Signature', acceptSignature(config, context.body.isPresent)]]
      if (shortfall.status === 'rejected' && DIGEST_REASONS.has(shortfall.reason)) fields.push(['Want-Content-Digest', 'sha-256=1'])
      return { challenges: [CHALLENGE], fields }
    },
  }
}

/** The algorithm in Web Crypto, and the length of its signatures in bytes (RFC 9421 §3.3). */
const ALGORITHMS = {
  'hmac-sha256': { parameters: 'HMAC', length: 32 },
  ed25519: { parameters: 'Ed25519', length: 64 },
  'ecdsa-p256-sha256': { parameters: { name: 'ECDSA', hash: 'SHA-256' }, length: 64 },
} as const satisfies Readonly<Record<VerificationKey['algorithm'], object>>

const DIGEST_FAULTS: Readonly<Record<DigestCheck, RejectionReason | undefined>> = {
  matches: undefined,
  missing: 'digest_missing',
  malformed: 'malformed',
  mismatch: 'digest_mismatch',
  too_large: 'content_too_large',
}

/** What can be judged before any key is looked for. */
function policyFault(candidate: SignatureCandidate, config: HttpSignatureConfig, { body, now }: VerifyContext): Rejected | undefined {
  const missing = missingComponent(candidate, requiredComponents(config, body.isPresent))
  if (missing === '"content-digest"') return rejected('digest_missing', 'content-digest is not covered')
  if (missing !== undefined) return rejected('component_not_covered', missing)
  const late = timeFault(candidate, config, now)
  if (late !== undefined) return rejected(late)
  return config.nonce && candidate.nonce === undefined ? rejected('malformed', 'nonce is missing') : undefined
}

/** An outage is never reported as a refusal; then what is known to come from the holder of a key; then the first. */
function mostTelling(failed: readonly (Rejected | Unavailable)[]): Rejected | Unavailable {
  return (
    failed.find(({ status }) => status === 'unavailable') ??
    failed.find((verdict) => verdict.status === 'rejected' && verdict.authentic === true) ??
    failed[0] ??
    rejected('malformed')
  )
}

function rejected(reason: RejectionReason, detail?: string): Rejected {
  return { status: 'rejected', reason, ...(detail === undefined ? {} : { detail }) }
}
