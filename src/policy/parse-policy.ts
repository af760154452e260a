import type * as v from 'valibot'
import type { LimitPolicy } from '../limits/limiter.ts'
import type { SchemeConfig } from '../schemes/index.ts'
import { isObject, readAs } from './closed-schema.ts'
import {
  componentsHeadSchema,
  consumerSchema,
  infoSchema,
  originSchema,
  planSchema,
  revocationSchema,
  rootExtensionHeadSchema,
  rootHeadSchema,
  routeSettingsSchema,
  serversSchema,
} from './document.ts'
import { abuseSchema } from './document-abuse.ts'
import { controlSchema } from './document-control.ts'
import { securitySchema } from './document-security.ts'
import { identityProviderSchema, sessionsSchema } from './document-identity.ts'
import { limitSchema } from './document-limits.ts'
import { checkSessionUse, linkSessionSchemes } from './check-sessions.ts'
import { parseAbuse } from './parse-abuse.ts'
import { checkDistinct, parseConsumer } from './parse-consumers.ts'
import { checkControlSchemes, parseControl } from './parse-control.ts'
import type { IdentityProviderConfig } from './identity-providers.ts'
import { checkDistinctProviders, parseIdentityProvider, parseSessions } from './parse-identity.ts'
import { parseLimit } from './parse-limits.ts'
import { checkSettings, parseRoutes } from './parse-routes.ts'
import { parseScheme, type ReadScheme } from './parse-schemes.ts'
import { checkSecurity } from './parse-security.ts'
import { parseOrigin, parseServers } from './parse-servers.ts'
import { checkPlaceholders } from './placeholders.ts'
import type { ConsumerConfig, OriginConfig, PlanConfig, Policy } from './policy.ts'
import { createProblems, pointerTo, type Problem } from './problems.ts'
import { checkName, checkNames, present, type Reading } from './reading.ts'
import { follow } from './references.ts'
import { warnOfUnused } from './unused.ts'

export interface ParseOptions {
  /** `keep`: `${NAME}` may stand at marked fields, whose values are checked once they are filled. `forbid`: none may be left. */
  readonly placeholders: 'keep' | 'forbid'
  /** Lets `http:` to loopback through: `portcullis dev` alone. Default false. */
  readonly isLocal?: boolean
}
interface Refused {
  readonly ok: false
  readonly problems: readonly Problem[]
}
export type PolicyResult = { readonly ok: true; readonly policy: Policy; readonly warnings: readonly Problem[] } | Refused
export type CompileResult =
  | { readonly ok: true; readonly policy: Policy; readonly document: unknown; readonly warnings: readonly Problem[] }
  | Refused

/** Gives an OpenAPI document with `x-portcullis` its meaning, or all its problems at once. */
export function parsePolicy(document: unknown, options: ParseOptions): PolicyResult {
  const result = compilePolicy(document, options)
  return result.ok ? { ok: true, policy: result.policy, warnings: result.warnings } : result
}

/** As `parsePolicy`, with the document reduced to what it reads, and references resolved. */
export function compilePolicy(document: unknown, { placeholders, isLocal = false }: ParseOptions): CompileResult {
  const problems = createProblems()
  const reading: Reading = { problems, keepsPlaceholders: placeholders === 'keep', isLocal }
  checkPlaceholders(document, reading.keepsPlaceholders, problems)
  const read = isObject(document) ? readDocument(document, reading) : undefined
  if (read === undefined) problems.error('', 'expected an object: an OpenAPI document')
  return read === undefined || problems.hasErrors()
    ? { ok: false, problems: problems.all() }
    : { ok: true, ...read, warnings: problems.all() }
}

