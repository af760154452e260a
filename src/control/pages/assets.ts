import { ENHANCE } from './enhance.ts'
import { STYLE } from './style.ts'

export const ASSET_PATHS = /^https?:\/\/[^/?#]+\/\.portcullis\/assets(?:\/|\?|$)/u

const ASSETS = {
  'style.css': { text: STYLE, type: 'text/css; charset=utf-8', version: versionOf(STYLE) },
  'enhance.js': { text: ENHANCE, type: 'text/javascript; charset=utf-8', version: versionOf(ENHANCE) },
} as const
type AssetName = keyof typeof ASSETS
const isAsset = (name: string): name is AssetName => Object.hasOwn(ASSETS, name)

/** Another address as soon as the text is another one. */
export function assetUrl(name: AssetName): string {
  return `/.portcullis/assets/${name}?v=${ASSETS[name].version}`
}

/** Under the address of this very text it is kept for good; under another one (an isolate of another version asked for it) not at all. */
export function assetResponse({ method, url }: Request): Response {
  const { pathname, searchParams } = new URL(url)
  const name = pathname.slice('/.portcullis/assets/'.length)
  const fixed = { 'x-content-type-options': 'nosniff', 'cross-origin-resource-policy': 'same-origin' }
  if (!isAsset(name)) return new Response('Not found\n', { status: 404, headers: { ...fixed, 'cache-control': 'no-store' } })
  if (method !== 'GET' && method !== 'HEAD')
    return new Response('Method not allowed\n', { status: 405, headers: { ...fixed, allow: 'GET, HEAD', 'cache-control': 'no-store' } })
  const { text, type, version } = ASSETS[name]
  const cacheControl = searchParams.get('v') === version ? 'public, max-age=31536000, immutable' : 'no-store'
  return new Response(method === 'HEAD' ? null : text, { headers: { ...fixed, 'content-type': type, 'cache-control': cacheControl } })
}

/** FNV-1a, twice: it tells versions of our own texts apart, and guards nothing. */
function versionOf(text: string): string {
  let [one, other] = [0x811c9dc5, 0x1000193]
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    one = Math.imul(one ^ code, 0x01000193)
    other = Math.imul(other ^ (code + index), 0x01000193)
  }
  return `${(one >>> 0).toString(36)}${(other >>> 0).toString(36)}`
}
