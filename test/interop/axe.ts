import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'

const AXE = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8')

interface Finding {
  readonly id: string
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[]
}

/**
 * What axe-core holds against the page that is open: rules of WCAG 2.2 A and AA and of good practice. Runs beside the page's own
 * scripts, which its Content-Security-Policy would else keep out.
 */
export async function accessibilityFaults(page: Page): Promise<readonly string[]> {
  const session = await page.context().newCDPSession(page)
  try {
    const { frameTree } = await session.send('Page.getFrameTree')
    const world = await session.send('Page.createIsolatedWorld', { frameId: frameTree.frame.id, worldName: 'axe' })
    const contextId = world.executionContextId
    await session.send('Runtime.evaluate', { expression: AXE, contextId })
    const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
      expression: 'axe.run().then(({ violations }) => JSON.stringify(violations))',
      awaitPromise: true,
      returnByValue: true,
      contextId,
    })
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
    const violations = JSON.parse(String(result.value)) as readonly Finding[]
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)}: ${failureSummary}`))
  } finally {
    await session.detach()
  }
}
