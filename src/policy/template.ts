import { canonicalize } from '../http/canonical-url.ts'

/** One segment of a path template. `literal` is decoded: `/a%3Ab` and `/a:b` are one template. */
export type Segment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'parameter'; readonly name: string }
  | { readonly kind: 'rest'; readonly name: string }

export type TemplateParse = { readonly ok: true; readonly segments: readonly Segment[] } | { readonly ok: false; readonly fault: string }

const PARAMETER = /^\{([A-Za-z_][A-Za-z0-9_.-]{0,63})(\+?)\}$/u
const refused = (fault: string): TemplateParse => ({ ok: false, fault })

/**
 * Reads `/orders/{id}/files/{rest+}`. A parameter is a whole segment and `{rest+}` the last one; what is left must be a path that
 * `canonicalize` lets through, since no request could ever match another.
 */
export function parseTemplate(template: string): TemplateParse {
  if (!template.startsWith('/')) return refused('a path starts with "/"')
  const parts = template.slice(1).split('/')
  const canonical = canonicalize(`https://host.invalid/${parts.map((part) => (PARAMETER.test(part) ? 'x' : part)).join('/')}`)
  const segments: Segment[] = []
  const names = new Set<string>()
  for (const [index, part] of parts.entries()) {
    const match = PARAMETER.exec(part)
    if (match === null) {
      if (/[{}]/u.test(part)) return refused('a parameter is a whole segment: {name}, or {name+} at the end')
      if (canonical.status === 'canonical') segments.push({ kind: 'literal', text: decodeURIComponent(part) })
      continue
    }
    const [, name = '', plus] = match
    if (names.has(name)) return refused(`the parameter {${name}} stands in it twice`)
    names.add(name)
    if (plus === '+' && index < parts.length - 1) return refused(`{${name}+} takes all that follows and must be the last segment`)
    segments.push({ kind: plus === '+' ? 'rest' : 'parameter', name })
  }
  if (canonical.status === 'refused') return refused(`no request can match it: its path would be refused (${canonical.fault})`)
  if (/[?#]/u.test(template)) return refused('a path holds neither query nor fragment')
  return { ok: true, segments }
}

/** Equal for templates that match the same paths: parameter names do not count (OA-9). */
export function shapeOf(segments: readonly Segment[]): string {
  return segments.map((segment) => (segment.kind === 'literal' ? `=${encodeURIComponent(segment.text)}` : segment.kind)).join('/')
}

export function parameterNames(segments: readonly Segment[]): string[] {
  return segments.flatMap((segment) => (segment.kind === 'literal' ? [] : [segment.name]))
}
