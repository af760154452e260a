/** Deepest nesting of a header or of claims. */
const MAX_DEPTH = 32
const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\]:]/gu

// `ignoreBOM`: a byte order mark stays in the text, where JSON does not allow it.
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The object that `bytes` hold as UTF-8 JSON, at most 32 levels deep. `undefined`: not that, or an object in it names a
 * member twice, so that two readers could see two different objects (RFC 7515 §4, RFC 7519 §4).
 */
export function parseStrictObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const text = UTF8.decode(bytes)
    const value: unknown = JSON.parse(text)
    return isRecord(value) && hasUniqueMembers(text) ? value : undefined
  } catch {
    return undefined
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `text` is valid JSON: a string before a colon is a member name of the innermost object. */
function hasUniqueMembers(text: string): boolean {
  const open: Set<string>[] = []
  let latest = ''
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === '{' || token === '[') {
      if (open.push(new Set()) > MAX_DEPTH) return false
    } else if (token === '}' || token === ']') {
      open.pop()
    } else if (token === ':') {
      const names = open.at(-1)
      const name = nameOf(latest)
      if (names === undefined || names.has(name)) return false
      names.add(name)
    } else {
      latest = token
    }
  }
  return true
}

/** Escapes undone: `"\u0061"` names the same member as `"a"`. */
function nameOf(token: string): string {
  return token.includes('\\') ? (JSON.parse(token) as string) : token.slice(1, -1)
}
