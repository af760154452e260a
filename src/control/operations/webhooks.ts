import * as v from 'valibot'
import { GATE_EVENT_TYPES } from '../../insight/gate-event.ts'
import type { Webhooks } from '../../insight/events.ts'
import type { EndpointWritten } from '../../insight/webhook-endpoints.ts'
import { DEFAULT_OVERLAP_SECONDS, MAX_OVERLAP_SECONDS, type WebhookEndpoint, type WebhookPatch } from '../../insight/webhook.ts'
import type { Answer, Call, Operation } from '../operation.ts'
import { stale } from '../json-call.ts'
import { invalid } from '../run-operation.ts'

export interface WebhooksParts {
  readonly webhooks: Webhooks
}

const types = v.pipe(v.array(v.picklist(GATE_EVENT_TYPES)), v.minLength(1, 'at least one'), v.maxLength(GATE_EVENT_TYPES.length))
const url = v.pipe(v.string(), v.minLength(1), v.maxLength(2048))
const description = v.pipe(v.string(), v.maxLength(200), v.regex(/^\P{Cc}*$/u, 'no control characters'))
const draft = v.strictObject({ url, description: v.optional(description), types: v.optional(types) })
const patch = v.strictObject({
  url: v.optional(url),
  description: v.optional(description),
  types: v.optional(v.nullable(types)),
  state: v.optional(v.picklist(['active', 'disabled'])),
})
const rotation = v.strictObject({
  overlapSeconds: v.optional(v.pipe(v.number(), v.integer('a whole number'), v.minValue(0), v.maxValue(MAX_OVERLAP_SECONDS))),
})

/** Where events are sent (docs/events.md, "Webhooks"). */
export function webhooksOperations({ webhooks }: WebhooksParts): readonly Operation[] {
  return [
    {
      id: 'webhooks.list',
      method: 'GET',
      path: '/webhooks',
      summary: 'Every endpoint, with how many events are still to arrive there',
      scope: 'events:read',
      answer: { status: 200, description: '{ items }' },
      run: async () => done({ items: (await webhooks.list()).map(shown) }),
    },
    {
      id: 'webhooks.create',
      method: 'POST',
      path: '/webhooks',
      summary: 'A new endpoint; the answer alone shows its secret',
      scope: 'webhooks:write',
      body: draft,
      answer: { status: 201, description: 'The endpoint, with `secret`.' },
      audit: ({ body }) => ({
        target: { type: 'webhook', id: '' },
        detail: { host: hostOf(body), types: (body as { types?: unknown }).types },
      }),
      run: async ({ body }) => answerOf(await webhooks.create(body as v.InferOutput<typeof draft>), 201),
    },
    {
      id: 'webhooks.read',
      method: 'GET',
      path: '/webhooks/:id',
      summary: 'One endpoint',
      scope: 'events:read',
      run: async ({ params }) => {
        const endpoint = await webhooks.read(params['id'] ?? '')
        return endpoint === undefined ? UNKNOWN : done(shown(endpoint), endpoint.version)
      },
    },
    {
      id: 'webhooks.change',
      method: 'PATCH',
      path: '/webhooks/:id',
      summary: 'Another URL, description, types (null: all) or state',
      scope: 'webhooks:write',
      ifMatch: 'optional',
      body: patch,
      audit: ({ params, body }) => {
        const { url: wanted, ...rest } = body as WebhookPatch
        return { target: targetOf(params), detail: { ...rest, ...(wanted === undefined ? {} : { host: hostOf(body) }) } }
      },
      run: async ({ params, body, version }) => answerOf(await webhooks.change(params['id'] ?? '', body as WebhookPatch, version)),
    },
    {
      id: 'webhooks.delete',
      method: 'DELETE',
      path: '/webhooks/:id',
      summary: 'Nothing is sent there any more',
      scope: 'webhooks:write',
      ifMatch: 'optional',
      answer: { status: 204, description: 'It is gone.' },
      audit: ({ params }) => ({ target: targetOf(params), detail: {} }),
      run: async ({ params, version }) => {
        const removed = await webhooks.remove(params['id'] ?? '', version)
        return removed.status === 'written' ? { status: 'done', code: 204 } : answerOf(removed)
      },
    },
    {
      id: 'webhooks.rotate',
      method: 'POST',
      path: '/webhooks/:id/rotate',
      summary: 'A new secret, shown this once; both sign for overlapSeconds (default a day, at most 7)',
      scope: 'webhooks:write',
      ifMatch: 'optional',
      body: rotation,
      audit: ({ params, body }) => ({ target: targetOf(params), detail: body as object as Record<string, unknown> }),
      run: async ({ params, body, version }) => {
        const { overlapSeconds = DEFAULT_OVERLAP_SECONDS } = body as v.InferOutput<typeof rotation>
        return answerOf(await webhooks.rotate(params['id'] ?? '', overlapSeconds, version))
      },
    },
    {
      id: 'webhooks.test',
      method: 'POST',
      path: '/webhooks/:id/test',
      summary: 'One message of type webhook.test, at once; it is not tried again',
      scope: 'webhooks:write',
      audit: ({ params }) => ({ target: targetOf(params), detail: {} }),
      run: async ({ params }) => {
        const sent = await webhooks.test(params['id'] ?? '')
        if (sent === undefined) return UNKNOWN
        return sent === 'unsigned' ? UNSIGNED : done(sent)
      },
    },
    {
      id: 'webhooks.attempts',
      method: 'GET',
      path: '/webhooks/:id/attempts',
      summary: 'The newest 100 attempts to deliver there',
      scope: 'events:read',
      run: async ({ params }) => {
        const id = params['id'] ?? ''
        if ((await webhooks.read(id)) === undefined) return UNKNOWN
        const items = await webhooks.attempts(id)
        return done({ items: items.map(({ at, ...rest }) => Object.assign(rest, { at: timeOf(at) })) })
      },
    },
  ]
}

