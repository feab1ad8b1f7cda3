#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What of a login, and of a credential whose tokens are renewed, is refused
before anybody is asked; no issuer is needed for that."""
import os
import signal
import socket
import sqlite3
import sys
import threading
from contextlib import closing

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403
from vault_help import box, heads, tokens  # noqa: E402

AT = '/api/vault/credentials'
LOGIN = '/api/vault/login'
BACK = 'http://127.0.0.1:8976/callback'


def facts(**more):
    return {'name': 'there', 'kind': 'oauth_refresh', 'hosts': 'api.test',
            'token_endpoint': 'https://issuer.test/token', 'client_id': 'c',
            **more}


def person(**more):
    return facts(authorization_endpoint='https://issuer.test/auth',
                 redirect_uri=BACK, **more)


def refused(a, code, words):
    need(a.code == code and words in a.out, code, words, a)


def nothing_kept(h):
    need(h.get(AT + '/there').code == 404, 'nothing is kept')


@test
def V04_endpoints_are_kept_only_as_they_may_be_asked():
    with House() as h:
        h.start()
        sealed = box(h, tokens(b'', b'r'))
        device = 'device_authorization_endpoint'
        for wrong, code, words in (
                ({device: 'http://issuer.test:443/d'}, 400,
                 device + ': expected https://HOST/'),
                ({device: 'https://evil.test/d'}, 400,
                 'expected the host of token_endpoint'),
                ({device: 'https://issuer.test:8443/d'}, 400,
                 'expected the host of token_endpoint'),
                ({device: 'https://127.0.0.1/d'}, 403,
                 'an address is reached only where'),
                ({'authorization_endpoint': 'http://issuer.test/auth'}, 400,
                 'https'),
                ({'token_endpoint_auth': 'private_key_jwt'}, 400,
                 'token_endpoint_auth: expected none'),
                ({'grant': 'password'}, 400, 'grant: expected'),
                ({'lifetime': '0'}, 400, 'lifetime: expected'),
                ({'lifetime': '1h'}, 400, 'lifetime: expected'),
                ({'lifetime': '315360001'}, 400, 'lifetime: expected'),
                ({'client_id': 'c' * 256}, 413, 'client_id has at most 255')):
            refused(h.post(AT, {**facts(box=sealed), **wrong}), code, words)
            nothing_kept(h)
        a = h.post(AT, {**facts(box=sealed), device: 'https://issuer.test/d',
                        'token_endpoint_auth': 'client_secret_post',
                        'grant': 'device_code', 'lifetime': '315360000',
                        'client_id': 'c' * 255})
        need(a.code == 200, 'the twin', a)


@test
def V04_a_client_without_a_secret_keeps_none():
    none = {'token_endpoint_auth': 'none'}
    words = "token_endpoint_auth is none, and a client's secret is given"
    with House() as h:
        h.start()
        secret = box(h, tokens(b'', b'', b'secret'))
        both = box(h, tokens(b'', b'r', b'secret'))
        alone = box(h, tokens(b'', b'r'))
        refused(h.post(AT, facts(box=both, **none)), 400, words)
        nothing_kept(h)
        refused(h.post(LOGIN, person(box=secret, **none)), 400, words)
        nothing_kept(h)
        need(h.post(AT, {**facts(box=both), 'name': 'twin'}).code == 200, 'the twin')
        need(h.post(AT, facts(box=alone, **none)).code == 200, 'the twin')
        refused(h.post(AT + '/there/rotate', {'box': both}), 400, words)
        need(h.get(AT + '/there').json['version'] == 1, h.get(AT + '/there'))
        need(h.post(LOGIN, {**person(**none), 'name': 'other'}).code == 200, 'the twin')
        a = h.cli('vault', 'login', 'third', '--host', 'api.test',
                  '--token-endpoint', 'https://issuer.test/token', '--client-id', 'c',
                  '--grant', 'client_credentials', '--token-auth', 'none',
                  '--client-secret-file', '/dev/stdin', input='secret')
        need(a.code != 0 and words in a.out + a.err, a)


@test
def an_address_is_an_endpoint_where_the_operator_says_so():
    with House(config="""
