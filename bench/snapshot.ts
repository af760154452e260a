// What an isolate's copy of the feed takes, and how long a look-up takes: `node bench/snapshot.ts`.
import { createSnapshot } from '../src/revocation/snapshot.ts'

const ENTRIES = 1_000_000
const ROUND = 4000
const LOOKUPS = 50 * ROUND
const NOW = Date.UTC(2026, 10, 25)
const ISSUER = 'https://idp.example.com'
const hex = (index: number): string => (index * 2_654_435_761).toString(16).padStart(24, '0').slice(-24)

const snapshot = createSnapshot()
const startedAt = performance.now()
for (let from = 0; from < ENTRIES; from += 5000) {
  snapshot.add(
    Array.from({ length: 5000 }, (_, index) => ({
      target:
        (from + index) % 2 === 0
          ? ({ type: 'key', id: hex(from + index) } as const)
          : ({ type: 'jti', id: hex(from + index), issuer: ISSUER } as const),
      expiresAt: NOW + (from + index) * 1000,
      reason: 'leaked',
    })),
  )
}
const addedMs = performance.now() - startedAt

function measure(name: string, credential: (index: number) => Parameters<typeof snapshot.find>[0]): void {
  const credentials = Array.from({ length: LOOKUPS }, (_, index) => credential(index))
  // Of short rounds the fastest: what else the machine does is not counted.
  const times = Array.from({ length: 50 }, (_, round) => {
    const some = credentials.slice(round * ROUND, (round + 1) * ROUND)
    const from = performance.now()
    for (const one of some) snapshot.find(one)
    return ((performance.now() - from) * 1e6) / ROUND
  }).toSorted((a, b) => a - b)
  console.log(`${name}: ${times[0]?.toFixed(0)} ns, median ${times[25]?.toFixed(0)} ns`)
}

console.log(`${snapshot.size} entries: ${(snapshot.bytes / 2 ** 20).toFixed(2)} MiB, added in ${(addedMs / 1000).toFixed(2)} s`)
const encodedAt = performance.now()
const encoded = snapshot.encode()
console.log(`encoded: ${(encoded.byteLength / 2 ** 20).toFixed(2)} MiB in ${(performance.now() - encodedAt).toFixed(0)} ms`)
const forgottenAt = performance.now()
snapshot.forget(NOW)
console.log(`forget, nothing over: ${(performance.now() - forgottenAt).toFixed(2)} ms`)
measure('a key that is good', (index) => ({
  kind: 'api-key',
  issuer: 'portcullis',
  subject: 'acme',
  consumer: 'acme',
  generation: 'g1',
  credentialId: hex(2 * index + 1),
}))
measure('a key that is revoked', (index) => ({
  kind: 'api-key',
  issuer: 'portcullis',
  subject: 'acme',
  consumer: 'acme',
  credentialId: hex(2 * index),
}))
measure('a token that is good', (index) => ({
  kind: 'jwt',
  issuer: ISSUER,
  subject: `user-${index}`,
  consumer: 'acme',
  credentialId: hex(2 * index),
}))
