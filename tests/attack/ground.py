#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attacks on what a cell stands on: its listeners and limits, floods, and what
is left of it; by the ids of the attack list."""
import os
import re
import signal
import socket
import sys
import time
from collections import Counter

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import *  # noqa: E402,F403
import rig  # noqa: E402

SOAK = bool(os.environ.get('SOAK'))
SHARES = {**HELPER, 'role.toml': ROLE.replace('"shell"', '"shell", "fresh"'),
          'mcp/server.toml': SERVER + """
[tool.fresh]
description = "Run a program in a cell of its own"
action      = "execute"
cell        = "fresh"
[tool.fresh.input]
type = "object"
required = ["text"]
properties.text = { type = "string" }
[tool.fresh.run]
exec = ["python3", "-c", "import sys; exec(sys.argv[1])", "{{text}}"]
"""}


class Ground(World):
    def prepare(self):
        for path, text in SHARES.items():
            self.house.role_file('shares', path, text)


rig.MAKE = Ground


def python(text, **more):
    return run_cell('python3', '-u', '-c', text, **more)


def egress_of_the_only_cell():
    """The egress of the cell that runs beside us, when those of earlier ones have ended."""
    def one():
        table = processes()
        found = [p for p, name in descendants(world().house.process.pid, table).items()
                 if name == 'egress']
        # The zygote is the parent of the others.
        own = [p for p in found if table[p][0] in found]
        return own if len(own) == 1 else None
    return until(one, text='no egress of a cell, or of more than one')[0]


def memory_of(pid):
    with open('/proc/%d/status' % pid) as f:
        return int(re.search(r'VmRSS:\s+(\d+)', f.read()).group(1))


HANGS = """
import socket
s = socket.create_connection(("ssh.test", 22), 50)
print(s.recv(100), flush=True)
s.settimeout(600)
try:
    print("end", s.recv(100))
except OSError as e:
    print("end", type(e).__name__)
"""


def tunnel():
    ask = begin_cell('python3', '-u', '-c', HANGS)
    need('SSH-2.0' in ask.stdout.readline(), 'the tunnel is open')
    return ask


def last_tunnel_closed():
    s = world().tunnel.open[-1]
    return s.fileno() < 0


# --- policies that are none ---------------------------------------------------------------

@test
def N07_a_host_that_is_no_host_does_not_load():
    w = world()
    for host in ('*', '*.com', 'a.*.b', '*good.test', '**.test', '*.github.io', '[good.test]',
                 'good.test:443', 'good test'):
        closed(w.gates('[egress.n]\nmatch = { host = "%s" }\n' % host), 'host')


@test
def N12_without_a_policy_nothing_is_allowed():
    w = world()
    closed('nonsense [', 'gates.toml')
    closed('[egress.x]\nmatch = { host = "good.test" }\nunknown = 1\n', 'unknown')
    path = os.path.join(w.house.folder, 'roles/helper/gates.toml')
    for empty in ('', GATES):
        w.reload(empty)
        refused(allowed(), b'403', 'no egress rule', dialled=False)
    w.reload(w.gates())
    need(os.path.exists(path))
    arrives(allowed())


# --- the fence -----------------------------------------------------------------------------

@test
def N17_every_port_of_both_families_meets_one_refusal():
    at = (('192.0.2.10', 1), ('192.0.2.10', 65535), ('2001:db8::1', 22), ('9.9.9.9', 5432))
    with held(count=len(at), dialled=False) as seen:
        cell(*[to(host, b'EHLO x\r\n\x01', tls=False, port=port)
               for host, port in at], at_once=True)
    need(sorted(e['body']['host'] for e in seen if e['kind'] == 'request_denied') ==
         sorted(host for host, _ in at), 'each is told of', seen)
    a = python('import socket\ns=socket.socket()\ntry:\n s.connect(("255.255.255.255",80))\n'
               'except OSError as e: print("no")')
    stopped('no' in a.out, a)
    a = python('import socket,threading\ns=socket.create_server(("127.0.0.1",8443))\n'
               'threading.Thread(target=lambda:s.accept()[0].sendall(b"mine"),daemon=True)'
               '.start()\nprint(socket.create_connection(("127.0.0.1",8443),50).recv(9))')
    works("b'mine'" in a.out, 'its loopback is its own', a)
    arrives(allowed())


LEAVES = r"""
import os, socket, sys
if sys.argv[1] == "socket":
    l = socket.socket(socket.AF_UNIX); l.bind("/work/left"); l.listen()
