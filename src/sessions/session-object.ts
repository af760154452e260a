import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../bindings.ts'
import { parseRootSecret } from '../credentials/root-secret.ts'
import { createSealer, type Sealer } from '../credentials/sealer.ts'
import { SessionKeeper, type Beginning, type Ended, type Looked, type TokenAnswer } from './session-keeper.ts'
import type { Named } from './person-name.ts'
import type { TokenRefresher } from './session.ts'

/** One browser session, in an object of its own. It is made for a policy (`sessionObject`), whose providers it refreshes tokens at. */
export abstract class SessionObject extends DurableObject<Bindings> {
  readonly #keeper: SessionKeeper

  constructor(state: DurableObjectState, bindings: Bindings, refresher: TokenRefresher) {
    super(state, bindings)
    this.#keeper = new SessionKeeper(state.storage, { sealer: sealerOf(bindings), refresher, log: writeLog })
  }

  /** `beginning`: a `Beginning` as JSON. */
  async start(beginning: string, now: number): Promise<'started' | 'over'> {
    return this.#keeper.start(JSON.parse(beginning) as Beginning, now)
  }
  async look(now: number): Promise<Looked> {
    return this.#keeper.look(now)
  }
  /** `target`: a `TokenTarget` as JSON; empty: the session's own token. */
  async token(now: number, target: string): Promise<TokenAnswer> {
    return this.#keeper.token(now, target)
  }
  async end(named?: Named): Promise<Ended | undefined> {
    return this.#keeper.end(named)
  }
  override async alarm(): Promise<void> {
    await this.#keeper.alarm(Date.now())
  }
}

const writeLog = (line: string): void => console.log(line) // oxlint-disable-line no-console -- the log is the console

/** Keys alone; an isolate has many sessions. */
const sealers = new WeakMap<Bindings, Sealer>()
function sealerOf(bindings: Bindings): Sealer {
  const known = sealers.get(bindings)
  if (known !== undefined) return known
  const label = { gateway: bindings.PORTCULLIS_GATEWAY ?? 'portcullis', environment: bindings.PORTCULLIS_ENVIRONMENT ?? 'local' }
  const sealer = createSealer(parseRootSecret(bindings.PORTCULLIS_ROOT_KEY, label), 'session-store')
  sealers.set(bindings, sealer)
  return sealer
}
