import { addressKey } from '../http/address.ts'
import { createChangeTable, type ChangeTable } from './change-table.ts'
import { createFingerprintTable, type FingerprintTable } from './fingerprint-table.ts'
import { createKeyedHash, type KeyedHash } from './keyed-hash.ts'
import { createLabels, type Labels } from './labels.ts'
import { createRestrictionTable, strongestOf, type RestrictionTable } from './restrictions.ts'
import type { KnownChanges } from './changes.ts'
import type { Revocable, HeldSnapshot, Revocation, RevocationTarget } from './revocations.ts'

/** A snapshot that grows with the feed. */
export interface GrowingSnapshot extends HeldSnapshot {
  readonly size: number
  /** Bytes that the entries take. */
  readonly bytes: number
  /** Of two entries for one target the later instant and the later end count; order and repeats do not matter. */
  add(entries: readonly Pick<Revocation, 'target' | 'before' | 'changed' | 'expiresAt' | 'reason'>[]): void
  /** Drops what has expired by itself, once there is enough of it. `now` in milliseconds. */
  forget(now: number): void
  /** For another isolate that has the same key. */
  encode(): Uint8Array<ArrayBuffer>
}

/** A name takes part in the hash as its words: kind, the two lengths, the id, the issuer. */
const KINDS: Readonly<Record<RevocationTarget['type'], number>> = {
  key: 1,
  generation: 2,
  jti: 3,
  subject: 4,
  consumer: 5,
  certificate: 6,
  address: 7,
  session: 8,
  restricted: 9,
}
const WITH_ISSUER = 16
const NO_CHANGES: KnownChanges = {}
/** Ends of addresses are kept exactly as their instant; as labels, which are few, they share those of an hour. */
const ADDRESS_END_MS = 3_600_000
/** Expired entries stay until they are one in so many: a sweep reads every entry. */
const SWEEP_SHARE = 64

interface Parts {
  readonly labels: Labels
  readonly always: FingerprintTable
  readonly dated: FingerprintTable
  readonly changes: ChangeTable
  readonly restrictions: RestrictionTable
  /** Bits of the kinds that occur: the others need no look-up. */
  kinds: number
}

/**
 * Keeps a fingerprint of each target, not its name: 8 bytes an entry, 16 where only what was issued before an instant
 * stops. Among a million entries a credential that was never revoked passes for a revoked one with a probability below
 * 2^-35 (five names at 2^-38); with a key that nobody outside knows nobody can aim at that.
 *
 * `key`: two secret words; drawn where it is not given. `encoded`: what `encode()` gave under the same key; throws when it did not.
 */
