import type { IncomingMessage, ServerResponse } from 'node:http'
import { randomUUID } from 'node:crypto'
import { inflateRawSync } from 'node:zlib'
import { Constants, IdentityProvider, ServiceProvider, setSchemaValidator } from 'samlify'
import { close, listen } from './listen.ts'
import type { RsaIdentity } from './rsa-identity.ts'

/** A SAML identity provider on this machine, with one demo user: samlify, so that no code of ours is on its side. */
export interface DemoSamlProvider {
  readonly url: string
  readonly entityId: string
  /** PEM. */
  readonly certificate: string
  /** Whom it speaks to: `base` is the gate's `…/.portcullis/saml/{name}`. */
  trust(base: string, serviceProviderCertificate: string): void
  stop(): Promise<void>
}
const BINDINGS = Constants.namespace.binding
const USER = {
  login: 'demo',
  password: 'demo',
  nameId: 'demo-person',
  email: 'demo@example.com',
  name: 'Demo User',
  groups: ['staff', 'admins'],
}
const COOKIE = 'demo-idp'
const MINUTES = 5
const MAX_FORM_BYTES = 64 * 1024

export async function startSamlProvider(wanted: number, { privateKey, certificate }: RsaIdentity): Promise<DemoSamlProvider> {
  const { server, port } = await listen(wanted)
  const url = `http://127.0.0.1:${port}`
  const entityId = `${url}/metadata`
  setSchemaValidator({ validate: async () => 'the demo checks no schema' })
  const provider = IdentityProvider({
    entityID: entityId,
    privateKey,
    signingCert: certificate,
    wantAuthnRequestsSigned: true,
    wantLogoutRequestSigned: true,
    wantLogoutResponseSigned: true,
    requestSignatureAlgorithm: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
    isAssertionEncrypted: false,
    singleSignOnService: [{ Binding: BINDINGS.redirect, Location: `${url}/sso` }],
    singleLogoutService: [{ Binding: BINDINGS.redirect, Location: `${url}/slo` }],
    loginResponseTemplate: { context: RESPONSE, attributes: [] },
  })
  /** When somebody signed in, by cookie. */
  const sessions = new Map<string, number>()
  let relyingParty: { readonly base: string; readonly party: ReturnType<typeof ServiceProvider> } | undefined

  const answerLogin = async (response: ServerResponse, query: URLSearchParams, requestId: string, signedInAt: number): Promise<void> => {
    if (relyingParty === undefined) return page(response, 503, 'Not ready', '<p>The gate has not started yet.</p>')
    const { base, party } = relyingParty
    const { context } = await provider.createLoginResponse(
      party,
      { extract: { request: { id: requestId } } },
      'post',
      {},
      {
        relayState: query.get('RelayState') ?? '',
        customTagReplacement: (template: string) => fill(template, { base, issuer: entityId, requestId, signedInAt }),
      },
    )
    const fields = { SAMLResponse: context, RelayState: query.get('RelayState') ?? '' }
    const inputs = Object.entries(fields).map(([name, value]) => `<input type="hidden" name="${name}" value="${escapeText(value)}">`)
    page(
      response,
      200,
      'Signed in',
      `<form method="post" action="${escapeText(`${base}/acs`)}">${inputs.join('')}<button>Back to the gate</button></form><script>document.forms[0].submit()</script>`,
    )
  }

  /** The id of a request whose signature holds. */
  const requestIn = async (kind: 'login' | 'logout', target: URL): Promise<string> => {
    if (relyingParty === undefined) throw new Error('the gate has not started yet')
    const { party } = relyingParty
    // The signature is over the query as it came (SAML Bindings §3.4.4.1).
    const signed = ['SAMLRequest', 'RelayState', 'SigAlg'].flatMap(
      (name) => new RegExp(`[?&](${name}=[^&]*)`, 'u').exec(target.search)?.slice(1) ?? [],
    )
    const request = { query: Object.fromEntries(target.searchParams), octetString: signed.join('&') }
    const { extract } = await (kind === 'login'
      ? provider.parseLoginRequest(party, 'redirect', request)
      : provider.parseLogoutRequest(party, 'redirect', request))
    return (extract as { readonly request: { readonly id: string } }).request.id
  }

  const signIn = async ({ target, form, response, session }: Visit): Promise<void> => {
    const requestId = await requestIn('login', target)
    const known = isForced(target) ? undefined : sessions.get(session)
    if (form === undefined && known === undefined) return loginPage(response, target, false)
    if (form === undefined) return answerLogin(response, target.searchParams, requestId, known ?? 0)
    if (form.get('login') !== USER.login || form.get('password') !== USER.password) return loginPage(response, target, true)
    const fresh = randomUUID()
    const now = Date.now()
    sessions.set(fresh, now)
    response.setHeader('set-cookie', `${COOKIE}=${fresh}; HttpOnly; Path=/; SameSite=Lax`)
    return answerLogin(response, target.searchParams, requestId, now)
  }

  const singleLogout = async ({ target, response, session }: Visit): Promise<void> => {
    if (target.searchParams.has('SAMLResponse') || relyingParty === undefined)
      return page(response, 200, 'Signed out', '<p>You are signed out here and at the gate.</p>')
    const id = await requestIn('logout', target)
    sessions.delete(session)
    const relayState = target.searchParams.get('RelayState') ?? ''
    return redirect(
      response,
      contextOf(provider.createLogoutResponse(relyingParty.party, { extract: { request: { id } } }, 'redirect', relayState)),
    )
  }

  /** Begins here: the gate is told through the browser. */
  const signOut = ({ form, response, session }: Visit): void => {
    sessions.delete(session)
    if (relyingParty === undefined || form === undefined) return redirect(response, '/')
    const named = { logoutNameID: USER.nameId, sessionIndex: SESSION_INDEX }
    return redirect(response, contextOf(provider.createLogoutRequest(relyingParty.party, 'redirect', named)))
  }

  const home = ({ response, session }: Visit): void => {
    if (!sessions.has(session)) return page(response, 200, 'Not signed in', '<p>Begin at the gate.</p>')
    page(response, 200, 'Signed in as Demo User', '<form method="post" action="/sign-out"><button>Sign out everywhere</button></form>')
  }

  const places: Readonly<Record<string, (visit: Visit) => Promise<void> | void>> = {
    '/': home,
    '/sso': signIn,
    '/slo': singleLogout,
    '/sign-out': signOut,
  }
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const target = new URL(request.url ?? '/', url)
    const form = request.method === 'POST' ? await formOf(request) : undefined
    const session = new RegExp(`${COOKIE}=([\\w-]+)`, 'u').exec(request.headers.cookie ?? '')?.[1] ?? ''
    const place = Object.hasOwn(places, target.pathname) ? places[target.pathname] : undefined
    if (place === undefined) page(response, 404, 'Not here', '')
    else await place({ target, form, response, session })
  }
  server.on('request', (request, response) => {
    serve(request, response).catch((error: unknown) => page(response, 400, 'Refused', `<p>${escapeText(String(error))}</p>`))
  })

  return {
    url,
    entityId,
    certificate,
    trust(base, serviceProviderCertificate) {
      const party = ServiceProvider({
        entityID: `${base}/metadata`,
        signingCert: serviceProviderCertificate,
        authnRequestsSigned: true,
        wantAssertionsSigned: true,
        wantLogoutRequestSigned: true,
        requestSignatureAlgorithm: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
        assertionConsumerService: [{ Binding: BINDINGS.post, Location: `${base}/acs` }],
        singleLogoutService: [{ Binding: BINDINGS.redirect, Location: `${base}/slo` }],
      })
      relyingParty = { base, party }
    },
    stop: async () => close(server),
  }
}

