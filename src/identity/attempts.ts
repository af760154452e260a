import type { OneTimeId, ReplayMemory } from '../replay/replay-memory.ts'
import { asOutage } from './outage.ts'

/** How often a notice of a sign-out may be tried: providers repeat one that was answered with 503. */
const MAX_ATTEMPTS = 3

/**
 * Does work once for an id, though the work may fail and be asked for again: each attempt has an id of its own, and one that succeeds
 * uses up those that are left. A repetition after that does nothing. Throws what `work` throws.
 */
export async function attemptOnce<Done>(
  replay: ReplayMemory,
  { scope, id, expiresAt }: OneTimeId,
  now: number,
  work: () => Promise<Done>,
): Promise<Done | 'replayed'> {
  const use = async (attempt: number) =>
    asOutage('replay', async () => replay.use({ scope: attempt === 1 ? scope : `${scope}#${attempt}`, id, expiresAt }, now))
  let attempt = 1
  while ((await use(attempt)) === 'replayed') if (++attempt > MAX_ATTEMPTS) return 'replayed'
  const done = await work()
  for (let left = attempt + 1; left <= MAX_ATTEMPTS; left += 1) await use(left)
  return done
}
