import type { App, KeyRecord } from '../../directory/accounts.ts'
import type { Meter as MeterState } from '../../limits/ledger.ts'
import type { TailEntry, UsageGroup } from '../../insight/insight.ts'
import { LineChart, Meter } from '../pages/charts.tsx'
import { ConfirmForm } from '../pages/fields.tsx'
import { Badge, Definitions, Empty, numberText, Table, Time, timeText } from '../pages/parts.tsx'
import type { Sent } from '../pages/site.ts'
import { type Context, may, pathTo, render } from './context.ts'
import { AnomalyList } from './anomalies.tsx'
import { Observations, RangeLinks, Usual } from './parts.tsx'
import { submit } from './submit.tsx'
import { latencyText, rangeOf, RANGES, shareText, spanOf } from './traffic.ts'

const DECISIONS = 20

interface Facts {
  readonly app: App | undefined
  readonly keys: readonly KeyRecord[]
  readonly plan: string | undefined
}

/** One consumer: who it is, what it holds, what it does, and what was thought of it. */
export async function consumerPage(context: Context): Promise<Response> {
  const { parts, url, now } = context
  const name = context.params['name'] ?? ''
  const range = rangeOf(url)
  const { instants, ...span } = spanOf(range, now)
  const [facts, byCredential, tail, anomalies, meters] = await Promise.all([
    factsOf(context, name),
    parts.insight.usage({ ...span, consumers: [name], by: ['credential'] }),
    parts.insight.tail({ consumer: name, limit: DECISIONS }),
    parts.insight.anomalies({ consumer: name, limit: 10 }),
    parts.meters(name),
  ])
  const busiest = byCredential.groups.map(({ key }) => key['credential'] ?? '').find((id) => id !== '' && id !== 'other')
  const baseline = busiest === undefined ? undefined : await parts.insight.baseline(busiest)
  const { total } = byCredential
  return render(context, {
    title: facts.app?.name ?? name,
    trail: [{ href: pathTo('consumers'), title: 'Consumers' }],
    beside: <RangeLinks path={url.pathname} chosen={range} />,
    body: (
      <>
        <div class="columns">
          <Identity context={context} name={name} facts={facts} />
          <section class="card">
            <h2>Limits</h2>
            {meters.length === 0 ? <p class="soft">No limit counts it as a whole.</p> : meters.map(meterOf)}
            <Definitions
              items={[
                ['Requests', numberText(total.requests)],
                ['Not in order', shareText(total.errors, total.requests)],
                ['Half within', latencyText(total.latency, 0.5)],
                ['95 % within', latencyText(total.latency, 0.95)],
              ]}
            />
          </section>
        </div>
        <section class="card">
          <LineChart
            id="usage"
            title="Requests"
            description={`${numberText(total.requests)} requests in all, ${numberText(total.errors)} of them not in order.`}
            instants={instants}
            series={[{ title: 'Requests', values: total.series }]}
            byDay={RANGES[range].step === 'day'}
          />
        </section>
        <Credentials facts={facts} groups={byCredential.groups} />
        {baseline === undefined ? null : <Usual baseline={baseline} credential={busiest ?? ''} />}
        <h2>Anomalies</h2>
        <AnomalyList anomalies={anomalies} none="Nothing unusual was found." />
        <Decisions name={name} tail={tail} />
      </>
    ),
  })
}

const meterOf = ({ name, used, count, endsAt }: MeterState) => (
  <Meter label={name} used={used} total={count} {...(endsAt === undefined ? {} : { note: `Anew at ${timeText(endsAt)}` })} />
)

async function factsOf({ parts }: Context, name: string): Promise<Facts> {
  const app = name.startsWith('app_') ? await parts.accounts.app(name) : undefined
  const declared = parts.policy.consumers?.find((consumer) => consumer.name === name)
  return { app, keys: app === undefined ? [] : await parts.accounts.keys(app.id), plan: app?.plan ?? declared?.plan }
}

