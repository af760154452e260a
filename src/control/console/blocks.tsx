import { Button, ConfirmForm, ErrorSummary, Field, type FieldError, Form, Select } from '../pages/fields.tsx'
import { Empty, Table } from '../pages/parts.tsx'
import type { InForce } from '../operations/blocks.ts'
import type { Sent } from '../pages/site.ts'
import { type Context, may, pathTo, render } from './context.ts'
import { AnswerBadge, ConsumerName, DURATIONS } from './parts.tsx'
import { notFound, submit } from './submit.tsx'

const KINDS = [
  { value: 'address', title: 'An address, or an IPv6 network (/64)' },
  { value: 'credential', title: 'A credential, by its id' },
  { value: 'consumer', title: 'A consumer, with all its credentials' },
  { value: 'fingerprint', title: 'A kind of client' },
]
const ANSWERS = [
  { value: 'block', title: 'Block' },
  { value: 'limit', title: 'Refuse with 429' },
  { value: 'slow', title: 'Slow' },
  { value: 'step-up', title: 'Ask people to sign in again' },
]

/** Everything that is restricted now, whoever did it. */
export async function blocksPage(context: Context): Promise<Response> {
  const all = await context.parts.restrictions(context.now)
  const restrictions = all.filter(({ answer }) => answer !== 'close')
  const isAllowed = may(context, 'blocks:write')
  return render(context, {
    title: 'Blocks',
    beside: isAllowed ? (
      <a class="button" href={pathTo('blocks', 'new')}>
        Restrict somebody
      </a>
    ) : null,
    body: (
      <>
        {restrictions.length === 0 ? (
          <Empty title="Nobody is restricted">
            <p>What the detector answers by itself, and what operators set by hand, shows here until it is over.</p>
          </Empty>
        ) : (
          <Table
            caption="Restrictions in force"
            hideCaption
            columns={[{ title: 'Whom' }, { title: 'How' }, { title: 'Until' }, { title: 'Why' }, ...(isAllowed ? [{ title: '' }] : [])]}
            rows={restrictions.map((one) => {
              const cells = [
                <Whom restriction={one} />,
                <>{one.answer === 'close' ? 'Closed' : <AnswerBadge answer={one.answer} />}</>,
                <>{one.until === undefined ? 'Until it is lifted' : <Instant text={one.until} />}</>,
                <Cause text={one.cause} />,
              ]
              return isAllowed ? cells.concat(<a href={pathTo('blocks', one.id, 'lift')}>Lift</a>) : cells
            })}
          />
        )}
        <p>
          <a href={pathTo('switches')}>Kill switches</a> close a route, or everything.
        </p>
      </>
    ),
  })
}

function Whom({ restriction: { kind, subject } }: { readonly restriction: InForce }) {
  return (
    <>
      <span class="soft">{kind}</span> {kind === 'consumer' ? <ConsumerName name={subject} /> : <bdi>{subject}</bdi>}
    </>
  )
}
const Instant = ({ text }: { readonly text: string }) => <time datetime={text}>{text.slice(0, 16).replace('T', ' ')}</time>
/** Of an anomaly: its id. */
const Cause = ({ text }: { readonly text: string }) =>
  /^ano_[a-z0-9]+$/u.test(text) ? <a href={pathTo('anomalies', text)}>An anomaly</a> : <bdi>{text}</bdi>

/** What somebody types, or another page has filled in. */
export function newBlockPage(context: Context, typed = context.url.searchParams, errors: readonly FieldError[] = []): Response {
  const value = (name: string): string => typed.get(name)?.slice(0, 400) ?? ''
  return render(context, {
    status: errors.length > 0 ? 422 : 200,
    hasErrors: errors.length > 0,
    title: 'Restrict somebody',
    trail: [{ href: pathTo('blocks'), title: 'Blocks' }],
    body: (
      <section class="card narrow">
        <ErrorSummary errors={errors} />
        <Form action={pathTo('blocks', 'new')} token={context.token}>
          <Select name="kind" label="What" options={KINDS} value={value('kind')} errors={errors} isRequired />
          <Field name="id" label="Which one" value={value('id')} maxlength={400} errors={errors} isRequired />
          <Select name="answer" label="How" options={ANSWERS} value={value('answer')} errors={errors} isRequired />
          <Select name="seconds" label="For how long" options={DURATIONS} value={value('seconds') || '3600'} errors={errors} isRequired />
          <Field
            name="reason"
            label="Why"
            hint="For other operators; never shown to the caller."
            value={value('reason')}
            maxlength={200}
            errors={errors}
          />
          <div class="buttons">
            <Button kind="danger">Restrict</Button>
            <a class="button quiet" href={pathTo('blocks')}>
              Cancel
            </a>
          </div>
        </Form>
      </section>
    ),
  })
}

export async function setBlock(context: Context, sent: Sent): Promise<Response> {
  const { form } = sent
  const text = (name: string): string => form.get(name)?.trim() ?? ''
  const reason = text('reason')
  return submit(context, sent, {
    operation: 'blocks.set',
    body: {
      kind: text('kind'),
      id: text('id'),
      answer: text('answer'),
      seconds: Number(text('seconds')),
      ...(reason === '' ? {} : { reason }),
    },
    again: (errors) => newBlockPage(context, form, errors),
    done: { path: pathTo('blocks'), code: 'blocked' },
  })
}

export async function liftPage(context: Context, errors: readonly FieldError[] = []): Promise<Response> {
  const id = context.params['id'] ?? ''
  const known = (await context.parts.restrictions(context.now)).find((one) => one.id === id && one.answer !== 'close')
  if (known === undefined) return notFound(context)
  return render(context, {
    title: 'Lift this restriction?',
    trail: [{ href: pathTo('blocks'), title: 'Blocks' }],
    body: (
      <ConfirmForm action={context.url.pathname} token={context.token} button="Lift it" cancel={pathTo('blocks')} errors={errors}>
        <p>
          Requests of <Whom restriction={known} /> pass again within seconds, as far as they are in order.
        </p>
      </ConfirmForm>
    ),
  })
}

export async function lift(context: Context, sent: Sent): Promise<Response> {
  return submit(context, sent, {
    operation: 'blocks.lift',
    params: { id: context.params['id'] ?? '' },
    again: async (errors) => liftPage(context, errors),
    done: { path: pathTo('blocks'), code: 'lifted' },
  })
}
