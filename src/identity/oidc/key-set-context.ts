import type { KeySetContext } from '../../schemes/jwt/remote-jwks.ts'
import type { IdentityContext } from '../provider.ts'

/** Key sets are shared within the data centre under the host that was asked. */
export function keySetContextOf({ origin, now, defer }: Pick<IdentityContext, 'origin' | 'now' | 'defer'>): KeySetContext {
  const { protocol, host } = new URL(origin)
  return {
    now,
    defer,
    target: { scheme: protocol === 'http:' ? 'http' : 'https', authority: host, path: '/', query: '', href: `${origin}/` },
  }
}
