import { Badge, Definitions, Empty, numberText, Pagination, Table, Time } from '../pages/parts.tsx'
import { OPERATOR_ROLES } from '../../directory/accounts.ts'
import { Button, ErrorSummary, type FieldError, Form } from '../pages/fields.tsx'
import type { Sent } from '../pages/site.ts'
import { type Context, may, pathTo, render } from './context.ts'
import { submit } from './submit.tsx'

/** Who changed what, newest first. */
export async function auditPage(context: Context): Promise<Response> {
  const { parts, url } = context
  const after = url.searchParams.get('after') ?? undefined
  const { items, next } = await parts.accounts.audit({ limit: 50, ...(after === undefined ? {} : { after }) })
  const checked = url.searchParams.get('check') === 'yes' ? await parts.accounts.verifyAudit() : undefined
  return render(context, {
    title: 'Audit',
    beside: (
      <>
        <a class="button quiet small" href={pathTo('operators')}>
          Operators
        </a>
        <a class="button quiet small" href={`${url.pathname}?check=yes`}>
          Check the chain
        </a>
      </>
    ),
    body: (
      <>
        {checked === undefined ? null : checked.status === 'whole' ? (
          <div class="notice done" role="status">
            <p>
              All {numberText(checked.entries)} lines are what was written, and none is missing. Head: <code>{checked.head}</code>
            </p>
          </div>
        ) : (
          <div class="notice error" role="alert">
            <p>The chain is broken at line {numberText(checked.sequence)}: somebody changed the log, or took a line out.</p>
          </div>
        )}
        {items.length === 0 ? (
          <Empty title="Nothing was changed yet" />
        ) : (
          <Table
            caption="Audit log"
            hideCaption
            columns={[{ title: 'Line', isNumber: true }, { title: 'When' }, { title: 'Who' }, { title: 'What' }, { title: 'To what' }]}
            rows={items.map(({ sequence, at, actor, action, target }) => [
              numberText(sequence),
              <Time at={at} />,
              <>
                <bdi>{actor.display}</bdi> <span class="soft">{actor.kind}</span>
              </>,
              <code>{action}</code>,
              <bdi>{`${target.type} ${target.id}`}</bdi>,
            ])}
          />
        )}
        <Pagination path={url.pathname} isFirst={after === undefined} next={next} />
      </>
    ),
  })
}

/** Who operates this gate by the word of an owner. */
export async function operatorsPage(context: Context, errors: readonly FieldError[] = []): Promise<Response> {
  const operators = await context.parts.accounts.operators()
  const isAllowed = may(context, 'operators:write')
  return render(context, {
    status: errors.length > 0 ? 422 : 200,
    hasErrors: errors.length > 0,
    title: 'Operators',
    trail: [{ href: pathTo('audit'), title: 'Audit' }],
    body: (
      <>
        <ErrorSummary errors={errors} />
        <section class="card">
          <h2>You</h2>
          <Definitions
            items={[
              ['Name', <bdi>{context.operator.actor.display}</bdi>],
              ['May', [...context.operator.scopes].join(', ')],
            ]}
          />
        </section>
        {operators.length === 0 ? (
          <Empty title="Nobody was given a role here">
            <p>Admin keys, and people whom the policy lets in by their scopes, operate this gate.</p>
          </Empty>
        ) : (
          <Table
            caption="Operators"
            hideCaption
            columns={[{ title: 'Who' }, { title: 'Role' }, { title: 'Since' }, ...(isAllowed ? [{ title: '' }] : [])]}
            rows={operators.map(({ person, display, role, since }) => {
              const cells = [<bdi>{display}</bdi>, <Badge kind="quiet">{role}</Badge>, <Time at={since} />]
              return isAllowed ? cells.concat(<RoleForm context={context} person={person} role={role} display={display} />) : cells
            })}
          />
        )}
      </>
    ),
  })
}

const ROLES = [...OPERATOR_ROLES.map((role) => ({ value: role, title: role })), { value: 'none', title: 'no role' }]

function RoleForm({
  context,
  person,
  role,
  display,
}: {
  readonly context: Context
  readonly person: string
  readonly role: string
  readonly display: string
}) {
  return (
    <Form action={pathTo('operators', person)} token={context.token} isInline>
      <input type="hidden" name="display" value={display} />
      <label class="unseen" for={`field-role-${person}`}>
        Role of {display}
      </label>
      <select id={`field-role-${person}`} name="role">
        {ROLES.map(({ value, title }) => (
          <option value={value} selected={value === role}>
            {title}
          </option>
        ))}
      </select>
      <Button kind="quiet">Change</Button>
    </Form>
  )
}

export async function changeOperator(context: Context, sent: Sent): Promise<Response> {
  const role = sent.form.get('role') ?? ''
  const isRemoval = role === 'none'
  return submit(context, sent, {
    operation: isRemoval ? 'operators.remove' : 'operators.set',
    params: { person: context.params['person'] ?? '' },
    ...(isRemoval ? {} : { body: { role, display: sent.form.get('display') ?? '' } }),
    again: async (errors) => operatorsPage(context, errors),
    done: { path: pathTo('operators'), code: isRemoval ? 'operator-removed' : 'operator-changed' },
  })
}
