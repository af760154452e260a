/** How one `session` scheme of the policy knows a browser that has signed in. */
export interface SessionSchemeConfig {
  readonly kind: 'session'
  readonly name: string
  /** Name of the cookie, with the prefix `__Host-`: the same for every such scheme. */
  readonly cookie: string
  /** Identity providers whose sessions count here, with the hosts on which each does (empty: all). */
  readonly login: readonly { readonly provider: string; readonly hosts: readonly string[] }[]
  readonly consumerOptional: boolean
}
