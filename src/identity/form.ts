/** `undefined`: no form, or longer than `maxBytes`, whatever Content-Length says. */
export async function readForm(request: Request, maxBytes: number): Promise<URLSearchParams | undefined> {
  const [type] = (request.headers.get('content-type') ?? '').split(';')
  if (type?.trim().toLowerCase() !== 'application/x-www-form-urlencoded') return undefined
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let text = ''
  let bytes = 0
  try {
    for await (const chunk of request.body ?? []) {
      const part = chunk as Uint8Array
      bytes += part.byteLength
      if (bytes > maxBytes) return undefined
      text += decoder.decode(part, { stream: true })
    }
    return new URLSearchParams(text + decoder.decode())
  } catch {
    return undefined
  }
}
