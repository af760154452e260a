/** What the demo and the tests use of the package, which ships no types. */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http'

  export class Provider {
    constructor(issuer: string, configuration: Readonly<Record<string, unknown>>)
    callback(): (request: IncomingMessage, response: ServerResponse) => void
    on(event: string, listener: (...values: unknown[]) => void): this
    registerGrantType(name: string, handler: (context: never) => Promise<void>, parameters: readonly string[]): void
    readonly AccessToken: {
      new (properties: Readonly<Record<string, unknown>>): IssuedToken
      find(value: string): Promise<IssuedToken | undefined>
    }
  }
  interface IssuedToken {
    readonly clientId: string
    readonly accountId: string
    readonly grantId: string
    readonly expiration: number
    save(): Promise<string>
  }
  export const errors: {
    readonly InvalidRequest: new (description: string) => Error
    readonly InvalidTarget: new (description: string) => Error
  }
}
