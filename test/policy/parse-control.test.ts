import { describe, expect, test } from 'vitest'
import { parsePolicy } from '../../src/policy/parse-policy.ts'
import type { PolicyDocument } from '../support/policy-document.ts'
import { sessionPolicy } from '../support/session-gate.ts'

type Change = (control: PolicyDocument, document: PolicyDocument) => void
function read(change: Change = () => {}) {
  const document = sessionPolicy((policy) => {
    policy.components.securitySchemes.staff = {
      type: 'openIdConnect',
      openIdConnectUrl: 'https://login.example.net/.well-known/openid-configuration',
      'x-portcullis': { kind: 'jwt', issuer: 'https://login.example.net', audience: 'https://api.example.com' },
    }
    policy['x-portcullis'].plans = { free: { scopes: ['read'] }, gold: { scopes: [] } }
    policy['x-portcullis'].control = { security: [{ web: [] }, { staff: ['ops'] }], portal: { scheme: 'web' } }
    change(policy['x-portcullis'].control, policy)
  })
  return parsePolicy(document, { placeholders: 'forbid' })
}
function problemsOf(change: Change) {
  const result = read(change)
  return result.ok ? [] : result.problems.map(({ pointer, message }) => `${pointer}: ${message}`)
}

describe('x-portcullis.control', () => {
  test('without it there are no developers, and operators have admin keys', () => {
    const result = read((_, policy) => delete policy['x-portcullis'].control)
    expect(result.ok && result.policy.control).toBeUndefined()
  })

  test('what is not said: every plan, the first of them, 3 organisations, 10 apps, 5 keys', () => {
    const result = read()
    expect(result.ok && result.policy.control).toMatchObject({
      security: [[{ scheme: 'web', scopes: [] }], [{ scheme: 'staff', scopes: ['ops'] }]],
      portal: { scheme: 'web', plans: ['free', 'gold'], defaultPlan: 'free', maxOrganisations: 3, maxApps: 10, maxKeys: 5 },
    })
  })

  test.each<readonly [string, Change, string]>([
    [
      'a scheme that nobody declares',
      (control) => (control.security = [{ wed: [] }]),
      '/x-portcullis/control/security/0/wed: unknown security scheme "wed" (OA-5)',
    ],
    [
      'everybody',
      (control) => (control.security = [{ web: [] }, {}]),
      '/x-portcullis/control/security/1: everybody would operate this gate',
    ],
    [
      'a portal without sessions',
      (control) => (control.portal.scheme = 'app'),
      '/x-portcullis/control/portal/scheme: unknown session scheme "app"',
    ],
    [
      'a plan that is none',
      (control) => (control.portal.plans = ['free', 'fee']),
      '/x-portcullis/control/portal/plans/1: unknown plan "fee"',
    ],
    ['no plans to choose from', (control) => (control.portal.plans = []), '/x-portcullis/control/portal/plans: must not be empty'],
    [
      'a default that is not offered',
      (control) => Object.assign(control.portal, { plans: ['free'], defaultPlan: 'gold' }),
      '/x-portcullis/control/portal/defaultPlan: unknown plan "gold"',
    ],
    [
      'a consumer by the name of an app',
      (_, policy) => (policy['x-portcullis'].consumers['app_shop'] = {}),
      '/x-portcullis/consumers/app_shop: a name that begins with "app_" is one of an app in the directory',
    ],
    ['101 apps', (control) => (control.portal.maxApps = 101), '/x-portcullis/control/portal/maxApps: at most 100'],
    [
      'a key by the name of one in the directory',
      (_, policy) => (policy['x-portcullis'].consumers['shop'] = { keys: [{ id: 'key_1', hash: `hmac-sha256:${'0'.repeat(64)}` }] }),
      '/x-portcullis/consumers/shop: "key_1": an id that begins with "key_" is one of a key in the directory',
    ],
    [
      'a scanner without keys',
      (control) => (control.secretScanning = [{ name: 'github' }]),
      '/x-portcullis/control/secretScanning/0: a scanner has either "keysUrl" or "keys"',
    ],
    [
      'a scanner with keys of both kinds',
      (control) =>
        (control.secretScanning = [{ name: 'github', keysUrl: 'https://a.example/', keys: [{ id: 'a', publicKey: 'MAMCAQA=' }] }]),
      '/x-portcullis/control/secretScanning/0: a scanner has either "keysUrl" or "keys"',
    ],
    [
      'keys that anybody on the way may change',
      (control) => (control.secretScanning = [{ name: 'github', keysUrl: 'http://a.example/' }]),
      '/x-portcullis/control/secretScanning/0/keysUrl: the URL must be https',
    ],
    [
      'a public key that is none',
      (control) => (control.secretScanning = [{ name: 'ours', keys: [{ id: 'a', publicKey: 'secret' }] }]),
      '/x-portcullis/control/secretScanning/0/keys/0/publicKey: must be a public key of P-256 in PEM',
    ],
    [
      'nine scanners',
      (control) => (control.secretScanning = Array.from({ length: 9 }, () => ({ name: 'github', keysUrl: 'https://a.example/' }))),
      '/x-portcullis/control/secretScanning: more than 8',
    ],
    ['what nobody knows', (control) => (control.potral = {}), '/x-portcullis/control/potral: unknown field "potral"'],
  ])('%s is a problem, with its place', (_, change, problem) => {
    expect(problemsOf(change).map((one) => one.slice(0, problem.length))).toEqual([problem])
  })

  test('a scheme that only operators use is used', () => {
    const result = read()
    expect(result.ok && result.warnings.filter(({ message }) => message.includes('nowhere'))).toEqual([])
  })
})
