import { Choices, type FieldError, TextArea } from '../pages/fields.tsx'
import { readLine, readList } from './words.tsx'

/** What people choose of a key, new or not. */
export interface KeyFields {
  readonly name: string
  readonly scopes: readonly string[]
  readonly addresses: readonly string[]
  readonly origins: readonly string[]
}

export function keyFieldsIn(form: URLSearchParams): KeyFields {
  return {
    name: readLine(form, 'name'),
    scopes: form.getAll('scopes'),
    addresses: readList(form, 'addresses'),
    origins: readList(form, 'origins'),
  }
}

/** `offered`: the plan's; none: there is nothing to choose. */
export function ScopeChoices({
  offered,
  chosen,
  hint,
  errors,
}: {
  readonly offered: readonly string[]
  readonly chosen: readonly string[]
  readonly hint?: string
  readonly errors: readonly FieldError[]
}) {
  if (offered.length === 0) return null
  return (
    <Choices
      kind="checkbox"
      name="scopes"
      label="What it may do"
      {...(hint === undefined ? {} : { hint })}
      options={offered.map((value) => ({ value, title: value }))}
      values={chosen}
      errors={errors}
    />
  )
}

/** From where alone the key is taken. */
export function Places({
  fields: { addresses, origins },
  hints,
  errors,
}: {
  readonly fields: KeyFields
  readonly hints: { readonly addresses: string; readonly origins: string }
  readonly errors: readonly FieldError[]
}) {
  return (
    <>
      <TextArea
        name="addresses"
        label="Only from these addresses"
        hint={hints.addresses}
        value={addresses.join('\n')}
        errors={errors}
        rows={2}
      />
      <TextArea
        name="origins"
        label="Only from these web origins"
        hint={hints.origins}
        value={origins.join('\n')}
        errors={errors}
        rows={2}
      />
    </>
  )
}
