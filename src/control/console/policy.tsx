import type { LimitPolicy } from '../../limits/limiter.ts'
import type { Alternative, Route, TermConfig } from '../../policy/policy.ts'
import { Definitions, Empty, Table } from '../pages/parts.tsx'
import { type Context, render } from './context.ts'

/** The policy as it is enforced now: what each route asks for, and how much of it. */
export function policyPage(context: Context): Response {
  const { policy } = context.parts
  return render(context, {
    title: 'Policy',
    body: (
      <>
        <p class="lead">As this isolate enforces it. It changes with a deployment, and is checked before one (docs/policy.md).</p>
        <Table
          caption="Routes"
          columns={[{ title: 'Route' }, { title: 'What is asked for' }, { title: 'Limits' }, { title: 'Origin' }]}
          rows={policy.routes.map((route) => [
            <>
              <span class="method">{route.method}</span> <code>{route.template}</code>
            </>,
            <Asked route={route} />,
            route.limits.length === 0 ? <span class="soft">of the plan alone</span> : route.limits.join(', '),
            route.origin,
          ])}
        />
        <Table
          caption="Limits"
          columns={[{ title: 'Limit' }, { title: 'How much' }, { title: 'Of whom' }, { title: 'How it is counted' }]}
          rows={policy.limits.map((limit) => [
            limit.name,
            amountOf(limit),
            limit.by.map((parts) => parts.join(' and ')).join(', else '),
            `${limit.consistency}; in an outage ${limit.onOutage === 'closed' ? '503' : 'counted here'}`,
          ])}
        />
        {policy.plans.length === 0 ? (
          <Empty title="The policy has no plans" />
        ) : (
          <Table
            caption="Plans"
            columns={[{ title: 'Plan' }, { title: 'Scopes' }, { title: 'Limits' }]}
            rows={policy.plans.map(({ name, scopes, limits }) => [
              name,
              scopes?.join(', ') ?? 'those of the key',
              limits.join(', ') || '–',
            ])}
          />
        )}
        <section class="card">
          <h2>Schemes</h2>
          <Definitions items={policy.schemes.map(({ name, kind }) => [name, kind] as const)} />
        </section>
      </>
    ),
  })
}

function Asked({ route }: { readonly route: Route }) {
  if (route.alternatives.some((alternative) => alternative.length === 0) && route.alternatives.length === 1)
    return <span class="soft">nothing: public</span>
  return (
    <>
      {route.alternatives.map((alternative, index) => (
        <>
          {index === 0 ? null : (
            <>
              <br />
              <span class="soft">or</span>{' '}
            </>
          )}
          {alternativeText(alternative)}
        </>
      ))}
    </>
  )
}

const alternativeText = (alternative: Alternative): string =>
  alternative.length === 0 ? 'nothing' : alternative.map(termText).join(' and ')

function termText({ scheme, scopes, require }: TermConfig): string {
  const conditions = [
    ...(scopes.length === 0 ? [] : [scopes.join(' ')]),
    ...(require?.acrValues === undefined ? [] : [`acr ${require.acrValues.join(' or ')}`]),
    ...(require?.maxAgeSeconds === undefined ? [] : [`signed in ${require.maxAgeSeconds} s ago at most`]),
    ...Object.keys(require?.claims ?? {}).map((claim) => `claim ${claim}`),
    ...Object.entries(require?.pathParameters ?? {}).map(([parameter, claim]) => `{${parameter}} = ${claim}`),
  ]
  return conditions.length === 0 ? scheme : `${scheme} (${conditions.join('; ')})`
}

function amountOf({ rate, quota, credits, concurrency }: LimitPolicy): string {
  return [
    ...(rate === undefined ? [] : [`${rate.count} in ${rate.seconds} s, ${rate.burst} at once`]),
    ...(quota === undefined ? [] : [`${quota.count} a ${quota.period}${quota.timeZone === undefined ? '' : ` (${quota.timeZone})`}`]),
    ...(credits === undefined ? [] : [`credits, ${credits} to begin with`]),
    ...(concurrency === undefined ? [] : [`${concurrency.count} at a time`]),
  ].join('; ')
}
