import { describe, expect, test } from 'vitest'
import { compilePolicy, parsePolicy } from '../../src/policy/parse-policy.ts'
import type { Policy } from '../../src/policy/policy.ts'
import type { Problem } from '../../src/policy/problems.ts'
import { policyDocument, type PolicyDocument } from '../support/policy-document.ts'

type Change = (document: PolicyDocument) => void
function problemsOf(change: Change, isLocal = false): readonly Problem[] {
  const document = policyDocument()
  change(document)
  const result = parsePolicy(document, { placeholders: 'keep', isLocal })
  return result.ok ? result.warnings : result.problems
}
function policyOf(change: Change = () => {}): Policy {
  const document = policyDocument()
  change(document)
  const result = parsePolicy(document, { placeholders: 'keep' })
  if (!result.ok) throw new Error(JSON.stringify(result.problems))
  return result.policy
}
const scheme =
  (value: unknown): Change =>
  (d) =>
    void (d.components.securitySchemes.extra = value)
const extraOf = (value: unknown) => policyOf(scheme(value)).schemes[4]
const jwt =
  (extension: object): Change =>
  (d) =>
    Object.assign(d.components.securitySchemes.user['x-portcullis'], extension)
const ours =
  (extension: object): Change =>
  (d) =>
    Object.assign(d['x-portcullis'], extension)
const get =
  (operation: object): Change =>
  (d) =>
    Object.assign(d.paths['/orders/{id}'].get, operation)
const path =
  (name: string, operation: object = { security: [{}] }): Change =>
  (d) =>
    void (d.paths[name] = { get: operation })
const limit =
  (value: object): Change =>
  (d) =>
    Object.assign(d['x-portcullis'].limits.calls, value)
const consumer =
  (value: object): Change =>
  (d) =>
    void (d['x-portcullis'].consumers.acme = value)

const G = '/paths/~1orders~1{id}/get'
const USER = '/components/securitySchemes/user/x-portcullis'
const EXTRA = '/components/securitySchemes/extra'
const X = '/x-portcullis'
const HASH = `hmac-sha256:${'a'.repeat(64)}`

