import { KEY_PREFIXES, MAX_KEY_LENGTH } from './key-format.ts'

/** 32 bytes in base62: four blocks of eight bytes. */
const MAC = '[0-9A-Za-z]{44}'
/** The shortest payload there is has 11 fields' worth of text; the longest leaves room for prefix, two underscores and the MAC. */
const SHORTEST_PAYLOAD = 64
const LONGEST_PAYLOAD = MAX_KEY_LENGTH - 3 - 1 - 1 - 44

export interface KeyPattern {
  /** What a scanner calls it. */
  readonly type: string
  readonly description: string
  /** For any engine (RE2, PCRE, ECMAScript): no look-around, no back-references. To be held against whole words. */
  readonly pattern: string
}

/** By what secret scanners find keys of this gate (docs/api-keys.md, "Leaks"). */
export const KEY_PATTERNS: readonly KeyPattern[] = [
  {
    type: 'portcullis_api_key',
    description: 'A key for an API behind a Portcullis gate',
    pattern: patternOf(KEY_PREFIXES.api),
  },
  {
    type: 'portcullis_admin_key',
    description: "A key for a Portcullis gate's own API",
    pattern: patternOf(KEY_PREFIXES.admin),
  },
]

function patternOf(prefix: string): string {
  return `${prefix}_[0-9A-Za-z]{${SHORTEST_PAYLOAD},${LONGEST_PAYLOAD}}_${MAC}`
}
