import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import { createIdentity } from '../../src/identity/identity.ts'
import type { IdentityProviderConfig, OpenIdProviderConfig } from '../../src/policy/identity-providers.ts'
import { createMemoryReplay } from '../../src/replay/replay-store.ts'
import { createBrowser, type Browser } from './browser.ts'
import { createHostileProvider, type HostileProvider } from './hostile-provider.ts'
import { createMemorySessions, type MemorySessions } from './memory-sessions.ts'

export const ORIGIN = 'https://api.example.com'
export const CLIENT_ID = 'gate'
export const TEST_ROOT = parseRootSecret('g1:Vq3n0m0d5b2n8K4rWc7Xy1Zt6Ls9Jh2Gf5Da8Pe3Ou0', { gateway: 'test', environment: 'test' })

/** Sign-in with one provider, everything else in memory, on a clock of the test. */
export interface TestIdentity {
  readonly provider: HostileProvider
  readonly sessions: MemorySessions
  readonly browser: Browser
  readonly newBrowser: () => Browser
  readonly log: readonly Readonly<Record<string, unknown>>[]
  readonly fetch: (request: Request) => Promise<Response>
  readonly now: () => number
  readonly advance: (seconds: number) => void
  /** Makes the replay memory throw. */
  readonly failReplay: () => void
  /** From the login to what answers at the end, or whatever refuses on the way. */
  readonly signIn: (query?: string, browser?: Browser) => Promise<Response>
}

export function providerConfig(changes: Partial<OpenIdProviderConfig> = {}): OpenIdProviderConfig {
  return {
    kind: 'oidc',
    name: 'acme',
    title: 'Acme',
    hosts: [],
    domains: [],
    mapping: { claims: { name: 'name', email: 'email' }, groups: 'groups', scopes: ['openid'], groupScopes: { staff: ['orders:read'] } },
    issuer: 'https://idp.example.net',
    clientId: CLIENT_ID,
    clientAuthentication: { method: 'private_key_jwt', algorithm: 'ES256' },
    scopes: ['profile', 'email'],
    pushedAuthorization: 'auto',
    dpop: 'auto',
    userInfo: false,
    idTokenAlgorithm: 'ES256',
    acrValues: [],
    followTokens: true,
    ...changes,
  }
}

export async function createTestIdentity(
  changes: Partial<OpenIdProviderConfig> = {},
  options: { readonly others?: readonly IdentityProviderConfig[]; readonly sameSite?: 'lax' | 'strict' } = {},
): Promise<TestIdentity> {
  let now = 1_800_000_000_000
  const config = providerConfig(changes)
  const provider = await createHostileProvider({ clientId: config.clientId, now: () => now, issuer: config.issuer })
  const sessions = createMemorySessions()
  const log: Record<string, unknown>[] = []
  const replay = createMemoryReplay()
  let isReplayDown = false
  const identity = createIdentity({
    service: 'Orders',
    providers: [config, ...(options.others ?? [])],
    sessions,
    sameSite: options.sameSite ?? 'lax',
    replay: {
      use: async (entry, at) => {
        if (isReplayDown) throw new Error('the replay memory is gone')
        return replay.use(entry, at)
      },
    },
    rootSecret: TEST_ROOT,
    fetch: provider.fetch,
    isLocal: false,
    now: () => now,
    answersTo: (authority) => authority === 'api.example.com',
    log: (line) => log.push(JSON.parse(line) as Record<string, unknown>),
  })
  async function fetcher(request: Request): Promise<Response> {
    const tasks: (() => Promise<void>)[] = []
    const response = await identity.handle(request, ({ run }) => tasks.push(run))
    await Promise.allSettled(tasks.map(async (run) => run()))
    return response
  }
  const browser = createBrowser(fetcher)
  return {
    provider,
    sessions,
    browser,
    log,
    newBrowser: () => createBrowser(fetcher),
    fetch: fetcher,
    now: () => now,
    advance: (seconds) => {
      now += seconds * 1000
    },
    failReplay: () => {
      isReplayDown = true
    },
    async signIn(query = '', by = browser) {
      const begun = await by.get(`${ORIGIN}/.portcullis/login${query}`)
      const location = begun.headers.get('location')
      return location === null ? begun : by.get(await provider.authorize(location))
    },
  }
}
