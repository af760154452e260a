/**
 * KV on a directory, as a Worker module for the runtime: its disk service knows single keys alone, so that lists are made here
 * (`?prefix=`, as the runtime asks for them).
 */
export const KV_SERVICE = `export default {
  async fetch(request, { disk }) {
    const { pathname, searchParams } = new URL(request.url)
    if (request.method !== 'GET' || pathname !== '/') return disk.fetch(request)
    const files = await (await disk.fetch('http://disk/')).json()
    const prefix = searchParams.get('prefix') ?? ''
    const names = files.map(({ name }) => decodeURIComponent(name)).filter((name) => name.startsWith(prefix))
    return Response.json({ keys: names.toSorted().map((name) => ({ name })), list_complete: true })
  },
}
`
