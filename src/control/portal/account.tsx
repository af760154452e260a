import { ConfirmForm, type FieldError } from '../pages/fields.tsx'
import { Definitions, Empty, Table, Time } from '../pages/parts.tsx'
import type { Sent } from '../pages/site.ts'
import { forVisitors, memberships, type PortalRoute } from './access.ts'
import { type Context, pathTo, PORTAL, render, renderForm } from './context.ts'
import { ROLE_TITLES } from './rights.ts'
import { submit } from './submit.tsx'
import { Words } from './words.tsx'

const HERE = `${PORTAL}/account`

export const accountRoutes: readonly PortalRoute[] = [
  forVisitors('/account', { get: account }),
  forVisitors('/account/sign-out-everywhere', { get: (context) => everywherePage(context), post: signOutEverywhere }),
]

async function account(context: Context): Promise<Response> {
  const { visitor } = context
  const mine = await memberships(context)
  return render(context, {
    title: 'Your account',
    body: (
      <>
        <section class="card">
          <Definitions
            items={[
              ['Signed in as', <Words text={visitor.display} />],
              ['By', visitor.issuer],
              ['Known there as', <Words text={visitor.subject} />],
              ['Linked identities', visitor.names.length === 1 ? 'None' : String(visitor.names.length - 1)],
              ['This session ends', <Time at={visitor.expiresAt} />],
            ]}
          />
        </section>
        <div class="buttons">
          <a class="button quiet" href="/.portcullis/account">
            Ways to sign in
          </a>
          <a class="button" href="/.portcullis/logout">
            Sign out
          </a>
          <a class="button quiet" href={`${HERE}/sign-out-everywhere`}>
            Sign out everywhere
          </a>
        </div>
        <h2>Organisations</h2>
        {mine.length === 0 ? (
          <Empty title="You are a member of none" />
        ) : (
          <Table
            caption="Organisations"
            hideCaption
            columns={['Organisation', 'Your role'].map((title) => ({ title }))}
            rows={mine.map(({ organisation, role }) => [
              <a href={pathTo('organisations', organisation.id)}>
                <Words text={organisation.name} />
              </a>,
              ROLE_TITLES[role],
            ])}
          />
        )}
      </>
    ),
  })
}

function everywherePage(context: Context, errors: readonly FieldError[] = []): Response {
  return renderForm(context, errors, {
    title: 'Sign out everywhere?',
    trail: [{ href: HERE, title: 'Account' }],
    body: (
      <ConfirmForm action={`${HERE}/sign-out-everywhere`} token={context.token} button="Sign out everywhere" cancel={HERE} errors={errors}>
        <p>Every session that you have here ends within seconds, on every device, this one too. Keys of your apps go on working.</p>
      </ConfirmForm>
    ),
  })
}

async function signOutEverywhere(context: Context, sent: Sent): Promise<Response> {
  return submit<undefined>(context, sent, {
    again: (errors) => everywherePage(context, errors),
    back: HERE,
    async write() {
      await context.parts.signOutEverywhere(context.visitor)
      return { status: 'written', value: undefined, inForce: 'announced' }
    },
    done: () => new Response(null, { status: 303, headers: { location: '/.portcullis/login', 'cache-control': 'no-store' } }),
  })
}
