// `npm test`: every gate in turn, all of them even when one fails, and one closing line that counts.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
mkdirSync('build', { recursive: true })
const report = 'build/unit.json'
rmSync(report, { force: true })

/** @type {readonly (readonly [name: string, args: string[]])[]} */
const gates = [
  ['lint', ['run', '--silent', 'lint']],
  ['types', ['run', '--silent', 'types']],
  ['dead code', ['run', '--silent', 'deadcode']],
  ['unit and end to end', ['run', '--silent', 'unit', '--', '--reporter=dot', '--reporter=json', `--outputFile.json=${report}`]],
  ['bundle', ['run', '--silent', 'bundle']],
  ['package', ['run', '--silent', 'package']],
]

let passed = 0
let failed = 0
for (const [name, args] of gates) {
  const started = Date.now()
  process.stdout.write(`\n== ${name}\n`)
  const { status } = spawnSync('npm', args, {
    stdio: 'inherit',
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false' },
  })
  process.stdout.write(`== ${name}: ${status === 0 ? 'passed' : 'FAILED'} (${((Date.now() - started) / 1000).toFixed(1)} s)\n`)
  if (status === 0) passed++
  else failed++
}
try {
  const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8'))
  passed += numPassedTests
  failed += numFailedTests
} catch {
  failed++
}
process.stdout.write(`\n${passed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1
