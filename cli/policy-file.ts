import { existsSync, readFileSync } from 'node:fs'
import { LineCounter, isAlias, isMap, isNode, isPair, isScalar, isSeq, parseDocument, visit, type Document } from 'yaml'
import { UsageError } from './command.ts'

interface Position {
  /** From 1. */
  readonly line: number
  /** From 1. */
  readonly column: number
}
interface SyntaxProblem extends Position {
  readonly message: string
}
export interface PolicyFile {
  readonly path: string
  /** `undefined` where the syntax does not hold. */
  readonly document: unknown
  readonly syntaxProblems: readonly SyntaxProblem[]
  /** Where a JSON Pointer stands; for one that leads nowhere, its nearest parent. */
  locate(pointer: string): Position
}

/** Largest policy file, in bytes. */
const MAX_BYTES = 4 * 1024 * 1024
/** Most that aliases may multiply the document: a "billion laughs" stops here. */
const MAX_ALIAS_COUNT = 100

/** Reads a policy in YAML 1.2 or JSON, and remembers where everything stands. */
export function readPolicyFile(path: string): PolicyFile {
  if (!existsSync(path)) throw new UsageError(`no such file: ${path}`)
  const text = readFileSync(path, 'utf8')
  if (Buffer.byteLength(text) > MAX_BYTES) throw new UsageError(`${path} is larger than ${MAX_BYTES} bytes`)
  const lines = new LineCounter()
  const parsed = parseDocument(text, { lineCounter: lines, uniqueKeys: true, merge: false, prettyErrors: false, version: '1.2' })
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const problems: SyntaxProblem[] = [...parsed.errors, ...parsed.warnings].map(({ message, pos }) => Object.assign(at(pos[0]), { message }))
  for (const offset of unquotedPlaceholders(parsed))
    problems.push(Object.assign(at(offset), { message: 'a placeholder stands inside quotes: "${NAME}"' })) // oxlint-disable-line no-template-curly-in-string -- a placeholder
  let document: unknown
  try {
    document = problems.length === 0 ? parsed.toJS({ maxAliasCount: MAX_ALIAS_COUNT }) : undefined
  } catch (error) {
    problems.push({ line: 1, column: 1, message: error instanceof Error ? error.message : 'not readable' })
  }
  return { path, document, syntaxProblems: problems, locate: (pointer) => at(offsetOf(parsed, pointer)) }
}

function unquotedPlaceholders(document: Document): number[] {
  const offsets: number[] = []
  visit(document, {
    Scalar: (_key, { type, value, range }) => {
      if (type === 'PLAIN' && typeof value === 'string' && value.includes('${')) offsets.push(range?.[0] ?? 0)
    },
  })
  return offsets
}

/** The offset of the key, or of the item, that a pointer names. */
function offsetOf(document: Document, pointer: string): number {
  const tokens = pointer === '' ? [] : pointer.slice(1).split('/').map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~')) // prettier-ignore
  let node: unknown = document.contents
  let offset = startOf(node) ?? 0
  for (const token of tokens) {
    const target: unknown = isAlias(node) ? node.resolve(document) : node
    const member = memberOf(target, token)
    if (member === undefined) break
    offset = member.offset ?? offset
    node = member.value
  }
  return offset
}

function memberOf(node: unknown, token: string): { readonly value: unknown; readonly offset: number | undefined } | undefined {
  if (isMap(node)) {
    const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === token)
    return pair === undefined ? undefined : { value: pair.value, offset: startOf(pair.key) }
  }
  if (!isSeq(node) || !/^\d+$/u.test(token)) return undefined
  const item: unknown = node.items[Number(token)]
  return item === undefined ? undefined : { value: item, offset: startOf(isPair(item) ? item.key : item) }
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined
}
