declare module 'saml' {
  export const Saml20: {
    create(options: Readonly<Record<string, unknown>>, callback: (error: Error | null, assertion: string) => void): void
  }
}
