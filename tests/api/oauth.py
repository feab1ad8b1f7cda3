#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tokens from real issuers: logins, renewal, faults, crashes; and that no token
is seen outside the vault and the egress that carries it."""
import base64
import hashlib
import json
import os
import re
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403
from issuer import Both, Browser, Login  # noqa: E402
from vault_help import (  # noqa: E402
    artefacts, box, encodings, finish, heads, tokens)

AT = '/api/vault/credentials'
CALL = 'curl -sS -m 40 https://api.test/api'


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
        intents = [n for n, kind in enumerate(kinds)
                   if kind == 'request_intent']
        need(asked < intents[0] < renewed < intents[1], kinds)
        h.verified()
        h.ok('audit', 'verify', '--decisions')


@test
def a_client_secret_may_go_into_the_form():
    with Both() as (h, i):
        service(h, i, 'poster', b'canary-client-secret-0002',
                token_endpoint_auth='client_secret_post')
        need(yes(call(h)), i.log())


# --- logins ---------------------------------------------------------------------

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


def device(i):
    return ['--host', 'api.test', '--token-endpoint', i.url + '/token',
            '--device-endpoint', i.url + '/device/auth', '--client-id', 'box',
            '--scope', 'openid offline_access']


@test
def a_device_is_logged_in_by_a_code_that_a_person_enters():
    with Both() as (h, i):
        login = Login(h, *device(i))
        page = login.hear(r'or open (https://issuer\.test\S+)')
        # The device asks and asks; each question is on record.
        until(lambda: [e for e in i.log('refused') if
                       e['refused'] == 'authorization_pending'], 20)
        Browser(i).walk(page)
        need('logged in' in login.end(), login.said)
        need(yes(call(h)), i.log())
        used = [e['body']['use'] for e in heads(h, 'credential_asked')]
        need(used[0] == 'device_authorization' and
             used.count('device_code') >= 2, used)
        h.verified()


@test
def a_device_that_a_person_refuses_is_told_so():
    with Both() as (h, i):
        a = h.post('/api/vault/login', {
            'name': 'there', 'kind': 'oauth_refresh', 'hosts': 'api.test',
            'token_endpoint': i.url + '/token', 'client_id': 'box',
            'device_authorization_endpoint': i.url + '/device/auth'})
        need(a.code == 200 and a.json['user_code'] and
             'device_code' not in a.json, a)
        go = '/api/vault/login/there'
        need(h.post(go, {}).json['state'] == 'pending', 'too early to ask')
        need(asked(h) == 1, 'and nobody was asked')
        i.set(fault='access_denied')
        time.sleep(5.1)
        a = h.post(go, {})
        need(a.code == 403 and 'access_denied' in a.out, a)
        need(h.post(go, {}).code == 404, 'it is over')
        need(h.get(AT + '/there').json['closed'], 'no token came')


@test
def an_issuer_is_asked_for_its_endpoints():
    with Both() as (h, i):
        url = log_in(h, i, '--host', 'api.test', '--issuer', i.url,
                     '--client-id', 'person', '--scope',
                     'openid offline_access')
        need(url.startswith(i.url + '/auth?'), url)
        facts = h.get(AT + '/there').json['properties']
        need(facts['token_endpoint'] == i.url + '/token' and
             facts['names_issuer'] == 'true', facts)
        need(yes(call(h)), i.log())
        # Whoever says that he is another one is not believed.
        a = h.post('/api/vault/login', {
            'name': 'other', 'kind': 'oauth_refresh', 'hosts': 'api.test',
            'issuer': i.url + '/', 'client_id': 'person',
            'redirect_uri': 'http://127.0.0.1:1/'})
        need(a.code == 403 and 'another issuer' in a.out, a)


WELL = '/.well-known/oauth-protected-resource'


def mcp(h, i, *args):
    """A login that is told the server alone; the page that a person opens, and
    what of the server was asked for before."""
    i.ask('/forget')
    if h.get(AT + '/there').code == 200:
        need(h.post(AT + '/there/delete', {}).code == 200)
    url = log_in(h, i, '--url', i.url + '/mcp/v1', '--client-id', 'person', *args)
    return url, [e['server'] for e in i.log('server')]


def refused_login(h, i, words, code=1):
    if h.get(AT + '/there').code == 200:
        need(h.post(AT + '/there/delete', {}).code == 200)
    a = h.cli('vault', 'login', 'there', '--url', i.url + '/mcp/v1',
              '--client-id', 'person')
    need(a.code == code and words in a.err, a)
    need(h.get(AT + '/there').code == 404, 'nothing is kept')


@test
def a_server_that_wants_tokens_is_asked_whose():
    """RFC 9728: its 401 says where, or a well-known place does; what it names
    is its issuer, which is then asked as any."""
    with Both() as (h, i):
        scope = 'scope="openid offline_access"'
        i.set(server={'challenge': 'Basic realm="x", Bearer %s, resource_metadata='
                      '"https://issuer.test:PORT/said/here"' % scope,
                      'at': '/said/here', 'scopes': ['read']})
        url, asked = mcp(h, i)
        need(asked == ['/mcp/v1', '/said/here'], asked)
        at = dict(urllib.parse.parse_qsl(url.partition('?')[2]))
        need(at['resource'] == i.url + '/mcp/v1' and
             at['scope'] == 'openid offline_access', at)
        facts = h.get(AT + '/there').json
        need(facts['kind'] == 'mcp_oauth' and 'closed' not in facts and
             facts['hosts'] == 'issuer.test:%d' % i.port and
             facts['properties']['issuer'] == i.url and
             facts['properties']['token_endpoint'] == i.url + '/token', facts)
        # Every question is in the book, and none bore a credential.
        rules = [(e['kind'], e['body']['path']) for e in h.events()
                 if e['rule'] == 'vault.login' and e['kind'] == 'request_intent']
        need([path for _, path in rules][:2] == ['/mcp/v1', '/said/here'], rules)
        need(not any(e.get('authorization') for e in i.log('server')))
        # Without a place in it, and without a challenge at all.
        i.set(server={'challenge': 'Bearer ' + scope, 'at': WELL + '/mcp/v1'})
        need(mcp(h, i)[1] == ['/mcp/v1', WELL + '/mcp/v1'])
        i.set(server={'status': 405, 'at': WELL, 'resource':
                      'https://issuer.test:PORT', 'scopes': ['openid',
                                                             'offline_access']})
        url, asked = mcp(h, i)
        need(asked == ['/mcp/v1', WELL + '/mcp/v1', WELL], asked)
        need('scope=openid%20offline_access' in url or
             'scope=openid+offline_access' in url, url)
        # What the person says stands.
        i.set(server={'at': WELL + '/mcp/v1', 'scopes': ['read']})
        url, _ = mcp(h, i, '--scope', 'openid', '--resource', i.url + '/mine')
        need('scope=openid&' in url and '%2Fmine' in url, url)
        h.ok('audit', 'verify', '--decisions')


@test
def V05_a_server_that_speaks_for_another_is_not_followed():
    with Both() as (h, i):
        i.set(server={'challenge': 'Bearer resource_metadata='
                      '"https://evil.test/said"', 'at': WELL + '/mcp/v1'})
        refused_login(h, i, 'on another host')
        need([e['server'] for e in i.log('server')] == ['/mcp/v1'], i.log())
        for other in ('https://issuer.test:PORT/mcp/v2',
                      'https://evil.test/mcp/v1', 'https://issuer.test/mcp/v1'):
            i.set(server={'at': WELL + '/mcp/v1', 'resource': other})
            refused_login(h, i, 'speak for another one')
        i.set(server={'at': 'nowhere'})
        refused_login(h, i, 'names no issuer (RFC 9728; HTTP 404)', 3)


def begun(h, i, **more):
    body = {'name': 'there', 'kind': 'oauth_refresh', 'hosts': 'api.test',
            'token_endpoint': i.url + '/token', 'client_id': 'person',
            'authorization_endpoint': i.url + '/auth', 'issuer': i.url,
            'scope': 'openid offline_access',
            'redirect_uri': 'http://127.0.0.1:8976/callback', **more}
    a = h.post('/api/vault/login', body)
    need(a.code == 200, a)
    return a.json


def code_of(i, url):
    """What the browser ends at, as a dict."""
    end, _ = Browser(i).walk(url, stop='http://127.0.0.1')
    return {k: v[0] for k, v in urllib.parse.parse_qs(
        urllib.parse.urlsplit(end).query).items()}


@test
def a_redirect_may_be_pasted():
    with Both() as (h, i):
        login = Login(h, *person(i), '--paste')
        url = login.hear(r'(https://issuer\.test\S+)')
        end, _ = Browser(i).walk(url, stop='http://127.0.0.1')
        need('logged in' in login.end(input=end + '\n'), login.said)
        need(yes(call(h)), i.log())


@test
def V05_a_redirect_of_another_login_or_issuer_is_refused():
    with Both() as (h, i):
        login = begun(h, i)
        got = code_of(i, login['url'])
        need(got['iss'] == i.url, got)
        good = {'state': got['state'], 'iss': got['iss'],
                'code': box(h, got['code'].encode())}
        go = '/api/vault/login/there'
        for wrong in ({'state': 'x' * 43}, {'state': ''},
                      {'state': good['state'][:-1]},
                      {'iss': 'https://evil.test'}, {'iss': i.url + '/'}):
            a = h.post(go, {**good, **wrong})
            need(a.code == 403, wrong, a)
        need(not i.log('grant'), 'nothing was asked')
        need(h.post(go, good).code == 200, 'the twin')
        # A code is used once, here and there.
        need(h.post(go, good).code == 404, 'no login is under way')
        again = begun_again(h)
        a = h.post(go, {**good, 'state': again['login']})
        need(a.code == 403 and 'invalid_grant' in a.out, a)
        need(yes(call(h)) or i.log('refused'), i.log())


@test
def V05_an_issuer_that_says_it_names_itself_is_named():
    with Both() as (h, i):
        a = h.post('/api/vault/login', {
            'name': 'there', 'kind': 'oauth_refresh', 'hosts': 'api.test',
            'issuer': i.url, 'client_id': 'person',
            'scope': 'openid offline_access',
            'redirect_uri': 'http://127.0.0.1:8976/callback'})
        need(a.code == 200, a)
        got = code_of(i, a.json['url'])
        unnamed = {'state': got['state'],
                   'code': box(h, got['code'].encode())}
        a = h.post('/api/vault/login/there', unnamed)
        need(a.code == 403 and 'comes from the issuer' in a.out, a)
        need(not i.log('grant'), 'nothing was asked')
        a = h.post('/api/vault/login/there', {**unnamed, 'iss': got['iss']})
        need(a.code == 200, 'the twin', a)


@test
def a_no_of_the_issuer_ends_the_login():
    with Both() as (h, i):
        got = code_of(i, begun(h, i)['url'])
        good = {'state': got['state'], 'iss': got['iss'],
                'code': box(h, got['code'].encode())}
        go = '/api/vault/login/there'
        a = h.post(go, {**good, 'error': 'access_denied'})
        need(a.code == 403 and 'access_denied' in a.out, a)
        a = h.post(go, good)
        need(a.code == 404, 'a code is for one try', a)
        need(not i.log('grant'), 'nothing was asked')


def begun_again(h):
    a = h.post('/api/vault/login', {
        'name': 'there', 'redirect_uri': 'http://127.0.0.1:8976/callback'})
    need(a.code == 200, a)
    return a.json


@test
def V05_a_code_without_its_verifier_is_worth_nothing():
    with Both() as (h, i):
        got = code_of(i, begun(h, i)['url'])
        # Another login has another verifier.
        login = begun_again(h)
        a = h.post('/api/vault/login/there', {
            'state': login['login'], 'iss': got['iss'],
            'code': box(h, got['code'].encode())})
        need(a.code == 403 and 'invalid_grant' in a.out, a)


@test
def V05_a_redirect_goes_nowhere_else():
    with Both() as (h, i):
        for wrong in ('http://evil.test/', 'http://127.0.0.1:1@evil.test/',
                      'http://localhost:8976/', 'javascript:1', ''):
            a = h.post('/api/vault/login', {
                'name': 'there', 'kind': 'oauth_refresh',
                'hosts': 'api.test', 'token_endpoint': i.url + '/token',
                'client_id': 'person', 'redirect_uri': wrong,
                'authorization_endpoint': i.url + '/auth'})
            need(a.code == 400, wrong, a)


# --- faults ---------------------------------------------------------------------

def mocked(h, i, **more):
    """A credential with a refresh token of oauth2-mock-server's."""
    body = {'name': 'there', 'kind': 'oauth_refresh', 'hosts': 'api.test',
            'token_endpoint': i.url + '/token', 'client_id': 'anybody',
            'box': box(h, tokens(b'', b'canary-refresh-0000')), **more}
    a = h.post(AT, body)
    need(a.code == 200, a)


