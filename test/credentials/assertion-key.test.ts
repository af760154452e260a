import { calculateJwkThumbprint } from 'jose'
import { describe, expect, test } from 'vitest'
import { deriveEd25519 } from '../../src/credentials/assertion-key.ts'
import { parseRootSecret, type RootSecret } from '../../src/credentials/root-secret.ts'
import { encodeBase64Url } from '../../src/http/base64url.ts'

const G1 = encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)))
const rootOf = (text: string, gateway = 'edge', environment = 'test'): RootSecret => parseRootSecret(text, { gateway, environment })
const root = rootOf(`g1:${G1},g2:${encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)))}`)
const MESSAGE = new TextEncoder().encode('message')

async function holds(x: string, signature: ArrayBuffer, message: Uint8Array): Promise<boolean> {
  const key = await crypto.subtle.importKey('jwk', { kty: 'OKP', crv: 'Ed25519', x }, 'Ed25519', false, ['verify'])
  return crypto.subtle.verify('Ed25519', key, signature, message)
}

describe('deriveEd25519()', () => {
  test('the public half verifies what the private half signs', async () => {
    const { privateKey, publicJwk } = await deriveEd25519(root, 'purpose', 'g1')
    const signature = await crypto.subtle.sign('Ed25519', privateKey, MESSAGE)
    expect(await holds(publicJwk.x, signature, MESSAGE)).toBe(true)
    expect(await holds(publicJwk.x, signature, new TextEncoder().encode('massage'))).toBe(false)
  })

  test('every isolate has the same key', async () => {
    const [here, there] = await Promise.all([deriveEd25519(root, 'purpose', 'g1'), deriveEd25519(rootOf(`g1:${G1}`), 'purpose', 'g1')])
    expect(there.publicJwk).toEqual(here.publicJwk)
    // Ed25519 is deterministic (RFC 8032 §5.1.6).
    const [one, two] = await Promise.all([here, there].map(async ({ privateKey }) => crypto.subtle.sign('Ed25519', privateKey, MESSAGE)))
    expect(new Uint8Array(one ?? new ArrayBuffer())).toEqual(new Uint8Array(two ?? new ArrayBuffer()))
  })

  test('the private half stays where it is', async () => {
    const { privateKey, publicJwk } = await deriveEd25519(root, 'purpose', 'g1')
    expect({ extractable: privateKey.extractable, usages: privateKey.usages }).toEqual({ extractable: false, usages: ['sign'] })
    expect(Object.keys(publicJwk).toSorted()).toEqual(['crv', 'kty', 'x'])
  })

  test('`kid` is the thumbprint of RFC 7638', async () => {
    const { kid, publicJwk } = await deriveEd25519(root, 'purpose', 'g1')
    expect(kid).toBe(await calculateJwkThumbprint(publicJwk))
  })

  test('purpose, generation, gateway and environment each give another key', async () => {
    const keys = await Promise.all([
      deriveEd25519(root, 'purpose', 'g1'),
      deriveEd25519(root, 'other', 'g1'),
      deriveEd25519(root, 'purpose', 'g2'),
      deriveEd25519(rootOf(`g1:${G1}`, 'other'), 'purpose', 'g1'),
      deriveEd25519(rootOf(`g1:${G1}`, 'edge', 'production'), 'purpose', 'g1'),
    ])
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(5)
  })

  test('the seed is not the secret of a purpose by the same name', async () => {
    const { publicJwk } = await deriveEd25519(root, 'purpose', 'g1')
    const seed = await root.derive('purpose', 'g1')
    const pkcs8 = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20, ...seed)
    const key = await crypto.subtle.importKey('pkcs8', pkcs8, 'Ed25519', false, ['sign'])
    expect(await holds(publicJwk.x, await crypto.subtle.sign('Ed25519', key, MESSAGE), MESSAGE)).toBe(false)
  })

  test('a generation that is gone has no key', async () => {
    await expect(deriveEd25519(rootOf(`g1:${G1}`), 'purpose', 'g2')).rejects.toThrow(/no generation/u)
  })
})
