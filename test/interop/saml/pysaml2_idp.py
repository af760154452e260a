"""An identity provider by pysaml2: one person, signed in without a question. Arguments: folder, port, our metadata file, cipher.
`cipher`: none, default (what pysaml2 does by itself: Triple DES) or gcm. Keys idp.pem and idp.crt are in the folder."""
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

import saml2.sigver
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.authn_context import PASSWORDPROTECTEDTRANSPORT
from saml2.config import IdPConfig
from saml2.metadata import entity_descriptor
from saml2.saml import NAMEID_FORMAT_PERSISTENT, NameID
from saml2.server import Server
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

folder, port, service_provider, cipher = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
base = f'http://127.0.0.1:{port}'

if cipher == 'gcm':
    # pysaml2 has no option for it: its template and the length of the session key are defaults in the code.
    saml2.sigver.pre_encryption_part.__kwdefaults__['msg_enc'] = 'http://www.w3.org/2009/xmlenc11#aes256-gcm'
    plain = saml2.sigver.CryptoBackendXmlSec1.encrypt_assertion
    saml2.sigver.CryptoBackendXmlSec1.encrypt_assertion = lambda self, statement, enc_key, template, key_type='', *rest, **named: plain(
        self, statement, enc_key, template, 'aes-256', *rest, **named)

config = IdPConfig()
config.load({
    'entityid': f'{base}/metadata',
    'xmlsec_binary': '/usr/bin/xmlsec1',
    'key_file': f'{folder}/idp.pem',
    'cert_file': f'{folder}/idp.crt',
    'metadata': {'local': [service_provider]},
    'signing_algorithm': SIG_RSA_SHA256,
    'digest_algorithm': DIGEST_SHA256,
    'service': {'idp': {
        'endpoints': {
            'single_sign_on_service': [(f'{base}/sso', BINDING_HTTP_REDIRECT)],
            'single_logout_service': [(f'{base}/slo', BINDING_HTTP_REDIRECT)],
        },
        'name_id_format': [NAMEID_FORMAT_PERSISTENT],
        # Its own check looks for a signature in the XML, where the redirect binding has none: `is_signed` is ours.
        'want_authn_requests_signed': False,
        'policy': {'default': {'lifetime': {'minutes': 5}, 'attribute_restrictions': None, 'name_form': 'urn:oasis:names:tc:SAML:2.0:attrname-format:uri'}},
    }},
})
server = Server(config=config)
issued = {}


def is_signed(query, issuer):
    certificates = server.metadata.certs(issuer, 'any', 'signing')
    return any(saml2.sigver.verify_redirect_signature(dict(query), server.sec.sec_backend, certificate) for certificate in certificates)


class Handler(BaseHTTPRequestHandler):
    def answer(self, status, content, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content.encode())

    def leave(self, info):
        location = dict(info['headers']).get('Location')
        self.answer(*((303, '') if location else (200, info['data'])), **({'Location': location} if location else {'Content-Type': 'text/html'}))

    def sign_in(self, query):
        request = server.parse_authn_request(query['SAMLRequest'], BINDING_HTTP_REDIRECT).message
        if not is_signed(query, request.issuer.text):
            return self.answer(403, 'the request is not signed')
        destination = request.assertion_consumer_service_url
        name_id = NameID(format=NAMEID_FORMAT_PERSISTENT, name_qualifier=f'{base}/metadata', sp_name_qualifier=request.issuer.text, text='ann')
        response = server.create_authn_response(
            {'mail': ['ann@example.com'], 'displayName': ['Ann Ö. <&>']}, request.id, destination, request.issuer.text, name_id=name_id,
            authn={'class_ref': PASSWORDPROTECTEDTRANSPORT, 'authn_auth': base}, sign_assertion=True, sign_response=True,
            encrypt_assertion=cipher != 'none', sign_alg=SIG_RSA_SHA256, digest_alg=DIGEST_SHA256)
        issued.update(name_id=name_id, service=request.issuer.text)
        self.leave(server.apply_binding(BINDING_HTTP_POST, str(response), destination, query['RelayState'], response=True))

    def sign_out(self, query):
        if 'SAMLResponse' in query:
            return self.answer(200, 'signed out here too' if is_signed(query, issued['service']) else 'not signed')
        request = server.parse_logout_request(query['SAMLRequest'], BINDING_HTTP_REDIRECT).message
        if not is_signed(query, request.issuer.text) or request.name_id != issued['name_id']:
            return self.answer(403, 'not signed, or of somebody else')
        response = server.create_logout_response(request, [BINDING_HTTP_REDIRECT])
        self.leave(server.apply_binding(BINDING_HTTP_REDIRECT, str(response), response.destination, query['RelayState'], response=True, sign=True, sigalg=SIG_RSA_SHA256))

    def end(self, query):
        identifier, request = server.create_logout_request(query['to'], issued['service'], name_id=issued['name_id'])
        self.leave(server.apply_binding(BINDING_HTTP_REDIRECT, str(request), query['to'], 'state', sign=True, sigalg=SIG_RSA_SHA256))

    def do_GET(self):
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        if url.path == '/metadata':
            return self.answer(200, str(entity_descriptor(config)), **{'Content-Type': 'application/samlmetadata+xml'})
        {'/sso': self.sign_in, '/slo': self.sign_out, '/end': self.end}[url.path](query)

    def log_message(self, *_):
        pass


HTTPServer(('127.0.0.1', port), Handler).serve_forever()
