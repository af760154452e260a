/** One command that shows a layer at work. */
export interface Example {
  readonly layer: string
  readonly name: string
  /** For a shell, with everything in it. */
  readonly command: string
  /** The same, shorter: credentials are read from files. */
  readonly shown: string
  readonly expect: { readonly status: number; readonly type?: string }
}

/** What the commands need; fields are whole header lines. */
export interface ExampleParts {
  readonly gate: string
  readonly tls: string
  readonly folder: string
  /** How `portcullis` is run. */
  readonly cli: string
  readonly fields: Readonly<Record<FieldName, string>>
  readonly certificates: { readonly authority: string; readonly billing: string; readonly revoked: string; readonly unknown: string }
  readonly acmeEnvFile: string
}
export const FIELD_NAMES = [
  'user-token',
  'reader-token',
  'expired-token',
  'acme-key',
  'globex-key',
  'globex-writer-key',
  'limit-key',
  'quota-key',
  'other-limit-key',
  'other-quota-key',
  'revoked-key',
  'admin-key',
] as const
export type FieldName = (typeof FIELD_NAMES)[number]

type Draft = Omit<Example, 'command' | 'shown'> & { readonly write: (fields: (...names: readonly FieldName[]) => string) => string }

const problem = (code: string): string => `urn:portcullis:error:${code}`
const QUOTA = 'https://iana.org/assignments/http-problem-types#quota-exceeded'
const DATA = `'{"amount":5}'`

/** `shorten`: how a path is shown; the whole path stands in `command`, so that it works in any folder. */
export function createExamples(
  partsOf: (write: (path: string) => string) => ExampleParts,
  shorten: (path: string) => string,
): readonly Example[] {
  const whole = partsOf((path) => path)
  const short = partsOf(shorten)
  const inline = (...names: readonly FieldName[]): string => names.map((name) => `-H '${whole.fields[name]}'`).join(' ')
  const fromFile = (...names: readonly FieldName[]): string => names.map((name) => `-H @${short.folder}/${name}`).join(' ')
  const shown = draftsOf(short).map(({ write }) => write(fromFile))
  return draftsOf(whole).map(({ write, ...example }, index) =>
    Object.assign(example, { command: write(inline), shown: shown[index] ?? '' }),
  )
}