function readDocument(root: Record<string, unknown>, reading: Reading): { policy: Policy; document: unknown } {
  const { problems } = reading
  const head = readAs(rootHeadSchema, root, '', problems)
  const info = readAs(infoSchema, root['info'], '/info', problems)
  const servers = readOptional(serversSchema, root['servers'], '/servers', reading)
  const { hosts, basePath } = parseServers(servers ?? [], '/servers', reading)
  const schemes = readSchemes(root, reading)
  const extension = readExtension(
    root['x-portcullis'] === undefined ? {} : root['x-portcullis'],
    { schemeNames: schemes.names, hosts },
    reading,
  )
  const security = readOptional(securitySchema, root['security'], '/security', reading)
  if (security !== undefined) checkSecurity(security, '/security', { schemeNames: schemes.names, reading })
  if (!isObject(root['paths']))
    problems.error(root['paths'] === undefined ? '' : '/paths', 'paths must be an object: the routes of this gate')
  const { routes, pruned: paths } = parseRoutes(isObject(root['paths']) ? root['paths'] : {}, {
    root,
    basePath,
    // What is there but does not hold is reported already, and is not silence.
    security: security ?? (root['security'] === undefined ? undefined : []),
    defaults: extension.defaults,
    schemeNames: schemes.names,
    originNames: extension.originNames,
    limitNames: extension.limitNames,
    schemes: schemes.configs,
    limits: new Map(extension.limits.map((limit) => [limit.name, limit])),
    plans: extension.plans,
    consumers: extension.consumers ?? [],
    reading,
  })
  const policy: Policy = {
    title: info?.title ?? '',
    hosts,
    unknownPaths: extension.unknownPaths,
    schemes: linkSessionSchemes([...schemes.configs.values()], extension.providers, reading),
    origins: extension.origins,
    limits: extension.limits,
    plans: extension.plans,
    consumers: extension.consumers,
    routes,
    revocation: extension.revocation,
    identityProviders: extension.providers.values,
    sessions: extension.sessions,
    control: extension.control,
    abuse: extension.abuse,
  }
  checkSessionUse(policy, reading)
  checkControlSchemes(policy.control, policy.schemes, reading)
  checkIdentities(policy, reading)
  if (!problems.hasErrors()) warnOfUnused(policy, problems)
  const document = {
    ...head,
    info: { title: policy.title },
    ...present('servers', servers),
    ...present('security', security),
    components: { securitySchemes: schemes.pruned },
    paths,
    'x-portcullis': extension.pruned,
  }
  return { policy, document }
}

function readOptional<const Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  pointer: string,
  { problems }: Reading,
): v.InferOutput<Schema> | undefined {
  return value === undefined ? undefined : readAs(schema, value, pointer, problems)
}