/** What is wrong, where it is said to be, and in which words. */
const ERRORS: readonly (readonly [name: string, change: Change, pointer: string, message: RegExp])[] = [
  // The document
  ['an OpenAPI version that is not ours', (d) => (d.openapi = '3.0.3'), '/openapi', /3\.1 or 3\.2/u],
  ['no title', (d) => delete d.info.title, '/info/title', /"title" is missing/u],
  ['no paths', (d) => delete d.paths, '', /paths must be an object/u],
  ['a list for paths', (d) => (d.paths = []), '/paths', /paths must be an object/u],
  ['an unknown field at the root', (d) => (d.securtiy = []), '/securtiy', /unknown field/u],
  ['a misspelt extension', (d) => (d['x-portculis'] = {}), '/x-portculis', /unknown field/u],
  ['an unknown field of ours', ours({ orgins: {} }), `${X}/orgins`, /unknown field/u],
  ['a name of Object.prototype as a field', ours({ toString: 1 }), `${X}/toString`, /unknown field/u],
  ['an unknown field at a path item', (d) => (d.paths['/status'].gett = {}), '/paths/~1status/gett', /unknown field/u],
  ['an unknown field at an operation', get({ secuirty: [] }), `${G}/secuirty`, /unknown field/u],
  ['an unknown field in a security scheme', scheme({ type: 'apiKey', in: 'header', name: 'X', inn: 1 }), `${EXTRA}/inn`, /unknown field/u],
  ['an unknown field of components', (d) => (d.components.securitySchema = {}), '/components/securitySchema', /unknown field/u],
  ['a name that would be dropped', ours({ limits: JSON.parse('{"__proto__":{"by":["address"],"rate":"1/second"}}') }), `${X}/limits/__proto__`, /not a name/u],
  // Servers
  ['server variables', (d) => (d.servers = [{ url: 'https://{region}.example.com' }]), '/servers/0/url', /variables/u],
  ['servers of two base paths', (d) => d.servers.push({ url: 'https://b.example.com/v2' }), '/servers/1/url', /same base path/u],
  ['a relative server beside an absolute one', (d) => d.servers.push({ url: '/v1' }), '/servers/1/url', /do not go together/u],
  ['a server that is not https', (d) => (d.servers[0].url = 'http://api.example.com/v1'), '/servers/0/url', /https/u],
  ['a base path no request can have', (d) => (d.servers = [{ url: 'https://a.example.com/v1/../v2' }]), '/servers/0/url', /base path/u],
  ['servers of a path', (d) => (d.paths['/status'].servers = []), '/paths/~1status/servers', /not available/u],
  ['servers of an operation', get({ servers: [] }), `${G}/servers`, /not available/u],
  ['an extension of nothing', (d) => (d['x-portcullis'] = null), X, /expected an object/u],
  ['an extension of a scheme of nothing', scheme({ type: 'apiKey', in: 'header', name: 'X', 'x-portcullis': null }), `${EXTRA}/x-portcullis`, /expected an object/u],
  // Security
  ['OA-6: no security anywhere', (d) => delete d.paths['/status'].get.security, '/paths/~1status/get', /no security/u],
  ['OA-5: an unknown scheme', get({ security: [{ usr: [] }] }), `${G}/security/0/usr`, /unknown security scheme/u],
  ['OA-5: a scheme by URI', get({ security: [{ '#/components/securitySchemes/user': [] }] }), `${G}/security/0/#~1components~1securitySchemes~1user`, /not by a URI/u],
  ['an unknown scheme at the root', (d) => (d.security = [{ nobody: [] }]), '/security/0/nobody', /unknown security scheme/u],
  ['a security that is no list', get({ security: { user: [] } }), `${G}/security`, /expected a list/u],
  ['a scope that is none', get({ security: [{ user: ['a b'] }] }), `${G}/security/0/user/0`, /not a scope/u],
  ['17 alternatives', get({ security: Array.from({ length: 17 }, () => ({ app: [] })) }), `${G}/security`, /more than 16/u],
  // Schemes
  ['an unknown type', scheme({ type: 'apikey' }), `${EXTRA}/type`, /expected a type/u],
  ['a scheme that is no object', scheme([]), EXTRA, /expected an object/u],
  ['an HTTP scheme we do not have', scheme({ type: 'http', scheme: 'basic' }), `${EXTRA}/scheme`, /not available/u],
  ['a bearer scheme without kind', scheme({ type: 'http', scheme: 'bearer' }), EXTRA, /must say what the token is/u],
  ...['introspection', 'webhook'].map((kind) => [`kind ${kind}`, scheme({ type: 'oauth2', 'x-portcullis': { kind } }), `${EXTRA}/x-portcullis/kind`, /not available in this version/u] as const),
  ['an unknown kind', scheme({ type: 'oauth2', 'x-portcullis': { kind: 'jwtt' } }), `${EXTRA}/x-portcullis/kind`, /unknown kind/u],
  ['a kind that is no string', scheme({ type: 'oauth2', 'x-portcullis': { kind: 1 } }), `${EXTRA}/x-portcullis/kind`, /expected jwt/u],
  ['a kind that the type cannot be', scheme({ type: 'mutualTLS', 'x-portcullis': { kind: 'jwt' } }), `${EXTRA}/x-portcullis/kind`, /cannot be of kind jwt/u],
  ['binding', jwt({ binding: ['dpop'] }), `${USER}/binding`, /not available in this version/u],
  ['JW-12: no issuer', (d) => delete d.components.securitySchemes.user['x-portcullis'].issuer, USER, /exactly one of issuer and issuers/u],
  ['issuer and issuers', jwt({ issuers: [{ issuer: 'https://b.example.com' }] }), USER, /exactly one of issuer and issuers/u],
  ['JW-11: no audience', (d) => delete d.components.securitySchemes.user['x-portcullis'].audience, USER, /audience is needed/u],
  ['an empty list of audiences', jwt({ audience: [] }), `${USER}/audience`, /list|empty|string/u],
  ['audience and audiences', jwt({ audiences: ['b'] }), USER, /keep one/u],
  ['a key set without https', jwt({ jwksUri: 'http://idp.example.com/jwks' }), `${USER}/jwksUri`, /https/u],
  ['metadata with user information', jwt({ metadataUrl: 'https://a:b@idp.example.com/' }), `${USER}/metadataUrl`, /user information/u],
  ['a discovery URL that is none', (d) => (d.components.securitySchemes.user.openIdConnectUrl = 'idp'), '/components/securitySchemes/user/openIdConnectUrl', /not an absolute URL/u],
  ['JB-1: the algorithm none', jwt({ algorithms: ['none'] }), `${USER}/algorithms/0`, /asymmetric/u],
  ['JB-2: an HMAC algorithm', jwt({ algorithms: ['HS256'] }), `${USER}/algorithms/0`, /asymmetric/u],
  ['no algorithm', jwt({ algorithms: [] }), `${USER}/algorithms`, /empty/u],
  ['a tolerance over its bound', jwt({ clockToleranceSeconds: 301 }), `${USER}/clockToleranceSeconds`, /at most 300/u],
  ['a token size over its bound', jwt({ maxTokenBytes: 16_385 }), `${USER}/maxTokenBytes`, /at most 16384/u],
  ['a consumer other than any', jwt({ consumer: 'acme' }), `${USER}/consumer`, /expected any/u],
  ['AK-7: a key in a query', scheme({ type: 'apiKey', in: 'query', name: 'key' }), `${EXTRA}/in`, /AK-7/u],
  ['AK-7: a key in a cookie', scheme({ type: 'apiKey', in: 'cookie', name: 'key' }), `${EXTRA}/in`, /AK-7/u],
  ['a key in a field of other meaning', scheme({ type: 'apiKey', in: 'header', name: 'X-Forwarded-For' }), `${EXTRA}/name`, /another meaning/u],
  ['a field name that is none', scheme({ type: 'apiKey', in: 'header', name: 'X Key' }), `${EXTRA}/name`, /not a field name/u],
  ['HS-10: components without the target', scheme({ type: 'http', scheme: 'signature', 'x-portcullis': { components: ['@method', '@path'] } }), `${EXTRA}/x-portcullis/components`, /must cover/u],
  ['HS-3: a component twice', scheme({ type: 'http', scheme: 'Signature', 'x-portcullis': { components: ['@method', '@target-uri', 'date', 'date'] } }), `${EXTRA}/x-portcullis/components/3`, /twice/u],
  ['an unknown component', scheme({ type: 'http', scheme: 'Signature', 'x-portcullis': { components: ['@method', '@target-uri', '@status'] } }), `${EXTRA}/x-portcullis/components/2`, /unknown component/u],
  ['an age over its bound', scheme({ type: 'http', scheme: 'Signature', 'x-portcullis': { maxAgeSeconds: 3601 } }), `${EXTRA}/x-portcullis/maxAgeSeconds`, /at most 3600/u],
  ['mutual-tls without an issuer', scheme({ type: 'mutualTLS' }), `${EXTRA}/x-portcullis/issuers`, /missing/u],
  ['mutual-tls with no issuer in the list', scheme({ type: 'mutualTLS', 'x-portcullis': { issuers: [] } }), `${EXTRA}/x-portcullis/issuers`, /empty/u],
  ['a pinned issuer of nothing', scheme({ type: 'mutualTLS', 'x-portcullis': { issuers: [{}] } }), `${EXTRA}/x-portcullis/issuers/0`, /ski or subject/u],
  ['a ski that is not hexadecimal', scheme({ type: 'mutualTLS', 'x-portcullis': { issuers: [{ ski: 'xyz' }] } }), `${EXTRA}/x-portcullis/issuers/0/ski`, /hexadecimal/u],
  ['an identity of nothing', scheme({ type: 'mutualTLS', 'x-portcullis': { issuers: [{ ski: 'ab'.repeat(20) }], identities: [{ scopes: [] }] } }), `${EXTRA}/x-portcullis/identities/0`, /needs one of/u],
  ['an identity with a pattern', scheme({ type: 'mutualTLS', 'x-portcullis': { issuers: [{ ski: 'ab'.repeat(20) }], identities: [{ uri: 'spiffe://a/*' }] } }), `${EXTRA}/x-portcullis/identities/0/uri`, /patterns/u],
  ['an identity of an unknown consumer', scheme({ type: 'mutualTLS', 'x-portcullis': { issuers: [{ ski: 'ab'.repeat(20) }], identities: [{ dns: 'a.example', consumer: 'acne' }] } }), `${EXTRA}/x-portcullis/identities/0/consumer`, /unknown consumer/u],
  // Limits, plans, consumers
  ['a limit of nothing', (d) => delete d['x-portcullis'].limits.calls.rate, `${X}/limits/calls`, /rate or a quota/u],
  ['a rate in other words', limit({ rate: '20 per second' }), `${X}/limits/calls/rate`, /expected such as/u],
  ['a rate of 0', limit({ rate: '0/second' }), `${X}/limits/calls/rate`, /expected such as/u],
  ['a rate over 31 days', limit({ rate: '1/32 days' }), `${X}/limits/calls/rate`, /31 days/u],
  ['a quota per fortnight', limit({ quota: '1/fortnight' }), `${X}/limits/calls/quota`, /expected such as/u],
  ['a time zone without a quota', limit({ timeZone: 'Europe/Berlin' }), `${X}/limits/calls/timeZone`, /belongs to a quota/u],
  ['a time zone that is none', limit({ quota: '1/day', timeZone: 'Europe/Bremen' }), `${X}/limits/calls/timeZone`, /IANA/u],
  ['a time zone that is an offset', limit({ quota: '1/day', timeZone: '+01:00' }), `${X}/limits/calls/timeZone`, /IANA/u],
  ['a time zone of hours', limit({ quota: '1/hour', timeZone: 'Europe/Berlin' }), `${X}/limits/calls/timeZone`, /counted in UTC/u],
  ['a burst without a rate', (d) => (d['x-portcullis'].limits.calls = { by: ['address'], quota: '1/day', burst: 2 }), `${X}/limits/calls/burst`, /belongs to a rate/u],
  ['a subject that is none', limit({ by: ['user'] }), `${X}/limits/calls/by/0`, /expected address/u],
  ['a subject joined to itself', limit({ by: ['route*route', 'address'] }), `${X}/limits/calls/by/0`, /twice/u],
  ['nothing to count by', limit({ by: [] }), `${X}/limits/calls/by`, /empty/u],
  ['a cost of 0', get({ 'x-portcullis': { cost: 0 } }), `${G}/x-portcullis/cost`, /at least 1/u],
  ['a cost over 1000', get({ 'x-portcullis': { cost: 1001 } }), `${G}/x-portcullis/cost`, /at most 1000/u],
  ['a cost of a half', get({ 'x-portcullis': { cost: 1.5 } }), `${G}/x-portcullis/cost`, /whole/u],
  ['a cost that no burst admits', (d) => { limit({ rate: '100/second', burst: 4 })(d); get({ 'x-portcullis': { limits: ['calls'], cost: 5 } })(d) }, `${G}/x-portcullis/cost`, /cost of 5 never fits the limit "calls", whose burst is 4/u],
  ['a cost that no quota admits', (d) => { limit({ rate: '9/second', quota: '4/day' })(d); get({ 'x-portcullis': { limits: ['calls'], cost: 5 } })(d) }, `${G}/x-portcullis/cost`, /whose quota is 4/u],
  ['a cost that a plan never admits', (d) => { limit({ rate: '4/second' })(d); ours({ plans: { free: { limits: ['calls'] } } })(d); get({ 'x-portcullis': { limits: [], cost: 5 } })(d) }, `${G}/x-portcullis/cost`, /whose burst is 4/u],
  ['a cost of the defaults that a route’s limit never admits', (d) => { limit({ rate: '4/second' })(d); d['x-portcullis'].defaults.cost = 5; get({ 'x-portcullis': { limits: ['calls'] } })(d) }, G, /whose burst is 4/u],
  ['numbers of an unknown limit', ours({ consumers: { acme: { limits: { cals: { rate: '1/second' } } } } }), `${X}/consumers/acme/limits/cals`, /unknown limit/u],
  ['numbers of a limit that others share', (d) => { limit({ by: ['address', 'consumer'] })(d); ours({ consumers: { acme: { limits: { calls: { burst: 1 } } } } })(d) }, `${X}/consumers/acme/limits/calls`, /does not count by consumer/u],
  ['numbers that replace nothing', (d) => { limit({ by: ['consumer', 'subject'] })(d); ours({ consumers: { acme: { limits: { calls: {} } } } })(d) }, `${X}/consumers/acme/limits/calls`, /replaces nothing/u],
  ['a quota for a limit without one', (d) => { limit({ by: ['consumer', 'subject'] })(d); ours({ consumers: { acme: { limits: { calls: { quota: '1/day' } } } } })(d) }, `${X}/consumers/acme/limits/calls`, /no quota/u],
  ['a cost that a consumer’s own burst never admits', (d) => { limit({ by: ['consumer', 'subject'] })(d); ours({ consumers: { acme: { limits: { calls: { burst: 4 } } } } })(d); get({ 'x-portcullis': { limits: ['calls'], cost: 5 } })(d) }, `${G}/x-portcullis/cost`, /whose burst is 4 for the consumer "acme"/u],
  ['an unknown limit of a route', get({ 'x-portcullis': { limits: ['cals'] } }), `${G}/x-portcullis/limits/0`, /unknown limit "cals"/u],
  ['an unknown limit of a plan', ours({ plans: { free: { limits: ['cals'] } } }), `${X}/plans/free/limits/0`, /unknown limit/u],
  ['an unknown limit of the defaults', ours({ defaults: { origin: 'main', limits: ['cals'] } }), `${X}/defaults/limits/0`, /unknown limit/u],
  ['an unknown plan', consumer({ plan: 'fre' }), `${X}/consumers/acme/plan`, /unknown plan/u],
  ['an unknown plan of a key', consumer({ keys: [{ id: 'k', hash: HASH, plan: 'x' }] }), `${X}/consumers/acme/keys/0/plan`, /unknown plan/u],
  ['a hash in another form', consumer({ keys: [{ id: 'k', hash: 'sha256:00' }] }), `${X}/consumers/acme/keys/0/hash`, /hmac-sha256/u],
  ['a secret in the policy', consumer({ signingKeys: [{ keyid: 'k', secret: 'A'.repeat(43) }] }), `${X}/consumers/acme/signingKeys/0/secret`, /never stands in a policy/u],
  ['a signing key of nothing', consumer({ signingKeys: [{ keyid: 'k' }] }), `${X}/consumers/acme/signingKeys/0`, /exactly one/u],
  ['a private key', consumer({ signingKeys: [{ keyid: 'k', jwk: { kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43), d: 'x' } }] }), `${X}/consumers/acme/signingKeys/0/jwk/d`, /unknown field/u],
  ['a public key of 31 bytes', consumer({ signingKeys: [{ keyid: 'k', jwk: { kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(42) } }] }), `${X}/consumers/acme/signingKeys/0/jwk/x`, /32 bytes/u],
  ['a keyid twice', ours({ consumers: { a: { signingKeys: [{ keyid: 'k', secret: '${A}' }] }, b: { signingKeys: [{ keyid: 'k', secret: '${B}' }] } } }), `${X}/consumers/b/signingKeys/0/keyid`, /already declared/u],
  ['a client twice', ours({ consumers: { a: { clients: [{ issuer: 'i', clientId: 'c' }] }, b: { clients: [{ issuer: 'i', clientId: 'c' }] } } }), `${X}/consumers/b/clients/0`, /already declared/u],
  ['a certificate twice', ours({ consumers: { a: { certificates: [{ dns: 'a.b' }] }, b: { certificates: [{ dns: 'a.b' }] } } }), `${X}/consumers/b/certificates/0`, /already declared/u],
  ['a bound of 0', ours({ revocation: { boundSeconds: 0 } }), `${X}/revocation/boundSeconds`, /at least 1/u],
  ['a bound of 61', ours({ revocation: { boundSeconds: 61 } }), `${X}/revocation/boundSeconds`, /at most 60/u],
  ['a grace of -1', ours({ revocation: { graceSeconds: -1 } }), `${X}/revocation/graceSeconds`, /at least 0/u],
  ['a grace of 301', ours({ revocation: { graceSeconds: 301 } }), `${X}/revocation/graceSeconds`, /at most 300/u],
  ['unknownPaths in other words', ours({ unknownPaths: 'deny' }), `${X}/unknownPaths`, /not-found, authenticate/u],
  // Origins
  ['no origin', (d) => delete d['x-portcullis'].defaults, G, /no origin/u],
  ['an unknown origin', get({ 'x-portcullis': { origin: 'man' } }), `${G}/x-portcullis/origin`, /unknown origin/u],
  ['an origin without https', ours({ origins: { main: { url: 'http://o.example.com' } } }), `${X}/origins/main/url`, /https/u],
  ['a loopback origin', ours({ origins: { main: { url: 'http://127.0.0.1:8080' } } }), `${X}/origins/main/url`, /https/u],
  ['an origin with a query', ours({ origins: { main: { url: 'https://o.example.com/?a' } } }), `${X}/origins/main/url`, /query/u],
  ['an origin with a fragment', ours({ origins: { main: { url: 'https://o.example.com/#a' } } }), `${X}/origins/main/url`, /fragment/u],
  ['an origin with user information', ours({ origins: { main: { url: 'https://a:b@o.example.com' } } }), `${X}/origins/main/url`, /user information/u],
  ['an origin not in normal form', ours({ origins: { main: { url: 'https://o.example.com/a/../b' } } }), `${X}/origins/main/url`, /normal form/u],
  ['a timeout of 0', ours({ origins: { main: { url: 'https://o.example.com', timeouts: { headersSeconds: 0 } } } }), `${X}/origins/main/timeouts/headersSeconds`, /at least 1/u],
  ['a timeout of 301', ours({ origins: { main: { url: 'https://o.example.com', timeouts: { headersSeconds: 301 } } } }), `${X}/origins/main/timeouts/headersSeconds`, /at most 300/u],
  ['an unknown scheme to forward', ours({ origins: { main: { url: 'https://o.example.com', forwardCredentials: ['usr'] } } }), `${X}/origins/main/forwardCredentials/0`, /unknown scheme/u],
  // Routes
  ['OA-9: ambiguous templates', path('/orders/{x}'), '/paths/~1orders~1{x}', /same paths as \/orders\/\{id\}/u],
  ['OA-9: one template in two spellings', (d) => Object.assign(d.paths, { '/a:b': d.paths['/status'], '/a%3Ab': d.paths['/status'] }), '/paths/~1a%3Ab', /same paths/u],
  ['{rest+} in the middle', path('/a/{rest+}/b'), '/paths/~1a~1{rest+}~1b', /last segment/u],
  ['a parameter inside a segment', path('/a{id}'), '/paths/~1a{id}', /whole segment/u],
  ['a parameter twice', path('/{id}/{id}'), '/paths/~1{id}~1{id}', /twice/u],
  ['a path without a slash', path('a'), '/paths/a', /starts with/u],
  ...['/a//b', '/a/../b', '/a%2fb', '/a%zz', '/a b', '/%61'].map((name) => [`a path that is refused: ${name}`, path(name), `/paths/${name.replaceAll('/', '~1')}`, /no request can match/u] as const),
  ['the gate’s own path', (d) => { delete d.servers; d.paths['/.portcullis/x'] = d.paths['/status'] }, '/paths/~1.portcullis~1x', /reserved/u],
  ['the gate’s own metadata', (d) => { delete d.servers; d.paths['/.well-known/Portcullis'] = d.paths['/status'] }, '/paths/~1.well-known~1Portcullis', /reserved/u],
  ['an operationId twice', (d) => { d.paths['/status'].get.operationId = 'a'; d.paths['/orders/{id}'].get.operationId = 'a' }, '/paths/~1status/get/operationId', /already/u],
  ['TRACE', (d) => (d.paths['/status'].trace = { security: [{}] }), '/paths/~1status/trace', /never forwarded/u],
  ['CONNECT', (d) => (d.paths['/status'].additionalOperations = { CONNECT: { security: [{}] } }), '/paths/~1status/additionalOperations/CONNECT', /never forwarded/u],
  ['an additional GET', (d) => (d.paths['/status'].additionalOperations = { GET: { security: [{}] } }), '/paths/~1status/additionalOperations/GET', /field of its own/u],
  ['a declared parameter that the template lacks', get({ parameters: [{ name: 'idd', in: 'path' }] }), `${G}/parameters/0/name`, /unknown path parameter/u],
  ['a limit that cannot count the public', (d) => (d.paths['/status'].get['x-portcullis'] = { limits: ['calls'] }), '/paths/~1status/get/x-portcullis/limits', /cannot count anonymous/u],
  ['a limit by consumer where a token may name none', (d) => { limit({ by: ['consumer'] })(d) }, `${G}/x-portcullis/limits`, /cannot count user/u],
  ['"*" beside an origin', get({ 'x-portcullis': { cors: { origins: ['*', 'https://a.example'] } } }), `${G}/x-portcullis/cors/origins`, /stands alone/u],
  ['OW-8: "*" with credentials', get({ 'x-portcullis': { cors: { origins: ['*'], credentials: true } } }), `${G}/x-portcullis/cors`, /every site/u],
  ['an unknown field of cors', get({ 'x-portcullis': { cors: { origins: ['*'], credential: true } } }), `${G}/x-portcullis/cors/credential`, /unknown field/u],
  // Conditions
  ['a condition on an unknown scheme', get({ 'x-portcullis': { require: { usr: { acrValues: ['a'] } } } }), `${G}/x-portcullis/require/usr`, /unknown scheme/u],
  ['a condition on a scheme that is not asked for', get({ 'x-portcullis': { require: { signed: { acrValues: ['a'] } } } }), `${G}/x-portcullis/require/signed`, /never hold anyone up/u],
  ['a condition on an unknown path parameter', get({ 'x-portcullis': { require: { user: { pathParameters: { idd: 'sub' } } } } }), `${G}/x-portcullis/require/user/pathParameters/idd`, /unknown path parameter/u],
  ['an empty condition', get({ 'x-portcullis': { require: { user: {} } } }), `${G}/x-portcullis/require/user`, /requires nothing/u],
  ['a claim whose name would be dropped', get({ 'x-portcullis': { require: { user: { claims: JSON.parse('{"constructor":"x"}') } } } }), `${G}/x-portcullis/require/user/claims/constructor`, /not allowed/u],
  ['a condition at a path item', (d) => (d.paths['/orders/{id}']['x-portcullis'] = { require: {} }), '/paths/~1orders~1{id}/x-portcullis/require', /unknown field/u],
  // References
  ['a remote $ref', (d) => (d.paths['/r'] = { $ref: 'https://example.com/x.json' }), '/paths/~1r', /must be local/u],
  ['a $ref to nothing', (d) => (d.paths['/r'] = { $ref: '#/components/pathItems/none' }), '/paths/~1r', /nothing is at/u],
  ['a $ref in a circle', (d) => { d.components.pathItems = { a: { $ref: '#/components/pathItems/b' }, b: { $ref: '#/components/pathItems/a' } }; d.paths['/r'] = { $ref: '#/components/pathItems/a' } }, '/paths/~1r', /circle/u],
  ['fields beside a $ref', (d) => { d.components.pathItems = { a: { get: { security: [{}] } } }; d.paths['/r'] = { $ref: '#/components/pathItems/a', post: {} } }, '/paths/~1r', /beside a \$ref/u],
  ['a fault behind a $ref, said where it is', (d) => { d.components.pathItems = { a: { get: { security: [{ no: [] }] } } }; d.paths['/r'] = { $ref: '#/components/pathItems/a' } }, '/components/pathItems/a/get/security/0/no', /unknown security scheme/u],
] // prettier-ignore

