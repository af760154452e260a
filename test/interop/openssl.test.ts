import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { localServerCertificate } from '../../cli/local/authority.ts'
import type { LocalGate } from '../../cli/local/local-gate.ts'
import { SIGNING_SECRET, startGate, startOrigin, temporaryFolder, type Origin } from '../node/local/support.ts'

/** Certificates and signatures that no code of ours has made: openssl makes them, curl sends them. */
const folder = temporaryFolder()
let origin: Origin
let gate: LocalGate

/** Not `spawnSync`: the local edge runs in this very process. */
async function shell(script: string, variables: Readonly<Record<string, string>> = {}): Promise<string> {
  const options = { cwd: folder.path, env: { ...process.env, ...variables }, timeout: 30_000 }
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], options)
  return stdout
}

const AUTHORITY = `
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj '/O=Example/CN=openssl CA' 2>/dev/null
issue() {
  openssl req -newkey "$2" $3 -nodes -keyout $1.key -out $1.csr -subj "/O=Example/CN=$1" 2>/dev/null
  printf 'subjectAltName=%s\\nextendedKeyUsage=%s\\nkeyUsage=digitalSignature\\n' "$4" "$5" > $1.ext
  openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -extfile $1.ext -out $1.pem 2>/dev/null
}
issue billing ec '-pkeyopt ec_paramgen_curve:P-256' URI:spiffe://example.org/billing clientAuth
issue rsa rsa:2048 '' 'DNS:x.example,URI:spiffe://example.org/billing' clientAuth
issue ed25519 ed25519 '' URI:spiffe://example.org/billing clientAuth
issue lookalike ec '-pkeyopt ec_paramgen_curve:P-256' URI:spiffe://example.org/billing.evil clientAuth
issue dns ec '-pkeyopt ec_paramgen_curve:P-256' DNS:spiffe.example.org clientAuth
issue server ec '-pkeyopt ec_paramgen_curve:P-256' URI:spiffe://example.org/billing serverAuth
openssl x509 -in ca.pem -noout -ext subjectKeyIdentifier | tail -n 1 | tr -d ' :' | tr 'A-F' 'a-f'
`

beforeAll(async () => {
  const keyIdentifier = (await shell(AUTHORITY)).trim()
  origin = await startOrigin((_request, response) => response.end('ok'))
  const { leaf } = await localServerCertificate(join(folder.path, 'edge'))
  gate = await startGate({
    stateDirectory: folder.path,
    origin: origin.url,
    authorityKeyIdentifier: keyIdentifier,
    tls: { port: 0, certificate: leaf.pem, key: leaf.key, clientAuthorities: readFileSync(join(folder.path, 'ca.pem'), 'utf8') },
  })
})
afterAll(async () => {
  await gate.stop()
  await origin.stop()
  folder.remove()
})

describe('certificates of openssl', () => {
  test.each([
    ['billing', '200'],
    ['rsa', '200'],
    ['ed25519', '200'],
    ['lookalike', '403'],
    ['dns', '403'],
    ['server', '403'],
  ])('CC-1: %s', async (name, status) => {
    const answer = await shell(
      `curl -s -o answer -w '%{http_code}' --cacert edge/ca.pem --cert ${name}.pem --key ${name}.key ${gate.tlsUrl}/service`,
    )
    expect(answer).toBe(status)
  })
})

describe('a signature of openssl dgst', () => {
  const SIGN = `
digest="sha-256=:$(printf %s "$CONTENT" | openssl dgst -sha256 -binary | base64 -w0):"
parameters='("@method" "@authority" "@path" "@query" "content-digest");created='$(date +%s)';keyid="acme-1";nonce="'$(openssl rand -hex 12)'"'
base=$(printf '"@method": POST\\n"@authority": %s\\n"@path": /signed\\n"@query": ?\\n"content-digest": %s\\n"@signature-params": %s' "\${URL#http://}" "$digest" "$parameters")
mac=$(printf %s "$base" | openssl dgst -sha256 -mac HMAC -macopt hexkey:"$KEY" -binary | base64 -w0)
curl -s -o answer -w '%{http_code}' -d "$SENT" -H "Content-Digest: $digest" -H "Signature-Input: sig=$parameters" -H "Signature: sig=:$mac:" "$URL/signed"
`
  const sign = async (content: string, sent: string, secret: string): Promise<string> =>
    shell(SIGN, { URL: gate.url, CONTENT: content, SENT: sent, KEY: Buffer.from(secret, 'base64').toString('hex') })

  test('RFC 9421: holds', async () => {
    expect(await sign('{"amount":5}', '{"amount":5}', SIGNING_SECRET)).toBe('200')
  })
  test('does not hold for another content, or by another key', async () => {
    expect(await sign('{"amount":5}', '{"amount":6}', SIGNING_SECRET)).toBe('400')
    expect(await sign('{}', '{}', SIGNING_SECRET.replace('Y', 'Z'))).toBe('401')
  })
})
