import { describe, expect, test } from 'vitest'
import { mapAttributes, MAX_GROUPS } from '../../src/identity/attribute-mapping.ts'

const MAPPING = {
  claims: { name: 'displayName', department: 'dept' },
  groups: 'memberOf',
  scopes: ['openid'],
  groupScopes: { staff: ['orders:read'], leads: ['orders:read', 'orders:write'] },
}
const groups = (count: number, length = 4) => Array.from({ length: count }, (_, index) => String(index).padStart(length, '0'))

describe('mapAttributes()', () => {
  test('keeps what the mapping names and nothing else', () => {
    expect(
      mapAttributes(MAPPING, { displayName: 'Ada', dept: ['a', 'b'], ssn: '123', memberOf: ['staff', 'leads', 'staff', 'x'] }),
    ).toEqual({
      claims: { name: 'Ada', department: ['a', 'b'] },
      groups: ['staff', 'leads', 'x'],
      scopes: ['openid', 'orders:read', 'orders:write'],
    })
  })

  test('one group may come as a text; what is no name is no group', () => {
    expect(mapAttributes(MAPPING, { memberOf: 'staff' }).groups).toEqual(['staff'])
    expect(mapAttributes(MAPPING, { memberOf: [1, null, { staff: true }, '', ['staff']] })).toEqual({
      claims: {},
      groups: [],
      scopes: ['openid'],
    })
    expect(mapAttributes(MAPPING, { displayName: null })).toEqual({ claims: {}, groups: [], scopes: ['openid'] })
  })

  test('a group is no member of an object by accident', () => {
    expect(mapAttributes(MAPPING, { memberOf: ['constructor', '__proto__', 'toString'] }).scopes).toEqual(['openid'])
    expect(mapAttributes({ ...MAPPING, groups: 'toString', claims: { x: 'constructor' } }, {})).toEqual({
      claims: {},
      groups: [],
      scopes: ['openid'],
    })
  })

  test('bounds: just within, and just over', () => {
    expect(mapAttributes(MAPPING, { memberOf: groups(MAX_GROUPS) }).groups).toHaveLength(500)
    expect(() => mapAttributes(MAPPING, { memberOf: groups(MAX_GROUPS + 1) })).toThrow(/more than 500 groups/u)
    expect(mapAttributes(MAPPING, { memberOf: groups(1, 256) }).groups).toHaveLength(1)
    expect(() => mapAttributes(MAPPING, { memberOf: groups(1, 257) })).toThrow(/256 characters/u)
    expect(mapAttributes(MAPPING, { displayName: 'x'.repeat(8192 - 11) }).claims).toHaveProperty('name')
    expect(() => mapAttributes(MAPPING, { displayName: 'x'.repeat(8192 - 10) })).toThrow(/8192/u)
  })
})
