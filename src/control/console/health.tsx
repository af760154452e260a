import type { FeedStatus } from '../../revocation/feed.ts'
import { Badge, Definitions, Empty, numberText, Table, Time } from '../pages/parts.tsx'
import type { KeySetReport } from '../../schemes/jwt/key-set-report.ts'
import { type Context, render } from './context.ts'

/** What the gate itself depends on, as this isolate sees it, and what happened of late. */
export async function healthPage(context: Context): Promise<Response> {
  const { parts, now } = context
  const [feed, events] = await Promise.all([
    parts.feed().catch((): undefined => undefined),
    parts.events.list({ limit: 20 }).catch((): undefined => undefined),
  ])
  return render(context, {
    title: 'Health',
    body: (
      <>
        <div class="columns">
          <Feed context={context} feed={feed} />
          <section class="card">
            <h2>This gate</h2>
            <Definitions
              items={[
                ['Name', parts.gateway],
                ['Routes', numberText(parts.policy.routes.length)],
                ['Time', <Time at={now} />],
              ]}
            />
          </section>
        </div>
        <KeySets reports={parts.keySets()} now={now} />
        <h2>Events</h2>
        {events === undefined ? (
          <p>The events cannot be read at the moment.</p>
        ) : events.items.length === 0 ? (
          <Empty title="Nothing has happened yet" />
        ) : (
          <Table
            caption="Newest events"
            hideCaption
            columns={[{ title: 'When' }, { title: 'What' }, { title: 'About' }]}
            rows={events.items.map(({ at, type, data }) => [<Time at={at} />, <code>{type}</code>, <bdi>{summaryOf(data)}</bdi>])}
          />
        )}
      </>
    ),
  })
}

function Feed({ context: { parts, now }, feed }: { readonly context: Context; readonly feed: FeedStatus | undefined }) {
  const age = parts.feedAgeMs(now)
  const { boundSeconds } = parts.policy.revocation
  return (
    <section class="card">
      <h2>Revocation feed</h2>
      <Definitions
        items={[
          ['State', feed === undefined ? <Badge kind="bad">Cannot be read</Badge> : <Badge kind="good">Answers</Badge>],
          ['Lag here', age === undefined ? 'not read yet' : `${(age / 1000).toFixed(1)} s of ${boundSeconds} s at most`],
          ...(feed === undefined ? [] : [['Entries', numberText(feed.entries)] as const, ['Latest', numberText(feed.latest)] as const]),
        ]}
      />
    </section>
  )
}

function KeySets({ reports, now }: { readonly reports: readonly KeySetReport[]; readonly now: number }) {
  if (reports.length === 0) return <Empty title="No issuer's keys are used here" />
  return (
    <Table
      caption="Keys of issuers, as this isolate holds them"
      columns={[{ title: 'Issuer' }, { title: 'State' }, { title: 'Keys', isNumber: true }, { title: 'Age', isNumber: true }]}
      rows={reports.map(({ issuer, fetchedAt, freshUntil, keys, fault }) => [
        issuer,
        fault === undefined ? (
          fetchedAt === undefined ? (
            <Badge kind="quiet">Not asked yet</Badge>
          ) : (
            <Badge kind={(freshUntil ?? 0) > now ? 'good' : 'warning'}>{(freshUntil ?? 0) > now ? 'Fresh' : 'Due'}</Badge>
          )
        ) : (
          <>
            <Badge kind="bad">Failed</Badge> <span class="soft">{fault}</span>
          </>
        ),
        numberText(keys),
        fetchedAt === undefined ? '–' : `${Math.max(0, Math.round((now - fetchedAt) / 1000))} s`,
      ])}
    />
  )
}

/** Names and numbers of an event, without its parts' parts. */
function summaryOf(data: Readonly<Record<string, unknown>>): string {
  return Object.entries(data)
    .filter(([, value]) => typeof value === 'string' || typeof value === 'number')
    .map(([name, value]) => `${name}: ${String(value).slice(0, 100)}`)
    .slice(0, 6)
    .join(', ')
}
