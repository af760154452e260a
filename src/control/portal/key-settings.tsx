import type { KeyPatch, KeyRecord } from '../../directory/accounts.ts'
import { Button, ErrorSummary, Field, type FieldError, Form } from '../pages/fields.tsx'
import type { Sent } from '../pages/site.ts'
import { forKey, type KeyPlace, type PortalRoute } from './access.ts'
import { type Context, pathTo, renderForm } from './context.ts'
import { type KeyFields, keyFieldsIn, Places, ScopeChoices } from './key-fields.tsx'
import { trailToKey } from './key.tsx'
import { scopesOfPlan } from './keys.tsx'
import { backTo, submit } from './submit.tsx'
import { lineErrors, versionOf } from './words.tsx'

export const keySettingsRoutes: readonly PortalRoute[] = [
  forKey('/keys/:key/settings', 'build', { get: (context, place) => settingsPage(context, place), post: change }),
]

const HINTS = { addresses: 'One a line. None: from anywhere.', origins: 'One a line.' }
const draftOf = (context: Context, place: KeyPlace): KeyFields => ({
  name: place.key.name,
  scopes: place.key.scopes ?? scopesOfPlan(context, place),
  addresses: place.key.addresses ?? [],
  origins: place.key.origins ?? [],
})

function settingsPage(context: Context, place: KeyPlace, draft = draftOf(context, place), errors: readonly FieldError[] = []): Response {
  const { key } = place
  const offered = scopesOfPlan(context, place)
  return renderForm(context, errors, {
    title: 'Change the key',
    trail: trailToKey(place),
    body: (
      <section class="card narrow">
        <ErrorSummary errors={errors} />
        <Form action={pathTo('keys', key.id, 'settings')} token={context.token}>
          <input type="hidden" name="version" value={String(key.version)} />
          <Field name="name" label="Name" value={draft.name} errors={errors} maxlength={100} isRequired />
          <ScopeChoices offered={offered} chosen={draft.scopes} errors={errors} />
          <Places fields={draft} hints={HINTS} errors={errors} />
          <div class="buttons">
            <Button>Save</Button>
          </div>
        </Form>
      </section>
    ),
  })
}
async function change(context: Context, sent: Sent, place: KeyPlace): Promise<Response> {
  const { id } = place.key
  const offered = scopesOfPlan(context, place)
  const draft = keyFieldsIn(sent.form)
  const isWhole = offered.every((scope) => draft.scopes.includes(scope))
  const noScopes = { name: 'scopes', text: 'Choose at least one, and none that the plan does not have.' }
  const isFitting = offered.length === 0 || (draft.scopes.length > 0 && draft.scopes.every((scope) => offered.includes(scope)))
  const patch: KeyPatch = {
    name: draft.name,
    scopes: isWhole ? null : draft.scopes,
    addresses: draft.addresses.length === 0 ? null : draft.addresses,
    origins: draft.origins.length === 0 ? null : draft.origins,
  }
  return submit<KeyRecord>(context, sent, {
    errors: [...lineErrors('name', draft.name, 'a name'), ...(isFitting ? [] : [noScopes])],
    again: (found) => settingsPage(context, place, draft, found),
    back: pathTo('keys', id),
    write: async () => context.parts.accounts.changeKey(id, patch, versionOf(sent.form), context.actor),
    done: (_value, inForce) => backTo(pathTo('keys', id), 'key-changed', inForce),
  })
}
