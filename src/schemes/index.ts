import type { RootSecret } from '../credentials/root-secret.ts'
import type { Directory } from '../directory/directory.ts'
import type { LookedUpKeys } from '../directory/key-look-up.ts'
import type { ReplayMemory } from '../replay/replay-memory.ts'
import type { SessionLookup } from '../sessions/session-lookup.ts'
import type { ApiKeyConfig } from './api-key/config.ts'
import type { VerifyContext } from './authenticator.ts'
import type { HttpSignatureConfig } from './http-signature/config.ts'
import type { JwtConfig } from './jwt/config.ts'
import type { KeySetReport } from './jwt/key-set-report.ts'
import type { MutualTlsConfig } from './mutual-tls/config.ts'
import type { SessionSchemeConfig } from './session/config.ts'

export type SchemeConfig = JwtConfig | ApiKeyConfig | HttpSignatureConfig | MutualTlsConfig | SessionSchemeConfig

/** What such a key says of itself. */
export interface IssuedNote {
  readonly kind: 'api-key' | 'http-signature'
  readonly id: string
  readonly consumer: string
  readonly generation: string
  readonly issuedAt: number
  readonly expiresAt: number
}

/** What the schemes of one isolate share. Holds no promise and no I/O object of any request. */
export interface SchemeDependencies {
  readonly directory: Directory
  readonly rootSecret: RootSecret
  readonly replay: ReplayMemory
  /** Keys made elsewhere that the directory knows; absent: there is none. */
  readonly lookedUp?: LookedUpKeys
  /** A key that was issued here, by its MAC or signature, is seen by this isolate for the first time. */
  readonly noteIssued?: (key: IssuedNote, context: VerifyContext) => void
  /** Absent where the policy has no session scheme. */
  readonly sessions?: SessionLookup
  /** The platform's fetch; redirects are never followed. */
  readonly fetch: (input: string, init?: RequestInit) => Promise<Response>
  /** Lets `http:` through to loopback hosts: `portcullis dev` alone. */
  readonly isLocal: boolean
  /** Takes note of how to ask for the state of an issuer's keys, for operators. Default: nobody asks. */
  readonly noteKeySet?: (report: () => KeySetReport) => void
}
