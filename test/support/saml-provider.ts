import { parseRootSecret } from '../../src/credentials/root-secret.ts'
import { encodeBase64 } from '../../src/http/base64url.ts'
import { attributeOf } from '../../src/http/xml.ts'
import type { IdentityContext, IdentityProvider, ProviderOutcome, SignInRequest } from '../../src/identity/provider.ts'
import { createSamlProvider } from '../../src/identity/saml/provider.ts'
import { importSigningKey, type SigningKey } from '../../src/identity/saml/xml/keys.ts'
import { createTransactions } from '../../src/identity/transaction.ts'
import type { SamlProviderConfig } from '../../src/policy/identity-providers.ts'
import type { ReplayMemory } from '../../src/replay/replay-memory.ts'
import { createMemoryReplay } from '../../src/replay/replay-store.ts'
import { find, NAMESPACES, obligingKey, readDocument, signAnything, type SignatureShape } from './saml.ts'

export const NOW = Date.parse('2027-01-15T08:00:00Z')
export const ORIGIN = 'https://api.example.com'
export const IDP = 'https://idp.example.org/metadata'
const BASE = `${ORIGIN}/.portcullis/saml/acme`
export const ACS = `${BASE}/acs`
export const SLO = `${BASE}/slo`
export const AUDIENCE = `${BASE}/metadata`
export const BEARER = 'urn:oasis:names:tc:SAML:2.0:cm:bearer'
export const PASSWORD = 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport'
const STATUS = 'urn:oasis:names:tc:SAML:2.0:status:'
const PERSISTENT = 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'

export const at = (seconds: number): string => new Date(NOW + seconds * 1000).toISOString()

const asPem = (label: string, der: ArrayBuffer): string =>
  `-----BEGIN ${label}-----\n${encodeBase64(new Uint8Array(der))}\n-----END ${label}-----\n`

