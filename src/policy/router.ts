import type { Route } from './policy.ts'
import { parameterNames, parseTemplate, type Segment } from './template.ts'

interface RouteMatch {
  /** Routes of the matched template by method. */
  readonly byMethod: ReadonlyMap<string, Route>
  /** Percent-decoded; without a prototype, so that no name is there by chance. */
  readonly parameters: Readonly<Record<string, string>>
}
export interface Router {
  /** `path`: the path of a canonical URL, as it was sent. `undefined`: no template matches. */
  match(path: string): RouteMatch | undefined
}

interface Leaf {
  readonly template: string
  readonly names: readonly string[]
  readonly byMethod: Map<string, Route>
}
interface Node {
  readonly literals: Map<string, Node>
  /** The same in lower case. */
  readonly folded: Set<string>
  parameter?: Node
  rest?: Leaf
  leaf?: Leaf
}

/** What no route may take. */
const NOBODY: Leaf = { template: '', names: [], byMethod: new Map() }
const createNode = (): Node => ({ literals: new Map(), folded: new Set() })

/**
 * A trie over path segments: literal before parameter before `{rest+}` at every segment from the left, going back where a branch
 * ends. Literals are compared decoded, so that `/a%3Ab` cannot slip past the route of `/a:b` to a laxer one. A parameter is never
 * empty; `/a/` is not `/a`. Where `/a` is a route, `/a/`, `/a;x` and `/A` are no other's, unless written: servers that do not tell them
 * apart would serve `/a`. Throws where two routes share a template's shape but not its spelling, or a method: `parsePolicy` lets
 * neither through.
 */
export function createRouter(routes: readonly Route[]): Router {
  const root = createNode()
  for (const route of routes) insert(root, route)
  return {
    match(path) {
      if (!path.startsWith('/')) return undefined
      const values: string[] = []
      const leaf = find(root, path, 1, values)
      if (leaf === undefined || leaf === NOBODY) return undefined
      const parameters = Object.create(null) as Record<string, string>
      for (const [index, name] of leaf.names.entries()) parameters[name] = values[index] ?? ''
      return { byMethod: leaf.byMethod, parameters }
    },
  }
}

function insert(root: Node, route: Route): void {
  const parsed = parseTemplate(route.template)
  if (!parsed.ok) throw new Error(`template ${route.template}: ${parsed.fault}`)
  let node = root
  let leaf: Leaf | undefined
  const made = (): Leaf => ({ template: route.template, names: parameterNames(parsed.segments), byMethod: new Map() })
  for (const segment of parsed.segments) {
    if (segment.kind === 'rest') leaf = node.rest ??= made()
    else node = childOf(node, segment)
  }
  leaf ??= node.leaf ??= made()
  if (leaf.template !== route.template) throw new Error(`templates ${leaf.template} and ${route.template} match the same paths`)
  if (leaf.byMethod.has(route.method)) throw new Error(`template ${route.template}: two routes for ${route.method}`)
  leaf.byMethod.set(route.method, route)
}

function childOf(node: Node, segment: Exclude<Segment, { kind: 'rest' }>): Node {
  if (segment.kind === 'parameter') return (node.parameter ??= createNode())
  const child = node.literals.get(segment.text) ?? createNode()
  node.literals.set(segment.text, child)
  node.folded.add(segment.text.toLowerCase())
  return child
}

/** Visits a node at most once per path, so the work is bounded by the trie and not by what is sent. */
function find(node: Node, path: string, start: number, values: string[]): Leaf | undefined {
  const slash = path.indexOf('/', start)
  const text = decode(slash === -1 ? path.slice(start) : path.slice(start, slash))
  if (text === undefined) return undefined
  const literal = node.literals.get(text)
  if (literal === undefined && text === '' && node.leaf !== undefined) return NOBODY
  if (literal === undefined && node.folded.has(baseOf(text))) return NOBODY
  const found = literal === undefined ? undefined : step(literal, path, slash, values)
  if (found !== undefined || text === '') return found
  return findVariable(node, path, start, { slash, text }, values)
}

/** Without path parameters (RFC 3986 §3.3) and letter case. */
function baseOf(text: string): string {
  const end = text.indexOf(';')
  return (end === -1 ? text : text.slice(0, end)).toLowerCase()
}

function findVariable(
  node: Node,
  path: string,
  start: number,
  segment: { slash: number; text: string },
  values: string[],
): Leaf | undefined {
  if (node.parameter !== undefined) {
    values.push(segment.text)
    const found = step(node.parameter, path, segment.slash, values)
    if (found !== undefined) return found
    values.pop()
  }
  const rest = node.rest === undefined ? undefined : decode(path.slice(start))
  if (rest === undefined) return undefined
  values.push(rest)
  return node.rest
}

function step(node: Node, path: string, slash: number, values: string[]): Leaf | undefined {
  return slash === -1 ? node.leaf : find(node, path, slash + 1, values)
}

function decode(text: string): string | undefined {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
