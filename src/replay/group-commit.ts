/** How long the first of a batch waits for others, in milliseconds. */
export const GATHER_MS = 50
/** Writes that may go out at once: 10 in a row, regained at 10 a second. A shard that needs more gathers. */
export const WRITES_AT_ONCE = 10
/** A batch this full does not wait for more: 160 KB in one row. */
export const MAX_BATCH = 4096

interface Batch<Item> {
  readonly items: Item[]
  readonly written: PromiseWithResolvers<void>
}

/**
 * Decides what is written together. While there is little to do each item is written as it comes; above ten writes a
 * second items gather, so there are never more than 20 writes a second for any number of items (and one more per full
 * batch).
 */
export class GroupCommit<Item> {
  readonly #write: (items: readonly Item[]) => Promise<void>
  readonly #after: (milliseconds: number, run: () => void) => void
  #gathering: Batch<Item> | undefined
  #credit = WRITES_AT_ONCE
  #creditAt = 0

  constructor(write: (items: readonly Item[]) => Promise<void>, after: (milliseconds: number, run: () => void) => void) {
    this.#write = write
    this.#after = after
  }

  /** Resolves once the item is written; rejects, with all of its batch, when it was not. */
  async add(item: Item, now: number): Promise<void> {
    if (this.#gathering !== undefined) return this.#join(this.#gathering, item)
    this.#regain(now)
    if (this.#credit >= 1) {
      this.#credit -= 1
      return this.#write([item])
    }
    return this.#open(item)
  }

  async #open(item: Item): Promise<void> {
    const batch: Batch<Item> = { items: [item], written: Promise.withResolvers() }
    this.#gathering = batch
    this.#after(GATHER_MS, () => this.#close(batch))
    return batch.written.promise
  }

  async #join(batch: Batch<Item>, item: Item): Promise<void> {
    batch.items.push(item)
    if (batch.items.length >= MAX_BATCH) this.#close(batch)
    return batch.written.promise
  }

  /** A batch that was full is closed by then: its timer does nothing. */
  #close(batch: Batch<Item>): void {
    if (this.#gathering !== batch) return
    this.#gathering = undefined
    this.#credit = 0
    this.#write(batch.items).then(batch.written.resolve, batch.written.reject)
  }

  #regain(now: number): void {
    const elapsed = Math.max(0, now - this.#creditAt)
    this.#credit = Math.min(WRITES_AT_ONCE, this.#credit + (elapsed * WRITES_AT_ONCE) / 1000)
    this.#creditAt = now
  }
}