def asked(h):
    return len(heads(h, 'credential_asked'))


@test
def V04_an_answer_that_lacks_something_is_not_kept():
    with Both('mock') as (h, i):
        mocked(h, i)
        for n, fault in enumerate(('type', 'lifetime', 'zero', 'negative',
                                   'lines', 'huge', 'redirect', '500')):
            i.set(fault=fault)
            said = call(h, CALL + ' || true')
            need('no new token' in said and not yes(said), fault, said)
            need(not i.log('api') and not heads(h, 'credential_renewed'),
                 fault, i.log())
            need('closed' not in h.get(AT + '/there').json, fault)
            # Another token, so that nothing of before makes it wait.
            a = h.post(AT + '/there/rotate', {
                'box': box(h, tokens(b'', b'canary-refresh-1%03d' % n))})
            need(a.code == 200, a)
        i.set(fault='')
        need(yes(call(h)), 'the twin', i.log())


@test
def V04_an_endpoint_is_https_and_no_address():
    with Both() as (h, i):
        for url, code in (('http://issuer.test/token', 400),
                          ('https://127.0.0.1/token', 403),
                          ('https://[::1]/token', 403),
                          ('https://10.0.0.7/token', 403),
                          ('https://localhost/token', 403),
                          ('https://issuer.test/token', 200)):
            a = h.post(AT, {
                'name': 'there', 'kind': 'oauth_refresh', 'hosts': 'api.test',
                'token_endpoint': url, 'client_id': 'c',
                'box': box(h, tokens(b'', b'r'))})
            need(a.code == code, url, a)


