import { MalformedXmlError, parseXml, type XmlReadOptions, type XmlRefusalCode } from './xml-parser.ts'
import { XML_LIMITS, type XmlElement } from './xml.ts'

export interface XmlRefusal {
  readonly status: 'refused'
  readonly code: XmlRefusalCode
  /** Where reading stopped: bytes from the beginning, from 0. */
  readonly byte: number
  /** From 1. */
  readonly line: number
}

/**
 * Reads a whole document of XML 1.0 with namespaces (XW-1, XW-4). Without document types and instructions there is nothing to expand and
 * nothing to fetch. Never throws.
 */
export function readXml(
  bytes: Uint8Array,
  options: XmlReadOptions = {},
): { readonly status: 'read'; readonly root: XmlElement } | XmlRefusal {
  if (bytes.length > XML_LIMITS.bytes) return refusalAt(bytes, 'too-long', XML_LIMITS.bytes)
  const text = decode(bytes)
  if (text === undefined) return refusalAt(bytes, 'encoding', firstBadByte(bytes))
  try {
    return { status: 'read', root: parseXml(text, options) }
  } catch (error) {
    if (!(error instanceof MalformedXmlError)) throw error
    return refusalAt(bytes, error.code, new TextEncoder().encode(text.slice(0, error.index)).length)
  }
}

/** Keeps a byte order mark, which the reader skips, so that positions are those of the bytes. */
function decode(bytes: Uint8Array, stream = false): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream })
  } catch {
    return undefined
  }
}

/** The longest beginning that may still become UTF-8 ends there. */
function firstBadByte(bytes: Uint8Array): number {
  let good = 0
  let bad = bytes.length
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    if (decode(bytes.subarray(0, middle), true) === undefined) bad = middle
    else good = middle
  }
  return good
}

function refusalAt(bytes: Uint8Array, code: XmlRefusalCode, byte: number): XmlRefusal {
  let line = 1
  for (let index = 0; index < byte; index++) if (bytes[index] === 0x0a) line++
  return { status: 'refused', code, byte, line }
}
