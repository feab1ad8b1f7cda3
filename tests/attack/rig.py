# SPDX-License-Identifier: Apache-2.0
"""What every attack stands on, and what each must show.

A test that bears an id of the list shows by `held` that nothing of it arrived
and that exactly one head says why, and by `arrives` (or `works`) that the
legitimate neighbour still does.  main() fails a test that forgot one of them."""
import base64
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'api'))
import house as base  # noqa: E402
from house import *  # noqa: E402,F403
from origin import EVENTS, HUNG, STORE, Origin, authority, certificate, certificates, \
    server_context  # noqa: E402,F401
import net  # noqa: E402

CANARY = 'canary-Zq8/vault+7731==x'
ID = re.compile(r'[A-Z][0-9]{2}')
# Heads that say what became of a request that was not simply carried.
SAYS = ('request_denied', 'request_outcome')

# Run in the cell: what it says to whom, and what it hears, as JSON lines.
CLIENT = r'''
import base64, json, os, socket, ssl, sys, time
def trust():
    # Its own CA stands behind the public roots, which take long to read.
    if not made:
        with open(os.environ['SSL_CERT_FILE']) as f:
            own = f.read().rpartition('-----BEGIN CERTIFICATE-----')
        made.append(own[1] + own[2])
    return ssl.create_default_context(cadata=made[0])
made = []
# Of HTTP/2, when all is said: each stream that was opened has ended, or the
# connection does, and after that a ping has come back.
def over(t, heard):
    at, opened, pong = 0, set(t['streams']), False
    while at + 9 <= len(heard):
        size, kind, flags = int.from_bytes(heard[at:at + 3], 'big'), heard[at + 3], heard[at + 4]
        if at + 9 + size > len(heard):
            break
        if kind == 7 or kind == 3 or kind in (0, 1) and flags & 1:
            opened = set() if kind == 7 else \
                opened - {int.from_bytes(heard[at + 5:at + 9], 'big')}
        pong = pong or kind == 6 and flags == 1
        at += 9 + size
    return not opened, pong
def talk(t):
    heard, pinged = b'', False
    try:
        s = socket.create_connection((t['host'], t['port']), 60)
        s.settimeout(t['wait'])
        if t['via']:
            s.sendall(t['via'].encode('latin1'))
            heard = s.recv(65536)
            if b' 200 ' not in heard:
                return heard
            heard = b''
        if t['tls']:
            context = trust()
            if t['alpn']:
                context.set_alpn_protocols([t['alpn']])
            if t['sni'] != t['host']:
                context.check_hostname = False
            s = context.wrap_socket(s, server_hostname=t['sni'] or None)
        for n, (piece, times) in enumerate(t['say']):
            if n and t['gap']:
                time.sleep(t['gap'])
            mark = os.environ.get('API_KEY', '').encode()
            piece = base64.b64decode(piece).replace(b'@MARK@', mark).replace(
                b'@FRONT@', mark[:20]).replace(b'@BACK@', mark[20:])
            s.sendall(b''.join(piece.replace(b'@NUM', (2 * i + 3).to_bytes(4, 'big'))
                               for i in range(times)))
        while len(heard) < 4000000:
            piece = s.recv(65536)
            if not piece:
                break
            heard += piece
            if t['until'] and t['until'].encode('latin1') in heard:
                break
            ended, pong = over(t, heard) if t['streams'] else (False, False)
            if ended and not pinged:
                s.sendall(b'\0\0\x08\x06\0\0\0\0\0all said')
                pinged = True
            if pong:
                break
    except (OSError, ssl.SSLError) as e:
        heard += b' !' + type(e).__name__.encode()
    return heard
def all_of(t):
    heard, number = talk(t), 0
    while t['poll'] and b' 403' not in heard[:20] and number < 400:
        number += 1
        time.sleep(0.03)
        heard = talk({**t, 'say': [[base64.b64encode(base64.b64decode(x).replace(
            b'/poll0', b'/poll%d' % number)).decode(), n] for x, n in t['say']]})
    return heard, number
talks, each = json.loads(sys.argv[1]), map
if sys.argv[2:] == ['at once']:
    from concurrent.futures import ThreadPoolExecutor
    each = ThreadPoolExecutor(len(talks)).map
for heard, number in each(all_of, talks):
    print('=' + base64.b64encode(heard).decode(), number, flush=True)
'''

