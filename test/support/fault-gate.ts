import document from '#policy'
import { env } from 'cloudflare:workers'
import type { Bindings } from '../../src/bindings.ts'
import { createGate, type GateOverrides } from '../../src/gate.ts'
import { NOW } from './authenticators.ts'
import { codeOf, VALUES } from './orders.ts'

/** The real gate on the demo policy, over real objects and the real cache. */
export interface FaultGate {
  /** The answer, once what was left for after it has run too. */
  readonly answer: (request: Request) => Promise<Response>
  /** The same as status and code, with `retry` where the answer says when to come back. */
  readonly told: (request: Request) => Promise<string>
}

export interface FaultGateOptions extends Omit<GateOverrides, 'log'> {
  /** Put in place of bindings. */
  readonly bindings?: Partial<Record<keyof Bindings | 'ISSUER', unknown>>
}

export function createFaultGate({ bindings = {}, ...overrides }: FaultGateOptions): FaultGate {
  const gate = createGate(document, { ...(env as unknown as Bindings), ...VALUES, ...bindings } as Bindings, {
    now: () => NOW,
    ...overrides,
    log: () => undefined,
  })
  const answer = async (request: Request): Promise<Response> => {
    const pending: Promise<unknown>[] = []
    const response = await gate.handle(request.clone(), { waitUntil: (promise) => pending.push(promise) })
    await Promise.all(pending)
    return response
  }
  return {
    answer,
    async told(request) {
      const response = await answer(request)
      if (response.status < 400) return `${response.status}`
      return `${await codeOf(response)}${Number(response.headers.get('retry-after')) > 0 ? ' retry' : ''}`
    },
  }
}