function Identity({ context, name, facts: { app, plan } }: { readonly context: Context; readonly name: string; readonly facts: Facts }) {
  const isDeclared = context.parts.policy.consumers?.some((consumer) => consumer.name === name) ?? false
  const kind = app === undefined ? (isDeclared ? 'Declared in the policy' : 'Known by its credentials') : 'App of a developer'
  return (
    <section class="card">
      <h2>Who it is</h2>
      <Definitions
        items={[
          ['Name', <code>{name}</code>],
          ['Kind', kind],
          ['Plan', plan ?? <span class="soft">none</span>],
          ...(app === undefined
            ? []
            : ([
                ['State', app.state === 'active' ? <Badge kind="good">Active</Badge> : <Badge kind="bad">Disabled</Badge>],
                ['Organisation', <code>{app.organisation}</code>],
                ['Since', <Time at={app.createdAt} />],
                ['About', <bdi>{app.description === '' ? '–' : app.description}</bdi>],
              ] as const)),
        ]}
      />
      <p class="acts">
        {may(context, 'blocks:write') ? (
          <a href={`${pathTo('blocks', 'new')}?kind=consumer&id=${encodeURIComponent(name)}`}>Restrict it for a while</a>
        ) : null}
        {app !== undefined && may(context, 'accounts:write') ? (
          <a href={pathTo('consumers', name, app.state === 'active' ? 'disable' : 'enable')}>
            {app.state === 'active' ? 'Disable the app' : 'Enable the app'}
          </a>
        ) : null}
      </p>
    </section>
  )
}

function Credentials({ facts: { keys }, groups }: { readonly facts: Facts; readonly groups: readonly UsageGroup[] }) {
  const requests = new Map(groups.map((group) => [group.key['credential'] ?? '', group]))
  const known = new Set(keys.map(({ id }) => id))
  const others = groups.filter(({ key }) => key['credential'] !== '' && !known.has(key['credential'] ?? ''))
  if (keys.length + others.length === 0) return <Empty title="No credential of it was used in this time" />
  return (
    <Table
      caption="Credentials"
      columns={[{ title: 'Credential' }, { title: 'State' }, { title: 'Last used' }, { title: 'Requests', isNumber: true }]}
      rows={[
        ...keys.map((key) => [
          <>
            <bdi>{key.name}</bdi> <code class="soft">{key.id}</code>
          </>,
          <Badge kind={key.state === 'active' ? 'good' : 'bad'}>{STATES[key.state]}</Badge>,
          key.lastUsedAt === undefined ? <span class="soft">Never</span> : <Time at={key.lastUsedAt} />,
          numberText(requests.get(key.id)?.requests ?? 0),
        ]),
        ...others.map(({ key, requests: count }) => [
          <code>{key['credential'] === 'other' ? 'All others' : key['credential']}</code>,
          <span class="soft">Not of the directory</span>,
          '–',
          numberText(count),
        ]),
      ]}
    />
  )
}
const STATES = { active: 'Active', disabled: 'Disabled', revoked: 'Revoked' } as const

function Decisions({ name, tail }: { readonly name: string; readonly tail: readonly TailEntry[] }) {
  return (
    <>
      <h2>Newest decisions</h2>
      {tail.length === 0 ? (
        <Empty title="Nothing of late" />
      ) : (
        <>
          <Observations caption={`Newest decisions about ${name}`} observations={tail.map(({ observation }) => observation).toReversed()} />
          <p>
            <a href={`${pathTo('decisions')}?consumer=${encodeURIComponent(name)}`}>Follow its decisions</a>
          </p>
        </>
      )}
    </>
  )
}

const appOf = async ({ parts, params }: Context): Promise<App | undefined> => parts.accounts.app(params['name'] ?? '')

/** Asks, and then turns the app off or on. */
export function appStatePage(state: 'active' | 'disabled') {
  const isOn = state === 'active'
  const show = async (context: Context, errors: Parameters<typeof ConfirmForm>[0]['errors'] = []): Promise<Response> => {
    const app = await appOf(context)
    const path = pathTo('consumers', context.params['name'] ?? '')
    return render(context, {
      title: isOn ? 'Enable this app?' : 'Disable this app?',
      trail: [
        { href: pathTo('consumers'), title: 'Consumers' },
        { href: path, title: app?.name ?? '' },
      ],
      status: app === undefined ? 404 : errors.length > 0 ? 422 : 200,
      body: (
        <ConfirmForm
          action={context.url.pathname}
          token={context.token}
          button={isOn ? 'Enable it' : 'Disable it'}
          cancel={path}
          errors={errors}
        >
          <p>
            {isOn ? 'Its credentials work again' : 'Every credential of it is refused'} within seconds, everywhere:{' '}
            <strong>
              <bdi>{app?.name ?? 'there is no such app'}</bdi>
            </strong>
            .
          </p>
        </ConfirmForm>
      ),
    })
  }
  return {
    get: async (context: Context) => show(context),
    async post(context: Context, sent: Sent) {
      const name = context.params['name'] ?? ''
      return submit(context, sent, {
        operation: 'apps.change',
        params: { id: name },
        body: { state },
        again: async (errors) => show(context, errors),
        done: { path: pathTo('consumers', name), code: isOn ? 'app-enabled' : 'app-disabled' },
      })
    },
  }
}
