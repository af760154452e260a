/** An `api-key` scheme: keys that Portcullis issued, and imported ones known by hash. */
export interface ApiKeyConfig {
  readonly kind: 'api-key'
  readonly name: string
  /**
   * Where the key travels. `bearer`: `Authorization: Bearer`, from OpenAPI `http`/`bearer`. Query and cookie only where the policy
   * says `allowOutsideHeader: true`, because URLs end up in logs (AK-7).
   */
  readonly carrier: { readonly in: 'header' | 'query' | 'cookie'; readonly name: string } | { readonly in: 'bearer' }
  /** `admin`: takes the gate's own admin keys alone; never from a policy. Default in policies: `api`. */
  readonly purpose: 'api' | 'admin'
  readonly consumerOptional: boolean
}
