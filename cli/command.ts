/** What a command may touch besides files, so that tests can run it in process. */
export interface Terminal {
  /** One line on standard output: results, and nothing else. */
  out(line: string): void
  /** One line on standard error: progress, problems, hints. */
  err(line: string): void
  /** True where standard error is a terminal that wants colour (never with `NO_COLOR`, or in a pipe). */
  readonly hasColor: boolean
}

/** One command of `portcullis`. */
export interface Command {
  readonly name: string
  /** Half a line for `portcullis help`. */
  readonly summary: string
  /** Shown by `portcullis <name> --help`: usage, every option with its default, one example. */
  readonly help: string
  /** The exit code: 0 done, 1 the answer is no, 2 used wrongly. Throws `UsageError` for the last. */
  run(args: readonly string[], terminal: Terminal): Promise<number>
}

/** The command line is wrong; the message says what to write instead. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
