import { describe, expect, test } from 'vitest'
import { textOf } from '../../../../src/http/xml.ts'
import { verifyEnveloped } from '../../../../src/identity/saml/xml/signature.ts'
import vectors from '../../../vectors/saml/xmlsec.json' with { type: 'json' }
import { find, readDocument, vectorKey, type DocumentName } from '../../../support/saml.ts'

const documents = Object.entries(vectors.documents)
const genuine = documents.flatMap(([name, { signs }]) =>
  signs.filter((what) => what !== 'encrypted').map((what) => [name as DocumentName, what] as const),
)

describe('documents that xmlsec1 signed', () => {
  test.each(genuine)('%s: the %s verifies', async (name, what) => {
    const { xml, key, nameId } = vectors.documents[name]
    const root = readDocument(xml)
    const result = await verifyEnveloped(root, find(root, what), [await vectorKey(key)])
    if (result.status === 'refused') throw new Error(result.code)
    expect(result.signed).toMatchObject({ localName: what })
    if (name.startsWith('encrypted')) return
    expect(textOf(find(result.signed, 'NameID'))).toBe(nameId)
  })
})
