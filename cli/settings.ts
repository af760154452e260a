import { existsSync, readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { parse as parseToml } from 'smol-toml'
import { UsageError } from './command.ts'

/** Values by name, as the Worker will see them in its environment. */
export type Settings = Readonly<Record<string, string>>

/** `NAME=VALUE` lines of a file in the form of `.env`. */
export function readEnvFile(path: string): Settings {
  if (!existsSync(path)) throw new UsageError(`no such file: ${path} (given with --env-file)`)
  return Object.fromEntries(
    Object.entries(parseEnv(readFileSync(path, 'utf8'))).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}

export interface WranglerSettings {
  readonly vars: Settings
  /** Names declared under `secrets.required`; their values are unknown here. */
  readonly requiredSecrets: readonly string[]
}

/**
 * `vars` and `secrets.required` of one environment of a wrangler.toml; neither is inherited by environments.
 * `undefined`: the top level. Throws `UsageError` for an environment that the file does not declare.
 */
export function readWranglerSettings(path: string, environment: string | undefined): WranglerSettings {
  if (!existsSync(path)) throw new UsageError(`no such file: ${path}`)
  const root = parseToml(readFileSync(path, 'utf8')) as WranglerTable & { env?: Record<string, WranglerTable> }
  const table = environment === undefined ? root : root.env?.[environment]
  if (table === undefined) {
    const known = Object.keys(root.env ?? {}).join(', ')
    throw new UsageError(`${path} declares no environment ${JSON.stringify(environment)} (it has: ${known || 'none'})`)
  }
  const vars = Object.entries(table.vars ?? {}).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)])
  return { vars: Object.fromEntries(vars) as Settings, requiredSecrets: table.secrets?.required ?? [] }
}

interface WranglerTable {
  readonly vars?: Record<string, unknown>
  readonly secrets?: { readonly required?: string[] }
}
