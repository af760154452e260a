declare module 'samlp' {
  interface Asked {
    readonly method: string
    readonly query: Readonly<Record<string, string>>
  }
  interface Answering {
    set(name: string, value: string): void
    send(content: string | number): void
  }
  /** Middleware for Express: an answer, or `next` with what is wrong. */
  export function auth(
    options: Readonly<Record<string, unknown>>,
  ): (request: Asked, response: Answering, next: (error?: Error) => void) => void
}
