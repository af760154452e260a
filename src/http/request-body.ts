/** Digest algorithms of RFC 9530 §5 that are secure enough to count. */
export type DigestAlgorithm = 'sha-256' | 'sha-512'

export type BodyDigest =
  | { readonly status: 'digested'; readonly digest: Uint8Array }
  /** Longer than the cap; reading stopped there, and nothing was forwarded. */
  | { readonly status: 'too_large'; readonly maxBodyBytes: number }

/**
 * The content of one request: digested at most once per algorithm, then still there for the origin. Nothing is read
 * until somebody asks for a digest; then at most `maxBodyBytes` are held in memory.
 */
export interface RequestBody {
  /** False where the request has no content at all (no body, or a body of declared length 0). */
  readonly isPresent: boolean
  /** `maxBytes`: a cap of the caller's own, below that of the body. */
  digest(algorithm: DigestAlgorithm, maxBytes?: number): Promise<BodyDigest>
  /** What to send to the origin: the untouched stream, or the bytes that were digested. Call once. */
  forward(): ReadableStream<Uint8Array> | Uint8Array | null
}

/**
 * The content of `request`, of which at most `maxBodyBytes` are held to be digested (RFC 9530 §2: the bytes as they came,
 * Content-Encoding untouched). What was read is still forwarded, also after `too_large`: another alternative may win.
 */
export function createRequestBody(request: Request, maxBodyBytes: number): RequestBody {
  const declared = request.headers.get('content-length')
  // A chunked body without a byte in it counts as present: nobody can know before reading it.
  const stream = declared === '0' ? null : request.body
  if (stream === null && Number(declared ?? 0) === 0) return NO_CONTENT
  const held: Uint8Array[] = []
  let heldBytes = 0
  let isWhole = stream === null
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  let reading: Promise<void> = Promise.resolve()
  const digests = new Map<DigestAlgorithm, Promise<Uint8Array>>()

  /** Stops at the first chunk that crosses `limit`. */
  async function readUntil(limit: number): Promise<void> {
    if (stream === null) return
    reader ??= stream.getReader()
    while (!isWhole && heldBytes <= limit) {
      const { done, value } = await reader.read()
      if (done) {
        isWhole = true
      } else {
        held.push(value)
        heldBytes += value.byteLength
      }
    }
  }

  function whole(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(heldBytes)
    let offset = 0
    for (const chunk of held) {
      bytes.set(chunk, offset)
      offset += chunk.byteLength
    }
    held.splice(0, held.length, bytes)
    return bytes
  }

  return {
    isPresent: stream !== null,
    async digest(algorithm, maxBytes = maxBodyBytes) {
      const limit = Math.min(maxBytes, maxBodyBytes)
      const tooLarge: BodyDigest = { status: 'too_large', maxBodyBytes: limit }
      if (Number(declared ?? 0) > limit) return tooLarge
      reading = reading.then(async () => readUntil(limit))
      await reading
      if (!isWhole || heldBytes > limit) return tooLarge
      const digesting = digests.get(algorithm) ?? digestOf(algorithm, whole())
      digests.set(algorithm, digesting)
      return { status: 'digested', digest: await digesting }
    },
    forward() {
      if (reader === undefined) return stream
      return isWhole ? whole() : continued(held, reader)
    },
  }
}

const NO_CONTENT: RequestBody = {
  isPresent: false,
  digest: async (algorithm) => ({ status: 'digested', digest: await digestOf(algorithm, new Uint8Array()) }),
  forward: () => null,
}

async function digestOf(algorithm: DigestAlgorithm, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest(algorithm === 'sha-256' ? 'SHA-256' : 'SHA-512', bytes))
}

/** What was read, then what was not. */
function continued(held: readonly Uint8Array[], reader: ReadableStreamDefaultReader<Uint8Array>): ReadableStream<Uint8Array> {
  const pending = [...held]
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const first = pending.shift()
      if (first !== undefined) {
        controller.enqueue(first)
        return
      }
      const { done, value } = await reader.read()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    async cancel(reason) {
      await reader.cancel(reason)
    },
  })
}
