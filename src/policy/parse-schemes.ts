import type * as v from 'valibot'
import type { SchemeConfig } from '../schemes/index.ts'
import { isObject, readAs } from './closed-schema.ts'
import { sessionSchema } from './document-identity.ts'
import { apiKeySchema, httpSignatureSchema, jwtSchema, mutualTlsSchema, schemeHeads, type SchemeType } from './document.ts'
import { parseMutualTls } from './parse-certificates.ts'
import { parseJwt } from './parse-jwt.ts'
import type { SchemeHead, SchemeSource } from './scheme-source.ts'
import { didYouMean, pointerTo } from './problems.ts'
import { checkName, type Reading } from './reading.ts'
import { isStripped } from '../origin/stripped-fields.ts'

export interface ReadScheme {
  readonly config: SchemeConfig
  /** The Security Scheme Object with only what was read. */
  readonly pruned: Record<string, unknown>
}
type Kind = SchemeConfig['kind']
const KINDS: readonly Kind[] = ['jwt', 'api-key', 'http-signature', 'mutual-tls', 'session']
const LATER: ReadonlySet<string> = new Set(['introspection', 'webhook'])

/** One Security Scheme Object; `undefined`, with its problems reported, where it does not hold. */
export function parseScheme(name: string, value: unknown, pointer: string, reading: Reading): ReadScheme | undefined {
  const { problems } = reading
  const type = typeOf(value, pointer, reading)
  if (type === undefined || !isObject(value)) return undefined
  const head = readAs(schemeHeads[type], value, pointer, problems) as SchemeHead | undefined
  const kind = kindOf(type, value, pointer, reading)
  if (head === undefined || kind === undefined) return undefined
  const place = pointerTo(pointer, 'x-portcullis')
  const extension = value['x-portcullis']
  if (isObject(extension) && Object.hasOwn(extension, 'binding')) {
    problems.error(pointerTo(place, 'binding'), 'sender-constrained tokens ("binding") are not available in this version')
    return undefined
  }
  const read = readExtension(kind, { name, head, extension: extension === undefined ? {} : extension, pointer, place }, reading)
  return read === undefined
    ? undefined
    : { config: read.config, pruned: { ...head, ...(extension === undefined ? {} : { 'x-portcullis': read.extension }) } }
}

function typeOf(value: unknown, pointer: string, { problems }: Reading): SchemeType | undefined {
  if (!isObject(value)) {
    problems.error(pointer, 'expected an object')
    return undefined
  }
  const { type } = value
  if (typeof type === 'string' && Object.hasOwn(schemeHeads, type)) return type as SchemeType
  const types = Object.keys(schemeHeads)
  problems.error(
    pointerTo(pointer, 'type'),
    `expected a type of security scheme: ${types.join(', ')}`,
    typeof type === 'string' ? didYouMean(type, types) : undefined,
  )
  return undefined
}

/** The kinds that an OpenAPI type can be; the first is the default unless `isAmbiguous`. */
function possibleKinds(type: SchemeType, scheme: unknown): readonly Kind[] {
  switch (type) {
    case 'apiKey':
      return ['api-key', 'session']
    case 'mutualTLS':
      return ['mutual-tls']
    case 'oauth2':
    case 'openIdConnect':
      return ['jwt']
    case 'http':
      if (typeof scheme !== 'string') return []
      return (
        { bearer: ['jwt', 'api-key'] as const, signature: ['http-signature'] as const }[scheme.toLowerCase() as 'bearer' | 'signature'] ??
        []
      )
  }
}

function kindOf(type: SchemeType, value: Record<string, unknown>, pointer: string, { problems }: Reading): Kind | undefined {
  const possible = possibleKinds(type, value['scheme'])
  if (possible.length === 0) {
    problems.error(pointerTo(pointer, 'scheme'), 'this HTTP authentication scheme is not available: expected bearer or Signature')
    return undefined
  }
  const extension = value['x-portcullis']
  const kind = isObject(extension) ? extension['kind'] : undefined
  const place = pointerTo(pointer, 'x-portcullis', 'kind')
  if (kind === undefined) {
    if (possible.length === 1 || type === 'apiKey') return possible[0]
    problems.error(pointer, 'a bearer scheme must say what the token is', `write x-portcullis: { kind: jwt } or { kind: api-key }`)
    return undefined
  }
  if (typeof kind === 'string' && LATER.has(kind)) {
    problems.error(place, `kind ${JSON.stringify(kind)} is not available in this version`)
    return undefined
  }
  if (typeof kind !== 'string' || !checkName(kind, new Set(KINDS), 'kind', place, problems)) {
    if (typeof kind !== 'string') problems.error(place, `expected ${KINDS.join(', ')}`)
    return undefined
  }
  if (possible.includes(kind as Kind)) return kind as Kind
  problems.error(place, `a scheme of type ${type} cannot be of kind ${kind}`, `it can be ${possible.join(' or ')}`)
  return undefined
}

