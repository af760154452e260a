import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../bindings.ts'

export class InsightObject extends DurableObject<Bindings> {}
