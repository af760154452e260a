import { Button, Field } from '../pages/fields.tsx'
import { Empty } from '../pages/parts.tsx'
import { type Context, render } from './context.ts'
import { appNames, Observations } from './parts.tsx'

const SHOWN = 100
/** The browser itself asks again after this long, where somebody follows; no script is needed for it. */
const EVERY_SECONDS = 5

/** The newest decisions, newest first. Nothing moves until somebody asks to follow, and they can stop it. */
export async function decisionsPage(context: Context): Promise<Response> {
  const { parts, url } = context
  const consumer = url.searchParams.get('consumer')?.trim().slice(0, 128) ?? ''
  const isRefusedOnly = url.searchParams.get('refused') === 'yes'
  const isFollowed = url.searchParams.get('follow') === 'yes'
  const entries = await parts.insight.tail({
    limit: SHOWN,
    refusedOnly: isRefusedOnly,
    ...(consumer === '' ? {} : { consumer }),
  })
  const shown = entries.map(({ observation }) => observation).toReversed()
  const names = await appNames(
    parts.accounts,
    shown.map((observation) => observation.consumer),
  )
  return render(context, {
    title: 'Decisions',
    beside: (
      <a class={isFollowed ? 'button quiet small' : 'button small'} href={withFollow(url, !isFollowed)}>
        {isFollowed ? 'Pause' : 'Follow'}
      </a>
    ),
    ...(isFollowed ? { fields: { refresh: String(EVERY_SECONDS) } } : {}),
    body: (
      <>
        <p class="lead">
          {isFollowed ? `This page reads itself again every ${EVERY_SECONDS} seconds. ` : ''}The newest {SHOWN}, as isolates tell of them:
          usually within ten seconds. Where many come at once, refusals go first.
        </p>
        <form action={url.pathname} method="get" class="card" role="search">
          <div class="columns">
            <Field name="consumer" label="Consumer" value={consumer} maxlength={128} />
            <div class="field">
              <div class="choice">
                <input id="field-refused" type="checkbox" name="refused" value="yes" checked={isRefusedOnly} />
                <label for="field-refused">Refused ones alone</label>
              </div>
            </div>
          </div>
          {isFollowed ? <input type="hidden" name="follow" value="yes" /> : null}
          <Button kind="quiet">Show these</Button>
        </form>
        {shown.length === 0 ? (
          <Empty title="Nothing to show">
            <p>Decisions show here as soon as requests come in.</p>
          </Empty>
        ) : (
          <Observations caption="Newest decisions" observations={shown} names={names} />
        )}
      </>
    ),
  })
}

function withFollow(url: URL, isOn: boolean): string {
  const query = new URLSearchParams(url.search)
  if (isOn) query.set('follow', 'yes')
  else query.delete('follow')
  return query.size === 0 ? url.pathname : `${url.pathname}?${query.toString()}`
}
