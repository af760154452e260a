import type { AccountFault } from '../directory/accounts.ts'
import type { RootSecret } from '../credentials/root-secret.ts'
import { newId } from '../directory/ids.ts'
import type { StoredEndpoint, WebhookBook } from './webhook-book.ts'
import { secretsAt } from './webhook-secret.ts'
import { webhookUrlFault } from './webhook-url.ts'
import { MAX_ENDPOINTS, type SecretName, type WebhookDraft, type WebhookEndpoint, type WebhookPatch } from './webhook.ts'

export type EndpointWritten<Value> =
  | { readonly status: 'written'; readonly value: Value }
  | { readonly status: 'not_found' }
  /** Somebody wrote in between. */
  | { readonly status: 'stale'; readonly current: WebhookEndpoint }
  | { readonly status: 'invalid'; readonly errors: readonly AccountFault[] }
  | { readonly status: 'full'; readonly limit: number }
type Written = EndpointWritten<StoredEndpoint>

export interface EndpointsParts {
  readonly book: WebhookBook
  readonly root: RootSecret
  readonly isLocal: boolean
  readonly now: () => number
}

/** What operators do with endpoints. Synchronous: each is one step of the object. */
export interface Endpoints {
  create(draft: WebhookDraft): Written
  change(id: string, patch: WebhookPatch, version: number | undefined): Written
  /** A new secret; the one before counts for `overlapSeconds` more. */
  rotate(id: string, overlapSeconds: number, version: number | undefined): Written
  remove(id: string, version: number | undefined): Written
}

export function createEndpoints({ book, root, isLocal, now }: EndpointsParts): Endpoints {
  function write(id: string, version: number | undefined, change: (endpoint: StoredEndpoint) => StoredEndpoint | AccountFault): Written {
    const current = book.endpoint(id)
    if (current === undefined) return { status: 'not_found' }
    if (version !== undefined && version !== current.version) return { status: 'stale', current: endpointOf(current) }
    const changed = change(current)
    if ('pointer' in changed) return { status: 'invalid', errors: [changed] }
    const value = { ...changed, version: current.version + 1 }
    book.put(value)
    return { status: 'written', value }
  }

  const secretOf = (version: number): SecretName => {
    const [generation] = root.generations
    if (generation === undefined) throw new Error('the root secret has no generation')
    return { generation, version }
  }

  return {
    create({ url, description = '', types }) {
      if (book.endpoints().length >= MAX_ENDPOINTS) return { status: 'full', limit: MAX_ENDPOINTS }
      const fault = webhookUrlFault(url, isLocal)
      if (fault !== undefined) return { status: 'invalid', errors: [{ pointer: '/url', detail: fault }] }
      const value: StoredEndpoint = {
        id: newId('whe'),
        url,
        description,
        ...(types === undefined ? {} : { types }),
        state: 'active',
        secrets: [secretOf(1)],
        createdAt: now(),
        version: 1,
        failures: 0,
        pausedUntil: 0,
      }
      book.put(value)
      return { status: 'written', value }
    },
    change(id, { url, description, types, state }, version) {
      return write(id, version, (endpoint) => {
        const fault = url === undefined ? undefined : webhookUrlFault(url, isLocal)
        if (fault !== undefined) return { pointer: '/url', detail: fault }
        if (state === 'disabled') book.forget(id)
        const { types: known, disabledBecause, failingSince, ...rest } = endpoint
        const wanted = types === undefined ? known : (types ?? undefined)
        // Another place, or switched on by hand: what failed there before says nothing.
        const isFresh = url !== undefined || state === 'active'
        return {
          ...rest,
          ...(url === undefined ? {} : { url }),
          ...(description === undefined ? {} : { description }),
          ...(wanted === undefined ? {} : { types: wanted }),
          ...(state === undefined ? {} : { state }),
          ...(isFresh ? { failures: 0, pausedUntil: 0 } : { ...present('failingSince', failingSince) }),
          ...(state === undefined ? present('disabledBecause', disabledBecause) : {}),
        }
      })
    },
    rotate(id, overlapSeconds, version) {
      return write(id, version, (endpoint) => {
        const at = now()
        const until = at + overlapSeconds * 1000
        const latest = Math.max(0, ...endpoint.secrets.map((secret) => secret.version))
        // Two at most: the one before ends with the next rotation, however long it had.
        const [before] = overlapSeconds > 0 ? secretsAt(root, endpoint.secrets, at) : []
        return { ...endpoint, secrets: [secretOf(latest + 1), ...(before === undefined ? [] : [{ ...before, until }])] }
      })
    },
    remove(id, version) {
      const removed = write(id, version, (endpoint) => endpoint)
      if (removed.status === 'written') book.drop(id)
      return removed
    },
  }
}

/** As it is told: how deliveries are paced is nobody's business. */
export function endpointOf(stored: StoredEndpoint): WebhookEndpoint {
  const { failures: _failures, pausedUntil: _pausedUntil, ...endpoint } = stored
  return endpoint
}

const present = <Name extends string, Value>(name: Name, value: Value | undefined): Partial<Record<Name, Value>> =>
  value === undefined ? {} : ({ [name]: value } as Record<Name, Value>)