RULE = '''
[egress.%s]
match    = { host = "%s"%s }
upstream = "127.0.0.1:%d"
ca       = "%s"
'''
INJECT = ('inject   = { credential = "key", header = "Authorization", '
          'format = "Bearer {{secret}}" }\n')


class World:
    """One house, its good and its evil origin, for all tests of a file."""

    NAMES = ('good.test', 'api.test', 'place.test', 'sock.test', 'small.test', 'evil.test',
             'sum.test')
    HOSTS = 'good.test api.test place.test sock.test'
    CELLS = 4

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='attack-')
        os.chmod(self.folder, 0o755)
        self.after = 0
        self.house = None
        self.ground()
        self.house = House(cells=self.CELLS)
        write(self.path('ca.pem'), self.read('ca.pem'))
        self.house.role_file('helper', 'gates.toml', self.gates())
        self.prepare()
        self.house.start(env={'HANDRAIL_LOG': 'debug'})
        self.house.ok('vault', 'put', 'key', '--host', self.HOSTS, input=CANARY)

    def ground(self):
        """What must be there before the house starts."""
        certificates(self.folder, self.NAMES)
        context = server_context(self.folder)
        self.good = Origin(context)
        self.evil = Origin(context)
        self.tunnel = Origin(tunnel=True)
        self.origins = [self.good, self.evil, self.tunnel]

    def prepare(self):
        pass

    def path(self, name):
        return os.path.join(self.house.folder, name)

    def read(self, name):
        with open(os.path.join(self.folder, name)) as f:
            return f.read()

    def rule(self, name, match='', rest='', port=None, host=None):
        return RULE % (name, host or name + '.test', match, port or self.good.port,
                       self.path('ca.pem')) + rest

    def gates(self, more=''):
        return GATES + self.rule('good', ', path = "/**"', INJECT) + \
            self.rule('api', '', 'inject = { credential = "key", json = "/auth/key" }\n') + \
            self.rule('place', '', 'inject = { credential = "key", query = "k", '
                      'placeholder = "API_KEY" }\n') + \
            self.rule('sock', '', 'websocket = true\n' + INJECT) + \
            self.rule('small', ', method = "GET|POST"', 'body_max = 10\nrate = "9/1h"\n') + \
            self.rule('sum', '', 'volume_max = 40\n') + \
            self.rule('evil', ', path = "/echo/**"', port=self.evil.port) + \
            self.rule('fetch', ', path = "/fetch/**"', port=self.evil.port,
                      host='evil.test') + \
            '[egress.ssh]\nmatch = { host = "ssh.test", port = 22 }\nprotocol = "tcp"\n' + \
            'upstream = "127.0.0.1:%d"\n' % self.tunnel.port + more

    def reload(self, text, role='helper'):
        """Another policy, in force when this returns."""
        seen = len(self.house.log())
        self.house.role_file(role, 'gates.toml', text)
        end_process(self.house.pids()['core'], base.signal.SIGHUP)
        until(lambda: 'reload' in self.house.log()[seen:], 10, 'no reload')

    def bytes(self):
        return sum(len(o.got) for o in self.origins)

    def dialled(self):
        return sum(o.connections for o in self.origins)

    def fresh(self):
        """What the book has had since the last question."""
        found = []
        while True:
            a = self.house.get('/api/events?after=%d' % self.after)
            need(a.code == 200, 'events', a)
            if not a.json['events']:
                return found
            found += a.json['events']
            self.after = a.json['next']

    def end(self):
        if self.house is not None:
            self.house.stop()
            self.house.__exit__()
        base.shutil.rmtree(self.folder, ignore_errors=True)


