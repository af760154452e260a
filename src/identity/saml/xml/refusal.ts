/** Why a protected message is not taken. The words are for a log and for whoever runs the identity provider, never for a browser. */
const MESSAGES = {
  unsigned: 'The message has no signature where one is needed: a ds:Signature that is a direct child of the element it signs.',
  'several-signatures': 'An element has more than one ds:Signature.',
  'signature-place': 'ds:Signature must follow saml:Issuer directly, or come first where there is no issuer.',
  'signature-form': 'ds:Signature must hold SignedInfo, SignatureValue and at most a KeyInfo; SignedInfo must hold exactly one Reference.',
  'signature-object': 'ds:Signature holds a ds:Object; SAML has no use for one.',
  reference: 'The Reference must be "#" and the ID of the element around the signature.',
  'duplicate-id': 'The ID of the signed element stands in the document more than once.',
  transforms: 'The Reference needs exactly two transforms: enveloped-signature, then Exclusive XML Canonicalization.',
  'prefix-list': 'An InclusiveNamespaces PrefixList is too long.',
  'too-long': 'The canonical form of the message is longer than a message may be.',
  'no-key': 'The signature algorithm does not fit any signing key configured for this identity provider.',
  'signature-invalid':
    'No key configured for this identity provider made this signature. If its certificate was renewed, import its metadata again.',
  'digest-mismatch': 'The signed element was changed after it was signed.',
  'signed-form': 'What was signed is not a document this gateway reads.',
  'sha-1': 'SHA-1 is refused: set the signature and digest algorithms of the identity provider to SHA-256.',
  hmac: 'HMAC signatures are refused: set the signature algorithm of the identity provider to RSA-SHA256 or ECDSA-SHA256.',
  'inclusive-c14n': 'Inclusive canonicalization is refused: choose Exclusive XML Canonicalization (xml-exc-c14n) at the identity provider.',
  xslt: 'XSLT transforms are refused: sign with enveloped-signature and xml-exc-c14n alone.',
  xpath: 'XPath transforms are refused: sign with enveloped-signature and xml-exc-c14n alone.',
  'rsa-1_5': 'RSA 1.5 key transport is refused: choose RSA-OAEP at the identity provider.',
  '3des': 'Triple DES is refused: choose AES-128-GCM or AES-256-GCM at the identity provider.',
  cbc: 'AES-CBC is refused here: choose AES-GCM at the identity provider, or sign the whole Response and allow CBC for it.',
  oaep: 'RSA-OAEP with two different hashes is refused: use SHA-1 for digest and MGF1 (the default), or xmlenc11#rsa-oaep with SHA-256 for both.',
  'unknown-algorithm':
    'The algorithm is not one this gateway knows: use RSA-SHA256 or ECDSA-SHA256, SHA-256, xml-exc-c14n, RSA-OAEP and AES-GCM.',
  'encryption-form': 'The encrypted element must hold one EncryptedData with its CipherValue, and an EncryptedKey inside or beside it.',
  undecipherable:
    'The element cannot be decrypted with any of our keys. If ours was renewed, give the identity provider our metadata again.',
  'query-form':
    'The query must hold each of SAMLRequest or SAMLResponse, RelayState, SigAlg and Signature at most once, and a DEFLATE encoded message.',
} as const

export type RefusalCode = keyof typeof MESSAGES

export interface Refusal {
  readonly status: 'refused'
  readonly code: RefusalCode
  /** What to change, where. */
  readonly message: string
  /** As the message names it, its first 128 characters; a caller escapes it like any other foreign text. */
  readonly algorithm?: string
}

export const refuse = (code: RefusalCode): Refusal => ({ status: 'refused', code, message: MESSAGES[code] })

const REFUSED: readonly (readonly [RefusalCode, RegExp])[] = [
  ['hmac', /#hmac-/u],
  ['sha-1', /#(?:[a-z]+-)?sha1$/u],
  ['inclusive-c14n', /^http:\/\/www\.w3\.org\/(?:TR\/2001\/REC-xml-c14n-20010315|2006\/12\/xml-c14n11)(?:#WithComments)?$/u],
  ['xslt', /\/REC-xslt-/u],
  ['xpath', /\/REC-xpath-|\/xmldsig-filter2/u],
  ['rsa-1_5', /#rsa-1_5$/u],
  ['3des', /#tripledes-cbc$/u],
  ['cbc', /#aes(?:128|192|256)-cbc$/u],
]

/** For an identifier that is on no list of ours: the reason, where it has one of its own. */
export function refuseAlgorithm(identifier: string): Refusal {
  const code = REFUSED.find(([, pattern]) => pattern.test(identifier))?.[0] ?? 'unknown-algorithm'
  return { ...refuse(code), algorithm: identifier.slice(0, 128) }
}
