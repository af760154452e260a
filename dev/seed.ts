import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { personName } from '../src/sessions/person-name.ts'
import { DAY_MS, plausibleTraffic, type Caller } from './traffic.ts'

/** Rows of one import. */
const MAX_ROWS = 1000
const ORDER = 'GET /orders/{id}'
/** Another machine, as far as the gate can tell: all of 127.0.0.0/8 is this one. */
export const STRANGER = '127.0.0.66'
const GUESSES = 24

export interface SeedOptions {
  readonly gateUrl: string
  readonly adminKey: string
  /** Of the OpenID provider whose demo user is the owner. */
  readonly issuer: string
  /** Where it is kept what was seeded, with the secrets of the keys. */
  readonly path: string
}
/** What the pages have to show. */
export interface Seeded {
  readonly organisation: string
  readonly apps: { readonly dashboard: SeededApp; readonly scanner: SeededApp; readonly exporter: SeededApp }
  /** Up to when there is traffic. Milliseconds since the epoch. */
  readonly until: number
}
interface SeededApp {
  readonly id: string
  readonly key: SeededKey
}
interface SeededKey {
  readonly id: string
  readonly secret: string
}
type Call = <Value>(method: string, path: string, body?: unknown) => Promise<Value>

/** A small organisation with a day of traffic, through the admin API as anybody would. A second start adds what is missing since. */
export async function seed(options: SeedOptions): Promise<Seeded> {
  const call = adminCalls(options)
  const known = await knownSeed(options.path, call)
  const seeded = known ?? { ...(await found(options, call)), until: 0 }
  const now = Math.floor(Date.now() / 60_000) * 60_000
  const from = Math.max(seeded.until, now - DAY_MS)
  const rows = plausibleTraffic(callersOf(seeded), from, now)
  for (let part = 0; part * MAX_ROWS < rows.length; part += 1)
    await call('POST', '/usage/import', { id: `demo-${from}-${part}`, rows: rows.slice(part * MAX_ROWS, (part + 1) * MAX_ROWS) })
  const kept = { ...seeded, until: now }
  writeFileSync(options.path, JSON.stringify(kept), { mode: 0o600 })
  await Promise.all(realCalls(options.gateUrl, kept))
  if (known === undefined) await guess(options.gateUrl)
  return kept
}

async function knownSeed(path: string, call: Call): Promise<Seeded | undefined> {
  if (!existsSync(path)) return undefined
  const seeded = JSON.parse(readFileSync(path, 'utf8')) as Seeded
  return call('GET', `/organisations/${seeded.organisation}`).then(
    () => seeded,
    () => undefined,
  )
}

async function found({ issuer }: SeedOptions, call: Call): Promise<Omit<Seeded, 'until'>> {
  const [owner, developer] = await Promise.all(['demo', 'dev'].map(async (name) => personName(issuer, name)))
  const { id: organisation } = await call<{ id: string }>('POST', '/organisations', {
    name: 'Acme Robotics',
    owner: { person: owner, display: 'demo@example.com' },
  })
  await call('PUT', `/organisations/${organisation}/members/${developer}`, { role: 'developer', display: 'dev@example.com' })
  await call('POST', `/organisations/${organisation}/invitations`, { note: 'Sam, who audits us in December', role: 'viewer' })
  const app = async (name: string, plan: string, description: string): Promise<string> =>
    (await call<{ id: string }>('POST', '/apps', { organisation, name, plan, description })).id
  const key = async (of: string, name: string): Promise<SeededKey> => call('POST', `/apps/${of}/keys`, { name })
  const dashboard = await app('Fleet dashboard', 'gold', 'Shows every robot and the order that it is on.')
  const scanner = await app('Warehouse scanner', 'free', 'Hand-held scanners look up what is on a pallet.')
  const exporter = await app('Nightly export', 'free', 'Copies the orders of the day into the warehouse of data.')
  const { id: old } = await key(dashboard, 'Staging')
  await call('DELETE', `/keys/${old}?reason=laptop+lost`)
  const first = await key(scanner, 'Scanners, 2025')
  const second = await call<SeededKey>('POST', `/keys/${first.id}/rotate`, { overlapSeconds: 7 * 86_400 })
  return {
    organisation,
    apps: {
      dashboard: { id: dashboard, key: await key(dashboard, 'Production') },
      scanner: { id: scanner, key: second },
      exporter: { id: exporter, key: await key(exporter, 'Cron') },
    },
  }
}

