import { UsageError } from '../command.ts'
import { visibleLines } from '../output/text.ts'
import type { GateCall } from './gate-command.ts'

/** A person says yes, or `--yes` has said it. `what`: a sentence of what is about to be done. */
export async function agreed({ flag, terminal }: GateCall, what: string): Promise<boolean> {
  if (flag('yes')) return true
  const answer = await personOf(terminal).ask(`${visibleLines(what)} Go on? [y/N] `)
  if (/^y(?:es)?$/iu.test(answer.trim())) return true
  terminal.err('not done')
  return false
}

/** For what stops the API itself: the word is typed, not a letter. */
export async function agreedByWord({ flag, terminal }: GateCall, what: string, word: string): Promise<boolean> {
  if (flag('yes')) return true
  const answer = await personOf(terminal).ask(`${visibleLines(what)}\nType ${word} to go on: `)
  if (answer.trim() === word) return true
  terminal.err('not done: that was another word')
  return false
}

function personOf(terminal: GateCall['terminal']): NonNullable<GateCall['terminal']['person']> {
  if (terminal.person === undefined) throw new UsageError('nobody can be asked here: say --yes')
  return terminal.person
}
