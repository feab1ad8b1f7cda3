#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attacks on the way out, by the ids of the attack list, from a raw socket in a
real cell: names, TLS, HTTP/1, HTTP/2, tunnels and sockets."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import *  # noqa: E402,F403

CHUNKS = 'Transfer-Encoding: chunked\r\n'

# --- names and targets ---------------------------------------------------------
attack('N01_a_NUL_in_the_name_of_CONNECT', to(
    'any.test', tls=False, port=3128,
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
    '198.19.200.200', head(), tls=False), reason='stands for no name')

# --- TLS -------------------------------------------------------------------------
attack('T01_the_hello_names_another', to('good.test', head(), sni='evil.test'),
       reason='TLS hello names')
attack('T02_the_inner_host_is_another', to('good.test', head(host='evil.test')), b'403',
       'Host says')
attack('T03_no_server_name', to('good.test', head(), sni=''), reason='no server name')
attack('T06_plain_http_to_a_host_with_a_credential', to('good.test', head(), tls=False,
       port=443), b'403')
attack('T10_other_bytes_than_TLS_or_HTTP', to(
    'good.test', 'SSH-2.0-x\r\n\x01\x02\r\n', tls=False, port=443), b'400', 'neither')
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
attack('N08_a_port_in_the_userinfo', to(
    'good.test', head('GET /a', 'good.test:80@evil.test')), b'400')
attack('N14_a_list_of_hosts', to('good.test', head(host='good.test, evil.test')), b'400')
attack('H03_a_bare_carriage_return', allowed('X: a\rY: b\r\n'), b'400')
attack('H03_a_line_without_a_colon', allowed('nonsense\r\n'), b'400')
attack('H03_an_empty_name', allowed(': a\r\n'), b'400')
attack('H05_version_0_9', to('good.test', 'GET /a\r\n\r\n'), b'400')
attack('H05_a_version_with_a_tail', to(
    'good.test', 'GET /a HTTP/1.1x\r\nHost: good.test\r\n\r\n'), b'400')
attack('H12_two_slashes', allowed(line='GET //a'), b'4')
attack('H12_a_backslash', allowed(line='GET /a\\..\\b'), b'4')
attack('H12_a_parameter_that_is_dots', allowed(line='GET /a/..;x=y/b'), b'4',
       twin=allowed(line='GET /a;x=y/b'))
attack('H12_a_NUL_percent_encoded', allowed(line='GET /a%00b'), b'4')
attack('H12_a_fragment', allowed(line='GET /a#b'), b'4')
attack('H13_a_method_that_no_rule_names', to(
    'small.test', head('DELETE /a', 'small.test')), b'403', 'method',
    twin=to('small.test', head('GET /a', 'small.test')))
attack('H13_a_method_that_begins_like_an_allowed_one', to(
    'small.test', head('GETX /a', 'small.test')), b'403', 'method',
    twin=to('small.test', head('GET /a', 'small.test')))
attack('H13_a_method_in_lower_case', to(
    'small.test', head('get /a', 'small.test')), b'400', 'small letter',
    twin=to('small.test', head('GET /a', 'small.test')))
attack('H13_CONNECT_inside_TLS', to(
    'good.test', 'CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n'), b'4')
attack('H16_a_thousand_fields', allowed('X: a\r\n' * 1000), b'431')
attack('P17_a_key_field', allowed('X-Api-Key: mine\r\n'), b'403', 'own_credentials')


def broken_body(chunks):
    """What cannot be read any more is not passed on, and nothing follows it."""
    had = len(world().good.got)
    with held('', 'request_outcome', arrives=True) as seen:
        cell(post(CHUNKS, chunks + 'GET /smuggled HTTP/1.1\r\nHost: good.test\r\n\r\n'))
    got = world().good.got[had:]
    need(b'smuggled' not in got and b'hidden' not in got, got)
    need([e for e in seen if e['kind'] == 'request_outcome'][0]['body']['end'] == 'failed',
         seen)


