import { createForms } from '../../src/control/pages/forms.ts'
import { ASSET_PATHS, assetResponse } from '../../src/control/pages/assets.ts'
import type { PortalParts, Visitor } from '../../src/control/portal/context.ts'
import { portalResponse } from '../../src/control/portal/portal.ts'
import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import type { Usage, UsageAsked } from '../../src/insight/insight.ts'
import { parsePolicy } from '../../src/policy/parse-policy.ts'
import { createMemoryAccounts } from './memory-accounts.ts'
import { policyDocument } from './policy-document.ts'

export const HOST = 'https://api.example.com'
export const START = Date.UTC(2026, 10, 25, 12, 30)
const ROOT = 'g1:Vq3n0m0d5b2n8K4rWc7Xy1Zt6Ls9Jh2Gf5Da8Pe3Ou0'

export function portalDocument() {
  const document = policyDocument()
  document.info.title = 'Orders'
  document['x-portcullis'].limits.monthly = { by: ['consumer'], quota: '1000/month' }
  document['x-portcullis'].plans = {
    free: { scopes: ['read'], limits: ['calls', 'monthly'] },
    gold: { scopes: ['read', 'write'], limits: ['calls'] },
    partner: { scopes: ['read'], limits: [] },
  }
  document.paths['/orders/{id}'].get.summary = 'Read an order'
  document.paths['/orders/{id}'].put.security = [{ app: ['write'], signed: [] }]
  return document
}

/** Requests by hour or day: `requests` in every step, of which `errors` were 429. */
function usageLike({ from, to, step, by = [] }: UsageAsked, requests: number, errors: number): Usage {
  const steps = Math.ceil((to - from) / { minute: 60_000, hour: 3_600_000, day: 86_400_000 }[step])
  const all = (each: number) => Array.from({ length: steps }, () => each)
  const group = (status: string, code: string, each: number) => ({
    key: { status, code },
    requests: each * steps,
    errors: status === '200' ? 0 : each * steps,
    series: all(each),
    latency: [],
  })
  const groups = by.length === 0 ? [] : [group('200', 'forwarded', requests - errors), group('429', 'rate-limited', errors)]
  const total = { requests: requests * steps, errors: errors * steps, series: all(requests), latency: [] }
  return { from, to, step, groups, total }
}

/** The portal over accounts in memory, as several people see it at once. */
export function createTestPortal(changes: Partial<PortalParts> = {}) {
  let now = START
  const most = { maxOrganisations: 2, maxApps: 2, maxKeys: 2 }
  const accounts = createMemoryAccounts(() => now, most)
  const parsed = parsePolicy(portalDocument(), { placeholders: 'forbid' })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  const { policy } = parsed
  const used = new Set<string>()
  const log: string[] = []
  const ended: string[] = []
  const announced: string[] = []
  const rates = { requests: 0, errors: 0, isFailing: false }
  const forms = createForms(parseRootSecret(ROOT, { gateway: 'test', environment: 'test' }), {
    async use({ scope, id }) {
      if (used.has(scope + id)) return 'replayed'
      used.add(scope + id)
      return 'fresh'
    },
  })
  const parts: PortalParts = {
    policy,
    portal: { scheme: 'web', plans: ['free', 'gold'], defaultPlan: 'free', ...most },
    accounts,
    insight: {
      async usage(asked) {
        if (rates.isFailing) throw new Error('the insight object is gone')
        return usageLike(asked, rates.requests, rates.errors)
      },
      async lastUsed() {
        return {}
      },
    },
    forms,
    async identify(request) {
      const name = /person=(\w+)/u.exec(request.headers.get('cookie') ?? '')?.[1]
      if (name !== undefined) return visitorNamed(name)
      const { pathname, search } = new URL(request.url)
      const login = `/.portcullis/login/acme?${new URLSearchParams({ return_to: pathname + search }).toString()}`
      return { response: Response.json({ title: 'No credential', code: 'credential-missing', login }, { status: 401 }) }
    },
    async signOutEverywhere({ sessionId }) {
      ended.push(sessionId)
    },
    announce: async (authority) => void announced.push(authority),
    meters: async () => [
      { name: 'monthly', kind: 'quota', count: 1000, used: 900, remaining: 100, lent: 0, endsAt: Date.UTC(2026, 11, 1) },
    ],
    now: () => now,
    log: (line) => log.push(line),
    ...changes,
  }
  const fetch = async (request: Request): Promise<Response> =>
    ASSET_PATHS.test(request.url) ? assetResponse(request) : portalResponse(parts, request)

  return {
    accounts,
    parts,
    log,
    ended,
    announced,
    rates,
    forms,
    fetch,
    at: (instant: number) => (now = instant),
    /** A browser of somebody who is signed in; without a name, of nobody. */
    as(name?: string) {
      const cookie: Record<string, string> = name === undefined ? {} : { cookie: `person=${name}` }
      const get = async (path: string): Promise<Response> => fetch(new Request(url(path), { headers: cookie }))
      const token = async (): Promise<string> => forms.token(`session-of-${name ?? ''}`, now)
      async function post(path: string, fields: Fields, headers: Record<string, string> = { origin: HOST }): Promise<Response> {
        const body = new URLSearchParams()
        for (const [field, value] of Object.entries({ token: await token(), ...fields }))
          for (const one of [value].flat()) body.append(field, one)
        return fetch(new Request(url(path), { method: 'POST', headers: { ...cookie, ...headers }, body }))
      }
      /** Where a form led to, below the portal. */
      async function made(path: string, fields: Fields): Promise<string> {
        const response = await post(path, fields)
        if (response.status !== 303) throw new Error(`${response.status} ${await response.text()}`)
        return new URL(response.headers.get('location') ?? '', HOST).pathname.slice('/.portcullis/portal'.length)
      }
      return { get, post, made, token }
    },
  }
}
type Fields = Readonly<Record<string, string | readonly string[]>>
const url = (path: string): string => `${HOST}/.portcullis/portal${path}`

export function visitorNamed(name: string): Visitor {
  return {
    sessionId: `session-of-${name}`,
    issuer: 'https://login.example.net',
    subject: name,
    names: [`person-${name}`],
    display: `${name}@example.com`,
    expiresAt: START + 3_600_000,
    requestId: 'r-1',
  }
}