@test
def a_lifetime_that_the_credential_names_is_assumed():
    with Both('mock') as (h, i):
        mocked(h, i, lifetime='600')
        i.set(fault='lifetime')
        need(yes(call(h)), i.log())


@test
def V03_a_no_closes_the_credential_until_somebody_logs_in():
    with Both('mock') as (h, i):
        mocked(h, i)
        i.set(fault='invalid_grant')
        said = call(h, CALL + ' || true; ' + CALL + ' || true')
        need('handrail vault login there' in said and
             'invalid_grant' in said, said)
        need(asked(h) == 1, 'asked once, not again and again')
        need(len(heads(h, 'credential_closed')) == 1, 'on record')
        need('invalid_grant' in h.get(AT + '/there').json['closed'], 'shown')
        h.stop()
        h.start()
        i.set(fault='')
        need('vault login' in call(h, CALL + ' || true'), 'after a start')
        need(asked(h) == 1, 'nor then')
        # A rotation by hand is a way out as well.
        a = h.post(AT + '/there/rotate', {
            'box': box(h, tokens(b'', b'canary-refresh-0001'))})
        need(a.code == 200, a)
        need(yes(call(h)), i.log())


@test
def what_may_pass_is_tried_again_with_the_same_token():
    for _ in range(10):
        with Both('mock') as (h, i):
            mocked(h, i)
            i.set(fault='500')
            said = call(h, CALL + ' || true; ' + CALL + ' || true')
            at = [e['at_us'] for e in heads(h, 'credential_asked')]
            if len(at) == 2 and at[1] - at[0] >= 5000000:
                continue  # the pause was over: the machine stood still
            need('no new token' in said and 'there was no other' in said and
                 len(at) == 1, said, at)
            i.set(fault='')
            time.sleep(5)
            need(yes(call(h)), i.log())
            again = heads(h, 'credential_asked')[1]['body']
            return need(again.get('again') is True, again)
    raise Failed('10 times the machine stood still')


