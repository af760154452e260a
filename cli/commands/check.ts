import { parseArgs } from 'node:util'
import { loadPolicy } from '../../src/policy/load-policy.ts'
import { parsePolicy, type PolicyResult } from '../../src/policy/parse-policy.ts'
import { listPlaceholders } from '../../src/policy/placeholders.ts'
import type { Problem } from '../../src/policy/problems.ts'
import { type Command, UsageError } from '../command.ts'
import { readPolicyFile } from '../policy-file.ts'
import { samlKeyProblems } from '../saml-keys.ts'
import { count, countProblems, locateProblems, printProblems } from '../policy-report.ts'
import { readEnvFile, readWranglerSettings, type Settings } from '../settings.ts'

export const checkCommand: Command = {
  help: [
    'Usage: portcullis check FILE [options]',
    '',
    'Lists every problem of a policy (OpenAPI 3.1 or 3.2 with x-portcullis, YAML or JSON) with its line and JSON Pointer.',
    'With an environment it also fills the placeholders and checks what comes out. Exit code 1 when there is an error.',
    '',
    '  --env NAME         an environment of wrangler.toml; without it, --wrangler means its top level',
    '  --wrangler FILE    where vars and secrets.required are (default: wrangler.toml)',
    '  --env-file FILE    values in the form of .env, over those of wrangler.toml',
    '  --json             the problems as one JSON document on standard output',
    '',
    'Example: portcullis check policy.yaml --env production',
  ].join('\n'),
  run: async (args, terminal) => {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        env: { type: 'string' },
        'env-file': { type: 'string' },
        wrangler: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    })
    const [path, ...more] = positionals
    if (path === undefined || more.length > 0) throw new UsageError('check takes one file: portcullis check policy.yaml')
    const file = readPolicyFile(path)
    const environment = environmentOf(values.env, values.wrangler, values['env-file'])
    const result =
      file.syntaxProblems.length > 0 ? { ok: false as const, problems: [] } : await withKeys(checkDocument(file.document, environment))
    const problems = locateProblems(file, result.ok ? result.warnings : result.problems)
    if (values.json) terminal.out(JSON.stringify({ ok: result.ok, problems }, undefined, 2))
    else printProblems(problems, terminal)
    if (!result.ok) {
      if (!values.json) terminal.err(countProblems(problems))
      return 1
    }
    const { routes, schemes, limits } = result.policy
    if (!values.json)
      terminal.out(`${path}: ${count(routes.length, 'route')}, ${count(schemes.length, 'scheme')}, ${count(limits.length, 'limit')}`)
    return 0
  },
}

interface Environment {
  readonly values: Settings
  readonly requiredSecrets: ReadonlySet<string>
  /** Where a value should have been, for messages. */
  readonly source: string
}
function environmentOf(name: string | undefined, wrangler: string | undefined, envFile: string | undefined): Environment | undefined {
  if (name === undefined && wrangler === undefined && envFile === undefined) return undefined
  const file = wrangler ?? 'wrangler.toml'
  const settings = name === undefined && wrangler === undefined ? { vars: {}, requiredSecrets: [] } : readWranglerSettings(file, name)
  const table = name === undefined ? 'vars' : `env.${name}.vars`
  return {
    values: { ...settings.vars, ...(envFile === undefined ? {} : readEnvFile(envFile)) },
    requiredSecrets: new Set(settings.requiredSecrets),
    source: name === undefined && wrangler === undefined ? (envFile ?? '') : `[${table}] of ${file}`,
  }
}

/** A SEQUENCE of 32 bytes of zeros: of the form of a secret, and of a private key, and nobody's. */
const DUMMY_SECRET = `MCIEI${'A'.repeat(43)}`

/** Keys are read last: they need what is filled. */
async function withKeys(result: PolicyResult): Promise<PolicyResult> {
  const problems = result.ok ? await samlKeyProblems(result.policy, DUMMY_SECRET) : []
  return result.ok && problems.length > 0 ? { ok: false, problems: [...result.warnings, ...problems] } : result
}

function checkDocument(document: unknown, environment: Environment | undefined): PolicyResult {
  const template = parsePolicy(document, { placeholders: 'keep' })
  if (environment === undefined) return template
  const { values, requiredSecrets, source } = environment
  const placeholders = listPlaceholders(document)
  const filled: Record<string, string> = { ...values }
  const own: Problem[] = []
  for (const { name, pointer, isSecret } of placeholders) {
    if (isSecret && Object.hasOwn(values, name) && !requiredSecrets.has(name) && source.startsWith('[')) {
      own.push({
        pointer,
        message: `${name} is a secret, but its value is in the open`,
        suggestion: 'list it under secrets.required',
        severity: 'error',
      })
    } else if (isSecret && !Object.hasOwn(values, name)) {
      if (requiredSecrets.has(name)) filled[name] = DUMMY_SECRET
      else
        own.push({
          pointer,
          message: `the secret ${name} is not declared`,
          suggestion: `list it under secrets.required beside ${source}`,
          severity: 'error',
        })
    } else if (!isSecret && requiredSecrets.has(name)) {
      own.push({ pointer, message: `${name} is a secret: it may stand only where a secret is expected`, severity: 'error' })
    } else if (!isSecret && !Object.hasOwn(values, name)) {
      own.push({ pointer, message: `${name} is not set in ${source}`, severity: 'error' })
    }
  }
  const loaded = loadPolicy(document, filled, { isLocal: Object.hasOwn(values, 'PORTCULLIS_LOCAL') })
  return merge(template, loaded, own)
}

/** Problems of the document as written, of its environment, and of what is there once it is filled; each place once. */
function merge(template: PolicyResult, loaded: PolicyResult, own: readonly Problem[]): PolicyResult {
  const places = new Set(own.map(({ pointer }) => pointer))
  const known = [...own, ...problemsOf(template)]
  const isNew = ({ pointer, message }: Problem): boolean =>
    !places.has(pointer) && !known.some((one) => one.pointer === pointer && one.message === message)
  const problems = [...known, ...problemsOf(loaded).filter(isNew)]
  if (loaded.ok && template.ok && own.length === 0) return { ...loaded, warnings: problems }
  return { ok: false, problems }
}

function problemsOf(result: PolicyResult): readonly Problem[] {
  return result.ok ? result.warnings : result.problems
}
