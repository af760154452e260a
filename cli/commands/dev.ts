import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { loadPolicy } from '../../src/policy/load-policy.ts'
import { compilePolicy } from '../../src/policy/parse-policy.ts'
import { type Command, type Terminal, UsageError } from '../command.ts'
import { localServerCertificate } from '../local/authority.ts'
import type { TlsOptions } from '../local/edge.ts'
import { startLocalGate, type LocalGate } from '../local/local-gate.ts'
import { readPolicyFile } from '../policy-file.ts'
import { countProblems, locateProblems, printProblems } from '../policy-report.ts'
import { loadRootKey } from '../root-key.ts'
import { readEnvFile, type Settings } from '../settings.ts'

const HELP = `Usage: portcullis dev --policy FILE [options]

Runs the gate on this machine, on your own policy: the deployed Worker in the same runtime, behind a local edge that reports
addresses and client certificates as Cloudflare's does. Origins and issuers may be plain http on loopback here, and only here.
Prints one line when it answers: ready http://127.0.0.1:PORT

  --policy FILE        OpenAPI with x-portcullis
  --port N             default 8787; 0 takes any that is free
  --tls-port N         also listen with TLS, with a certificate of its own authority (under --state)
  --client-ca FILE     PEM of the authorities whose client certificates verify (with --tls-port)
  --client-crl FILE    PEM of their revocation lists
  --var NAME=VALUE     a value for \${NAME} in the policy; may be repeated
  --env-file FILE      values and secrets in the form of .env
  --state DIR          where counters, nonces and the root secret are kept (default .portcullis)
  --quiet              no decisions on standard error
  --until-stdin        stop when standard input ends

Example: portcullis dev --policy policy.yaml --var ORDERS_ORIGIN=http://127.0.0.1:3000`

const OPTIONS = {
  policy: { type: 'string' },
  port: { type: 'string' },
  'tls-port': { type: 'string' },
  'client-ca': { type: 'string' },
  'client-crl': { type: 'string' },
  'env-file': { type: 'string' },
  var: { type: 'string', multiple: true },
  state: { type: 'string' },
  quiet: { type: 'boolean' },
  'until-stdin': { type: 'boolean' },
} as const
type Options = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values']

const DEFAULT_PORT = 8787

export const devCommand: Command = {
  help: HELP,
  options: OPTIONS,
  async run(args, terminal) {
    const { values } = parseArgs({ args: [...args], options: OPTIONS })
    if (values.policy === undefined) throw new UsageError('say which policy: portcullis dev --policy policy.yaml')
    const port = portOf(values.port, 'port') ?? DEFAULT_PORT
    const settings = settingsOf(values)
    const policy = compileFor(values.policy, settings, terminal)
    if (policy === undefined) return 1
    const stateDirectory = resolve(values.state ?? '.portcullis')
    const rootKey = loadRootKey({ environment: process.env, envFile: values['env-file'], stateDirectory })
    const gate = await startLocalGate({
      policy,
      stateDirectory,
      port,
      bindings: { PORTCULLIS_GATEWAY: 'portcullis', PORTCULLIS_ENVIRONMENT: 'local', ...settings, PORTCULLIS_ROOT_KEY: rootKey.value },
      log: (line) => {
        if (values.quiet !== true) terminal.err(line)
      },
      ...(await tlsOf(values, stateDirectory, terminal)),
    })
    await firstAnswer(gate)
    // Before the line is out: who reads it may stop us at once.
    const stopped = askedToStop(values['until-stdin'] === true)
    terminal.out(gate.tlsUrl === undefined ? `ready ${gate.url}` : `ready ${gate.url} ${gate.tlsUrl}`)
    const why = await Promise.race([stopped, gate.ended])
    await gate.stop()
    if (why === undefined) return 0
    terminal.err(`portcullis: the runtime ended by itself (${why})`)
    return 1
  },
}

/** Env file, then `--var`. */
function settingsOf(values: Options): Settings {
  const vars = (values.var ?? []).map((text): [string, string] => {
    const end = text.indexOf('=')
    if (end < 1) throw new UsageError(`--var takes NAME=VALUE, not ${JSON.stringify(text)}`)
    return [text.slice(0, end), text.slice(end + 1)]
  })
  return { ...(values['env-file'] === undefined ? {} : readEnvFile(values['env-file'])), ...Object.fromEntries(vars) }
}

/** `undefined`: it has errors, which have been printed. */
function compileFor(path: string, settings: Settings, terminal: Terminal): unknown {
  const file = readPolicyFile(path)
  const isReadable = file.syntaxProblems.length === 0
  const compiled = isReadable ? compilePolicy(file.document, { placeholders: 'keep' }) : undefined
  const loaded = compiled?.ok === true ? loadPolicy(compiled.document, settings, { isLocal: true }) : compiled
  if (compiled?.ok === true && loaded?.ok === true) {
    printProblems(locateProblems(file, loaded.warnings), terminal)
    return compiled.document
  }
  const problems = locateProblems(file, loaded === undefined || loaded.ok ? [] : loaded.problems)
  printProblems(problems, terminal)
  terminal.err(`${countProblems(problems)}: not started`)
  return undefined
}

async function tlsOf(values: Options, stateDirectory: string, terminal: Terminal): Promise<{ tls?: TlsOptions }> {
  const port = portOf(values['tls-port'], 'tls-port')
  if (port === undefined) {
    if (values['client-ca'] !== undefined) throw new UsageError('--client-ca needs --tls-port: certificates travel with TLS alone')
    return {}
  }
  const { leaf, authorityPath } = await localServerCertificate(join(stateDirectory, 'edge'))
  terminal.err(`TLS: trust ${authorityPath} (curl --cacert ${authorityPath})`)
  return {
    tls: {
      port,
      certificate: leaf.pem,
      key: leaf.key,
      ...(values['client-ca'] === undefined ? {} : { clientAuthorities: readPem(values['client-ca']) }),
      ...(values['client-crl'] === undefined ? {} : { revocationLists: readPem(values['client-crl']) }),
    },
  }
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    throw new UsageError(`cannot read ${path}`)
  }
}

function portOf(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,5}$/u.test(text) || Number(text) > 65_535) throw new UsageError(`--${option} takes 0 to 65535, not ${JSON.stringify(text)}`)
  return Number(text)
}

/** The gate answers its own paths without any credential. */
async function firstAnswer({ url }: LocalGate): Promise<void> {
  const response = await fetch(`${url}/.well-known/portcullis/jwks.json`)
  await response.arrayBuffer()
}

async function askedToStop(untilStdin: boolean): Promise<undefined> {
  return new Promise((done) => {
    const finish = (): void => done(undefined)
    process.once('SIGINT', finish).once('SIGTERM', finish)
    if (untilStdin) process.stdin.once('end', finish).once('close', finish).resume()
  })
}
