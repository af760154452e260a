import type { SamlProviderConfig } from '../../../src/policy/identity-providers.ts'
import { answerOf, otherKey, type Answer, type Signs } from '../../support/saml-provider.ts'

/** One document, made for the AuthnRequest of the browser that posts it. */
export interface Hostile {
  readonly make: (requestId: string) => Promise<string>
  readonly code: string
  readonly policy?: Partial<SamlProviderConfig>
}
export const either = { wantSigned: 'either' } as const
export const stranger = await otherKey('RSA')

export const cut = (xml: string, name: string): string => {
  const start = xml.indexOf(`<${name}`)
  return xml.slice(start, xml.indexOf(`</${name}>`, start) + name.length + 3)
}
export const toAdmin = (xml: string): string => xml.replace('>ann<', '>admin<').replace('>staff<', '>root<')
export const inside = (xml: string, name: string, content: string): string => xml.replace(`</${name}>`, () => `${content}</${name}>`)

/** A genuine answer and its parts. */
export async function partsOf(requestId: string, signs: Signs = 'assertion') {
  const xml = await answerOf({ requestId }, signs)
  const original = cut(xml, 'saml:Assertion')
  const seal = cut(original, 'ds:Signature')
  const bare = original.replace(seal, '')
  return {
    xml,
    original,
    bare,
    seal,
    evil: toAdmin(bare).replace('ID="_a1"', 'ID="_evil"'),
    sealedEvil: toAdmin(original).replace('ID="_a1"', 'ID="_evil"'),
    twin: toAdmin(original),
    around: (content: string): string => xml.replace(original, () => content),
  }
}
type Parts = Awaited<ReturnType<typeof partsOf>>
export const wrapped = (code: string, make: (parts: Parts) => string): Hostile => ({
  code,
  make: async (requestId) => make(await partsOf(requestId)),
})

/** A signed Response around an unsigned assertion, rearranged. */
export const wrappedResponse = (code: string, make: (response: string, seal: string, evil: string) => string): Hostile => ({
  code,
  policy: either,
  make: async (requestId) => {
    const response = await answerOf({ requestId }, 'response')
    const seal = cut(response, 'ds:Signature')
    return make(response, seal, toAdmin(response).replace('ID="_r1"', 'ID="_evil"').replace(seal, ''))
  },
})

/** Truly signed by the trusted identity provider, and wrong. */
export const stated = (
  code: string,
  answer: Answer | ((requestId: string) => Answer),
  policy: Partial<SamlProviderConfig> = {},
  signs: Signs = 'assertion',
): Hostile => ({
  code,
  policy,
  make: async (requestId) => answerOf({ requestId, ...(typeof answer === 'function' ? answer(requestId) : answer) }, signs),
})
export const signedWith = (code: string, shape: Parameters<typeof answerOf>[2]): Hostile => ({
  code,
  make: async (requestId) => answerOf({ requestId }, 'assertion', shape),
})
export const edited = (code: string, edit: (xml: string) => string): Hostile => wrapped(code, ({ xml }) => edit(xml))
export const encrypted = (
  code: string,
  make: (assertion: Parts) => Promise<string>,
  policy: Partial<SamlProviderConfig> = {},
): Hostile => ({
  code,
  policy,
  make: async (requestId) => {
    const parts = await partsOf(requestId)
    return parts.around(await make(parts))
  },
})
