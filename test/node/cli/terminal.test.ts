import { execFileSync } from 'node:child_process'
import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { COMMANDS } from '../../../cli/command-table.ts'
import { completionCommand } from '../../../cli/commands/completion.ts'
import { createPerson, Interrupted } from '../../../cli/terminal.ts'
import { runCommand } from './admin-server.ts'

function person() {
  const [input, output] = [new PassThrough(), new PassThrough()]
  const shown: string[] = []
  output.on('data', (chunk: Buffer) => shown.push(chunk.toString()))
  return { input, shown: () => shown.join(''), asked: createPerson(input, output) }
}

describe('asking somebody', () => {
  test('a secret is not shown, not even its length; what is asked is', async () => {
    const { input, shown, asked } = person()
    const answer = asked.ask('Admin key: ', 'secret')
    input.write('pca_secret')
    input.write('\r')
    expect(await answer).toBe('pca_secret')
    expect(shown()).toBe('Admin key: \n')
  })

  test('other answers are', async () => {
    const { input, shown, asked } = person()
    const answer = asked.ask('Go on? ')
    input.write('yes\r')
    expect(await answer).toBe('yes')
    expect(shown()).toContain('Go on? ')
    expect(shown()).toContain('yes')
  })

  test.each([
    ['Ctrl-C', '\u0003'],
    ['Ctrl-D', '\u0004'],
  ])('%s is no answer', async (_, key) => {
    for (const kind of ['secret', undefined] as const) {
      const { input, asked } = person()
      const answer = asked.ask('Admin key: ', kind)
      input.write(key)
      await expect(answer).rejects.toBeInstanceOf(Interrupted)
    }
  })
})

const hasShell = (shell: string): boolean => {
  try {
    execFileSync(shell, ['-c', 'true'])
    return true
  } catch {
    return false
  }
}

describe('completion', () => {
  test.each(['bash', 'zsh', 'fish'])('%s is told of every command', async (shell) => {
    const { out } = await runCommand(completionCommand, [shell])
    const names = COMMANDS.flatMap(({ name, alias }) => (alias === undefined ? [name] : [name, alias]))
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`, 'u').test(out))).toEqual([])
  })

  test.each(['bash', 'zsh', 'fish'].filter(hasShell))('%s takes it', async (shell) => {
    const { out } = await runCommand(completionCommand, [shell])
    expect(execFileSync(shell, ['-n'], { input: out, encoding: 'utf8' })).toBe('')
  })

  test('bash completes commands, actions and options', async () => {
    const { out } = await runCommand(completionCommand, ['bash'])
    const complete = (...words: string[]): string[] => {
      const script = `${out}\nCOMP_WORDS=(portcullis ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _portcullis; printf '%s\\n' "\${COMPREPLY[@]}"`
      return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split('\n')
    }
    expect(complete('an')).toEqual(['anomalies'])
    expect(complete('orgs', 'inv')).toEqual(['invitations', 'invite'])
    expect(complete('kill', 'on', '--re')).toEqual(['--reason'])
    expect(complete('kill', '')).toEqual(['list', 'on', 'off'])
  })

  test.each([[[]], [['tcsh']], [['bash', 'zsh']], [['constructor']]])('%j is no shell', async (args) => {
    await expect(runCommand(completionCommand, args)).rejects.toMatchObject({ name: 'UsageError' })
  })
})
