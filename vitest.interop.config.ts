import { defineConfig } from 'vitest/config'

/** What needs programs of the system besides Node: curl, openssl, chromium, xmlsec1, python3 with libxml2, SimpleSAMLphp. */
export default defineConfig({
  test: {
    name: 'interop',
    include: ['test/interop/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
})
