import { UsageError } from '../command.ts'
import { readEnvFile } from '../settings.ts'
import { profileName, readProfiles, type Profile } from './profiles.ts'

/** Options of every command that calls a running gate. */
export interface GateOptions {
  readonly url?: string | undefined
  readonly profile?: string | undefined
  readonly 'env-file'?: string | undefined
}
export interface WhichGate {
  /** Origin alone. */
  readonly url: URL
  /** A secret. */
  readonly adminKey: string
}

/**
 * The environment, then the env file, then what `login` keeps; `--url` before all. A kept key goes to the gate that it was kept for, and
 * nowhere else. Throws `UsageError` with what to say.
 */
export function whichGate(options: GateOptions): WhichGate {
  const fromFile = options['env-file'] === undefined ? {} : readEnvFile(options['env-file'])
  const setting = (name: string): string | undefined => process.env[name] || fromFile[name] || undefined
  // Who names a profile means it, whatever the shell has set.
  const isNamed = options.profile !== undefined
  const [givenUrl, givenKey] = isNamed ? [] : [setting('PORTCULLIS_URL'), setting('PORTCULLIS_ADMIN_KEY')]
  const kept = givenKey === undefined ? keptProfile(options.profile) : undefined
  if (givenKey !== undefined) return { url: gateUrl(options.url ?? givenUrl), adminKey: givenKey }
  if (kept === undefined)
    throw new UsageError(
      'set PORTCULLIS_ADMIN_KEY (or give it in --env-file), or log in: portcullis login --url URL; make a key with: portcullis keys create --admin',
    )
  const url = gateUrl(options.url ?? givenUrl ?? kept.url)
  if (url.origin !== kept.url)
    throw new UsageError(
      `the profile's admin key is for ${kept.url}, not ${url.origin}: portcullis login --url ${url.origin} --profile NAME`,
    )
  return { url, adminKey: kept.adminKey }
}

function keptProfile(option: string | undefined): Profile | undefined {
  const name = profileName(option)
  const profiles = readProfiles()
  const profile = profiles.get(name)
  if (profile === undefined && option !== undefined)
    throw new UsageError(
      `there is no profile ${name} (there are: ${[...profiles.keys()].join(', ') || 'none'}): portcullis login --profile ${name} --url URL`,
    )
  return profile
}

/** An admin key goes over TLS, or to this very machine. */
export function gateUrl(text: string | undefined): URL {
  if (text === undefined || text === '') throw new UsageError('say which gate: --url https://api.example.com')
  // `api.example.com:8443` parses, as a URL of the scheme `api.example.com`, but has no paths.
  if (!URL.canParse('/', text)) throw new UsageError('that is not the URL of a gate: write --url https://api.example.com')
  const url = new URL('/', text)
  const isLoopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/u.test(url.hostname)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback)) throw new UsageError('the gate must be at an https URL')
  if (url.username !== '' || url.password !== '') throw new UsageError('the URL of the gate holds a name or password; leave it out')
  return url
}
