import * as v from 'valibot'
import { closed, named } from './closed-schema.ts'
import { abuseSchema } from './document-abuse.ts'
import { attachTokenSchema, identityProviderSchema, sessionSchema, sessionsSchema } from './document-identity.ts'
import { controlSchema } from './document-control.ts'
import { limitSchema, ownNumbersSchema } from './document-limits.ts'
import { whole } from './document-numbers.ts'
import { securitySchema } from './document-security.ts'
import { acr, fieldName, name, NAME, names, oneOrMore, scopes, text } from './document-texts.ts'

/**
 * The form of a policy document: what matters here of OpenAPI 3.1 and 3.2, and every `x-portcullis` object. Plain strings stay
 * strings, so that a document with placeholders and its filled form have one schema; `parse-*.ts` give them their meaning.
 */

const cors = v.union([
  v.literal(false),
  closed({
    origins: v.pipe(
      v.array(v.pipe(text, v.regex(/^(?:\*|https?:\/\/[^/?#@\s]+)$/u, 'an origin is scheme://host, or * alone'))),
      v.minLength(1, 'must not be empty'),
      v.maxLength(64),
    ),
    allowHeaders: v.optional(v.pipe(v.array(fieldName), v.maxLength(64))),
    exposeHeaders: v.optional(v.pipe(v.array(fieldName), v.maxLength(64))),
    credentials: v.optional(v.boolean()),
    maxAgeSeconds: v.optional(whole(0, 86_400, 'How long a browser may keep a preflight, in seconds. Default 600.')),
  }),
])
/** What the root's `defaults`, a path item and an operation can each say. */
const routeEntries = {
  origin: v.optional(name),
  limits: v.optional(names),
  cost: v.optional(whole(1, 1000, 'As how many requests one counts on every limit. Default 1.')),
  forwardCredentials: v.optional(names),
  cors: v.optional(cors),
  maxBodyBytes: v.optional(whole(0, 5_000_000_000, 'Most content of a request, in bytes.')),
}
export const routeSettingsSchema = closed(routeEntries)
export type RouteSettings = v.InferOutput<typeof routeSettingsSchema>

const claimValue = v.union([v.string(), v.number(), v.boolean()])
const conditions = closed({
  claims: v.optional(
    named(v.union([claimValue, v.pipe(v.array(claimValue), v.minLength(1, 'must not be empty'))]), /^.{1,256}$/u, 'a claim'),
  ),
  pathParameters: v.optional(named(text, /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/u, 'a path parameter')),
  acrValues: v.optional(v.pipe(v.array(acr), v.minLength(1, 'must not be empty'), v.maxLength(16))),
  maxAgeSeconds: v.optional(whole(0, 31_536_000, 'At most this long since the sign-in, in seconds (RFC 9470).')),
})
const operationExtension = closed({ ...routeEntries, require: v.optional(named(conditions, NAME, 'a scheme')) })

const parameter = closed(
  { name: text, in: v.picklist(['path', 'query', 'header', 'cookie', 'querystring']) },
  {
    ignored: [
      '$ref',
      'description',
      'required',
      'deprecated',
      'allowEmptyValue',
      'style',
      'explode',
      'allowReserved',
      'schema',
      'content',
      'example',
      'examples',
    ],
    extensions: true,
  },
)
export const parametersSchema = v.array(parameter)
export const operationSchema = closed(
  {
    operationId: v.optional(text),
    summary: v.optional(v.string()),
    description: v.optional(v.string()),
    security: v.optional(securitySchema),
    parameters: v.optional(parametersSchema),
    'x-portcullis': v.optional(operationExtension),
  },
  { ignored: ['tags', 'externalDocs', 'requestBody', 'responses', 'callbacks', 'deprecated'], extensions: true },
)
export type Operation = v.InferOutput<typeof operationSchema>

/** Methods with a field of their own in a Path Item Object. `trace` is not among them: it is never forwarded. */
export const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'query'] as const
const methodEntries = Object.fromEntries(METHODS.map((method) => [method, v.optional(operationSchema)])) as Record<
  (typeof METHODS)[number],
  v.OptionalSchema<typeof operationSchema, undefined>
>
export const ADDITIONAL_METHOD = /^[A-Z][A-Z0-9-]{0,31}$/u
export const pathItemSchema = closed(
  {
    parameters: v.optional(parametersSchema),
    'x-portcullis': v.optional(routeSettingsSchema),
    additionalOperations: v.optional(named(operationSchema, ADDITIONAL_METHOD, 'a method')),
    ...methodEntries,
  },
  { ignored: ['$ref', 'summary', 'description'], extensions: true },
)
/** A path item with its operations unread: each is read by itself, so that a fault in one hides none in another. */
export const pathItemHeadSchema = closed(
  { parameters: v.optional(parametersSchema), 'x-portcullis': v.optional(routeSettingsSchema) },
  { ignored: ['summary', 'description', 'additionalOperations', ...METHODS], extensions: true },
)

export const planSchema = closed({ scopes: v.optional(scopes), limits: v.optional(names) })

const identityEntries = { uri: v.optional(text), dns: v.optional(text), subject: v.optional(text), sha256: v.optional(text) }
const jwk = closed({ kty: v.literal('OKP'), crv: v.literal('Ed25519'), x: text }, { ignored: ['kid', 'use', 'alg', 'key_ops'] })
export const consumerSchema = closed({
  plan: v.optional(name),
  limits: v.optional(named(ownNumbersSchema, NAME, 'a limit')),
  clients: v.optional(v.array(closed({ issuer: text, clientId: text }))),
  certificates: v.optional(v.array(closed(identityEntries))),
  keys: v.optional(v.array(closed({ id: name, hash: text, scopes: v.optional(scopes), plan: v.optional(name) }))),
  signingKeys: v.optional(v.array(closed({ keyid: text, secret: v.optional(text), jwk: v.optional(jwk), scopes: v.optional(scopes) }))),
})
export const originSchema = closed({
  url: text,
  stripBasePath: v.optional(v.boolean()),
  timeouts: v.optional(
    closed({ headersSeconds: v.optional(whole(1, 300, "Until the origin's response fields, in seconds. Default 30.")) }),
  ),
  forwardCredentials: v.optional(names),
  attachToken: v.optional(attachTokenSchema),
})
export const revocationSchema = closed({
  boundSeconds: v.optional(whole(1, 60, 'Longest until a revocation holds everywhere, in seconds. Default 5.')),
  graceSeconds: v.optional(
    whole(0, 300, 'How much longer what was known counts while the feed cannot be read, in seconds. Default 0: then 503.'),
  ),
  relays: v.optional(
    whole(1, 16, 'Objects that read the feed for all isolates. Default: 4 on workers.dev, where data centres have no cache, else none.'),
  ),
})
const rootExtensionEntries = {
  origins: v.optional(named(originSchema, NAME, 'an origin')),
  defaults: v.optional(routeSettingsSchema),
  limits: v.optional(named(limitSchema, NAME, 'a limit')),
  plans: v.optional(named(planSchema, NAME, 'a plan')),
  consumers: v.optional(named(consumerSchema, NAME, 'a consumer')),
  unknownPaths: v.optional(v.picklist(['not-found', 'authenticate'])),
  revocation: v.optional(revocationSchema),
  abuse: v.optional(abuseSchema),
  identityProviders: v.optional(named(identityProviderSchema, NAME, 'an identity provider')),
  sessions: v.optional(sessionsSchema),
  control: v.optional(controlSchema),
}
const rootExtension = closed(rootExtensionEntries)
/** The root's extension with its parts unread. */
export const rootExtensionHeadSchema = closed(
  { unknownPaths: rootExtensionEntries.unknownPaths },
  { ignored: Object.keys(rootExtensionEntries).filter((key) => key !== 'unknownPaths') },
)

const consumer = v.optional(v.literal('any'))
const algorithm = v.picklist(
  ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
  'expected an asymmetric signature algorithm of JWA (never "none" or an HMAC)',
)
const issuerEntries = {
  audience: v.optional(oneOrMore),
  audiences: v.optional(oneOrMore),
  jwksUri: v.optional(text),
  metadataUrl: v.optional(text),
  algorithms: v.optional(v.pipe(v.array(algorithm), v.minLength(1, 'must not be empty'))),
}
const jwtIssuer = closed({ issuer: text, ...issuerEntries })
export type JwtIssuerDocument = v.InferOutput<typeof jwtIssuer>
export const jwtSchema = closed({
  kind: v.optional(v.literal('jwt')),
  issuer: v.optional(text),
  issuers: v.optional(v.pipe(v.array(jwtIssuer), v.minLength(1, 'must not be empty'), v.maxLength(16, 'more than 16 issuers'))),
  ...issuerEntries,
  tokenType: v.optional(v.picklist(['at+jwt', 'any'])),
  scopeClaim: v.optional(text),
  clockToleranceSeconds: v.optional(whole(0, 300, 'How far the clocks may disagree, in seconds. Default 30.')),
  maxTokenBytes: v.optional(whole(256, 16_384, 'Longest token, in bytes. Default 8192.')),
  consumer,
})
export const apiKeySchema = closed({ kind: v.optional(v.literal('api-key')), allowOutsideHeader: v.optional(v.boolean()), consumer })
export const httpSignatureSchema = closed({
  kind: v.optional(v.literal('http-signature')),
  components: v.optional(
    v.pipe(
      v.array(v.pipe(v.string(), v.regex(/^@?[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/u, 'not a component (RFC 9421 §2), lower case'))),
      v.minLength(1, 'must not be empty'),
      v.maxLength(32),
    ),
  ),
  contentDigest: v.optional(v.picklist(['when-body', 'always', 'never'])),
  maxAgeSeconds: v.optional(whole(1, 3600, 'Oldest signature taken, in seconds. Default 300.')),
  clockToleranceSeconds: v.optional(whole(0, 300, 'How far in our future it may be created, in seconds. Default 30.')),
  nonce: v.optional(v.boolean()),
  tag: v.optional(v.pipe(v.string(), v.regex(/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,128}$/u, 'not a tag: printable ASCII without quotes'))),
  maxBodyBytes: v.optional(whole(0, 10_485_760, 'Most content held to be digested, in bytes. Default 1048576.')),
  consumer,
})
export const mutualTlsSchema = closed({
  kind: v.optional(v.literal('mutual-tls')),
  issuers: v.pipe(
    v.array(closed({ ski: v.optional(text), subject: v.optional(text) })),
    v.minLength(1, 'must not be empty'),
    v.maxLength(32),
  ),
  identities: v.optional(
    v.pipe(v.array(closed({ ...identityEntries, scopes: v.optional(scopes), consumer: v.optional(name) })), v.maxLength(1024)),
  ),
  consumer,
})

const schemeEntries = {
  apiKey: { type: v.literal('apiKey'), name: fieldName, in: v.picklist(['header', 'query', 'cookie']) },
  http: { type: v.literal('http'), scheme: text },
  mutualTLS: { type: v.literal('mutualTLS') },
  oauth2: { type: v.literal('oauth2'), oauth2MetadataUrl: v.optional(text) },
  openIdConnect: { type: v.literal('openIdConnect'), openIdConnectUrl: text },
}
export type SchemeType = keyof typeof schemeEntries
const IGNORED = ['description', 'deprecated', 'bearerFormat', 'flows']
const head = <const Entries extends v.ObjectEntries>(entries: Entries) =>
  closed(entries, { ignored: [...IGNORED, 'x-portcullis'], extensions: true })
/** Security Scheme Objects by type, their `x-portcullis` unread: its form depends on the kind. */
export const schemeHeads = {
  apiKey: head(schemeEntries.apiKey),
  http: head(schemeEntries.http),
  mutualTLS: head(schemeEntries.mutualTLS),
  oauth2: head(schemeEntries.oauth2),
  openIdConnect: head(schemeEntries.openIdConnect),
}
const described = { ignored: IGNORED, extensions: true }
const securityScheme = v.variant('type', [
  closed({ ...schemeEntries.apiKey, 'x-portcullis': v.optional(v.union([apiKeySchema, sessionSchema])) }, described),
  closed({ ...schemeEntries.http, 'x-portcullis': v.optional(v.union([jwtSchema, apiKeySchema, httpSignatureSchema])) }, described),
  closed({ ...schemeEntries.mutualTLS, 'x-portcullis': mutualTlsSchema }, described),
  closed({ ...schemeEntries.oauth2, 'x-portcullis': jwtSchema }, described),
  closed({ ...schemeEntries.openIdConnect, 'x-portcullis': jwtSchema }, described),
])

export const serversSchema = v.pipe(
  v.array(closed({ url: text }, { ignored: ['description', 'name', 'variables'], extensions: true })),
  v.maxLength(64, 'more than 64 servers'),
)
export const infoSchema = v.looseObject({ title: text })
const COMPONENTS = [
  'schemas',
  'responses',
  'parameters',
  'examples',
  'requestBodies',
  'headers',
  'links',
  'callbacks',
  'pathItems',
  'mediaTypes',
]
export const componentsHeadSchema = closed({}, { ignored: ['securitySchemes', ...COMPONENTS], extensions: true })
const openapi = v.pipe(
  v.string(),
  v.regex(/^3\.[12]\.[0-9]+(?:-[0-9A-Za-z.-]+)?$/u, 'expected an OpenAPI version of 3.1 or 3.2, such as "3.1.0"'),
)
const ROOT_IGNORED = ['webhooks', 'tags', 'externalDocs', 'jsonSchemaDialect', '$self', '$schema']
/** The root with its parts unread. */
export const rootHeadSchema = closed(
  { openapi },
  { ignored: ['info', 'servers', 'security', 'components', 'paths', 'x-portcullis', ...ROOT_IGNORED], extensions: true },
)

/** The whole document, for editors (`scripts/policy-schema.ts`); `parsePolicy` reads it part by part with the schemas above. */
export const documentSchema = closed(
  {
    openapi,
    info: infoSchema,
    servers: v.optional(serversSchema),
    security: v.optional(securitySchema),
    components: v.optional(
      closed(
        { securitySchemes: v.optional(named(v.union([closed({ $ref: text }), securityScheme]), NAME, 'a scheme')) },
        { ignored: COMPONENTS, extensions: true },
      ),
    ),
    paths: named(pathItemSchema, /^(?:\/|x-)/u, 'a path'),
    'x-portcullis': v.optional(rootExtension),
  },
  { ignored: ROOT_IGNORED, extensions: true },
)
