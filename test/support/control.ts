import { issueKey } from '../../src/credentials/key-format.ts'
import { ADMIN_SCOPES } from '../../src/control/operation.ts'
import type { PolicyDocument } from './policy-document.ts'
import { createIsolate, HOST, sessionPolicy, type IsolateOptions } from './session-gate.ts'
import { ROOT } from './sessions.ts'

export const ADMIN = '/.portcullis/admin/v1'

/** The policy of the sessions' tests, operated by whoever signs in by `web` and has a role; developers have a portal. */
export const controlPolicy = (change: (document: PolicyDocument) => void = () => {}): PolicyDocument =>
  sessionPolicy((document) => {
    document['x-portcullis'].plans = { free: { scopes: ['read'] }, gold: { scopes: ['read', 'write'] } }
    Object.assign(document['x-portcullis'], { control: { security: [{ web: [] }], portal: { scheme: 'web', plans: ['free', 'gold'] } } })
    document.paths['/keyed'] = { get: { security: [{ app: ['read'] }] } }
    change(document)
  })

/** A gate with its control plane over real objects. */
export function createControlGate(options: Partial<IsolateOptions> = {}) {
  const now = options.now ?? Date.now
  const gate = createIsolate({ now, policy: controlPolicy(), ...options })
  const keyOf = async (scopes: readonly string[] = ADMIN_SCOPES): Promise<string> =>
    (await issueKey(ROOT, 'admin', { consumer: 'ops', scopes }, now())).key
  /** By an admin key, all scopes unless said otherwise. */
  async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
    const authorization = headers['authorization'] ?? `Bearer ${await keyOf()}`
    const content = body === undefined ? {} : { body: JSON.stringify(body) }
    return gate.fetch(ADMIN + path, { method, headers: { ...headers, authorization }, ...content })
  }
  return {
    ...gate,
    keyOf,
    call,
    async json<Value>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Value> {
      const response = await call(method, path, body, headers)
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
      return response.json()
    },
    /** As a page of the gate's own origin sends it. */
    async asPerson(cookie: string, method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
      const content = body === undefined ? {} : { body: JSON.stringify(body) }
      return gate.fetch(ADMIN + path, { method, headers: { cookie, origin: HOST, ...headers }, ...content })
    },
  }
}
