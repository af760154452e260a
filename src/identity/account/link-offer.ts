import type { RootSecret } from '../../credentials/root-secret.ts'
import { createSealer } from '../../credentials/sealer.ts'

/** Proof that whoever has this session has also signed in as somebody else; nothing is linked before they say so. */
export interface LinkOffer {
  /** Random: it is good once. */
  readonly id: string
  /** Id of the session that it is good in. */
  readonly session: string
  readonly provider: string
  readonly issuer: string
  readonly subject: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

/** A field of the page that asks. The browser carries it, because the session's cookie need not come along with what a provider sends. */
export interface LinkOffers {
  seal(offer: LinkOffer): Promise<string>
  /** `undefined`: not ours, or over. */
  open(sealed: string, now: number): Promise<LinkOffer | undefined>
}

/** How long a person may look at the page, in seconds. */
export const OFFER_SECONDS = 300
const CONTEXT = 'account-link'

export function createLinkOffers(rootSecret: RootSecret): LinkOffers {
  const sealer = createSealer(rootSecret, CONTEXT)
  return {
    seal: async (offer) => sealer.seal(new TextEncoder().encode(JSON.stringify(offer)), CONTEXT),
    async open(sealed, now) {
      const bytes = await sealer.open(sealed, CONTEXT)
      const offer = bytes === undefined ? undefined : (JSON.parse(new TextDecoder().decode(bytes)) as LinkOffer)
      return offer === undefined || offer.expiresAt <= now ? undefined : offer
    },
  }
}
