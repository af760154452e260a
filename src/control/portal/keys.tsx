import type { KeyDraft, KeyRecord } from '../../directory/accounts.ts'
import { Button, ErrorSummary, Field, type FieldError, Form, Select, TextArea } from '../pages/fields.tsx'
import { counted } from '../pages/parts.tsx'
import type { Sent } from '../pages/site.ts'
import { trailToApp } from './apps.tsx'
import { type AppPlace, forApp, type PortalRoute } from './access.ts'
import { type Context, pathTo, renderForm } from './context.ts'
import { type KeyFields, keyFieldsIn, Places, ScopeChoices } from './key-fields.tsx'
import { readPublicKey } from './public-key.ts'
import { secretPage } from './secret.tsx'
import { backTo, submit } from './submit.tsx'
import { lineErrors, readLine } from './words.tsx'

export const newKeyRoutes: readonly PortalRoute[] = [
  forApp('/apps/:app/keys/new', 'build', { get: (context, place) => newPage(context, place, emptyDraft(context, place)), post: create }),
  forApp('/apps/:app/keys/public', 'build', { get: (context, place) => publicPage(context, place), post: createPublic }),
]

const DAY = 86_400
const LIVES = [
  { value: String(30 * DAY), title: '30 days' },
  { value: String(90 * DAY), title: '90 days' },
  { value: String(365 * DAY), title: '1 year' },
  { value: String(730 * DAY), title: '2 years' },
]
const DEFAULT_LIFE = String(365 * DAY)
const MAX_ENTRIES = 20

interface Draft extends KeyFields {
  readonly life: string
}
const HINTS = {
  addresses: 'Such as 203.0.113.0/24, one a line. None: from anywhere.',
  origins: 'Such as https://app.example.com, one a line. For keys that browsers send.',
}

export const scopesOfPlan = ({ parts }: Context, { app }: Pick<AppPlace, 'app'>): readonly string[] =>
  parts.policy.plans.find(({ name }) => name === app.plan)?.scopes ?? []

const emptyDraft = (context: Context, place: AppPlace): Draft => ({
  name: '',
  scopes: scopesOfPlan(context, place),
  life: DEFAULT_LIFE,
  addresses: [],
  origins: [],
})

const draftIn = (form: URLSearchParams): Draft => ({ ...keyFieldsIn(form), life: form.get('life') ?? DEFAULT_LIFE })

function draftErrors(draft: Draft, offered: readonly string[]): readonly FieldError[] {
  const { scopes, life, addresses, origins } = draft
  return [
    ...lineErrors('name', draft.name, 'a name'),
    ...(offered.length > 0 && scopes.length === 0 ? [{ name: 'scopes', text: 'Choose at least one: the key would open nothing.' }] : []),
    ...(scopes.every((scope) => offered.includes(scope)) ? [] : [{ name: 'scopes', text: 'The plan does not have all of these.' }]),
    ...(LIVES.some(({ value }) => value === life) ? [] : [{ name: 'life', text: 'Choose how long it lives.' }]),
    ...listErrors('addresses', addresses),
    ...listErrors('origins', origins),
  ]
}
const listErrors = (name: string, list: readonly string[]): readonly FieldError[] =>
  list.length > MAX_ENTRIES ? [{ name, text: `At most ${MAX_ENTRIES}.` }] : []

const fullText = (most: number): string => `The app has ${counted(most, 'key')}, and may have no more: revoke one first.`

function newPage(context: Context, place: AppPlace, draft: Draft, errors: readonly FieldError[] = []): Response {
  const offered = scopesOfPlan(context, place)
  const base = pathTo('apps', place.app.id, 'keys')
  return renderForm(context, errors, {
    title: 'New key',
    trail: trailToApp(place),
    body: (
      <>
        <section class="card narrow">
          <ErrorSummary errors={errors} />
          <Form action={`${base}/new`} token={context.token}>
            <Field
              name="name"
              label="Name"
              hint="Where it will be used, such as “Production”."
              value={draft.name}
              errors={errors}
              maxlength={100}
              isRequired
            />
            <ScopeChoices offered={offered} chosen={draft.scopes} hint="No more than it needs." errors={errors} />
            <Select name="life" label="Ends after" options={LIVES} value={draft.life} errors={errors} isRequired />
            <Places fields={draft} hints={HINTS} errors={errors} />
            <div class="buttons">
              <Button>Create key</Button>
            </div>
          </Form>
        </section>
        <p>
          Do you sign your requests? <a href={`${base}/public`}>Add a public key</a> instead: then no secret is ever sent.
        </p>
      </>
    ),
  })
}

