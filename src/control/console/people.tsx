import { Button, ErrorSummary, Field, type FieldError, Form } from '../pages/fields.tsx'
import type { DescribedPerson, Identity } from '../../sessions/people.ts'
import { Definitions, Empty, numberText, Time } from '../pages/parts.tsx'
import type { Sent } from '../pages/site.ts'
import { type Context, may, pathTo, render } from './context.ts'
import { submit } from './submit.tsx'

/** Of a person, by whoever vouches for them: never by an e-mail address alone. */
export async function peoplePage(
  context: Context,
  typed = context.url.searchParams,
  errors: readonly FieldError[] = [],
): Promise<Response> {
  const asked = { issuer: textOf(typed, 'issuer'), subject: textOf(typed, 'subject') }
  const { people } = context.parts
  const isAsked = people !== undefined && asked.issuer !== '' && asked.subject !== ''
  const person = isAsked ? await people.describe(asked) : undefined
  return render(context, {
    status: errors.length > 0 ? 422 : 200,
    hasErrors: errors.length > 0,
    title: 'People',
    body:
      people === undefined ? (
        <Empty title="Nobody signs in here">
          <p>The policy has no identity provider (docs/identity.md).</p>
        </Empty>
      ) : (
        <>
          <ErrorSummary errors={errors} />
          <Search context={context} asked={asked} />
          {isAsked && person === undefined ? (
            <Empty title="Nobody has signed in by this identity">
              <p>Or not for a very long time.</p>
            </Empty>
          ) : null}
          {person === undefined ? null : <Person context={context} asked={asked} person={person} />}
        </>
      ),
  })
}

const textOf = (typed: URLSearchParams, name: string): string => typed.get(name)?.trim() ?? ''

function Search({ context, asked: { issuer, subject } }: { readonly context: Context; readonly asked: Identity }) {
  const providers = context.parts.policy.identityProviders.map(({ title, name }) => title ?? name).join(', ')
  return (
    <form action={pathTo('people')} method="get" class="card narrow" role="search">
      <Field
        name="issuer"
        label="Issuer"
        hint={`Of ${providers}: an OpenID issuer or a SAML entity id.`}
        value={issuer}
        maxlength={2048}
        isRequired
      />
      <Field name="subject" label="Subject" hint="As the provider names the person." value={subject} maxlength={2048} isRequired />
      <Button kind="quiet">Find</Button>
    </form>
  )
}

function Person({ context, asked, person }: { readonly context: Context; readonly asked: Identity; readonly person: DescribedPerson }) {
  return (
    <section class="card narrow">
      <h2>Who it is</h2>
      <Definitions
        items={[
          ['Id', <code>{person.id}</code>],
          ['Provider', person.provider],
          ['First seen', <Time at={person.firstSeen} />],
          ['Last seen', <Time at={person.lastSeen} />],
          ['Groups', <bdi>{person.groups.join(', ') || '–'}</bdi>],
          ['Scopes', person.scopes.join(', ') || '–'],
          ['Linked identities', numberText(person.linked)],
          ['Sessions', person.sessions.length === 0 ? 'None' : person.sessions.map((id) => <code>{id} </code>)],
        ]}
      />
      {may(context, 'people:write') && person.sessions.length > 0 ? (
        <Form action={pathTo('people')} token={context.token}>
          <input type="hidden" name="issuer" value={asked.issuer} />
          <input type="hidden" name="subject" value={asked.subject} />
          <div class="buttons">
            <Button kind="danger">End every session</Button>
          </div>
        </Form>
      ) : null}
    </section>
  )
}

export async function signOutPerson(context: Context, sent: Sent): Promise<Response> {
  const { form } = sent
  return submit(context, sent, {
    operation: 'people.sign-out',
    body: { issuer: form.get('issuer') ?? '', subject: form.get('subject') ?? '' },
    again: async (errors) => peoplePage(context, form, errors),
    done: { path: pathTo('people'), code: 'signed-out' },
  })
}
