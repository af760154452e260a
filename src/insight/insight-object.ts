import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../bindings.ts'
import type { Anomaly, Baseline, Insight, TailEntry, Usage, UsageAsked } from './insight.ts'
import type { AbuseConfig } from '../policy/policy.ts'
import type { Watch } from './watch.ts'
import { RECORD_ONLY } from './abuse/answer.ts'
import { openWatch } from './open-watch.ts'
import type { Batch } from './observation.ts'
import { createPacing } from './pacing.ts'
import { createTail, type Tail, type TailAsked } from './tail.ts'
import { openUsage, type UsageStore } from './usage-store.ts'

/**
 * What was asked of the gate and how it went: usage in SQLite, the newest decisions in memory. One object for each gateway; isolates tell
 * it of many requests with one call. All times are of the isolates' clocks but for what is kept how long.
 */
export class InsightObject extends DurableObject<Bindings> {
  readonly #usage: UsageStore
  readonly #tail: Tail = createTail(Date.now())
  readonly #pacing = createPacing()
  readonly #watch: Watch

  constructor(context: DurableObjectState, bindings: Bindings) {
    super(context, bindings)
    this.#usage = openUsage(context.storage)
    this.#watch = openWatch(context.storage, bindings)
  }

  /** The same sequence of an isolate counts once. `abuse`: what the policy does about what is found. `nextMs`: when to come again. */
  async ingest(batch: Batch, abuse: AbuseConfig = RECORD_ONLY): Promise<{ readonly nextMs: number; readonly isNew: boolean }> {
    const now = Date.now()
    const { isNew, alarmAt } = this.#usage.add(batch, now)
    if (isNew) this.#tail.add(batch.observations)
    // Nothing is awaited before this point: usage and alarm are committed as one.
    if (alarmAt !== undefined) await this.ctx.storage.setAlarm(alarmAt)
    if (isNew) await this.#watch.observe(batch.observations, abuse)
    await this.#wakeForWatch()
    return { nextMs: this.#pacing.next(now), isNew }
  }

  async usage(asked: UsageAsked): Promise<Usage> {
    return this.#usage.read(asked, Date.now())
  }

  /** Named `tail` it would be the platform's. */
  async newest(asked: TailAsked): Promise<readonly TailEntry[]> {
    return this.#tail.read(asked)
  }

  async lastUsed(credentials: readonly string[]): Promise<Readonly<Record<string, number>>> {
    return this.#usage.lastUsed(credentials, Date.now())
  }

  async anomalies(asked: Parameters<Insight['anomalies']>[0]): Promise<readonly Anomaly[]> {
    return this.#watch.anomalies(asked)
  }

  async anomaly(id: string): Promise<Anomaly | undefined> {
    return this.#watch.anomaly(id)
  }

  async accept(id: string): Promise<Anomaly | undefined> {
    const accepted = await this.#watch.accept(id)
    await this.#wakeForWatch()
    return accepted
  }

  async answered(id: string, answer: Anomaly['answer'], until: number | undefined): Promise<Anomaly | undefined> {
    const answered = await this.#watch.answered(id, answer, until)
    await this.#wakeForWatch()
    return answered
  }

  async baseline(credential: string): Promise<Baseline | undefined> {
    return this.#watch.baseline(credential)
  }

  override async alarm(): Promise<void> {
    await this.ctx.storage.setAlarm(this.#usage.tidy(Date.now()))
    await this.#watch.alarm()
    await this.#wakeForWatch()
  }

  /** The watch has its own times; the object has one alarm. */
  async #wakeForWatch(): Promise<void> {
    const dueAt = this.#watch.dueAt()
    if (dueAt === undefined) return
    const set = await this.ctx.storage.getAlarm()
    if (set === null || dueAt < set) await this.ctx.storage.setAlarm(Math.max(dueAt, Date.now()))
  }
}