[issuer.here]
host     = "127.0.0.1:8443"
upstream = "127.0.0.1:8443"
""") as h:
        h.start()
        for url, code in (('https://127.0.0.1/token', 403),
                          ('https://127.0.0.1:8444/token', 403),
                          ('https://127.0.0.1:8443/token', 200)):
            a = h.post(AT, {**facts(box=box(h, tokens(b'', b'r'))),
                            'token_endpoint': url})
            need(a.code == code, url, a)


@test
def V05_a_redirect_is_one_that_is_kept_whole():
    with House() as h:
        h.start()
        long = 'https://house.test/' + 'a' * 380
        refused(h.post(LOGIN, {**person(), 'redirect_uri': long + 'a'}), 400,
                'redirect_uri: expected')
        nothing_kept(h)
        a = h.post(LOGIN, {**person(), 'redirect_uri': long})
        need(a.code == 200 and a.json['redirect_uri'] == long, a)


@test
def a_login_is_of_its_credential_alone():
    with House() as h:
        h.start()
        one = h.post(LOGIN, {**person(), 'redirect_uri': BACK + '/1'})
        two = h.post(LOGIN, {**person(), 'name': 'other'})
        need(one.code == 200 and two.code == 200, one, two)
        code = box(h, b'code')
        for name, other in (('there', two), ('other', one)):
            a = h.post(LOGIN + '/' + name,
                       {'state': other.json['login'], 'code': code})
            need(a.code == 403, name, a)
        refused(h.post(LOGIN + '/third', {'state': 'x', 'code': code}), 404,
                'no login is under way')
        # An archived credential has none; the other one's stands.
        need(h.post(AT + '/there/archive', {}).code == 200)
        refused(h.post(LOGIN + '/there',
                       {'state': one.json['login'], 'code': code}), 404,
                'no login is under way')
        # Nor has one that was put in its place.
        h.ok('vault', 'delete', 'there')
        need(h.post(AT, facts(box=box(h, tokens(b'', b'r')))).code == 200)
        refused(h.post(LOGIN + '/there',
                       {'state': one.json['login'], 'code': code}), 404,
                'no login is under way')
        # A code is sealed to the vault's key, and of a code's length.
        for bad in ('', '!', box(h, b'c' * 5000)):
            again = h.post(LOGIN, {'name': 'other', 'redirect_uri': BACK})
            need(again.code == 200, again)
            refused(h.post(LOGIN + '/other', {'state': again.json['login'],
                                              'code': bad}), 400,
                    'the code of the redirect')
        need(not heads(h, 'credential_asked'), 'nobody was asked')


@test
def a_login_is_of_the_flow_that_its_credential_names():
    with House() as h:
        h.start()
        refused(h.post(LOGIN, person(grant='device_code')), 400,
                'a login by device_code wants the device_authorization_endpoint')
        refused(h.post(LOGIN, facts(grant='authorization_code')), 400,
                'wants the authorization_endpoint of its issuer')
        refused(h.post(LOGIN, person(kind='unheard of')), 400, 'kind')
        nothing_kept(h)
        # What was archived is no credential of its name any more.
        need(h.post(LOGIN, person()).code == 200)
        need(h.post(AT + '/there/archive', {}).code == 200)
        a = h.post(LOGIN, person())
        need(a.code == 200 and a.json['flow'] == 'authorization_code', a)


@test
def of_many_logins_the_oldest_goes():
    with House() as h:
        h.start()
        begun = []
        for n in range(65):
            a = h.post(LOGIN, {**person(), 'name': 'n%d' % n})
            need(a.code == 200, n, a)
            begun.append(a.json['login'])
            if n not in (0, 1, 64):  # a vault holds twenty
                need(h.post(AT + '/n%d/archive' % n, {}).code == 200, n)
        wrong = {'code': 'bad'}
        for n, code in ((0, 404), (1, 400), (64, 400)):
            a = h.post(LOGIN + '/n%d' % n, {'state': begun[n], **wrong})
            need(a.code == code, n, a)


@test
def a_login_changes_only_what_it_may():
    with House() as h:
        h.start()
        # A box that the vault cannot open.
        a = h.post(LOGIN, person(box='aGVsbG8='))
        need(a.code == 400, a)
        nothing_kept(h)
        # A client's secret that was rotated out comes back by no login.
        secrets = [box(h, tokens(b'', b'', b'canary-client-%d' % n))
                   for n in (1, 2)]
        a = h.post(AT, {**facts(box=secrets[0]), 'name': 'old',
                        'grant': 'client_credentials'})
        need(a.code == 200, a)
        a = h.post(AT + '/old/rotate', {'box': secrets[1]})
        need(a.code == 200, a)
        again = box(h, tokens(b'', b'', b'canary-client-1'))
        refused(h.post(LOGIN, person(box=again)), 409, 'does not come back')
        nothing_kept(h)
        # Of a credential that is there a login changes no fact and no secret.
        need(h.post(LOGIN, person()).code == 200)
        before = h.get(AT + '/there').json
        fresh = box(h, tokens(b'', b'', b'canary-client-3'))
        again = {'name': 'there', 'redirect_uri': BACK}
        refused(h.post(LOGIN, {**again, 'box': fresh}), 400,
                "the client's secret of a new credential")
        a = h.post(LOGIN, {**again, 'token_endpoint': 'https://evil.test/t'})
        need(a.code == 400, a)
        need(h.get(AT + '/there').json == before, 'it is as it was')
        # What has no tokens is not logged in.
        a = h.post(AT, {'name': 'plain', 'kind': 'static_bearer',
                        'hosts': 'api.test', 'box': box(h, b'canary-plain')})
        need(a.code == 200, a)
        refused(h.post(LOGIN, {'name': 'plain', 'redirect_uri': BACK}), 400,
                'it holds no tokens')


@test
def no_login_begins_while_the_endpoint_is_being_asked():
    with socket.socket() as silent:
        silent.bind(('127.0.0.1', 0))
        silent.listen()
        with House(config="""
