/** A call to an object that has no answer after this long is given up, its repetition included, in milliseconds. */
export const CALL_MS = 5000

/**
 * A call to a Durable Object, made once more where the platform says that it may (`retryable`), and never where it is overloaded.
 * `call` makes its own stub each time: one that failed may be broken. What it does must bear being done twice. Rejects after
 * `CALL_MS`; it may still be done then.
 */
export async function callObject<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  return within(repeatable(call), CALL_MS, 'an object')
}

async function repeatable<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  try {
    return await call()
  } catch (error) {
    const { retryable, overloaded } = error as { readonly retryable?: boolean; readonly overloaded?: boolean }
    if (retryable !== true || overloaded === true) throw error
    return call()
  }
}

/** Rejects where `work` has not ended after `ms` milliseconds: `who` did not answer in time. */
export async function within<Answer>(work: Promise<Answer>, ms: number, who: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${who} did not answer in time`)), ms)
    void work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
