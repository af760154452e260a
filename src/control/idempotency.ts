import { encodeHex } from '../http/base64url.ts'
import type { Sealer } from '../credentials/sealer.ts'
import type { Problem } from '../http/problem.ts'

/** How the directory remembers what was asked under an `Idempotency-Key` (docs/admin-api.md). */
export type Remembered =
  /** It is the first: to be done now. */
  | { readonly status: 'new' }
  /** The first is not answered yet. */
  | { readonly status: 'running' }
  /** The key named another request. */
  | { readonly status: 'other' }
  | { readonly status: 'done'; readonly answer: string }
export interface IdempotencyStore {
  /** Both arguments are hashes. */
  begin(name: string, fingerprint: string): Promise<Remembered>
  /** `undefined`: nothing was done for certain, so it may be asked anew. */
  end(name: string, answer: string | undefined): Promise<void>
}

const KEY = /^[\x21-\x7e]{1,128}$/u
/** A longer answer is not remembered. */
const MAX_ANSWER = 128 * 1024
const UTF8 = new TextEncoder()

export interface Asked {
  /** The field's value. */
  readonly key: string
  /** Whose key it is. */
  readonly actor: string
  readonly operation: string
  /** Method, target, precondition and content. */
  readonly content: readonly unknown[]
}

/** Does `work` once for each key. What is remembered is sealed: it may hold a secret that is shown once. */
export async function once(
  { store, sealer }: { readonly store: IdempotencyStore; readonly sealer: Sealer },
  { key, actor, operation, content }: Asked,
  work: () => Promise<Response>,
): Promise<Response | { readonly problem: Problem }> {
  if (!KEY.test(key)) return { problem: MALFORMED }
  const name = await hash([actor, operation, key])
  const known = await store.begin(name, await hash(content))
  if (known.status === 'running') return { problem: RUNNING }
  if (known.status === 'other') return { problem: OTHER }
  if (known.status === 'done') return reopened(await sealer.open(known.answer, name))
  let answer: string | undefined
  try {
    const response = await work()
    const text = await response.clone().text()
    if (response.status < 500 && text.length <= MAX_ANSWER) {
      const kept = JSON.stringify([response.status, [...response.headers], text])
      answer = await sealer.seal(UTF8.encode(kept), name)
    }
    return response
  } finally {
    await store.end(name, answer)
  }
}

function reopened(bytes: Uint8Array | undefined): Response {
  if (bytes === undefined) throw new Error('the answer was sealed under a root secret that is gone')
  const [status, headers, text] = JSON.parse(new TextDecoder().decode(bytes)) as [number, [string, string][], string]
  const response = new Response(status === 204 ? null : text, { status, headers })
  response.headers.set('idempotency-replayed', 'true')
  return response
}

async function hash(parts: readonly unknown[]): Promise<string> {
  return encodeHex(new Uint8Array(await crypto.subtle.digest('SHA-256', UTF8.encode(JSON.stringify(parts)))))
}

const MALFORMED: Problem = {
  status: 400,
  code: 'idempotency-key-malformed',
  title: 'The Idempotency-Key is 1 to 128 printable ASCII characters',
}
const RUNNING: Problem = {
  status: 409,
  code: 'idempotency-running',
  title: 'The first request with this Idempotency-Key is not answered yet',
  fields: [['retry-after', '1']],
}
const OTHER: Problem = {
  status: 422,
  code: 'idempotency-key-reused',
  title: 'The Idempotency-Key was used for another request',
  detail: 'Nothing was done.',
}
