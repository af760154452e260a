import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { UsageError } from '../command.ts'

/** What `portcullis login` keeps. */
export interface Profile {
  /** Origin of the gate. The key is for it alone. */
  readonly url: string
  /** A secret. */
  readonly adminKey: string
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/u

/** `--profile`, else `PORTCULLIS_PROFILE`, else `default`. */
export function profileName(option: string | undefined): string {
  const name = option ?? (process.env['PORTCULLIS_PROFILE'] || 'default')
  if (!NAME.test(name)) throw new UsageError('a profile is called by up to 64 letters, digits, ".", "_" and "-"')
  return name
}

/** Below `XDG_CONFIG_HOME` (XDG Base Directory), which counts where it is absolute; else `~/.config`. */
export function profilesPath(): string {
  const given = process.env['XDG_CONFIG_HOME'] ?? ''
  return join(given.startsWith('/') ? given : join(homedir(), '.config'), 'portcullis', 'profiles.json')
}

/** Throws `UsageError` where others could read the file, or where it is not ours. */
export function readProfiles(): ReadonlyMap<string, Profile> {
  const path = profilesPath()
  let text: string
  try {
    if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0)
      throw new UsageError(`${path} holds admin keys and others can read it: chmod 600 ${path}, and make new keys`)
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map()
    throw error
  }
  return parse(text, path)
}

function parse(text: string, path: string): ReadonlyMap<string, Profile> {
  try {
    const document = JSON.parse(text) as { readonly profiles?: Readonly<Record<string, Partial<Profile>>> }
    const profiles = new Map<string, Profile>()
    for (const [name, { url, adminKey }] of Object.entries(document.profiles ?? {})) {
      if (typeof url !== 'string' || typeof adminKey !== 'string') throw new TypeError('no profile')
      profiles.set(name, { url, adminKey })
    }
    return profiles
  } catch {
    // The message of a parser would repeat what stands there.
    throw new UsageError(`${path} cannot be read: delete it and log in again`)
  }
}

/** Whole or not at all, and never readable by others, not even for a moment. */
export function writeProfiles(profiles: ReadonlyMap<string, Profile>): void {
  const path = profilesPath()
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  try {
    writeFileSync(draft, `${JSON.stringify({ profiles: Object.fromEntries(profiles) }, undefined, 2)}\n`, { mode: 0o600, flag: 'wx' })
    chmodSync(draft, 0o600)
    renameSync(draft, path)
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
}
