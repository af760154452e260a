import { encodeBase64 } from '../../http/base64url.ts'
import { escapeAttribute } from '../../http/xml-canonical.ts'
import { redirect } from '../redirect.ts'
import type { SigningKey } from './xml/keys.ts'
import { signRedirect, type MessageParameter } from './xml/redirect.ts'
import { signEnveloped } from './xml/sign.ts'

/** A message of ours on its way through the browser. */
export interface Outgoing {
  readonly binding: 'redirect' | 'post'
  readonly url: string
  readonly parameter: MessageParameter
  readonly xml: string
  readonly relayState?: string
  /** Signs it; `undefined`: unsigned. */
  readonly key: SigningKey | undefined
  readonly setCookies?: readonly string[]
}

/** Redirect binding (Bindings §3.4) or POST binding (§3.5). */
export async function deliver(outgoing: Outgoing): Promise<Response> {
  if (outgoing.binding === 'post') return selfPosting(outgoing)
  const { url, parameter, xml, relayState, key } = outgoing
  const query = await signRedirect({ parameter, xml, ...(relayState === undefined ? {} : { relayState }) }, key)
  return redirect(`${url}${url.includes('?') ? '&' : '?'}${query}`, outgoing.setCookies)
}

const SCRIPT = 'document.forms[0].submit()'

/** A form that posts itself; without scripts its button does. The page runs nothing but that one script and may be framed by the other side alone. */
async function selfPosting({ url, parameter, xml, relayState, key, setCookies = [] }: Outgoing): Promise<Response> {
  const message = key === undefined ? xml : await signEnveloped(xml, key)
  const fields = [[parameter, encodeBase64(new TextEncoder().encode(message))] as const]
  const inputs = [...fields, ...(relayState === undefined ? [] : [['RelayState', relayState] as const])].map(
    ([name, value]) => `<input type="hidden" name="${name}" value="${escapeAttribute(value)}">`,
  )
  const hash = encodeBase64(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(SCRIPT))))
  const target = new URL(url)
  const policy = [
    "default-src 'none'",
    `script-src 'sha256-${hash}'`,
    // Browsers hold redirects after the form to it as well, and identity providers send people on to other hosts of theirs.
    `form-action ${target.protocol === 'https:' ? 'https:' : target.origin}`,
    `frame-ancestors ${target.origin}`,
    "base-uri 'none'",
  ]
  const headers = new Headers({
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy.join('; '),
    'cache-control': 'no-store',
    'referrer-policy': 'origin',
    'x-content-type-options': 'nosniff',
  })
  for (const cookie of setCookies) headers.append('set-cookie', cookie)
  return new Response(
    `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>One moment</title>
<form method="post" action="${escapeAttribute(url)}">
${inputs.join('\n')}
<p>You are being taken to the identity provider.</p>
<button type="submit">Continue</button>
</form>
<script>${SCRIPT}</script>
</html>
`,
    { headers },
  )
}
