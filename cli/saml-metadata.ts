import { readKeyMaterial } from '../src/identity/saml/material.ts'
import { addressesOf, writeMetadata } from '../src/identity/saml/metadata.ts'
import type { SamlProviderConfig } from '../src/policy/identity-providers.ts'
import { parsePolicy } from '../src/policy/parse-policy.ts'
import { UsageError } from './command.ts'
import { readPolicyFile } from './policy-file.ts'
import { readEnvFile, type Settings } from './settings.ts'

export interface Asked {
  readonly name: string
  readonly origin: string | undefined
  readonly envFile: string | undefined
}

/** Our metadata for one identity provider of a policy, by the code of the gate's own endpoint. */
export async function ourMetadata(path: string, { name, origin, envFile }: Asked): Promise<string> {
  const file = readPolicyFile(path)
  const result = file.syntaxProblems.length > 0 ? undefined : parsePolicy(file.document, { placeholders: 'keep' })
  if (result?.ok !== true) throw new UsageError(`${path} has problems: portcullis check ${path}`)
  const { identityProviders, hosts } = result.policy
  const config = identityProviders.find((provider): provider is SamlProviderConfig => provider.kind === 'saml' && provider.name === name)
  if (config === undefined) throw new UsageError(`${path} has no identity provider of kind saml with the name ${JSON.stringify(name)}`)
  const filled = fill(config, envFile === undefined ? {} : readEnvFile(envFile))
  return writeMetadata(
    filled,
    addressesOf(filled, originOf(origin, config.hosts.length > 0 ? config.hosts : hosts)),
    await readKeyMaterial(filled),
  )
}

function fill(config: SamlProviderConfig, values: Settings): SamlProviderConfig {
  const missing = new Set<string>()
  const valueOf = (name: string): string => {
    if (values[name] === undefined) missing.add(name)
    return values[name] ?? ''
  }
  const filled = JSON.parse(JSON.stringify(config), (_key, value: unknown) =>
    typeof value === 'string' ? value.replaceAll(/\$\{([A-Z][A-Z0-9_]{0,63})\}/gu, (_all, name: string) => valueOf(name)) : value,
  ) as SamlProviderConfig
  if (missing.size > 0) throw new UsageError(`no value for ${[...missing].join(', ')}: put it into a file and name that with --env-file`)
  return filled
}

function originOf(given: string | undefined, hosts: readonly string[]): string {
  const [host, ...others] = hosts
  if (given === undefined && (host === undefined || others.length > 0 || host.includes('${')))
    throw new UsageError('the gate may be at several addresses: name one with --origin https://host')
  const text = given ?? `https://${host}`
  if (!URL.canParse(text) || new URL(text).origin !== text)
    throw new UsageError('--origin takes scheme, host and port, such as https://api.example.com')
  return text
}
