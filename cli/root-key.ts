import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseRootSecret, ROOT_SECRET_BYTES, type RootSecret } from '../src/credentials/root-secret.ts'
import { UsageError } from './command.ts'
import { readEnvFile, type Settings } from './settings.ts'

export interface RootKey {
  /** `generation:base64url(32 bytes)` entries: a secret. */
  readonly value: string
  /** True for the state folder's own: nobody has given one. */
  readonly isOwn: boolean
}

/** `generation`: 1 to 8 lower-case letters or digits; its own for every secret that is in use at a time. */
export function newRootKey(generation = 'g1'): string {
  return `${generation}:${randomBytes(ROOT_SECRET_BYTES).toString('base64url')}`
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
  if (given !== undefined && given !== '') return { value: given, isOwn: false }
  const path = join(options.stateDirectory, 'root-key')
  if (!existsSync(path)) createRootKey(options.stateDirectory, path)
  return { value: readFileSync(path, 'utf8').trim(), isOwn: true }
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
export function loadRootSecret(options: RootSecretOptions, warn: (line: string) => void): RootSecret {
  const envFile = options['env-file']
  const fromFile: Settings = envFile === undefined ? {} : readEnvFile(envFile)
  const setting = (name: string): string | undefined => process.env[name] || fromFile[name]
  const { value, isOwn } = loadRootKey({ environment: process.env, envFile, stateDirectory: options.state ?? '.portcullis' })
  const environment = options.environment ?? setting('PORTCULLIS_ENVIRONMENT') ?? 'local'
  if (isOwn && environment !== 'local')
    warn(`warning: PORTCULLIS_ROOT_KEY is not set, so this is made with this machine's own root secret; is that the one of ${environment}?`)
  try {
    return parseRootSecret(value, { gateway: options.gateway ?? setting('PORTCULLIS_GATEWAY') ?? 'portcullis', environment })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : 'the root secret does not hold')
  }
}
