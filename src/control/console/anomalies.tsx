import type { Anomaly, FindingState } from '../../insight/insight.ts'
import { Button, ErrorSummary, type FieldError, Form, Select } from '../pages/fields.tsx'
import { Badge, Definitions, Empty, Table, Time } from '../pages/parts.tsx'
import type { Sent } from '../pages/site.ts'
import { type Context, may, pathTo, render } from './context.ts'
import { AnswerBadge, ConsumerName, DURATIONS, Observations, Usual } from './parts.tsx'
import { notFound, submit } from './submit.tsx'

const STATES: readonly (readonly [state: FindingState | undefined, title: string])[] = [
  [undefined, 'All'],
  ['open', 'Open'],
  ['answered', 'Answered'],
  ['accepted', 'Was fine'],
]
const STATE_BADGES: Readonly<Record<FindingState, readonly ['warning' | 'quiet' | 'good', string]>> = {
  open: ['warning', 'Open'],
  answered: ['quiet', 'Answered'],
  accepted: ['good', 'Was fine'],
}
const KINDS: Readonly<Record<Anomaly['kind'], string>> = {
  address: 'Address',
  credential: 'Credential',
  fingerprint: 'Kind of client',
}

/** What does not look right, the newest first. */
export async function anomaliesPage(context: Context): Promise<Response> {
  const { parts, url } = context
  const asked = url.searchParams.get('state')
  const state = STATES.find(([one]) => one === asked)?.[0]
  const anomalies = await parts.insight.anomalies({ limit: 100, ...(state === undefined ? {} : { state }) })
  return render(context, {
    title: 'Anomalies',
    beside: (
      <nav aria-label="State" class="acts">
        {STATES.map(([one, title]) => (
          <a
            class="button quiet small"
            href={one === undefined ? url.pathname : `${url.pathname}?state=${one}`}
            aria-current={one === state ? 'true' : undefined}
          >
            {title}
          </a>
        ))}
      </nav>
    ),
    body: <AnomalyList anomalies={anomalies} none="Nothing unusual was found." />,
  })
}

export function AnomalyList({ anomalies, none }: { readonly anomalies: readonly Anomaly[]; readonly none: string }) {
  if (anomalies.length === 0)
    return (
      <Empty title={none}>
        <p>Credentials are learnt for some hours before anything about their use counts as unusual.</p>
      </Empty>
    )
  return (
    <Table
      caption="Anomalies"
      hideCaption
      columns={[
        { title: 'Of what' },
        { title: 'Why' },
        { title: 'Last seen' },
        { title: 'Score', isNumber: true },
        { title: 'Answer' },
        { title: 'State' },
      ]}
      rows={anomalies.map((anomaly) => [
        <>
          <span class="soft">{KINDS[anomaly.kind]}</span>
          <br />
          <a href={pathTo('anomalies', anomaly.id)}>
            <bdi>{anomaly.subject}</bdi>
          </a>
        </>,
        anomaly.reasons.map(({ code }) => code).join(', '),
        <Time at={anomaly.lastAt} />,
        anomaly.score.toFixed(2),
        <AnswerBadge answer={anomaly.answer} />,
        <StateBadge state={anomaly.state} />,
      ])}
    />
  )
}

function StateBadge({ state }: Pick<Anomaly, 'state'>) {
  const [kind, title] = STATE_BADGES[state]
  return <Badge kind={kind}>{title}</Badge>
}

