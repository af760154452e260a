import type * as v from 'valibot'
import { looksLikePem } from '../http/pem.ts'
import type { SchemeConfig } from '../schemes/index.ts'
import type { controlSchema } from './document-control.ts'
import { checkSecurity } from './parse-security.ts'
import type { ConsumerConfig, ControlConfig, PlanConfig, ScannerConfig } from './policy.ts'
import { pointerTo } from './problems.ts'
import { checkName, checkNames, checkUrl, present, type Reading } from './reading.ts'

/** Names of apps are consumers of the gate: a policy's own may not look like one. */
export const APP_NAME = /^app_/u
const KEY_NAME = /^key_/u

interface Declared {
  readonly schemeNames: ReadonlySet<string>
  readonly planNames: ReadonlySet<string>
  readonly plans: readonly PlanConfig[]
  readonly consumerNames: ReadonlySet<string>
  readonly consumers: readonly ConsumerConfig[]
  readonly reading: Reading
}

export function parseControl(
  document: v.InferOutput<typeof controlSchema> | undefined,
  pointer: string,
  { schemeNames, planNames, plans, consumerNames, consumers, reading }: Declared,
): ControlConfig | undefined {
  if (document === undefined) return undefined
  const { security = [], portal, secretScanning = [] } = document
  const { problems } = reading
  checkSecurity(security, pointerTo(pointer, 'security'), { schemeNames, reading })
  for (const [index, requirement] of security.entries()) {
    if (Object.keys(requirement).length === 0)
      problems.error(pointerTo(pointer, 'security', index), 'everybody would operate this gate', 'name a scheme')
  }
  for (const consumer of consumerNames) {
    if (APP_NAME.test(consumer))
      problems.error(pointerTo('/x-portcullis/consumers', consumer), 'a name that begins with "app_" is one of an app in the directory')
  }
  checkKeyNames(consumers, problems)
  return {
    security: security.map((requirement) => Object.entries(requirement).map(([scheme, scopes]) => ({ scheme, scopes }))),
    secretScanning: secretScanning.flatMap(
      (scanner, index) => parseScanner(scanner, pointerTo(pointer, 'secretScanning', index), reading) ?? [],
    ),
    ...present(
      'portal',
      portal === undefined ? undefined : parsePortal(portal, pointerTo(pointer, 'portal'), { planNames, plans, reading }),
    ),
  }
}

/** A revocation that names a key of the directory must mean no other one. */
function checkKeyNames(consumers: readonly ConsumerConfig[], problems: Reading['problems']): void {
  for (const { name, keys, signingKeys } of consumers) {
    for (const id of [...keys.map((key) => key.id), ...signingKeys.map(({ keyid }) => keyid)]) {
      if (KEY_NAME.test(id))
        problems.error(
          pointerTo('/x-portcullis/consumers', name),
          `"${id}": an id that begins with "key_" is one of a key in the directory`,
        )
    }
  }
}

type ScannerDocument = NonNullable<v.InferOutput<typeof controlSchema>['secretScanning']>[number]
function parseScanner({ name, keysUrl, keys }: ScannerDocument, pointer: string, reading: Reading): ScannerConfig | undefined {
  const { problems } = reading
  if ((keysUrl === undefined) === (keys === undefined)) {
    problems.error(pointer, 'a scanner has either "keysUrl" or "keys"')
    return undefined
  }
  if (keysUrl !== undefined) {
    checkUrl(keysUrl, pointerTo(pointer, 'keysUrl'), reading, { query: true })
    return { name, keysUrl }
  }
  for (const [index, { publicKey }] of (keys ?? []).entries()) {
    if (!looksLikePem(publicKey)) problems.error(pointerTo(pointer, 'keys', index, 'publicKey'), 'must be a public key of P-256 in PEM')
  }
  return { name, keys: keys ?? [] }
}

type PortalDocument = NonNullable<v.InferOutput<typeof controlSchema>['portal']>
function parsePortal(
  { scheme, plans: named, defaultPlan, maxOrganisations = 3, maxApps = 10, maxKeys = 5 }: PortalDocument,
  pointer: string,
  { planNames, plans, reading }: Pick<Declared, 'planNames' | 'plans' | 'reading'>,
): NonNullable<ControlConfig['portal']> {
  checkNames(named ?? [], planNames, 'plan', pointerTo(pointer, 'plans'), reading)
  const offered = named ?? plans.map(({ name }) => name)
  if (defaultPlan !== undefined) checkName(defaultPlan, new Set(offered), 'plan', pointerTo(pointer, 'defaultPlan'), reading.problems)
  // Developers choose the scopes of their keys.
  for (const { name, scopes } of plans) {
    if (offered.includes(name) && scopes === undefined)
      reading.problems.error(
        pointerTo('/x-portcullis/plans', name),
        'the portal offers this plan: its keys could have every scope there is',
        'write "scopes", [] for none',
      )
  }
  if (offered.length === 0)
    reading.problems.error(pointer, 'there is no plan that an app could have', 'write x-portcullis: { plans: ... } at the root')
  return { scheme, plans: offered, defaultPlan: defaultPlan ?? offered[0] ?? '', maxOrganisations, maxApps, maxKeys }
}

/** Keys of the API are given out by those who may do less than their scopes could say. */
const GIVEN_OUT: ReadonlySet<SchemeConfig['kind']> = new Set(['api-key', 'http-signature'])

/** The scheme of the portal signs people in, and operators come by none whose credentials are given out here. Once all schemes are read. */
export function checkControlSchemes(control: ControlConfig | undefined, schemes: readonly SchemeConfig[], { problems }: Reading): void {
  for (const [index, terms] of (control?.security ?? []).entries()) {
    for (const { scheme } of terms) {
      const kind = schemes.find(({ name }) => name === scheme)?.kind
      if (kind !== undefined && GIVEN_OUT.has(kind))
        problems.error(
          pointerTo('/x-portcullis/control/security', index, scheme),
          'whoever gives out keys of the API could make operators',
          'admin keys operate the gate without it; name a scheme of sessions, tokens or certificates',
        )
    }
  }
  if (control?.portal === undefined) return
  const sessions = new Set(schemes.filter(({ kind }) => kind === 'session').map(({ name }) => name))
  checkName(control.portal.scheme, sessions, 'session scheme', '/x-portcullis/control/portal/scheme', problems)
}