interface ReadExtension {
  readonly config: SchemeConfig
  readonly extension: unknown
}
function readExtension(kind: Kind, source: SchemeSource, reading: Reading): ReadExtension | undefined {
  switch (kind) {
    case 'jwt':
      return withConfig(readAs(jwtSchema, source.extension, source.place, reading.problems), (extension) =>
        parseJwt(source, extension, reading),
      )
    case 'api-key':
      return withConfig(readAs(apiKeySchema, source.extension, source.place, reading.problems), (extension) =>
        parseApiKey(source, extension, reading),
      )
    case 'http-signature':
      return withConfig(readAs(httpSignatureSchema, source.extension, source.place, reading.problems), (extension) =>
        parseHttpSignature(source, extension, reading),
      )
    case 'mutual-tls':
      return withConfig(readAs(mutualTlsSchema, source.extension, source.place, reading.problems), (extension) =>
        parseMutualTls(source, extension, reading),
      )
    case 'session':
      return withConfig(readAs(sessionSchema, source.extension, source.place, reading.problems), (extension) =>
        parseSession(source, extension, reading),
      )
  }
}
function withConfig<Extension>(
  extension: Extension | undefined,
  toConfig: (extension: Extension) => SchemeConfig,
): ReadExtension | undefined {
  return extension === undefined ? undefined : { config: toConfig(extension), extension }
}

function parseApiKey(
  { name, head, pointer, place }: SchemeSource,
  extension: v.InferOutput<typeof apiKeySchema>,
  { problems }: Reading,
): SchemeConfig {
  const consumerOptional = extension.consumer === 'any'
  if (head.in === undefined || head.name === undefined)
    return { kind: 'api-key', name, carrier: { in: 'bearer' }, purpose: 'api', consumerOptional }
  if (head.in !== 'header' && extension.allowOutsideHeader !== true) {
    problems.error(
      pointerTo(pointer, 'in'),
      `a key in a ${head.in} ends up in logs and in other sites' requests (AK-7)`,
      'send it in a header, or write allowOutsideHeader: true',
    )
  }
  if (head.in === 'header' && isReservedField(head.name))
    problems.error(pointerTo(pointer, 'name'), 'this field has another meaning and cannot carry a key')
  if (head.in === 'header' && extension.allowOutsideHeader === true)
    problems.warn(pointerTo(place, 'allowOutsideHeader'), 'says nothing here: the key is in a header')
  return { kind: 'api-key', name, carrier: { in: head.in, name: head.name }, purpose: 'api', consumerOptional }
}
function isReservedField(field: string): boolean {
  const lower = field.toLowerCase()
  return isStripped(lower) || ['cookie', 'signature', 'signature-input', 'content-digest', 'origin'].includes(lower)
}

/** The names in `login` are looked up once the providers are read. */
function parseSession(
  { name, head, pointer }: SchemeSource,
  extension: v.InferOutput<typeof sessionSchema>,
  { problems }: Reading,
): SchemeConfig {
  const cookie = head.name ?? ''
  if (head.in !== 'cookie') problems.error(pointerTo(pointer, 'in'), 'a session is in a cookie')
  if (!/^__Host-[A-Za-z0-9._-]{1,32}$/u.test(cookie))
    problems.error(
      pointerTo(pointer, 'name'),
      'the name must begin with "__Host-", so that no other host can set this cookie (BF-2)',
      'name: __Host-portcullis',
    )
  const login = (extension.login ?? []).map((provider) => ({ provider, hosts: [] }))
  return { kind: 'session', name, cookie, login, consumerOptional: extension.consumer === 'any' }
}

const DEFAULT_COMPONENTS = ['@method', '@authority', '@path', '@query']
const DERIVED: ReadonlySet<string> = new Set(['@method', '@target-uri', '@authority', '@scheme', '@request-target', '@path', '@query'])

function parseHttpSignature(
  { name, place }: SchemeSource,
  extension: v.InferOutput<typeof httpSignatureSchema>,
  reading: Reading,
): SchemeConfig {
  const components = extension.components ?? DEFAULT_COMPONENTS
  checkComponents(components, pointerTo(place, 'components'), reading)
  return {
    kind: 'http-signature',
    name,
    components,
    contentDigest: extension.contentDigest ?? 'when-body',
    coveredFields: [],
    maxAgeSeconds: extension.maxAgeSeconds ?? 300,
    clockToleranceSeconds: extension.clockToleranceSeconds ?? 30,
    nonce: extension.nonce ?? true,
    ...(extension.tag === undefined ? {} : { tag: extension.tag }),
    maxBodyBytes: extension.maxBodyBytes ?? 1_048_576,
    consumerOptional: extension.consumer === 'any',
  }
}

/** HS-10: a signature that does not say which request it signs would open others. */
function checkComponents(components: readonly string[], pointer: string, { problems }: Reading): void {
  for (const [index, component] of components.entries()) {
    if (component.startsWith('@')) checkName(component, DERIVED, 'component', pointerTo(pointer, index), problems)
    if (components.indexOf(component) !== index)
      problems.error(pointerTo(pointer, index), `the component ${component} stands in the list twice (HS-3)`)
  }
  const has = (...wanted: readonly string[]): boolean => wanted.every((component) => components.includes(component))
  const coversTarget = has('@target-uri') || has('@authority', '@path', '@query') || has('@authority', '@request-target')
  if (!has('@method') || !coversTarget)
    problems.error(pointer, 'the components must cover @method and the target: @target-uri, or @authority, @path and @query (HS-10)')
}
