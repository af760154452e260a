import { Refused } from './refused.ts'
import type { Answered } from './gate.ts'
import type { GateCall } from './gate-command.ts'

/** Changes what is there now, and nothing that somebody else made of it in between (If-Match). `again`: the command that shows it. */
export async function changeCurrent(call: GateCall, path: string, patch: object, again: string): Promise<Answered> {
  const { etag } = await call.gate.get(path)
  return unlessStale(async () => call.gate.write('PATCH', path, patch, etag), again)
}

export async function deleteCurrent(call: GateCall, path: string, etag: string | undefined, again: string): Promise<Answered> {
  return unlessStale(async () => call.gate.write('DELETE', path, undefined, etag), again)
}

async function unlessStale(write: () => Promise<Answered>, again: string): Promise<Answered> {
  try {
    return await write()
  } catch (error) {
    if (error instanceof Refused && error.status === 412)
      error.message = `somebody changed it in between, so nothing was done. Read it again, then decide: ${again}`
    throw error
  }
}