WORLD = None
MAKE = World  # a file may stand on another


def world():
    global WORLD, MAKE
    if WORLD is None:
        make, MAKE = MAKE, None
        need(make, 'the ground could not be made')
        WORLD = make()
    return WORLD


# --- the cell ----------------------------------------------------------------------

def to(host, *say, tls=True, port=None, sni=None, via='', wait=60, until='', alpn='', gap=0,
       poll=False, streams=()):
    """One connection: what is said is text (latin-1) or bytes, or (bytes, times).  It is
    listened to for `wait` seconds of silence at most, or until a text has come or these
    streams of HTTP/2 have ended."""
    pieces = [s if isinstance(s, tuple) else (s, 1) for s in say]
    return {'host': host, 'port': port or (443 if tls else 80), 'tls': tls, 'gap': gap,
            'sni': host if sni is None else sni, 'via': via, 'alpn': alpn, 'wait': wait,
            'until': until, 'poll': poll, 'streams': streams,
            'say': [(base64.b64encode(s if isinstance(s, bytes) else
                                      s.encode('latin1')).decode(), n) for s, n in pieces]}


def run_cell(*argv, identity='helper', timeout=90):
    return world().house.cli('sandbox', 'run', '--identity', identity, '--', *argv,
                             timeout=timeout)


def cell(*talks, identity='helper', at_once=False):
    a = run_cell('python3', '-c', CLIENT, json.dumps(talks), *['at once'] * at_once,
                 identity=identity)
    return answers(a, len(talks))


def answers(a, count):
    lines = [x[1:x.rindex(' ')] for x in a.out.split('\n') if x.startswith('=')]
    need(len(lines) >= count, 'the client in the cell', a)
    return [base64.b64decode(x) for x in lines[:count]]


def begin_cell(*argv):
    """A cell that runs beside us; ask end_cell what it said."""
    h = world().house
    ask = subprocess.Popen([h.handrail, 'sandbox', 'run', '--config', h.config, '--state',
                            h.state, '--identity', HELPER_ID, '--', *argv], env=h.env,
                           text=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                           preexec_fn=with_parent)
    COMPANIONS.append(ask)
    return ask


def end_cell(ask, seconds=60):
    out, _ = ask.communicate(timeout=seconds)
    COMPANIONS.remove(ask)
    return Answer(ask.returncode, out)


def leave_cell(ask):
    """Ends one that would go on for ever."""
    ask.terminate()
    end_cell(ask)


def head(line='GET /a', host='good.test', more='', end='Connection: close\r\n'):
    return '%s HTTP/1.1\r\nHost: %s\r\n%s%s\r\n' % (line, host, more, end)


def allowed(more='', line='GET /a', body=''):
    return to('good.test', head(line, more=more) + body)


def post(more, body):
    return to('good.test', head('POST /a', more=more) + body)


# --- what a test must show ------------------------------------------------------------

SHOWN = {'held': 0, 'twin': 0}


