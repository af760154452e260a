/**
 * The same answer, and when it has been sent to its end, or cannot be any more. The platform moves the bytes by itself; content whose
 * length the origin stated keeps it. Encoded content has another length on its way through here than the one stated.
 */
export function followToEnd(response: Response): { readonly response: Response; readonly ended: Promise<void> } {
  const { body, headers } = response
  if (body === null) return { response, ended: Promise.resolve() }
  const stated = headers.get('content-length')
  const isPlain = (headers.get('content-encoding') ?? 'identity') === 'identity'
  const isSized = isPlain && stated !== null && /^\d{1,15}$/u.test(stated)
  const { readable, writable } = isSized ? new FixedLengthStream(Number(stated)) : new IdentityTransformStream()
  // A client that left ends it as well.
  const ended = body.pipeTo(writable).catch(() => undefined)
  return { response: new Response(readable, response), ended }
}
