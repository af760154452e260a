/** The cap that the content is known to exceed. None goes on with GET or HEAD, where it means nothing (RFC 9110 §9.3.1). */
export function exceededCap(request: Request, maxBodyBytes: number | undefined): number | undefined {
  const declared = request.headers.get('content-length')
  const isBare = request.method === 'GET' || request.method === 'HEAD'
  if (isBare && declared !== '0' && request.body !== null) return 0
  return maxBodyBytes !== undefined && Number(declared ?? 0) > maxBodyBytes ? maxBodyBytes : undefined
}

/** For `Allow`: HEAD follows GET (GW-7). */
export function allowedMethods(byMethod: ReadonlyMap<string, unknown>): string[] {
  const methods = new Set(byMethod.keys())
  if (methods.has('GET')) methods.add('HEAD')
  return [...methods].toSorted()
}