elif sys.argv[1] == "pipe":
    os.mkfifo("/work/left")
else:
    open("/work/left", "w").write("kept")
"""


@test
def I06_with_a_socket_in_the_workspace_no_other_cell_starts():
    h = world().house

    def asked():  # but for letters about runs that ended
        return [w for w in h.waits() if w['kind'] != 'decision']

    def run(what):
        task = h.dispatch([shell("python3 -c '%s' %s; ls /work" % (LEAVES, what), id='a'),
                           {'id': 'b', 'tool': 'fresh', 'args': {'text': 'print(open("/work/left")'
                                                                 '.read())'}},
                           {'id': 'end', 'tool': 'finish', 'args': {'result': {}}}],
                          queue='shares')
        until(lambda: h.task(task)['state'] in FINAL or asked(), 30, 'it goes on')
        return task
    for what, word in (('socket', 'socket'), ('pipe', 'FIFO')):
        task = run(what)
        whys = [e['body'].get('why', '') for e in h.events(task) if e['kind'] == 'cell_ended']
        stopped(any(word in why for why in whys), whys)
        need(not [e for e in h.events(task) if e['kind'] == 'call_settled' and
                  e['body']['tool'] == 'fresh' and e['body']['end'] == 'ok'], 'it ran')
        wait = h.waiting()
        h.say(wait, 'did_not')
        until(lambda: wait['id'] not in [w['id'] for w in asked()], 20)
        # Or it has died of it six times already, and ended by itself.
        a = h.cli('stop', task)
        need(a.code == 0 or 'has ended' in a.err, a)
    task = run('file')
    works('kept' in json.dumps(h.events(task)) and not asked(), h.events(task)[-3:])


LISTENS = r"""
import socket, threading, time
t = socket.create_server(("0.0.0.0", 8080)); u = socket.socket(socket.AF_UNIX)
u.bind("\0handrail-attack"); u.listen(); f = socket.socket(socket.AF_UNIX)
f.bind("/tmp/s"); f.listen()
for l in (t, u, f):
    threading.Thread(target=lambda l=l: [l.accept()[0].sendall(b"mine") for _ in range(9)],
                     daemon=True).start()
print("ready", flush=True)
"""
DIALS = r"""
import socket
for kind, at in ((socket.AF_INET, ("127.0.0.1", 8080)), (socket.AF_UNIX, "\0handrail-attack"),
                 (socket.AF_UNIX, "/tmp/s")):
    try:
        s = socket.socket(kind); s.settimeout(20); s.connect(at); print(s.recv(9))
    except OSError as e:
        print(type(e).__name__)
