import type { Child } from 'hono/jsx'
import { assetUrl } from './assets.ts'
import { Breadcrumbs, type Crumb, Notice } from './parts.tsx'

export interface NavigationItem {
  readonly href: string
  readonly title: string
}
/** What the pages of one area share. */
export interface PageFrame {
  /** What people know the service by: the policy's title. */
  readonly service: string
  /** Such as "Developer portal". */
  readonly area: string
  readonly home: string
  readonly navigation: readonly NavigationItem[]
  /** Who is signed in, for people to read. */
  readonly person?: string
  /** Path of this page: which item of the navigation it belongs to. */
  readonly path: string
}
export interface PageContent {
  /** Default 200. */
  readonly status?: number
  readonly title: string
  /** Beside the title: a badge, links that begin something. */
  readonly beside?: Child
  /** From the home of the area to the page above this one. */
  readonly trail?: readonly Crumb[]
  /** Of `flashOf`. */
  readonly flash?: string | undefined
  /** A form of this page was not taken: browsers and screen readers say so first. */
  readonly hasErrors?: boolean
  readonly body: Child
  readonly fields?: Readonly<Record<string, string>>
}

/** Nothing from elsewhere, nothing inline, in nobody's frame, and forms that lead nowhere but here. */
const SECURITY_FIELDS = {
  'content-security-policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  // With `no-referrer` a browser would say `Origin: null` of our own forms.
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
}

/** A finished page. Everything in `body` that people wrote is escaped; no link may be made of it. */
export function page(frame: PageFrame, content: PageContent): Response {
  const { status = 200, title, beside, trail, flash, hasErrors = false, body, fields } = content
  const text = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <meta name="color-scheme" content="light dark" />
        <title>{`${hasErrors ? 'Error: ' : ''}${title} – ${frame.service}`}</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href={assetUrl('style.css')} />
        <script src={assetUrl('enhance.js')} defer></script>
      </head>
      <body>
        <a class="skip" href="#main">
          Skip to the content
        </a>
        <Header {...frame} />
        <main id="main" tabindex={-1}>
          {trail === undefined ? null : <Breadcrumbs trail={trail} here={title} />}
          <div class="heading">
            <h1>{title}</h1>
            {beside === undefined ? null : <div class="beside">{beside}</div>}
          </div>
          {flash === undefined ? null : <Notice kind="done">{flash}</Notice>}
          {body}
        </main>
        <footer>
          <p>
            {frame.service} · {frame.area} · times are in UTC
          </p>
        </footer>
      </body>
    </html>
  )
  return new Response(`<!doctype html>${text as string}\n`, {
    status,
    headers: { ...fields, ...SECURITY_FIELDS, 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' },
  })
}

function Header({ service, area, home, navigation, person, path }: PageFrame) {
  const current = navigation.filter(({ href }) => path === href || path.startsWith(`${href}/`)).toSorted(longestFirst)[0]
  return (
    <header>
      <div class="bar">
        <a class="brand" href={home}>
          <span class="name">{service}</span> <span class="soft">{area}</span>
        </a>
        {navigation.length === 0 ? null : (
          <nav aria-label="Main">
            <ul>
              {navigation.map((item) => (
                <li>
                  <a href={item.href} aria-current={item === current ? 'page' : undefined}>
                    {item.title}
                  </a>
                </li>
              ))}
            </ul>
          </nav>
        )}
        {person === undefined ? null : <p class="person soft">{person}</p>}
      </div>
    </header>
  )
}

const longestFirst = (one: NavigationItem, other: NavigationItem): number => other.href.length - one.href.length

/** 303, so that whatever was sent, a GET comes next, and a reload repeats nothing. `done`: a code of the area's messages. */
export function seeOther(path: string, done?: string): Response {
  const location = done === undefined ? path : `${path}?done=${done}`
  return new Response(null, { status: 303, headers: { location, 'cache-control': 'no-store' } })
}

/** What has just been done. A link can name a code, and never a text. */
export function flashOf(request: Request, messages: Readonly<Record<string, string>>): string | undefined {
  const code = new URL(request.url).searchParams.get('done')
  return code !== null && Object.hasOwn(messages, code) ? messages[code] : undefined
}