/** One, with all that an operator needs to judge it, and what can be done about it. */
export async function anomalyPage(context: Context, errors: readonly FieldError[] = []): Promise<Response> {
  const anomaly = await context.parts.insight.anomaly(context.params['id'] ?? '')
  if (anomaly === undefined) return notFound(context)
  const baseline = anomaly.kind === 'credential' ? await context.parts.insight.baseline(anomaly.subject) : undefined
  return render(context, {
    status: errors.length > 0 ? 422 : 200,
    hasErrors: errors.length > 0,
    title: anomaly.subject,
    trail: [{ href: pathTo('anomalies'), title: 'Anomalies' }],
    beside: <StateBadge state={anomaly.state} />,
    body: (
      <>
        <ErrorSummary errors={errors} />
        <div class="columns">
          <About anomaly={anomaly} />
          {may(context, 'anomalies:write') ? <Answering context={context} anomaly={anomaly} /> : null}
        </div>
        <Table
          caption="Reasons"
          columns={[{ title: 'Reason' }, { title: 'Points', isNumber: true }, { title: 'Evidence' }]}
          rows={anomaly.reasons.map(({ code, points, evidence }) => [
            <code>{code}</code>,
            points.toFixed(2),
            <bdi>
              {Object.entries(evidence)
                .map(([name, value]) => `${inWords(name)} ${value}`)
                .join(' · ')}
            </bdi>,
          ])}
        />
        {baseline === undefined ? null : <Usual baseline={baseline} credential={anomaly.subject} />}
        <h2>Requests that led to it</h2>
        {anomaly.evidence.length === 0 ? (
          <Empty title="None are kept any more" />
        ) : (
          <Observations caption="Evidence" observations={anomaly.evidence.toReversed()} />
        )}
      </>
    ),
  })
}

/** `distinctRefused`: distinct refused. */
const inWords = (name: string): string => name.replaceAll(/[A-Z]/gu, (letter) => ` ${letter.toLowerCase()}`)

function About({ anomaly }: { readonly anomaly: Anomaly }) {
  return (
    <section class="card">
      <h2>What it is</h2>
      <Definitions
        items={[
          ['Kind', KINDS[anomaly.kind]],
          ...(anomaly.consumer === undefined ? [] : [['Consumer', <ConsumerName name={anomaly.consumer} />] as const]),
          ['First seen', <Time at={anomaly.firstAt} />],
          ['Last seen', <Time at={anomaly.lastAt} />],
          ['Score', `${anomaly.score.toFixed(2)} (a block begins at 1)`],
          ['Answer', <AnswerBadge answer={anomaly.answer} />],
          ...(anomaly.until === undefined ? [] : [['Until', <Time at={anomaly.until} />] as const]),
        ]}
      />
    </section>
  )
}

function Answering({ context, anomaly }: { readonly context: Context; readonly anomaly: Anomaly }) {
  const isActed = anomaly.answer !== 'record'
  return (
    <section class="card">
      <h2>What to do</h2>
      <Form action={context.url.pathname} token={context.token}>
        <Select name="seconds" label="For how long" options={DURATIONS} value="3600" isRequired />
        <div class="buttons">
          <Button kind="danger" name="answer" value="block">
            Block it
          </Button>
          <Button kind="quiet" name="answer" value="limit">
            Refuse with 429
          </Button>
          <Button kind="quiet" name="answer" value="slow">
            Slow it
          </Button>
          {isActed ? (
            <Button kind="quiet" name="answer" value="lift">
              Lift what is done
            </Button>
          ) : null}
          <Button kind="quiet" name="answer" value="accept">
            This was fine
          </Button>
        </div>
      </Form>
      <p class="hint">“This was fine” lifts what is done, and learns its use anew.</p>
    </section>
  )
}

export async function answerAnomaly(context: Context, sent: Sent): Promise<Response> {
  const id = context.params['id'] ?? ''
  const answer = sent.form.get('answer') ?? ''
  return submit(context, sent, {
    operation: 'anomalies.answer',
    params: { id },
    body: { answer, seconds: Number(sent.form.get('seconds') ?? '3600') },
    again: async (errors) => anomalyPage(context, errors),
    done: { path: pathTo('anomalies', id), code: answer === 'accept' ? 'accepted' : answer === 'lift' ? 'lifted' : 'answered' },
  })
}