function draftsOf({ gate, tls, folder, cli, certificates, acmeEnvFile }: ExampleParts): readonly Draft[] {
  const order = `${gate}/v1/orders/42`
  const payments = `${gate}/v1/payments`
  const sign = (url: string, options: string): string => `${cli} sign --keyid acme-1 --env-file ${acmeEnvFile} ${options} ${url}`
  const withCertificate = (name: string): string => `--cacert ${certificates.authority} --cert ${name}.pem --key ${name}.key`
  return [
    {
      layer: 'Tokens',
      name: 'a person with a token reads an order',
      write: (fields) => `curl -si ${fields('user-token')} ${order}`,
      expect: { status: 200 },
    },
    {
      layer: 'Tokens',
      name: 'an expired token',
      write: (fields) => `curl -si ${fields('expired-token')} ${order}`,
      expect: { status: 401, type: problem('credential-expired') },
    },
    {
      layer: 'Identity',
      name: 'a browser without a session is led to the sign-in',
      write: () => `curl -si -H 'Accept: text/html' ${order}`,
      expect: { status: 303 },
    },
    {
      layer: 'Identity',
      name: 'a program without one is told where it is',
      write: () => `curl -si ${order}`,
      expect: { status: 401, type: problem('credential-missing') },
    },
    {
      layer: 'Authorization',
      name: 'reading with a token that may only read',
      write: (fields) => `curl -si ${fields('reader-token', 'acme-key')} ${order}`,
      expect: { status: 200 },
    },
    {
      layer: 'Authorization',
      name: 'writing with a token that may only read',
      write: (fields) => `curl -si -X PUT -d '{}' ${fields('reader-token', 'acme-key')} ${order}`,
      expect: { status: 403, type: problem('scope-insufficient') },
    },
    {
      layer: 'Client identification',
      name: 'an application with its API key',
      write: (fields) => `curl -si ${fields('acme-key')} ${order}`,
      expect: { status: 200 },
    },
    {
      layer: 'Client identification',
      name: 'a key that nobody issued',
      write: () => `curl -si -H 'X-API-Key: pck_1234567890_1234567890' ${order}`,
      expect: { status: 401, type: problem('credential-rejected') },
    },
    {
      layer: 'One party',
      name: 'a person through the application of the same party',
      write: (fields) => `curl -si -X PUT -d '{}' ${fields('user-token', 'acme-key')} ${order}`,
      expect: { status: 200 },
    },
    {
      layer: 'One party',
      name: 'the same token with the key of another party',
      write: (fields) => `curl -si -X PUT -d '{}' ${fields('user-token', 'globex-writer-key')} ${order}`,
      expect: { status: 403, type: problem('credentials-disagree') },
    },
    {
      layer: 'Rate limit',
      name: 'the first call',
      write: (fields) => `curl -si ${fields('other-limit-key')} ${gate}/v1/limited`,
      expect: { status: 200 },
    },
    {
      layer: 'Rate limit',
      name: 'the sixth call within a minute',
      write: (fields) =>
        `for i in 1 2 3 4 5; do curl -so /dev/null ${fields('limit-key')} ${gate}/v1/limited; done; curl -si ${fields('limit-key')} ${gate}/v1/limited`,
      expect: { status: 429, type: QUOTA },
    },
    {
      layer: 'Quota',
      name: 'a call within the quota',
      write: (fields) => `curl -si ${fields('other-quota-key')} ${gate}/v1/metered`,
      expect: { status: 200 },
    },
    {
      layer: 'Quota',
      name: 'one call more than the quota',
      write: (fields) =>
        `for i in 1 2 3; do curl -so /dev/null ${fields('quota-key')} ${gate}/v1/metered; done; curl -si ${fields('quota-key')} ${gate}/v1/metered`,
      expect: { status: 429, type: QUOTA },
    },
    {
      layer: 'Message integrity',
      name: 'a signed payment',
      write: () => `${sign(payments, `--data ${DATA}`)} | curl -si -H @- -d ${DATA} ${payments}`,
      expect: { status: 200 },
    },
    {
      layer: 'Message integrity',
      name: 'the same with another amount',
      write: () => `${sign(payments, `--data ${DATA}`)} | curl -si -H @- -d '{"amount":9}' ${payments}`,
      expect: { status: 400, type: problem('digest-mismatch') },
    },
    {
      layer: 'Message integrity',
      name: 'a payment that is sent twice',
      write: () =>
        `${sign(payments, `--data ${DATA}`)} > ${folder}/once && curl -so /dev/null -H @${folder}/once -d ${DATA} ${payments} && curl -si -H @${folder}/once -d ${DATA} ${payments}`,
      expect: { status: 401, type: problem('replayed') },
    },
    {
      layer: 'Transport identity',
      name: 'a service with its certificate',
      write: () => `curl -si ${withCertificate(certificates.billing)} ${tls}/v1/reports`,
      expect: { status: 200 },
    },
    {
      layer: 'Transport identity',
      name: 'no certificate',
      write: () => `curl -si --cacert ${certificates.authority} ${tls}/v1/reports`,
      expect: { status: 403, type: problem('credential-missing') },
    },
    {
      layer: 'Transport identity',
      name: 'a certificate that its authority has revoked',
      write: () => `curl -si ${withCertificate(certificates.revoked)} ${tls}/v1/reports`,
      expect: { status: 403, type: problem('credential-rejected') },
    },
    {
      layer: 'Transport identity',
      name: 'a certificate of another authority',
      write: () => `curl -si ${withCertificate(certificates.unknown)} ${tls}/v1/reports`,
      expect: { status: 403, type: problem('credential-rejected') },
    },
    {
      layer: 'Revocation',
      name: 'a key that was revoked',
      write: (fields) => `curl -si ${fields('revoked-key')} ${order}`,
      expect: { status: 401, type: problem('credential-revoked') },
    },
    {
      layer: 'Revocation',
      name: 'revoke every token of a subject',
      write: (fields) =>
        `curl -si ${fields('admin-key')} -d '{"type":"subject","id":"nobody","reason":"demo"}' ${gate}/.portcullis/admin/v1/revocations`,
      expect: { status: 201 },
    },
    {
      layer: 'Revocation',
      name: 'the same with a key of the API instead of an admin key',
      write: () =>
        `curl -si -H 'Authorization: Bearer pck_1234567890_1234567890' -d '{"type":"subject","id":"nobody"}' ${gate}/.portcullis/admin/v1/revocations`,
      expect: { status: 401, type: problem('credential-missing') },
    },
    {
      layer: 'Gateway',
      name: 'a route that is open to everybody',
      write: () => `curl -si ${gate}/v1/status`,
      expect: { status: 200 },
    },
    {
      layer: 'Gateway',
      name: 'a route that does not exist',
      write: () => `curl -si ${gate}/v1/secrets`,
      expect: { status: 404, type: problem('route-unknown') },
    },
    {
      layer: 'Gateway',
      name: 'a path that would mean another one once it is parsed',
      write: () => `curl -si --path-as-is ${gate}/v1/status/../orders/42`,
      expect: { status: 400, type: problem('target-not-canonical') },
    },
  ]
}
