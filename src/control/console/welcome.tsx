import { Button, ErrorSummary, Field, type FieldError, Form } from '../pages/fields.tsx'
import { seeOther } from '../pages/layout.tsx'
import { LEFT_OPEN, type Sent } from '../pages/site.ts'
import { CONSOLE, type Context, pathTo, render } from './context.ts'

/** For the first owner, who has no role yet and the token that only who has the root secret can make. */
export function welcomePage(context: Context, errors: readonly FieldError[] = []): Response {
  return render(context, {
    status: errors.length > 0 ? 422 : 200,
    hasErrors: errors.length > 0,
    title: 'Become an owner',
    body: (
      <section class="card narrow">
        <ErrorSummary errors={errors} />
        <p>
          Where the root secret is, <code>portcullis operators bootstrap</code> prints a token. It is used once, within 15 minutes.
        </p>
        <Form action={pathTo('welcome')} token={context.token}>
          <Field name="bootstrap" label="Token" maxlength={512} errors={errors} isRequired />
          <Button>Become an owner</Button>
        </Form>
      </section>
    ),
  })
}

/** The token is not shown again: who mistyped it types it anew. */
export async function becomeOwner(context: Context, { form, isExpired, spend }: Sent): Promise<Response> {
  if (isExpired) return welcomePage(context, [{ text: LEFT_OPEN }])
  if (!(await spend())) return seeOther(CONSOLE)
  const { operator, parts } = context
  // No other API key operates a gate.
  if (operator.principals.some(({ kind }) => kind === 'api-key'))
    return welcomePage(context, [{ text: 'An admin key cannot own a gate: sign in as a person.' }])
  const isGood = await parts.redeem((form.get('bootstrap') ?? '').trim(), operator.actor)
  if (isGood) return seeOther(CONSOLE, 'welcome')
  return welcomePage(context, [{ name: 'bootstrap', text: 'The token is not good, or not any more: make another one.' }])
}
