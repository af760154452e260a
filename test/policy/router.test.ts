import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Route } from '../../src/policy/policy.ts'
import { createRouter } from '../../src/policy/router.ts'

const route = (template: string, method = 'GET'): Route => ({
  id: `${method} ${template}`, method, template, basePath: '', alternatives: [[]], origin: 'o', limits: [], cost: 1, forwardCredentials: [],
}) // prettier-ignore
const matcher = (...templates: string[]) => {
  const router = createRouter(templates.map((template) => route(template)))
  return (path: string) => {
    const match = router.match(path)
    return match === undefined ? undefined : { template: match.byMethod.get('GET')?.template, ...match.parameters }
  }
}

describe('createRouter()', () => {
  test('OA-9: a literal wins over a parameter, a parameter over {rest+}, whatever the order', () => {
    for (const templates of [
      ['/a/{rest+}', '/a/{id}', '/a/b'],
      ['/a/b', '/a/{id}', '/a/{rest+}'],
    ]) {
      const match = matcher(...templates)
      expect(match('/a/b')).toEqual({ template: '/a/b' })
      expect(match('/a/c')).toEqual({ template: '/a/{id}', id: 'c' })
      expect(match('/a/c/d')).toEqual({ template: '/a/{rest+}', rest: 'c/d' })
    }
  })

  test('goes back where a more specific branch ends', () => {
    const match = matcher('/a/b/c', '/a/{x}/d', '/{rest+}')
    expect(match('/a/b/d')).toEqual({ template: '/a/{x}/d', x: 'b' })
    expect(match('/a/b/e')).toEqual({ template: '/{rest+}', rest: 'a/b/e' })
  })

  test('a slash at the end makes another path, and no parameter is empty', () => {
    const match = matcher('/a', '/b/', '/c/{id}', '/d/{rest+}')
    expect(['/a/', '/b', '/c/', '/c', '/d', '/d/', 'a', ''].map(match)).toEqual(Array(8).fill(undefined))
    expect(match('/b/')).toEqual({ template: '/b/' })
    expect(match('/d/e/')).toEqual({ template: '/d/{rest+}', rest: 'e/' })
  })

  test('an escaped spelling of a literal does not slip to a laxer sibling', () => {
    const match = matcher('/jobs:run', '/%C3%A9', '/{id}')
    for (const path of ['/jobs:run', '/jobs%3Arun', '/jobs%3arun']) expect(match(path)).toEqual({ template: '/jobs:run' })
    expect(match('/%c3%a9')).toEqual({ template: '/%C3%A9' })
  })

  test('parameters are decoded once', () => {
    expect(matcher('/{id}')('/a%20b')).toEqual({ template: '/{id}', id: 'a b' })
    expect(matcher('/{id}')('/a%2525')).toEqual({ template: '/{id}', id: 'a%25' })
    expect(matcher('/{id}')('/a%zz')).toBeUndefined()
  })

  test('names of Object.prototype are names like others', () => {
    const match = createRouter([route('/a'), route('/{id}')]).match('/constructor')
    expect(match?.parameters['id']).toBe('constructor')
    expect(match?.parameters['toString']).toBeUndefined()
    expect(matcher('/a')('/__proto__')).toBeUndefined()
  })

  test('methods of one template are together', () => {
    const match = createRouter([route('/a', 'GET'), route('/a', 'PUT')]).match('/a')
    expect([...(match?.byMethod.keys() ?? [])]).toEqual(['GET', 'PUT'])
  })

  test.each([[['/a/{id}', '/a/{x}']], [['/a', '/a']], [['/{r+}/a']], [['/a{id}']]])('throws for %j', (templates) => {
    expect(() => createRouter(templates.map((template) => route(template)))).toThrow(/template/u)
  })

  test.each(['/ADMIN', '/Admin/x', '/admin;x', '/ADMIN;x/y', '/%41DMIN'])('%s is no laxer route’s where /admin is one', (path) => {
    expect(matcher('/admin', '/admin/x', '/{rest+}', '/{id}')(path)).toBeUndefined()
    expect(matcher('/administrators', '/{rest+}')(path)?.template).toBe('/{rest+}')
  })

  test('agrees with a naive matcher', () => {
    const segment = fc.constantFrom('a', 'b', '{p}', '')
    const template = fc.tuple(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.boolean()).map(([parts, hasRest]) => {
      const named = parts
        .filter((part, index) => part !== '' || index === parts.length - 1)
        .map((part, index) => (part === '{p}' ? `{p${index}}` : part))
      return `/${[...(hasRest ? named.filter((part) => part !== '') : named), ...(hasRest ? ['{rest+}'] : [])].join('/')}`
    })
    const path = fc
      .array(fc.constantFrom('a', 'b', 'c'), { maxLength: 5 })
      .chain((parts) => fc.boolean().map((ends) => `/${parts.join('/')}${ends && parts.length > 0 ? '/' : ''}`))
    fc.assert(
      fc.property(fc.uniqueArray(template, { maxLength: 8 }), path, (templates, wanted) => {
        expect(matcher(...templates)(wanted)?.template).toBe(naive(templates, wanted))
      }),
      { numRuns: 500 },
    )
  })
})

/** Literals first, then parameters, then the rest, from the left. */
function rank(template: string): string {
  return template.slice(1).replaceAll(/\{[^}]*\+\}/gu, '2').replaceAll(/\{[^}]*\}/gu, '1').replaceAll(/[a-z]+/gu, '0') // prettier-ignore
}

/** All templates that match, the best of them by rank; one that would match without its last slash keeps laxer ones away. */
function naive(templates: readonly string[], path: string): string | undefined {
  const keepers = templates.filter((template) => !template.endsWith('/') && !template.endsWith('+}')).map((template) => `${template}/`)
  const matching = [...templates, ...keepers].filter((template) => {
    const pattern = template.replaceAll(/\{[^}]*\+\}/gu, '[^/]+(?:/.*)?').replaceAll(/\{[^}]*\}/gu, '[^/]+')
    return new RegExp(`^${pattern}$`, 'u').test(path)
  })
  const [best] = matching.toSorted((one, other) => (rank(one) < rank(other) ? -1 : 1))
  return templates.find((template) => template === best)
}
