export { Ledger } from './limits/ledger-object.ts'
export { ReplayShard } from './replay/replay-object.ts'
export { RevocationFeed } from './revocation/feed-object.ts'

export default { fetch: () => new Response('portcullis') }