@test
def an_answer_that_was_lost_after_the_rotation_ends_in_a_login():
    with Both('mock') as (h, i):
        mocked(h, i)
        i.set(fault='lost')
        need('no new token' in call(h, CALL + ' || true'), 'lost')
        i.set(fault='')
        time.sleep(5)
        # The old one is tried, and it is dead.
        need('vault login there' in call(h, CALL + ' || true'), i.log())
        need(asked(h) == 2, 'twice')


@test
def V01_many_requests_on_an_ended_token_are_one_renewal():
    with Both() as (h, i):
        service(h, i)
        i.set(delay=1500)
        many = ' & '.join([CALL] * 12)
        results = []
        rows = [threading.Thread(target=lambda: results.append(call(
            h, many + ' & wait'))) for _ in range(3)]
        for row in rows:
            row.start()
        for row in rows:
            row.join()
        need(sum(r.count('the interface says yes') for r in results) == 36,
             results)
        need(len(i.log('grant')) == 1 and asked(h) == 1, i.log('grant'))


@test
def what_waited_for_a_token_does_not_go_under_another_policy():
    """The role is read anew while the token endpoint takes its time: the tool's
    request was allowed by a policy that is no more."""
    with Both() as (h, i):
        h.role_file('caller', 'mcp/server.toml', SERVER + """
[tool.ask]
description = "Ask the interface"
action      = "read"
run         = { http = { method = "GET", url = "https://api.test/api" } }
""")
        h.role_file('caller', 'role.toml', ROLE.replace('["shell"]',
                                                        '["shell", "ask"]'))
        with open(os.path.join(h.folder, 'roles/caller/gates.toml')) as f:
            gates = f.read()
        h.stop()
        h.start()

        def asks(between=lambda: None):
            """One call of the tool, its end and its text."""
            before = asked(h)
            task = h.dispatch([{'id': 'a', 'tool': 'ask', 'args': {},
                                'on_error': 'continue'}, finish()],
                              queue='caller')
            until(lambda: asked(h) > before, text=lambda: h.log()[-900:])
            between()
            i.set(hold=False)
            need(h.outcome(task, 90)['state'] == 'completed')
            return [(e['body']['end'], json.dumps(e['body']['result']))
                    for e in h.events(task) if e['kind'] == 'call_settled'][0]

        def narrows():
            h.role_file('caller', 'gates.toml', gates.replace('/**', '/other/**'))
            h.reload()
        service(h, i)
        i.set(hold=True)
        end, text = asks(narrows)
        need(end == 'failed' and 'policy that allowed it was changed' in text,
             end, text)
        need(not i.log('api') and len(i.log('grant')) == 1, i.log())
        denied = [e['body'] for e in h.events() if e['kind'] == 'request_denied']
        need(len(denied) == 1 and 'was changed' in denied[0]['reason'], denied)
        # Its neighbour: nobody reads anything anew meanwhile.
        h.role_file('caller', 'gates.toml', gates)
        h.reload()
        need(h.post(AT + '/there/delete', {}).code == 200)
        service(h, i)
        i.set(hold=True)
        end, text = asks()
        need(end == 'ok' and 'says yes' in text and len(i.log('api')) == 1, text)
        h.verified()


