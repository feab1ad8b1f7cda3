#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tokens from real issuers: logins, renewal, faults, crashes; and that no token
is seen outside the vault and the egress that carries it."""
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403
from issuer import Browser, Issuer  # noqa: E402
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


# --- logins ---------------------------------------------------------------------

class Login:
    """`handrail vault login` as a person runs it."""

    def __init__(self, h, *args, input=None):
        self.process = subprocess.Popen(
            [h.handrail, 'vault', '--config', h.config, '--state', h.state,
             'login', 'there', *args], env=h.env, cwd=h.folder, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, preexec_fn=with_parent)
        COMPANIONS.append(self.process)
        self.said = ''

    def hear(self, pattern):
        """The first match in what it says on stderr."""
        while True:
            found = re.search(pattern, self.said)
            if found:
                return found.group(1)
            piece = self.process.stderr.readline()
            if not piece:
                raise Failed('the login ended: %s %s' % (
                    self.said, self.process.stdout.read()))
            self.said += piece

    def end(self, code=0, input=None):
        out, err = self.process.communicate(input, timeout=60)
        COMPANIONS.remove(self.process)
        need(self.process.returncode == code, self.process.returncode, out,
             self.said, err)
        return out + self.said + err


def person(i):
    return ['--host', 'api.test', '--token-endpoint', i.url + '/token',
            '--authorization-endpoint', i.url + '/auth', '--issuer', i.url,
            '--client-id', 'person', '--scope', 'openid offline_access']


def log_in(h, i, *args):
    """A person logs in with a browser; the credential has its tokens."""
    login = Login(h, *args)
    url = login.hear(r'(https://issuer\.test\S+)')
    end, page = Browser(i).walk(url)
    need('may be closed' in page, end, page)
    need('logged in' in login.end(), login.said)
    return url


@test
def a_person_logs_in_by_code_and_pkce_on_loopback():
    with Both() as (h, i):
        url = log_in(h, i, *person(i))
        need('code_challenge_method=S256' in url and 'state=' in url, url)
        need(yes(call(h)), i.log())
        need([e['grant'] for e in i.log('grant')] == ['authorization_code'],
             i.log())
        shown = h.get(AT + '/there').json
        need('closed' not in shown and shown['version'] == 2, shown)
        h.verified()


@test
def a_refresh_token_is_rotated_and_the_new_one_is_used_next():
    with Both() as (h, i):
        i.set(ttl=2)
        log_in(h, i, *person(i))
        for _ in range(3):
            time.sleep(2.1)
            need(yes(call(h)), i.log())
        used = [e['used'] for e in i.log('grant') if
                e['grant'] == 'refresh_token']
        need(len(used) >= 3 and len(set(used)) == len(used), i.log())
        need(not i.log('refused'), i.log())


if __name__ == '__main__':
    sys.exit(main())