const credentialOf = ({ id, key }: SeededApp) => ({ consumer: id, credential: key.id })
function callersOf({ apps }: Seeded): readonly Caller[] {
  return [
    {
      ...credentialOf(apps.dashboard),
      rhythm: 'office',
      most: 34,
      routes: { [ORDER]: 0.8, 'PUT /orders/{id}': 0.12, 'GET /metered': 0.06 },
      refusals: [['scope-insufficient', 403, 0.004]],
    },
    {
      ...credentialOf(apps.scanner),
      rhythm: 'always',
      most: 21,
      routes: { [ORDER]: 0.97 },
      refusals: [
        ['rate-exceeded', 429, 0.02],
        ['credential-expired', 401, 0.006],
      ],
    },
    { ...credentialOf(apps.exporter), rhythm: 'nightly', most: 60, routes: { [ORDER]: 1 }, refusals: [['quota-exceeded', 429, 0.03]] },
    {
      consumer: 'acme',
      credential: '',
      rhythm: 'office',
      most: 9,
      routes: { 'POST /payments': 0.7, [ORDER]: 0.3 },
      refusals: [['replayed', 401, 0.01]],
    },
    {
      consumer: '',
      credential: '',
      rhythm: 'always',
      most: 3,
      routes: { 'GET /status': 0.8 },
      refusals: [
        ['credential-missing', 401, 0.12],
        ['credential-rejected', 401, 0.05],
        ['route-unknown', 404, 0.06],
      ],
    },
  ]
}

/** So that the newest decisions are some, of several kinds. */
function realCalls(gateUrl: string, { apps }: Seeded): readonly Promise<unknown>[] {
  const ask = async (path: string, app?: SeededApp, init: RequestInit = {}): Promise<unknown> =>
    (await fetch(gateUrl + path, { ...init, headers: app === undefined ? {} : { 'x-api-key': app.key.secret } })).text()
  const { dashboard, scanner, exporter } = apps
  return [
    ...[4711, 4712, 42, 4713, 7].map(async (id) => ask(`/v1/orders/${id}`, dashboard)),
    ...[815, 816, 42].map(async (id) => ask(`/v1/orders/${id}`, scanner)),
    ask('/v1/orders/1', exporter),
    ask('/v1/metered', dashboard),
    ask('/v1/reports', scanner),
    ask('/v1/orders/42'),
    ask('/v1/status'),
    ask('/v1/robots'),
  ]
}

/** Somebody tries keys that nobody issued: an anomaly, found and answered by the gate itself. */
async function guess(gateUrl: string): Promise<void> {
  for (let attempt = 0; attempt < GUESSES; attempt += 1) {
    const key = `pck_${String(attempt).padStart(10, '0')}_${crypto.randomUUID().slice(0, 10)}`
    await new Promise<void>((resolve, reject) => {
      const asked = request(`${gateUrl}/v1/orders/${attempt}`, {
        localAddress: STRANGER,
        headers: { 'x-api-key': key, 'user-agent': 'python-requests/2.32' },
      })
      asked.on('response', (response) => response.resume().once('end', resolve)).once('error', reject)
      asked.end()
    }).catch(() => undefined)
  }
}

function adminCalls({ gateUrl, adminKey }: SeedOptions): Call {
  return async <Value>(method: string, path: string, body?: unknown): Promise<Value> => {
    const response = await fetch(`${gateUrl}/.portcullis/admin/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${adminKey}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`the gate did not take ${method} ${path}: ${response.status} ${text}`)
    return (text === '' ? {} : JSON.parse(text)) as Value
  }
}
