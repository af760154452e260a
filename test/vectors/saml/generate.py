"""Makes xmlsec.json: documents that xmlsec1 signed and encrypted, with keys of their own each time. Needs xmlsec1 and openssl.
    python3 test/vectors/saml/generate.py > test/vectors/saml/xmlsec.json
No key of the identity provider is kept but its public half; the key of the service provider is for these documents alone."""
import base64, json, os, subprocess, sys, tempfile

os.chdir(tempfile.mkdtemp())
ASSERTION = 'urn:oasis:names:tc:SAML:2.0:assertion'
PROTOCOL = 'urn:oasis:names:tc:SAML:2.0:protocol'
DS = 'http://www.w3.org/2000/09/xmldsig#'
MORE = 'http://www.w3.org/2001/04/xmldsig-more#'
ENC = 'http://www.w3.org/2001/04/xmlenc#'
ENC11 = 'http://www.w3.org/2009/xmlenc11#'
EXCLUSIVE = 'http://www.w3.org/2001/10/xml-exc-c14n#'
INCLUSIVE = 'http://www.w3.org/TR/2001/REC-xml-c14n-20010315'

def run(*command, data=None):
    done = subprocess.run(command, input=data, capture_output=True)
    if done.returncode != 0:
        sys.exit(f'{command}: {done.stderr.decode()}')
    return done.stdout

def der(*command):
    return base64.b64encode(run(*command)).decode()

