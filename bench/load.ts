// A process of its own, so that its CPU is nobody else's: sends prepared requests over connections that stay open.
import { connect, type Socket } from 'node:net'

export interface Target {
  readonly port: number
  /** Whole requests without content, sent in rotation. */
  readonly requests: readonly string[]
}
export interface Load {
  readonly targets: readonly Target[]
  /** Requests to each target. */
  readonly count: number
  readonly connections: number
}
export interface TargetResult {
  /** How often each status came; 0: an answer that broke off. */
  readonly statuses: Readonly<Record<string, number>>
  readonly seconds: number
}

/** Requests before the next target has its turn: what else the machine does then weighs on all of them alike. */
const SLICE = 512
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

interface Connection {
  /** The status of the answer. */
  exchange(request: Buffer): Promise<string>
  close(): void
}

/** Opened with the first request, and again where the server has closed it meanwhile. */
function createConnection(port: number): Connection {
  let open: { readonly socket: Socket } | undefined
  let held = ''
  let answer: ((status: string) => void) | undefined
  const settle = (status: string): void => {
    const settled = answer
    answer = undefined
    settled?.(status)
  }
  const connectNow = (): { readonly socket: Socket } => {
    const opened = connect(port, '127.0.0.1').setNoDelay(true).setEncoding('latin1')
    opened.on('data', (chunk: string) => {
      held += chunk
      if (lengthOfAnswer(held) !== undefined) settle(held.slice(9, 12))
    })
    opened.on('error', () => undefined)
    opened.on('close', () => {
      open = undefined
      settle('0')
    })
    return { socket: opened }
  }
  return {
    exchange: async (request) =>
      new Promise((resolve) => {
        held = ''
        answer = resolve
        open ??= connectNow()
        open.socket.write(request)
      }),
    close: () => open?.socket.destroy(),
  }
}

interface Sender {
  send(count: number): Promise<void>
  end(): TargetResult
}

function createSender({ port, requests }: Target, connections: number): Sender {
  const prepared = requests.map((request) => Buffer.from(request, 'latin1'))
  const open = Array.from({ length: connections }, () => createConnection(port))
  const statuses: Record<string, number> = {}
  let sent = 0
  let seconds = 0
  return {
    async send(count) {
      const until = sent + count
      const started = performance.now()
      const work = async (connection: Connection): Promise<void> => {
        while (sent < until) {
          const request = prepared[sent % prepared.length] ?? Buffer.alloc(0)
          sent += 1
          const status = await connection.exchange(request)
          statuses[status] = (statuses[status] ?? 0) + 1
        }
      }
      await Promise.all(open.map(work))
      seconds += (performance.now() - started) / 1000
    },
    end() {
      for (const connection of open) connection.close()
      return { statuses, seconds }
    },
  }
}

async function run({ targets, count, connections }: Load): Promise<TargetResult[]> {
  const senders = targets.map((target) => createSender(target, connections))
  for (let done = 0; done < count; done += SLICE) {
    // Another one begins each time, so that nobody always follows the same.
    const first = (done / SLICE) % senders.length
    for (const sender of [...senders.slice(first), ...senders.slice(0, first)]) await sender.send(Math.min(SLICE, count - done))
  }
  return senders.map((sender) => sender.end())
}

process.on('message', (load: Load) => {
  void run(load).then((results) => process.send?.(results))
})
process.on('disconnect', () => process.exit())