interface Visit {
  readonly target: URL
  readonly form: URLSearchParams | undefined
  readonly response: ServerResponse
  /** Empty: none. */
  readonly session: string
}

/** Of a redirect, the URL. */
const contextOf = (binding: unknown): string => (binding as { readonly context: string }).context

const SESSION_INDEX = 'demo-session'
const RESPONSE = `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="{ID}" Version="2.0" IssueInstant="{Now}" Destination="{Recipient}" InResponseTo="{Request}"><saml:Issuer>{Issuer}</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status><saml:Assertion ID="{AssertionID}" Version="2.0" IssueInstant="{Now}"><saml:Issuer>{Issuer}</saml:Issuer><saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">{NameID}</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData Recipient="{Recipient}" NotOnOrAfter="{Later}" InResponseTo="{Request}"/></saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="{Now}" NotOnOrAfter="{Later}"><saml:AudienceRestriction><saml:Audience>{Audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement AuthnInstant="{SignedIn}" SessionIndex="{SessionIndex}"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement><saml:AttributeStatement><saml:Attribute Name="email"><saml:AttributeValue>{Email}</saml:AttributeValue></saml:Attribute><saml:Attribute Name="name"><saml:AttributeValue>{Name}</saml:AttributeValue></saml:Attribute><saml:Attribute Name="groups">{Groups}</saml:Attribute></saml:AttributeStatement></saml:Assertion></samlp:Response>`

