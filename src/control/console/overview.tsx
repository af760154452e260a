import type { Meter as MeterState } from '../../limits/ledger.ts'
import type { Usage } from '../../insight/insight.ts'
import { BarChart, LineChart, Meter } from '../pages/charts.tsx'
import { Empty, numberText } from '../pages/parts.tsx'
import { type ConsoleParts, type Context, pathTo, render } from './context.ts'
import { appNames, ConsumerName, RangeLinks } from './parts.tsx'
import { isRefusal, latencyText, rangeOf, RANGES, refusedPerStep, shareText, spanOf } from './traffic.ts'

const SHOWN = 8
/** Consumers whose quotas are asked for: each costs a call to a ledger for each of its quotas. */
const WATCHED = 8

/** Whether everything is well, in one look. */
export async function overviewPage(context: Context): Promise<Response> {
  const { parts, url, now } = context
  const range = rangeOf(url)
  const { instants, ...span } = spanOf(range, now)
  const [byCode, byConsumer, byRoute, open, restrictions] = await Promise.all([
    parts.insight.usage({ ...span, by: ['code'] }),
    parts.insight.usage({ ...span, by: ['consumer'] }),
    parts.insight.usage({ ...span, by: ['route'] }),
    parts.insight.anomalies({ state: 'open', limit: 100 }),
    parts.restrictions(now),
  ])
  const consumers = namesOf(byConsumer)
  const [quotas, names] = await Promise.all([fullestQuotas(parts, consumers), appNames(parts.accounts, consumers.slice(0, WATCHED))])
  const refused = byCode.groups.filter(({ key }) => isRefusal(key['code'] ?? ''))
  const refusedCount = refused.reduce((sum, { requests }) => sum + requests, 0)
  const { total } = byCode
  const closed = restrictions.filter(({ answer }) => answer === 'close')
  return render(context, {
    title: 'Overview',
    beside: <RangeLinks path={url.pathname} chosen={range} />,
    body: (
      <>
        {closed.length === 0 ? null : (
          <div class="notice error" role="alert">
            <p>
              <strong>{closed.some(({ kind }) => kind === 'everything') ? 'Everything is closed.' : 'Routes are closed.'}</strong>{' '}
              <a href={pathTo('switches')}>Kill switches</a>
            </p>
          </div>
        )}
        <dl class="figures">
          <Figure term="Requests" text={numberText(total.requests)} />
          <Figure term="Refused by the gate" text={shareText(refusedCount, total.requests)} />
          <Figure term="95 % answered within" text={latencyText(total.latency, 0.95)} />
          <Figure term="Open anomalies" text={numberText(open.length)} href={pathTo('anomalies')} />
          <Figure term="Restrictions in force" text={numberText(restrictions.length - closed.length)} href={pathTo('blocks')} />
        </dl>
        <section class="card">
          <LineChart
            id="traffic"
            title="Requests and refusals"
            description={`${numberText(total.requests)} requests in all, ${numberText(refusedCount)} of them refused by the gate.`}
            instants={instants}
            series={[
              { title: 'Requests', values: total.series },
              { title: 'Refused', values: refusedPerStep(byCode.groups, instants.length) },
            ]}
            byDay={RANGES[range].step === 'day'}
          />
        </section>
        <div class="columns">
          <section class="card">
            {refused.length === 0 ? (
              <Empty title="Nothing was refused" />
            ) : (
              <BarChart title="Refusals by reason" label="Reason" unit="Requests" bars={barsOf(refused, 'code')} />
            )}
          </section>
          <section class="card">
            <BarChart title="Requests by route" label="Route" unit="Requests" bars={barsOf(byRoute.groups, 'route', 'Unknown path')} />
          </section>
        </div>
        <div class="columns">
          <Busiest usage={byConsumer} names={names} />
          <Exhausted quotas={quotas} names={names} />
        </div>
      </>
    ),
  })
}

function Figure({ term, text, href }: { readonly term: string; readonly text: string; readonly href?: string }) {
  return (
    <div>
      <dt>{term}</dt>
      <dd>{href === undefined ? text : <a href={href}>{text}</a>}</dd>
    </div>
  )
}

function barsOf(groups: Usage['groups'], by: string, none = '–') {
  return groups.slice(0, SHOWN).map(({ key, requests }) => ({ label: key[by] === '' ? none : (key[by] ?? none), value: requests }))
}

const namesOf = ({ groups }: Usage): readonly string[] =>
  groups.flatMap(({ key: { consumer = '' } }) => (consumer === '' || consumer === 'other' ? [] : [consumer]))

function Busiest({ usage, names }: { readonly usage: Usage; readonly names: ReadonlyMap<string, string> }) {
  const groups = usage.groups.filter(({ key }) => key['consumer'] !== '').slice(0, SHOWN)
  return (
    <section class="card">
      <h2>Busiest consumers</h2>
      {groups.length === 0 ? (
        <Empty title="Nobody has called yet">
          <p>Consumers show here with their first request.</p>
        </Empty>
      ) : (
        <dl>
          {groups.map(({ key, requests, errors }) => (
            <div>
              <dt>
                <ConsumerName name={key['consumer'] ?? ''} title={names.get(key['consumer'] ?? '')} />
              </dt>
              <dd>
                {numberText(requests)} requests{' '}
                {errors === 0 ? null : <span class="soft">({shareText(errors, requests)} not in order)</span>}
              </dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  )
}

interface QuotaOf {
  readonly consumer: string
  readonly use: MeterState
}

/** The quotas and credits that are used up most, of the busiest consumers. */
async function fullestQuotas(parts: Pick<ConsoleParts, 'meters'>, consumers: readonly string[]): Promise<readonly QuotaOf[]> {
  const asked = consumers
    .slice(0, WATCHED)
    .map(async (consumer) =>
      (await parts.meters(consumer))
        .filter(({ kind, used }) => used > 0 && (kind === 'quota' || kind === 'credits'))
        .map((use): QuotaOf => ({ consumer, use })),
    )
  return (await Promise.all(asked)).flat().toSorted((one, other) => shareOf(other) - shareOf(one))
}

const shareOf = ({ use: { used, count } }: QuotaOf): number => used / count

function Exhausted({ quotas, names }: { readonly quotas: readonly QuotaOf[]; readonly names: ReadonlyMap<string, string> }) {
  return (
    <section class="card">
      <h2>Closest to their limit</h2>
      {quotas.length === 0 ? (
        <Empty title="No limits are in use">
          <p>Quotas and credits show here once somebody uses them.</p>
        </Empty>
      ) : (
        quotas
          .slice(0, 5)
          .map(({ consumer, use: { name, used, count } }) => (
            <Meter label={`${names.get(consumer) ?? consumer}, ${name}`} used={used} total={count} />
          ))
      )}
    </section>
  )
}
