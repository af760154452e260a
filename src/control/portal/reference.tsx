import type { Route } from '../../policy/policy.ts'
import { Code, Definitions, Empty, Notice, Table } from '../pages/parts.tsx'
import { forVisitors, memberships, type PortalRoute } from './access.ts'
import { type Context, PORTAL, render } from './context.ts'
import { isAlive } from './key-state.tsx'
import { limitTexts, textsOf } from './limit-texts.ts'
import { type Holder, recipesOf } from './recipes.ts'
import { signingPage } from './signing.tsx'
import { notFound } from './submit.tsx'
import { Words } from './words.tsx'

export const referenceRoutes: readonly PortalRoute[] = [
  forVisitors('/reference', { get: reference }),
  forVisitors('/reference/signing', { get: async (context) => signingPage(context, await chosenApp(context)) }),
]
const HERE = `${PORTAL}/reference`

/** For whom the commands are written: one of the visitor's own apps. */
export interface ChosenApp {
  readonly id: string
  readonly name: string
  readonly plan: string
  readonly holder: Holder
}
type AppChoice = Omit<ChosenApp, 'holder'>
const MAX_ORGANISATIONS = 10

async function appsOf(context: Context): Promise<readonly AppChoice[]> {
  const mine = (await memberships(context)).slice(0, MAX_ORGANISATIONS)
  const pages = await Promise.all(mine.map(async ({ organisation }) => context.parts.accounts.apps({ organisation: organisation.id })))
  return pages.flatMap(({ items }) => items)
}

/** `?app=`, where it is one of the visitor's; else their first one. */
async function chosenApp(context: Context, apps?: readonly AppChoice[]): Promise<ChosenApp | undefined> {
  const all = apps ?? (await appsOf(context))
  const wanted = context.url.searchParams.get('app')
  const app = all.find(({ id }) => id === wanted) ?? all[0]
  if (app === undefined) return undefined
  const keys = (await context.parts.accounts.keys(app.id)).filter((key) => isAlive(key, context.now))
  const secret = keys.find(({ kind }) => kind !== 'public')?.id
  const signing = keys.find(({ kind }) => kind === 'public')?.id
  const holder = {
    origin: context.url.origin,
    secret: secret === undefined ? NOBODY.secret : `SECRET_OF_KEY_${secret}`,
    signingKeyId: signing ?? NOBODY.signingKeyId,
  }
  return { ...app, holder }
}
const NOBODY = { secret: 'YOUR_SECRET', signingKeyId: 'YOUR_PUBLIC_KEY_ID' }

async function reference(context: Context): Promise<Response> {
  const { url, parts } = context
  const apps = await appsOf(context)
  const app = await chosenApp(context, apps)
  const wanted = url.searchParams.get('operation')
  if (wanted === null) return listPage(context, apps, app)
  const route = parts.policy.routes.find(({ id }) => id === wanted)
  return route === undefined ? notFound(context) : operationPage(context, route, app)
}

const addressOf = ({ id }: Route, app: ChosenApp | undefined): string =>
  `${HERE}?${new URLSearchParams({ operation: id, ...(app === undefined ? {} : { app: app.id }) }).toString()}`

function listPage(context: Context, apps: readonly AppChoice[], app: ChosenApp | undefined): Response {
  const { title, routes, schemes } = context.parts.policy
  const isSigned = schemes.some(({ kind }) => kind === 'http-signature')
  return render(context, {
    title: `The API of ${title}`,
    body: (
      <>
        <p class="lead">
          What there is to call, at <code>{context.url.origin}</code>, and how to be let in.
        </p>
        {apps.length < 2 ? null : <AppChooser apps={apps} chosen={app?.id} />}
        {isSigned ? (
          <p>
            <a href={`${HERE}/signing${app === undefined ? '' : `?app=${encodeURIComponent(app.id)}`}`}>How to sign requests</a>
          </p>
        ) : null}
        {routes.length === 0 ? (
          <Empty title="There is nothing to call yet" />
        ) : (
          <Table
            caption="Operations"
            hideCaption
            columns={['Operation', 'What it does'].map((name) => ({ title: name }))}
            rows={routes.map((route) => [
              <>
                <span class="method">{route.method}</span>{' '}
                <a href={addressOf(route, app)}>
                  <code>{route.template}</code>
                </a>
              </>,
              route.summary ?? '',
            ])}
          />
        )}
      </>
    ),
  })
}

