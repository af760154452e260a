import type { Problem } from '../src/policy/problems.ts'
import type { Terminal } from './command.ts'
import type { PolicyFile } from './policy-file.ts'

/** A problem with the place in the file that it stands at. */
export interface ReportedProblem extends Problem {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** All problems of a file in its order: those of syntax, else those of meaning. */
export function locateProblems(file: PolicyFile, problems: readonly Problem[]): readonly ReportedProblem[] {
  const { path } = file
  const syntax = file.syntaxProblems.map((problem): ReportedProblem =>
    Object.assign({ file: path, pointer: '', severity: 'error' as const }, problem),
  )
  const meaning = problems.map((problem): ReportedProblem => Object.assign({ file: path }, file.locate(problem.pointer), problem))
  return [...syntax, ...meaning].toSorted((one, other) => one.line - other.line || one.column - other.column)
}

/** `file:line:column  error  message`, where in the document, and what to write instead. */
export function printProblems(problems: readonly ReportedProblem[], terminal: Terminal): void {
  const paint = (code: number, text: string): string => (terminal.hasColor ? `\u001b[${code}m${text}\u001b[0m` : text)
  for (const { file, line, column, severity, message, pointer, suggestion } of problems) {
    const word = severity === 'error' ? paint(31, 'error') : paint(33, 'warning')
    terminal.err(`${file}:${line}:${column}  ${word}  ${message}`)
    terminal.err(paint(2, `    at #${pointer}`))
    if (suggestion !== undefined) terminal.err(`    ${suggestion}`)
  }
}

export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

export function countProblems(problems: readonly Problem[]): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length
  return `${count(errors, 'error')}, ${count(problems.length - errors, 'warning')}`
}
