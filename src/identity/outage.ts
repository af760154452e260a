/** One of the gate's own objects cannot answer, or a key of ours cannot be used: 503, never 500 and never a sign-in (GW-3). */
export class DependencyOutage extends Error {
  override readonly name = 'DependencyOutage'
}

/** `dependency`: named in the log. */
export async function asOutage<Done>(dependency: 'replay' | 'sessions' | 'people', work: () => Promise<Done>): Promise<Done> {
  try {
    return await work()
  } catch (error) {
    throw new DependencyOutage(`${dependency}: ${error instanceof Error ? error.message : 'unknown'}`, { cause: error })
  }
}
