import { isObject, readAs } from './closed-schema.ts'
import { ADDITIONAL_METHOD, METHODS, operationSchema, pathItemHeadSchema, type Operation, type RouteSettings } from './document.ts'
import { checkCost } from './parse-limits.ts'
import { alternativesOf, checkLimits } from './parse-security.ts'
import type { CorsConfig, Route } from './policy.ts'
import { pointerTo } from './problems.ts'
import { checkName, checkNames, present, type Reading } from './reading.ts'
import { follow } from './references.ts'
import type { RouteContext } from './route-context.ts'
import { parameterNames, parseTemplate, shapeOf, type Segment } from './template.ts'

export interface Routes {
  readonly routes: readonly Route[]
  /** The Paths Object with references resolved and only what was read. */
  readonly pruned: Record<string, unknown>
}

const RESERVED = /^\/\.(?:portcullis|well-known\/portcullis)(?:\/|$)/iu

export function parseRoutes(paths: Record<string, unknown>, context: RouteContext): Routes {
  const { problems } = context.reading
  const routes: Route[] = []
  const pruned: Record<string, unknown> = {}
  const shapes = new Map<string, string>()
  const ids = new Map<string, string>()
  for (const [path, value] of Object.entries(paths)) {
    const pointer = pointerTo('/paths', path)
    if (path.startsWith('x-')) continue
    const segments = segmentsOf(path, pointer, context, shapes)
    const located = follow(context.root, value, pointer, problems)
    if (located === undefined) continue
    const item = parsePathItem({ path, segments, ...located }, context, ids)
    routes.push(...item.routes)
    pruned[path] = item.pruned
  }
  return { routes, pruned }
}

function segmentsOf(
  path: string,
  pointer: string,
  { basePath, reading: { problems } }: RouteContext,
  shapes: Map<string, string>,
): readonly Segment[] {
  const parsed = parseTemplate(basePath + path)
  const own = parseTemplate(path)
  const fault = own.ok ? parsed : own
  if (!parsed.ok || !own.ok) {
    if (!fault.ok) problems.error(pointer, fault.fault)
    return []
  }
  const literal = parsed.segments.map((segment) => (segment.kind === 'literal' ? segment.text : '{}')).join('/')
  if (RESERVED.test(`/${literal}`))
    problems.error(pointer, "this path is the gate's own: /.portcullis and /.well-known/portcullis are reserved")
  const shape = shapeOf(parsed.segments)
  const other = shapes.get(shape)
  if (other === undefined) shapes.set(shape, path)
  else problems.error(pointer, `matches the same paths as ${other}: which one counts would be chance (OA-9)`)
  return parsed.segments
}

interface PathItemSource {
  readonly path: string
  readonly segments: readonly Segment[]
  readonly value: unknown
  readonly pointer: string
}

function parsePathItem(source: PathItemSource, context: RouteContext, ids: Map<string, string>): Routes {
  const { problems } = context.reading
  const { value, pointer } = source
  if (!isObject(value)) {
    problems.error(pointer, 'expected an object')
    return { routes: [], pruned: {} }
  }
  const item = withParameters(value, pointer, context)
  if (Object.hasOwn(item, 'trace')) problems.error(pointerTo(pointer, 'trace'), 'TRACE is never forwarded')
  if (Object.hasOwn(item, 'servers'))
    problems.error(pointerTo(pointer, 'servers'), 'servers of a path are not available', 'declare them at the root')
  const { trace: _trace, servers: _servers, ...rest } = item
  const head = readAs(pathItemHeadSchema, rest, pointer, problems)
  checkParameters(head?.parameters, source, pointer, context)
  const settings = head?.['x-portcullis'] ?? {}
  checkSettings(settings, pointerTo(pointer, 'x-portcullis'), context)
  const operations = operationsOf(item, pointer, context)
  const parsed = operations.flatMap(({ method, place, document }) => {
    const operation = parseOperation({ ...source, method, place, document }, [context.defaults ?? {}, settings], context, ids)
    return operation === undefined ? [] : [operation]
  })
  const pruned: Record<string, unknown> = { ...head }
  const additional: Record<string, unknown> = {}
  for (const { method, operation } of parsed) {
    const key = method.toLowerCase()
    if ((METHODS as readonly string[]).includes(key)) pruned[key] = operation
    else additional[method] = operation
  }
  if (Object.keys(additional).length > 0) pruned['additionalOperations'] = additional
  return { routes: parsed.map(({ route }) => route), pruned }
}

interface OperationPlace {
  readonly method: string
  readonly place: string
  readonly document: unknown
}
function operationsOf(item: Record<string, unknown>, pointer: string, { reading: { problems } }: RouteContext): OperationPlace[] {
  const operations = METHODS.filter((method) => Object.hasOwn(item, method)).map((method): OperationPlace => ({
    method: method.toUpperCase(),
    place: pointerTo(pointer, method),
    document: item[method],
  }))
  const additional = item['additionalOperations']
  const at = pointerTo(pointer, 'additionalOperations')
  if (additional === undefined) return operations
  if (!isObject(additional)) {
    problems.error(at, 'expected an object')
    return operations
  }
  for (const [method, document] of Object.entries(additional)) {
    const place = pointerTo(at, method)
    if (!ADDITIONAL_METHOD.test(method)) problems.error(place, 'not a method in capital letters')
    else if ((METHODS as readonly string[]).includes(method.toLowerCase()))
      problems.error(place, `this method has a field of its own: ${method.toLowerCase()}`)
    else if (['CONNECT', 'TRACE', 'TRACK'].includes(method)) problems.error(place, `${method} is never forwarded`)
    else operations.push({ method, place, document })
  }
  return operations
}