/** Whether the gate wants the person asked again (Core §3.4.1). */
function isForced(target: URL): boolean {
  const request = inflateRawSync(Buffer.from(target.searchParams.get('SAMLRequest') ?? '', 'base64'), { maxOutputLength: 65_536 })
  return /\sForceAuthn="(?:true|1)"/u.test(request.toString())
}

interface Answer {
  readonly base: string
  readonly issuer: string
  readonly requestId: string
  readonly signedInAt: number
}

function fill(template: string, { base, issuer, requestId, signedInAt }: Answer): { readonly id: string; readonly context: string } {
  const now = Date.now()
  const id = `_${randomUUID()}`
  const values: Readonly<Record<string, string>> = {
    ID: id,
    AssertionID: `_${randomUUID()}`,
    Request: escapeText(requestId),
    Now: new Date(now).toISOString(),
    SignedIn: new Date(signedInAt).toISOString(),
    Later: new Date(now + MINUTES * 60_000).toISOString(),
    Issuer: issuer,
    Recipient: `${base}/acs`,
    Audience: `${base}/metadata`,
    NameID: USER.nameId,
    SessionIndex: SESSION_INDEX,
    Email: USER.email,
    Name: USER.name,
    Groups: USER.groups.map((group) => `<saml:AttributeValue>${group}</saml:AttributeValue>`).join(''),
  }
  return { id, context: template.replaceAll(/\{(\w+)\}/gu, (_match, name: string) => values[name] ?? '') }
}

function loginPage(response: ServerResponse, target: URL, isWrong: boolean): void {
  const fault = isWrong ? '<p role="alert">That is not it: demo and demo.</p>' : ''
  page(
    response,
    isWrong ? 401 : 200,
    'Sign in',
    `${fault}<form method="post" action="${escapeText(target.pathname + target.search)}"><label>Name <input name="login" autocomplete="username" autofocus></label><label>Password <input name="password" type="password" autocomplete="current-password"></label><button>Sign in</button></form><p>demo, demo</p>`,
  )
}

function page(response: ServerResponse, status: number, title: string, content: string): void {
  response
    .writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
    .end(
      `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title} · demo identity provider</title><style>body{font:16px/1.5 system-ui,sans-serif;max-width:24rem;margin:4rem auto;padding:0 1rem;color-scheme:light dark}label{display:block;margin:.75rem 0}input{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.4rem}button{font:inherit;padding:.5rem 1rem}</style><h1>${title}</h1>${content}</html>`,
    )
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(303, { location, 'cache-control': 'no-store' }).end()
}

async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  let text = ''
  for await (const chunk of request) {
    text += String(chunk)
    if (text.length > MAX_FORM_BYTES) throw new Error('the form is too large')
  }
  return new URLSearchParams(text)
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
