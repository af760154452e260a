import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Terminal } from '../command.ts'
import { parseObject, Refused } from './refused.ts'
import type { WhichGate } from './which-gate.ts'

/** What the gate answered: 2xx. */
export interface Answered {
  readonly value: Readonly<Record<string, unknown>>
  readonly text: string
  /** To say later which version was meant. */
  readonly etag: string | undefined
}
export type Query = Readonly<Record<string, string | number | boolean | undefined>>
export type Item = Readonly<Record<string, unknown>>
export interface Listed {
  readonly items: readonly Item[]
  /** There are more than were asked for. */
  readonly isMore: boolean
}

/** The admin API of one gate. Every method throws `Refused` for an answer that is no 2xx, and an `Error` where none came. */
export interface Gate {
  readonly origin: string
  get(path: string, query?: Query, accept?: string, signal?: AbortSignal): Promise<Answered>
  /** At most so many: page after page, or `whole`: all that the API tells in one answer. */
  list(path: string, query: Query, most: number, paging?: 'pages' | 'whole'): Promise<Listed>
  /** Under one `Idempotency-Key`, however often it must be sent. `etag`: only what has it still is changed. */
  write(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: object, etag?: string): Promise<Answered>
}

const API = '/.portcullis/admin/v1'
const TIMEOUT_MS = 30_000
const MAX_ANSWER_BYTES = 32 * 1024 * 1024
/** How often a request is sent: once more after a connection that broke, or where the gate says when to come again. */
const ATTEMPTS = 3
const LONGEST_PAUSE_SECONDS = 10
const PAGE = 100
const MOST_PAGES = 200

export function openGate({ url, adminKey }: WhichGate, terminal: Pick<Terminal, 'progress'>): Gate {
  const send = async (target: URL, init: RequestInit, signal?: AbortSignal): Promise<Answered> => {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await once(target, init, signal)
      if (!(answer instanceof Error) && answer.ok) return read(answer)
      if (answer instanceof Error) {
        if (attempt === ATTEMPTS || isOver(answer) || signal?.aborted === true) throw answer
        continue
      }
      const { text } = await read(answer)
      const refused = new Refused(answer.status, text, answer.headers.get('www-authenticate'))
      const seconds = pauseOf(answer, refused)
      if (attempt === ATTEMPTS || seconds === undefined) throw refused
      terminal.progress?.(`${url.origin} asks to wait ${seconds} s`)
      await pause(seconds * 1000, undefined, signal === undefined ? {} : { signal })
      terminal.progress?.('')
    }
  }
  const once = async (target: URL, init: RequestInit, signal?: AbortSignal): Promise<Response | Error> => {
    const timeout = AbortSignal.timeout(TIMEOUT_MS)
    try {
      return await fetch(target, {
        ...init,
        redirect: 'error',
        signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
      })
    } catch (error) {
      const isWrite = init.method !== undefined && init.method !== 'GET'
      return new Error(`${url.origin} did not answer${isWrite ? ', so nothing is done for certain; run it again' : ''}`, { cause: error })
    }
  }
  const authorization = `Bearer ${adminKey}`
  const gate: Gate = {
    origin: url.origin,
    async get(path, query = {}, accept = 'application/json', signal?) {
      // Who compresses on the way weakens the ETag, and a weak one matches nothing (RFC 9110 §13.1.1).
      return send(targetOf(url, path, query), { headers: { authorization, accept, 'accept-encoding': 'identity' } }, signal)
    },
    async list(path, query, most, paging = 'pages') {
      const items: Item[] = []
      if (paging === 'whole') {
        const all = itemsOf((await gate.get(path, query)).value)
        return { items: all.slice(0, most), isMore: all.length > most }
      }
      let after: string | undefined
      for (let page = 0; page < MOST_PAGES; page += 1) {
        const { value } = await gate.get(path, { ...query, limit: Math.min(PAGE, most - items.length), after })
        items.push(...itemsOf(value))
        const next = typeof value['next'] === 'string' ? value['next'] : undefined
        if (next === undefined) return { items: items.slice(0, most), isMore: items.length > most }
        if (items.length >= most) return { items: items.slice(0, most), isMore: true }
        if (next === after) throw new Error(`${url.origin} answered with a page that follows itself`)
        after = next
        terminal.progress?.(`${items.length} read`)
      }
      return { items, isMore: true }
    },
    async write(method, path, body?, etag?) {
      const headers = {
        authorization,
        accept: 'application/json',
        'idempotency-key': randomUUID(),
        ...(etag === undefined ? {} : { 'if-match': etag }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      }
      return send(targetOf(url, path, {}), { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    },
  }
  return {
    ...gate,
    async list(...asked) {
      try {
        return await gate.list(...asked)
      } finally {
        terminal.progress?.('')
      }
    },
  }
}

function targetOf(url: URL, path: string, query: Query): URL {
  const target = new URL(`${API}/${path}`, url)
  for (const [name, value] of Object.entries(query)) if (value !== undefined) target.searchParams.append(name, String(value))
  return target
}

/** It took too long: sending it again would too. */
const isOver = ({ cause }: Error): boolean => cause instanceof Error && cause.name === 'TimeoutError'

/** A list is a page, or all there is. */
function itemsOf(value: Readonly<Record<string, unknown>>): readonly Item[] {
  const { items } = value
  if (!Array.isArray(items)) throw new Error('the gate answered with something that is no list; is it older than this command?')
  return items.filter((item): item is Item => typeof item === 'object' && item !== null)
}

/** In how many seconds it is worth asking again; the gate says so. */
function pauseOf({ status, headers }: Response, { code }: Refused): number | undefined {
  if (status !== 429 && status !== 503 && !(status === 409 && code === 'idempotency-running')) return undefined
  const after = headers.get('retry-after')
  const seconds = after !== null && /^\d{1,6}$/u.test(after) ? Number(after) : undefined
  return seconds !== undefined && seconds <= LONGEST_PAUSE_SECONDS ? seconds : undefined
}

async function read(response: Response): Promise<Answered> {
  const text = await readText(response)
  return { text, value: parseObject(text), etag: response.headers.get('etag') ?? undefined }
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`the gate's answer has more than ${MAX_ANSWER_BYTES} bytes; ask for less`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}
