import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { issueLeaf, localServerCertificate, openAuthority, revocationList } from '../cli/local/authority.ts'
import { startLocalGate } from '../cli/local/local-gate.ts'
import { ADMIN_SCOPES } from '../src/control/operation.ts'
import { readPolicyFile } from '../cli/policy-file.ts'
import { loadRootKey } from '../cli/root-key.ts'
import { issueKey, type KeyOptions } from '../src/credentials/key-format.ts'
import { parseRootSecret } from '../src/credentials/root-secret.ts'
import { compilePolicy } from '../src/policy/parse-policy.ts'
import { createExamples, type Example, type FieldName } from './examples.ts'
import { startIssuer } from './issuer.ts'
import { freePort } from './listen.ts'
import { startOrigin } from './origin.ts'
import { pageExamples } from './pages.ts'
import { createScreen } from './screen.ts'
import { seed } from './seed.ts'
import { relyingPartyOf, signInExamples, startSamlSide } from './sign-in.ts'

const PORTS = { gateway: 8787, tls: 8788, issuer: 8789, origin: 8790, saml: 8791 } as const
const AUDIENCE = 'https://api.example.com'
const root = fileURLToPath(new URL('..', import.meta.url))
const state = resolve(process.env['PORTCULLIS_STATE'] ?? join(root, '.portcullis'))
const folder = join(state, 'demo')
const screen = createScreen()

const bearer = (token: string): string => `Authorization: Bearer ${token}`

async function main(): Promise<void> {
  const started = Date.now()
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const acme = { id: 'acme-app', secret: keptSecret('acme-client') }
  const globex = { id: 'globex-app', secret: keptSecret('globex-client') }

  const rootKey = loadRootKey({ environment: process.env, stateDirectory: state })
  const rootSecret = parseRootSecret(rootKey.value, { gateway: 'portcullis', environment: 'local' })
  const gatePort = await freePort(PORTS.gateway)
  screen.step('an OpenID provider, with a new signing key')
  const issuer = await startIssuer({
    port: PORTS.issuer,
    keysPath: join(folder, 'issuer-keys.json'),
    audience: AUDIENCE,
    clients: [acme, globex],
    relyingParty: await relyingPartyOf(rootSecret, gatePort),
  })
  screen.step('a SAML identity provider')
  const saml = await startSamlSide({ port: PORTS.saml, gatePort, folder })
  screen.step('an origin that echoes what it receives')
  const origin = await startOrigin(PORTS.origin)
  screen.step('certificates of a demo authority')
  const certificates = await makeCertificates()
  screen.step('the gate, in the runtime of Cloudflare Workers')
  const signingSecret = keptSecret('acme-signing')
  const log = openLog()
  const gate = await startLocalGate({
    policy: compiledPolicy(),
    stateDirectory: state,
    port: gatePort,
    log,
    tls: { ...certificates.tls, port: await freePort(PORTS.tls) },
    bindings: {
      PORTCULLIS_ROOT_KEY: rootKey.value,
      PORTCULLIS_GATEWAY: 'portcullis',
      PORTCULLIS_ENVIRONMENT: 'local',
      ORDERS_ORIGIN: origin.url,
      ISSUER: issuer.url,
      CA_SKI: certificates.keyIdentifier,
      ACME_SIGNING_SECRET: signingSecret,
      ...saml.bindings,
    },
  })
  origin.trust(gate.url)
  const stopAll = async (): Promise<void> => {
    await Promise.all([gate.stop(), issuer.stop(), saml.stop(), origin.stop()])
  }
  try {
    screen.step('fresh credentials')
    const make = async (options: KeyOptions): Promise<{ readonly key: string; readonly id: string }> =>
      issueKey(rootSecret, 'api', { expiresInSeconds: 86_400, ...options }, Date.now())
    const admin = await issueKey(rootSecret, 'admin', { consumer: 'admin', scopes: ADMIN_SCOPES, expiresInSeconds: 86_400 }, Date.now())
    const revoked = await make({ consumer: 'acme' })
    await revoke(gate.url, admin.key, revoked.id)
    const apiKey = async (options: KeyOptions): Promise<string> => `X-API-Key: ${(await make(options)).key}`
    const fields: Readonly<Record<FieldName, string>> = {
      'user-token': bearer(await issuer.userToken(acme, 'orders:read orders:write')),
      'reader-token': bearer(await issuer.clientToken(acme, 'orders:read')),
      'expired-token': bearer(await issuer.expiredToken(acme, 'orders:read')),
      'acme-key': await apiKey({ consumer: 'acme' }),
      'globex-key': await apiKey({ consumer: 'globex' }),
      'globex-writer-key': await apiKey({ consumer: 'globex', plan: 'gold' }),
      'limit-key': await apiKey({ consumer: 'globex' }),
      'other-limit-key': await apiKey({ consumer: 'acme' }),
      'quota-key': await apiKey({ consumer: 'globex' }),
      'other-quota-key': await apiKey({ consumer: 'acme' }),
      'revoked-key': `X-API-Key: ${revoked.key}`,
      'admin-key': bearer(admin.key),
    }
    for (const [name, line] of Object.entries(fields)) writeFileSync(join(folder, name), `${line}\n`, { mode: 0o600 })
    const acmeEnvFile = join(folder, 'acme.env')
    writeFileSync(acmeEnvFile, `PORTCULLIS_SIGNING_SECRET=${signingSecret}\n`, { mode: 0o600 })
    const examples = createExamples(
      (write) => ({
        gate: gate.url,
        tls: gate.tlsUrl ?? '',
        folder: write(folder),
        cli: `node ${write(join(root, 'dist/cli/portcullis.js'))}`,
        fields,
        certificates: {
          authority: write(join(state, 'edge', 'ca.pem')),
          billing: write(join(folder, 'billing')),
          revoked: write(join(folder, 'revoked')),
          unknown: write(join(folder, 'unknown')),
        },
        acmeEnvFile: write(acmeEnvFile),
      }),
      readable,
    )
    const urls = {
      gateway: gate.url,
      tls: gate.tlsUrl ?? '',
      issuer: issuer.url,
      saml: saml.url,
      origin: origin.url,
      admin: { url: `${gate.url}/.portcullis/admin/v1`, key: admin.key },
    }
    screen.step('an organisation with a day of traffic')
    const seeded = await seed({ gateUrl: gate.url, adminKey: admin.key, issuer: issuer.url, path: join(folder, 'seed.json') })
    const pages = pageExamples(gatePort, seeded)
    const signIn = signInExamples(gatePort)
    writeDemo({ ...urls, signIn, pages, examples })
    screen.ready(
      { ...urls, log: readable(join(state, 'gate.log')), demo: readable(join(state, 'demo.json')) },
      signIn,
      pages,
      examples,
      Date.now() - started,
    )
    const why = await Promise.race([askedToStop(), gate.ended])
    screen.stopping(why)
    if (why !== undefined) process.exitCode = 1
  } finally {
    await stopAll()
  }
}