@test
def a_token_is_renewed_ahead_of_its_end_without_anybody_waiting():
    for _ in range(10):
        with Both() as (h, i):
            i.set(ttl=10)
            service(h, i)
            said = call(h, CALL + '; sleep 8.3; ' + CALL)
            need(said.count('says yes') == 2, said, i.log())
            until(lambda: len(heads(h, 'credential_renewed')) == 2)
            made, used = i.log('grant')[0], i.log('api')
            if used[1]['at'] - made['at'] < 9000:  # else it had ended: once more
                need(used[0]['token'] == used[1]['token'], 'the old one served', i.log())
                return
    raise Failed('10 times the machine stood still')


# --- a 401 ----------------------------------------------------------------------

def digest(answer):
    return hashlib.sha256(answer.encode()).hexdigest()


@test
def a_request_that_is_refused_goes_once_more_with_a_new_token():
    with Both() as (h, i):
        service(h, i)
        need(yes(call(h)), i.log())
        i.set(revoked=[i.log('api')[-1]['token']])
        need(yes(call(h)), i.log())
        used = [(e['good'], e['token']) for e in i.log('api')]
        need([u[0] for u in used] == [True, False, True] and
             used[1][1] != used[2][1], used)
        need(len(i.log('grant')) == 2, i.log('grant'))
        # Each going has its intent, its grant and its outcome.
        until(lambda: len(heads(h, 'request_outcome')) == 5)
        kinds = [e['kind'] for e in h.events()]
        for kind in ('request_outcome', 'request_intent', 'grant_made'):
            need(kinds.count(kind) == 5, kind, kinds.count(kind))
        h.verified()


