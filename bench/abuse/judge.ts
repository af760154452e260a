import { createDetector } from '../../src/insight/abuse/detector.ts'
import { addressKey } from '../../src/http/address.ts'
import { clientName } from '../../src/revocation/restrictions.ts'
import type { Finding, TrafficEvent } from '../../src/insight/abuse/traffic.ts'
import type { Label } from './scenario.ts'

/** An attack counts as found until this long after its end. */
const AFTER_MS = 60_000
/** A block lasts this long; what else is found meanwhile is the same block. */
const BLOCK_MS = 900_000

export interface Report {
  readonly summary: {
    readonly precision: number
    readonly recall: number
    readonly detectSeconds: { readonly p50: number; readonly p95: number }
    readonly falseBlocksPerMillion: number
    readonly requests: number
    readonly attacks: number
    readonly microsecondsPerRequest: number
  }
  text(isVerbose: boolean): string
}

/** Runs the detector and compares what it would block with the labels. */
export function createJudge(labels: readonly Label[]): { observe(event: TrafficEvent): void; report(): Report } {
  const detector = createDetector()
  const bySubject = Map.groupBy(
    labels.flatMap((label) => label.subjects.map((subject) => ({ subject, label }))),
    ({ subject }) => subject,
  )
  const found = new Map<Label, number>()
  const blockedUntil = new Map<string, number>()
  const wrong: Finding[] = []
  let right = 0
  let requests = 0
  let milliseconds = 0

  /** Labels of the subject itself, or else of whoever made the request that led to it. */
  const labelsOf = ({ kind, subject, at }: Finding, { address, credential, tls, userAgent }: TrafficEvent): readonly Label[] => {
    const under = (name: string): Label[] =>
      (bySubject.get(name) ?? []).flatMap(({ label }) => (at >= label.from && at <= label.to + AFTER_MS ? [label] : []))
    const own = under(`${kind}:${subject}`)
    if (own.length > 0) return own
    return [
      ...under(`address:${addressKey(address) ?? address}`),
      ...(credential === undefined ? [] : under(`credential:${credential}`)),
      ...under(`fingerprint:${clientName(tls, userAgent)}`),
    ]
  }
  const judge = (finding: Finding, event: TrafficEvent): void => {
    if (finding.score < 1) return
    const name = `${finding.kind}:${finding.subject}`
    if (finding.at < (blockedUntil.get(name) ?? 0)) return
    blockedUntil.set(name, finding.at + BLOCK_MS)
    const mine = labelsOf(finding, event)
    if (mine.length === 0) wrong.push(finding)
    else right += 1
    for (const label of mine) if (!found.has(label)) found.set(label, (finding.at - label.from) / 1000)
  }

  return {
    observe(event) {
      requests += 1
      const started = performance.now()
      const findings = detector.observe(event)
      milliseconds += performance.now() - started
      for (const finding of findings) judge(finding, event)
    },
    report() {
      const seconds = [...found.values()].toSorted((one, other) => one - other)
      const quantile = (part: number): number => seconds[Math.min(seconds.length - 1, Math.floor(part * seconds.length))] ?? Number.NaN
      const summary = {
        precision: right / Math.max(1, right + wrong.length),
        recall: found.size / Math.max(1, labels.length),
        detectSeconds: { p50: quantile(0.5), p95: quantile(0.95) },
        falseBlocksPerMillion: (1e6 * wrong.length) / Math.max(1, requests),
        requests,
        attacks: labels.length,
        microsecondsPerRequest: (1000 * milliseconds) / Math.max(1, requests),
      }
      return { summary, text: (isVerbose) => textOf(summary, labels, found, isVerbose ? wrong.slice(0, 20) : []) }
    },
  }
}

function textOf(
  summary: Report['summary'],
  labels: readonly Label[],
  found: ReadonlyMap<Label, number>,
  wrong: readonly Finding[],
): string {
  const rows = [...Map.groupBy(labels, ({ attack, intensity }) => `${attack.padEnd(32)}${intensity.padEnd(8)}`)].map(([name, own]) => {
    const times = own.map((label) => found.get(label)).filter((time) => time !== undefined)
    const mean = times.reduce((sum, time) => sum + time, 0) / Math.max(1, times.length)
    return `${name}${`${times.length} of ${own.length}`.padStart(8)}${times.length === 0 ? '' : `   after ${mean.toFixed(0)} s`}`
  })
  const { precision, recall, detectSeconds, falseBlocksPerMillion, requests, microsecondsPerRequest } = summary
  return [
    ...rows,
    '',
    ...wrong.map((finding) => `wrong: ${JSON.stringify(finding)}`),
    `${requests} requests, ${microsecondsPerRequest.toFixed(1)} µs each; precision ${precision.toFixed(3)}, recall ${recall.toFixed(3)}, found after ${detectSeconds.p50.toFixed(0)} s (p50), ${detectSeconds.p95.toFixed(0)} s (p95), ${falseBlocksPerMillion.toFixed(2)} false blocks per million requests`,
    '',
  ].join('\n')
}
