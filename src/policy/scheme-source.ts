import type { SchemeType } from './document.ts'

/** A Security Scheme Object without its extension. */
export interface SchemeHead {
  readonly type: SchemeType
  readonly name?: string
  readonly in?: 'header' | 'query' | 'cookie'
  readonly openIdConnectUrl?: string
  readonly oauth2MetadataUrl?: string
}
export interface SchemeSource {
  readonly name: string
  readonly head: SchemeHead
  readonly extension: unknown
  readonly pointer: string
  /** Of the extension. */
  readonly place: string
}
