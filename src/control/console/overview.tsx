import type { Usage } from '../../insight/insight.ts'
import { BarChart, LineChart, Meter } from '../pages/charts.tsx'
import { Empty, numberText } from '../pages/parts.tsx'
import { type ConsoleParts, type Context, pathTo, type QuotaUse, render } from './context.ts'
import { ConsumerName, RangeLinks } from './parts.tsx'
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
  const quotas = await fullestQuotas(parts, namesOf(byConsumer), now)
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
          <Busiest usage={byConsumer} />
          <Exhausted quotas={quotas} />
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

function Busiest({ usage }: { readonly usage: Usage }) {
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
                <ConsumerName name={key['consumer'] ?? ''} />
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

interface QuotaOf extends QuotaUse {
  readonly consumer: string
}

/** The quotas that are used up most, of the busiest consumers. */
async function fullestQuotas(parts: Pick<ConsoleParts, 'quotas'>, consumers: readonly string[], now: number): Promise<readonly QuotaOf[]> {
  const asked = consumers
    .slice(0, WATCHED)
    .map(async (consumer) => (await parts.quotas(consumer, now)).map((use): QuotaOf => ({ ...use, consumer })))
  return (await Promise.all(asked)).flat().toSorted((one, other) => other.used / other.total - one.used / one.total)
}

function Exhausted({ quotas }: { readonly quotas: readonly QuotaOf[] }) {
  return (
    <section class="card">
      <h2>Closest to their quota</h2>
      {quotas.length === 0 ? (
        <Empty title="No quotas are in use">
          <p>Limits with a quota show here once somebody uses them.</p>
        </Empty>
      ) : (
        quotas.slice(0, 5).map(({ consumer, limit, used, total }) => <Meter label={`${consumer}, ${limit}`} used={used} total={total} />)
      )}
    </section>
  )
}
