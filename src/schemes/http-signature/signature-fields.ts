import { type InnerList, isInnerList, type Item, parseDictionary, serializeInnerList } from 'structured-headers'
import { MAX_KEY_LENGTH } from '../../credentials/key-format.ts'

/** One signature of a message, with what it says of itself (RFC 9421 §2.3). */
export interface SignatureCandidate {
  readonly label: string
  readonly components: readonly Component[]
  /** The inner list and its parameters, strictly serialised: the value of `@signature-params`. */
  readonly signatureParams: string
  /** Seconds since the epoch. */
  readonly created: number
  /** Seconds since the epoch. */
  readonly expires?: number
  readonly keyid: string
  readonly nonce?: string
  readonly alg?: string
  readonly tag?: string
  readonly signature: Uint8Array<ArrayBuffer>
}
/** A component identifier (RFC 9421 §2): at most one of the parameters that a request can have. */
export interface Component {
  readonly name: string
  readonly parameter?: { readonly name: 'sf' | 'bs' } | { readonly name: 'key' | 'name'; readonly value: string }
  /** As it stands in the signature base, quotes included. */
  readonly identifier: string
}

export type SignatureFields =
  | { readonly status: 'absent' }
  | { readonly status: 'malformed'; readonly detail: string }
  /** A signature that is no good by itself leaves the others standing (RFC 9421 §4.3). */
  | { readonly status: 'read'; readonly candidates: readonly (SignatureCandidate | MalformedCandidate)[] }
export interface MalformedCandidate {
  readonly label: string
  readonly malformed: string
}

/** Longest `Signature-Input` and `Signature` looked at, in characters each. */
export const MAX_FIELD_LENGTH = 8192
/** Most signatures that one request may want verified. */
export const MAX_CANDIDATES = 4
/** Most components that one signature may cover. */
export const MAX_COMPONENTS = 32
const MAX_NONCE_BYTES = 256

/**
 * Reads the signatures that are this scheme's: those with its `tag`, or all where it has none. A label must stand in
 * both fields (RFC 9421 §4.2).
 */
export function readSignatureFields(headers: Headers, tag: string | undefined): SignatureFields {
  const [inputField, signatureField] = [headers.get('signature-input'), headers.get('signature')]
  if (inputField === null && signatureField === null) return { status: 'absent' }
  const [inputs, signatures] = [parse(inputField ?? ''), parse(signatureField ?? '')]
  if (inputs === undefined || signatures === undefined) return { status: 'malformed', detail: 'not a dictionary' }
  const ours = [...inputs].filter(([, input]) => tag === undefined || input[1].get('tag') === tag)
  if (ours.length === 0 && inputs.size > 0) return { status: 'absent' }
  const labels = new Set([...inputs.keys(), ...signatures.keys()])
  if (labels.size !== inputs.size || labels.size !== signatures.size)
    return { status: 'malformed', detail: 'a label is not in both fields' }
  if (ours.length === 0) return { status: 'malformed', detail: 'no signature' }
  if (ours.length > MAX_CANDIDATES) return { status: 'malformed', detail: 'too many signatures' }
  return { status: 'read', candidates: ours.map(([label, input]) => readCandidate(label, input, signatures.get(label))) }
}

function parse(field: string): Map<string, Item | InnerList> | undefined {
  if (field.length > MAX_FIELD_LENGTH) return undefined
  try {
    return parseDictionary(field)
  } catch {
    return undefined
  }
}

function readCandidate(
  label: string,
  input: Item | InnerList,
  member: Item | InnerList | undefined,
): SignatureCandidate | MalformedCandidate {
  const malformed = (detail: string): MalformedCandidate => ({ label, malformed: detail })
  const signature = member?.[0]
  if (!isInnerList(input) || !(signature instanceof ArrayBuffer)) return malformed('not an inner list and a byte sequence')
  if (input[0].length > MAX_COMPONENTS) return malformed('too many components')
  const components: Component[] = []
  for (const item of input[0]) {
    const component = readComponent(item)
    if (component === undefined) return malformed('a component that a request does not have or that we do not know')
    components.push(component)
  }
  if (new Set(components.map(({ identifier }) => identifier)).size !== components.length) return malformed('a component twice')
  const parameters = readParameters(input[1])
  if (typeof parameters === 'string') return malformed(parameters)
  return { label, components, signatureParams: serializeInnerList(input), ...parameters, signature: new Uint8Array(signature) }
}

/** Lower-case field names, and derived components of requests (RFC 9421 §2.2). */
const FIELD_NAME = /^[a-z0-9!#$%&'*+\-.^_`|~]{1,128}$/u
/** `@request-target` is left out: its form depends on how the connection was made, which nobody here can know. */
const DERIVED = new Set(['@method', '@target-uri', '@authority', '@scheme', '@path', '@query'])

/** `undefined`: `tr`, `req`, `@status`, several parameters, or anything unknown. */
function readComponent([name, parameters]: Item): Component | undefined {
  if (typeof name !== 'string' || parameters.size > 1) return undefined
  const [parameter] = parameters
  const isField = FIELD_NAME.test(name)
  if (parameter === undefined) return isField || DERIVED.has(name) ? { name, identifier: `"${name}"` } : undefined
  const [key, value] = parameter
  if (isField && (key === 'sf' || key === 'bs') && value === true) return { name, parameter: { name: key }, identifier: `"${name}";${key}` }
  const isMember = isField ? key === 'key' : name === '@query-param' && key === 'name'
  if (!isMember || typeof value !== 'string') return undefined
  const escaped = value.replaceAll(/["\\]/gu, String.raw`\$&`)
  return { name, parameter: { name: key as 'key' | 'name', value }, identifier: `"${name}";${key}="${escaped}"` }
}

/** A component as a policy writes it: `@path`, `content-type`, `@query-param;name="id"`. */
export function identifierOf(component: string): string {
  const end = component.indexOf(';')
  return end === -1 ? `"${component}"` : `"${component.slice(0, end)}"${component.slice(end)}`
}

type SignatureParameters = Pick<SignatureCandidate, 'created' | 'expires' | 'keyid' | 'nonce' | 'alg' | 'tag'>
type Types = Readonly<Record<keyof SignatureParameters, 'integer' | 'string'>>
const TYPES: Types = { created: 'integer', expires: 'integer', keyid: 'string', nonce: 'string', alg: 'string', tag: 'string' }

/** What is wrong, where something is. An unknown parameter could change the meaning of the others, so it is refused. */
function readParameters(parameters: InnerList[1]): SignatureParameters | string {
  for (const [name, value] of parameters) {
    if (!Object.hasOwn(TYPES, name)) return 'an unknown parameter'
    if (!isOfType(TYPES[name as keyof Types], value)) return `${name} is not of its type`
  }
  const read = Object.fromEntries(parameters) as unknown as Partial<SignatureParameters>
  const { created, expires, keyid = '', nonce } = read
  if (created === undefined) return 'created is missing'
  if (!isOfLength(keyid, MAX_KEY_LENGTH)) return 'keyid is missing or too long'
  if (nonce !== undefined && !isOfLength(nonce, MAX_NONCE_BYTES)) return 'nonce is empty or too long'
  if (expires !== undefined && expires < created) return 'expires before it is created'
  return { ...read, created, keyid }
}

const isOfLength = (text: string, most: number): boolean => text !== '' && text.length <= most
const isOfType = (type: 'integer' | 'string', value: unknown): boolean =>
  type === 'integer' ? Number.isSafeInteger(value) && Number(value) >= 0 : typeof value === 'string'
