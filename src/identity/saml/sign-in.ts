import type { SamlProviderConfig } from '../../policy/identity-providers.ts'
import type { SignIn } from '../../sessions/session.ts'
import { mapAttributes, type MappedAttributes } from '../attribute-mapping.ts'
import { checkAssertion, type AssertionFacts, type AssertionRules } from './assertion.ts'
import { readAttributes } from './attributes.ts'
import { fail } from './fault.ts'
import type { KeyMaterial } from './material.ts'
import { readNameId, serializeNameId, type NameId } from './name-id.ts'
import { NAME_ID_FORMATS } from './protocol.ts'
import type { SignedElement } from './xml/signature.ts'

type Attributes = Readonly<Record<string, string | readonly string[]>>

/** Who an assertion signs in, once every rule holds. Throws `SamlFault`. */
export async function readSignIn(
  assertion: SignedElement,
  rules: AssertionRules,
  config: SamlProviderConfig,
  { decryption }: Pick<KeyMaterial, 'decryption'>,
): Promise<{ readonly signIn: SignIn; readonly facts: AssertionFacts }> {
  const facts = checkAssertion(assertion, rules)
  const nameId = await readNameId(facts.subject, assertion, decryption)
  const attributes = await readAttributes(assertion, decryption)
  const { claims, groups, scopes } = mapped(config, attributes)
  const { authenticatedAt, authnContext, sessionIndex, endsAt } = facts
  const signIn: SignIn = {
    provider: config.name,
    issuer: config.entityId,
    subject:
      config.subjectAttribute === undefined ? subjectOf(nameId, config, rules) : attributeSubject(attributes, config.subjectAttribute),
    ...(config.consumer === undefined ? {} : { consumer: config.consumer }),
    claims: {
      ...claims,
      auth_time: Math.floor(authenticatedAt / 1000),
      ...(authnContext === undefined || authnContext === '' ? {} : { acr: authnContext }),
    },
    groups,
    scopes,
    authenticatedAt,
    nameId: serializeNameId(nameId),
    ...(sessionIndex === undefined ? {} : { providerSession: sessionIndex }),
    ...(endsAt === undefined ? {} : { endsAt }),
  }
  return { signIn, facts }
}

function mapped({ mapping }: SamlProviderConfig, attributes: Attributes): MappedAttributes {
  try {
    return mapAttributes(mapping, attributes)
  } catch (error) {
    if (error instanceof RangeError) return fail('attributes', error.message)
    throw error
  }
}

/**
 * A person is a NameID of the format that was agreed on: the same text in another format, or with a foreign qualifier, may be somebody
 * else's (Core §8.3). A transient one is accepted only where the policy asked for it, and is good for one session.
 */
function subjectOf(
  { value, format = NAME_ID_FORMATS.unspecified, nameQualifier, spNameQualifier }: NameId,
  { nameIdFormat }: SamlProviderConfig,
  { issuer, audience }: AssertionRules,
): string {
  const isAgreed = nameIdFormat === 'unspecified' ? format !== NAME_ID_FORMATS.transient : format === NAME_ID_FORMATS[nameIdFormat]
  if (!isAgreed) fail('name-id-format', format)
  if (nameQualifier !== undefined && nameQualifier !== issuer) fail('name-id-qualifier', nameQualifier)
  if (spNameQualifier !== undefined && spNameQualifier !== audience) fail('name-id-qualifier', spNameQualifier)
  return value
}

function attributeSubject(attributes: Attributes, name: string): string {
  const value = Object.hasOwn(attributes, name) ? attributes[name] : undefined
  return typeof value === 'string' && value.trim() !== '' && value.length <= 256 ? value : fail('subject-attribute')
}
