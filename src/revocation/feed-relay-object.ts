import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../bindings.ts'
import { parseRootSecret } from '../credentials/root-secret.ts'
import { createRelay, type Relay, type RelayedHead } from './feed-relay.ts'
import { createFeedShare, type FeedWhole } from './feed-share.ts'
import { FEED_NAME, type FeedPosition } from './feed.ts'

/** One of a few that read the feed for the isolates of a gateway on workers.dev. Keeps nothing in its storage. */
export class FeedRelay extends DurableObject<Bindings> {
  #relay: Relay | undefined

  async head(position: FeedPosition | undefined, maxAgeMs: number): Promise<RelayedHead> {
    return (await this.#open()).head(position, maxAgeMs)
  }

  async whole(): Promise<FeedWhole | undefined> {
    return (await this.#open()).whole()
  }

  async #open(): Promise<Relay> {
    const {
      PORTCULLIS_ROOT_KEY: text,
      PORTCULLIS_GATEWAY: gateway = 'portcullis',
      PORTCULLIS_ENVIRONMENT: environment = 'local',
    } = this.env
    const key = await createFeedShare(parseRootSecret(text, { gateway, environment })).snapshotKey()
    this.#relay ??= createRelay(async (position) => this.env.REVOCATIONS.getByName(FEED_NAME).since(position), key, Date.now)
    return this.#relay
  }
}
