import type { MemberRole } from '../../directory/accounts.ts'

/** `look`: read. `build`: apps and keys. `own`: the organisation itself, its members and invitations. */
export type Right = 'look' | 'build' | 'own'

const RIGHTS: Readonly<Record<MemberRole, readonly Right[]>> = {
  owner: ['look', 'build', 'own'],
  developer: ['look', 'build'],
  viewer: ['look'],
}

export const may = (role: MemberRole, right: Right): boolean => RIGHTS[role].includes(right)

export const ROLE_TITLES: Readonly<Record<MemberRole, string>> = { owner: 'Owner', developer: 'Developer', viewer: 'Viewer' }
export const ROLE_HINTS: Readonly<Record<MemberRole, string>> = {
  owner: 'Everything: members and invitations too.',
  developer: 'Apps and keys.',
  viewer: 'Looks, and changes nothing.',
}
