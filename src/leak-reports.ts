import type { ControlPlaneParts } from './control-plane.ts'
import { json, methodNotAllowed } from './control/json-call.ts'
import { createLeaks } from './control/leaks.ts'
import { createScannerKeys } from './control/scanner-keys.ts'
import { KEY_PATTERNS } from './credentials/key-patterns.ts'
import type { Accounts } from './directory/accounts.ts'
import { createKeyLookUp } from './directory/looked-up-keys.ts'
import { problemResponse } from './http/problem.ts'
import { CALL_MS, within } from './http/object-call.ts'
import { createEvents } from './insight/events.ts'
import { FEED_NAME } from './revocation/feed.ts'

type Route = readonly [path: RegExp, handle: (request: Request) => Promise<Response>]

const FORMAT = /^https?:\/\/[^/?#]+\/\.well-known\/portcullis\/key-format\.json(?:\?|$)/u
const LEAKS = /^https?:\/\/[^/?#]+\/\.portcullis\/leaks(?:\?|$)/u

/** How keys look, for whoever searches for them; and where scanners tell of those that they found (docs/api-keys.md, "Leaks"). */
export function leakReportRoutes(parts: ControlPlaneParts, accounts: Pick<Accounts, 'revokeKey'>): readonly Route[] {
  const { environment, bindings, directory, revocations, dependencies, limiter, now, log } = parts
  const scanners = environment.policy.control?.secretScanning ?? []
  const format: Route = [FORMAT, async ({ method }) => formatResponse(method)]
  if (scanners.length === 0) return [format]
  const leaks = createLeaks({
    scannerKeys: createScannerKeys({ scanners, fetch: dependencies.fetch, now }),
    rootSecret: environment.rootSecret,
    directory,
    lookUp: createKeyLookUp(bindings.DIRECTORY),
    accounts,
    revoke: async (entry, authority) => {
      await within(bindings.REVOCATIONS.getByName(FEED_NAME).append([entry]), CALL_MS, 'the revocation feed')
      await revocations.announce?.(authority)
    },
    emit: async (events) => createEvents(bindings.EVENTS).emit(events),
    limiter,
    now,
    log,
  })
  return [format, [LEAKS, leaks]]
}

/** The same for every gate: it says nothing of this one. */
function formatResponse(method: string): Response {
  if (method !== 'GET' && method !== 'HEAD') return problemResponse(methodNotAllowed('GET, HEAD'))
  const response = json(200, { patterns: KEY_PATTERNS })
  response.headers.set('cache-control', 'public, max-age=86400')
  return method === 'HEAD' ? new Response(null, response) : response
}
