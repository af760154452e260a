import { styleText } from 'node:util'
import type { Example } from './examples.ts'
import type { PageExample } from './pages.ts'
import type { SignInExample } from './sign-in.ts'

/** What `npm start` shows: progress, then where everything is and what to try. Plain where it is no terminal. */
export interface Screen {
  step(what: string): void
  ready(
    places: Places,
    signIn: readonly SignInExample[],
    pages: readonly PageExample[],
    examples: readonly Example[],
    milliseconds: number,
  ): void
  stopping(why: string | undefined): void
  failed(message: string): void
}
export interface Places {
  readonly gateway: string
  readonly tls: string
  readonly issuer: string
  readonly saml: string
  readonly origin: string
  readonly admin: { readonly url: string }
  readonly log: string
  readonly demo: string
}

type Style = 'bold' | 'dim' | 'green' | 'red' | 'cyan'

function print(line = ''): void {
  process.stdout.write(`${line}\n`)
}

export function createScreen(): Screen {
  const hasColor = process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === ''
  const paint = (style: Style, text: string): string => (hasColor ? styleText(style, text, { validateStream: false }) : text)
  const list = (places: readonly { readonly name: string; readonly url: string }[]): void => {
    const widest = Math.max(...places.map(({ name }) => name.length))
    for (const { name, url } of places) print(`    ${name.padEnd(widest)}  ${paint('cyan', url)}`)
  }
  return {
    step: (what) => print(paint('dim', `  starting ${what} …`)),
    ready(places, signIn, pages, examples, milliseconds) {
      print()
      print(paint('bold', `Portcullis is up`) + paint('dim', ` after ${(milliseconds / 1000).toFixed(1)} s. Stop it with Ctrl-C.`))
      print()
      const rows = [
        ['Gate', places.gateway, 'plain http'],
        ['Gate', places.tls, 'TLS, asks for client certificates'],
        ['Admin API', places.admin.url, 'guarded by an admin key'],
        ['Issuer', places.issuer, 'OpenID provider'],
        ['SAML', places.saml, 'SAML identity provider'],
        ['Origin', places.origin, 'what is guarded: it echoes what it receives'],
        ['Decisions', places.log, 'one line each'],
        ['For scripts', places.demo, 'all of this, and every command below'],
      ]
      const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
      for (const [name = '', url = '', note = ''] of rows)
        print(`  ${paint('bold', name.padEnd(widths[0] ?? 0))}  ${paint('cyan', url.padEnd(widths[1] ?? 0))}  ${paint('dim', note)}`)
      print()
      print(paint('bold', 'Sign in') + paint('dim', ' (open in a browser; name demo, password demo)'))
      print()
      list(signIn)
      print()
      print(paint('bold', 'Pages for people') + paint('dim', ' (choose Staff; name demo, password demo)'))
      print()
      list(pages.map(({ name, url, username }) => ({ name: username === 'demo' ? name : `${name} (${username}, ${username})`, url })))
      print()
      print(paint('bold', 'Try it') + paint('dim', ' (each command can be pasted into another terminal, in this folder)'))
      for (const [layer, own] of Map.groupBy(examples, (example) => example.layer)) {
        print()
        print(`  ${paint('bold', layer)}`)
        for (const { name, shown, expect } of own) {
          const verdict = expect.status < 400 ? paint('green', `✓ ${expect.status}`) : paint('red', `✗ ${expect.status}`)
          print(`    ${verdict}  ${name}`)
          print(`           ${paint('cyan', shown)}`)
        }
      }
      print()
      print('ready')
    },
    stopping: (why) => print(why === undefined ? 'stopping …' : `the runtime ended by itself (${why})`),
    failed: (message) => process.stderr.write(`${paint('red', 'portcullis could not start:')} ${message}\n`),
  }
}