[issuer.here]
host     = "issuer.test"
upstream = "127.0.0.1:%d"
""" % silent.getsockname()[1]) as h:
            h.start()
            ask = facts(
                device_authorization_endpoint='https://issuer.test/device')
            first = []
            asking = threading.Thread(
                target=lambda: first.append(h.post(LOGIN, ask)))
            asking.start()
            until(lambda: heads(h, 'credential_asked'))
            before = h.get(AT + '/there').json
            refused(h.post(LOGIN, {'name': 'there'}), 409,
                    'is being asked for at this moment')
            need(h.get(AT + '/there').json == before, 'it is as it was')
            silent.accept()[0].close()
            asking.join()
            need(first[0].code == 503, first)


@test
def V05_what_names_the_endpoints_is_https_and_no_address():
    with House() as h:
        h.start()
        for key in ('issuer', 'mcp_server_url'):
            for url, code, words in (
                    ('http://issuer.test', 400, key + ': expected https://'),
                    ('https://127.0.0.1', 403, 'an address is reached only'),
                    ('https://[::1]:8443', 403, 'an address is reached only'),
                    ('https://localhost', 403, 'an address is reached only')):
                a = h.post(LOGIN, {'name': 'there', 'client_id': 'c',
                                   'kind': 'mcp_oauth', key: url,
                                   'redirect_uri': BACK})
                refused(a, code, words)
                nothing_kept(h)
        need(not heads(h, 'request_intent'), 'nobody was asked')


@test
def of_two_logins_at_once_the_second_writes_nothing():
    with House() as h:
        h.start()
        vault = h.pids()['vault']
        sent = [Local(os.path.join(h.state, 'cli.sock'), PATIENCE)
                for _ in range(2)]
        end_process(vault, signal.SIGSTOP)
        try:
            for n, at in enumerate(sent):
                at.request('POST', LOGIN, json.dumps(
                    person(client_id='c%d' % n)),
                    {'Authorization': 'Bearer ' + h.token()})
            need(h.get('/api/status').code == 200, 'core has heard of both')
        finally:
            end_process(vault, signal.SIGCONT)
        answers = [at.getresponse() for at in sent]
        said = [(a.status, a.read().decode()) for a in answers]
        for at in sent:
            at.close()
        need(sorted(code for code, _ in said) == [200, 409], said)
        won, lost = sorted(said)
        need('was changed meanwhile: nothing was written' in lost[1], said)
        need(len(heads(h, 'login_begun')) == 1, heads(h, 'login_begun'))
        # The one that came first stands, with its own facts.
        there = h.get(AT + '/there').json
        need(there['version'] == 1 and there['properties']['client_id'] ==
             'c%d' % (said[0][0] != 200), there, said)
        refused(h.post(LOGIN + '/there', {
            'state': json.loads(won[1])['login'], 'code': 'bad'}), 400,
            'the code of the redirect')


@test
def what_the_vault_cannot_open_is_not_logged_in():
    with House() as h:
        h.start()
        need(h.post(LOGIN, person()).code == 200)
        need(h.stop() == 0)
        with closing(sqlite3.connect(h.state + '/book/book.db')) as db, db:
            value, = db.execute("SELECT value FROM rows WHERE space = 'sealed' "
                                "AND key = 'there'").fetchone()
            row = json.loads(value)
            row['row'] = row['row'][:-8] + 'AAAAAAA='
            db.execute("UPDATE rows SET value = ? WHERE space = 'sealed' AND "
                       "key = 'there'", (json.dumps(row).encode(),))
        h.start()
        until(lambda: 'refused' in h.get(AT + '/there').json)
        before = h.get(AT + '/there').json
        refused(h.post(LOGIN, {'name': 'there', 'redirect_uri': BACK}), 400,
                'cannot be logged in: ' + before['refused'])
        need(h.get(AT + '/there').json == before, 'it is as it was')


if __name__ == '__main__':
    sys.exit(main())