function AppChooser({ apps, chosen }: { readonly apps: readonly AppChoice[]; readonly chosen: string | undefined }) {
  return (
    <form action={HERE} method="get" class="card narrow">
      <div class="field">
        <label for="field-app">Show commands for</label>
        <select id="field-app" name="app">
          {apps.map(({ id, name }) => (
            <option value={id} selected={id === chosen}>
              {name}
            </option>
          ))}
        </select>
      </div>
      <button class="small quiet">Show</button>
    </form>
  )
}

function operationPage(context: Context, route: Route, app: ChosenApp | undefined): Response {
  const { policy } = context.parts
  const holder = app?.holder ?? { origin: context.url.origin, ...NOBODY }
  const recipes = recipesOf(route, policy, holder)
  const lacking = lackingScopes(context, route, app)
  const limits = policy.limits.filter(({ name }) => route.limits.includes(name)).flatMap(textsOf)
  const back = app === undefined ? HERE : `${HERE}?app=${encodeURIComponent(app.id)}`
  return render(context, {
    title: route.summary ?? `${route.method} ${route.template}`,
    trail: [{ href: back, title: 'API' }],
    body: (
      <>
        <p>
          <span class="method">{route.method}</span> <code>{route.template}</code>
        </p>
        {route.description === undefined ? null : <p class="lead">{route.description.slice(0, 2000)}</p>}
        {app === undefined || lacking.length === 0 ? null : (
          <Notice kind="warning">
            Keys of <Words text={app.name} /> are not let in here: plan {app.plan} lacks {lacking.join(', ')}.
          </Notice>
        )}
        <h2>How to be let in</h2>
        {recipes.length < 2 ? null : <p class="soft">Any one of these is enough.</p>}
        {recipes.map(({ title, steps, command }) => (
          <section class="card">
            <h3>{title}</h3>
            <ul>
              {steps.map((step) => (
                <li>{step}</li>
              ))}
            </ul>
            {command === undefined ? null : <Code name={`the command, ${title.toLowerCase()}`} text={command} />}
          </section>
        ))}
        <h2>Limits</h2>
        <section class="card">
          <Definitions
            items={[
              ['Of this operation', limits.length === 0 ? 'None of its own' : limits.join(' · ')],
              ['Counts as', route.cost === 1 ? 'One request' : `${route.cost} requests`],
              ...(app === undefined ? [] : [[`Of plan ${app.plan}`, limitTexts(policy, app.plan).join(' · ')] as const]),
            ]}
          />
        </section>
      </>
    ),
  })
}

/** What the plan lacks for every alternative that takes keys of apps; empty where one of them is open to it, or none takes keys. */
function lackingScopes({ parts }: Context, { alternatives }: Route, app: ChosenApp | undefined): readonly string[] {
  const { plans, schemes } = parts.policy
  const held = plans.find(({ name }) => name === app?.plan)?.scopes ?? []
  const isOfKeys = (scheme: string): boolean =>
    schemes.some(({ name, kind }) => name === scheme && (kind === 'api-key' || kind === 'http-signature'))
  const lacking = alternatives
    .map((terms) => terms.filter(({ scheme }) => isOfKeys(scheme)))
    .filter((terms) => terms.length > 0)
    .map((terms) => terms.flatMap(({ scopes }) => scopes).filter((scope) => !held.includes(scope)))
  return lacking.some((scopes) => scopes.length === 0) ? [] : (lacking[0] ?? [])
}
