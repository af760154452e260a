import {
  isInnerList,
  parseDictionary,
  parseItem,
  parseList,
  serializeDictionary,
  serializeInnerList,
  serializeItem,
  serializeList,
} from 'structured-headers'
import { encodeBase64 } from '../../http/base64url.ts'
import type { CanonicalUrl } from '../../http/canonical-url.ts'
import type { Component, SignatureCandidate } from './signature-fields.ts'

/** The parts of a request that a signature can cover. */
export interface SignedMessage {
  readonly method: string
  readonly target: CanonicalUrl
  readonly headers: Headers
}

/** RFC 9421 §2.5. `undefined`: a component is not in the message, or its value is ambiguous here. */
export function signatureBase(
  { components, signatureParams }: Pick<SignatureCandidate, 'components' | 'signatureParams'>,
  message: SignedMessage,
): string | undefined {
  let base = ''
  for (const component of components) {
    const value = valueOf(component, message)
    // The base is ASCII (RFC 9421 §2.5), and a line break in a value would be a line of its own.
    if (value === undefined || !PRINTABLE.test(value)) return undefined
    base += `${component.identifier}: ${value}\n`
  }
  return `${base}"@signature-params": ${signatureParams}`
}

const PRINTABLE = /^[\t\x20-\x7e]*$/u

function valueOf(component: Component, message: SignedMessage): string | undefined {
  return component.name.startsWith('@') ? derivedValue(component, message) : fieldValue(component, message.headers)
}

/** RFC 9421 §2.2, from the one form that matching and the origin share. */
function derivedValue({ name, parameter }: Component, { method, target }: SignedMessage): string | undefined {
  switch (name) {
    case '@method':
      return method
    case '@target-uri':
      return target.href
    case '@authority':
      return target.authority
    case '@scheme':
      return target.scheme
    case '@path':
      return target.path
    case '@query':
      return target.query === '' ? '?' : target.query
    case '@query-param':
      return parameter?.name === 'name' ? queryParameter(target.query, parameter.value) : undefined
    default:
      return undefined
  }
}

/** RFC 9421 §2.2.8: decoded as a form, encoded again. A name that comes twice has no one value. */
function queryParameter(query: string, encodedName: string): string | undefined {
  const values = [...new URLSearchParams(query)].filter(([name]) => encodeForm(name) === encodedName)
  const value = values[0]?.[1]
  // Bytes that are no UTF-8 all decode to the same character: they would be exchangeable.
  return values.length !== 1 || value === undefined || value.includes('\u{fffd}') ? undefined : encodeForm(value)
}

/** The `application/x-www-form-urlencoded` percent-encode set, with `%20` for a space. */
function encodeForm(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll(
    /[!'()~]/gu,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

/** RFC 9421 §2.1. Lines of one name have been joined with `, ` before they reach a Worker. */
function fieldValue({ name, parameter }: Component, headers: Headers): string | undefined {
  const field = headers.get(name)
  const value = field === null ? undefined : stripped(field)
  if (value === undefined || parameter === undefined) return value
  switch (parameter.name) {
    case 'bs':
      // Where the lines were cannot be known any more.
      return value.includes(',') ? undefined : `:${encodeBase64(new TextEncoder().encode(value))}:`
    case 'sf':
      return unlessMalformed(() => STRUCTURED[name]?.(value))
    case 'key':
      return unlessMalformed(() => memberValue(value, parameter.value))
    case 'name':
      return undefined
  }
}

/** Without spaces and tabs around it. Not `trim()`: that would take away characters which the origin still sees. */
function stripped(field: string): string {
  const isSpace = (index: number): boolean => field[index] === ' ' || field[index] === '\t'
  let [start, end] = [0, field.length]
  while (start < end && isSpace(start)) start++
  while (end > start && isSpace(end - 1)) end--
  return field.slice(start, end)
}

const dictionary = (value: string): string => serializeDictionary(parseDictionary(value))
const list = (value: string): string => serializeList(parseList(value))
const item = (value: string): string => serializeItem(parseItem(value))
/** `sf` needs the field's type (RFC 9421 §2.1.1); of any other field it is refused. */
const STRUCTURED: Readonly<Partial<Record<string, (value: string) => string>>> = {
  __proto__: null as never,
  'accept-signature': dictionary,
  'cache-status': list,
  'client-cert': item,
  'client-cert-chain': list,
  'content-digest': dictionary,
  priority: dictionary,
  'proxy-status': list,
  'repr-digest': dictionary,
  signature: dictionary,
  'signature-input': dictionary,
  'want-content-digest': dictionary,
  'want-repr-digest': dictionary,
}

function memberValue(field: string, key: string): string | undefined {
  const member = parseDictionary(field).get(key)
  if (member === undefined) return undefined
  return isInnerList(member) ? serializeInnerList(member) : serializeItem(member)
}

function unlessMalformed(serialize: () => string | undefined): string | undefined {
  try {
    return serialize()
  } catch {
    return undefined
  }
}
