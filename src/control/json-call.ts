import type { Problem } from '../http/problem.ts'

/** Most JSON that is read, where an operation does not say. */
const MAX_BODY_BYTES = 64 * 1024

/** The object did not answer. */
export const UNAVAILABLE: Problem = {
  status: 503,
  code: 'dependency-unavailable',
  title: 'The gate cannot answer at the moment',
  detail: 'Nothing was changed for certain; send the request again.',
  fields: [['retry-after', '5']],
}

export const PRECONDITION_REQUIRED: Problem = {
  status: 428,
  code: 'precondition-required',
  title: 'Say which version is to be changed',
  detail: 'Send If-Match with the ETag of the last answer, or "*" for whatever it is by now.',
}
/** `version`: what it is by now. */
export function stale(version?: number): Problem {
  return {
    status: 412,
    code: 'precondition-failed',
    title: 'Somebody changed it in between',
    ...(version === undefined ? {} : { fields: [['etag', `"${version}"`]] as const }),
  }
}

export const lackingScope = (scope: string): Problem => ({
  status: 403,
  code: 'scope-insufficient',
  title: 'The credential lacks a scope',
  detail: 'Ask an owner of this gate for a role that has it (docs/admin-api.md).',
  extensions: { scope: `portcullis:${scope}` },
})

export function methodNotAllowed(allow: string): Problem {
  return { status: 405, code: 'method-not-allowed', title: 'The route does not take this method', fields: [['allow', allow]] }
}

/** At most `maxBytes`, whatever Content-Length says. */
export async function readJson(
  { body }: Pick<Request, 'body'>,
  maxBytes = MAX_BODY_BYTES,
): Promise<{ value: unknown } | { problem: Problem }> {
  let text = ''
  let bytes = 0
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  try {
    for await (const chunk of body ?? []) {
      const part = chunk as Uint8Array
      bytes += part.byteLength
      if (bytes > maxBytes)
        return {
          problem: {
            status: 413,
            code: 'content-too-large',
            title: 'The content is too large',
            detail: `At most ${maxBytes} bytes are taken here.`,
          },
        }
      text += decoder.decode(part, { stream: true })
    }
    return { value: JSON.parse(text + decoder.decode()) as unknown }
  } catch {
    return { problem: { status: 400, code: 'content-not-json', title: 'The content is not JSON' } }
  }
}

export function json(status: number, value: unknown): Response {
  return new Response(`${JSON.stringify(value)}\n`, {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' },
  })
}
