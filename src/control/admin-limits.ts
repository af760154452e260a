import type { Charge, Limiter, LimitPolicy } from '../limits/limiter.ts'
import { chargesOf, type Countable } from '../limits/subject.ts'

const common = { chargeOn: 'request', consistency: 'local', onOutage: 'local' } as const
/** Asked before any cryptography. Counted by each isolate for itself: a shield, no promise. */
const BY_ADDRESS: LimitPolicy = {
  ...common,
  name: 'portcullis-address',
  by: [['address']],
  rate: { count: 50, seconds: 1, burst: 500 },
}
const BY_CREDENTIAL: LimitPolicy = {
  ...common,
  name: 'portcullis-admin',
  by: [['credential']],
  rate: { count: 20, seconds: 1, burst: 300 },
}

/** Counts a call of the admin API. The refusal, or `undefined`. */
export async function overAdminLimit(
  limiter: Limiter,
  which: 'address' | 'credential',
  countable: Omit<Countable, 'routeId'>,
  now: number,
): ReturnType<typeof admitted> {
  const counted = chargesOf([which === 'address' ? BY_ADDRESS : BY_CREDENTIAL], { ...countable, routeId: 'portcullis-admin' })
  return counted.status === 'countable' ? admitted(limiter, counted.charges, now) : undefined
}

async function admitted(limiter: Limiter, charges: readonly Charge[], now: number) {
  const admission = await limiter.admit(charges, now, () => {})
  return admission.status === 'refused' ? admission : undefined
}
