// Builds what the package ships: the Worker, the library entries, the command and their types. Run by `prepare`.
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const withTypes = !process.argv.includes('--no-types')
rmSync(withTypes ? 'dist' : 'dist/cli', { recursive: true, force: true })

const shared = {
  bundle: true,
  format: 'esm',
  logLevel: 'warning',
  legalComments: 'none',
  outdir: 'dist',
  jsx: 'automatic',
  jsxImportSource: 'hono/jsx',
}

/** The Worker reads its policy from the module beside it, so that one bundle serves every policy. */
const policyBeside = {
  name: 'policy-beside',
  setup(bundler) {
    bundler.onResolve({ filter: /^#policy$/ }, () => ({ path: './policy.json', external: true }))
  },
}

await Promise.all([
  // Everything inlined: this file runs as it is under `workerd serve`.
  build({
    ...shared,
    entryPoints: { worker: 'src/index.ts' },
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*'],
    plugins: [policyBeside],
    sourcemap: true,
  }),
  // For applications that bundle Portcullis themselves.
  build({
    ...shared,
    entryPoints: { portcullis: 'src/portcullis.ts', testing: 'src/testing/index.ts' },
    target: 'es2024',
    packages: 'external',
    external: ['cloudflare:*'],
    splitting: true,
  }),
  // A file for each command, so that only the one that runs is read.
  build({
    ...shared,
    outdir: 'dist/cli',
    entryPoints: { portcullis: 'cli/main.ts' },
    splitting: true,
    target: 'node20',
    platform: 'node',
    packages: 'external',
    banner: { js: '#!/usr/bin/env node' },
  }),
])

if (withTypes) {
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], { stdio: 'inherit' })
}