@test
def H04_a_broken_chunk_ends_the_request_and_what_is_behind_it():
    for chunks in ('FFFFFFFFFFFFFFFFF\r\nhidden\r\n', '-6\r\nhidden\r\n',
                   '0x6\r\nhidden\r\n', '6;%s\r\nhidden\r\n' % ('a' * 20000),
                   '6\nhidden\r\n', '5\r\nhello0\r\n\r\n'):
        broken_body(chunks)
    arrives(post(CHUNKS, '5;a=b\r\nhello\r\n0\r\n\r\n'))


@test
def H04_trailers_are_dropped_and_credentials_in_them_refused():
    broken_body('5\r\nhello\r\n0\r\nAuthorization: Bearer hidden\r\n\r\n')
    had = len(world().good.got)
    arrives(post(CHUNKS, '5\r\nhello\r\n0\r\nX-Sum: visible\r\n\r\n'))
    need(b'visible' not in world().good.got[had:], 'a trailer')


@test
def H06_each_of_two_requests_is_judged():
    had = len(world().good.got)
    with held('own_credentials', arrives=True, others=['request_outcome']):
        heard, = cell(to('good.test', head('GET /one', end='') +
                         head('GET /two', more='Cookie: a=b\r\n')))
    need(heard.count(b'HTTP/1.1 200') == 1 and b'HTTP/1.1 403' in heard, heard)
    need(b'/two' not in world().good.got[had:], 'the second left')
    text = head('GET /two', more='Cookie: a=b\r\n')
    with held('own_credentials', arrives=True, others=['request_outcome']):
        cell(to('good.test', head('GET /one', end='') + text[:30], text[30:], gap=0.1))
    need(b'/two' not in world().good.got[had:], 'the second left in pieces')
    heard = arrives(to('good.test', head('GET /one', end='') + head('GET /two')))
    need(heard.count(b'HTTP/1.1 200') == 2, heard)


@test
def H09_its_own_beside_an_injected_one_in_every_spelling_is_refused():
    for more in ('Authorization: Bearer mine\r\nAuthorization: Bearer mine\r\n',
                 'aUTHORIZATION: Bearer mine\r\n', 'Authorization:   mine \r\n'):
        refused(allowed(more), b'403', 'own_credentials')
    had = len(world().good.got)
    arrives(allowed())
    need(world().good.got[had:].count(b'Bearer ' + CANARY.encode()) == 1, 'once')


@test
def H10_H13_traces_and_another_method_do_not_leave():
    had = len(world().good.got)
    with held('', 'request_outcome', arrives=True):
        cell(allowed('Via: 1.1 x\r\nX-Forwarded-For: 10.0.0.1\r\nForwarded: for=a\r\n'
                     'Proxy-Connection: close\r\nX-HTTP-Method-Override: DELETE\r\n'
                     'X_Http_Method_Override: DELETE\r\n'
                     'Proxy-Authorization: Basic eDp5\r\n'))
    got = world().good.got[had:].lower()
    for word in (b'10.0.0.1', b'via', b'orwarded', b'proxy-', b'override', b'edp5'):
        need(word not in got, word, got)
    arrives(allowed('X-Kept: yes\r\n'))
    need(b'X-Kept: yes' in world().good.got, 'an ordinary one')


@test
def H11_a_refused_request_is_not_told_to_go_on():
    heard = refused(to('small.test', head('DELETE /a', 'small.test',
                                          'Expect: 100-continue\r\nContent-Length: 5\r\n')),
                    b'403', 'method')
    need(b'100 Continue' not in heard, heard)
    heard = arrives(post('Expect: 100-continue\r\nContent-Length: 5\r\n', 'hello'),
                    b'HTTP/1.1 100')
    need(b'HTTP/1.1 200' in heard, heard)


