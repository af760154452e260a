import * as v from 'valibot'
import { importedKeyDigests, MAX_IMPORTED_KEY_LENGTH } from '../credentials/imported-key.ts'
import { isIssuedKey, MAX_KEY_LENGTH, parseKey } from '../credentials/key-format.ts'
import type { RootSecret } from '../credentials/root-secret.ts'
import type { Accounts, Actor } from '../directory/accounts.ts'
import type { Directory } from '../directory/directory.ts'
import type { KeyLookUp } from '../directory/key-look-up.ts'
import { isId } from '../directory/ids.ts'
import { decodeBase64, encodeHex } from '../http/base64url.ts'
import { rawEcdsaSignature } from '../http/ecdsa-signature.ts'
import { problemResponse, type Problem } from '../http/problem.ts'
import type { Events } from '../insight/events.ts'
import type { Limiter } from '../limits/limiter.ts'
import { messageOf } from '../passage.ts'
import { deny } from '../policy/denial.ts'
import { NEVER } from '../revocation/revocation-request.ts'
import type { Revocation } from '../revocation/revocations.ts'
import { overAdminLimit } from './admin-limits.ts'
import { json, methodNotAllowed, UNAVAILABLE } from './json-call.ts'
import type { ScannerKeys } from './scanner-keys.ts'

/** Most content of one report, in bytes, and most keys in it. */
export const MAX_REPORT_BYTES = 1024 * 1024
export const MAX_REPORTED = 1000
/** Keys that are revoked at a time. */
const AT_ONCE = 8

export interface LeaksParts {
  readonly scannerKeys: ScannerKeys
  readonly rootSecret: RootSecret
  /** Of the policy. */
  readonly directory: Pick<Directory, 'importedKey'>
  readonly lookUp: KeyLookUp
  readonly accounts: Pick<Accounts, 'revokeKey'>
  /** Puts into the feed, and lets this data centre know. */
  readonly revoke: (entry: Omit<Revocation, 'sequence'>, authority: string) => Promise<void>
  readonly emit: Events['emit']
  readonly limiter: Limiter
  readonly now: () => number
  readonly log: (line: string) => void
}

const short = v.pipe(v.string(), v.maxLength(2048))
const reportSchema = v.pipe(
  v.array(
    v.object({ token: v.string(), type: v.optional(short, ''), url: v.optional(v.nullable(short), ''), source: v.optional(short, '') }),
  ),
  v.maxLength(MAX_REPORTED),
)
type Match = v.InferOutput<typeof reportSchema>[number]

/** What a reported text turned out to be. */
interface Leaked {
  readonly id: string
  readonly consumer: string
  /** Absent: it has no end of its own. */
  readonly expiresAt?: number
}

/**
 * `POST /.portcullis/leaks`: secret scanners tell of keys that they found, by the protocol of GitHub's partner programme
 * (docs/api-keys.md, "Leaks"). A report is worth nothing before its signature holds over the bytes that came, and whoever has no
 * key of a scanner learns nothing of any key.
 */
export function createLeaks(parts: LeaksParts): (request: Request) => Promise<Response> {
  return async (request) => {
    if (request.method !== 'POST') return problemResponse(methodNotAllowed('POST'))
    const address = request.headers.get('cf-connecting-ip') ?? undefined
    const early = await overAdminLimit(
      parts.limiter,
      'address',
      { principals: [], ...(address === undefined ? {} : { address }) },
      parts.now(),
    )
    if (early !== undefined) return (await deny({ at: 'limit', admission: early }, crypto.randomUUID())).response
    try {
      return await answer(parts, request)
    } catch (error) {
      parts.log(JSON.stringify({ event: 'outage', dependency: 'leaks', detail: messageOf(error) }))
      return problemResponse(UNAVAILABLE)
    }
  }
}

async function answer(parts: LeaksParts, request: Request): Promise<Response> {
  const bytes = await readUpTo(MAX_REPORT_BYTES, request)
  if (bytes === undefined) return problemResponse(TOO_LARGE)
  const scanner = await scannerOf(parts.scannerKeys, request.headers, bytes)
  if (scanner === undefined) return problemResponse(UNSIGNED)
  const report = read(bytes)
  if (report === undefined) return problemResponse(MALFORMED)
  const labels = await inTurns(report, async (match) => labelOf(parts, match, scanner, request))
  return json(200, labels)
}

