import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseRootSecret, ROOT_SECRET_BYTES, type RootSecret } from '../src/credentials/root-secret.ts'
import { UsageError } from './command.ts'
import { readEnvFile, type Settings } from './settings.ts'

export interface RootKey {
  /** `generation:base64url(32 bytes)` entries: a secret. */
  readonly value: string
  /** Where it came from, for a person. */
  readonly source: string
}

export function newRootKey(): string {
  return `g1:${randomBytes(ROOT_SECRET_BYTES).toString('base64url')}`
}

/**
 * `PORTCULLIS_ROOT_KEY` from the environment or the env file, else the state folder's own, made on first use (readable by its owner
 * alone). Never from a flag: command lines are seen by others.
 */
export function loadRootKey(options: {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly envFile?: string | undefined
  readonly stateDirectory: string
}): RootKey {
  const fromFile: Settings = options.envFile === undefined ? {} : readEnvFile(options.envFile)
  const given = options.environment['PORTCULLIS_ROOT_KEY'] || fromFile['PORTCULLIS_ROOT_KEY']
  if (given !== undefined && given !== '')
    return { value: given, source: options.environment['PORTCULLIS_ROOT_KEY'] ? 'the environment' : String(options.envFile) }
  const path = join(options.stateDirectory, 'root-key')
  if (!existsSync(path)) createRootKey(options.stateDirectory, path)
  return { value: readFileSync(path, 'utf8').trim(), source: path }
}

function createRootKey(directory: string, path: string): void {
  mkdirSync(directory, { recursive: true })
  try {
    writeFileSync(path, `${newRootKey()}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    // Another process was first: its key is the one.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

export interface RootSecretOptions {
  readonly 'env-file'?: string | undefined
  readonly state?: string | undefined
  readonly gateway?: string | undefined
  readonly environment?: string | undefined
}

/** The root secret of a command, under the gateway's name and environment: keys of one are nothing to another. */
export function loadRootSecret(options: RootSecretOptions): RootSecret {
  const envFile = options['env-file']
  const fromFile: Settings = envFile === undefined ? {} : readEnvFile(envFile)
  const setting = (name: string): string | undefined => process.env[name] || fromFile[name]
  const { value } = loadRootKey({ environment: process.env, envFile, stateDirectory: options.state ?? '.portcullis' })
  try {
    return parseRootSecret(value, {
      gateway: options.gateway ?? setting('PORTCULLIS_GATEWAY') ?? 'portcullis',
      environment: options.environment ?? setting('PORTCULLIS_ENVIRONMENT') ?? 'local',
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : 'the root secret does not hold')
  }
}
