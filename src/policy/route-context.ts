import type { LimitPolicy } from '../limits/limiter.ts'
import type { SchemeConfig } from '../schemes/index.ts'
import type { RouteSettings } from './document.ts'
import type { SecurityRequirements } from './document-security.ts'
import type { ConsumerConfig, PlanConfig } from './policy.ts'
import type { Reading } from './reading.ts'

/** What routes refer to. Names are those declared, whether or not what they name holds. */
export interface RouteContext {
  readonly root: unknown
  readonly basePath: string
  readonly security: SecurityRequirements | undefined
  /** `undefined`: there, but not readable; what follows from it is not reported again. */
  readonly defaults: RouteSettings | undefined
  readonly schemeNames: ReadonlySet<string>
  readonly originNames: ReadonlySet<string>
  readonly limitNames: ReadonlySet<string>
  readonly schemes: ReadonlyMap<string, SchemeConfig>
  readonly limits: ReadonlyMap<string, LimitPolicy>
  readonly plans: readonly PlanConfig[]
  readonly consumers: readonly ConsumerConfig[]
  readonly reading: Reading
}
