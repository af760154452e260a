import type { Bindings } from './bindings.ts'
import { parseRootSecret, type RootSecret } from './credentials/root-secret.ts'
import { loadPolicy } from './policy/load-policy.ts'
import type { Policy } from './policy/policy.ts'

/** A compiled policy at work in one environment. */
export interface Environment {
  readonly policy: Policy
  readonly rootSecret: RootSecret
  readonly gatewayName: string
  /** `portcullis dev`: http to loopback is let through. */
  readonly isLocal: boolean
  /** Authorities answered besides the policy's hosts: the listeners of `portcullis dev`. */
  readonly localAuthorities: ReadonlySet<string>
}

/** Fills the policy from the bindings and checks it again. Throws where one of the two does not hold: the message repeats no value. */
export function readEnvironment(document: unknown, bindings: Bindings): Environment {
  const localAuthorities = readLocalAuthorities(bindings.PORTCULLIS_LOCAL)
  const isLocal = localAuthorities !== undefined
  const policy = policyOf(document, bindings, isLocal)
  const gatewayName = bindings.PORTCULLIS_GATEWAY ?? 'portcullis'
  const label = { gateway: gatewayName, environment: bindings.PORTCULLIS_ENVIRONMENT ?? 'local' }
  return {
    policy,
    rootSecret: parseRootSecret(bindings.PORTCULLIS_ROOT_KEY, label),
    gatewayName,
    isLocal,
    localAuthorities: localAuthorities ?? new Set(),
  }
}

function policyOf(document: unknown, bindings: Bindings, isLocal: boolean): Policy {
  const loaded = loadPolicy(document, { ...bindings }, { isLocal })
  if (loaded.ok) return loaded.policy
  throw new Error(loaded.problems.map(({ pointer, message }) => `#${pointer}: ${message}`).join('; '))
}

function readLocalAuthorities(text: string | undefined): ReadonlySet<string> | undefined {
  if (text === undefined || text === '') return undefined
  const value: unknown = JSON.parse(text)
  if (!Array.isArray(value)) throw new Error('PORTCULLIS_LOCAL must be a JSON list of authorities')
  return new Set(value.filter((entry): entry is string => typeof entry === 'string'))
}
