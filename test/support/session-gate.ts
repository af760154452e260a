import { env } from 'cloudflare:workers'
import type { Bindings } from '../../src/bindings.ts'
import { readEnvironment } from '../../src/environment.ts'
import { createGate } from '../../src/gate.ts'
import type { InsightSink } from '../../src/insight/sink.ts'
import { createRevocations } from '../../src/revocation/feed-client.ts'
import type { SignIn } from '../../src/sessions/session.ts'
import { sessionsOf } from '../../src/sign-in.ts'
import { policyDocument, type PolicyDocument } from './policy-document.ts'
import { signInOf } from './sessions.ts'

export const HOST = 'https://api.example.com'
export const COOKIE = '__Host-portcullis'
export const VALUES = {
  PORTCULLIS_ROOT_KEY: 'g1:Vq3n0m0d5b2n8K4rWc7Xy1Zt6Ls9Jh2Gf5Da8Pe3Ou0',
  PORTCULLIS_GATEWAY: 'test',
  PORTCULLIS_ENVIRONMENT: 'test',
}

export function sessionPolicy(change: (document: PolicyDocument) => void = () => {}): PolicyDocument {
  const document = policyDocument()
  document['x-portcullis'].limits = {}
  document['x-portcullis'].plans = {}
  document['x-portcullis'].consumers = { acme: {} }
  document['x-portcullis'].identityProviders = {
    acme: { kind: 'oidc', issuer: 'https://login.example.net', clientId: 'gate', dpop: 'never', resource: 'https://origin.example.com' },
    other: { kind: 'oidc', issuer: 'https://other.example.net', clientId: 'gate' },
  }
  document.components.securitySchemes = {
    web: { type: 'apiKey', in: 'cookie', name: COOKIE, 'x-portcullis': { kind: 'session', login: ['acme'] } },
    app: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
  }
  const web = { security: [{ web: ['read'] }] }
  document.paths = {
    '/orders': { get: web, post: web, put: web, delete: web },
    '/mixed': { get: { security: [{ app: [] }, { web: [] }] } },
    '/both': { get: { security: [{ app: [], web: [] }] } },
    '/strong': { get: { ...web, 'x-portcullis': { require: { web: { acrValues: ['mfa'], maxAgeSeconds: 600 } } } } },
    '/scoped': { get: { security: [{ web: ['write'] }] } },
  }
  change(document)
  return document
}

export interface IsolateOptions {
  readonly now: () => number
  readonly policy?: PolicyDocument
  readonly bindings?: Partial<Bindings>
  readonly origin?: (request: Request) => Response | Promise<Response>
  readonly insight?: InsightSink | undefined
}

/** A gate over real objects, as one isolate of several; the sessions that it would start for who signs in are at hand. */
export function createIsolate({ now, policy = sessionPolicy(), bindings, origin, insight }: IsolateOptions) {
  let calls = 0
  const { SESSION } = env as unknown as Bindings
  const counted = {
    getByName(name: string) {
      calls += 1
      return SESSION.getByName(name)
    },
  }
  const all = { ...(env as unknown as Bindings), SESSION: counted, ...VALUES, ...bindings } as unknown as Bindings
  const environment = readEnvironment(policy, all)
  const revocations = createRevocations(all.REVOCATIONS, {
    ...environment.policy.revocation,
    relays: { namespace: all.RELAYS, count: environment.policy.revocation.relays },
    rootSecret: environment.rootSecret,
    now,
  })
  const sessions = sessionsOf(environment, all, revocations)
  if (sessions === undefined) throw new Error('the policy has no identity provider')
  const forwarded: Request[] = []
  const log: Record<string, unknown>[] = []
  const gate = createGate(policy, all, {
    now,
    revocations,
    sessions,
    ...(insight === undefined ? {} : { insight }),
    log: (line) => log.push(JSON.parse(line) as Record<string, unknown>),
    fetch: async (input, init) => {
      const request = new Request(input, init)
      forwarded.push(request)
      return origin?.(request) ?? new Response('ok')
    },
  })
  return {
    sessions,
    forwarded,
    log,
    /** Calls to session objects since the last time this was asked. */
    calls() {
      const made = calls
      calls = 0
      return made
    },
    async fetch(path: string, init: RequestInit = {}): Promise<Response> {
      const pending: Promise<unknown>[] = []
      const response = await gate.handle(new Request(HOST + path, init), { waitUntil: (promise) => pending.push(promise) })
      await Promise.all(pending)
      return response
    },
    /** Signs somebody in; the value of the `Cookie` field. `replacing`: the field that came along. */
    async signIn(changes: Partial<SignIn> = {}, replacing?: string): Promise<string> {
      const request = new Request(HOST, { headers: replacing === undefined ? {} : { cookie: replacing } })
      const { setCookies } = await sessions.start(signInOf(changes), request, now())
      return setCookies[0]?.split(';')[0] ?? ''
    },
  }
}
