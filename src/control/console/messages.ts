/** What has just been done, by the code that a redirect carries. */
export const MESSAGES = {
  blocked: 'The restriction is set: in force everywhere within seconds.',
  lifted: 'The restriction is lifted: everywhere within seconds.',
  answered: 'The anomaly is answered.',
  accepted: 'It was fine: nothing is done about it any more, and its use is learnt anew.',
  'signed-out': 'Every session of the person is ended: everywhere within seconds.',
  closed: 'The switch is on: requests are refused everywhere within seconds.',
  opened: 'The switch is off: requests pass again within seconds.',
  'app-disabled': 'The app is disabled: its credentials are refused everywhere within seconds.',
  'app-enabled': 'The app is enabled again.',
  'key-revoked': 'The key is revoked, for good.',
  'operator-changed': 'The operator has another role.',
  'operator-removed': 'The person operates this gate no more.',
  welcome: 'You operate this gate now, as its owner.',
} as const
export type MessageCode = keyof typeof MESSAGES
