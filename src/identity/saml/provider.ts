import type { SamlProviderConfig } from '../../policy/identity-providers.ts'
import type { ReplayMemory } from '../../replay/replay-memory.ts'
import { readForm } from '../form.ts'
import { asOutage } from '../outage.ts'
import type { IdentityContext, IdentityProvider, IdentityRefusal, ProviderOutcome, SignInRequest } from '../provider.ts'
import { redirect } from '../redirect.ts'
import { parseReturnTo } from '../return-to.ts'
import { linkData, linkOf, type Transaction, type Transactions } from '../transaction.ts'
import { deliver } from './delivery.ts'
import { fail, refusalOf } from './fault.ts'
import { checkLogoutResponse, fromForm, fromQuery, readLogoutRequest, readPosted, singleValue, type Incoming } from './logout.ts'
import { readKeyMaterial, type KeyMaterial } from './material.ts'
import { writeAuthnRequest, writeLogoutRequest, writeLogoutResponse } from './messages.ts'
import { addressesOf, writeMetadata, type ServiceAddresses } from './metadata.ts'
import { parseNameId, serializeNameId } from './name-id.ts'
import { NAME_ID_FORMATS, newId } from './protocol.ts'
import { readResponse } from './response.ts'
import { readSignIn } from './sign-in.ts'

export interface SamlDependencies {
  readonly transactions: Transactions
  readonly replay: ReplayMemory
}

/** The largest document as Base64, its signs escaped as a form escapes them. */
const MAX_FORM_BYTES = 524_288
/** Of what the identity provider wants back with our LogoutResponse (Bindings §3.4.3 allows 80 bytes; some send more). */
const MAX_RELAY_STATE = 1024
const LOGOUT_LIFE_MS = 300_000

/** One SAML 2.0 identity provider at work (SA-1 to SA-9): metadata at `/metadata`, assertion consumer service at `/acs`, single logout at `/slo`. */
export function createSamlProvider(config: SamlProviderConfig, dependencies: SamlDependencies): IdentityProvider {
  const provider = new SamlProvider(config, dependencies)
  return {
    name: config.name,
    kind: 'saml',
    begin: async (asked, context) => refusing(async () => provider.begin(asked, context)),
    handle: async (endpoint, context) => {
      const [methods, run] = provider.endpoints.get(endpoint) ?? []
      if (methods === undefined || run === undefined) return undefined
      if (!methods.includes(context.request.method))
        return { status: 'refused', code: 'method-not-allowed', detail: `this endpoint takes ${methods.join(', ')}` }
      return refusing(async () => run(context))
    },
    signOut: async (ended, context) => provider.signOut(ended, context),
  }
}

async function refusing<Outcome>(work: () => Promise<Outcome>): Promise<Outcome | IdentityRefusal> {
  try {
    return await work()
  } catch (error) {
    return refusalOf(error)
  }
}

type Handler = (context: IdentityContext) => Promise<ProviderOutcome>

