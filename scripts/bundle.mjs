// The bundle as it would be deployed, for every environment: no warning, nothing of Node in it, and its size.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const MAX_GZIP_KIB = 275
let failures = 0
const fail = (message) => {
  failures++
  process.stderr.write(`bundle: ${message}\n`)
}

for (const environment of ['', 'staging', 'production']) {
  const outdir = `build/bundle-${environment || 'top'}`
  rmSync(outdir, { recursive: true, force: true })
  const { status, stdout, stderr } = spawnSync('wrangler', ['deploy', '--dry-run', '--outdir', outdir, `--env=${environment}`], {
    encoding: 'utf8',
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false', NO_COLOR: '1' },
  })
  const said = `${stdout}${stderr}`
  if (status !== 0) fail(`wrangler deploy --dry-run --env=${environment} failed:\n${said}`)
  if (/WARNING/u.test(said)) fail(`wrangler warns for --env=${environment}:\n${said}`)
  if (status !== 0) continue
  const scripts = readdirSync(outdir).filter((name) => name.endsWith('.js'))
  const code = scripts.map((name) => readFileSync(`${outdir}/${name}`, 'utf8')).join('\n')
  for (const forbidden of [/\bfrom\s*["']node:/u, /\bimport\(["']node:/u, /\brequire\(["']/u, /\beval\(/u, /\bnew Function\(/u]) {
    if (forbidden.test(code)) fail(`forbidden in the bundle: ${forbidden}`)
  }
  const raw = code.length / 1024
  const gzip = gzipSync(code, { level: 9 }).length / 1024
  process.stdout.write(
    `${(environment || 'top level').padEnd(12)} ${raw.toFixed(1)} KiB, ${gzip.toFixed(1)} KiB gzip (budget ${MAX_GZIP_KIB})\n`,
  )
  if (gzip > MAX_GZIP_KIB) fail(`${gzip.toFixed(1)} KiB gzip is over the budget of ${MAX_GZIP_KIB}`)
}
process.exitCode = failures === 0 ? 0 : 1