describe('parsePolicy() refuses', () => {
  test.each(ERRORS)('%s', (_name, change, pointer, message) => {
    const problems = problemsOf(change).filter(({ severity }) => severity === 'error')
    expect(problems).toContainEqual(expect.objectContaining({ pointer, message: expect.stringMatching(message) }))
  })

  test('what is no object at all', () => {
    for (const document of [undefined, null, 'x', [], 1])
      expect(parsePolicy(document, { placeholders: 'keep' })).toMatchObject({ ok: false })
  })

  test('all problems at once, those of form and of meaning together', () => {
    const problems = problemsOf((d) => {
      for (const change of [
        ours({ orgins: {} }),
        get({ security: [{ usr: [] }] }),
        limit({ rate: 'x' }),
        path('/a{b}'),
        jwt({ algorithms: ['none'], audiance: 1 }),
      ])
        change(d)
    })
    expect(problems.map(({ pointer }) => pointer)).toEqual(
      expect.arrayContaining([
        `${X}/orgins`,
        `${G}/security/0/usr`,
        `${X}/limits/calls/rate`,
        '/paths/~1a{b}',
        `${USER}/algorithms/0`,
        `${USER}/audiance`,
      ]),
    )
  })

  test('what is broken is not called unknown as well', () => {
    const problems = problemsOf(limit({ rate: 'x' }))
    expect(problems.filter(({ severity }) => severity === 'error').map(({ pointer }) => pointer)).toEqual([`${X}/limits/calls/rate`])
  })

  test('with "did you mean"', () => {
    expect(problemsOf(get({ security: [{ usr: [] }] }))[0]?.suggestion).toBe('did you mean "user"?')
    expect(problemsOf(ours({ orgins: {} }))[0]?.suggestion).toBe('did you mean "origins"?')
  })
})

