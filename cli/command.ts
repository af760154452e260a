import type { ParseArgsOptionsConfig } from 'node:util'

/** What a command may touch besides files and the network, so that tests can run it in process. */
export interface Terminal {
  /** One line on standard output: results, and nothing else. */
  out(line: string): void
  /** One line on standard error: progress, problems, hints. */
  err(line: string): void
  /** True where standard error is a terminal that wants colour (never with `NO_COLOR`, or in a pipe). */
  readonly hasColor: boolean
  /** Standard output, where it is a terminal; absent: a file or a pipe, which gets neither colour nor pictures. */
  readonly screen?: { readonly columns: number; readonly hasColor: boolean }
  /** Somebody who can be asked; absent: standard input is no terminal. */
  readonly person?: Person
  /** Says on standard error what is going on, in a line that the next one replaces; `''` takes it away. Absent: it is no terminal. */
  progress?(text: string): void
  /** Fires at Ctrl-C from now on, which then no longer ends the process by itself. Absent: nobody can interrupt. */
  untilInterrupted?(): AbortSignal
}
export interface Person {
  /** One line of theirs; `secret`: what they type is not shown. Rejects at Ctrl-C. */
  ask(question: string, secret?: 'secret'): Promise<string>
}

/** One command of `portcullis`; what it is called and does stands in `command-table.ts`, so that it is loaded only when it runs. */
export interface Command {
  /** Shown by `portcullis <name> --help`: usage, every option with its default, one example. */
  readonly help: string
  /** What comes first after its name, such as `list`; shells complete it. */
  readonly actions?: readonly string[]
  /** Shells complete their names. */
  readonly options?: ParseArgsOptionsConfig
  /** The exit code: 0 done, 1 the answer is no, 2 used wrongly. Throws `UsageError` for the last. */
  run(args: readonly string[], terminal: Terminal): Promise<number>
}

/** The command line is wrong; the message says what to write instead. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
