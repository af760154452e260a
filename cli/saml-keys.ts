import { DependencyOutage } from '../src/identity/outage.ts'
import { readKeyMaterial } from '../src/identity/saml/material.ts'
import type { SamlProviderConfig } from '../src/policy/identity-providers.ts'
import type { Policy } from '../src/policy/policy.ts'
import { pointerTo, type Problem } from '../src/policy/problems.ts'

/** What the keys of SAML providers are, which shows only when they are read; `placeholder`: stands for a secret that is not at hand. */
export async function samlKeyProblems({ identityProviders }: Policy, placeholder: string): Promise<readonly Problem[]> {
  const problems: Problem[] = []
  for (const provider of identityProviders) {
    const problem = provider.kind === 'saml' ? await problemOf(provider, placeholder) : undefined
    if (problem !== undefined) problems.push(problem)
  }
  return problems
}

async function problemOf(provider: SamlProviderConfig, placeholder: string): Promise<Problem | undefined> {
  const { name, certificates, certificate, privateKey } = provider
  if ([...certificates, certificate, privateKey].some((text) => text?.includes('${') === true)) return undefined
  const isAtHand = privateKey !== undefined && privateKey !== placeholder
  try {
    await readKeyMaterial({
      name,
      certificates,
      ...(isAtHand ? { privateKey, ...(certificate === undefined ? {} : { certificate }) } : {}),
    })
    return undefined
  } catch (error) {
    if (!(error instanceof DependencyOutage)) throw error
    const [field = ''] = /(?<=^[^ ]*\.)(?:certificates|certificate|privateKey)(?=[ [])/u.exec(error.message) ?? []
    return { pointer: pointerTo('/x-portcullis/identityProviders', name, field), message: error.message, severity: 'error' }
  }
}
