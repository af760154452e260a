/** What has just been done, by the code that a redirect carries. */
export const MESSAGES = {
  'organisation-created': 'The organisation is there. Its first app comes next.',
  'organisation-renamed': 'The organisation has its new name.',
  'organisation-deleted': 'The organisation is gone, and its keys are revoked.',
  joined: 'You are a member now.',
  left: 'You are no longer a member of that organisation.',
  'member-changed': 'The member has another role.',
  'member-removed': 'The member is removed.',
  'invitation-withdrawn': 'The invitation is withdrawn: its link opens nothing any more.',
  'app-created': 'The app is there. It needs a key.',
  'app-changed': 'The app is changed.',
  'app-deleted': 'The app is gone, and its keys are revoked.',
  'key-added': 'The public key is known. Sign with its private half.',
  'key-changed': 'The key is changed.',
  'key-disabled': 'The key is disabled: it is refused everywhere within seconds.',
  'key-enabled': 'The key is enabled again.',
  'key-revoked': 'The key is revoked: it is refused everywhere within seconds, for good.',
  pending: 'It is recorded, and takes effect as soon as every part of the gate has been told.',
} as const
export type MessageCode = keyof typeof MESSAGES
