/** A browser by fetch: cookies by host, redirects followed across hosts, the provider's own forms filled in. */
export interface WebBrowser {
  /** One request. */
  send(url: string, init?: RequestInit): Promise<Response>
  /** Goes on from an address until it is back at `until`, filling in what the provider asks. Gives the last answer, not followed. */
  travel(url: string, options: { readonly until: string; readonly login?: string }): Promise<Response>
  /** Cookies of a host, by name. */
  cookies(host: string): Map<string, string>
}

const MAX_STEPS = 20

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
    if (!headers.has('accept')) headers.set('accept', 'text/html')
    if (jar.size > 0) headers.set('cookie', [...jar].map(([name, value]) => `${name}=${value}`).join('; '))
    const response = await fetch(url, { ...init, headers, redirect: 'manual' })
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
    async travel(start, { until, login = 'ada' }) {
      let url = start
      let form: URLSearchParams | undefined
      for (let step = 0; step < MAX_STEPS; step += 1) {
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
