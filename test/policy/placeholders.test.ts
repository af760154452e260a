import { describe, expect, test } from 'vitest'
import { loadPolicy } from '../../src/policy/load-policy.ts'
import { parsePolicy } from '../../src/policy/parse-policy.ts'
import { fillPlaceholders, listPlaceholders, MARKED_FIELDS } from '../../src/policy/placeholders.ts'
import { policyDocument, type PolicyDocument } from '../support/policy-document.ts'

// oxlint-disable no-template-curly-in-string -- placeholders
function open(): PolicyDocument {
  const document = policyDocument()
  document['x-portcullis'].origins.main.url = '${ORIGIN}'
  document.components.securitySchemes.user['x-portcullis'].audience = ['${AUDIENCE}', 'https://${HOST}/x']
  document['x-portcullis'].consumers.acme.signingKeys = [{ keyid: 'k', secret: '${SIGNING}' }]
  return document
}
const SECRET = 'q'.repeat(42) + 'A'
const VALUES = { ORIGIN: 'https://o.example.com', AUDIENCE: 'a', HOST: 'h', SIGNING: SECRET }
const errorsOf = (change: (document: PolicyDocument) => void, placeholders: 'keep' | 'forbid' = 'keep') => {
  const document = open()
  change(document)
  const result = parsePolicy(document, { placeholders })
  return result.ok ? [] : result.problems.map(({ pointer, message }) => `${pointer} ${message}`)
}

describe('listPlaceholders()', () => {
  test('every one, with its place, and whether a secret is expected there', () => {
    expect(listPlaceholders(open())).toEqual([
      { name: 'ORIGIN', pointer: '/x-portcullis/origins/main/url', isSecret: false },
      { name: 'SIGNING', pointer: '/x-portcullis/consumers/acme/signingKeys/0/secret', isSecret: true },
      { name: 'AUDIENCE', pointer: '/components/securitySchemes/user/x-portcullis/audience/0', isSecret: false },
      { name: 'HOST', pointer: '/components/securitySchemes/user/x-portcullis/audience/1', isSecret: false },
    ])
  })
})

describe('fillPlaceholders()', () => {
  test('fills parsed strings and leaves the document as it was', () => {
    const document = open()
    const { document: filled, missing } = fillPlaceholders(document, VALUES)
    expect(missing).toEqual([])
    expect((filled as PolicyDocument).components.securitySchemes.user['x-portcullis'].audience).toEqual(['a', 'https://h/x'])
    expect(document).toEqual(open())
  })

  test('a value is not looked at again, and cannot become structure', () => {
    const { document } = fillPlaceholders(open(), { ...VALUES, ORIGIN: '${SIGNING}', AUDIENCE: '"}, {"' })
    expect((document as PolicyDocument)['x-portcullis'].origins.main.url).toBe('${SIGNING}')
    expect((document as PolicyDocument).components.securitySchemes.user['x-portcullis'].audience[0]).toBe('"}, {"')
    expect(loadPolicy(open(), { ...VALUES, ORIGIN: '${SIGNING}' }, { isLocal: false })).toMatchObject({ ok: false })
  })

  test('$-patterns of replacement mean nothing in a value', () => {
    expect(
      (fillPlaceholders(open(), { ...VALUES, AUDIENCE: '$&$1' }).document as PolicyDocument).components.securitySchemes.user['x-portcullis']
        .audience[0],
    ).toBe('$&$1')
  })

  test('names what is missing, names of Object.prototype and of the gate among them', () => {
    const document = open()
    document.servers[0].url = '${PORTCULLIS_ROOT_KEY}'
    const { missing } = fillPlaceholders(document, { PORTCULLIS_ROOT_KEY: 'x', AUDIENCE: 'a', HOST: 'h', SIGNING: SECRET })
    expect(missing.map(({ name }) => name)).toEqual(['PORTCULLIS_ROOT_KEY', 'ORIGIN'])
  })

  test('every marked field is filled', () => {
    for (const field of MARKED_FIELDS) {
      const tokens = field.slice(1).split('/').map((token) => (token === '*' ? 'any' : token)) // prettier-ignore
      const document = tokens.reduceRight<unknown>((value, token) => ({ [token]: value }), '${NAME}')
      expect(JSON.stringify(fillPlaceholders(document, { NAME: 'value' }).document)).toContain('"value"')
    }
  })
})

