import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, extname } from 'node:path'
import { parseArgs } from 'node:util'
import { compilePolicy } from '../../src/policy/parse-policy.ts'
import { type Command, UsageError } from '../command.ts'
import { readPolicyFile } from '../policy-file.ts'
import { count, countProblems, locateProblems, printProblems } from '../policy-report.ts'

export const compileCommand: Command = {
  help: [
    'Usage: portcullis compile FILE [--out build/policy.json]',
    '',
    'Checks a policy and writes what the gate reads of it as JSON; placeholders stay and are filled by the Worker.',
    'When CLOUDFLARE_ENV is set and policy.<env>.yaml lies beside policy.yaml, that file is taken. A policy with an error',
    'writes nothing and ends with exit code 1.',
    '',
    '  --out FILE   where to write (default: build/policy.json)',
    '',
    'Example: portcullis compile policy.yaml --out build/policy.json',
  ].join('\n'),
  run: async (args, terminal) => {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { out: { type: 'string', default: 'build/policy.json' } },
    })
    const [given, ...more] = positionals
    if (given === undefined || more.length > 0)
      throw new UsageError('compile takes one file: portcullis compile policy.yaml --out build/policy.json')
    const path = fileForEnvironment(given, process.env['CLOUDFLARE_ENV'])
    const file = readPolicyFile(path)
    const result =
      file.syntaxProblems.length > 0 ? { ok: false as const, problems: [] } : compilePolicy(file.document, { placeholders: 'keep' })
    const problems = locateProblems(file, result.ok ? result.warnings : result.problems)
    printProblems(problems, terminal)
    if (!result.ok) {
      terminal.err(`${countProblems(problems)}: nothing written`)
      return 1
    }
    writeWhole(values.out, `${JSON.stringify(result.document)}\n`)
    terminal.out(`${path} -> ${values.out}: ${count(result.policy.routes.length, 'route')}`)
    return 0
  },
}

/** `policy.yaml` and `production` give `policy.production.yaml`, if there is one. */
function fileForEnvironment(path: string, environment: string | undefined): string {
  if (environment === undefined || environment === '') return path
  if (!/^[A-Za-z0-9_-]+$/u.test(environment)) throw new UsageError('CLOUDFLARE_ENV is not the name of an environment')
  const extension = extname(path)
  const own = `${path.slice(0, path.length - extension.length)}.${environment}${extension}`
  return existsSync(own) ? own : path
}

/** At once or not at all: a build that runs beside never reads half a policy. */
function writeWhole(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  const part = `${path}.${process.pid}.part`
  writeFileSync(part, text)
  renameSync(part, path)
}
