import { DurableObject } from 'cloudflare:workers'

export class ReplayShard extends DurableObject {}
