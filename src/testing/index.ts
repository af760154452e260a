export { createTestGate, type TestGate, type TestGateOptions, type TestPerson } from './test-gate.ts'
export { checkPolicy, type PolicyCase, type PolicyCaseResult } from './policy-cases.ts'
export { accessToken, apiKey, browserSession, clientCertificate, signature, type Credential } from './credentials.ts'