@test
def a_second_401_is_the_answer():
    with Both() as (h, i):
        service(h, i)
        need(yes(call(h)), i.log())
        i.set(revoked='*')
        said = call(h)
        need('who are you' in said, said)
        need([e['good'] for e in i.log('api')] == [True, False, False],
             i.log('api'))
        # Whoever asks again at once does not make another token each time.
        call(h, '; '.join([CALL] * 5))
        need(len(i.log('grant')) == 2, i.log('grant'))


@test
def a_body_is_never_sent_twice():
    with Both() as (h, i):
        service(h, i)
        need(yes(call(h)), i.log())
        i.set(revoked=[i.log('api')[-1]['token']])
        said = call(h, CALL + ' -d some=body')
        need('who are you' in said, said)
        need([e['good'] for e in i.log('api')] == [True, False],
             i.log('api'))
        need(len(i.log('grant')) == 1, i.log('grant'))


# --- a sandbox asks a token endpoint itself ---------------------------------------

BROKERED = """
[egress.tokens]
match    = {{ host = "issuer.test", port = {port}, method = "POST", path = "/token" }}
upstream = "127.0.0.1:{port}"
ca       = "{cert}"
token_endpoint = "there"

[egress.there]
match    = {{ host = "api.test", method = "GET", path = "/**" }}
upstream = "127.0.0.1:{port}"
ca       = "{cert}"
inject   = {{ credential = "there", header = "Authorization", placeholder = "THERE_TOKEN" }}
"""

BROKERED_AT = """
[egress.{name}]
match    = {{ host = "issuer.test", port = {port}, method = "POST", path = "/token" }}
upstream = "127.0.0.1:{to}"
ca       = "{cert}"
token_endpoint = "{name}"
"""

BROKER = r"""set -e
curl -sS -d grant_type=client_credentials%s https://issuer.test:%d/token > answer
cat answer
token=$(sed 's/.*"access_token":"\([^"]*\)".*/\1/' answer)
curl -sS -H "Authorization: Bearer $token" https://api.test/api
"""


