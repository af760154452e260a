// A process of its own, so that its CPU is nobody else's: sends prepared requests over connections that stay open.
import { connect, type Socket } from 'node:net'

export interface Load {
  readonly port: number
  /** Whole requests without content, sent in rotation. */
  readonly requests: readonly string[]
  readonly count: number
  readonly connections: number
}
export interface LoadResult {
  /** How often each status came; 0: an answer that broke off. */
  readonly statuses: Readonly<Record<string, number>>
  readonly seconds: number
}

const END_OF_HEAD = '\r\n\r\n'

/** Length of the first answer in `text`, in bytes; `undefined`: there is more to come. */
function lengthOfAnswer(text: string): number | undefined {
  const head = text.indexOf(END_OF_HEAD)
  if (head === -1) return undefined
  const fields = text.slice(0, head)
  const start = head + END_OF_HEAD.length
  const declared = /\r\ncontent-length: *(\d+)/iu.exec(fields)?.[1]
  if (declared !== undefined) return text.length < start + Number(declared) ? undefined : start + Number(declared)
  if (!/\r\ntransfer-encoding: *chunked/iu.test(fields)) return start
  const end = text.indexOf(`\r\n0${END_OF_HEAD}`, head)
  return end === -1 ? undefined : end + 3 + END_OF_HEAD.length
}

async function run({ port, requests, count, connections }: Load): Promise<LoadResult> {
  const prepared = requests.map((request) => Buffer.from(request, 'latin1'))
  const statuses: Record<string, number> = {}
  let next = 0
  const note = (status: string): void => {
    statuses[status] = (statuses[status] ?? 0) + 1
  }
  const work = async (): Promise<void> =>
    new Promise((resolve) => {
      const socket: Socket = connect(port, '127.0.0.1').setNoDelay(true)
      let held = ''
      let isWaiting = false
      const send = (): void => {
        held = ''
        isWaiting = next < count
        if (isWaiting) socket.write(prepared[next % prepared.length] ?? '')
        else socket.end()
        next += 1
      }
      socket.setEncoding('latin1')
      socket.on('connect', send)
      socket.on('data', (chunk: string) => {
        held += chunk
        if (lengthOfAnswer(held) === undefined) return
        note(held.slice(9, 12))
        send()
      })
      socket.on('error', () => undefined)
      socket.on('close', () => {
        if (isWaiting) note('0')
        resolve()
      })
    })
  const started = performance.now()
  await Promise.all(Array.from({ length: connections }, work))
  return { statuses, seconds: (performance.now() - started) / 1000 }
}

process.on('message', (load: Load) => {
  void run(load).then((result) => process.send?.(result))
})
process.on('disconnect', () => process.exit())