@test
def H14_H15_an_answer_that_is_no_answer_is_not_passed_on():
    hints = b'HTTP/1.1 103 Early Hints\r\nX: EVIL\r\n\r\n' * 8  # of 200
    for path, before in (('/split', b''), ('/switch', b''), ('/interim', hints),
                         ('/bare', b'')):
        with held('', 'request_outcome', arrives=True) as seen:
            heard, = cell(to('good.test', head('GET ' + path)))
        need(heard.startswith(before + b'HTTP/1.1 502') and
             b'EVIL' not in heard[len(before):], path, heard)
        need('failed' in json.dumps(seen), seen)
    with held('', 'request_outcome', count=2, arrives=True):
        heard, = cell(to('good.test', head('GET /twice', end='') + head('GET /b')))
    need(heard.count(b'HTTP/1.1 200') == 2 and b'no' not in heard.split(b'\r\n\r\n')[1],
         heard)
    need(heard.endswith(b'ok'), heard)
    arrives(allowed())


@test
def X01_a_redirect_is_not_followed():
    had = len(world().evil.got)
    with held('302', 'request_outcome', arrives=True):
        heard, = cell(to('good.test', head('GET /moved')))
    need(heard.startswith(b'HTTP/1.1 302') and len(world().evil.got) == had, heard)
    # Whoever follows it is judged as for any other request.
    refused(to('evil.test', head('GET /', 'evil.test')), b'403', 'path')
    arrives(to('evil.test', head('GET /echo/', 'evil.test')))


# --- other protocols ---------------------------------------------------------------

UPGRADE = head('GET /ws', 'sock.test', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
               'Sec-WebSocket-Version: 13\r\n'
               'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n', end='')


def text_frame(text, first=0x81):
    return bytes((first, 0x80 | len(text))) + b'\0\0\0\0' + text


@test
def W02_frames_that_are_none_end_the_socket():
    for what, frame_ in (('reserved bits', b'\xf1\x81\0\0\0\0a'),
                         ('a reserved kind', b'\x83\x81\0\0\0\0a'),
                         ('no mask', b'\x81\x01a'),
                         ('a long ping', b'\x89\xfe\0\x7e\0\0\0\0' + b'a' * 126),
                         ('a ping in pieces', b'\x09\x81\0\0\0\0a'),
                         ('a length with the highest bit', b'\x81\xff\x80' + b'\0' * 11)):
        had = len(world().good.got)
        with held('', 'request_outcome', arrives=True):
            heard, = cell(to('sock.test', UPGRADE, frame_))
        need(b'HTTP/1.1 101' in heard, what, heard)
        need(len(world().good.got[had:].split(b'\r\n\r\n', 1)[1]) == 0, what, 'passed on')
    arrives(to('sock.test', UPGRADE, text_frame(b'hello'), until='hello'), b'hello')


@test
def W02_a_credential_in_a_message_is_washed_or_ends_it():
    text = CANARY.encode()
    with held('', 'request_outcome', arrives=True):
        heard, = cell(to('sock.test', UPGRADE, text_frame(b'echo'), text_frame(text),
                         until='removed'))
    need(b'removed-by-handrail' in heard and text not in heard, heard)
    with held('', 'request_outcome', arrives=True):
        heard, = cell(to('sock.test', UPGRADE, text_frame(text, 0x82)))
    need(text not in heard, 'in a binary message', heard)
    arrives(to('sock.test', UPGRADE, text_frame(b'hello'), until='hello'), b'hello')


@test
def W04_a_handshake_that_was_not_asked_for_is_refused():
    for path in ('/ws-accept', '/ws-protocol', '/ws-extension'):
        with held('', 'request_outcome', arrives=True) as seen:
            heard, = cell(to('sock.test', UPGRADE.replace('/ws', path), until='\r\n\r\n'))
        need(heard.startswith(b'HTTP/1.1 502'), path, heard)
        need('failed' in json.dumps(seen), seen)
    arrives(to('sock.test', UPGRADE, text_frame(b'hello'), until='hello'), b'HTTP/1.1 101')