describe('parsePolicy()', () => {
  test('fills in every default', () => {
    const policy = policyOf()
    expect(policy).toMatchObject({
      title: 'Test',
      hosts: ['api.example.com'],
      unknownPaths: 'not-found',
      revocation: { boundSeconds: 5, graceSeconds: 0 },
    })
    expect(policy.schemes[0]).toEqual({
      kind: 'jwt',
      name: 'user',
      issuers: [
        {
          issuer: 'https://idp.example.com',
          metadataUrl: 'https://idp.example.com/.well-known/openid-configuration',
          audiences: ['https://api.example.com'],
          algorithms: ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA', 'Ed25519'],
        },
      ],
      tokenType: 'at+jwt',
      scopeClaim: 'scope',
      clockToleranceSeconds: 30,
      maxTokenBytes: 8192,
      consumerOptional: false,
    })
    expect(policy.schemes[1]).toEqual({
      kind: 'api-key',
      name: 'app',
      carrier: { in: 'header', name: 'X-API-Key' },
      purpose: 'api',
      consumerOptional: false,
    })
    expect(policy.schemes[2]).toMatchObject({
      kind: 'http-signature',
      components: ['@method', '@authority', '@path', '@query'],
      nonce: true,
      maxAgeSeconds: 300,
    })
    expect(policy.schemes[3]).toMatchObject({ kind: 'mutual-tls', issuers: [{ ski: 'abcdef0011223344' }], identities: [] })
    expect(policy.limits).toEqual([
      {
        name: 'calls',
        by: [['consumer'], ['subject']],
        rate: { count: 20, seconds: 1, burst: 20 },
        chargeOn: 'request',
        consistency: 'leased',
        onOutage: 'local',
      },
      {
        name: 'shield',
        by: [['address']],
        rate: { count: 100, seconds: 10, burst: 200 },
        chargeOn: 'request',
        consistency: 'leased',
        onOutage: 'local',
      },
    ])
    expect(policy.consumers).toEqual([{ name: 'acme', plan: 'free', limits: [], clients: [], certificates: [], keys: [], signingKeys: [] }])
    expect(policy.routes[0]).toEqual({
      id: 'GET /orders/{id}',
      method: 'GET',
      template: '/v1/orders/{id}',
      basePath: '/v1',
      alternatives: [[{ scheme: 'user', scopes: ['read'] }], [{ scheme: 'app', scopes: [] }], [{ scheme: 'service', scopes: [] }]],
      origin: 'main',
      limits: ['shield', 'calls'],
      cost: 1,
      forwardCredentials: [],
    })
  })

  test('no consumers declared is not the same as none', () => {
    expect(policyOf((d) => delete d['x-portcullis'].consumers).consumers).toBeUndefined()
    expect(policyOf(ours({ consumers: {} })).consumers).toEqual([])
  })

  test('OA-2: a conjunction keeps its terms and their order', () => {
    expect(policyOf().routes[1]?.alternatives).toEqual([[{ scheme: 'app', scopes: [] }, { scheme: 'signed', scopes: [] }]]) // prettier-ignore
  })

  test("OA-3: an operation's list replaces the root's; [] and {} are public", () => {
    const policy = policyOf((d) => {
      d.security = [{ app: [] }]
      d.paths['/inherits'] = { get: {} }
      d.paths['/empty'] = { get: { security: [] } }
    })
    const of = (id: string) => policy.routes.find((route) => route.id === id)?.alternatives
    expect(of('GET /inherits')).toEqual([[{ scheme: 'app', scopes: [] }]])
    expect(of('GET /empty')).toEqual([[]])
    expect(of('GET /status')).toEqual([[]])
    expect(of('GET /orders/{id}')).toHaveLength(3)
  })

  test('settings: root, path item, operation; lists replace', () => {
    const policy = policyOf((d) => {
      Object.assign(d['x-portcullis'].defaults, { limits: ['shield'], maxBodyBytes: 1, cors: { origins: ['*'] } })
      d['x-portcullis'].origins.other = { url: 'https://other.example.com' }
      d.paths['/status']['x-portcullis'] = { limits: [], maxBodyBytes: 2 }
      d.paths['/status'].get['x-portcullis'] = { origin: 'other', cors: false }
    })
    expect(policy.routes[2]).toEqual(expect.objectContaining({ limits: [], maxBodyBytes: 2, origin: 'other' }))
    expect(policy.routes[2]?.cors).toBeUndefined()
    expect(policy.routes[1]).toMatchObject({
      limits: ['shield'],
      maxBodyBytes: 1,
      cors: { origins: ['*'], allowHeaders: [], exposeHeaders: [], credentials: false, maxAgeSeconds: 600 },
    })
  })

  test('conditions stand at every term of their scheme', () => {
    const require = { user: { claims: { tenant: ['a', 'b'] }, pathParameters: { id: 'order' }, acrValues: ['2fa'], maxAgeSeconds: 60 } }
    const policy = policyOf(get({ security: [{ user: [] }, { user: [], app: [] }], 'x-portcullis': { require } }))
    expect(policy.routes[0]?.alternatives.map(([term]) => term?.require)).toEqual([require.user, require.user])
    expect(policy.routes[0]?.alternatives[1]?.[1]).toEqual({ scheme: 'app', scopes: [] })
  })

  test('kinds from the type, and consumer: any', () => {
    expect(extraOf({ type: 'http', scheme: 'BEARER', 'x-portcullis': { kind: 'api-key' } })).toMatchObject({
      kind: 'api-key',
      carrier: { in: 'bearer' },
    })
    expect(extraOf({ type: 'oauth2', flows: {}, 'x-portcullis': { issuer: 'https://i.example', audience: ['a', 'b'] } })).toMatchObject({
      kind: 'jwt',
    })
    expect(extraOf({ type: 'apiKey', in: 'query', name: 'k', 'x-portcullis': { allowOutsideHeader: true } })).toMatchObject({
      carrier: { in: 'query', name: 'k' },
    })
    expect(extraOf({ type: 'http', scheme: 'signature', 'x-portcullis': { consumer: 'any' } })).toMatchObject({ consumerOptional: true })
  })

  test('JB-6: each of several issuers has its own keys; audiences and algorithms are inherited', () => {
    const several = {
      issuer: undefined,
      issuers: [{ issuer: 'https://a.example' }, { issuer: 'https://b.example', audience: 'b', jwksUri: 'https://b.example/jwks' }],
      algorithms: ['ES256'],
    }
    const config = policyOf(jwt(several)).schemes[0]
    expect(config?.kind === 'jwt' && config.issuers).toEqual([
      { issuer: 'https://a.example', audiences: ['https://api.example.com'], algorithms: ['ES256'] },
      { issuer: 'https://b.example', jwksUri: 'https://b.example/jwks', audiences: ['b'], algorithms: ['ES256'] },
    ])
  })

  test.each([
    ['20/second', { count: 20, seconds: 1 }],
    ['100/10 seconds', { count: 100, seconds: 10 }],
    ['5/minute', { count: 5, seconds: 60 }],
    ['7/2 hours', { count: 7, seconds: 7200 }],
    ['1/31 days', { count: 1, seconds: 2_678_400 }],
  ])('rate %s', (rate, expected) => {
    expect(policyOf(limit({ rate })).limits[0]?.rate).toEqual({ ...expected, burst: expected.count })
  })

  test('a cost is 1, or what the root, the path or the operation says; a limit of just as much admits it', () => {
    const policy = policyOf((d) => {
      limit({ rate: '5/second', quota: '5/day' })(d)
      d['x-portcullis'].defaults.cost = 3
      get({ 'x-portcullis': { limits: ['calls'], cost: 5 } })(d)
      d.paths['/status']['x-portcullis'] = { cost: 2 }
    })
    expect(policy.routes.find(({ template }) => template.endsWith('/status'))?.cost).toBe(2)
    expect(policy.routes.map(({ cost }) => cost)).toEqual(expect.arrayContaining([5, 3, 2]))
    expect(policyOf(() => undefined).routes.every(({ cost }) => cost === 1)).toBe(true)
  })

  test('a consumer’s own numbers replace those of the limit, and nothing else', () => {
    const ownOf = (own: object) =>
      policyOf((d) => {
        limit({ by: ['consumer', 'subject'], rate: '5/second', burst: 9, quota: '5/day', timeZone: 'Europe/Berlin' })(d)
        ours({ consumers: { acme: { limits: { calls: own } } } })(d)
      })
    const { limits, consumers } = ownOf({ quota: '7/day' })
    const [calls] = limits
    expect(consumers?.[0]?.limits).toEqual([{ ...calls, quota: { count: 7, period: 'day', timeZone: 'Europe/Berlin' } }])
    expect(ownOf({ rate: '6/second' }).consumers?.[0]?.limits).toEqual([{ ...calls, rate: { count: 6, seconds: 1, burst: 6 } }])
    expect(ownOf({ burst: 3 }).consumers?.[0]?.limits).toEqual([{ ...calls, rate: { count: 5, seconds: 1, burst: 3 } }])
  })

  test('a quota keeps its time zone', () => {
    const { limits } = policyOf(limit({ quota: '9/week', timeZone: 'Asia/Kathmandu' }))
    expect(limits[0]?.quota).toEqual({ count: 9, period: 'week', timeZone: 'Asia/Kathmandu' })
  })

  test('a quota alone is charged on success, with a rate on request', () => {
    const quota = policyOf((d) => (d['x-portcullis'].limits.calls = { by: ['subject*route'], quota: '1000000/month' }))
    expect(quota.limits[0]).toEqual({
      name: 'calls',
      by: [['subject', 'route']],
      quota: { count: 1_000_000, period: 'month' },
      chargeOn: 'success',
      consistency: 'leased',
      onOutage: 'closed',
    })
    expect(policyOf(limit({ quota: '9/day' })).limits[0]?.chargeOn).toBe('request')
  })

  test('a limit by consumer counts a token that stands beside a key', () => {
    expect(policyOf((d) => {
      limit({ by: ['consumer'] })(d)
      get({ security: [{ user: [], app: [] }] })(d)
    }).routes).toHaveLength(3) // prettier-ignore
  })

  test('loopback in portcullis dev alone', () => {
    const change = ours({ origins: { main: { url: 'http://127.0.0.1:8080' } } })
    expect(problemsOf(change, true)).toEqual([])
    expect(problemsOf(ours({ origins: { main: { url: 'http://10.0.0.1' } } }), true)).not.toEqual([])
  })

  test('servers: many hosts, none, or relative', () => {
    expect(policyOf((d) => d.servers.push({ url: 'https://B.example.com:8443/v1/' })).hosts).toEqual([
      'api.example.com',
      'b.example.com:8443',
    ])
    expect(policyOf((d) => delete d.servers)).toMatchObject({ hosts: [], routes: [{ basePath: '', template: '/orders/{id}' }, {}, {}] })
    expect(policyOf((d) => (d.servers = [{ url: '/v2' }]))).toMatchObject({ hosts: [], routes: [{ template: '/v2/orders/{id}' }, {}, {}] })
  })

  test('what OpenAPI says besides is passed over', () => {
    const document = policyDocument()
    Object.assign(document.paths['/status'].get, { summary: '${X}', responses: { 200: {} }, tags: ['a'], 'x-other': 1 })
    document.components.schemas = { a: { properties: { constructor: {} } } }
    const result = compilePolicy(document, { placeholders: 'keep' })
    expect(result.ok && (result.document as PolicyDocument).paths['/status']).toEqual({
      get: { security: [{}], summary: '${X}' },
    })
  })

  test('references are resolved, and the compiled document says the same', () => {
    const document = policyDocument()
    document.components.pathItems = {
      status: { get: { security: [{}], operationId: 'ref' }, additionalOperations: { PURGE: { security: [{ app: [] }] } } },
    }
    document.components.securitySchemes.alias = { $ref: '#/components/securitySchemes/app' }
    document.paths['/r/{id}'] = { $ref: '#/components/pathItems/status' }
    document.components.parameters = { id: { name: 'id', in: 'path', required: true } }
    document.components.pathItems.status.parameters = [{ $ref: '#/components/parameters/id' }]
    const first = compilePolicy(document, { placeholders: 'keep' })
    if (!first.ok) throw new Error(JSON.stringify(first.problems))
    expect(first.policy.routes.map(({ id }) => id)).toContain('PURGE /r/{id}')
    expect(JSON.stringify(first.document)).not.toContain('$ref')
    const second = compilePolicy(JSON.parse(JSON.stringify(first.document)), { placeholders: 'keep' })
    expect(second).toMatchObject({ ok: true, policy: first.policy, document: first.document })
  })

  test('warns of what stands nowhere', () => {
    const problems = problemsOf((d) => {
      scheme({ type: 'apiKey', in: 'header', name: 'X' })(d)
      d['x-portcullis'].origins.spare = { url: 'https://spare.example.com' }
      d['x-portcullis'].limits.spare = { by: ['address'], rate: '1/second' }
      consumer({ clients: [{ issuer: 'https://else.example', clientId: 'c' }] })(d)
    })
    expect(problems.map(({ severity, pointer }) => `${severity} ${pointer}`)).toEqual([
      `warning ${EXTRA}`,
      `warning ${X}/origins/spare`,
      `warning ${X}/limits/spare`,
      `warning ${X}/consumers/acme/clients/0/issuer`,
    ])
    expect(problemsOf((d) => (d.paths = {})).map(({ message }) => message)).toContain('no route is declared: every request is refused')
  })
})
