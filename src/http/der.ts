/** One element of DER (X.690): tag, content and the whole of it, as views on the same bytes. */
export interface DerElement {
  readonly tag: number
  readonly content: Uint8Array<ArrayBuffer>
  /** Header and content. */
  readonly encoded: Uint8Array<ArrayBuffer>
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
} as const

/** Most elements read side by side: no certificate needs more, and a hostile one cannot ask for more. */
const MAX_ELEMENTS = 256

/**
 * The elements of `bytes`, which must end where the last one ends. Definite lengths in their shortest form and one-byte tags alone
 * (X.690 §10.1): another spelling of the same value is not DER. `undefined`: not that.
 */
export function readElements(bytes: Uint8Array<ArrayBuffer>): readonly DerElement[] | undefined {
  const elements: DerElement[] = []
  let offset = 0
  while (offset < bytes.length) {
    const element = elements.length < MAX_ELEMENTS ? readElement(bytes, offset) : undefined
    if (element === undefined) return undefined
    elements.push(element)
    offset += element.encoded.length
  }
  return elements
}

/** The elements inside one element of the given tag. */
export function readChildren(element: DerElement | undefined, tag: number): readonly DerElement[] | undefined {
  return element?.tag === tag ? readElements(element.content) : undefined
}

function readElement(bytes: Uint8Array<ArrayBuffer>, offset: number): DerElement | undefined {
  const tag = bytes[offset]
  const first = bytes[offset + 1]
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined
  const header = first < 0x80 ? { length: first, size: 2 } : readLongLength(bytes, offset, first & 0x7f)
  if (header === undefined || offset + header.size + header.length > bytes.length) return undefined
  const start = offset + header.size
  const end = start + header.length
  return { tag, content: bytes.subarray(start, end), encoded: bytes.subarray(offset, end) }
}

function readLongLength(bytes: Uint8Array<ArrayBuffer>, offset: number, count: number): { length: number; size: number } | undefined {
  // Zero is the indefinite form; three bytes are 16 MiB, more than anything that gets here.
  if (count === 0 || count > 3) return undefined
  let length = 0
  for (let index = 0; index < count; index++) {
    const byte = bytes[offset + 2 + index]
    if (byte === undefined) return undefined
    length = length * 256 + byte
  }
  const isShortest = length >= 0x80 && length >= 256 ** (count - 1)
  return isShortest ? { length, size: 2 + count } : undefined
}

/** Dotted form. `undefined`: empty, over-long arcs, or arcs not in their shortest form (X.690 §8.19). */
export function readObjectIdentifier(element: DerElement | undefined): string | undefined {
  if (element?.tag !== TAG.objectIdentifier || element.content.length === 0 || element.content.length > 32) return undefined
  const arcs: number[] = []
  let value = 0
  let isStart = true
  for (const byte of element.content) {
    if ((isStart && byte === 0x80) || value > 2 ** 45) return undefined
    value = value * 128 + (byte & 0x7f)
    isStart = byte < 0x80
    if (isStart) {
      arcs.push(value)
      value = 0
    }
  }
  const [first, ...rest] = arcs
  if (!isStart || first === undefined) return undefined
  const root = Math.min(Math.floor(first / 40), 2)
  return [root, first - root * 40, ...rest].join('.')
}

/** UTCTime and GeneralizedTime as RFC 5280 §4.1.2.5 has them: to the second, in Zulu time. Milliseconds since the epoch. */
export function readTime(element: DerElement | undefined): number | undefined {
  if (element?.tag !== TAG.utcTime && element?.tag !== TAG.generalizedTime) return undefined
  const text = String.fromCharCode(...element.content)
  const full = element.tag === TAG.generalizedTime ? text : `${text < '5' ? '20' : '19'}${text}`
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/u.exec(full)?.slice(1)
  if (parts === undefined) return undefined
  const [year, month, day, hour, minute, second] = parts
  const time = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`
  const milliseconds = Date.parse(time)
  // A day or hour that does not exist would be taken as another one.
  return !Number.isNaN(milliseconds) && new Date(milliseconds).toISOString() === time ? milliseconds : undefined
}
