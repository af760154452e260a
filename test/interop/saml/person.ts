/** Somebody in front of a browser: follows redirects, fills forms, sends those that send themselves, keeps the cookies of each origin. */
export interface Person {
  /** Goes on until a page asks for something, or one of `until` answers. */
  open(url: string, init?: RequestInit): Promise<Page>
  submit(page: Page, fields?: Readonly<Record<string, string>>): Promise<Page>
}
export interface Page {
  readonly url: string
  readonly status: number
  readonly html: string
  /** All that were asked for on the way, in order. */
  readonly way: readonly string[]
}

const MAX_STEPS = 20

export function createPerson(until: (url: string) => boolean): Person {
  const jars = new Map<string, Map<string, string>>()

  async function step(url: string, init: RequestInit): Promise<Response> {
    const { origin } = new URL(url)
    const jar = jars.get(origin) ?? new Map<string, string>()
    jars.set(origin, jar)
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = { accept: 'text/html', ...(init.headers as Record<string, string> | undefined), ...(cookie === '' ? {} : { cookie }) }
    const response = await fetch(url, { ...init, headers, redirect: 'manual' })
    for (const field of response.headers.getSetCookie()) {
      const [name = '', value = ''] = (field.split(';')[0] ?? '').split(/=(.*)/su)
      if (/max-age=0|expires=thu, 01[ -]jan[ -]1970/iu.test(field)) jar.delete(name)
      else jar.set(name, value)
    }
    return response
  }

  async function open(url: string, init: RequestInit = {}): Promise<Page> {
    const way: string[] = []
    let next: { url: string; init: RequestInit } | undefined = { url, init }
    for (let steps = 0; next !== undefined && steps < MAX_STEPS; steps++) {
      way.push(next.url)
      if (until(next.url)) return { url: next.url, status: 0, html: '', way }
      const response: Response = await step(next.url, next.init)
      const here: string = next.url
      const html = await response.text()
      const location = response.headers.get('location')
      if (location !== null && response.status < 400) next = { url: new URL(location, here).href, init: {} }
      else if (/name="SAML(?:Request|Response)"/u.test(html)) next = formOf(here, html, {})
      else return { url: here, status: response.status, html, way }
    }
    throw new Error(`round and round: ${way.join(' ')}`)
  }
  return {
    open,
    async submit(page, fields = {}) {
      const form = formOf(page.url, page.html, fields)
      return open(form.url, form.init)
    },
  }
}

function formOf(base: string, html: string, fields: Readonly<Record<string, string>>): { url: string; init: RequestInit } {
  const form = /<form[^>]*>[\s\S]*?<\/form>/u.exec(html)?.[0] ?? ''
  const action = plain(/<form[^>]*\saction="([^"]*)"/u.exec(form)?.[1] ?? '')
  const inputs = [...form.matchAll(/<input[^>]*type="hidden"[^>]*>/gu)].map(([tag]): [string, string] => [
    attribute(tag, 'name'),
    attribute(tag, 'value'),
  ])
  return { url: new URL(action, base).href, init: { method: 'POST', body: new URLSearchParams([...inputs, ...Object.entries(fields)]) } }
}

const attribute = (tag: string, name: string): string => plain(new RegExp(`\\s${name}="([^"]*)"`, 'u').exec(tag)?.[1] ?? '')
const plain = (text: string): string => text.replaceAll(/&(?:amp|quot|lt|gt|#0?39|#x3D|#x2B);/gu, (entity) => ENTITIES[entity] ?? entity)
const ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&quot;': '"',
  '&lt;': '<',
  '&gt;': '>',
  '&#39;': "'",
  '&#039;': "'",
  '&#x3D;': '=',
  '&#x2B;': '+',
}