def frame(kind, flags, stream, payload=b''):
    return len(payload).to_bytes(3, 'big') + bytes((kind, flags)) + \
        stream.to_bytes(4, 'big') + payload


def block(host, path='/two', more=b'', method=b'\x82'):
    """Pseudo fields from the static table, nothing indexed."""
    return method + b'\x87\x04%c%s\x01%c%s' % (
        len(path), path.encode(), len(host), host.encode()) + more


def two(stream, host, path='/two', more=b'', flags=5):
    return frame(1, flags, stream, block(host, path, more))


PREFACE = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + frame(4, 0, 0)


def stream(*frames):
    """Up to the end of each stream that the frames open, and a ping behind it."""
    opened = sorted({int.from_bytes(f[5:9], 'big') for f in frames if f[3] == 1})
    return to('good.test', PREFACE + b''.join(frames), alpn='h2', wait=20, streams=opened)


def two_works():
    arrives(stream(two(1, 'good.test', '/three')), b'ok')


@test
def G01_G02_a_stream_is_judged_as_strictly():
    for more, reason in ((b'\0\x06cookie\3a=b', 'own_credentials'),
                         (b'\0\x0d' b'authorization\4mine', 'own_credentials')):
        refused(stream(two(1, 'good.test', more=more)), reason=reason)
    refused(stream(two(1, 'evil.test')), reason='Host says')
    refused(stream(two(1, 'good.test', '/a/../b')))
    two_works()


@test
def G01_G02_a_malformed_stream_is_not_heard():
    for what in (two(1, 'good.test', more=b'\0\1x\4a\r\nb'),       # a line in a value
                 two(1, 'good.test', more=b'\0\1X\1a'),             # upper case
                 two(1, 'good.test', more=b'\0\x11transfer-encoding\7chunked'),
                 two(1, 'good.test', more=b'\x04\2/x'),              # :path again
                 two(1, 'good.test', more=b'\0\4host\x09evil.test'),
                 two(1, 'good.test', more=b'\0\1x\1a\x82'),         # pseudo behind
                 frame(1, 4, 1, block('good.test', more=b'\0\x0e' b'content-length\0019',
                                      method=b'\x83')) + frame(0, 1, 1, b'ab')):
        had = len(world().good.got)
        heard, = cell(stream(what))
        heard = re.sub(rb' !\w+$', b'', heard)  # how it ended: Br-ok-enPipeError
        need(b'ok' not in heard and b' 200' not in heard, what, heard)
        need(b'/two HTTP' not in world().good.got[had:] or b'ab' not in
             world().good.got[had:].split(b'\r\n\r\n')[1][:2], what)
    with held('', 'request_outcome', arrives=True):
        cell(stream(two(1, 'good.test', more=b'\0\1x\4a\r\nb'), two(3, 'good.test')))
    two_works()


@test
def G03_floods_end_the_connection_and_nobody_else():
    for what, first, again in (
            ('settings', b'', frame(4, 0, 0)), ('pings', b'', frame(6, 0, 0, b'12345678')),
            ('continuations', two(1, 'good.test', flags=1), frame(9, 0, 1, b'\0\1a\1b')),
            ('empty data', frame(1, 4, 1, block('good.test', method=b'\x83')),
             frame(0, 0, 1))):
        world().fresh()
        heard, = cell(to('good.test', PREFACE + first, (again, 60000), alpn='h2'))
        told = [e for e in world().fresh() if e['kind'] in SAYS]
        need(len(told) <= 2, what, told[:4])
        need(b'ok' not in heard[-9:], what, heard[:200])
    # 6,000 streams behind one, taken back at once: hardly any is asked about.
    reset = two(0, 'good.test') + frame(3, 0, 0, b'\0\0\0\x08')
    reset = reset.replace(b'\x05\0\0\0\0', b'\x05@NUM').replace(
        b'\x03\0\0\0\0\0', b'\x03\0@NUM')
    with held('', 'request_outcome', count=range(1, 400), arrives=True):
        heard, = cell(to('good.test', PREFACE + two(1, 'good.test'), (reset, 6000), alpn='h2',
                         wait=3))
    two_works()


