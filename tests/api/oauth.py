#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tokens from real issuers: logins, renewal, faults, crashes; and that no token
is seen outside the vault and the egress that carries it."""
import base64
import hashlib
import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403
from issuer import Issuer  # noqa: E402
from vault_help import box, finish, heads, tokens  # noqa: E402

AT = '/api/vault/credentials'
CALL = 'curl -sS -m 40 https://api.test/api'

CALLER = {
    'role.toml': ROLE,
    'mcp/server.toml': SERVER,
    'gates.toml': """\
[defaults]
unmatched = "allow"

[egress.there]
match    = {{ host = "api.test", method = "GET|POST", path = "/**" }}
upstream = "127.0.0.1:{port}"
ca       = "{cert}"
inject   = {{ credential = "there", header = "Authorization", format = "Bearer {{{{secret}}}}" }}
""",
}


class Both:
    """A house and an issuer that it knows."""

    def __init__(self, kind='oidc', **more):
        self.kind, self.more = kind, more

    def __enter__(self):
        self.h = House(roles={'caller': CALLER}, **self.more)
        self.i = Issuer(self.h.folder, self.kind)
        try:
            self.i.__enter__()
        except BaseException:
            self.h.__exit__()
            raise
        for path, text in CALLER.items():
            if path == 'gates.toml':
                text = text.format(port=self.i.port, cert=self.i.cert)
            self.h.role_file('caller', path, text)
        with open(self.h.config, 'a') as f:
            f.write(self.i.config())
        return self.h.start(), self.i

    def __exit__(self, *_):
        self.i.__exit__()
        self.h.__exit__()


def call(h, command=CALL):
    """One shell command in a sandbox; its settled events as text."""
    task = h.run([shell(command), finish()], queue='caller', seconds=60)
    need(task['state'] == 'completed', json.dumps(task)[:1500])
    return json.dumps([e for e in h.events(task['id'])
                       if e['kind'] == 'call_settled'])


def service(h, i, client='service', secret=b'canary-client-secret-0001', **more):
    """A credential of a service, whose tokens are made at their first use."""
    body = {'name': 'there', 'kind': 'oauth_refresh', 'hosts': 'api.test',
            'token_endpoint': i.url + '/token', 'client_id': client,
            'grant': 'client_credentials',
            'box': box(h, tokens(b'', b'', secret)), **more}
    a = h.post(AT, body)
    need(a.code == 200, a)
    return a.json


def yes(answer):
    return 'the interface says yes' in answer


@test
def a_service_has_its_token_made_at_the_first_use():
    with Both() as (h, i):
        service(h, i)
        need(yes(call(h)), i.log())
        need(len(i.log('grant')) == 1, i.log())
        need(yes(call(h)), i.log())
        need(len(i.log('grant')) == 1, 'one token serves twice', i.log())
        kinds = [e['kind'] for e in h.events()]
        asked, renewed = (kinds.index(k) for k in
                          ('credential_asked', 'credential_renewed'))
        need(asked < renewed < kinds.index('request_outcome') or
             asked < renewed, kinds)
        h.verified()


@test
def a_client_secret_may_go_into_the_form():
    with Both() as (h, i):
        service(h, i, 'poster', b'canary-client-secret-0002',
                token_endpoint_auth='client_secret_post')
        need(yes(call(h)), i.log())


if __name__ == '__main__':
    sys.exit(main())
