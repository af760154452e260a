import type { Seeded } from './seed.ts'
import { browserUrl } from './sign-in.ts'

/** A page for people, and who sees it. */
export interface PageExample {
  readonly name: string
  readonly url: string
  readonly username: string
  readonly password: string
}

/** Where to begin, for developers and for operators; then what else there is to see. */
export function pageExamples(gatePort: number, { apps }: Seeded): readonly PageExample[] {
  const page = (name: string, path: string, who = 'demo'): PageExample => ({
    name,
    url: `${browserUrl(gatePort)}/.portcullis/${path}`,
    username: who,
    password: who,
  })
  return [
    page('developer portal', 'portal'),
    page('an app with its keys and usage', `portal/apps/${apps.dashboard.id}`),
    page('how to call the API', 'portal/reference'),
    page('operators’ console', 'console'),
    page('what looks like abuse', 'console/anomalies'),
    page('decisions as they are taken', 'console/decisions'),
    page('the audit log', 'console/audit'),
    page('the portal as a developer sees it', 'portal', 'dev'),
  ]
}