/** Whose signature holds over the content (ECDSA of P-256 with SHA-256, in DER and base64). */
async function scannerOf(keys: ScannerKeys, headers: Headers, bytes: Uint8Array<ArrayBuffer>): Promise<string | undefined> {
  const der = decodeBase64(headers.get('github-public-key-signature')?.slice(0, 256) ?? '')
  const signature = der === undefined ? undefined : rawEcdsaSignature(der)
  const found = signature === undefined ? undefined : await keys.find(headers.get('github-public-key-identifier') ?? '')
  if (signature === undefined || found === undefined) return undefined
  const holds = await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, found.key, signature, bytes)
  return holds ? found.scanner : undefined
}

function read(bytes: Uint8Array): readonly Match[] | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
    const parsed = v.safeParse(reportSchema, value)
    return parsed.success ? parsed.output : undefined
  } catch {
    return undefined
  }
}

/** As the programme takes feedback: never the key itself. */
async function labelOf(parts: LeaksParts, match: Match, scanner: string, request: Request): Promise<object> {
  const leaked = await find(parts, match.token)
  if (leaked !== undefined) await stop(parts, leaked, match, scanner, request)
  const hash = encodeHex(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(match.token))))
  return { token_hash: hash, token_type: match.type, label: leaked === undefined ? 'false_positive' : 'true_positive' }
}

async function find({ rootSecret, directory, lookUp }: LeaksParts, token: string): Promise<Leaked | undefined> {
  if (token === '' || token.length > MAX_KEY_LENGTH) return undefined
  const key = parseKey(token)
  if (key !== undefined) return (await isIssuedKey(rootSecret, key)) ? key : undefined
  if (token.length > MAX_IMPORTED_KEY_LENGTH) return undefined
  const digests = await importedKeyDigests(rootSecret, token)
  const declared = digests.map((digest) => directory.importedKey(digest)).find((found) => found !== undefined)
  return declared ?? lookUp(digests.map((digest) => `digest:${digest}`))
}

/** Revoked first, told then: both may be done again. */
async function stop(parts: LeaksParts, leaked: Leaked, { source, url, type }: Match, scanner: string, request: Request): Promise<void> {
  const { id, consumer, expiresAt = NEVER } = leaked
  const { accounts, emit, revoke, now } = parts
  if (expiresAt <= now()) return
  const isOfDirectory = isId('app', consumer)
  const actor: Actor = { kind: 'system', id: 'leaks', display: `secret scanning: ${scanner}`, requestId: crypto.randomUUID() }
  const revoked = isOfDirectory ? await accounts.revokeKey(id, 'leaked', actor) : undefined
  if (revoked?.status !== 'written') await revoke({ target: { type: 'key', id }, expiresAt, reason: 'leaked' }, new URL(request.url).host)
  const organisation = revoked?.status === 'written' ? revoked.value.organisation : undefined
  const data = { key: id, scanner, type, source, url: url ?? '' }
  await emit([
    {
      id: `evt_leaked_${eventPart(id)}`,
      type: 'key.leaked',
      at: now(),
      consumer,
      ...(organisation === undefined ? {} : { organisation }),
      data,
    },
  ])
}

/** Names of keys in a policy may hold anything. */
const eventPart = (id: string): string => id.replaceAll(/[^A-Za-z0-9_-]/gu, '-').slice(0, 100)

/** A few at a time, in order. Rejects once all have ended, where one did: what could be stopped is stopped. */
async function inTurns<Item, Value>(items: readonly Item[], work: (item: Item) => Promise<Value>): Promise<readonly Value[]> {
  const values: Value[] = []
  let fault: unknown
  for (let from = 0; from < items.length; from += AT_ONCE) {
    for (const result of await Promise.allSettled(items.slice(from, from + AT_ONCE).map(work))) {
      if (result.status === 'fulfilled') values.push(result.value)
      else fault ??= result.reason ?? new Error('unknown')
    }
  }
  if (fault !== undefined) throw fault instanceof Error ? fault : new Error('unknown')
  return values
}

/** `undefined`: it is longer. */
async function readUpTo(maxBytes: number, { body }: Request): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    const part = chunk as Uint8Array
    size += part.byteLength
    if (size > maxBytes) return undefined
    parts.push(part)
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer())
}

const TOO_LARGE: Problem = {
  status: 413,
  code: 'content-too-large',
  title: 'The content is too large',
  detail: `At most ${MAX_REPORT_BYTES} bytes are taken here.`,
}
const UNSIGNED: Problem = {
  status: 401,
  code: 'signature-rejected',
  title: 'No scanner of this gate has signed the content',
  fields: [['www-authenticate', 'Signature realm="portcullis"']],
}
const MALFORMED: Problem = {
  status: 400,
  code: 'report-malformed',
  title: 'The content is not a list of keys that were found',
  detail: `A list of at most ${MAX_REPORTED}: docs/api-keys.md, "Leaks".`,
}
