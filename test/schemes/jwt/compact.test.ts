import { describe, expect, test } from 'vitest'
import { parseCompact } from '../../../src/schemes/jwt/compact.ts'
import { encodePart } from './scene.ts'

const HEADER = encodePart('{"alg":"ES256"}')
const CLAIMS = encodePart('{"sub":"a"}')

describe('parseCompact()', () => {
  test('gives the parts, and the text that is signed as it came', () => {
    expect(parseCompact(`${HEADER}.${CLAIMS}.AQID`)).toEqual({
      header: { alg: 'ES256' },
      claims: { sub: 'a' },
      signature: new Uint8Array([1, 2, 3]),
      signed: new Uint8Array(new TextEncoder().encode(`${HEADER}.${CLAIMS}`)),
    })
  })

  test('an empty signature is a signature: it verifies nowhere', () => {
    expect(parseCompact(`${HEADER}.${CLAIMS}.`)?.signature).toHaveLength(0)
  })

  test.each([
    '',
    '.',
    '..',
    '...',
    HEADER,
    `${HEADER}.${CLAIMS}`,
    `${HEADER}.${CLAIMS}.AQID.`,
    `${HEADER}.${CLAIMS}.AQID.AQID.AQID`,
    `.${HEADER}.${CLAIMS}.AQID`,
    `${HEADER}=.${CLAIMS}.AQID`,
    `${HEADER}.${CLAIMS}.AQI=`,
    `${HEADER}.${CLAIMS}.AQJ`,
    `${HEADER}.${CLAIMS}.A`,
    `${HEADER}.${CLAIMS}.AQ+D`,
    `${HEADER}.${CLAIMS}.AQ/D`,
    `${HEADER}.${CLAIMS}.AQ D`,
    ` ${HEADER}.${CLAIMS}.AQID`,
    `${HEADER}.${CLAIMS}.AQID\n`,
    `${HEADER}.${encodePart('[]')}.AQID`,
    `${encodePart('"x"')}.${CLAIMS}.AQID`,
    `${HEADER}.${encodePart('{"a":1,"a":1}')}.AQID`,
  ])('JW-1: %j is no compact JWT', (token) => {
    expect(parseCompact(token)).toBeUndefined()
  })
})