/** Our own RSA key: as the policy has it, and its public half as whoever encrypts to us has it. */
const ours = (await crypto.subtle.generateKey(
  { name: 'RSA-OAEP', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-1' },
  true,
  ['encrypt', 'decrypt'],
)) as CryptoKeyPair
export const PRIVATE_KEY = asPem('PRIVATE KEY', (await crypto.subtle.exportKey('pkcs8', ours.privateKey)) as ArrayBuffer)
export const PUBLIC_KEY = asPem('PUBLIC KEY', (await crypto.subtle.exportKey('spki', ours.publicKey)) as ArrayBuffer)

/** The key of `signAnything`, as the policy names it. */
const trusted = await obligingKey()
export const CERTIFICATE = asPem('PUBLIC KEY', (await crypto.subtle.exportKey('spki', trusted.keyFor['SHA-256'])) as ArrayBuffer)

/** Another key: a signing key and what the policy would name to trust it. */
export async function otherKey(algorithm: 'RSA' | 'P-256' | 'P-384'): Promise<{ readonly key: SigningKey; readonly certificate: string }> {
  const form =
    algorithm === 'RSA'
      ? { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }
      : { name: 'ECDSA', namedCurve: algorithm }
  const pair = (await crypto.subtle.generateKey(form, true, ['sign', 'verify'])) as CryptoKeyPair
  const key = await importSigningKey(new Uint8Array((await crypto.subtle.exportKey('pkcs8', pair.privateKey)) as ArrayBuffer))
  if (key === undefined) throw new Error('no key')
  return { key, certificate: asPem('PUBLIC KEY', (await crypto.subtle.exportKey('spki', pair.publicKey)) as ArrayBuffer) }
}

export const CONFIG: SamlProviderConfig = {
  kind: 'saml',
  name: 'acme',
  title: 'Acme',
  hosts: [],
  domains: [],
  mapping: {
    claims: { name: 'name', email: 'email' },
    groups: 'groups',
    scopes: ['orders:read'],
    groupScopes: { admins: ['orders:write'] },
  },
  entityId: IDP,
  singleSignOn: { url: 'https://idp.example.org/sso', binding: 'redirect' },
  singleLogout: { url: 'https://idp.example.org/slo', binding: 'redirect' },
  certificates: [CERTIFICATE],
  privateKey: PRIVATE_KEY,
  signRequests: true,
  wantSigned: 'assertion',
  wantEncrypted: false,
  allowCbc: false,
  allowIdpInitiated: false,
  relayStates: [],
  nameIdFormat: 'persistent',
  authnContexts: [],
  clockToleranceSeconds: 60,
}

/** What an identity provider says; the defaults are what it should say. `undefined` leaves something out. */
export interface Answer {
  readonly responseId?: string
  readonly id?: string
  readonly requestId?: string | undefined
  readonly destination?: string | undefined
  readonly issuer?: string
  readonly status?: string
  readonly subject?: string
  readonly confirmation?: string
  readonly conditions?: string
  readonly statement?: string
  readonly attributes?: string
  readonly issueInstant?: string
  readonly version?: string
}

const optional = (name: string, value: string | undefined): string => (value === undefined ? '' : ` ${name}="${value}"`)

export const nameIdXml = (value = 'ann', format = PERSISTENT): string => `<saml:NameID Format="${format}">${value}</saml:NameID>`

export function confirmationXml(changes: Readonly<Record<string, string | undefined>>, method = BEARER): string {
  const data = { Recipient: ACS, NotOnOrAfter: at(300), ...changes }
  const attributes = Object.entries(data).map(([name, value]) => optional(name, value))
  return `<saml:SubjectConfirmation Method="${method}"><saml:SubjectConfirmationData${attributes.join('')}/></saml:SubjectConfirmation>`
}

export const conditionsXml = (inner: string, attributes = ` NotBefore="${at(-5)}" NotOnOrAfter="${at(300)}"`): string =>
  `<saml:Conditions${attributes}>${inner}</saml:Conditions>`
export const audienceXml = (...audiences: readonly string[]): string =>
  `<saml:AudienceRestriction>${audiences.map((each) => `<saml:Audience>${each}</saml:Audience>`).join('')}</saml:AudienceRestriction>`

export const statementXml = (attributes = ` AuthnInstant="${at(-10)}" SessionIndex="s-1"`, context = PASSWORD): string =>
  `<saml:AuthnStatement${attributes}><saml:AuthnContext><saml:AuthnContextClassRef>${context}</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>`

export const attributeXml = (name: string, values: readonly string[], more = ''): string =>
  `<saml:Attribute Name="${name}"${more}>${values.map((value) => `<saml:AttributeValue>${value}</saml:AttributeValue>`).join('')}</saml:Attribute>`

export const assertionXml =
  (answer: Answer) =>
  (signature: string): string =>
    `<saml:Assertion ${NAMESPACES} ID="${answer.id ?? '_a1'}" Version="${answer.version ?? '2.0'}"${optional('IssueInstant', answer.issueInstant ?? at(0))}>` +
    `<saml:Issuer>${answer.issuer ?? IDP}</saml:Issuer>${signature}` +
    (answer.subject ??
      `<saml:Subject>${nameIdXml()}${answer.confirmation ?? confirmationXml({ InResponseTo: answer.requestId })}</saml:Subject>`) +
    (answer.conditions ?? conditionsXml(audienceXml(AUDIENCE))) +
    (answer.statement ?? statementXml()) +
    `<saml:AttributeStatement>${answer.attributes ?? attributeXml('email', ['ann@example.com']) + attributeXml('groups', ['staff', 'admins'])}</saml:AttributeStatement>` +
    '</saml:Assertion>'

export const statusXml = (code = 'Success', inner = '', message = ''): string =>
  `<samlp:Status><samlp:StatusCode Value="${STATUS}${code}">${inner === '' ? '' : `<samlp:StatusCode Value="${STATUS}${inner}"/>`}</samlp:StatusCode>${message}</samlp:Status>`

export const responseXml =
  (answer: Answer, content: string) =>
  (signature: string): string =>
    `<samlp:Response ${NAMESPACES} ID="${answer.responseId ?? '_r1'}" Version="${answer.version ?? '2.0'}" IssueInstant="${at(0)}"` +
    `${optional('Destination', 'destination' in answer ? answer.destination : ACS)}${optional('InResponseTo', answer.requestId)}>` +
    `<saml:Issuer>${answer.issuer ?? IDP}</saml:Issuer>${signature}${answer.status ?? statusXml()}${content}</samlp:Response>`

export type Signs = 'assertion' | 'response' | 'both' | 'nothing'

/** A whole Response of the trusted identity provider, signed as asked. */
export async function answerOf(answer: Answer, signs: Signs = 'assertion', shape: SignatureShape = {}): Promise<string> {
  const isSigned = signs === 'assertion' || signs === 'both'
  const assertion = isSigned ? await signAnything(assertionXml(answer), 'Assertion', shape) : assertionXml(answer)('')
  const response = responseXml(answer, assertion)
  return signs === 'response' || signs === 'both' ? signAnything(response, 'Response', shape) : response('')
}

const ENCRYPTION = 'http://www.w3.org/2001/04/xmlenc#'

/** EncryptedData for us; the defaults are AES-256-GCM under RSA-OAEP. */
export async function encrypt(xml: string, element = 'EncryptedAssertion', mode: 'AES-GCM' | 'AES-CBC' = 'AES-GCM'): Promise<string> {
  const secret = crypto.getRandomValues(new Uint8Array(32))
  const iv = crypto.getRandomValues(new Uint8Array(mode === 'AES-GCM' ? 12 : 16))
  const key = await crypto.subtle.importKey('raw', secret, mode, false, ['encrypt'])
  const ciphertext = new Uint8Array(await crypto.subtle.encrypt({ name: mode, iv }, key, new TextEncoder().encode(xml)))
  const wrapped = new Uint8Array(await crypto.subtle.encrypt({ name: 'RSA-OAEP' }, ours.publicKey, secret))
  const algorithm = mode === 'AES-GCM' ? 'http://www.w3.org/2009/xmlenc11#aes256-gcm' : `${ENCRYPTION}aes256-cbc`
  return (
    `<saml:${element} ${NAMESPACES}><xenc:EncryptedData xmlns:xenc="${ENCRYPTION}" Type="${ENCRYPTION}Element"><xenc:EncryptionMethod Algorithm="${algorithm}"/>` +
    `<ds:KeyInfo><xenc:EncryptedKey><xenc:EncryptionMethod Algorithm="${ENCRYPTION}rsa-oaep-mgf1p"/><xenc:CipherData><xenc:CipherValue>${encodeBase64(wrapped)}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo>` +
    `<xenc:CipherData><xenc:CipherValue>${encodeBase64(new Uint8Array([...iv, ...ciphertext]))}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData></saml:${element}>`
  )
}

export interface Begun {
  readonly cookie: string
  readonly relayState: string
  readonly requestId: string
  readonly xml: string
  readonly response: Response
}

/** A provider with a browser in front of it. */
export interface Bench {
  readonly provider: IdentityProvider
  begin(asked?: Partial<SignInRequest>, now?: number): Promise<Begun>
  /** Posts a SAMLResponse to the ACS as the browser that began. */
  post(xml: string, begun?: Pick<Begun, 'cookie' | 'relayState'>, now?: number): Promise<ProviderOutcome>
  send(endpoint: string, init?: RequestInit & { readonly query?: string }, now?: number): Promise<ProviderOutcome>
}

export function createBench(changes: Partial<SamlProviderConfig> = {}, replay: ReplayMemory = createMemoryReplay()): Bench {
  const rootSecret = parseRootSecret('g1:Vq3n0m0d5b2n8K4rWc7Xy1Zt6Ls9Jh2Gf5Da8Pe3Ou0', { gateway: 'test', environment: 'test' })
  const provider = createSamlProvider({ ...CONFIG, ...changes }, { replay, transactions: createTransactions({ rootSecret, replay }) })
  const contextOf = (request: Request, now: number): IdentityContext => ({ request, origin: ORIGIN, now, defer: () => undefined })

  const send: Bench['send'] = async (endpoint, { query = '', ...init } = {}, now = NOW) => {
    const outcome = await provider.handle(endpoint, contextOf(new Request(`${BASE}/${endpoint}${query}`, init), now))
    if (outcome === undefined) throw new Error(`no endpoint ${endpoint}`)
    return outcome
  }
  return {
    provider,
    send,
    async begin(asked = {}, now = NOW) {
      const outcome = await provider.begin(
        { returnTo: '/orders?page=2', ...asked },
        contextOf(new Request(`${ORIGIN}/.portcullis/login`), now),
      )
      if (outcome.status === 'refused') throw new Error(outcome.detail)
      return begunOf(outcome.response)
    },
    async post(xml, begun, now = NOW) {
      const encoded = encodeBase64(new TextEncoder().encode(xml))
      const body = new URLSearchParams({ SAMLResponse: encoded, ...(begun === undefined ? {} : { RelayState: begun.relayState }) })
      return send('acs', { method: 'POST', body, headers: begun === undefined ? {} : { cookie: begun.cookie } }, now)
    },
  }
}

/** What a message of ours says, and what the browser keeps: by either binding. */
export async function begunOf(response: Response): Promise<Begun> {
  const cookie = (response.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
  const location = response.headers.get('location')
  const { message, relayState } = location === null ? fieldsOf(await response.clone().text()) : await queryOf(new URL(location))
  return { cookie, relayState, requestId: attributeOf(readDocument(message), 'ID') ?? '', xml: message, response }
}

const fieldOf = (html: string, name: string): string => new RegExp(`name="${name}" value="([^"]*)"`, 'u').exec(html)?.[1] ?? ''

function fieldsOf(html: string): { readonly message: string; readonly relayState: string } {
  const encoded = fieldOf(html, 'SAMLRequest') || fieldOf(html, 'SAMLResponse')
  return {
    message: new TextDecoder().decode(Uint8Array.from(atob(encoded), (each) => each.charCodeAt(0))),
    relayState: fieldOf(html, 'RelayState'),
  }
}

async function queryOf({ searchParams }: URL): Promise<{ readonly message: string; readonly relayState: string }> {
  const encoded = searchParams.get('SAMLRequest') ?? searchParams.get('SAMLResponse') ?? ''
  const bytes = Uint8Array.from(atob(encoded), (each) => each.charCodeAt(0))
  const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'))
  return { message: await new Response(inflated).text(), relayState: searchParams.get('RelayState') ?? '' }
}

/** The code at the head of a refusal's detail, or the status of what was not refused. */
export function codeOf(outcome: ProviderOutcome): string {
  return outcome.status === 'refused' ? (outcome.detail.split(':')[0] ?? '') : outcome.status
}

export { find, NAMESPACES, readDocument, signAnything }