@contextlib.contextmanager
def held(reason='', kind='request_denied', count=1, arrives=False, dialled=True,
         others=(), seconds=5):
    """Within it an attack is tried.  No byte reached an origin (`arrives`: the
    request may, its answer is the attack; `dialled` False: not even a
    connection), and exactly `count` heads say what became of it, each with the
    reason; `others` are kinds of heads that must be there besides (None: any).  A flood may
    say how many it is at most: count = range(1, 9)."""
    w = world()
    w.fresh()
    had, lines = w.bytes(), w.dialled()
    seen = []
    many = range(count, count + 1) if isinstance(count, int) else count

    def told():
        seen.extend(w.fresh())
        return sum(e['kind'] in SAYS for e in seen) >= many[0] + len(others or ())
    yield seen
    until(told, seconds, 'no head says it: %s' % [e['kind'] for e in seen])
    if not arrives:
        need(w.bytes() == had, 'bytes reached an origin',
             *[o.got[-300:] for o in w.origins])
    need(dialled or w.dialled() == lines, 'it was dialled')
    said = [e for e in seen if e['kind'] in SAYS]
    mine = [e for e in said if e['kind'] == kind and re.search(reason, json.dumps(e))]
    need(len(mine) in many, 'not as many heads with its reason', many, reason, said[:9])
    need(others is None or
         sorted(e['kind'] for e in said if e not in mine) == sorted(others),
         'another head', said[:9])
    need(CANARY not in json.dumps(seen), 'no credential in the book')
    SHOWN['held'] += 1


def refused(talk, status=b'', reason='', **more):
    """Not a byte of it arrives, somebody is told, and one head says why."""
    with held(reason, **more):
        heard, = cell(talk)
    if status:
        need(heard.startswith(b'HTTP/1.1 ' + status), 'told', heard[:300])
    return heard


def executed(talk, status, reason):
    """Allowed by the rule, refused by the egress: the intent's outcome says so."""
    return refused(talk, status, reason, kind='request_outcome')


def arrives(talk, says=b'HTTP/1.1 200', identity='helper'):
    """The legitimate neighbour."""
    had = world().bytes()
    heard, = cell(talk, identity=identity)
    works(says in heard, 'the neighbour works', heard[:400])
    need(world().bytes() > had, 'it arrived')
    need(CANARY.encode() not in heard, 'the credential came back')
    return heard


def stopped(condition, *about):
    """An attack that is no request of a network: what it wanted did not happen."""
    need(condition, *about)
    SHOWN['held'] += 1


def works(condition, *about):
    """A neighbour that is no request."""
    need(condition, *about)
    SHOWN['twin'] += 1


def attack(name, talk, status=b'', reason='', twin=None, **more):
    """A row of the table: the attack and its legitimate neighbour."""
    def run():
        refused(talk, status, reason, **more)
        arrives(twin or allowed())
    run.__name__ = name
    test(run)


def closed(text, says):
    """A policy that does not load closes its role: the house says why, and the
    next request of a cell that runs is refused with one head; with the policy
    of before it passes."""
    w = world()
    poll = to('good.test', head('GET /poll0'), poll=True)
    w.good.got = b''
    try:
        # A request under way at the reload is refused as well, for another reason.
        with held('"error": "denied".*' + says, arrives=True, others=None):
            ask = begin_cell('python3', '-c', CLIENT, json.dumps([poll]))
            until(lambda: b'/poll0' in w.good.got, 20, 'the cell is not there')
            seen = len(w.house.log())
            w.reload(text)
            need(says in w.house.log()[seen:], says, w.house.log()[seen:])
            a = end_cell(ask)
    finally:
        w.reload(w.gates())
    heard, = answers(a, 1)
    last = int(a.out.split()[1])
    need(heard.startswith(b'HTTP/1.1 403') and last > 0, heard)
    need(b'/poll%d ' % last not in w.good.got, 'it arrived')
    w.good.got = b''
    arrives(allowed())


def guarded(function):
    def run():
        SHOWN.update(held=0, twin=0)
        function()
        if any(ID.fullmatch(w) for w in function.__name__.split('_')):
            need(SHOWN['held'], 'it shows no refusal by held()')
            need(SHOWN['twin'], 'it shows no neighbour that works')
    run.__name__ = function.__name__
    return run


def main():
    if os.environ.get('LIST'):
        print('\n'.join(t.__name__ for t in TESTS))
        return 0
    TESTS[:] = [guarded(t) for t in TESTS]
    try:
        return base.main()
    finally:
        if WORLD is not None:
            WORLD.end()
