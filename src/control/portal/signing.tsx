import type { HttpSignatureConfig } from '../../schemes/http-signature/config.ts'
import { Code, Definitions, Empty } from '../pages/parts.tsx'
import { type Context, pathTo, PORTAL, render } from './context.ts'
import type { ChosenApp } from './reference.tsx'

/** How to sign a request (RFC 9421), with what each scheme of the policy asks for. */
export function signingPage(context: Context, app: ChosenApp | undefined): Response {
  const schemes = context.parts.policy.schemes.filter((scheme): scheme is HttpSignatureConfig => scheme.kind === 'http-signature')
  const keyId = app?.holder.signingKeyId ?? 'YOUR_PUBLIC_KEY_ID'
  return render(context, {
    title: 'How to sign requests',
    trail: [{ href: `${PORTAL}/reference`, title: 'API' }],
    body: (
      <>
        <p class="lead">
          The private key stays with your app. Each request carries a signature over what it says (RFC 9421), so that nobody can change it
          on its way or send it again.
        </p>
        <h2>1. Make a pair of keys</h2>
        <section class="card">
          <p>The first line of the output is the private key, for your app alone; the second is the public one.</p>
          <Code name="the command that makes keys" text={MAKE_KEYS} />
          {app === undefined ? null : (
            <p>
              <a class="button quiet" href={pathTo('apps', app.id, 'keys', 'public')}>
                Add the public key
              </a>
            </p>
          )}
        </section>
        <h2>2. Sign</h2>
        {schemes.length === 0 ? (
          <Empty title="No operation of this API takes signed requests" />
        ) : (
          schemes.map((scheme) => <Scheme scheme={scheme} keyId={keyId} origin={context.url.origin} />)
        )}
      </>
    ),
  })
}

const MAKE_KEYS = `node -e "
const { privateKey, publicKey } = crypto.generateKeyPairSync('ed25519')
for (const key of [privateKey, publicKey]) console.log(JSON.stringify(key.export({ format: 'jwk' })))"`

function Scheme({ scheme, keyId, origin }: { readonly scheme: HttpSignatureConfig; readonly keyId: string; readonly origin: string }) {
  const { components, contentDigest, maxAgeSeconds, nonce, tag } = scheme
  return (
    <section class="card">
      <Definitions
        items={[
          ['Covers', components.join(', ')],
          ['Content', DIGEST_TEXTS[contentDigest]],
          ['created', `Now, in seconds since the epoch; taken for ${maxAgeSeconds} seconds`],
          ['keyid', <code>{keyId}</code>],
          ['nonce', nonce ? 'Something new each time: every signature is taken once' : 'Not needed'],
          ...(tag === undefined ? [] : [['tag', tag] as const]),
        ]}
      />
      <h3>What is signed</h3>
      <Code name="what is signed" text={signatureBase(scheme, keyId, new URL(origin).host)} />
    </section>
  )
}

const DIGEST_TEXTS = {
  'when-body': 'Where there is content, its SHA-256 goes along as Content-Digest and is covered',
  always: 'Its SHA-256 goes along as Content-Digest and is covered, of no content too',
  never: 'Is not covered',
} as const

/** Line by line, as RFC 9421 §2.5 builds it, of a GET of `/`. */
function signatureBase({ components, contentDigest, nonce, tag }: HttpSignatureConfig, keyId: string, authority: string): string {
  const values: Readonly<Record<string, string>> = {
    '@method': 'GET',
    '@authority': authority,
    '@path': '/',
    '@query': '?',
    '@target-uri': `https://${authority}/`,
    '@scheme': 'https',
    '@request-target': '/',
    'content-digest': 'sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:',
  }
  const covered = contentDigest === 'always' && !components.includes('content-digest') ? [...components, 'content-digest'] : components
  const lines = covered.map((name) => `"${name}": ${values[name] ?? '(the field’s value)'}`)
  const list = covered.map((name) => `"${name}"`).join(' ')
  const parameters = `(${list});created=1795608000;keyid="${keyId}"${nonce ? ';nonce="7vM2xQe1"' : ''}${tag === undefined ? '' : `;tag="${tag}"`}`
  return [...lines, `"@signature-params": ${parameters}`].join('\n')
}