/** `parameters` with their references resolved. */
function withParameters(
  value: Record<string, unknown>,
  pointer: string,
  { root, reading: { problems } }: RouteContext,
): Record<string, unknown> {
  const { parameters } = value
  if (!Array.isArray(parameters)) return value
  const resolved = parameters.flatMap(
    (parameter: unknown, index) => follow(root, parameter, pointerTo(pointer, 'parameters', index), problems)?.value ?? [],
  )
  return { ...value, parameters: resolved }
}

function checkParameters(
  parameters: readonly { readonly name: string; readonly in: string }[] | undefined,
  { segments }: PathItemSource,
  pointer: string,
  { reading }: RouteContext,
): void {
  if (segments.length === 0) return
  const names = new Set(parameterNames(segments))
  for (const [index, parameter] of (parameters ?? []).entries()) {
    // OpenAPI names the parameter of {rest+} "rest+" or "rest"; both are ours.
    if (parameter.in === 'path')
      checkName(
        parameter.name.replace(/\+$/u, ''),
        names,
        'path parameter',
        pointerTo(pointer, 'parameters', index, 'name'),
        reading.problems,
      )
  }
}

/** Names in settings of the root, a path item or an operation. */
export function checkSettings(
  settings: RouteSettings,
  pointer: string,
  context: Pick<RouteContext, 'originNames' | 'limitNames' | 'schemeNames' | 'reading'>,
): void {
  const { reading } = context
  if (settings.origin !== undefined)
    checkName(settings.origin, context.originNames, 'origin', pointerTo(pointer, 'origin'), reading.problems)
  checkNames(settings.limits ?? [], context.limitNames, 'limit', pointerTo(pointer, 'limits'), reading)
  checkNames(settings.forwardCredentials ?? [], context.schemeNames, 'scheme', pointerTo(pointer, 'forwardCredentials'), reading)
  if (typeof settings.cors !== 'object' || !settings.cors.origins.includes('*')) return
  if (settings.cors.origins.length > 1) reading.problems.error(pointerTo(pointer, 'cors', 'origins'), '"*" stands alone')
  if (settings.cors.credentials === true)
    reading.problems.error(
      pointerTo(pointer, 'cors'),
      '"*" with credentials would let every site act as its visitor (OW-8)',
      'name the origins',
    )
}

type OperationSource = PathItemSource & OperationPlace
function parseOperation(source: OperationSource, outer: readonly RouteSettings[], context: RouteContext, ids: Map<string, string>) {
  const { path, segments, method, place, document } = source
  const { problems } = context.reading
  if (!isObject(document)) {
    problems.error(place, 'expected an object')
    return undefined
  }
  const { servers, ...resolved } = withParameters(document, place, context)
  if (servers !== undefined)
    problems.error(pointerTo(place, 'servers'), 'servers of an operation are not available', 'declare them at the root')
  const operation = readAs(operationSchema, resolved, place, problems)
  if (operation === undefined) return undefined
  checkParameters(operation.parameters, source, place, context)
  const extension = operation['x-portcullis'] ?? {}
  const at = pointerTo(place, 'x-portcullis')
  checkSettings(extension, at, context)
  const settings = inherit([...outer, extension])
  const id = claimId(operation, method, path, place, ids, context.reading)
  const alternatives = alternativesOf(operation, place, segments, context)
  if (settings.origin === undefined && context.defaults !== undefined)
    problems.error(place, 'no origin is set for this route', 'write x-portcullis: { defaults: { origin: ... } } at the root')
  const { limits = [], cost = 1 } = settings
  const charged = { limits, cost, alternatives }
  const placeOf = (field: 'limits' | 'cost'): string => (extension[field] === undefined ? place : pointerTo(at, field))
  checkLimits(limits, alternatives, placeOf('limits'), context)
  checkCost(charged, placeOf('cost'), context)
  const route: Route = {
    id,
    method,
    template: context.basePath + path,
    basePath: context.basePath,
    ...charged,
    origin: settings.origin ?? '',
    forwardCredentials: settings.forwardCredentials ?? [],
    ...present('summary', operation.summary),
    ...present('description', operation.description),
    ...present('maxBodyBytes', settings.maxBodyBytes),
    ...present('cors', corsOf(settings.cors)),
  }
  return { method, operation, route }
}

/** Root, path item, operation: the inner word replaces the outer, lists too. */
function inherit(settings: readonly RouteSettings[]): RouteSettings {
  return Object.assign(
    {},
    ...settings.map((one) => Object.fromEntries(Object.entries(one).filter(([, value]) => value !== undefined))),
  ) as RouteSettings
}

function corsOf(cors: RouteSettings['cors']): CorsConfig | undefined {
  if (cors === undefined || cors === false) return undefined
  const { origins, allowHeaders = [], exposeHeaders = [], credentials = false, maxAgeSeconds = 600 } = cors
  return { origins, allowHeaders, exposeHeaders, credentials, maxAgeSeconds }
}

function claimId(
  { operationId }: Operation,
  method: string,
  path: string,
  place: string,
  ids: Map<string, string>,
  { problems }: Reading,
): string {
  const id = operationId ?? `${method} ${path}`
  const other = ids.get(id)
  if (other !== undefined) problems.error(pointerTo(place, 'operationId'), `this operationId is already that of #${other}`)
  if (other === undefined) ids.set(id, place)
  return id
}
