import type { SignInRequest } from './provider.ts'
import { parseReturnTo } from './return-to.ts'

/** Parameters of a sign-in, which go along from one page of ours to the next. All of them together travel in a cookie. */
const FORMS: ReadonlyMap<string, RegExp> = new Map([
  // Judged by itself.
  ['return_to', /^/u],
  ['login_hint', /^[^\p{Cc}\p{Zl}\p{Zp}]{1,254}$/u],
  ['acr_values', /^(?=.{1,512}$)[\x21-\x7e]+(?: [\x21-\x7e]+){0,15}$/u],
  ['max_age', /^[0-9]{1,8}$/u],
  ['prompt', /^(?:none|login)$/u],
])

export type ParsedSignIn =
  | { readonly status: 'parsed'; readonly asked: SignInRequest; readonly carried: URLSearchParams }
  | { readonly status: 'refused'; readonly code: 'return-to-invalid' | 'request-malformed'; readonly detail: string }

/** Of `GET /.portcullis/login`. Without `return_to` a sign-in leads to `/`. Unknown parameters count for nothing. */
export function parseSignInRequest({ searchParams }: URL, origin: string): ParsedSignIn {
  const carried = new URLSearchParams()
  for (const [name, form] of FORMS) {
    const [value, ...others] = searchParams.getAll(name)
    if (value === undefined) continue
    if (others.length > 0 || !form.test(value))
      return { status: 'refused', code: 'request-malformed', detail: `${name} is malformed or twice there` }
    carried.set(name, value)
  }
  const returnTo = parseReturnTo(carried.get('return_to') ?? '/', origin)
  if (returnTo === undefined) return { status: 'refused', code: 'return-to-invalid', detail: 'return_to is no path of ours' }
  const [loginHint, acrValues, maxAge, prompt] = ['login_hint', 'acr_values', 'max_age', 'prompt'].map((name) => carried.get(name))
  const asked: SignInRequest = {
    returnTo,
    ...(loginHint ? { loginHint } : {}),
    ...(acrValues ? { acrValues: acrValues.split(' ') } : {}),
    ...(maxAge ? { maxAgeSeconds: Number(maxAge) } : {}),
    ...(prompt ? { prompt: prompt as 'none' | 'login' } : {}),
  }
  return { status: 'parsed', asked, carried }
}
