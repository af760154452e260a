import { env } from 'cloudflare:workers'
import type { Bindings } from '../../src/bindings.ts'
import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import type { Actor, Written } from '../../src/directory/accounts.ts'
import { createAccounts, type AccountsParts } from '../../src/directory/accounts-client.ts'
import type { DirectoryObject } from '../../src/directory/directory-object.ts'

export const ROOT = parseRootSecret('g1:Vq3n0m0d5b2n8K4rWc7Xy1Zt6Ls9Jh2Gf5Da8Pe3Ou0', { gateway: 'test', environment: 'test' })
export const OPERATOR: Actor = { kind: 'operator', id: 'pca-1', display: 'ops', requestId: 'r1' }
export const DEVELOPER: Actor = { kind: 'developer', id: 'a'.repeat(64), display: 'ada@example.com', requestId: 'r2' }
export const personOf = (letter: string): string => letter.repeat(64)

/** A directory of its own, in a real object. */
export function createDirectory(parts: Partial<AccountsParts> = {}) {
  const { DIRECTORY } = env as unknown as Bindings
  const name = crypto.randomUUID()
  const stub = (): DurableObjectStub<DirectoryObject> => DIRECTORY.getByName(name)
  const namespace = { getByName: stub } as unknown as typeof DIRECTORY
  const accounts = createAccounts({
    namespace,
    rootSecret: ROOT,
    hasPlan: (plan) => ['free', 'gold', 'secret'].includes(plan),
    portal: { maxOrganisations: 3, maxApps: 2, maxKeys: 2, plans: ['free', 'gold'] },
    now: Date.now,
    ...parts,
  })
  return { accounts, stub, namespace }
}

export function valueOf<Value>(answer: Written<Value>): Value {
  if (answer.status !== 'written') throw new Error(`not written: ${JSON.stringify(answer)}`)
  return answer.value
}
