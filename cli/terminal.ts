import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import type { Person, Terminal } from './command.ts'

/** Ctrl-C while somebody was asked. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

const wantsColor = (): boolean => (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb'

/** The terminal that this process has. */
export function processTerminal(): Terminal {
  const { stdin, stdout, stderr } = process
  return {
    out: (line) => stdout.write(`${line}\n`),
    err: (line) => stderr.write(`${line}\n`),
    hasColor: stderr.isTTY && wantsColor(),
    ...(stdout.isTTY ? { screen: { columns: stdout.columns || 80, hasColor: wantsColor() } } : {}),
    ...(stdin.isTTY && stderr.isTTY ? { person: createPerson(stdin, stderr) } : {}),
    ...(stderr.isTTY ? { progress: (text: string) => void stderr.write(`\r\u001b[2K${text}`) } : {}),
    untilInterrupted() {
      const controller = new AbortController()
      process.once('SIGINT', () => controller.abort()).once('SIGTERM', () => controller.abort())
      return controller.signal
    },
  }
}

/** Questions go to standard error: standard output is for results. */
export function createPerson(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): Person {
  return {
    ask: async (question, secret) =>
      new Promise((resolve, reject) => {
        // What is typed is echoed by the interface alone: into nothing, where it is a secret.
        const echo = secret === undefined ? output : new Writable({ write: (_chunk, _encoding, done) => done() })
        if (secret !== undefined) output.write(question)
        const lines = createInterface({ input, output: echo, terminal: true, historySize: 0 })
        const end = (settle: () => void): void => {
          lines.removeAllListeners('close')
          lines.close()
          if (secret !== undefined) output.write('\n')
          settle()
        }
        lines.once('SIGINT', () => end(() => reject(new Interrupted('interrupted'))))
        lines.once('close', () => end(() => reject(new Interrupted('interrupted'))))
        lines.question(secret === undefined ? question : '', (answer) => end(() => resolve(answer)))
      }),
  }
}
