import type { Accounts } from '../../directory/accounts.ts'
import type { Anomaly, Baseline } from '../../insight/insight.ts'
import type { Observation } from '../../insight/observation.ts'
import { Badge, Definitions, numberText, Table, Time } from '../pages/parts.tsx'
import { pathTo } from './context.ts'
import { type RangeName, RANGES } from './traffic.ts'

/** Names are what people wrote, or what the policy says: a mark that turns the direction of writing does not reach beyond one. */
export function ConsumerName({ name, title = name }: { readonly name: string; readonly title?: string | undefined }) {
  if (name === '') return <span class="soft">Nobody in particular</span>
  return (
    <a href={pathTo('consumers', name)} title={title === name ? undefined : name}>
      <bdi>{title}</bdi>
    </a>
  )
}

/** Apps whose names are asked for at a time: each costs a call of the directory. */
const MAX_NAMED = 50
/** What people call the apps among these consumers. Without the directory they keep their ids. */
export async function appNames(
  accounts: Pick<Accounts, 'app'>,
  consumers: Iterable<string | undefined>,
): Promise<ReadonlyMap<string, string>> {
  const ids = [...new Set(consumers)].filter((name) => name?.startsWith('app_') === true).slice(0, MAX_NAMED)
  const apps = await Promise.all(ids.map(async (id) => accounts.app(id ?? '').catch(() => undefined)))
  return new Map(apps.flatMap((app) => (app === undefined ? [] : [[app.id, app.name]])))
}

export function RangeLinks({ path, chosen }: { readonly path: string; readonly chosen: RangeName }) {
  return (
    <nav aria-label="Period" class="acts">
      {Object.entries(RANGES).map(([name, { title }]) => (
        <a href={`${path}?range=${name}`} class="button quiet small" aria-current={name === chosen ? 'true' : undefined}>
          {title}
        </a>
      ))}
    </nav>
  )
}

const ANSWERS: Readonly<Record<Anomaly['answer'], readonly [title: string, kind: 'quiet' | 'warning' | 'bad']>> = {
  record: ['Recorded', 'quiet'],
  slow: ['Slowed', 'warning'],
  limit: ['Limited', 'warning'],
  'step-up': ['Asked to sign in again', 'warning'],
  block: ['Blocked', 'bad'],
}
export function AnswerBadge({ answer }: Pick<Anomaly, 'answer'>) {
  const [title, kind] = ANSWERS[answer]
  return <Badge kind={kind}>{title}</Badge>
}

/** How long operators restrict somebody, in seconds. */
export const DURATIONS = [
  { value: '900', title: '15 minutes' },
  { value: '3600', title: 'An hour' },
  { value: '86400', title: 'A day' },
  { value: '604800', title: 'A week' },
]

export const StatusBadge = ({ status }: { readonly status: number }) => (
  <Badge kind={status >= 500 ? 'bad' : status >= 400 ? 'warning' : 'good'}>{String(status)}</Badge>
)

/** `14:03:27`, in UTC. */
export const Clock = ({ at }: { readonly at: number }) => {
  const text = new Date(at).toISOString()
  return <time datetime={text}>{text.slice(11, 19)}</time>
}

/** Decided requests, one a row. `caption` is for screen readers where a heading says the same. */
export function Observations({
  caption,
  observations,
  names,
}: {
  readonly caption: string
  readonly observations: readonly Observation[]
  /** Of `appNames`. */
  readonly names?: ReadonlyMap<string, string>
}) {
  return (
    <Table
      caption={caption}
      hideCaption
      columns={[{ title: 'Time' }, { title: 'Route' }, { title: 'Status' }, { title: 'Reason' }, { title: 'Who' }, { title: 'From' }]}
      rows={observations.map(({ at, route, method, status, code, consumer, credential, address, country }) => [
        <Clock at={at} />,
        <bdi>{route ?? `${method}, unknown path`}</bdi>,
        <StatusBadge status={status} />,
        <code>{code}</code>,
        consumer === undefined ? (
          <span class="soft">–</span>
        ) : (
          <WithCredential consumer={consumer} title={names?.get(consumer)} credential={credential} />
        ),
        `${address}${country === undefined ? '' : `, ${country}`}`,
      ])}
    />
  )
}

function WithCredential({
  consumer,
  title,
  credential,
}: {
  readonly consumer: string
  readonly title: string | undefined
  readonly credential: string | undefined
}) {
  return (
    <>
      <ConsumerName name={consumer} title={title} />
      {credential === undefined ? null : (
        <>
          {' '}
          <code class="soft">{credential.slice(0, 12)}</code>
        </>
      )}
    </>
  )
}

/** What a credential usually does: what its use is judged against. */
export function Usual({ baseline, credential }: { readonly baseline: Baseline; readonly credential: string }) {
  return (
    <section class="card">
      <h2>What is usual</h2>
      <p class="soft">
        Of <code>{credential}</code>, from {numberText(baseline.requests)} requests since <Time at={baseline.firstAt} />
        {baseline.isLearning ? '. It is still being learnt.' : '.'}
      </p>
      <Definitions
        items={[
          ['Countries', listed(baseline.countries)],
          ['Networks', listed(baseline.networks)],
          ['Clients', <bdi>{listed(baseline.clients)}</bdi>],
          ['Routes', <bdi>{listed(baseline.routes)}</bdi>],
        ]}
      />
    </section>
  )
}
const listed = (values: readonly string[]): string => (values.length === 0 ? '–' : values.slice(0, 12).join(', '))
