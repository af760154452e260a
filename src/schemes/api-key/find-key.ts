import type { ApiKeyConfig } from './config.ts'

export type FoundKey = { readonly status: 'found'; readonly key: string } | { readonly status: 'ambiguous' | 'malformed' }

/** Longest carrier field that is looked at, in characters. */
const MAX_FIELD_LENGTH = 8192

/** The key where the scheme says that it travels (AK-7). `undefined`: there is none, or it is recognisably another scheme's. */
export function findKey(carrier: ApiKeyConfig['carrier'], prefix: string, request: Request): FoundKey | undefined {
  switch (carrier.in) {
    case 'header':
      return fromHeader(request.headers.get(carrier.name))
    case 'bearer':
      return fromBearer(request.headers.get('authorization'), prefix)
    case 'query':
      return fromList(new URL(request.url).searchParams.getAll(carrier.name))
    case 'cookie':
      return fromList(cookieValues(request.headers.get('cookie') ?? '', carrier.name))
  }
}

/** The same field twice arrives joined by a comma, which no key holds. */
function fromHeader(field: string | null): FoundKey | undefined {
  if (field === null) return undefined
  return field.includes(',') ? { status: 'ambiguous' } : fromValue(field)
}

function fromValue(value: string): FoundKey {
  const isKey = value !== '' && value.length <= MAX_FIELD_LENGTH && !/[\s,]/u.test(value)
  return isKey ? { status: 'found', key: value } : { status: 'malformed' }
}

/** A bearer credential without our prefix is a token: another scheme's. */
function fromBearer(field: string | null, prefix: string): FoundKey | undefined {
  const match = /^bearer +(.*)$/iu.exec(field ?? '')
  if (match === null || match[1] === undefined || !match[1].startsWith(`${prefix}_`)) return undefined
  return fromHeader(match[1])
}

function fromList(values: readonly string[]): FoundKey | undefined {
  const [key, ...more] = values
  if (key === undefined) return undefined
  return more.length > 0 ? { status: 'ambiguous' } : fromValue(key)
}

function cookieValues(field: string, name: string): string[] {
  return field
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1))
}