class Brokered(Both):
    def __enter__(self):
        h, i = super().__enter__()
        h.role_file('caller', 'gates.toml', '[defaults]\nunmatched = "allow"\n' +
                    BROKERED.format(port=i.port, cert=i.cert))
        a = h.post(AT, {
            'name': 'there', 'kind': 'oauth_refresh', 'hosts': 'api.test',
            'token_endpoint': i.url + '/token', 'client_id': 'anybody',
            'box': box(h, tokens(b'', b'', b'canary-client-secret-0009'))})
        need(a.code == 200, a)
        h.stop()
        h.start()
        return h, i


@test
def R04_tokens_that_a_sandbox_asks_for_stay_in_the_vault():
    with Brokered('mock') as (h, i):
        said = call(h, BROKER % ('', i.port))
        made = [t for t in i.ask('/made') if t]
        need(yes(said) and 'hr_placeholder_' in said, said)
        need(len(made) >= 2 and not any(t in said for t in made), said)
        need(i.log('api')[-1]['token'] == digest(made[0]), 'the real one')
        # Another sandbox holds a placeholder of its own, and nothing is his.
        said = call(h, 'curl -sS -H "Authorization: Bearer $THERE_TOKEN" '
                    'https://api.test/api || true')
        need(not yes(said) and len(i.log('api')) == 1, said)
        # Nor is it asked for with what stands for another token.
        said = call(h, '(' + BROKER % ('"&refresh_token=$THERE_TOKEN"',
                                         i.port) + ') || true')
        need('placeholder' in said and len(i.log('grant')) == 1, said)
        for name, text in artefacts(h):
            for secret in made:
                need(not any(c in text for c in encodings(secret.encode())),
                     'a token is in %s' % name)
        h.verified()
        h.ok('audit', 'verify', '--decisions')


@test
def R04_of_another_endpoint_nothing_is_taken():
    """The twin of the vault's own check: the rule names an endpoint that the
    credential is not bound to."""
    with Brokered('mock') as (h, i):
        post = '%s/there/delete' % AT
        need(h.post(post, {}).code == 200, 'deleted')
        a = h.post(AT, {
            'name': 'there', 'kind': 'oauth_refresh', 'hosts': 'api.test',
            'token_endpoint': 'https://other.test/token', 'client_id': 'c',
            'box': box(h, tokens(b'', b'', b'canary-client-secret-0010'))})
        need(a.code == 200, a)
        said = call(h, '(' + BROKER % ('', i.port) + ') || true')
        need('is bound to other.test' in said and not i.log('grant'), said)


@test
def R04_what_a_sandbox_took_ends_with_its_credential():
    """Another one of its name, bound to another server, is another one."""
    wait = ('touch /work/took; until [ -e /work/go ]; do sleep .05; done; '
            'curl -sS -H "Authorization: Bearer $token" https://api.test/api '
            '|| true')
    with Brokered('mock') as (h, i):
        for way in ('delete', 'rotate'):
            i.ask('/forget')
            t = h.dispatch([shell(BROKER % ('', i.port) + wait), finish()],
                           queue='caller')
            until(lambda: h.task(t)['runs'] and 'took' in h.in_work(t, 'ls'))
            if way == 'delete':
                h.ok('vault', 'delete', 'there')
                service(h, i, 'anybody', b'canary-client-secret-0010')
            else:
                a = h.post(AT + '/there/rotate', {'box': box(h, tokens(
                    b'', b'', b'canary-client-secret-0011'))})
                need(a.code == 200, a)
            h.in_work(t, 'touch go')
            h.outcome(t)
            said = json.dumps([e for e in h.events(t)
                               if e['kind'] == 'call_settled'])
            shown = [e['token'] for e in i.log('api')]
            if way == 'delete':  # the new one's own
                need(len(shown) == 2 and shown[0] != shown[1], said, i.log())
            else:
                need(len(shown) == 1 and 'has no token of there: it asks its '
                     'token endpoint for one' in said, said, i.log())


