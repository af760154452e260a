import { readPem } from '../../../src/http/pem.ts'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readXml } from '../../../src/http/xml-reader.ts'
import type { XmlElement } from '../../../src/http/xml.ts'

/** xmlsec1 and openssl in a folder of their own. */
export function xmlsec() {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-'))
  const run = (command: string, ...options: readonly string[]): string =>
    execFileSync(command, options, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
  const write = (name: string, content: string): void => writeFileSync(join(folder, name), content)

  return {
    folder,
    run,
    read,
    write,
    remove: (): void => rmSync(folder, { recursive: true }),
    /** Files `name.pem` and `name.pub`; what they hold as DER. */
    makeKey(
      name: string,
      ...options: readonly string[]
    ): { readonly pkcs8: Uint8Array<ArrayBuffer>; readonly spki: Uint8Array<ArrayBuffer> } {
      run('openssl', 'genpkey', '-algorithm', ...options, '-out', `${name}.pem`)
      run('openssl', 'pkey', '-in', `${name}.pem`, '-pubout', '-out', `${name}.pub`)
      const [pkcs8, spki] = [readPem(read(`${name}.pem`)), readPem(read(`${name}.pub`))]
      if (pkcs8 === undefined || spki === undefined) throw new Error('openssl wrote no PEM')
      return { pkcs8, spki }
    },
    /** An RSA key and a certificate for it, `name.pem` and `name.crt`. */
    makeIdentity(name: string): void {
      run('openssl', 'genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', `${name}.pem`)
      run('openssl', 'req', '-x509', '-new', '-key', `${name}.pem`, '-out', `${name}.crt`, '-days', '2', '-subj', `/CN=${name}`)
    },
    /** `element`: expanded name of what carries the ID, as xmlsec1 wants it. */
    sign(xml: string, key: string, element: string): string {
      write('in.xml', xml)
      run('xmlsec1', '--sign', '--privkey-pem', `${key}.pem`, '--id-attr:ID', element, '--output', 'out.xml', 'in.xml')
      return read('out.xml')
    },
    /** Throws what xmlsec1 says against it. */
    verify(xml: string, key: string, element: string): void {
      write('signed.xml', xml)
      run('xmlsec1', '--verify', '--pubkey-pem', `${key}.pub`, '--id-attr:ID', element, 'signed.xml')
    },
  }
}

export function readDocument(xml: string): XmlElement {
  const result = readXml(new TextEncoder().encode(xml))
  if (result.status === 'refused') throw new Error(`${result.code} at byte ${result.byte}, line ${result.line}`)
  return result.root
}
