import type { Authenticator, Remedy } from '../schemes/authenticator.ts'
import type { Tried } from './evaluate.ts'

/** Where to sign in, if that alone would satisfy some alternative. */
export function loginOf(tried: readonly Tried[], remedies: ReadonlyMap<Authenticator, Remedy | undefined>): string | undefined {
  for (const wanted of new Set(tried.map(({ alternative }) => alternative))) {
    const terms = tried.filter(({ alternative }) => alternative === wanted)
    const logins = terms.map(({ authenticator }) => remedies.get(authenticator)?.login)
    if (logins.every((login) => login !== undefined)) return logins[0]
  }
  return undefined
}

const OWN_PATH = /^https?:\/\/[^/?#]+\/\.portcullis(?:[/?]|$)/iu

/** Whether a browser asks for a page: a redirect leads a person on, and would only confuse a program. */
export function isNavigation({ method, headers, url }: Request): boolean {
  if ((method !== 'GET' && method !== 'HEAD') || OWN_PATH.test(url)) return false
  const mode = headers.get('sec-fetch-mode')
  // Browsers without Fetch Metadata put what a page is in first.
  return mode === null ? /^(?:text\/html|application\/xhtml\+xml)\b/iu.test(headers.get('accept')?.trim() ?? '') : mode === 'navigate'
}

/** 303, so that whatever asked, a GET comes next. */
export function loginRedirect(login: string, requestId: string): Response {
  return new Response(null, {
    status: 303,
    headers: {
      location: login,
      'cache-control': 'no-store',
      vary: 'Accept, Cookie, Sec-Fetch-Mode',
      'portcullis-request-id': requestId,
    },
  })
}
