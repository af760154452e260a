/** Fetches as a browser navigates: keeps cookies, follows no redirect by itself. */
export interface Browser {
  get(url: string, headers?: Fields): Promise<Response>
  post(url: string, form: Fields, headers?: Fields): Promise<Response>
  readonly cookies: Map<string, string>
}
type Fields = Readonly<Record<string, string>>

export function createBrowser(fetcher: (request: Request) => Promise<Response>): Browser {
  const cookies = new Map<string, string>()
  async function send(url: string, given: Fields, init: RequestInit = {}): Promise<Response> {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = { accept: 'text/html,application/xhtml+xml', ...given, ...(cookie === '' ? {} : { cookie }) }
    const response = await fetcher(new Request(url, { ...init, headers, redirect: 'manual' }))
    for (const field of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = field.split(';')
      const at = pair.indexOf('=')
      if (attributes.some((attribute) => /^ *max-age=0$/iu.test(attribute))) cookies.delete(pair.slice(0, at))
      else cookies.set(pair.slice(0, at), pair.slice(at + 1))
    }
    return response
  }
  return {
    cookies,
    get: async (url, headers = {}) => send(url, headers),
    post: async (url, form, headers = {}) => send(url, headers, { method: 'POST', body: new URLSearchParams(form) }),
  }
}