/** As it would be typed: short where the shell stands in the project. */
function readable(path: string): string {
  const short = relative(process.cwd(), path)
  const chosen = short.startsWith('..') ? path : short
  return /^[\w./-]+$/u.test(chosen) ? chosen : `'${chosen.replaceAll("'", String.raw`'\''`)}'`
}

/** 32 random bytes under a name, the same at every start. */
function keptSecret(name: string): string {
  const path = join(folder, `${name}.secret`)
  if (!existsSync(path)) writeFileSync(path, randomBytes(32).toString('base64url'), { mode: 0o600 })
  return readFileSync(path, 'utf8').trim()
}

function compiledPolicy(): unknown {
  const file = readPolicyFile(join(root, 'policy.yaml'))
  const compiled = compilePolicy(file.document, { placeholders: 'keep' })
  if (compiled.ok && file.syntaxProblems.length === 0) return compiled.document
  throw new Error('policy.yaml has errors; see them with: npx portcullis check policy.yaml')
}

interface DemoCertificates {
  readonly keyIdentifier: string
  readonly tls: { readonly certificate: string; readonly key: string; readonly clientAuthorities: string; readonly revocationLists: string }
}

async function makeCertificates(): Promise<DemoCertificates> {
  const server = await localServerCertificate(join(state, 'edge'))
  const clients = await openAuthority(join(folder, 'client-authority'), 'Portcullis demo clients')
  const strangers = await openAuthority(join(folder, 'other-authority'), 'Another authority')
  const service = { name: 'billing', usage: 'client', uris: ['spiffe://example.org/billing'] } as const
  const leaves = {
    billing: await issueLeaf(clients, service),
    revoked: await issueLeaf(clients, service),
    unknown: await issueLeaf(strangers, service),
  }
  for (const [name, { pem, key }] of Object.entries(leaves)) {
    writeFileSync(join(folder, `${name}.pem`), pem)
    writeFileSync(join(folder, `${name}.key`), key, { mode: 0o600 })
  }
  return {
    keyIdentifier: clients.keyIdentifier,
    tls: {
      certificate: server.leaf.pem,
      key: server.leaf.key,
      clientAuthorities: clients.pem,
      revocationLists: await revocationList(clients, [leaves.revoked]),
    },
  }
}

async function revoke(gateUrl: string, adminKey: string, id: string): Promise<void> {
  const response = await fetch(`${gateUrl}/.portcullis/admin/v1/revocations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}` },
    body: JSON.stringify({ type: 'key', id, reason: 'demo' }),
  })
  if (response.status !== 201) throw new Error(`the gate did not take a revocation: ${response.status} ${await response.text()}`)
}

/** At once or not at all: a script that waits for the file never reads half of it. */
function writeDemo({ examples, ...urls }: { readonly examples: readonly Example[] } & Readonly<Record<string, unknown>>): void {
  const demo = { ...urls, examples: examples.map(({ layer, name, command, expect }) => ({ layer, name, command, expect })) }
  const path = join(state, 'demo.json')
  writeFileSync(`${path}.part`, `${JSON.stringify(demo, undefined, 2)}\n`, { mode: 0o600 })
  renameSync(`${path}.part`, path)
}

/** Decisions go to a file: the screen is for people. */
function openLog(): (line: string) => void {
  const path = join(state, 'gate.log')
  writeFileSync(path, '', { mode: 0o600 })
  return (line) => {
    writeFileSync(path, `${line}\n`, { flag: 'a' })
  }
}

async function askedToStop(): Promise<undefined> {
  return new Promise((done) => {
    process.once('SIGINT', () => done(undefined)).once('SIGTERM', () => done(undefined))
  })
}

try {
  await main()
} catch (error) {
  screen.failed(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