@test
def G04_data_without_a_head_is_nobodys():
    had = world().bytes()
    heard, = cell(stream(frame(0, 1, 1, b'hidden'), two(3, 'good.test')))
    need(b'hidden' not in world().good.got, 'it arrived')
    need(world().bytes() == had or b'ok' in heard, heard)
    # What one stream was lent is not another's: each has its own intent.
    with held('', 'request_outcome', count=2, arrives=True, others=[]):
        heard, = cell(stream(two(1, 'good.test'), two(3, 'good.test', '/echo')))
    need(b'removed-by-handrail' in heard and CANARY.encode() not in heard, heard)
    two_works()


@test
def G05_prior_knowledge_on_plain_tcp_is_refused():
    refused(to('good.test', PREFACE + two(1, 'good.test'), tls=False, port=443))
    had = len(world().good.got)
    heard = arrives(stream(two(1, 'good.test'), two(3, 'good.test', '/echo')), b'ok')
    need(b'removed-by-handrail' in heard, heard)
    need(b'GET /two HTTP/1.1' in world().good.got[had:], world().good.got[had:])


@test
def S02_T12_a_tunnel_only_where_a_rule_says_so():
    refused(to('other.test', 'SSH-2.0-x\r\n\x01', tls=False, port=22), b'400')
    heard = arrives(to('ssh.test', 'hello', tls=False, port=22, until='HELLO'), b'HELLO')
    need(heard == b'SSH-2.0-origin\r\nHELLO', heard)


@test
def L03_a_body_over_the_cap_and_a_rate_are_refused():
    chunks = head('POST /a', 'small.test', CHUNKS) + \
        '5\r\nhello\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n'
    with held('', 'request_outcome', arrives=True):
        heard, = cell(to('small.test', chunks))
    need(heard.startswith(b'HTTP/1.1 413'), heard)
    need(b'!' not in world().good.got[-20:], world().good.got[-60:])
    one = to('small.test', head('GET /a', 'small.test'))
    with held('rate', arrives=True, others=['request_outcome'] * 9):
        heard = cell(*[one] * 10)
    need([h[9:12] for h in heard] == [b'200'] * 9 + [b'429'], heard)
    arrives(one)  # the bounds are a cell's


@test
def L03_requests_at_once_move_no_more_than_their_volume():
    one = to('sum.test', head('GET /events', 'sum.test'))
    with held('volume', 'request_outcome', count=range(1, 4), arrives=True, others=None):
        heard = cell(one, one, one, at_once=True)
    # 11 bytes at once and 11 later: each alone is within it.
    moved = 11 * sum(h.count(b'data: ') for h in heard)
    need(b'data: one' in heard[0] and moved <= 40, heard)
    arrives(one, b'data: two')  # the bounds are a cell's


def open_tunnel(script):
    ask = begin_cell('python3', '-u', '-c', script)
    need('SSH-2.0' in ask.stdout.readline(), 'the tunnel is open')
    return ask


WAITS = ('import socket, time\n'
         's = socket.create_connection(("ssh.test", 22), 50)\n'
         'print(s.recv(100), flush=True)\n'
         's.settimeout(600)\n'
         'try:\n    print("end", s.recv(100))\nexcept OSError as e:\n'
         '    print("end", type(e).__name__)\n')


@test
def W03_another_policy_closes_what_an_older_one_allowed():
    w = world()
    with held('policy', 'request_outcome', arrives=True, seconds=15):
        ask = open_tunnel(WAITS)
        w.reload(w.gates('# another text\n'))
        a = end_cell(ask)
    need('end' in a.out, a)
    arrives(allowed())


if __name__ == '__main__':
    sys.exit(main())
