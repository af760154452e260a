import { parseRootSecret, type RootSecret } from '../credentials/root-secret.ts'
import { createGate } from '../gate.ts'
import { createMemoryLimiter } from '../limits/memory-limiter.ts'
import { loadPolicy } from '../policy/load-policy.ts'
import type { IdentityProviderConfig } from '../policy/identity-providers.ts'
import type { Policy } from '../policy/policy.ts'
import { createMemoryReplay } from '../replay/replay-store.ts'
import type { RevocationTarget } from '../revocation/revocations.ts'
import { createMemoryRevocations } from '../revocation/memory-revocations.ts'
import type { SignIn } from '../sessions/session.ts'
import { createMemorySessions } from './memory-sessions.ts'
import { createTestIssuers, type TestToken } from './test-issuer.ts'

export interface TestGateOptions {
  /** The OpenAPI document with `x-portcullis`, as plain data. */
  readonly policy: unknown
  /** Values of the policy's `${NAME}` placeholders. */
  readonly values?: Readonly<Record<string, string>>
  /** What the origin answers. Default: 200 without content. */
  readonly origin?: (request: Request) => Response | Promise<Response>
  /** Start of the test's clock, in milliseconds since the epoch. Default: now. */
  readonly startAt?: number
}

/** The real gate on a policy of one's own, with its state in memory, a clock that the test moves, and issuers and an origin that exist in the test alone. */
export interface TestGate {
  fetch(request: Request): Promise<Response>
  /** What reached the origin, in order. */
  readonly forwarded: readonly Request[]
  /** The log lines of the decisions, in order: the full reason of each refusal. */
  readonly log: readonly Readonly<Record<string, unknown>>[]
  readonly rootSecret: RootSecret
  /** The policy's first host, as an origin to build request URLs on. */
  readonly baseUrl: string
  now(): number
  advance(seconds: number): void
  revoke(target: RevocationTarget): void
  signToken(token: TestToken): Promise<string>
  /** Signs somebody in; gives the `Cookie` field of the browser from then on. */
  signIn(person: TestPerson): Promise<string>
}

/** Somebody who comes back from an identity provider. */
export interface TestPerson {
  /** Name of the identity provider in the policy. */
  readonly provider: string
  /** Default `person`. */
  readonly subject?: string
  /** Default none: what the provider's `mapping` would have given. */
  readonly scopes?: readonly string[]
  readonly groups?: readonly string[]
  /** `auth_time` is added. */
  readonly claims?: Readonly<Record<string, unknown>>
  readonly accessToken?: string
}

/** The same in every test, and of no worth outside one. */
const TEST_ROOT_KEY = 'test:8yQm1vR5nZ3kX7wT2bL9cJ4hG6fD0sA-qWeRtYuIoP0'

/** Throws with every problem when the policy does not hold. */
export function createTestGate({ policy: document, values = {}, origin, startAt }: TestGateOptions): TestGate {
  const policy = policyOf(document, values)
  const issuers = createTestIssuers(issuersByKeySet(policy))
  const forwarded: Request[] = []
  const log: Record<string, unknown>[] = []
  const revocations = createMemoryRevocations()
  const rootSecret = parseRootSecret(TEST_ROOT_KEY, { gateway: 'test', environment: 'test' })
  const sessions = policy.identityProviders.length === 0 ? undefined : createMemorySessions(policy, rootSecret)
  let now = startAt ?? Date.now()
  const bindings = { ...values, PORTCULLIS_ROOT_KEY: TEST_ROOT_KEY, PORTCULLIS_GATEWAY: 'test', PORTCULLIS_ENVIRONMENT: 'test' }
  const gate = createGate(document, bindings as unknown as Parameters<typeof createGate>[1], {
    limiter: createMemoryLimiter(() => now),
    replay: createMemoryReplay(),
    revocations,
    ...(sessions === undefined ? {} : { sessions }),
    now: () => now,
    log: (line) => log.push(JSON.parse(line) as Record<string, unknown>),
    fetch: async (input, init) => {
      const request = new Request(input, init)
      const answer = await issuers.answer(request.url)
      if (answer !== undefined) return answer
      forwarded.push(request)
      return (await origin?.(request)) ?? new Response(null, { status: 200 })
    },
  })
  return {
    forwarded,
    log,
    rootSecret,
    baseUrl: `https://${policy.hosts[0] ?? 'gate.test'}`,
    now: () => now,
    advance(seconds) {
      now += seconds * 1000
    },
    revoke: (target) => revocations.revoke(target, now),
    signToken: async (token) => issuers.sign(token, now),
    async signIn(person) {
      const provider = policy.identityProviders.find(({ name }) => name === person.provider)
      if (provider === undefined || sessions === undefined) throw new Error(`the policy has no identity provider ${person.provider}`)
      const { setCookies } = await sessions.start(signInOf(provider, person, now), new Request('https://gate.test'), now)
      return setCookies[0]?.split(';')[0] ?? ''
    },
    async fetch(request) {
      const pending: Promise<unknown>[] = []
      const response = await gate.handle(request, { waitUntil: (promise) => pending.push(promise) })
      // A permit comes back when the answer has been read to its end.
      const read = response.body === null ? response : new Response(await response.arrayBuffer(), response)
      await Promise.all(pending)
      return read
    },
  }
}

function signInOf(provider: IdentityProviderConfig, person: TestPerson, now: number): SignIn {
  const { subject = 'person', scopes = [], groups = [], claims = {}, accessToken } = person
  return {
    provider: provider.name,
    issuer: provider.kind === 'oidc' ? provider.issuer : provider.entityId,
    subject,
    ...(provider.consumer === undefined ? {} : { consumer: provider.consumer }),
    claims: { auth_time: Math.floor(now / 1000), ...claims },
    groups,
    scopes,
    authenticatedAt: now,
    ...(accessToken === undefined ? {} : { tokens: { accessToken, tokenType: 'bearer' } }),
  }
}

function policyOf(document: unknown, values: Readonly<Record<string, string>>): Policy {
  const loaded = loadPolicy(document, values, { isLocal: false })
  if (loaded.ok) return loaded.policy
  throw new Error(['the policy does not hold:', ...loaded.problems.map(({ pointer, message }) => `  #${pointer}: ${message}`)].join('\n'))
}

function issuersByKeySet(policy: Policy): ReadonlyMap<string, string> {
  const issuers = policy.schemes.flatMap((scheme) => (scheme.kind === 'jwt' ? scheme.issuers : []))
  return new Map(issuers.flatMap(({ issuer, jwksUri }) => (jwksUri === undefined ? [] : [[jwksUri, issuer] as const])))
}
