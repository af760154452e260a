import type { PropsWithChildren } from 'hono/jsx'
import { TOKEN_FIELD } from './forms.ts'

export interface FieldError {
  /** Of the field; absent: of the form as a whole. */
  readonly name?: string
  readonly text: string
}
interface Common {
  readonly name: string
  readonly label: string
  readonly hint?: string
  /** What was typed, or what is so. */
  readonly value?: string | undefined
  readonly errors?: readonly FieldError[]
  readonly isRequired?: boolean
}

/** Everything that a form lacks, above it, each a link to its field. Takes the focus. */
export function ErrorSummary({ errors }: { readonly errors: readonly FieldError[] }) {
  if (errors.length === 0) return null
  return (
    <div class="notice error" role="alert" tabindex={-1} autofocus>
      <h2>{errors.length === 1 ? 'This needs your attention' : 'These need your attention'}</h2>
      <ul>
        {errors.map(({ name, text }) => (
          <li>{name === undefined ? text : <a href={`#field-${name}`}>{text}</a>}</li>
        ))}
      </ul>
    </div>
  )
}

/** Sent with POST, to our own path. `token`: of `Forms`. */
export function Form({
  action,
  token,
  isInline = false,
  children,
}: PropsWithChildren<{ readonly action: string; readonly token: string; readonly isInline?: boolean }>) {
  return (
    <form action={action} method="post" class={isInline ? 'inline' : undefined} novalidate>
      <input type="hidden" name={TOKEN_FIELD} value={token} />
      {children}
    </form>
  )
}

export function Field({
  type = 'text',
  maxlength,
  autocomplete = 'off',
  inputmode,
  ...common
}: Common & {
  readonly type?: 'text' | 'number' | 'search' | 'email' | 'url'
  readonly maxlength?: number
  readonly autocomplete?: string
  readonly inputmode?: 'numeric' | 'text'
}) {
  return (
    <Labelled {...common}>
      <input
        {...described(common)}
        type={type}
        value={common.value}
        maxlength={maxlength}
        autocomplete={autocomplete}
        inputmode={inputmode}
      />
    </Labelled>
  )
}

export function TextArea({ rows = 3, maxlength, ...common }: Common & { readonly rows?: number; readonly maxlength?: number }) {
  return (
    <Labelled {...common}>
      <textarea {...described(common)} rows={rows} maxlength={maxlength} autocomplete="off" spellcheck={false}>
        {`\n${common.value ?? ''}`}
      </textarea>
    </Labelled>
  )
}

export interface Option {
  readonly value: string
  readonly title: string
  readonly hint?: string
}
export function Select({ options, ...common }: Common & { readonly options: readonly Option[] }) {
  return (
    <Labelled {...common}>
      <select {...described(common)}>
        {options.map(({ value, title }) => (
          <option value={value} selected={value === common.value}>
            {title}
          </option>
        ))}
      </select>
    </Labelled>
  )
}

/** One of a few (`radio`) or several (`checkbox`), all to be seen. `values`: those that are chosen. */
export function Choices({
  kind,
  options,
  values,
  ...common
}: Omit<Common, 'value' | 'isRequired'> & {
  readonly kind: 'radio' | 'checkbox'
  readonly options: readonly Option[]
  readonly values: readonly string[]
}) {
  const { name, label, hint } = common
  const error = errorOf(common)
  return (
    <fieldset class={error === undefined ? 'field' : 'field wrong'} aria-describedby={describedBy(common)}>
      <legend>{label}</legend>
      <HintAndError name={name} hint={hint} error={error} />
      {options.map((option, index) => {
        const id = index === 0 ? `field-${name}` : `field-${name}-${index}`
        return (
          <div class="choice">
            <input
              id={id}
              type={kind}
              name={name}
              value={option.value}
              checked={values.includes(option.value)}
              aria-invalid={error === undefined ? undefined : 'true'}
              aria-describedby={option.hint === undefined ? undefined : `${id}-about`}
            />
            <label for={id}>{option.title}</label>
            {option.hint === undefined ? null : (
              <p class="hint" id={`${id}-about`}>
                {option.hint}
              </p>
            )}
          </div>
        )
      })}
    </fieldset>
  )
}

/** `danger`: what cannot be taken back. `name` and `value` tell buttons of one form apart. */
export function Button({
  kind = 'main',
  name,
  value,
  children,
}: PropsWithChildren<{ readonly kind?: 'main' | 'quiet' | 'danger'; readonly name?: string; readonly value?: string }>) {
  return (
    <button type="submit" class={kind === 'main' ? undefined : kind} name={name} value={value}>
      {children}
    </button>
  )
}

/** What cannot be taken back has a page of its own that says what will happen, and asks. */
export function ConfirmForm({
  action,
  token,
  button,
  cancel,
  errors = [],
  children,
}: PropsWithChildren<{
  readonly action: string
  readonly token: string
  readonly button: string
  readonly cancel: string
  readonly errors?: readonly FieldError[]
}>) {
  return (
    <section class="card narrow">
      <ErrorSummary errors={errors} />
      <Form action={action} token={token}>
        {children}
        <div class="buttons">
          <Button kind="danger">{button}</Button>
          <a class="button quiet" href={cancel}>
            Cancel
          </a>
        </div>
      </Form>
    </section>
  )
}

function Labelled({ children, ...common }: PropsWithChildren<Common>) {
  const { name, label, hint, isRequired = false } = common
  const error = errorOf(common)
  return (
    <div class={error === undefined ? 'field' : 'field wrong'}>
      <label for={`field-${name}`}>
        {label} {isRequired ? null : <span class="soft">(optional)</span>}
      </label>
      <HintAndError name={name} hint={hint} error={error} />
      {children}
    </div>
  )
}

function HintAndError({
  name,
  hint,
  error,
}: {
  readonly name: string
  readonly hint: string | undefined
  readonly error: string | undefined
}) {
  return (
    <>
      {hint === undefined ? null : (
        <p class="hint" id={`field-${name}-hint`}>
          {hint}
        </p>
      )}
      {error === undefined ? null : (
        <p class="error" id={`field-${name}-error`}>
          <span class="unseen">Error: </span>
          {error}
        </p>
      )}
    </>
  )
}

type Named = Pick<Common, 'name' | 'hint' | 'errors' | 'isRequired'>
const errorOf = ({ name, errors = [] }: Named): string | undefined => errors.find((error) => error.name === name)?.text

function describedBy(common: Named): string | undefined {
  const ids = [
    ...(common.hint === undefined ? [] : [`field-${common.name}-hint`]),
    ...(errorOf(common) === undefined ? [] : [`field-${common.name}-error`]),
  ]
  return ids.length === 0 ? undefined : ids.join(' ')
}

function described(common: Named) {
  return {
    id: `field-${common.name}`,
    name: common.name,
    required: common.isRequired === true,
    'aria-describedby': describedBy(common),
    'aria-invalid': errorOf(common) === undefined ? undefined : ('true' as const),
  }
}
