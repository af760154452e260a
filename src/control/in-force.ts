/** What is needed to say by when something is in force. */
export interface Announcing {
  /** The feed has grown: the data centre that was asked need not wait for the bound. May fail. */
  readonly announce: (authority: string) => Promise<void>
  /** How long isolates may work with an older feed, in seconds. */
  readonly boundSeconds: number
  /** How much longer while they cannot read it, in seconds. */
  readonly graceSeconds: number
  readonly now: () => number
}

/** Tells the data centre, and gives by when what is durable now is in force everywhere: an isolate may have read the feed just before. */
export async function announceTo(
  { announce, boundSeconds, graceSeconds, now }: Announcing,
  request: Request,
): Promise<{ effectiveBy: string; latestBy: string }> {
  const durableAt = now()
  await announce(new URL(request.url).host).catch(() => undefined)
  const after = (seconds: number): string => new Date(durableAt + seconds * 1000).toISOString()
  return { effectiveBy: after(boundSeconds), latestBy: after(boundSeconds + graceSeconds) }
}