class SamlProvider {
  readonly endpoints: ReadonlyMap<string, readonly [methods: readonly string[], run: Handler]> = new Map([
    ['metadata', [['GET', 'HEAD'], async (context) => this.#metadata(context)]],
    ['acs', [['POST'], async (context) => this.#consume(context)]],
    ['slo', [['GET', 'POST'], async (context) => this.#logout(context)]],
  ])
  readonly #config: SamlProviderConfig
  readonly #transactions: Transactions
  readonly #replay: ReplayMemory
  readonly #toleranceMs: number
  #material: KeyMaterial | undefined

  constructor(config: SamlProviderConfig, { transactions, replay }: SamlDependencies) {
    this.#config = config
    this.#transactions = transactions
    this.#replay = replay
    this.#toleranceMs = config.clockToleranceSeconds * 1000
  }

  async begin(asked: SignInRequest, context: IdentityContext): Promise<Extract<ProviderOutcome, { status: 'answer' }>> {
    const { name, singleSignOn, signRequests, nameIdFormat } = this.#config
    const { request, now } = context
    const { signing } = await this.#keys()
    const { acs, entityId } = this.#addresses(context)
    const id = newId()
    const authnContexts = asked.acrValues ?? this.#config.authnContexts
    const since = asked.prompt === 'login' ? now : now - (asked.maxAgeSeconds ?? Infinity) * 1000
    const data = {
      purpose: 'sign-in',
      request: id,
      ...(Number.isFinite(since) ? { since: String(since) } : {}),
      ...(asked.acrValues === undefined ? {} : { contexts: asked.acrValues.join(' ') }),
      ...linkData(asked.link),
    }
    const { transaction, setCookie } = await this.#transactions.begin(request, { provider: name, returnTo: asked.returnTo, data }, now)
    const xml = writeAuthnRequest(
      { id, now, destination: singleSignOn.url, issuer: entityId },
      {
        acs,
        // SAML has no max_age: only a new sign-in is surely recent enough.
        forceAuthn: Number.isFinite(since),
        isPassive: asked.prompt === 'none',
        nameIdFormat: nameIdFormat === 'unspecified' ? undefined : NAME_ID_FORMATS[nameIdFormat],
        allowCreate: nameIdFormat !== 'transient',
        authnContexts,
      },
    )
    const key = signRequests ? signing : undefined
    const response = await deliver({
      ...singleSignOn,
      parameter: 'SAMLRequest',
      xml,
      relayState: transaction.state,
      key,
      setCookies: [setCookie],
    })
    return { status: 'answer', response }
  }

  async signOut({ signIn, returnTo }: Parameters<IdentityProvider['signOut']>[0], context: IdentityContext): Promise<Response | undefined> {
    const { name, singleLogout } = this.#config
    const nameId = signIn.nameId === undefined ? undefined : parseNameId(signIn.nameId)
    if (singleLogout === undefined || nameId === undefined) return undefined
    const { request, now } = context
    const { signing } = await this.#keys()
    const id = newId()
    const data = { purpose: 'sign-out', request: id }
    const { transaction, setCookie } = await this.#transactions.begin(request, { provider: name, returnTo, data }, now)
    const xml = writeLogoutRequest(
      { id, now, destination: singleLogout.url, issuer: this.#addresses(context).entityId },
      { nameId, sessionIndex: signIn.providerSession, notOnOrAfter: now + LOGOUT_LIFE_MS },
    )
    const { url, binding } = singleLogout
    return deliver({ url, binding, parameter: 'SAMLRequest', xml, relayState: transaction.state, key: signing, setCookies: [setCookie] })
  }

  /** Values alone are kept, and none before it is there: requests never wait for each other. */
  async #keys(): Promise<KeyMaterial> {
    this.#material ??= await readKeyMaterial(this.#config)
    return this.#material
  }

  #addresses({ origin }: IdentityContext): ServiceAddresses {
    return addressesOf(this.#config, origin)
  }

  async #metadata(context: IdentityContext): Promise<ProviderOutcome> {
    const xml = await writeMetadata(this.#config, this.#addresses(context), await this.#keys())
    const headers = {
      'content-type': 'application/samlmetadata+xml',
      'cache-control': 'public, max-age=300',
      'x-content-type-options': 'nosniff',
    }
    return { status: 'answer', response: new Response(context.request.method === 'HEAD' ? null : xml, { headers }) }
  }

  async #consume(context: IdentityContext): Promise<ProviderOutcome> {
    const form = (await readForm(context.request, MAX_FORM_BYTES)) ?? fail('form')
    const bytes = readPosted(form, 'SAMLResponse')
    const relayState = singleValue(form, 'RelayState')
    const transaction = await this.#transaction(relayState, 'sign-in', context)
    // Whoever began here can begin again and come back to the same place.
    const again = transaction === undefined ? {} : { returnTo: transaction.returnTo }
    try {
      return await this.#signIn(bytes, transaction, relayState, context)
    } catch (error) {
      return { ...refusalOf(error), ...again }
    }
  }

  /** Verifies everything first and consumes last: what is refused for its form burns nothing. */
  async #signIn(
    bytes: Uint8Array,
    transaction: Transaction | undefined,
    relayState: string | undefined,
    context: IdentityContext,
  ): Promise<ProviderOutcome> {
    const { entityId: issuer } = this.#config
    const { request, now } = context
    const returnTo = transaction?.returnTo ?? this.#unsolicitedReturn(relayState, context)
    const { acs, entityId: audience } = this.#addresses(context)
    const material = await this.#keys()
    const requestId = transaction?.data['request']
    const assertion = await readResponse(bytes, { issuer, destination: acs, requestId }, this.#config, material)
    const { signIn, facts } = await readSignIn(
      assertion,
      {
        issuer,
        audience,
        recipient: acs,
        requestId,
        now,
        toleranceMs: this.#toleranceMs,
        authenticatedSince: transaction?.data['since'] === undefined ? undefined : Number(transaction.data['since']),
        authnContexts: transaction?.data['contexts']?.split(' ') ?? this.#config.authnContexts,
      },
      this.#config,
      material,
    )
    const once = { scope: `saml-assertion:${issuer}`, id: facts.id, expiresAt: facts.usableUntil }
    if (transaction !== undefined && (await asOutage('replay', async () => this.#transactions.use(transaction, now))) === 'replayed')
      fail('replayed')
    if ((await asOutage('replay', async () => this.#replay.use(once, now))) === 'replayed') fail('replayed')
    const setCookies = transaction === undefined ? [] : [await this.#transactions.clear(request, transaction, now)]
    return { status: 'signed_in', signIn, returnTo, setCookies, ...linkOf(transaction) }
  }

  /** SA-7: where a sign-in that nobody began here leads, if such are taken at all. */
  #unsolicitedReturn(relayState: string | undefined, { origin }: IdentityContext): string {
    const { allowIdpInitiated, relayStates } = this.#config
    if (!allowIdpInitiated) return fail('transaction')
    const target = relayState === undefined || relayState === '' ? (relayStates[0] ?? '/') : relayState
    const isListed = relayStates.includes(target) || (target === '/' && relayStates.length === 0)
    const returnTo = isListed ? parseReturnTo(target, origin) : undefined
    return returnTo ?? fail('relay-state', target)
  }

  async #transaction(relayState: string | undefined, purpose: string, { request, now }: IdentityContext): Promise<Transaction | undefined> {
    if (relayState === undefined) return undefined
    const transaction = await this.#transactions.open(request, { provider: this.#config.name, state: relayState }, now)
    return transaction?.data['purpose'] === purpose ? transaction : undefined
  }

  async #logout(context: IdentityContext): Promise<ProviderOutcome> {
    const { request } = context
    const mark = request.url.indexOf('?')
    const incoming =
      request.method === 'GET'
        ? fromQuery(mark === -1 ? '' : request.url.slice(mark + 1))
        : fromForm((await readForm(request, MAX_FORM_BYTES)) ?? fail('form'))
    return incoming.parameter === 'SAMLRequest' ? this.#endSessions(incoming, context) : this.#finishLogout(incoming, context)
  }

  async #endSessions(incoming: Incoming, context: IdentityContext): Promise<ProviderOutcome> {
    const { entityId: issuer, singleLogout, subjectAttribute } = this.#config
    const { now } = context
    const { slo, entityId } = this.#addresses(context)
    const material = await this.#keys()
    const asked = await readLogoutRequest(incoming, { issuer, destination: slo, now, toleranceMs: this.#toleranceMs }, material)
    // The contract names one session of the provider's or a whole person: several sessions end the person's all.
    const [sessionIndex, another] = asked.sessionIndexes
    const named = {
      issuer,
      // The value names the person where the NameID does at all; elsewhere the whole NameID is looked for, as it was given.
      ...(subjectAttribute === undefined ? { subject: asked.nameId.value } : { nameId: serializeNameId(asked.nameId) }),
      ...(sessionIndex === undefined || another !== undefined ? {} : { providerSession: sessionIndex }),
    }
    const destination = singleLogout?.responseUrl ?? singleLogout?.url
    const relayState =
      incoming.relayState !== undefined && incoming.relayState.length <= MAX_RELAY_STATE ? { relayState: incoming.relayState } : {}
    const response =
      destination === undefined || singleLogout === undefined
        ? new Response('Signed out.\n', { headers: { 'cache-control': 'no-store' } })
        : await deliver({
            binding: singleLogout.binding,
            url: destination,
            parameter: 'SAMLResponse',
            xml: writeLogoutResponse({ id: newId(), now, destination, issuer: entityId }, asked.id),
            key: material.signing,
            ...relayState,
          })
    return { status: 'signed_out', once: asked.once, named, response }
  }

  async #finishLogout(incoming: Incoming, context: IdentityContext): Promise<ProviderOutcome> {
    const { request, now } = context
    const transaction = await this.#transaction(incoming.relayState, 'sign-out', context)
    if (transaction === undefined) return { status: 'answer', response: redirect('/.portcullis/logout') }
    const rules = { issuer: this.#config.entityId, destination: this.#addresses(context).slo }
    await checkLogoutResponse(incoming, transaction.data['request'] ?? '', rules, await this.#keys())
    return { status: 'answer', response: redirect(transaction.returnTo, [await this.#transactions.clear(request, transaction, now)]) }
  }
}
