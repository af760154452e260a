import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'

export interface Journey {
  readonly until: string
  /** Default `lovelace`, which no random hexadecimal id spells. */
  readonly login?: string
  /** Told of every address on the way. */
  readonly passing?: (url: string) => void
}

/** A browser by fetch: cookies by host, redirects followed across hosts, the provider's own forms filled in. */
export interface WebBrowser {
  /** One request. */
  send(url: string, init?: RequestInit): Promise<Response>
  /** Goes on from an address until it is back at `until`, filling in what the provider asks. Gives the last answer, not followed. */
  travel(url: string, options: Journey): Promise<Response>
  /** Cookies of a host, by name. */
  cookies(host: string): Map<string, string>
}

const MAX_STEPS = 20
const NAVIGATION = [
  ['accept', 'text/html,application/xhtml+xml,*/*;q=0.8'],
  ['sec-fetch-mode', 'navigate'],
  ['sec-fetch-dest', 'document'],
] as const

/** Not by `fetch`, which would say `Sec-Fetch-Mode: cors`. */
async function exchange(url: string, method: string, headers: Headers, form: URLSearchParams | undefined): Promise<Response> {
  if (form !== undefined) headers.set('content-type', 'application/x-www-form-urlencoded')
  const sent = request(url, { method, headers: Object.fromEntries(headers) })
  sent.end(form?.toString())
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  const fields = new Headers()
  for (let index = 0; index < answer.rawHeaders.length; index += 2)
    fields.append(answer.rawHeaders[index] ?? '', answer.rawHeaders[index + 1] ?? '')
  const status = answer.statusCode ?? 0
  return new Response(status === 204 ? null : new Uint8Array(await buffer(answer)), { status, headers: fields })
}

export function createWebBrowser(): WebBrowser {
  const jars = new Map<string, Map<string, string>>()
  const cookies = (host: string): Map<string, string> => {
    const jar = jars.get(host) ?? new Map<string, string>()
    jars.set(host, jar)
    return jar
  }

  async function send(url: string, init: RequestInit = {}): Promise<Response> {
    const jar = cookies(new URL(url).host)
    const headers = new Headers(init.headers)
    if (!headers.has('accept')) for (const [name, value] of NAVIGATION) headers.set(name, value)
    if (jar.size > 0) headers.set('cookie', [...jar].map(([name, value]) => `${name}=${value}`).join('; '))
    const response = await exchange(url, init.method ?? 'GET', headers, init.body instanceof URLSearchParams ? init.body : undefined)
    for (const field of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = field.split(';')
      const at = pair.indexOf('=')
      const isOver = attributes.some((attribute) => /max-age=0|expires=Thu, 01 Jan 1970/iu.test(attribute))
      if (isOver) jar.delete(pair.slice(0, at))
      else jar.set(pair.slice(0, at), pair.slice(at + 1))
    }
    return response
  }

  return {
    cookies,
    send,
    async travel(start, { until, login = 'lovelace', passing }) {
      let url = start
      let form: URLSearchParams | undefined
      for (let step = 0; step < MAX_STEPS; step += 1) {
        passing?.(url)
        const response = await send(url, form === undefined ? {} : { method: 'POST', body: form })
        const location = response.headers.get('location')
        const isThere = new URL(url).href.startsWith(until)
        if (isThere || (location === null && new URL(url).origin === new URL(until).origin)) return response
        if (location === null) {
          const page = await response.text()
          const action = /action="([^"]+)"/u.exec(page)?.[1] ?? ''
          form = answerTo(page, login)
          url = new URL(action.replaceAll('&amp;', '&'), url).href
        } else {
          form = undefined
          url = new URL(location, url).href
        }
      }
      throw new Error(`never arrived at ${until}: last at ${url}`)
    },
  }
}

/** Login, consent, or the provider's question whether to sign out. */
function answerTo(page: string, login: string): URLSearchParams {
  const xsrf = /name="xsrf" value="([^"]+)"/u.exec(page)?.[1]
  if (xsrf !== undefined) return new URLSearchParams({ xsrf, logout: 'yes' })
  return new URLSearchParams(page.includes('value="login"') ? { prompt: 'login', login, password: 'x' } : { prompt: 'consent' })
}
