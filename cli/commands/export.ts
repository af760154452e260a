import { randomBytes } from 'node:crypto'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { stringify } from 'yaml'
import type { GateCall } from '../gate/gate-command.ts'
import { gateCommand } from '../gate/gate-command.ts'
import { jsonLine, visibleLines } from '../output/text.ts'

const PAGE = 50
/** All organisations that a directory can have. */
const MOST_PAGES = 250

export const exportCommand = gateCommand({
  name: 'export',
  about: 'Organisations with members, apps and keys, as portcullis apply takes them: everything but secrets, operators and the audit log.',
  actions: [{ name: '', takes: ['out'], help: 'as YAML, or with --json as JSON', run: exportAll }],
  options: { out: { value: 'FILE', help: 'write it there, readable by its owner alone (default: standard output)' } },
  examples: ['portcullis export --out directory.yaml', 'portcullis export --json | jq .organisations[].name'],
})

async function exportAll(call: GateCall): Promise<number> {
  const organisations = await readAll(call)
  const { terminal } = call
  const text = call.isJson
    ? `${jsonLine({ organisations })}\n`
    : stringify({ organisations }, { lineWidth: 0, aliasDuplicateObjects: false })
  const path = call.text('out')
  if (path === undefined) terminal.out((terminal.screen === undefined ? text : visibleLines(text)).trimEnd())
  else {
    writeWhole(path, text)
    terminal.err(`${organisations.length} organisations in ${path}`)
  }
  return 0
}

async function readAll({ gate, terminal }: GateCall): Promise<readonly unknown[]> {
  const organisations: unknown[] = []
  let after: string | undefined
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const { value } = await gate.get('export', { limit: PAGE, after })
    if (!Array.isArray(value['organisations'])) throw new Error('the gate answered with something that is no export')
    organisations.push(...(value['organisations'] as unknown[]))
    terminal.progress?.(`${organisations.length} organisations read`)
    const { next } = value
    if (typeof next !== 'string' || next === after) {
      terminal.progress?.('')
      return organisations
    }
    after = next
  }
  throw new Error('the export has no end: nothing is written')
}

/** Whole or not at all. */
function writeWhole(path: string, text: string): void {
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  try {
    writeFileSync(draft, text, { mode: 0o600, flag: 'wx' })
    renameSync(draft, path)
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
}