"""


@test
def I03_no_listener_of_one_cell_is_reached_by_another():
    ask = begin_cell('python3', '-u', '-c', LISTENS + 'time.sleep(600)')
    need(ask.stdout.readline() == 'ready\n', 'it listens')
    a = python(DIALS)
    stopped('mine' not in a.out and len(a.out.split()) == 3, a)
    # Whatever address it dials from or to, its own egress answers for itself alone.
    refused(to('10.0.0.2', b'x\x01', tls=False, port=8080), dialled=False)
    need(ask.poll() is None, 'the other has ended')
    leave_cell(ask)
    works(python(LISTENS + DIALS).out.count('mine') == 3, 'the test is blind')
    arrives(allowed())


@test
def I07_no_descriptor_of_the_house_is_in_the_cell():
    a = python("import os\nfor f in os.listdir('/proc/self/fd'):\n"
               "    try:\n        print(f, os.readlink('/proc/self/fd/' + f))\n"
               "    except OSError:\n        pass")
    open_ = [x for x in a.out.split('\n') if x and not re.match(r'\d+ (pipe:|/proc/)', x)]
    stopped(not [x for x in open_ if 'socket' in x or 'anon' in x], open_)
    works(a.out.count('pipe:') >= 2, 'its own are', a)


@test
def I08_V10_a_cell_ends_with_its_egress_and_its_tunnels_with_it():
    def hands():
        house = world().house
        return Counter(descendants(house.pids()['sandbox']).values())
    arrives(allowed())
    until(lambda: hands()['egress'] == 1, text='more than the zygote is left')
    before = hands()
    with held('the outcome is unknown', 'request_outcome', arrives=True, seconds=15):
        ask = tunnel()
        need(hands()['egress'] == 2, hands())
        end_process(egress_of_the_only_cell())
        a = end_cell(ask)
    need(a.code != 0 or 'end' in a.out, a)
    within(last_tunnel_closed, 20, 'the tunnel is open')
    within(lambda: not hands() - before, 20, lambda: 'it leaves %s' % (hands() - before))
    arrives(allowed())


@test
def V10_what_a_cell_had_ends_with_it():
    with held('', 'request_outcome', arrives=True, seconds=15):
        leave_cell(tunnel())
        within(last_tunnel_closed, 20, 'the tunnel outlived its cell')
    arrives(allowed())


@test
def X03_what_nobody_renews_is_closed():
    w = world()
    ask = tunnel()
    pid = w.house.pids()['core']
    # A core that stands still renews no lease: the egress closes by itself.
    os.kill(pid, signal.SIGSTOP)
    try:
        within(last_tunnel_closed, 45, 'the tunnel outlived its lease')
    finally:
        os.kill(pid, signal.SIGCONT)
    with held('', 'request_outcome', arrives=True, others=None, count=range(0, 2)):
        end_cell(ask)
    w.house.whole()
    arrives(allowed())


# --- floods ---------------------------------------------------------------------------------

@test
def L01_who_never_ends_his_head_is_cut_and_keeps_nobody_waiting():
    w = world()
    drip = to('good.test', *(['GET /a HTTP/1.1\r\nX: '] + ['a'] * 40), gap=0.5, wait=5)
    with held('time', others=None, arrives=True, seconds=40) as seen:
        ask = begin_cell('python3', '-u', '-c', CLIENT, json.dumps([drip]))
        for _ in range(3):
            heard, = cell(allowed())
            need(b' 200' in heard, heard)
        heard, = answers(end_cell(ask), 1)
    need(b'GET /a HTTP/1.1\r\nX: ' not in w.good.got and b' 200' not in heard, heard)
    need(seen)
    arrives(to('good.test', *head().split('|'), 'x', gap=0.2))


@test
def L02_a_cell_has_so_many_connections_and_no_more():
    before = len(world().tunnel.open)
    text = """
import socket, time
keep, end = [], time.monotonic() + 120
for n in range(400):
    try:
        # One too many is closed at once; however slow the others are, they come.
        s = socket.create_connection(("ssh.test", 22), max(1, end - time.monotonic()))
        s.settimeout(max(1, end - time.monotonic()))
        keep.append((s, s.recv(20)))
    except OSError:
        pass
print(sum(1 for s, x in keep if x.startswith(b"SSH")), flush=True)
time.sleep(600)
"""
    with held('', 'request_outcome', count=range(1, 260), arrives=True, others=None,
              seconds=30):
        ask = begin_cell('python3', '-u', '-c', text)
        count = int(ask.stdout.readline())
        heard, = cell(allowed())  # another cell's
        need(b' 200' in heard, heard)
        leave_cell(ask)
    need(200 <= count <= 256, count)
    need(len(world().tunnel.open) - before <= 256, 'the origin saw more')
    arrives(allowed())


@test
def L04_who_leaves_takes_his_request_with_him():
    HUNG.clear()
    STORE.pop(b'/hung', None)
    # He leaves when the upstream was asked; his cell stays.
    text = """
curl -s https://good.test/hang & asks=$!
until curl -s https://evil.test/fetch/hung | grep -q asked; do sleep 0.1; done
kill $asks
sleep 600
"""
    with held('hung up', 'request_outcome', arrives=True, others=None) as seen:
        ask = begin_cell('/bin/sh', '-c', text)
        until(lambda: HUNG == [True], text='the upstream is still asked')

        def said():
            seen.extend(world().fresh())
            return 'hung up' in json.dumps(seen)
        until(said, text=lambda: str(seen))
        need(ask.poll() is None, 'his cell has ended')
        leave_cell(ask)
    arrives(allowed())


@test
def L06_descriptors_in_flight_are_bounded_and_stop_no_other_cell():
    text = """
import array, socket, sys, time
keep, n = [], 0
try:
    for _ in range(400):
        x, y = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        keep.append((x, y))
        try:
            while n < 20000:
                x.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                    array.array("i", [0] * 200))], socket.MSG_DONTWAIT)
                n += 200
        except BlockingIOError:
            pass
except OSError as e:
    print(type(e).__name__, end=" ")
