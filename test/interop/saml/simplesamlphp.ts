import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from './host.ts'

/** SimpleSAMLphp as an identity provider, one person in it: `ann`, whose password is `secret`. */
export interface SimpleSaml {
  readonly url: string
  readonly entityId: string
  stop(): void
}

export interface SimpleSamlOptions {
  /** Where its configuration and its log go; `idp.pem` and `idp.crt` are there. */
  readonly folder: string
  readonly serviceProvider: {
    readonly entityId: string
    readonly acs: string
    readonly slo: string
    /** Base64 DER. */
    readonly certificate: string
  }
  readonly encrypts: boolean
  /** Default: any that is free. */
  readonly port?: number
}

const WWW = '/usr/share/simplesamlphp/www'

export async function startSimpleSaml({ folder, serviceProvider, encrypts, port: wanted }: SimpleSamlOptions): Promise<SimpleSaml> {
  const port = wanted ?? (await freePort())
  const url = `http://127.0.0.1:${port}/`
  const entityId = `${url}saml2/idp/metadata.php`
  for (const name of ['metadata', 'data', 'log', 'temp', 'sessions']) mkdirSync(join(folder, name), { recursive: true })
  const write = (name: string, value: unknown, variable: string): void => {
    const json = JSON.stringify(value).replaceAll("'", String.raw`\'`)
    writeFileSync(join(folder, name), `<?php\n$${variable} = json_decode('${json.replaceAll('\\"', '\\\\"')}', true);\n`)
  }
  write('config.php', configOf(url, folder), 'config')
  write(
    'authsources.php',
    {
      people: {
        0: 'exampleauth:UserPass',
        'ann:secret': { uid: ['ann'], mail: ['ann@example.com'], displayName: ['Ann Ö. <&>'], groups: ['staff', 'admins'] },
      },
    },
    'config',
  )
  write(
    'metadata/saml20-idp-hosted.php',
    {
      [entityId]: {
        host: '__DEFAULT__',
        privatekey: 'idp.pem',
        certificate: 'idp.crt',
        auth: 'people',
        'signature.algorithm': 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
        'redirect.sign': true,
        'sign.logout': true,
        NameIDFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
        authproc: {
          3: { class: 'saml:AttributeNameID', attribute: 'uid', Format: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent' },
        },
      },
    },
    'metadata',
  )
  write(
    'metadata/saml20-sp-remote.php',
    {
      [serviceProvider.entityId]: {
        AssertionConsumerService: serviceProvider.acs,
        SingleLogoutService: serviceProvider.slo,
        certData: serviceProvider.certificate,
        'validate.authnrequest': true,
        'validate.logout': true,
        'redirect.validate': true,
        'saml20.sign.assertion': true,
        'saml20.sign.response': true,
        NameIDFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
        'assertion.encryption': encrypts,
      },
    },
    'metadata',
  )
  const server = spawn(
    '/usr/bin/php',
    ['-d', `session.save_path=${folder}/sessions`, '-d', 'error_reporting=0', '-S', `127.0.0.1:${port}`, '-t', WWW],
    {
      env: { ...process.env, SIMPLESAMLPHP_CONFIG_DIR: folder, PHP_CLI_SERVER_WORKERS: '2' },
      stdio: 'ignore',
      detached: true,
    },
  )
  await answering(server, `${url}saml2/idp/metadata.php`)
  return { url, entityId, stop: () => server.pid !== undefined && process.kill(-server.pid) }
}

function configOf(url: string, folder: string): unknown {
  return {
    baseurlpath: url,
    certdir: `${folder}/`,
    loggingdir: `${folder}/log/`,
    datadir: `${folder}/data/`,
    tempdir: `${folder}/temp`,
    metadatadir: `${folder}/metadata/`,
    'metadata.sources': [{ type: 'flatfile' }],
    secretsalt: 'a-salt-for-tests-alone',
    'auth.adminpassword': 'a-password-for-tests-alone',
    'admin.checkforupdates': false,
    technicalcontact_email: 'na@example.org',
    timezone: 'UTC',
    'enable.saml20-idp': true,
    'metadata.sign.enable': true,
    'metadata.sign.privatekey': 'idp.pem',
    'metadata.sign.certificate': 'idp.crt',
    'metadata.sign.algorithm': 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
    'module.enable': { core: true, saml: true, exampleauth: true },
    'store.type': 'phpsession',
    'session.cookie.secure': false,
    'session.phpsession.savepath': `${folder}/sessions`,
    'logging.handler': 'file',
    'logging.logfile': 'simplesamlphp.log',
    'trusted.url.domains': null,
    'language.default': 'en',
    'language.available': ['en'],
  }
}

async function answering(server: ChildProcess, url: string): Promise<void> {
  const end = Date.now() + 20_000
  while (Date.now() < end && server.exitCode === null) {
    const response = await fetch(url).catch(() => undefined)
    if (response?.ok === true) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('SimpleSAMLphp did not start')
}