const NAME = /^(?!(?:constructor|prototype|__proto__)$)[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/u

/** Each member of a map by itself, so that a fault in one hides none in another. */
function readMap<Value>(
  map: unknown,
  pointer: string,
  { problems }: Reading,
  read: (name: string, value: unknown, pointer: string) => Value | undefined,
) {
  const values = new Map<string, Value>()
  const names = new Set<string>()
  if (map !== undefined && !isObject(map)) problems.error(pointer, 'expected an object')
  for (const [name, value] of Object.entries(isObject(map) ? map : {})) {
    const place = pointerTo(pointer, name)
    names.add(name)
    if (!NAME.test(name)) problems.error(place, 'not a name: letters, digits, ".", "_", "-", at most 64')
    const one = read(name, value, place)
    if (one !== undefined) values.set(name, one)
  }
  return { names, values }
}

function readSchemes(root: Record<string, unknown>, reading: Reading) {
  const { problems } = reading
  const { components } = root
  if (components !== undefined) readAs(componentsHeadSchema, components, '/components', problems)
  const map = isObject(components) ? components['securitySchemes'] : undefined
  const { names, values } = readMap(map, '/components/securitySchemes', reading, (name, value, place): ReadScheme | undefined => {
    const located = follow(root, value, place, problems)
    return located === undefined ? undefined : parseScheme(name, located.value, located.pointer, reading)
  })
  return {
    names,
    configs: new Map([...values].map(([name, { config }]): [string, SchemeConfig] => [name, config])),
    pruned: Object.fromEntries([...values].map(([name, { pruned }]) => [name, pruned])),
  }
}

const ROOT = '/x-portcullis'
function readExtension(
  value: unknown,
  { schemeNames, hosts }: { readonly schemeNames: ReadonlySet<string>; readonly hosts: readonly string[] },
  reading: Reading,
) {
  const { problems } = reading
  const head = readAs(rootExtensionHeadSchema, value, ROOT, problems)
  const parts = isObject(value) ? value : {}
  const pruned: Record<string, unknown> = { ...head }
  const part = <Document, Value>(
    field: string,
    schema: v.GenericSchema<unknown, Document>,
    parse: (name: string, document: Document, place: string) => Value,
  ) => {
    const kept: Record<string, unknown> = {}
    const { names, values } = readMap(parts[field], pointerTo(ROOT, field), reading, (name, one, place) => {
      const document = readAs(schema, one, place, problems)
      kept[name] = document
      return document === undefined ? undefined : { value: parse(name, document, place) }
    })
    if (parts[field] !== undefined) pruned[field] = kept
    return { names, values: [...values.values()].map((held) => held.value) }
  }
  const limits = part('limits', limitSchema, (name, document, place): LimitPolicy => parseLimit(name, document, place, reading))
  const origins = part('origins', originSchema, (name, document, place): OriginConfig =>
    parseOrigin(name, document, place, schemeNames, reading),
  )
  const plans = part('plans', planSchema, (name, document, place): PlanConfig => {
    checkNames(document.limits ?? [], limits.names, 'limit', pointerTo(place, 'limits'), reading)
    return { name, ...present('scopes', document.scopes), limits: document.limits ?? [] }
  })
  const consumers = part('consumers', consumerSchema, (name, document, place): ConsumerConfig =>
    parseConsumer(name, document, place, { plans: plans.names, limitNames: limits.names, limits: limits.values }, reading),
  )
  const hasConsumers = parts['consumers'] !== undefined
  checkDistinct(consumers.values, pointerTo(ROOT, 'consumers'), reading)
  const identity = { hosts, consumers: consumers.names, reading }
  const providers = part('identityProviders', identityProviderSchema, (name, document, place): IdentityProviderConfig =>
    parseIdentityProvider(name, document, place, identity),
  )
  checkDistinctProviders(providers.values, pointerTo(ROOT, 'identityProviders'), reading)
  const sessions = readOptional(sessionsSchema, parts['sessions'], pointerTo(ROOT, 'sessions'), reading)
  const control = readOptional(controlSchema, parts['control'], pointerTo(ROOT, 'control'), reading)
  const defaults = readOptional(routeSettingsSchema, parts['defaults'], pointerTo(ROOT, 'defaults'), reading)
  const abuse = readOptional(abuseSchema, parts['abuse'], pointerTo(ROOT, 'abuse'), reading)
  const revocation = readOptional(revocationSchema, parts['revocation'], pointerTo(ROOT, 'revocation'), reading)
  checkSettings(defaults ?? {}, pointerTo(ROOT, 'defaults'), { originNames: origins.names, limitNames: limits.names, schemeNames, reading })
  return {
    originNames: origins.names,
    limitNames: limits.names,
    limits: limits.values,
    origins: origins.values,
    plans: plans.values,
    consumers: hasConsumers ? consumers.values : undefined,
    unknownPaths: head?.unknownPaths ?? ('not-found' as const),
    revocation: {
      boundSeconds: revocation?.boundSeconds ?? 5,
      graceSeconds: revocation?.graceSeconds ?? 0,
      ...present('relays', revocation?.relays),
    },
    defaults: parts['defaults'] === undefined ? {} : defaults,
    providers,
    sessions: parseSessions(sessions ?? {}, pointerTo(ROOT, 'sessions'), reading),
    control: parseControl(control, pointerTo(ROOT, 'control'), {
      schemeNames,
      planNames: plans.names,
      plans: plans.values,
      consumerNames: consumers.names,
      consumers: consumers.values,
      reading,
    }),
    abuse: parseAbuse(abuse, pointerTo(ROOT, 'abuse'), hasConsumers ? consumers.names : undefined, reading),
    pruned: {
      ...pruned,
      ...present('defaults', defaults),
      ...present('revocation', revocation),
      ...present('sessions', sessions),
      ...present('control', control),
      ...present('abuse', abuse),
    },
  }
}

/** Consumers that the identities of `mutual-tls` schemes name. */
function checkIdentities({ schemes, consumers }: Policy, { problems }: Reading): void {
  if (consumers === undefined) return
  const known = new Set(consumers.map(({ name }) => name))
  for (const scheme of schemes) {
    for (const [index, { consumer }] of (scheme.kind === 'mutual-tls' ? scheme.identities : []).entries()) {
      const place = pointerTo('/components/securitySchemes', scheme.name, 'x-portcullis', 'identities', index, 'consumer')
      if (consumer !== undefined) checkName(consumer, known, 'consumer', place, problems)
    }
  }
}
