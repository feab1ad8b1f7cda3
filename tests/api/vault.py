#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The vault from outside: kinds, the life of a credential, rows that somebody
put back, values that come again, and that no value is ever seen."""
import glob
import http.server
import json
import os
import sqlite3
import ssl
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403
from vault_help import (  # noqa: E402
    artefacts, box, caller, encodings, finish, heads, tokens)

AT = '/api/vault/credentials'

MATCH = 'match    = { host = "there.test", method = "GET", path = "/**" }\n'
INJECT = 'inject   = { credential = "there", header = "X-Token", format = "{{secret}}" }\n'


def put(h, name, value=None, code=200, **more):
    value = value or b'value-of-' + name.encode()
    if 'mcp_server_url' not in more:
        more.setdefault('hosts', 'there.test')
    a = h.post(AT, {'name': name, 'box': box(h, value), **more})
    need(a.code == code, name, more, a)
    return a.json


def post(h, name, verb, code=200, **body):
    a = h.post('%s/%s/%s' % (AT, name, verb), body)
    need(a.code == code, name, verb, a)
    return a


def names(h, query=''):
    return [k['name'] for k in h.get(AT + query).json['credentials']]


class Upstream:
    """there.test, by TLS; keeps every token it was shown and answers with a
    word of its own."""

    def __init__(self, folder, answer=b'hello'):
        self.folder, self.answer = folder, answer

    def __enter__(self):
        key, cert = (os.path.join(self.folder, n)
                     for n in ('key.pem', 'cert.pem'))
        subprocess.run(
            ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
             'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj',
             '/CN=there.test', '-addext', 'subjectAltName=DNS:there.test',
             '-keyout', key, '-out', cert], check=True, capture_output=True)
        shown = self.shown = []
        answer = self.answer

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                shown.append(self.headers.get('X-Token'))
                self.send_response(200)
                self.send_header('Content-Length', str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0),
                                                      Handler)
        self.port = self.server.server_address[1]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.server.socket = context.wrap_socket(
            self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def role(self, h, rule=MATCH + INJECT):
        ca = os.path.join(self.folder, 'cert.pem')
        for path, text in caller(rule, self.port, ca).items():
            h.role_file('caller', path, text)


def call(h, command='curl -sS https://there.test/'):
    """One shell command in a sandbox; what it printed."""
    task = h.run([shell(command), finish()], queue='caller')
    need(task['state'] == 'completed', json.dumps(task)[:1500])
    return json.dumps([e for e in h.events(task['id'])
                       if e['kind'] == 'call_settled'])


# --- kinds ----------------------------------------------------------------------

@test
def each_kind_is_kept_and_shown_without_its_value():
    kinds = {
        'static_bearer': ({}, b'bearer-value'),
        'basic': ({'username': 'somebody'}, b'basic-value'),
        'header': ({'header': 'X-Api-Key'}, b'header-value'),
        'environment_variable': ({'variable': 'API_KEY'}, b'variable-value'),
        'mcp_oauth': ({'mcp_server_url': 'https://mcp.test:8443/mcp',
                       'token_endpoint': 'https://id.test/token',
                       'client_id': 'client-1'},
                      tokens(b'access-value', b'refresh-value')),
        'oauth_refresh': ({'token_endpoint': 'https://id.test/token',
                           'client_id': 'client-1'},
                          tokens(b'access-value', b'refresh-value-2',
                                 b'client-value')),
    }
    with House() as h:
        h.start()
        for kind, (more, value) in kinds.items():
            k = put(h, kind.replace('_', '-'), value, kind=kind, **more)
            need(k['kind'] == kind and k['version'] == 1, k)
            need(k['id'].startswith('vcrd_') and k['vault'] == 'default', k)
            for key, text in more.items():
                need(k['properties'][key] == text, key, k)
        need(h.get(AT + '/mcp-oauth').json['hosts'] == 'mcp.test:8443', 'host')
        seen = h.get(AT).out + ''.join(
            h.get(AT + '/' + n).out for n in names(h))
        need('-value' not in seen, seen)
        need(names(h) == [k.replace('_', '-') for k in reversed(kinds)],
             names(h))
        h.stop()
        h.start()
        need(names(h) == [k.replace('_', '-') for k in reversed(kinds)],
             names(h))
        need(not heads(h, 'credential_refused'), heads(h, 'credential_refused'))


@test
def what_a_kind_must_say_is_asked_for():
    url = {'mcp_server_url': 'https://mcp.test/'}
    end = {'token_endpoint': 'https://id.test/token', 'client_id': 'c'}
    t = tokens(b'access')
    with House() as h:
        h.start()
        for value, more in (
                (b'v', {'kind': 'magic'}),
                (b'v', {'kind': 'header'}),
                (b'v', {'kind': 'header', 'header': 'X Y'}),
                (b'v', {'header': 'X-Y'}),
                (b'v', {'kind': 'environment_variable'}),
                (b'v', {'kind': 'environment_variable', 'variable': 'a b'}),
                (b'v', {'client_id': 'c'}),
                (t, {'kind': 'mcp_oauth'}),
                (t, {'kind': 'mcp_oauth', **url, 'client_id': 'c'}),
                (t, {'kind': 'oauth_refresh'}),
                (t, {'kind': 'oauth_refresh', **end,
                     'token_endpoint': 'http://id.test/token'}),
                (t, {'kind': 'oauth_refresh', **end,
                     'token_endpoint': 'ftp://id.test/'}),
                (b'v', {'mcp_server_url': 'http://mcp.test/'}),
                (b'v', {'kind': 'oauth_refresh', **end}),
                (tokens(b'a\r\nX: y'), {'kind': 'oauth_refresh', **end}),
                (b'a\r\nX-Y: z', {}),
                (b'a\0b', {}),
                (b'v', {'hosts': 'UPPER.test'}),
                (b'v', {'hosts': '*.test'}),
                (b'v', {'vault': 'nowhere'}),
                (b'v', {'metadata': [1]}),
                (b'v', {'metadata': {'x': 'y' * 3000}}),
                (b'v', {'display_name': 'x' * 200})):
            if 'mcp_server_url' not in more:
                more = {'hosts': 'there.test', **more}
            a = h.post(AT, {'name': 'wrong', 'box': box(h, value), **more})
            need(a.code in (400, 404), value, more, a)
            need('error' in a.json, a)
        need(names(h, '?archived=1') == [], names(h, '?archived=1'))
        # The legitimate neighbours.
        put(h, 'one', t, kind='mcp_oauth', **url)
        put(h, 'two', t, kind='oauth_refresh', **end)


# --- the life of one --------------------------------------------------------------

@test
def one_is_in_use_for_a_url_in_a_vault_and_twenty_in_all():
    url = {'mcp_server_url': 'https://mcp.test/mcp'}
    with House() as h:
        h.start()
        a = h.post('/api/vaults', {'name': 'second', 'display_name': 'The 2nd',
                                   'metadata': {'team': 'x'}})
        need(a.code == 200 and a.json['id'].startswith('vlt_'), a)
        need(a.json['metadata'] == {'team': 'x'}, a)
        need(h.post('/api/vaults', {'name': 'second'}).code == 409, 'twice')
        put(h, 'first', **url)
        put(h, 'again', code=409, **url)
        for same in ('https://MCP.test/mcp', 'https://mcp.test:443/mcp',
                     'https://mcp.test./%6dcp', 'https://mcp.test/mcp?'):
            put(h, 'again', code=409, mcp_server_url=same)
        put(h, 'first', code=409, vault='second')
        put(h, 'again', vault='second', **url)
        post(h, 'first', 'archive')
        put(h, 'third', b'third', **url)  # the archived one freed it
        for n in range(19):
            put(h, 'more-%d' % n)
        put(h, 'too-many', code=409)
        post(h, 'more-7', 'archive')
        put(h, 'enough')
        need(len(names(h)) == 21 and len(names(h, '?vault=second')) == 1,
             names(h))
        need(h.get(AT + '?vault=nowhere').code == 404, 'nowhere')


@test
def what_is_fixed_cannot_be_rotated_and_the_same_value_is_no_rotation():
    with House() as h:
        h.start()
        k = put(h, 'there', b'first')
        for key in ('mcp_server_url', 'token_endpoint', 'client_id', 'hosts',
                    'vault', 'kind', 'header'):
            a = post(h, 'there', 'rotate', 400, box=box(h, b'second'),
                     **{key: 'x'})
            need(key in a.out, a)
        need(post(h, 'there', 'rotate', box=box(h, b'second'))
             .json['version'] == 2, 'rotate')
        # A client that asks again after a lost answer.
        need(post(h, 'there', 'rotate', box=box(h, b'second'))
             .json['version'] == 2, 'the same again')
        a = post(h, k['id'], 'rotate', display_name='New', metadata={'a': 1})
        need(a.json['version'] == 2 and a.json['display_name'] == 'New' and
             a.json['metadata'] == {'a': 1}, a)
        need(len(heads(h, 'credential_rotated')) == 1, 'one head a rotation')
        need(len(heads(h, 'credential_changed')) == 1, 'one head a change')


@test
def archive_is_idempotent_hides_and_keeps_the_record():
    with House() as h:
        h.start()
        put(h, 'there')
        need(post(h, 'there', 'archive').json['archived'], 'archive')
        need(post(h, 'there', 'archive').json['version'] == 2, 'again')
        need(len(heads(h, 'credential_archived')) == 1, 'one head')
        need(names(h) == [] and names(h, '?archived=1') == ['there'], 'lists')
        post(h, 'there', 'rotate', 404, box=box(h, b'x'))
        k = put(h, 'there', b'another')
        need(k['version'] == 3, k)
        need(names(h) == ['there'], names(h))
        post(h, 'there', 'delete')
        for kind in ('put', 'archived', 'deleted'):
            need({e['identity'] for e in heads(h, 'credential_' + kind)} ==
                 {'tester'}, kind, 'says not who')


@test
def a_vault_takes_its_credentials_with_it():
    with House() as h:
        h.start()
        for v in ('a', 'b'):
            need(h.post('/api/vaults', {'name': v}).code == 200, v)
            put(h, 'one-' + v, b'1' + v.encode(), vault=v)
            put(h, 'two-' + v, b'2' + v.encode(), vault=v)
        put(h, 'stays')
        need(h.post('/api/vaults/a/archive', {}).json['archived'], 'archive')
        need(h.post('/api/vaults/a/archive', {}).code == 200, 'again')
        need(names(h) == ['stays', 'two-b', 'one-b'], names(h))
        put(h, 'late', code=409, vault='a')
        need(h.post('/api/vaults/b/delete', {}).code == 200, 'delete')
        need(h.get('/api/vaults/b').code == 404, 'gone')
        need(names(h, '?archived=1') == ['stays', 'two-a', 'one-a'],
             names(h, '?archived=1'))
        need(h.post('/api/vaults/default/delete', {}).code == 400, 'default')
        need([v['name'] for v in h.get('/api/vaults').json['vaults']] ==
             ['default'], h.get('/api/vaults'))
        need(len(heads(h, 'credential_deleted')) == 2, 'two heads')
        h.stop()
        h.start()
        need([v['name'] for v in
              h.get('/api/vaults?archived=1').json['vaults']] ==
             ['a', 'default'], h.get('/api/vaults?archived=1'))


@test
def the_command_line_says_the_same():
    with House() as h:
        h.start()
        h.ok('vault', 'create', 'team')
        h.ok('vault', 'put', 'git', '--host', 'git.test', '--vault', 'team',
             '--kind', 'basic', '--username', 'me', input='a-secret\n')
        secret = os.path.join(h.folder, 'refresh')
        write(secret, 'refresh-1\n', 0o600)
        h.ok('vault', 'put', 'mail', '--kind', 'oauth_refresh', '--host',
             'mail.test', '--token-endpoint', 'https://id.test/token',
             '--client-id', 'me', '--refresh-token-file', secret)
        for said in ('git: version 2\n', 'git: version 2, as before: it is the same'):
            need(said in h.ok('vault', 'rotate', 'git', input='another\n').out, said)
        need('mail' in (out := h.ok('vault', 'list').out) and 'version 2' in out, out)
        need('basic' in h.ok('vault', 'show', 'git').out, 'show')
        h.ok('vault', 'archive', 'git')
        need('git' not in h.ok('vault', 'list').out, 'archived is hidden')
        need('(archived)' in h.ok('vault', 'list', '--archived').out, 'shown')
        h.ok('vault', 'delete', 'git')
        need(h.cli('vault', 'delete', 'git').code == 4, 'is gone')
        h.ok('vault', 'delete', '--vault', 'team')
        need('team' not in h.ok('vault', 'vaults', '--archived').out, 'gone')


@test
def a_rotation_reaches_the_next_request_without_a_restart():
    with House() as h:
        with Upstream(h.folder) as up:
            up.role(h)
            h.start()
            put(h, 'there', b'token-one')
            call(h)
            post(h, 'there', 'rotate', box=box(h, b'token-two'))
            call(h)
            need(up.shown == ['token-one', 'token-two'], up.shown)
            post(h, 'there', 'archive')
            call(h, 'curl -sS https://there.test/ || true')
            need(len(up.shown) == 2, up.shown)


@test
def an_access_token_is_lent_and_one_that_has_ended_is_not():
    with House() as h:
        with Upstream(h.folder) as up:
            up.role(h)
            h.start()
            more = {'kind': 'oauth_refresh', 'client_id': 'c',
                    'token_endpoint': 'https://id.test/token'}
            put(h, 'there', tokens(b'access-1', b'refresh-1'), **more)
            call(h)
            need(up.shown == ['access-1'], up.shown)
            post(h, 'there', 'rotate',
                 box=box(h, tokens(b'access-2', b'refresh-2', expires=1)))
            call(h, 'curl -sS https://there.test/ || true')
            need(up.shown == ['access-1'], up.shown)


# --- the root key -------------------------------------------------------------------

SECURITY = """\
#!/bin/sh
d="{folder}/keychain"
case "$1" in
-i) read -r v u s service a account w hex; echo "$hex" > "$d/$service-$account";;
find-generic-password) [ -e "$d/$3-$5" ] || exit 44; cat "$d/$3-$5";;
*) exit 2;;
esac
"""


@test
def a_root_key_that_moved_opens_what_was_sealed_before():
    with House() as h:
        os.mkdir(h.folder + '/keychain')
        os.chmod(h.folder + '/keychain', 0o777)
        write(h.folder + '/tools/security', SECURITY.format(folder=h.folder),
              0o755)
        h.env['PATH'] = h.folder + '/tools:' + h.env['PATH']
        with Upstream(h.folder) as up:
            up.role(h)
            h.start()
            put(h, 'there', b'sealed-before')
            sign = h.get('/api/vault/key').json
            write(h.folder + '/pass', 'a long passphrase\n', 0o600)
            write(h.state + '/vault.pass', 'a long passphrase\n', 0o600)
            h.ok('vault', 'migrate', '--to', 'passphrase',
                 '--passphrase-file', h.folder + '/pass')
            need(h.cli('vault', 'migrate', '--to', 'nowhere').code == 1, 'to')
            for move in (None, 'keychain', 'file'):
                if move:
                    h.ok('vault', 'migrate', '--to', move)
                h.stop()
                h.start()
                call(h)
                need(h.get('/api/vault/key').json == sign, 'another key')
            need(up.shown == ['sealed-before'] * 3, up.shown)
            # Without the place that it names, the house does not start.
            h.ok('vault', 'migrate', '--to', 'keychain')
            h.ok('vault', 'migrate', '--forget', 'file')
            need(not os.path.exists(h.state + '/vault.key'), 'forget')
            h.stop()
            os.rename(h.folder + '/keychain', h.folder + '/away')
            a = h.cli('up')
            need(a.code == 1 and 'Keychain' in a.err + a.out, a)


@test
def a_house_with_a_wrong_key_or_passphrase_is_never_ready():
    with House() as h:
        key = h.state + '/vault.key'
        h.start()
        h.stop()
        os.rename(key, h.folder + '/kept')
        h.ok('vault', 'init')
        for _ in range(3):
            h.closed('Put the old key back (%s,' % key, code=5)
        os.rename(h.folder + '/kept', key)
        write(h.state + '/vault.pass', 'a long passphrase\n', 0o600)
        h.ok('vault', 'migrate', '--to', 'passphrase',
             '--passphrase-file', h.state + '/vault.pass')
        for wrong, says in ('another passphrase', 'not open'), ('short', ' 5; put'):
            write(h.state + '/vault.pass', wrong, 0o600)
            h.closed(says, 'into %s/vault.pass' % h.state)
        os.unlink(h.state + '/vault.pass')
        h.closed('into %s/vault.pass' % h.state)
        write(h.state + '/vault.pass', 'a long passphrase\n', 0o600)
        h.start()


@test
def a_secret_that_others_may_read_is_not_used():
    def refused(mode, path, house, *command):
        os.chmod(path, mode)
        a = house.cli(*command)
        need(a.code == 1 and '`chmod 600 %s`' % path in a.err, a)
        need('ready' not in a.err + a.out, a)
        a = house.cli('doctor')
        need(path not in kept or a.code == 1 and 'no  %s is its' % path in a.out and
             a.out.endswith('; this house does not start yet\n') and
             not house.cli('doctor', '--json').json['ok'], a)
        os.chmod(path, 0o400)

    with House() as h, House() as other:
        h.start()
        h.stop()
        key = h.state + '/vault.key'
        token = h.state + '/operators/tester.token'
        kept = key, token
        for path in kept:
            refused(0o640, path, h, 'up')
            need('yes %s is its' % path in (out := h.ok('doctor').out), out)
        h.start()
        refused(0o644, token, h, 'status')
        value = os.path.join(h.folder, 'value')
        write(value, 'a-secret')
        put_it = 'vault', 'put', 'x', '--host', 'a.test', '--file', value
        refused(0o644, value, h, *put_it)
        h.ok(*put_it)
        init = 'vault', 'init', '--passphrase-file', value
        refused(0o404, value, other, *init)
        other.ok(*init)


def signer_of(h):
    return h.read('audit', 'checkpoint')['signer']


@test
def another_root_key_opens_all_and_the_old_one_nothing():
    with House() as h, Upstream(h.folder) as up:
        up.role(h)
        h.start()
        put(h, 'there', b'sealed-before')
        put(h, 'gone', b'put-away')
        post(h, 'gone', 'archive')
        write(h.state + '/vault.pass', 'a long passphrase\n', 0o600)
        h.ok('vault', 'migrate', '--to', 'passphrase', '--passphrase-file',
             h.state + '/vault.pass')
        call(h)
        old = signer_of(h)
        a = h.cli('vault', 'rekey')
        need(a.code == 5 and 'stop it first' in a.err, a)
        h.stop()
        key = h.state + '/vault.key'
        with open(key, 'rb') as f:
            before = f.read()
        need(h.read('vault', 'rekey') == {'ok': True, 'moved': 1, 'left': 0})
        need(sorted(os.listdir(h.state)).count('vault.key.next') == 0, 'left over')
        h.start()
        call(h)
        need(up.shown == ['sealed-before'] * 2, up.shown)
        new = signer_of(h)
        need(new != old, new)
        events = [e for e in h.events() if e['kind'] == 'key_in_force']
        need([e['rule'] for e in events] == ['signer', 'rekeyed'] and
             events[1]['body']['was'] == old and events[1]['body']['signer'] == new,
             events)
        # Whoever kept either signer knows the other by it, and nobody else's.
        copy = h.folder + '/copy'
        h.ok('backup', copy)
        for signer in (old, new):
            h.ok('audit', 'verify', '--file', copy, '--signer', signer)
        with House() as other:
            other.start()
            stranger = signer_of(other)
        a = h.cli('audit', 'verify', '--file', copy, '--signer', stranger)
        need(a.code == 1 and 'never was in force' in a.err, a)
        h.verified()
        h.stop()
        # The old key is of no use.
        os.rename(key, h.folder + '/new.key')
        write(key, '', 0o600)
        with open(key, 'wb') as f:
            f.write(before)
        h.spawn()
        need(h.wait() == 5 and 'root key is not the one' in h.log()[h.mark:],
             h.log()[h.mark:])
        a = h.cli('vault', 'rekey')
        need(a.code == 5 and 'put that one back' in a.err, a)


@test
def a_change_of_the_root_key_that_was_interrupted_is_done_again():
    with House() as h, Upstream(h.folder) as up:
        up.role(h)
        h.start()
        put(h, 'there', b'sealed-before')
        h.stop()
        key, next_ = h.state + '/vault.key', h.state + '/vault.key.next'

        def bytes_of(path):
            with open(path, 'rb') as f:
                return f.read()
        old = bytes_of(key)
        # It fell before its transaction: the new key lies there, nobody knows it.
        write(next_, 'ab' * 32 + '\n', 0o600)
        h.start()
        call(h)
        h.stop()
        h.ok('vault', 'rekey')
        need(not os.path.exists(next_) and bytes_of(key) != old)
        h.start()
        call(h)
        h.stop()
        # It fell behind it: the rows are under a key that is not in its place.
        old = bytes_of(key)
        h.ok('vault', 'rekey')
        new = bytes_of(key)
        os.rename(key, next_)
        write(key, old.decode(), 0o600)
        h.spawn()
        need(h.wait() == 5 and 'vault rekey` again' in h.log()[h.mark:], h.log()[h.mark:])
        h.ok('vault', 'rekey')
        need(bytes_of(key) == new and not os.path.exists(next_))
        h.start()
        call(h)
        need(up.shown == ['sealed-before'] * 3, up.shown)
        need([e['rule'] for e in h.events() if e['kind'] == 'key_in_force'] ==
             ['signer', 'rekeyed', 'rekeyed'])
        h.verified()
        h.stop()
        # What an interrupted `migrate` left there is the key in force: no change.
        write(next_, new.decode(), 0o600)
        h.ok('vault', 'rekey')
        need(not os.path.exists(next_) and bytes_of(key) != new, 'the same key')
        # The next change has to wait until the book says this one.
        last = bytes_of(key)
        a = h.cli('vault', 'rekey')
        need(a.code == 5 and 'start the house' in a.err and bytes_of(key) == last, a)
        h.start()
        call(h)
        signer = signer_of(h)
        copy = h.folder + '/copy'
        h.ok('backup', copy)
        h.ok('audit', 'verify', '--file', copy, '--signer', signer)
        h.verified()


@test
def another_root_key_in_the_place_of_the_old_is_refused():
    """At a start, and when the vault alone is started again."""
    with House() as h:
        h.start()
        key, away = h.state + '/vault.key', h.folder + '/old.key'
        until(lambda: 'key_in_force' in [e['kind'] for e in h.events()], 20)
        signer = h.read('audit', 'checkpoint')['signer']
        h.stop()
        os.rename(key, away)
        h.ok('vault', 'init')

        def refused(count):
            need(h.wait() == 5, h.log()[-1500:])
            said = [line for line in h.log().split('\n')
                    if 'root key is not the one' in line]
            need(len(said) == count and signer in said[-1] and
                 key in said[-1], h.log()[-1500:])
        h.spawn()
        refused(1)
        # Nothing but its starts is in the book since, and the old key opens.
        os.rename(key, h.folder + '/new.key')
        os.rename(away, key)
        h.start()
        need(h.read('audit', 'checkpoint')['signer'] == signer)
        need([e['kind'] for e in h.events()].count('key_in_force') == 1)
        h.run([shell('true')])
        h.verified()
        os.rename(key, away)
        os.rename(h.folder + '/new.key', key)
        end_process(h.pids()['vault'])
        refused(2)


# --- what somebody does to the store ------------------------------------------------

def book(h):
    found = [f for f in glob.glob(h.state + '/book/*')
             if open(f, 'rb').read(15) == b'SQLite format 3']
    need(len(found) == 1, found)
    return found[0]


def stored(h, name='there'):
    with sqlite3.connect(book(h)) as db:
        found = db.execute("SELECT version, value FROM rows WHERE "
                           "space = 'sealed' AND key = ?", (name,)).fetchone()
    db.close()
    return found


def put_back(h, version, value, name='there'):
    with sqlite3.connect(book(h)) as db:
        db.execute("INSERT OR REPLACE INTO rows (space, key, version, value) "
                   "VALUES ('sealed', ?, ?, ?)", (name, version, value))
    db.close()


def refused(h, up, before):
    """Found at the start, on record, and not used."""
    until(lambda: len(heads(h, 'credential_refused')) == 1, 10,
          'the old row was not found')
    call(h, 'curl -sS https://there.test/ || true')
    need(len(up.shown) == before, up.shown)
    need(h.get(AT + '/there').json['refused'], 'said to who looks')


@test
def V11_a_row_of_before_is_found_at_the_start_and_not_used():
    for same_number in (False, True):
        with House() as h:
            with Upstream(h.folder) as up:
                up.role(h)
                h.start()
                put(h, 'there', b'token-one')
                h.stop()
                old = stored(h)
                h.start()
                post(h, 'there', 'rotate', box=box(h, b'token-two'))
                call(h)
                need(not heads(h, 'credential_refused'), 'the twin')
                h.stop()
                put_back(h, 2 if same_number else old[0], old[1])
                h.start()
                refused(h, up, 1)
                # The way out that the sentence names.
                post(h, 'there', 'rotate', box=box(h, b'token-three'))
                call(h)
                need(up.shown == ['token-two', 'token-three'], up.shown)


@test
def V06_a_row_that_does_not_open_is_mended_by_the_value_that_was_in_it():
    with House() as h:
        with Upstream(h.folder) as up:
            up.role(h)
            h.start()
            put(h, 'there', b'token-one')
            h.stop()
            version, value = stored(h)
            put_back(h, version, value.replace(b'"row":"S', b'"row":"T'))
            h.start()
            refused(h, up, 0)
            a = post(h, 'there', 'rotate', box=box(h, b'token-one')).json
            need(a['version'] == 2 and 'refused' not in a, a)
            call(h)
            need(up.shown == ['token-one'], up.shown)


@test
def I13_an_archived_credential_that_is_put_back_is_found():
    with House() as h:
        with Upstream(h.folder) as up:
            up.role(h)
            h.start()
            put(h, 'there', b'token-one')
            call(h)
            h.stop()
            old = stored(h)
            h.start()
            post(h, 'there', 'archive')
            h.stop()
            put_back(h, 2, old[1])
            h.start()
            refused(h, up, 1)


@test
def V06_a_row_with_another_host_or_endpoint_is_found():
    for change in ({'hosts': 'evil.test'}, {'issuer': 'evil.test'},
                   {'facts': '{"vault":"vlt_default"}'}):
        with House() as h:
            h.start()
            put(h, 'there', tokens(b'a', b'r'), kind='oauth_refresh',
                token_endpoint='https://id.test/token', client_id='c')
            h.stop()
            version, value = stored(h)
            value = json.dumps({**json.loads(value), **change})
            put_back(h, version, value.encode())
            h.start()
            until(lambda: heads(h, 'credential_refused'), 10, change)


@test
def what_is_deleted_or_archived_is_in_no_file_of_the_house():
    with House() as h:
        h.start()
        for name in ('stays', 'goes', 'sleeps'):
            put(h, name, b'v-' + name.encode())
        h.stop()
        rows = {n: json.loads(stored(h, n)[1])['row'].encode()
                for n in ('stays', 'goes', 'sleeps')}
        h.start()
        post(h, 'goes', 'delete')
        post(h, 'sleeps', 'archive')

        def found(row):
            return [f for f in glob.glob(h.state + '/**', recursive=True)
                    if os.path.isfile(f) and row in open(f, 'rb').read()]
        need(found(rows['stays']), 'the decoy is not found: the test is blind')
        until(lambda: not found(rows['goes']), 5, found(rows['goes']))
        until(lambda: not found(rows['sleeps']), 5, found(rows['sleeps']))
        need(h.get(AT + '/goes').code == 404, 'goes')
        post(h, 'goes', 'delete', 404)
        need(put(h, 'goes', b'new')['version'] == 3, 'versions go on')


# --- values that come again ---------------------------------------------------------

@test
def a_value_that_was_revoked_is_recognised_when_it_comes_again():
    with House() as h:
        h.start()
        put(h, 'there', b'leaked-one')
        post(h, 'there', 'rotate', box=box(h, b'leaked-two'))
        a = post(h, 'there', 'rotate', 409, box=box(h, b'leaked-one'))
        need('there' in a.out and 'leaked' not in a.out, a)
        post(h, 'there', 'archive')
        put(h, 'other', b'leaked-two', code=409)
        put(h, 'other', b'never-seen')
        post(h, 'other', 'delete')
        h.stop()
        h.start()
        for value in (b'leaked-one', b'leaked-two', b'never-seen'):
            put(h, 'third', value, code=409)
        put(h, 'third', b'leaked-onf')
        # Of tokens the refresh token counts, whatever stands beside it.
        more = {'kind': 'oauth_refresh', 'client_id': 'c',
                'token_endpoint': 'https://id.test/token'}
        put(h, 'set', tokens(b'a1', b'r1'), **more)
        post(h, 'set', 'archive')
        put(h, 'set', tokens(b'a2', b'r1'), code=409, **more)
        put(h, 'set', tokens(b'a1', b'r2'), **more)


@test
def a_revoked_value_that_a_sandbox_sends_itself_is_recognised():
    leak = ('curl -sS -H "Authorization: Bearer %s" https://there.test/; '
            'curl -sS -u me:%s https://there.test/')
    with House() as h:
        with Upstream(h.folder) as up:
            up.role(h, MATCH + 'own_credentials = true\n')
            h.start()
            put(h, 'there', b'leaked-one')
            post(h, 'there', 'rotate', box=box(h, b'leaked-two'))
            call(h, leak % (2 * ('somebody-elses',)))  # the neighbour
            need(len(up.shown) == 2, up.shown)
            said = call(h, leak % (2 * ('leaked-one',)))
            need(len(up.shown) == 2, up.shown)
            need(said.count('rotated out') >= 2 and 'there' in said, said)
            denied = heads(h, 'request_denied')
            need(len(denied) == 2 and
                 'leaked' not in json.dumps(denied), denied)
            # Without the vault nobody could say: closed.
            pid = h.pids()['vault']
            os.kill(pid, 19)
            asks = leak.replace('-sS', '-sSv 2>>/work/trace', 1)
            t = h.dispatch([shell(asks % (2 * ('somebody-elses',)) +
                                  ' || true'), finish()], queue='caller')
            until(lambda: h.task(t)['runs'] and
                  '> GET /' in h.in_work(t, 'cat trace'), text='it asks nobody')
            time.sleep(1)  # it is asked of a vault that is still
            end_process(pid)
            until(lambda: 'the vault' in json.dumps(h.events(t)),
                  text='no refusal')


# --- no value is ever seen ------------------------------------------------------------

@test
def V08_no_planted_value_is_in_anything_that_can_be_read():
    planted = {'there': b'CANARY>~?one+/7f3a-Q', 'hdr': b'CANARY>~?two+/91bc-W',
               'env': b'CANARY>~?thr+/55de-E'}
    sets = {'set': (b'CANARY-acc-0d1e', b'CANARY-ref-88aa', b'CANARY-cli-4c4c')}
    with House() as h:
        with Upstream(h.folder, b'DECOY-that-a-cell-reads') as up:
            up.role(h)
            h.start(env={'HANDRAIL_LOG': 'debug'})
            put(h, 'there', planted['there'])
            put(h, 'hdr', planted['hdr'], kind='header', header='X-Api-Key')
            put(h, 'env', planted['env'], kind='environment_variable',
                variable='API_KEY')
            put(h, 'set', tokens(*sets['set']), kind='oauth_refresh',
                token_endpoint='https://id.test/token', client_id='c')
            h.ok('vault', 'put', 'cli', '--host', 'a.test',
                 input='CANARY-cli-put-77\n')
            said = call(h)
            need(up.shown == [planted['there'].decode()], up.shown)
            need('DECOY-that-a-cell-reads' in said, said)
            call(h, 'env; cat /proc/self/environ; ls -laR /work')
            post(h, 'hdr', 'rotate', box=box(h, b'CANARY-second-66'))
            post(h, 'env', 'archive')
            post(h, 'set', 'rotate', 400, box=box(h, b'CANARY-no-tokens-3'))
            post(h, 'there', 'rotate', 400, box='CANARY', kind='x')
            needles = {}
            for value in [*planted.values(), *sets['set'],
                          b'CANARY-cli-put-77', b'CANARY-second-66',
                          b'CANARY-no-tokens-3']:
                for text in encodings(value):
                    needles[text] = value
            decoys, blind = 0, encodings(b'DECOY-that-a-cell-reads')
            for name, text in artefacts(h):
                for needle, value in needles.items():
                    need(needle not in text, 'the value %r is in %s' % (
                        value, name))
                decoys += any(d in text for d in blind)
            need(decoys > 0, 'the decoy was not found: the test is blind')


@test
def V07_the_vault_leaves_no_core_file_and_cannot_be_read():
    with House() as h:
        h.start()
        put(h, 'there', b'CANARY-memory-11')
        pid = h.pids()['vault']
        with open('/proc/%d/limits' % pid) as f:
            line = [x for x in f if x.startswith('Max core file size')][0]
        # 0, or the 1 byte that also keeps a core from a program that waits
        # for them (core(5)).
        need(max(map(int, line.split()[4:6])) <= 1, line)
        need(os.stat('/proc/%d/environ' % pid).st_uid == 0 or
             os.getuid() != 0, 'it is dumpable')


if __name__ == '__main__':
    sys.exit(main())
