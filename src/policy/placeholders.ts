import { isObject } from './closed-schema.ts'
import { pointerTo, type Problems } from './problems.ts'

/** Fields whose strings may hold `${NAME}` (docs/policy.md, "placeholders"); `*` is any one token. */
export const MARKED_FIELDS: readonly string[] = [
  '/servers/*/url',
  '/x-portcullis/origins/*/url',
  '/x-portcullis/consumers/*/clients/*/issuer',
  '/x-portcullis/consumers/*/clients/*/clientId',
  '/x-portcullis/consumers/*/certificates/*/uri',
  '/x-portcullis/consumers/*/certificates/*/dns',
  '/x-portcullis/consumers/*/certificates/*/subject',
  '/x-portcullis/consumers/*/certificates/*/sha256',
  '/x-portcullis/consumers/*/keys/*/hash',
  '/x-portcullis/consumers/*/signingKeys/*/secret',
  '/x-portcullis/origins/*/attachToken/resource',
  '/x-portcullis/origins/*/attachToken/exchange/resource',
  '/x-portcullis/origins/*/attachToken/exchange/audience',
  ...[
    'issuer',
    'clientId',
    'tenants/*',
    'resource',
    'clientAuthentication/clientSecret',
    'clientAuthentication/privateKey',
    'entityId',
    'serviceProviderEntityId',
    'singleSignOn/url',
    'singleLogout/url',
    'singleLogout/responseUrl',
    'certificates/*',
    'certificate',
    'privateKey',
  ].map((field) => `/x-portcullis/identityProviders/*/${field}`),
  '/components/securitySchemes/*/openIdConnectUrl',
  '/components/securitySchemes/*/oauth2MetadataUrl',
  ...['', '/issuers/*'].flatMap((prefix) =>
    ['issuer', 'audience', 'audience/*', 'audiences', 'audiences/*', 'jwksUri', 'metadataUrl'].map(
      (field) => `/components/securitySchemes/*/x-portcullis${prefix}/${field}`,
    ),
  ),
  '/components/securitySchemes/*/x-portcullis/issuers/*/ski',
  '/components/securitySchemes/*/x-portcullis/issuers/*/subject',
  ...['uri', 'dns', 'subject', 'sha256'].map((field) => `/components/securitySchemes/*/x-portcullis/identities/*/${field}`),
]
const SECRET_FIELDS: readonly string[] = [
  '/x-portcullis/consumers/*/signingKeys/*/secret',
  ...['clientAuthentication/clientSecret', 'clientAuthentication/privateKey', 'privateKey'].map(
    (field) => `/x-portcullis/identityProviders/*/${field}`,
  ),
]
const NAMES = /\$\{([A-Z][A-Z0-9_]{0,63})\}/gu
/** The gate's own settings, its root secret among them, are nobody's placeholder. */
const RESERVED = /^PORTCULLIS_/u

interface Trie {
  readonly children: Map<string, Trie>
  isEnd: boolean
}
const MARKED = trieOf(MARKED_FIELDS)
const SECRET = trieOf(SECRET_FIELDS)

function trieOf(patterns: readonly string[]): Trie {
  const root: Trie = { children: new Map(), isEnd: false }
  for (const pattern of patterns) {
    let node = root
    for (const token of pattern.slice(1).split('/')) {
      const child: Trie = node.children.get(token) ?? { children: new Map(), isEnd: false }
      node.children.set(token, child)
      node = child
    }
    node.isEnd = true
  }
  return root
}
const childOf = (trie: Trie | undefined, token: string | number): Trie | undefined =>
  trie?.children.get(String(token)) ?? trie?.children.get('*')

/** Calls back for every string at a marked field, and gives a copy with what it returned. The rest is shared. */
function mapMarked(
  value: unknown,
  trie: Trie,
  pointer: string,
  map: (text: string, pointer: string, isSecret: boolean) => string,
  secret: Trie | undefined,
): unknown {
  if (typeof value === 'string') return trie.isEnd ? map(value, pointer, secret?.isEnd === true) : value
  if (Array.isArray(value)) {
    return value.map((item, index) => {
      const child = childOf(trie, index)
      return child === undefined ? item : mapMarked(item, child, pointerTo(pointer, index), map, childOf(secret, index))
    })
  }
  if (!isObject(value)) return value
  const entries = Object.entries(value).map(([key, item]): [string, unknown] => {
    const child = childOf(trie, key)
    return [key, child === undefined ? item : mapMarked(item, child, pointerTo(pointer, key), map, childOf(secret, key))]
  })
  return Object.fromEntries(entries)
}

export interface Placeholder {
  readonly name: string
  readonly pointer: string
  /** It stands where a secret is expected. */
  readonly isSecret: boolean
}