function answerOf(written: EndpointWritten<WebhookEndpoint>, code: 200 | 201 = 200): Answer {
  switch (written.status) {
    case 'written':
      return { ...done(shown(written.value), written.value.version), code }
    case 'not_found':
      return UNKNOWN
    case 'stale':
      return { status: 'refused', problem: stale(written.current.version) }
    case 'invalid':
      return { status: 'refused', problem: invalid(written.errors) }
    case 'full':
      return {
        status: 'refused',
        problem: { status: 409, code: 'webhooks-full', title: `There are ${written.limit} endpoints, and no more may be added` },
      }
  }
}

const done = (value: object, version?: number) =>
  ({ status: 'done', code: 200, value, ...(version === undefined ? {} : { version }) }) as const

/** Instants as text, like everywhere in this API. */
function shown(endpoint: WebhookEndpoint): object {
  const { createdAt, failingSince, secrets, ...rest } = endpoint
  return {
    ...rest,
    createdAt: timeOf(createdAt),
    ...(failingSince === undefined ? {} : { failingSince: timeOf(failingSince) }),
    secrets: secrets.map(({ until, ...secret }) => (until === undefined ? secret : Object.assign(secret, { until: timeOf(until) }))),
  }
}
const timeOf = (at: number): string => new Date(at).toISOString()

/** The path of an endpoint may be a secret of its holder: the audit log keeps the host. */
function hostOf(body: unknown): string {
  return URL.parse((body as { url: string }).url)?.host ?? ''
}
const targetOf = (params: Call['params']): { type: string; id: string } => ({ type: 'webhook', id: params['id'] ?? '' })

const UNKNOWN: Answer = { status: 'refused', problem: { status: 404, code: 'webhook-unknown', title: 'There is no such endpoint' } }
const UNSIGNED: Answer = {
  status: 'refused',
  problem: {
    status: 409,
    code: 'webhook-unsigned',
    title: 'The root secret no longer makes a secret of this endpoint',
    detail: 'Rotate it, and give its holder the new secret.',
  },
}
