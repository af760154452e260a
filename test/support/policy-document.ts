/** A policy that holds, as plain data, to be changed by tests. */
export function policyDocument(): PolicyDocument {
  return {
    openapi: '3.1.0',
    info: { title: 'Test' },
    servers: [{ url: 'https://api.example.com/v1' }],
    'x-portcullis': {
      origins: { main: { url: 'https://origin.example.com' } },
      defaults: { origin: 'main' },
      limits: {
        calls: { by: ['consumer', 'subject'], rate: '20/second' },
        shield: { by: ['address'], rate: '100/10 seconds', burst: 200 },
      },
      plans: { free: { scopes: ['read'], limits: ['calls'] } },
      consumers: { acme: { plan: 'free' } },
    },
    components: {
      securitySchemes: {
        user: {
          type: 'openIdConnect',
          openIdConnectUrl: 'https://idp.example.com/.well-known/openid-configuration',
          'x-portcullis': { issuer: 'https://idp.example.com', audience: 'https://api.example.com' },
        },
        app: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
        signed: { type: 'http', scheme: 'Signature' },
        service: { type: 'mutualTLS', 'x-portcullis': { issuers: [{ ski: 'AB:CD:EF:00:11:22:33:44' }] } },
      },
    },
    paths: {
      '/orders/{id}': {
        get: { security: [{ user: ['read'] }, { app: [] }, { service: [] }], 'x-portcullis': { limits: ['shield', 'calls'] } },
        put: { security: [{ app: [], signed: [] }] },
      },
      '/status': { get: { security: [{}] } },
    },
  }
}
// oxlint-disable-next-line typescript/no-explicit-any -- tests reach into it anywhere
export type PolicyDocument = any
