import type * as v from 'valibot'
import { canonicalize } from '../http/canonical-url.ts'
import type { originSchema, serversSchema } from './document.ts'
import { parseAttachToken } from './parse-identity.ts'
import type { OriginConfig } from './policy.ts'
import { pointerTo } from './problems.ts'
import { checkNames, checkUrl, isOpen, present, type Reading } from './reading.ts'

export interface Servers {
  /** Empty: any host. */
  readonly hosts: readonly string[]
  /** Without a slash at the end; empty for none. */
  readonly basePath: string
}

/** Hosts and the one base path of all servers. Without servers, or with a relative one alone, any host is answered. */
export function parseServers(documents: v.InferOutput<typeof serversSchema>, pointer: string, reading: Reading): Servers {
  const { problems } = reading
  const servers = documents.flatMap(({ url }, index) => {
    const place = pointerTo(pointer, index, 'url')
    if (isOpen(url, reading)) return []
    if (/[{}]/u.test(url)) {
      problems.error(place, 'server variables are not available', 'write one server for each value')
      return []
    }
    const isRelative = url.startsWith('/') && !url.startsWith('//')
    const parsed = isRelative ? { host: undefined, pathname: url } : checkUrl(url, place, { ...reading, isLocal: true })
    if (parsed === undefined) return []
    const path = isRelative ? url : url.replace(/^[^/]*\/\/[^/?#]*/u, '')
    const basePath = path.replace(/\/$/u, '')
    if (basePath !== '' && (basePath.includes('?') || canonicalize(`https://host.invalid${basePath}`).status === 'refused'))
      problems.error(place, 'no request can have this base path')
    return [{ host: parsed.host, basePath, place }]
  })
  const [first] = servers
  for (const { host, basePath, place } of servers) {
    if (basePath !== first?.basePath)
      problems.error(place, 'all servers must have the same base path', 'put what differs into another policy, or into the paths')
    if ((host === undefined) !== (first?.host === undefined))
      problems.error(place, 'relative and absolute servers do not go together: one answers any host, the other its own')
  }
  return { hosts: [...new Set(servers.flatMap(({ host }) => (host === undefined ? [] : [host])))], basePath: first?.basePath ?? '' }
}

export function parseOrigin(
  name: string,
  document: v.InferOutput<typeof originSchema>,
  pointer: string,
  schemes: ReadonlySet<string>,
  reading: Reading,
): OriginConfig {
  const { url, stripBasePath, timeouts, forwardCredentials, attachToken } = document
  const place = pointerTo(pointer, 'url')
  const parsed = checkUrl(url, place, reading)
  if (parsed !== undefined && parsed.href.replace(/\/$/u, '') !== url.replace(/\/$/u, ''))
    reading.problems.error(place, 'the URL is not in its normal form', 'lower-case host, no default port, no dot segments')
  checkNames(forwardCredentials ?? [], schemes, 'scheme', pointerTo(pointer, 'forwardCredentials'), reading)
  return {
    name,
    url,
    stripBasePath: stripBasePath ?? false,
    timeouts: { headersSeconds: timeouts?.headersSeconds ?? 30 },
    forwardCredentials: forwardCredentials ?? [],
    ...present(
      'attachToken',
      attachToken === undefined ? undefined : parseAttachToken(attachToken, pointerTo(pointer, 'attachToken'), reading),
    ),
  }
}