async function create(context: Context, sent: Sent, place: AppPlace): Promise<Response> {
  const { app } = place
  const draft = draftIn(sent.form)
  const offered = scopesOfPlan(context, place)
  const isWhole = offered.every((scope) => draft.scopes.includes(scope))
  const asked: KeyDraft = {
    app: app.id,
    name: draft.name,
    expiresInSeconds: Number(draft.life),
    // All of the plan's: those of a later plan too.
    ...(isWhole ? {} : { scopes: draft.scopes }),
    ...(draft.addresses.length === 0 ? {} : { addresses: draft.addresses }),
    ...(draft.origins.length === 0 ? {} : { origins: draft.origins }),
  }
  return submit<KeyRecord & { readonly secret?: string }>(context, sent, {
    errors: draftErrors(draft, offered),
    again: (found) => newPage(context, place, draft, found),
    back: pathTo('apps', app.id),
    twice: SECRET_LOST,
    write: async () => context.parts.accounts.createKey(asked, context.actor),
    full: fullText,
    done: (record, inForce) => secretPage(context, place, { record, title: 'The key is made', inForce }),
  })
}

export const SECRET_LOST = 'The secret was in the first answer alone. If you did not see it, revoke that key and make another one.'

interface PublicDraft {
  readonly name: string
  readonly jwk: string
}
function publicPage(
  context: Context,
  place: AppPlace,
  draft: PublicDraft = { name: '', jwk: '' },
  errors: readonly FieldError[] = [],
): Response {
  const base = pathTo('apps', place.app.id, 'keys')
  return renderForm(context, errors, {
    title: 'Add a public key',
    trail: trailToApp(place),
    body: (
      <section class="card narrow">
        <ErrorSummary errors={errors} />
        <p>
          Your app keeps the private key and signs every request (
          <a href={`${pathTo('reference', 'signing')}?app=${encodeURIComponent(place.app.id)}`}>how</a>). This gate needs the public half
          alone.
        </p>
        <Form action={`${base}/public`} token={context.token}>
          <Field name="name" label="Name" value={draft.name} errors={errors} maxlength={100} isRequired />
          <TextArea
            name="publicKey"
            label="Public key"
            hint='Ed25519 or P-256 as a JWK, such as {"kty":"OKP","crv":"Ed25519","x":"…"}. Never the private key: it has a member "d".'
            value={draft.jwk}
            errors={errors}
            rows={5}
            maxlength={2048}
            isRequired
          />
          <div class="buttons">
            <Button>Add public key</Button>
          </div>
        </Form>
      </section>
    ),
  })
}

async function createPublic(context: Context, sent: Sent, place: AppPlace): Promise<Response> {
  const { app } = place
  const name = readLine(sent.form, 'name')
  const typed = sent.form.get('publicKey') ?? ''
  const read = readPublicKey(typed)
  const errors = [...lineErrors('name', name, 'a name'), ...('fault' in read ? [{ name: 'publicKey', text: read.fault }] : [])]
  return submit<KeyRecord>(context, sent, {
    errors,
    // A private key is not sent back in a page.
    again: (found) => publicPage(context, place, { name, jwk: 'fault' in read && read.isPrivate ? '' : typed }, found),
    back: pathTo('apps', app.id),
    write: async () =>
      context.parts.accounts.createKey({ app: app.id, name, ...('fault' in read ? {} : { publicKey: read.jwk }) }, context.actor),
    full: fullText,
    done: ({ id }, inForce) => backTo(pathTo('keys', id), 'key-added', inForce),
  })
}
