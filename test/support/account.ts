import { env } from 'cloudflare:workers'
import type { Bindings } from '../../src/bindings.ts'
import { encodeBase64 } from '../../src/http/base64url.ts'
import { createBrowser, type Browser } from './browser.ts'
import { createHostileProvider, type HostileProvider } from './hostile-provider.ts'
import { answerOf, at, begunOf, CERTIFICATE, confirmationXml, IDP, nameIdXml, NOW, statementXml, type Answer } from './saml-provider.ts'
import { createIsolate, HOST, sessionPolicy } from './session-gate.ts'

export const ACCOUNT = `${HOST}/.portcullis/account`
export const OWN = { 'sec-fetch-site': 'same-origin', origin: HOST }

/** What objects of people do before they do what they were asked: a throw is an outage. */
export type PeopleFault = (method: string, name: string) => void

/** The whole gate with two OpenID providers and one of SAML; everybody in it is of this test alone. */
export async function createAccountBench(changes: { readonly sameSite?: 'strict'; readonly allowIdpInitiated?: boolean } = {}) {
  let now = NOW
  const id = crypto.randomUUID().slice(0, 8)
  const clock = { clientId: 'gate', now: () => now }
  const acme = await createHostileProvider({ ...clock, issuer: `https://acme-${id}.example.net` })
  const other = await createHostileProvider({ ...clock, issuer: `https://other-${id}.example.net` })
  const providers = [acme, other]
  let fault: PeopleFault = () => undefined
  const { PEOPLE } = env as unknown as Bindings
  const people = {
    getByName: (name: string) =>
      new Proxy(PEOPLE.getByName(name), {
        get(stub, method: string) {
          const calls = stub as unknown as Record<string, (...given: unknown[]) => Promise<unknown>>
          return async (...given: unknown[]): Promise<unknown> => {
            fault(method, name)
            return calls[method]?.(...given)
          }
        },
      }),
  }
  const policy = sessionPolicy((document) => {
    const common = { clientId: 'gate', idTokenAlgorithm: 'ES256', followTokens: false, mapping: { claims: { name: 'name' } } }
    document['x-portcullis'].sessions = { sameSite: changes.sameSite ?? 'lax' }
    document['x-portcullis'].identityProviders = {
      acme: { kind: 'oidc', title: 'Acme', issuer: acme.issuer, ...common },
      other: { kind: 'oidc', title: 'Other <i>', issuer: other.issuer, ...common },
      corp: {
        kind: 'saml',
        title: 'Corp',
        entityId: IDP,
        singleSignOn: { url: 'https://idp.example.org/sso', binding: 'redirect' },
        certificates: [CERTIFICATE],
        allowIdpInitiated: changes.allowIdpInitiated ?? false,
      },
      guests: {
        kind: 'saml',
        title: 'Guests',
        entityId: 'https://guests.example.org',
        singleSignOn: { url: 'https://guests.example.org/sso', binding: 'redirect' },
        certificates: [CERTIFICATE],
        nameIdFormat: 'transient',
      },
    }
  })
  const gate = createIsolate({
    now: () => now,
    policy,
    bindings: { PEOPLE: people as unknown as Bindings['PEOPLE'] },
    async origin(request) {
      const provider = providers.find(({ issuer }) => request.url.startsWith(issuer))
      const text = request.body === null ? undefined : new URLSearchParams(new TextDecoder().decode(await request.arrayBuffer()))
      return provider?.fetch(request.url, { method: request.method, ...(text === undefined ? {} : { body: text }) }) ?? new Response('ok')
    },
  })
  const newBrowser = (): Browser =>
    createBrowser(async (request) => gate.fetch(request.url.slice(HOST.length), { ...pickOf(request), body: await bodyOf(request) }))
  /** Who signs in next at a provider, and when they did. */
  const as = (provider: HostileProvider, subject: string, secondsAgo = 0, more: object = {}): void => {
    provider.ways.claims = (right) => ({ ...right, sub: subject, name: subject, sid: crypto.randomUUID(), auth_time: now / 1000 - secondsAgo, ...more }) // prettier-ignore
  }
  const answerAt = async (provider: HostileProvider, begun: Response): Promise<string> =>
    provider.authorize(begun.headers.get('location') ?? '')

  return {
    id,
    acme,
    other,
    gate,
    newBrowser,
    as,
    answerAt,
    now: () => now,
    advance: (seconds: number) => void (now += seconds * 1000),
    fail: (how: PeopleFault | undefined) => void (fault = how ?? (() => undefined)),
    signIn: async (browser: Browser, provider: HostileProvider, subject: string, more: object = {}): Promise<Response> => {
      as(provider, subject, 0, more)
      const name = provider === acme ? 'acme' : 'other'
      return browser.get(await answerAt(provider, await browser.get(`${HOST}/.portcullis/login/${name}`)))
    },
    /** The page that asks, after the second sign-in. */
    prove: async (browser: Browser, provider: HostileProvider, subject: string): Promise<Response> => {
      const begun = await browser.post(`${ACCOUNT}/link`, { provider: provider === acme ? 'acme' : 'other' }, OWN)
      as(provider, subject)
      return browser.get(await answerAt(provider, begun))
    },
    confirm: async (browser: Browser, page: Response, headers: Readonly<Record<string, string>> = OWN): Promise<Response> =>
      browser.post(`${ACCOUNT}/confirm`, { offer: offerIn(await page.clone().text()) }, headers),
    corp: async (begun: Response, name: string, answer: Answer = {}): Promise<URLSearchParams> => {
      const { requestId, relayState } = await begunOf(begun)
      const recipient = `${HOST}/.portcullis/saml/corp/acs`
      const xml = await answerOf({
        requestId,
        id: `_${crypto.randomUUID()}`,
        destination: recipient,
        subject: `<saml:Subject>${nameIdXml(name)}${confirmationXml({ InResponseTo: requestId, Recipient: recipient })}</saml:Subject>`,
        conditions: `<saml:Conditions><saml:AudienceRestriction><saml:Audience>${HOST}/.portcullis/saml/corp/metadata</saml:Audience></saml:AudienceRestriction></saml:Conditions>`,
        statement: statementXml(` AuthnInstant="${at(0)}" SessionIndex="${crypto.randomUUID()}"`),
        ...answer,
      })
      return new URLSearchParams({ SAMLResponse: encodeBase64(new TextEncoder().encode(xml)), RelayState: relayState })
    },
    whoAmI: async (browser: Browser): Promise<{ readonly id: string; readonly subject: string; readonly person?: string }> =>
      (await browser.get(`${HOST}/.portcullis/session`)).json(),
  }
}

export const offerIn = (text: string): string => /name="offer" value="([^"]+)"/u.exec(text)?.[1] ?? ''

const pickOf = ({ method, headers }: Request): RequestInit => ({ method, headers })
const bodyOf = async (request: Request): Promise<string | null> =>
  request.body === null ? null : new TextDecoder().decode(await request.arrayBuffer())
