import { BarChart, LineChart, Meter } from '../pages/charts.tsx'
import { counted, Empty, Notice, numberText, timeText } from '../pages/parts.tsx'
import type { UsageFigures } from './usage-figures.ts'

const RANGES = { '24h': 'the last 24 hours', '30d': 'the last 30 days' } as const

/** How an app uses the API: requests over time, what failed, and how much of its quotas is left. `path`: of the page. */
export function UsageOfApp({ usage, path }: { readonly usage: UsageFigures | undefined; readonly path: string }) {
  if (usage === undefined)
    return <Notice kind="warning">Usage cannot be shown at the moment. Keys and limits are not touched by that.</Notice>
  const { range, instants, requests, errors, totalRequests, totalErrors, errorCodes, quotas } = usage
  const span = RANGES[range]
  const share = totalRequests === 0 ? 0 : (totalErrors / totalRequests) * 100
  return (
    <>
      <p class="acts">
        {range === '24h' ? <strong>24 hours</strong> : <a href={path}>24 hours</a>}
        {range === '30d' ? <strong>30 days</strong> : <a href={`${path}?usage=30d`}>30 days</a>}
      </p>
      {totalRequests === 0 ? (
        <Empty title={`No request in ${span}`}>
          <p>Counts appear within a minute of a request.</p>
        </Empty>
      ) : (
        <>
          <section class="card">
            <LineChart
              id="usage"
              title={`Requests in ${span}`}
              description={`${counted(totalRequests, 'request')}, ${counted(totalErrors, 'error')}.`}
              instants={instants}
              byDay={range === '30d'}
              series={[
                { title: 'Requests', values: requests },
                { title: 'Errors', values: errors },
              ]}
            />
          </section>
          <dl class="figures">
            <div>
              <dt>Requests</dt>
              <dd>{numberText(totalRequests)}</dd>
            </div>
            <div>
              <dt>Errors</dt>
              <dd>{numberText(totalErrors)}</dd>
            </div>
            <div>
              <dt>Share of errors</dt>
              <dd>{share > 0 && share < 0.1 ? 'under 0.1%' : `${share.toFixed(1)}%`}</dd>
            </div>
          </dl>
          {errorCodes.length === 0 ? null : (
            <section class="card">
              <BarChart title={`Errors in ${span}`} label="Answer" unit="Requests" bars={errorCodes} />
            </section>
          )}
        </>
      )}
      {quotas.length === 0 ? null : (
        <section class="card">
          {quotas.map(({ label, used, total, endsAt }) => (
            <Meter
              label={label}
              used={used}
              total={total}
              {...(endsAt === undefined ? {} : { note: `Begins anew on ${timeText(endsAt)}.` })}
            />
          ))}
        </section>
      )}
    </>
  )
}
