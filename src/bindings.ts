import type { DirectoryObject } from './directory/directory-object.ts'
import type { EventsObject } from './insight/events-object.ts'
import type { InsightObject } from './insight/insight-object.ts'
import type { Ledger } from './limits/ledger-object.ts'
import type { ReplayShard } from './replay/replay-object.ts'
import type { FeedRelay } from './revocation/feed-relay-object.ts'
import type { RevocationFeed } from './revocation/feed-object.ts'
import type { PersonObject } from './sessions/person-object.ts'
import type { SessionObject } from './sessions/session-object.ts'

/** What the platform gives the Worker (wrangler.toml). */
export interface Bindings {
  readonly LEDGER: DurableObjectNamespace<Ledger>
  readonly REPLAY: DurableObjectNamespace<ReplayShard>
  readonly REVOCATIONS: DurableObjectNamespace<RevocationFeed>
  readonly SESSION: DurableObjectNamespace<SessionObject>
  readonly PEOPLE: DurableObjectNamespace<PersonObject>
  /** Read the feed for isolates where data centres have no cache. */
  readonly RELAYS: DurableObjectNamespace<FeedRelay>
  /** Organisations, apps, keys and the audit log: one object. */
  readonly DIRECTORY: DurableObjectNamespace<DirectoryObject>
  /** Usage, the detector of abuse and the newest decisions: one object. */
  readonly INSIGHT: DurableObjectNamespace<InsightObject>
  /** What operators are told, and the webhooks that tell it: one object. */
  readonly EVENTS: DurableObjectNamespace<EventsObject>
  /** What isolates read of the directory: imported and public keys. A copy, never the truth. */
  readonly PROJECTION: KVNamespace
  /** Every request as a data point, where the account has Analytics Engine. */
  readonly ANALYTICS?: AnalyticsEngineDataset
  /** Second copy of the revocation feed, never the only one. */
  readonly BACKUP: KVNamespace
  /** `generation:base64url(32 random bytes)`, newest first. */
  readonly PORTCULLIS_ROOT_KEY: string
  /** Name of this gateway; part of every derivation's label. */
  readonly PORTCULLIS_GATEWAY?: string
  /** Environment of this gateway; part of every derivation's label. */
  readonly PORTCULLIS_ENVIRONMENT?: string
  /** Set by `portcullis dev` alone: the authorities its listeners answer, as a JSON list. Loopback origins may then be plain http. */
  readonly PORTCULLIS_LOCAL?: string
}
