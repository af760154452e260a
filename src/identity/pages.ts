import { html, raw } from 'hono/html'
import { encodeBase64Url } from '../http/base64url.ts'

/** What the pages of sign-in and sign-out share. Rendered here, without script: each works with a keyboard and without CSS. */
export interface PageFrame {
  /** What people know the service by: the policy's title. */
  readonly service: string
  /** `https://host` of ours; forms may lead on to http in `portcullis dev` alone. */
  readonly origin: string
}

export interface Choice {
  readonly name: string
  readonly title: string
}

export type Html = ReturnType<typeof html>

const STYLE = `
:root{color-scheme:light dark;--ink:#1a1d21;--soft:#5b636e;--paper:#f4f5f7;--card:#fff;--line:#c9ced6;--edge:#7b8490;--action:#1f4fbf;--on-action:#fff}
@media (prefers-color-scheme:dark){:root{--ink:#eceff3;--soft:#a5adb8;--paper:#14171b;--card:#1e2228;--line:#454c57;--edge:#8a94a3;--action:#8fb0ff;--on-action:#10141c}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
main{width:100%;max-width:26rem;padding:2rem 1.5rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem;overflow-wrap:anywhere}
h1{margin:0 0 .25rem;font-size:1.375rem;line-height:1.25}
h2{margin:1.5rem 0 0;font-size:1.125rem}
p{margin:.5rem 0 1rem}
.soft{color:var(--soft);font-size:.875rem}
ul{list-style:none;margin:1rem 0 0;padding:0;display:grid;gap:.75rem}
a.button,button{display:block;width:100%;min-height:2.75rem;padding:.6rem 1rem;border:1px solid var(--action);border-radius:.5rem;background:var(--action);color:var(--on-action);font:inherit;font-weight:600;text-align:center;text-decoration:none;cursor:pointer}
a.quiet{background:transparent;color:var(--ink);border-color:var(--edge)}
a:focus-visible,button:focus-visible,input:focus-visible{outline:3px solid var(--action);outline-offset:2px}
form{display:grid;gap:.5rem;margin:1rem 0}
label{font-weight:600}
input{width:100%;min-height:2.75rem;padding:.5rem .75rem;border:1px solid var(--edge);border-radius:.5rem;background:var(--card);color:var(--ink);font:inherit}
[role=alert]{padding:.5rem .75rem;border-left:4px solid var(--action)}
`

/** The ways to sign in. `query`: what the choice must carry on, with its `?` or empty. */
export function choicePage(
  frame: PageFrame,
  {
    choices,
    query,
    asksForAddress,
    unknownAddress,
  }: { choices: readonly Choice[]; query: URLSearchParams; asksForAddress: boolean; unknownAddress: boolean },
): Response {
  const link = (name: string): string => `/.portcullis/login/${name}${query.size === 0 ? '' : `?${query.toString()}`}`
  const hidden = [...query]
    .filter(([name]) => name !== 'login_hint')
    .map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)
  const address = html`<form action="/.portcullis/login" method="get">
    <label for="address">Work e-mail address</label>
    <input id="address" name="login_hint" type="email" autocomplete="username" maxlength="254" required />
    ${hidden}
    <button>Continue</button>
  </form>`
  const body = html`<h1>Sign in</h1>
    <p class="soft">to ${frame.service}</p>
    ${unknownAddress ? html`<p role="alert">No way to sign in is known for that address. Choose one:</p>` : ''}
    ${asksForAddress ? address : ''}
    <ul>
      ${choices.map(({ name, title }) => html`<li><a class="button${asksForAddress ? ' quiet' : ''}" href="${link(name)}">Continue with ${title}</a></li>`)}
    </ul>`
  return page(frame, { status: 200, title: 'Sign in', body })
}

export interface ErrorWords {
  readonly status: number
  readonly title: string
  readonly advice: string
  readonly code: string
  readonly requestId: string
  /** Where to begin again. */
  readonly signIn?: string
  /** The account page, where that is the way on. */
  readonly account?: string
}

export function errorPage(frame: PageFrame, { status, title, advice, code, requestId, signIn, account }: ErrorWords): Response {
  const body = html`<h1>${title}</h1>
    <p>${advice}</p>
    ${signIn === undefined ? '' : html`<p><a class="button" href="${signIn}">Sign in again</a></p>`}
    ${account === undefined ? '' : html`<p><a class="button" href="${account}">Back to your account</a></p>`}
    <p class="soft">${frame.service}<br />Code: <code>${code}</code><br />Request id: <code>${requestId}</code></p>`
  return page(frame, { status, title, body })
}

/** A link from elsewhere must not sign anybody out: only the form of this page does (OC-10). */
export function confirmSignOutPage(frame: PageFrame, returnTo: string | undefined): Response {
  const body = html`<h1>Sign out?</h1>
    <p class="soft">of ${frame.service}</p>
    <form action="/.portcullis/logout" method="post">
      ${returnTo === undefined ? '' : html`<input type="hidden" name="return_to" value="${returnTo}" />`}
      <button>Sign out</button>
    </form>
    <p><a class="button quiet" href="${returnTo ?? '/'}">Stay signed in</a></p>`
  return page(frame, { status: 200, title: 'Sign out', body })
}

export function signedOutPage(frame: PageFrame): Response {
  const body = html`<h1>You are signed out</h1>
    <p class="soft">of ${frame.service}</p>
    <p><a class="button" href="/.portcullis/login">Sign in</a></p>`
  return page(frame, { status: 200, title: 'Signed out', body })
}

/** One hop on our own site, so that a `SameSite=Strict` cookie goes along to where the sign-in leads. */
export function landingPage(frame: PageFrame, returnTo: string): Response {
  const body = html`<h1>You are signed in</h1>
    <p><a class="button" href="${returnTo}">Continue to ${frame.service}</a></p>`
  return page(frame, { status: 200, title: 'Signed in', body, refreshTo: returnTo })
}

export function page(
  { origin }: PageFrame,
  { status, title, body, refreshTo }: { status: number; title: string; body: Html; refreshTo?: string },
): Response {
  const nonce = encodeBase64Url(crypto.getRandomValues(new Uint8Array(16)))
  const text = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        ${refreshTo === undefined ? '' : html`<meta http-equiv="refresh" content="0; url=${refreshTo}" />`}
        <title>${title}</title>
        <style nonce="${nonce}">
          ${raw(STYLE)}
        </style>
      </head>
      <body>
        <main>${body}</main>
      </body>
    </html>`
  // A form here leads on to a provider, and browsers hold redirects to `form-action` as well: any https address, none of another kind.
  const formAction = `'self' https:${origin.startsWith('http:') ? ' http:' : ''}`
  return new Response(`${text as string}\n`, {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': `default-src 'none'; style-src 'nonce-${nonce}'; form-action ${formAction}; base-uri 'none'; frame-ancestors 'none'`,
      // With `no-referrer` a browser would say `Origin: null` of our own form.
      'referrer-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    },
  })
}