@test
def R04_a_sandbox_holds_tokens_of_so_many_credentials_and_no_more():
    """One more would have no place, and the house's own be lent for it."""
    ports, names = range(5001, 5018), ['there%d' % n for n in range(17)]
    with Both('mock') as (h, i):
        h.role_file('caller', 'gates.toml', '[defaults]\nunmatched = "allow"\n' +
                    ''.join(BROKERED_AT.format(name=name, port=port, to=i.port,
                                               cert=i.cert)
                            for name, port in zip(names, ports)))
        for name, port in zip(names, ports):
            a = h.post(AT, {
                'name': name, 'kind': 'oauth_refresh', 'hosts': 'api.test',
                'token_endpoint': 'https://issuer.test:%d/token' % port,
                'client_id': name, 'box': box(h, tokens(
                    b'', b'', b'canary-client-secret-%s' % name.encode()))})
            need(a.code == 200, a)
        h.stop()
        h.start()
        ask = ('curl -sS -d grant_type=client_credentials '
               'https://issuer.test:$p/token; echo')
        # The first again at the end: what it has it may have anew.
        said = call(h, 'for p in $(seq 5001 5017) 5001; do %s; done' % ask)
        need(said.count('access_token') == 17, said)
        need(said.count('tokens of 16 credentials') == 1, said)
        need(len(i.log('grant')) == 17, len(i.log('grant')))
        # At once or one after the other; and the next sandbox has its own.
        said = call(h, 'for p in $(seq 5001 5017); do (%s) & done; wait' % ask)
        need(said.count('access_token') == 16 and
             said.count('tokens of 16 credentials') == 1, said)
        h.verified()


# --- nobody else sees one -------------------------------------------------------

def memory(pid):
    """What a process may have written in its memory; None: it cannot be read."""
    found = []
    try:
        with open('/proc/%d/maps' % pid) as maps, \
                open('/proc/%d/mem' % pid, 'rb') as mem:
            for line in maps:
                span, rights = line.split()[:2]
                if rights[:2] != 'rw' or '[v' in line:
                    continue
                low, high = (int(x, 16) for x in span.split('-'))
                try:
                    mem.seek(low)
                    found.append(mem.read(high - low))
                except (OSError, OverflowError, ValueError):
                    pass
    except OSError:
        return None
    return b''.join(found)


def parts(h):
    """(name, pid) of every process of the house."""
    table = processes()
    return [(table[pid][1], pid) for pid in
            [h.process.pid, *descendants(h.process.pid, table)]
            if pid in table]


@test
def no_token_is_in_anything_but_the_vault_and_the_egress_that_carries_it():
    with Both() as (h, i):
        i.set(ttl=3)
        log_in(h, i, *person(i))
        need(yes(call(h)), i.log())
        time.sleep(3)
        need(yes(call(h)), i.log())
        # One sandbox stands while memories are read: its egress has the token.
        task = h.dispatch([shell(CALL + '; ' + UNTIL_GO), finish()], queue='caller')
        until(lambda: len(i.log('api')) >= 3, 20)
        secrets = [t.encode() for t in i.ask('/made') if t]
        need(len(secrets) >= 6, secrets)
        seen = {}
        for name, pid in parts(h):
            text = memory(pid)
            if text is not None:
                seen[name, pid] = [t for t in secrets if t in text]
        if not seen:
            raise Skipped('memories of other processes cannot be read here')
        for (name, pid), found in seen.items():
            need(not found or name in ('egress', 'vault'),
                 '%d secrets in the memory of %s' % (len(found), name))
        need(any(found for (name, _), found in seen.items()
                 if name == 'egress'), 'the decoy: it was looked for', seen)
        h.go()
        h.outcome(task)
        looked = 0
        for name, text in artefacts(h):
            looked += 1
            for secret in secrets:
                need(not any(c in text for c in encodings(secret)),
                     'a token is in %s' % name)
        need(looked > 30, looked)


if __name__ == '__main__':
    sys.exit(main())