print(n, flush=True)
time.sleep(600)
"""
    ask = begin_cell('python3', '-u', '-c', text)
    said = ask.stdout.readline().split()
    stopped(int(said[-1]) < 4096, 'too many are in flight', said)
    arrives(allowed())  # a new fence is built meanwhile
    need(ask.poll() is None, 'it has ended too early')
    leave_cell(ask)


FLOOD = """
import socket, threading
def one():
    for _ in range(%d):
        try:
            s = socket.create_connection(("denied.test", 80), 50)
            s.sendall(b"GET /a HTTP/1.1\\r\\nHost: denied.test\\r\\nConnection: close\\r\\n\\r\\n")
            while s.recv(4096):
                pass
        except OSError:
            pass
threads = [threading.Thread(target=one) for _ in range(8)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print("done")
"""


@test
def L07_a_flood_of_refusals_is_counted_and_fills_no_book():
    many = 12500 if SOAK else 250
    began = time.monotonic()
    with held('', count=range(200, 100000), others=None, dialled=False, seconds=20) as seen:
        ask = begin_cell('python3', '-c', FLOOD % many)
        heard, = cell(to('other.test', head(host='other.test')))  # another cell's
        a = end_cell(ask, 600)
    need('done' in a.out and heard.startswith(b'HTTP/1.1 403'), a)

    def all_are_told():
        """The last of them are counted when the cell has ended."""
        seen.extend(world().fresh())
        told = [e for e in seen if e['kind'] == 'request_denied' and 'other.test' not in
                json.dumps(e)]
        took = time.monotonic() - began
        need(len(told) <= 256 + 16 * (took + 1) + 1, len(told), took)
        text = ' '.join(e['body']['reason'] for e in told)
        counted = sum(int(n) for n in re.findall(r'and (\d+) more|^(\d+) ref', text)
                      for n in n if n)
        counted += sum(int(n) for n in re.findall(r'(\d+) refusals before', text))
        return len(told) + counted >= 8 * many
    until(all_are_told, text='some are lost')
    arrives(allowed())


@test
def T08_names_without_end_do_not_fill_an_egress():
    text = """
import socket, ssl, sys
context = ssl.create_default_context()
print("begin", flush=True)
for n in range(%d):
    try:
        s = socket.create_connection(("n%%d.names.test" %% n, 443), 5)
        context.wrap_socket(s, server_hostname="n%%d.names.test" %% n).close()
    except OSError:
        pass
    if n == 40:
        print("warm", flush=True)
        import time; time.sleep(0.5)
print("done", flush=True)
import time; time.sleep(600)
""" % (4000 if SOAK else 600)
    world().fresh()
    ask = begin_cell('python3', '-u', '-c', text)
    need(ask.stdout.readline() == 'begin\n' and ask.stdout.readline() == 'warm\n')
    pid = egress_of_the_only_cell()
    before = memory_of(pid)
    need(ask.stdout.readline() == 'done\n')
    after = memory_of(pid)
    stopped(after - before < 6 * 1024, 'it grew', before, after)
    leave_cell(ask)
    arrives(allowed())


@test
def T07_T13_no_cell_trusts_another_and_no_session_is_resumed():
    text = """
import socket, ssl
context = ssl.create_default_context()
def one(session=None):
    s = context.wrap_socket(socket.create_connection(("good.test", 443), 50),
                            server_hostname="good.test", session=session)
    s.sendall(b"GET /a HTTP/1.1\\r\\nHost: good.test\\r\\nConnection: close\\r\\n\\r\\n")
    while s.recv(4096):
        pass
    return s
first = one()
print(first.session is not None and first.session.has_ticket,
      one(first.session).session_reused if first.session else None)
print(open("/etc/ssl/certs/ca-certificates.crt").read()[-900:])
"""
    with held('', 'request_outcome', count=2, arrives=True):
        a = python(text)
    need(a.out.split('\n')[0] in ('False False', 'False None'), a)
    mine = a.out.split('\n', 1)[1]
    other = python("import socket,ssl\nc=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)\n"
                   "c.load_verify_locations(cadata=%r)\ntry:\n c.wrap_socket("
                   "socket.create_connection(('good.test',443),50),server_hostname='good.test')\n"
                   " print('trusted')\nexcept ssl.SSLError as e: print(e.reason)" %
                   mine[mine.rindex('-----BEGIN'):])
    need('CERTIFICATE_VERIFY_FAILED' in other.out, other)
    a = run_cell('/bin/sh', '-c', 'grep -rls "PRIVATE KEY" /etc /tmp /dev/shm /work '
                 '2>/dev/null; echo end')
    stopped(a.out == 'end\n', a)
    arrives(allowed())


if __name__ == '__main__':
    sys.exit(main())
