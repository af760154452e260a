/**
 * A call to a Durable Object, made once more where the platform says that it may (`retryable`), and never where it is overloaded.
 * `call` makes its own stub each time: one that failed may be broken. What it does must bear being done twice.
 */
export async function callObject<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  try {
    return await call()
  } catch (error) {
    const { retryable, overloaded } = error as { readonly retryable?: boolean; readonly overloaded?: boolean }
    if (retryable !== true || overloaded === true) throw error
    return call()
  }
}