for name, options in {
    'rsa': ['RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
    'rsa3072': ['RSA', '-pkeyopt', 'rsa_keygen_bits:3072'],
    'p256': ['EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
    'p384': ['EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
    'p521': ['EC', '-pkeyopt', 'ec_paramgen_curve:P-521'],
    'sp': ['RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
}.items():
    run('openssl', 'genpkey', '-algorithm', *options, '-out', f'{name}.pem')
    run('openssl', 'pkey', '-in', f'{name}.pem', '-pubout', '-out', f'{name}.pub')
run('openssl', 'req', '-x509', '-new', '-key', 'rsa.pem', '-out', 'rsa.crt', '-days', '3650', '-subj', '/CN=idp.example.com')
open('hmac.bin', 'wb').write(os.urandom(32))

def signature(identifier, method=MORE + 'rsa-sha256', digest=ENC + 'sha256', prefixes='', canonical=EXCLUSIVE, ns='ds'):
    p, x = (f'{ns}:', f'xmlns:{ns}') if ns else ('', 'xmlns')
    listed = f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE}" PrefixList="{prefixes}"/>' if prefixes else ''
    return (f'<{p}Signature {x}="{DS}"><{p}SignedInfo>\n<{p}CanonicalizationMethod Algorithm="{canonical}">{listed}</{p}CanonicalizationMethod>'
            f'<{p}SignatureMethod Algorithm="{method}"/>\n<{p}Reference URI="#{identifier}"><{p}Transforms>'
            f'<{p}Transform Algorithm="{DS}enveloped-signature"/><{p}Transform Algorithm="{canonical}">{listed}</{p}Transform></{p}Transforms>'
            f'<{p}DigestMethod Algorithm="{digest}"/><{p}DigestValue/></{p}Reference></{p}SignedInfo><{p}SignatureValue/></{p}Signature>')

CONDITIONS = ('<saml:Conditions NotBefore="2026-11-25T12:00:00Z" NotOnOrAfter="2026-11-25T12:10:00Z"><saml:AudienceRestriction>'
              '<saml:Audience>https://api.example.com/saml</saml:Audience></saml:AudienceRestriction></saml:Conditions>')

def assertion(seal, attributes='', name='ann@example.com'):
    return (f'<saml:Assertion xmlns:saml="{ASSERTION}" xmlns:xs="http://www.w3.org/2001/XMLSchema" ID="_a1" Version="2.0" IssueInstant="2026-11-25T12:00:00Z">'
            f'<saml:Issuer>https://idp.example.com</saml:Issuer>{seal}<saml:Subject><saml:NameID>{name}</saml:NameID>'
            '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData InResponseTo="_q1" '
            'NotOnOrAfter="2026-11-25T12:05:00Z" Recipient="https://api.example.com/acs"/></saml:SubjectConfirmation></saml:Subject>'
            f'{CONDITIONS}<saml:AuthnStatement AuthnInstant="2026-11-25T12:00:00Z" SessionIndex="_s1"><saml:AuthnContext><saml:AuthnContextClassRef>'
            'urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>'
            f'<saml:AttributeStatement><saml:Attribute Name="role"><saml:AttributeValue xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            f'xsi:type="xs:string">reader</saml:AttributeValue></saml:Attribute>{attributes}</saml:AttributeStatement></saml:Assertion>')

def response(inner, seal='', head=''):
    return (f'{head}<samlp:Response xmlns:samlp="{PROTOCOL}" ID="_r1" Version="2.0" IssueInstant="2026-11-25T12:00:00Z" InResponseTo="_q1" '
            f'Destination="https://api.example.com/acs"><saml:Issuer xmlns:saml="{ASSERTION}">https://idp.example.com</saml:Issuer>{seal}<samlp:Status>'
            f'<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>\n  {inner}\n</samlp:Response>')

def sign(xml, key='rsa', element=f'{ASSERTION}:Assertion'):
    open('in.xml', 'w', newline='').write(xml)
    with_key = ['--hmackey', 'hmac.bin'] if key == 'hmac' else ['--privkey-pem', f'{key}.pem']
    run('xmlsec1', '--sign', *with_key, '--id-attr:ID', element, '--output', 'out.xml', 'in.xml')
    return open('out.xml', newline='').read()

def encrypt(xml, cipher, transport, key_bits, container='saml:EncryptedAssertion'):
    """The assertion of a response, in place."""
    start, end = xml.index('<saml:Assertion'), xml.index('</saml:Assertion>') + len('</saml:Assertion>')
    open('plain.xml', 'w', newline='').write(xml[start:end])
    open('template.xml', 'w').write(
        f'<xenc:EncryptedData xmlns:xenc="{ENC}" Type="{ENC}Element"><xenc:EncryptionMethod Algorithm="{cipher}"/><ds:KeyInfo xmlns:ds="{DS}">'
        f'<xenc:EncryptedKey><xenc:EncryptionMethod Algorithm="{transport}"/><ds:KeyInfo><ds:KeyName>sp</ds:KeyName></ds:KeyInfo><xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo>'
        '<xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedData>')
    run('xmlsec1', '--encrypt', '--pubkey-pem:sp', 'sp.pub', '--session-key', key_bits, '--xml-data', 'plain.xml', '--output', 'encrypted.xml', 'template.xml')
    data = open('encrypted.xml').read().split('?>', 1)[1].strip()
    return f'{xml[:start]}<{container} xmlns:saml="{ASSERTION}">{data}</{container}>{xml[end:]}'

documents = {}
def keep(name, xml, signs, key='rsa', name_id='ann@example.com'):
    documents[name] = {'xml': xml, 'signs': signs, 'key': key, 'nameId': name_id}

RESPONSE = f'{PROTOCOL}:Response'
plain = sign(response(assertion(signature('_a1'))))
keep('assertion', plain, ['Assertion'])
keep('assertion-rsa-sha384', sign(response(assertion(signature('_a1', MORE + 'rsa-sha384', MORE + 'sha384')))), ['Assertion'])
keep('assertion-rsa-sha512', sign(response(assertion(signature('_a1', MORE + 'rsa-sha512', ENC + 'sha512'))), 'rsa3072'), ['Assertion'], 'rsa3072')
keep('assertion-ecdsa-sha256', sign(response(assertion(signature('_a1', MORE + 'ecdsa-sha256'))), 'p256'), ['Assertion'], 'p256')
keep('assertion-ecdsa-sha384', sign(response(assertion(signature('_a1', MORE + 'ecdsa-sha384', MORE + 'sha384'))), 'p384'), ['Assertion'], 'p384')
keep('assertion-ecdsa-sha512', sign(response(assertion(signature('_a1', MORE + 'ecdsa-sha512', ENC + 'sha512'))), 'p521'), ['Assertion'], 'p521')
keep('response', sign(response(assertion(''), signature('_r1')), element=RESPONSE), ['Response'])
inner = sign(assertion(signature('_a1'))).split('?>', 1)[1].strip()
keep('both', sign(response(inner, signature('_r1')), element=RESPONSE), ['Response', 'Assertion'])
odd = ('<saml:Attribute Name="odd"><saml:AttributeValue>a&#13;b <![CDATA[<&>]]> 😀 <!-- c --> é &quot;&gt;</saml:AttributeValue></saml:Attribute>'
       '<saml:Attribute Name="empty" FriendlyName="&#9;x&#10;"><saml:AttributeValue/></saml:Attribute>')
keep('assertion-odd-text', sign(response(assertion(signature('_a1', prefixes='xs'), odd, 'an<!-- -->n@exa<![CDATA[mple.c]]>om'))), ['Assertion'])
default = response(assertion('', odd))
for prefix in ['samlp', 'saml']:
    default = default.replace(f'<{prefix}:', '<').replace(f'</{prefix}:', '</').replace(f'xmlns:{prefix}=', 'xmlns=')
default = default.replace('</Issuer>', '</Issuer>' + signature('_r1', MORE + 'rsa-sha512', ENC + 'sha512', 'xs #default', ns=''), 1)
keep('response-default-namespaces', sign(default, element=RESPONSE), ['Response'])
keep('encrypted-aes256-gcm', encrypt(plain, ENC11 + 'aes256-gcm', ENC + 'rsa-oaep-mgf1p', 'aes-256'), ['encrypted'])
keep('encrypted-aes128-gcm', encrypt(plain, ENC11 + 'aes128-gcm', ENC + 'rsa-oaep-mgf1p', 'aes-128'), ['encrypted'])
keep('encrypted-aes256-cbc', encrypt(plain, ENC + 'aes256-cbc', ENC + 'rsa-oaep-mgf1p', 'aes-256'), ['encrypted'])
sealed = encrypt(plain, ENC + 'aes128-cbc', ENC + 'rsa-oaep-mgf1p', 'aes-128').replace('<samlp:Status>', signature('_r1') + '<samlp:Status>', 1)
keep('encrypted-aes128-cbc-in-signed-response', sign(sealed, element=RESPONSE), ['Response', 'encrypted'])
keep('refused-sha-1', sign(response(assertion(signature('_a1', DS + 'rsa-sha1', DS + 'sha1')))), [])
keep('refused-sha-1-digest', sign(response(assertion(signature('_a1', digest=DS + 'sha1')))), [])
keep('refused-inclusive-c14n', sign(response(assertion(signature('_a1', canonical=INCLUSIVE)))), [])
keep('refused-hmac', sign(response(assertion(signature('_a1', MORE + 'hmac-sha256'))), 'hmac'), [])
keep('refused-3des', encrypt(plain, ENC + 'tripledes-cbc', ENC + 'rsa-oaep-mgf1p', 'des-192'), [])
keep('refused-rsa-1_5', encrypt(plain, ENC11 + 'aes256-gcm', ENC + 'rsa-1_5', 'aes-256'), [])

keys = {name: der('openssl', 'pkey', '-in', f'{name}.pem', '-pubout', '-outform', 'DER') for name in ['rsa', 'rsa3072', 'p256', 'p384', 'p521']}
print(json.dumps({
    'keys': keys,
    'certificate': open('rsa.crt').read(),
    'decryptionKey': der('openssl', 'pkcs8', '-topk8', '-nocrypt', '-in', 'sp.pem', '-outform', 'DER'),
    'documents': documents,
}, indent=1, ensure_ascii=False))