describe('a placeholder', () => {
  test.each<[string, (document: PolicyDocument) => void, RegExp]>([
    [
      'in a field that is not marked',
      (d) => (d['x-portcullis'].limits.calls.rate = '${RATE}'),
      /limits\/calls\/rate a placeholder may not stand here/u,
    ],
    ['in a scope', (d) => (d.paths['/orders/{id}'].get.security = [{ app: ['${S}'] }]), /security\/0\/app\/0 a placeholder may not/u],
    ['in a path', (d) => (d.paths['/${P}'] = d.paths['/status']), /a placeholder may not/u],
    ['in a name', (d) => (d['x-portcullis'].limits['${L}'] = {}), /a placeholder may not/u],
    [
      'in an additional operation',
      (d) => (d.paths['/status'].additionalOperations = { PURGE: { security: [{ '${S}': [] }] } }),
      /PURGE\/security\/0\/\$\{S\} a placeholder may not/u,
    ],
    [
      'in a path item by reference',
      (d) => (d.components.pathItems = { a: { get: { operationId: '${O}' } } }),
      /operationId a placeholder may not/u,
    ],
    [
      'in a claim',
      (d) => (d.paths['/orders/{id}'].get['x-portcullis'].require = { user: { claims: { a: '${C}' } } }),
      /a placeholder may not/u,
    ],
    ['in lower case', (d) => (d['x-portcullis'].origins.main.url = '${origin}'), /not a placeholder/u],
    ['without an end', (d) => (d['x-portcullis'].origins.main.url = '${ORIGIN'), /not a placeholder/u],
    ['of the gate itself', (d) => (d['x-portcullis'].origins.main.url = '${PORTCULLIS_ROOT_KEY}'), /the gate's own/u],
    ['of a secret, in the open', (d) => (d['x-portcullis'].origins.main.url = 'https://${SIGNING}/'), /is a secret elsewhere/u],
    ['inside a secret', (d) => (d['x-portcullis'].consumers.acme.signingKeys[0].secret = 'x${SIGNING}'), /never stands in a policy/u],
  ])('%s is an error', (_name, change, message) => {
    expect(errorsOf(change).join('\n')).toMatch(message)
  })

  test('that is left is an error once none may be', () => {
    expect(errorsOf(() => {}, 'forbid').filter((problem) => problem.endsWith('a placeholder is left'))).toHaveLength(4)
  })
})

describe('loadPolicy()', () => {
  test('fills and checks again', () => {
    const result = loadPolicy(open(), { ...VALUES, LEDGER: {} }, { isLocal: false })
    expect(result).toMatchObject({
      ok: true,
      policy: { origins: [{ url: 'https://o.example.com' }], consumers: [{ signingKeys: [{ secret: SECRET }] }] },
    })
  })

  test('a value that is missing or no string is one problem', () => {
    const result = loadPolicy(open(), { ...VALUES, ORIGIN: {} }, { isLocal: false })
    expect(result).toEqual({
      ok: false,
      problems: [{ pointer: '/x-portcullis/origins/main/url', message: 'ORIGIN is not set', severity: 'error' }],
    })
  })

  test.each([
    ['31 bytes', 'q'.repeat(41) + 'A', /shorter than 32 bytes/u],
    ['no base64', `${'q'.repeat(42)}!`, /not base64/u],
  ])('a secret of %s, in no message', (_name, SIGNING, message) => {
    const result = loadPolicy(open(), { ...VALUES, SIGNING }, { isLocal: false })
    expect(JSON.stringify(result)).toMatch(message)
    expect(JSON.stringify(result)).not.toContain(SIGNING)
  })

  test('no problem repeats a value', () => {
    const document = open()
    document.components.securitySchemes.service['x-portcullis'].issuers[0].ski = '${SKI}'
    document.servers[0].url = '${SERVER}'
    document.components.securitySchemes.user.openIdConnectUrl = '${DISCOVERY}'
    const bad = 'ftp://very:private@value/?#'
    const result = loadPolicy(document, { ...VALUES, ORIGIN: bad, SKI: bad, SERVER: bad, DISCOVERY: bad, SIGNING: bad }, { isLocal: true })
    expect(result.ok).toBe(false)
    expect(JSON.stringify(result)).not.toMatch(/very|private/u)
  })

  test('loopback where it is local alone', () => {
    const values = { ...VALUES, ORIGIN: 'http://localhost:8080' }
    expect(loadPolicy(open(), values, { isLocal: true }).ok).toBe(true)
    expect(loadPolicy(open(), values, { isLocal: false }).ok).toBe(false)
  })
})