export function listPlaceholders(document: unknown): readonly Placeholder[] {
  const found: Placeholder[] = []
  const note = (text: string, pointer: string, isSecret: boolean): string => {
    for (const [, name = ''] of text.matchAll(NAMES)) found.push({ name, pointer, isSecret })
    return text
  }
  mapMarked(document, MARKED, '', note, SECRET)
  return found
}

export interface Filled {
  readonly document: unknown
  readonly missing: readonly { readonly pointer: string; readonly name: string }[]
}

/** Puts values into the parsed strings of marked fields, once: what a value holds is not looked at again. */
export function fillPlaceholders(document: unknown, values: Readonly<Record<string, string>>): Filled {
  const missing: { pointer: string; name: string }[] = []
  const fill = (text: string, pointer: string): string =>
    text.replaceAll(NAMES, (placeholder, name: string) => {
      const value = Object.hasOwn(values, name) && !RESERVED.test(name) ? values[name] : undefined
      if (value === undefined) missing.push({ pointer, name })
      return value ?? placeholder
    })
  return { document: mapMarked(document, MARKED, '', fill, SECRET), missing }
}

/** Where `${` must not stand, and names that are used both as a secret and in the open. */
export function checkPlaceholders(document: unknown, keepsPlaceholders: boolean, problems: Problems): void {
  for (const [pointer, value] of partsOf(document)) checkStrings(value, trieAt(pointer), pointer, keepsPlaceholders, problems)
  const placeholders = listPlaceholders(document)
  const secrets = new Set(placeholders.filter(({ isSecret }) => isSecret).map(({ name }) => name))
  for (const { name, pointer, isSecret } of placeholders) {
    if (RESERVED.test(name)) problems.error(pointer, `${name} is the gate's own and cannot be a placeholder`)
    else if (!isSecret && secrets.has(name))
      problems.error(pointer, `${name} is a secret elsewhere: it may stand only where a secret is expected`)
  }
}

/** What the gate reads: descriptions, examples and schemas may say `${` as they like. */
function partsOf(document: unknown): [string, unknown][] {
  if (!isObject(document)) return []
  const { components, paths } = document
  const parts: [string, unknown][] = ['/servers', '/security', '/x-portcullis'].map((pointer) => [pointer, document[pointer.slice(1)]])
  if (isObject(components)) parts.push(['/components/securitySchemes', components['securitySchemes']])
  const items = isObject(components) && isObject(components['pathItems']) ? components['pathItems'] : {}
  for (const [at, container] of [['/paths', paths], ['/components/pathItems', items]] as const) parts.push(...partsOfPaths(at, container)) // prettier-ignore
  return parts
}
function partsOfPaths(at: string, paths: unknown): [string, unknown][] {
  const items = membersOf(at, paths)
  const operations = items.flatMap(([pointer, item]) => membersOf(pointer, item))
  const additional = operations
    .filter(([pointer]) => pointer.endsWith('/additionalOperations'))
    .flatMap(([pointer, methods]) => membersOf(pointer, methods))
  const read = [...items, ...operations, ...additional].flatMap(([pointer, value]) =>
    membersOf(pointer, value).filter(([, , key]) => key === 'operationId' || key === 'security' || key === 'x-portcullis'),
  )
  return [
    ...items.map(([pointer, , path]): [string, unknown] => [pointer, path]),
    ...read.map(([pointer, value]): [string, unknown] => [pointer, value]),
  ]
}
function membersOf(pointer: string, value: unknown): [pointer: string, value: unknown, key: string][] {
  return isObject(value) ? Object.entries(value).map(([key, member]) => [pointerTo(pointer, key), member, key]) : []
}

function trieAt(pointer: string): Trie | undefined {
  let trie: Trie | undefined = MARKED
  for (const token of pointer.slice(1).split('/')) trie = childOf(trie, token)
  return trie
}

const ELSEWHERE = 'a placeholder may not stand here (docs/policy.md, "placeholders")'
function checkStrings(value: unknown, trie: Trie | undefined, pointer: string, keepsPlaceholders: boolean, problems: Problems): void {
  if (typeof value === 'string') {
    if (!value.includes('${')) return
    if (!keepsPlaceholders) problems.error(pointer, 'a placeholder is left')
    else if (trie?.isEnd !== true) problems.error(pointer, ELSEWHERE)
    else if (value.replaceAll(NAMES, '').includes('${'))
      problems.error(pointer, 'not a placeholder', 'write ${NAME}: capital letters, digits and "_"') // oxlint-disable-line no-template-curly-in-string -- a placeholder
    return
  }
  if (typeof value !== 'object' || value === null) return
  for (const [key, item] of Object.entries(value)) {
    if (key === 'description' && typeof item === 'string') continue
    if (key.includes('${')) problems.error(pointerTo(pointer, key), ELSEWHERE)
    checkStrings(item, childOf(trie, key), pointerTo(pointer, key), keepsPlaceholders, problems)
  }
}
