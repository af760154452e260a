import type { Alternative, Route, TermConfig } from '../../policy/policy.ts'
import type { SchemeConfig } from '../../schemes/index.ts'
import type { PortalParts } from './context.ts'

/** What stands in a command where the reader puts what only they have. */
export interface Holder {
  /** `https://host` of this gate. */
  readonly origin: string
  /** The secret itself where it was just made, else words that say which. */
  readonly secret: string
  /** Of the public key that signs. */
  readonly signingKeyId: string
}
/** One way to be let in: all its steps together. */
export interface Recipe {
  readonly title: string
  readonly steps: readonly string[]
  /** Absent: a browser does it. */
  readonly command?: string
}

const TITLES: Readonly<Record<SchemeConfig['kind'], string>> = {
  'api-key': 'an API key',
  'http-signature': 'a signed request',
  jwt: 'an access token',
  'mutual-tls': 'a client certificate',
  session: 'a browser session',
}

/** How to be let in to one operation, by each of its alternatives. */
export function recipesOf(route: Route, { schemes }: Pick<PortalParts['policy'], 'schemes'>, holder: Holder): readonly Recipe[] {
  return route.alternatives.map((alternative) => recipeOf(route, alternative, schemes, holder))
}

function recipeOf(route: Route, alternative: Alternative, schemes: readonly SchemeConfig[], holder: Holder): Recipe {
  const terms = alternative.flatMap((term) => schemes.filter(({ name }) => name === term.scheme).map((scheme) => ({ term, scheme })))
  if (terms.length === 0) return { title: 'Open to everybody', steps: ['No credential is needed.'], command: commandOf(route, [], holder) }
  const steps = terms.flatMap(({ term, scheme }) => [...stepsOf(scheme, holder), ...scopeSteps(term)])
  const title = `With ${terms.map(({ scheme }) => TITLES[scheme.kind]).join(' and ')}`
  const isBrowser = terms.some(({ scheme }) => scheme.kind === 'session')
  return isBrowser
    ? { title, steps }
    : {
        title,
        steps,
        command: commandOf(
          route,
          terms.map(({ scheme }) => scheme),
          holder,
        ),
      }
}

function stepsOf(scheme: SchemeConfig, { signingKeyId }: Holder): readonly string[] {
  switch (scheme.kind) {
    case 'api-key':
      return [`Send the secret of a key of your app ${placeOf(scheme.carrier)}.`]
    case 'jwt': {
      const [issuer] = scheme.issuers
      const from = issuer === undefined ? '' : ` of ${issuer.issuer} for ${issuer.audiences.join(' or ')}`
      return [`Send an access token${from} as Authorization: Bearer.`]
    }
    case 'mutual-tls':
      return ['Connect with a client certificate that this gate knows.']
    case 'session':
      return ['Sign in with a browser: the session’s cookie does the rest.']
    case 'http-signature':
      return [
        `Sign with the private key whose public half is ${signingKeyId} (RFC 9421), over ${scheme.components.join(', ')}${scheme.contentDigest === 'never' ? '' : ', and content-digest where there is content'}.`,
        `created: now, in seconds since the epoch; taken for ${scheme.maxAgeSeconds} seconds.${scheme.nonce ? ' nonce: something new for every request, which is taken once.' : ''}${scheme.tag === undefined ? '' : ` tag: ${scheme.tag}.`}`,
      ]
  }
}

function placeOf(carrier: Extract<SchemeConfig, { kind: 'api-key' }>['carrier']): string {
  switch (carrier.in) {
    case 'bearer':
      return 'as Authorization: Bearer'
    case 'header':
      return `in the header field ${carrier.name}`
    case 'query':
      return `in the query parameter ${carrier.name}`
    case 'cookie':
      return `in the cookie ${carrier.name}`
  }
}

function scopeSteps({ scopes }: TermConfig): readonly string[] {
  return scopes.length === 0 ? [] : [`It must allow ${scopes.join(', ')}.`]
}

/** Works as it stands, once the words for what only the reader has are replaced. */
function commandOf(route: Route, schemes: readonly SchemeConfig[], { origin, secret, signingKeyId }: Holder): string {
  const fields = schemes.flatMap((scheme) => fieldsOf(scheme, secret))
  const inQuery = schemes.flatMap((scheme) =>
    scheme.kind === 'api-key' && scheme.carrier.in === 'query' ? [`${scheme.carrier.name}=${secret}`] : [],
  )
  const certificate = schemes.some(({ kind }) => kind === 'mutual-tls') ? ['--cert client.pem --key client-key.pem'] : []
  const hasContent = ['POST', 'PUT', 'PATCH'].includes(route.method)
  const url = quote(origin + exampleOf(route.template) + (inQuery.length === 0 ? '' : `?${inQuery.join('&')}`))
  const method = hasContent ? (route.method === 'POST' ? [] : [`-X ${route.method}`]) : route.method === 'GET' ? [] : [`-X ${route.method}`]
  const content = hasContent ? ["-H 'Content-Type: application/json'", "--data '{}'"] : []
  const sent = [...method, ...certificate, ...fields.map((field) => `-H ${quote(field)}`), ...content]
  if (!schemes.some(({ kind }) => kind === 'http-signature')) return lines(['curl', ...sent, url])
  const covered = fields.flatMap((field) => [`--header ${quote(field)}`, `--cover ${field.split(':')[0]?.toLowerCase() ?? ''}`])
  const signed = [`--keyid ${quote(signingKeyId)}`, `--method ${route.method}`, ...(hasContent ? ["--data '{}'"] : []), ...covered]
  return `export PORTCULLIS_SIGNING_SECRET="$(cat private-key.jwk)"\n${lines(['npx portcullis sign', ...signed, url])} |\n  ${lines(['curl -H @-', ...sent, url])}`
}

function fieldsOf(scheme: SchemeConfig, secret: string): readonly string[] {
  if (scheme.kind === 'jwt') return ['Authorization: Bearer YOUR_ACCESS_TOKEN']
  if (scheme.kind !== 'api-key') return []
  switch (scheme.carrier.in) {
    case 'bearer':
      return [`Authorization: Bearer ${secret}`]
    case 'header':
      return [`${scheme.carrier.name}: ${secret}`]
    case 'cookie':
      return [`Cookie: ${scheme.carrier.name}=${secret}`]
    case 'query':
      return []
  }
}

/** `{id}` becomes something that a path can hold. */
export const exampleOf = (template: string): string => template.replaceAll(/\{[^}]*\}/gu, '42')

const lines = (parts: readonly string[]): string => parts.join(' \\\n  ').replace('curl \\\n  ', 'curl ').replace('sign \\\n  ', 'sign ')
/** For a POSIX shell: nothing in it is read as anything but itself. */
export const quote = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`

/** A command that shows whether a new key works: something that it may read by itself. */
export function trialOf(
  policy: Pick<PortalParts['policy'], 'routes' | 'schemes'>,
  scopes: readonly string[],
  holder: Holder,
): string | undefined {
  for (const route of policy.routes.filter(({ method }) => method === 'GET')) {
    for (const alternative of route.alternatives) {
      const [term, ...others] = alternative
      const scheme = policy.schemes.find(({ name }) => name === term?.scheme)
      if (others.length > 0 || scheme?.kind !== 'api-key' || term?.scopes.every((scope) => scopes.includes(scope)) !== true) continue
      return commandOf(route, [scheme], holder)
    }
  }
  return undefined
}
