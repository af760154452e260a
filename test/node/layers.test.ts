import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

/** Highest first: a file imports from its own layer and below (docs/architecture.md, "The house"). */
const LAYERS: readonly (readonly string[])[] = [
  ['index.ts', 'portcullis.ts', 'testing'],
  ['gate.ts', 'control-plane.ts', 'console.ts', 'leak-reports.ts', 'portal.ts', 'sign-in.ts', 'session-api.ts', 'session-class.ts'],
  [
    'gateway.ts',
    'observer.ts',
    'shield.ts',
    'presented.ts',
    'decide.ts',
    'passage.ts',
    'request-checks.ts',
    'environment.ts',
    'control',
    'identity',
  ],
  ['insight', 'origin', 'limits', 'policy'],
  ['schemes'],
  ['sessions'],
  ['credentials', 'replay', 'revocation', 'directory'],
  ['http', 'bindings.ts'],
]
/** Types alone that a lower layer names: the classes behind a binding, and the policy as plain data. */
const CONTRACTS = new Set(['policy/policy.ts', 'bindings.ts', 'limits/limiter.ts'])

const source = resolve(import.meta.dirname, '../../src')
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) => /\.tsx?$/u.test(name))
const layerOf = (file: string): number => LAYERS.findIndex((layer) => layer.some((part) => file === part || file.startsWith(`${part}/`)))

interface Import {
  readonly from: string
  readonly to: string
  readonly isType: boolean
}
function importsOf(file: string): Import[] {
  const text = readFileSync(join(source, file), 'utf8')
  return [...text.matchAll(/^(?:import|export) (type )?[^'"]*?from '(\.[^']+)'/gmu)].map((match) => ({
    from: file,
    to: relative(source, resolve(source, dirname(file), match[2] ?? '')),
    isType: match[1] !== undefined,
  }))
}

describe('imports of src', () => {
  const imports = files.flatMap(importsOf)

  test('every file belongs to a layer', () => {
    expect(files.filter((file) => layerOf(file) === -1)).toEqual([])
    expect(imports.length).toBeGreaterThan(50)
  })

  test('point downwards only', () => {
    const upwards = imports.filter(
      ({ from, to, isType }) => layerOf(to) < layerOf(from) && from !== 'bindings.ts' && !(isType && CONTRACTS.has(to)),
    )
    expect(upwards.map(({ from, to }) => `${from} -> ${to}`)).toEqual([])
  })

  test('pure logic never imports cloudflare:workers: only objects do', () => {
    const guilty = files.filter(
      (file) => !file.endsWith('-object.ts') && readFileSync(join(source, file), 'utf8').includes('cloudflare:workers'),
    )
    expect(guilty).toEqual([])
  })
})
