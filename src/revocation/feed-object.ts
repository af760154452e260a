import { DurableObject } from 'cloudflare:workers'

export class RevocationFeed extends DurableObject {}
