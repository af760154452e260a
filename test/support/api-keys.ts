import { issueKey, type KeyKind, type KeyOptions } from '../../src/credentials/key-format.ts'
import { parseRootSecret, type RootSecret } from '../../src/credentials/root-secret.ts'
import type { Directory, ImportedKey } from '../../src/directory/directory.ts'
import { encodeBase64Url } from '../../src/http/base64url.ts'
import { createApiKeyAuthenticator } from '../../src/schemes/api-key/authenticator.ts'
import type { ApiKeyConfig } from '../../src/schemes/api-key/config.ts'
import type { Authenticator, Verdict } from '../../src/schemes/authenticator.ts'
import type { SchemeDependencies } from '../../src/schemes/index.ts'
import { evaluateContext, NOW } from './authenticators.ts'

export const [G1, G2] = ['g1', 'g2'].map(
  (generation) => `${generation}:${encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)))}`,
) as [string, string]
export const rootOf = (text: string): RootSecret => parseRootSecret(text, { gateway: 'edge', environment: 'test' })
export const root = rootOf(G1)
/** Another secret under the same name of generation. */
export const foreign = rootOf(G2.replace('g2', 'g1'))
const PLANS: Readonly<Record<string, readonly string[] | undefined>> = {
  gold: ['read', 'write'],
  free: ['read'],
  none: [],
  open: undefined,
}
const CONSUMERS: Readonly<Record<string, string | undefined>> = { acme: 'gold', solo: undefined, lost: 'gone' }

export interface Known {
  readonly imported?: Readonly<Record<string, ImportedKey>>
  readonly forgotten?: ReadonlySet<string>
}
function directoryOf({ imported = {}, forgotten = new Set() }: Known): Partial<Directory> {
  return {
    consumer: (name) => {
      if (!(name in CONSUMERS) || forgotten.has(name)) return undefined
      const plan = CONSUMERS[name]
      return { name, ...(plan === undefined ? {} : { plan }) }
    },
    plan: (name) => {
      if (!(name in PLANS) || forgotten.has(name)) return undefined
      const scopes = PLANS[name]
      return { name, limits: [], ...(scopes === undefined ? {} : { scopes: new Set(scopes) }) }
    },
    importedKey: (digest) => imported[digest],
  }
}
export function authenticator(overrides: Partial<ApiKeyConfig> = {}, known: Known = {}, rootSecret = root): Authenticator {
  const config: ApiKeyConfig = {
    kind: 'api-key',
    name: 'app',
    carrier: { in: 'header', name: 'X-Key' },
    purpose: 'api',
    consumerOptional: false,
    ...overrides,
  }
  return createApiKeyAuthenticator(config, { directory: directoryOf(known), rootSecret } as SchemeDependencies)
}
export async function present(key: string, made: Authenticator = authenticator(), now = NOW): Promise<Verdict> {
  const attempt = made.read(new Request('https://api.example.com/', { headers: { 'x-key': key } }))
  if (attempt === undefined) throw new Error('absent')
  return attempt(evaluateContext({ now }))
}
export const issue = async (options: Partial<KeyOptions> = {}, kind: KeyKind = 'api', by = root) =>
  issueKey(by, kind, { consumer: 'acme', ...options }, NOW)
export const reasonOf = (verdict: Verdict): string => ('reason' in verdict ? verdict.reason : verdict.status)
export const scopesOf = (verdict: Verdict): readonly string[] =>
  verdict.status === 'verified' ? [...verdict.principal.scopes] : [verdict.status]
