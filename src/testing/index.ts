export { createTestGate, type TestGate, type TestGateOptions } from './test-gate.ts'
export { checkPolicy, type PolicyCase, type PolicyCaseResult } from './policy-cases.ts'
export { accessToken, apiKey, clientCertificate, signature, type Credential } from './credentials.ts'
