import type { UsageGroup } from '../../insight/insight.ts'
import { seeOther } from '../pages/layout.tsx'
import { Empty, Notice, numberText, Table } from '../pages/parts.tsx'
import { Button } from '../pages/fields.tsx'
import { type Context, pathTo, render } from './context.ts'
import { appNames, ConsumerName, RangeLinks } from './parts.tsx'
import { latencyText, rangeOf, shareText, spanOf } from './traffic.ts'

/** Of consumers, as policy and directory name them. */
const NAME = /^[\w.-]{1,64}$/u

/** Whoever called, the busiest first; anybody else by name. */
export async function consumersPage(context: Context): Promise<Response> {
  const { parts, url, now } = context
  const named = url.searchParams.get('name')?.trim() ?? ''
  if (NAME.test(named)) return seeOther(pathTo('consumers', named))
  const range = rangeOf(url)
  const { from, to, step } = spanOf(range, now)
  const { groups } = await parts.insight.usage({ from, to, step, by: ['consumer'] })
  const names = await appNames(
    parts.accounts,
    groups.map(({ key }) => key['consumer']),
  )
  return render(context, {
    title: 'Consumers',
    beside: <RangeLinks path={url.pathname} chosen={range} />,
    body: (
      <>
        {named === '' ? null : (
          <Notice kind="warning">That is no name of a consumer: letters, digits, dots, hyphens and underscores.</Notice>
        )}
        <form action={url.pathname} method="get" class="card narrow" role="search">
          <label for="field-name">Name of a consumer, or id of an app</label>
          <input id="field-name" name="name" type="search" maxlength={128} autocomplete="off" required />
          <div class="buttons">
            <Button kind="quiet">Look at it</Button>
          </div>
        </form>
        {groups.length === 0 ? (
          <Empty title="Nobody has called in this time">
            <p>Consumers show here with their first request.</p>
          </Empty>
        ) : (
          <Table
            caption="Consumers by requests"
            hideCaption
            columns={[
              { title: 'Consumer' },
              { title: 'Requests', isNumber: true },
              { title: 'Not in order', isNumber: true },
              { title: '95 % within', isNumber: true },
            ]}
            rows={groups.map((group) => rowOf(group, names))}
          />
        )}
      </>
    ),
  })
}

const rowOf = ({ key: { consumer = '' }, requests, errors, latency }: UsageGroup, names: ReadonlyMap<string, string>) => [
  consumer === 'other' ? 'All others' : <ConsumerName name={consumer} title={names.get(consumer)} />,
  numberText(requests),
  shareText(errors, requests),
  latencyText(latency, 0.95),
]
