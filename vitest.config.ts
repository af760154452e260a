import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: './wrangler.toml' },
            miniflare: {
              bindings: {
                PORTCULLIS_ROOT_KEY: 'g1:Vq3n0m0d5b2n8K4rWc7Xy1Zt6Ls9Jh2Gf5Da8Pe3Ou0',
                ACME_SIGNING_SECRET: 'Yw9s2Qm7Lr4Tb6Xk1Zp8Hd3Nf5Vc0Jg2Ae7Ui4Oo6Rs',
                // Of the form of a key alone: tests of SAML bring their own.
                SAML_PRIVATE_KEY: 'MAMCAQA=',
              },
            },
          }),
        ],
        test: {
          name: 'workerd',
          include: ['test/**/*.test.{ts,tsx}'],
          exclude: ['test/node/**', 'test/interop/**'],
        },
      },
      {
        test: {
          name: 'node',
          include: ['test/node/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
