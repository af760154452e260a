import document from '#policy'
import { decodeBase64Url } from '../../src/http/base64url.ts'
import {
  accessToken,
  apiKey,
  clientCertificate,
  createTestGate,
  signature,
  type Credential,
  type TestGate,
} from '../../src/testing/index.ts'
import { createAuthority, createLeaf, edgeReportOf, type TestAuthority } from './certificates.ts'
import { NOW } from './authenticators.ts'

/** The demo policy (policy.yaml) at work, as a user's own tests would have it. */
export const ISSUER = 'https://idp.example.com'
export const AUDIENCE = 'https://api.example.com'
const SIGNING_SECRET = 'Yw9s2Qm7Lr4Tb6Xk1Zp8Hd3Nf5Vc0Jg2Ae7Ui4Oo6Rs'

/** Nobody signs in by SAML where these are used: they only have to have the form. */
const SAML = {
  SAML_URL: 'https://saml.example.com',
  SAML_CERTIFICATE: 'MAMCAQA=',
  SAML_OWN_CERTIFICATE: 'MAMCAQA=',
  SAML_PRIVATE_KEY: 'MAMCAQA=',
}

/** Bindings of a gate on the demo policy. */
export const VALUES = {
  ORDERS_ORIGIN: 'https://orders.internal.example',
  ISSUER,
  CA_SKI: '0'.repeat(40),
  ACME_SIGNING_SECRET: SIGNING_SECRET,
  ...SAML,
  PORTCULLIS_ROOT_KEY: 'test:8yQm1vR5nZ3kX7wT2bL9cJ4hG6fD0sA-qWeRtYuIoP0',
  PORTCULLIS_GATEWAY: 'test',
  PORTCULLIS_ENVIRONMENT: 'test',
}

export interface OrdersOptions {
  readonly origin?: (request: Request) => Response | Promise<Response>
  readonly authority?: TestAuthority
}

export function createOrdersGate({ origin, authority }: OrdersOptions = {}): TestGate {
  return createTestGate({
    policy: document,
    values: {
      ORDERS_ORIGIN: 'https://orders.internal.example',
      ISSUER,
      CA_SKI: authority?.ski.toLowerCase() ?? '0'.repeat(40),
      ACME_SIGNING_SECRET: SIGNING_SECRET,
      ...SAML,
    },
    startAt: NOW,
    ...(origin === undefined ? {} : { origin }),
  })
}

export const token = (
  scopes: readonly string[],
  clientId = 'acme-app',
  more: Partial<Parameters<typeof accessToken>[0]> = {},
): Credential => accessToken({ issuer: ISSUER, audience: AUDIENCE, clientId, scopes, ...more })
export const key = (consumer: string, more: Partial<Parameters<typeof apiKey>[0]> = {}): Credential => apiKey({ consumer, ...more })
export const signed = (cover: readonly string[] = [], keyid = 'acme-1'): Credential =>
  signature({ keyid, secret: decodeBase64Url(SIGNING_SECRET) ?? new Uint8Array(), cover })

/** A service's certificate of the pinned authority, as the edge reports it. */
export async function billingCertificate(
  overrides: Record<string, unknown> = {},
): Promise<{ authority: TestAuthority; credential: Credential }> {
  const authority = await createAuthority()
  const der = await createLeaf(authority, { uris: ['spiffe://example.org/billing'] })
  return { authority, credential: clientCertificate(edgeReportOf(der, authority, overrides)) }
}

/** One request with its credentials, ready to be sent more than once. */
export async function prepare(gate: TestGate, request: Request, credentials: readonly Credential[]): Promise<Request> {
  let prepared = request
  for (const credential of credentials) prepared = await credential(prepared, gate)
  return prepared
}

export const get = (gate: TestGate, path: string, headers: Readonly<Record<string, string>> = {}): Request =>
  new Request(gate.baseUrl + path, { headers })
export const send = (gate: TestGate, method: string, path: string, body: string): Request =>
  new Request(gate.baseUrl + path, { method, body })

export async function codeOf(response: Response): Promise<string> {
  const problem: { readonly code?: string } = await response.clone().json()
  return `${response.status} ${problem.code ?? ''}`
}