export function createSnapshot(key?: Int32Array, encoded?: Uint8Array): GrowingSnapshot {
  let hash: KeyedHash | undefined = key === undefined ? undefined : createKeyedHash(key)
  const parts = encoded === undefined ? emptyParts() : decode(encoded)
  const { labels, always, dated, changes, restrictions } = parts
  let words = new Int32Array(64)

  function fingerprint(kind: number, id: string, issuer: string): KeyedHash {
    hash ??= createKeyedHash(crypto.getRandomValues(new Int32Array(2)))
    const needed = 5 + id.length + issuer.length
    if (words.length < needed) words = new Int32Array(needed)
    words[0] = kind
    words[1] = id.length
    words[2] = issuer.length
    hash.digest(words, write(issuer, write(id, 3)))
    return hash
  }

  /** Two UTF-16 units a word. The end. */
  function write(text: string, from: number): number {
    let at = from
    for (let index = 0; index < text.length; index += 2) {
      // Past the end of an odd text stands NaN, which is 0 here: the length tells.
      words[at] = text.charCodeAt(index) | (text.charCodeAt(index + 1) << 16)
      at += 1
    }
    return at
  }

  function add(target: RevocationTarget, before: number, expiresAt: number, reason: string): void {
    const issuer = 'issuer' in target ? target.issuer : undefined
    const kind = KINDS[target.type] + (issuer === undefined ? 0 : WITH_ISSUER)
    const { first, second } = fingerprint(kind, target.id, issuer ?? '')
    const table = before === Number.POSITIVE_INFINITY ? always : dated
    const known = table.find(first, second)
    const end = known === -1 ? expiresAt : Math.max(expiresAt, labels.endOf(table.labelAt(known)))
    const instant = known === -1 ? before : Math.max(before, table.instantAt(known))
    if (known !== -1) labels.release(table.labelAt(known))
    table.set(first, second, labels.take(end, reason), Math.max(0, Math.ceil(instant)))
    parts.kinds |= 2 ** kind
  }

  /** An address is blocked at any instant before its end, to the millisecond. */
  function addAddress(target: RevocationTarget, expiresAt: number, reason: string): void {
    const end = Math.min(expiresAt, Number.MAX_SAFE_INTEGER)
    add(target, end, Math.ceil(end / ADDRESS_END_MS) * ADDRESS_END_MS, reason)
  }

  function look(kind: number, id: string, issuer: string, issuedAt: number): string | undefined {
    if ((parts.kinds & (2 ** kind)) === 0) return undefined
    const { first, second } = fingerprint(kind, id, issuer)
    const place = always.size === 0 ? -1 : always.find(first, second)
    if (place !== -1) return labels.reasonOf(always.labelAt(place))
    const datedPlace = dated.size === 0 ? -1 : dated.find(first, second)
    return datedPlace !== -1 && issuedAt < dated.instantAt(datedPlace) ? labels.reasonOf(dated.labelAt(datedPlace)) : undefined
  }

  return {
    get size() {
      return always.size + dated.size + changes.size + restrictions.size
    },
    get bytes() {
      return always.bytes + dated.bytes + changes.bytes
    },
    add(entries) {
      for (const { target, before = Number.POSITIVE_INFINITY, changed, expiresAt, reason } of entries) {
        if (target.type === 'restricted') restrictions.add(target.id, changed ?? {})
        else if (changed !== undefined) changes.add(target, changed, expiresAt)
        else if (target.type === 'address') addAddress(target, expiresAt, reason)
        else add(target, before, expiresAt, reason)
      }
    },
    forget(now) {
      changes.forget(now)
      restrictions.forget(now)
      if (labels.overCount(now) * SWEEP_SHARE <= always.size + dated.size) return
      const isOver = (label: number): boolean => labels.endOf(label) <= now
      always.sweep(isOver)
      dated.sweep(isOver)
      labels.releaseOver(now)
    },
    find({ kind, issuer, subject, consumer, credentialId, generation, issuedAt }: Revocable) {
      if (parts.kinds === 0) return undefined
      // What does not say when it was issued was issued before.
      const at = issuedAt ?? Number.NEGATIVE_INFINITY
      const narrowed = kind === 'jwt' ? KINDS.jti : kind === 'session' ? KINDS.session : undefined
      const own =
        narrowed !== undefined
          ? (look(narrowed + WITH_ISSUER, credentialId, issuer, at) ??
            look(narrowed, credentialId, '', at) ??
            look(KINDS.subject + WITH_ISSUER, subject, issuer, at) ??
            look(KINDS.subject, subject, '', at))
          : kind === 'mutual-tls'
            ? look(KINDS.certificate, credentialId, '', at)
            : (look(KINDS.key, credentialId, '', at) ?? (generation === undefined ? undefined : look(KINDS.generation, generation, '', at)))
      return own ?? (consumer === undefined ? undefined : look(KINDS.consumer, consumer, '', at))
    },
    changesOf({ kind, credentialId, consumer }) {
      if (changes.size === 0) return NO_CHANGES
      const ofKey = kind === 'api-key' || kind === 'http-signature' ? changes.find('key', credentialId) : undefined
      const ofConsumer = consumer === undefined ? undefined : changes.find('consumer', consumer)
      return { ...(ofKey === undefined ? {} : { key: ofKey }), ...(ofConsumer === undefined ? {} : { consumer: ofConsumer }) }
    },
    findAddress(address, now) {
      if ((parts.kinds & (2 ** KINDS.address)) === 0) return undefined
      const id = addressKey(address)
      return id === undefined ? undefined : look(KINDS.address, id, '', now)
    },
    findRestriction(names, now) {
      return restrictions.size === 0 ? undefined : strongestOf(names().map((name) => restrictions.find(name, now)))
    },
    encode() {
      const tables = [always.encode(), dated.encode()]
      const head = new TextEncoder().encode(
        JSON.stringify({
          labels: labels.encode(),
          kinds: parts.kinds,
          words: tables.map(({ length }) => length),
          changes: changes.encode(),
          restrictions: restrictions.encode(),
        }),
      )
      // Padded, so that the words stand at multiples of four.
      const headBytes = Math.ceil(head.byteLength / 4) * 4
      const bytes = new Uint8Array(4 + headBytes + tables.reduce((sum, { byteLength }) => sum + byteLength, 0)).fill(0x20, 4, 4 + headBytes)
      new Int32Array(bytes.buffer, 0, 1)[0] = headBytes
      bytes.set(head, 4)
      let at = 4 + headBytes
      for (const { buffer, byteLength } of tables) {
        bytes.set(new Uint8Array(buffer), at)
        at += byteLength
      }
      return bytes
    },
  }
}

function emptyParts(): Parts {
  return {
    labels: createLabels(),
    always: createFingerprintTable(false),
    dated: createFingerprintTable(true),
    changes: createChangeTable(),
    restrictions: createRestrictionTable(),
    kinds: 0,
  }
}

/** Reads what another isolate wrote; who wrote it is the caller's to ensure. Throws on what does not fit together. */
function decode(encoded: Uint8Array): Parts {
  const { buffer } = encoded.slice()
  const [headBytes = 0] = new Int32Array(buffer, 0, 1)
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, headBytes))) as {
    readonly labels: Parameters<typeof createLabels>[0]
    readonly kinds: number
    readonly words: readonly [number, number]
    readonly changes: Parameters<typeof createChangeTable>[0]
    readonly restrictions?: Parameters<typeof createRestrictionTable>[0]
  }
  const from = 4 + headBytes
  return {
    labels: createLabels(head.labels),
    always: createFingerprintTable(false, new Int32Array(buffer, from, head.words[0])),
    dated: createFingerprintTable(true, new Int32Array(buffer, from + head.words[0] * 4, head.words[1])),
    changes: createChangeTable(head.changes),
    restrictions: createRestrictionTable(head.restrictions),
    kinds: head.kinds,
  }
}
