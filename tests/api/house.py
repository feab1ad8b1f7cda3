# SPDX-License-Identifier: Apache-2.0
"""A house of one's own for a test: made in a temporary folder, started,
stopped, asked; and the processes that belong to it, and to it alone.

Nothing here ends a process that is not a descendant of this test.  Orphans of
a house become this process's children, so what a house leaves behind is seen.
"""
import contextlib
import ctypes
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get('HANDRAIL_BUILD') or
                        os.environ.get('BUILD') or
                        os.path.join(SOURCE, 'build'))


def place():
    """A number that no other test program of this machine has while this one
    lives: the kernel keeps the name, and gives it back.  Each network has names
    of its own: who enters another one brings it along (net.enter)."""
    brought = os.environ.pop('HANDRAIL_TEST_PLACE', None)
    if brought:
        number, fd = map(int, brought.split())
        os.set_inheritable(fd, False)
        return number, socket.socket(fileno=fd)
    for number in range(1024):
        number = (os.getpid() + number) % 1024
        mine = socket.socket(socket.AF_UNIX)
        try:
            mine.bind('\0handrail-test-%d' % number)
            return number, mine
        except OSError:
            mine.close()
    raise RuntimeError('1024 test programs run')


# Test programs run beside each other, each with ids and ports of its own.
# Another house of one program adds OTHER_IDS.
PLACE, PLACE_KEPT = place()
IDS, OTHER_IDS = 800000 + PLACE * 1024, 512
PARTS = ('core', 'vault', 'sandbox', 'resolver', 'egress', 'api')
FINAL = ('completed', 'failed', 'blocked')

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


class Failed(AssertionError):
    pass


class Skipped(Exception):
    pass


def need(condition, *about):
    """An expectation; `about` is told where it does not hold."""
    if not condition:
        raise Failed(' '.join(str(a) for a in about) or 'it does not hold')


# What a slow and busy machine may take for anything.
PATIENCE = 60


def until(what, seconds=PATIENCE, text='', every=0.02):
    """The first true value of what(), asked again and again.  How fast a thing
    comes is no promise: nobody gives up before PATIENCE.  Where something else
    would bring it too, only later, ask within()."""
    return within(what, max(seconds, PATIENCE), text, every)


def within(what, seconds, text='', every=0.02):
    """The same, where the bound is what is shown: before a lease, a limit or a
    command of the test could have brought it about."""
    end = time.monotonic() + seconds
    while True:
        late = time.monotonic() > end
        value = what()
        if value:
            return value
        if late:
            raise Failed('after %g s: %s' % (
                seconds, (text() if callable(text) else text) or 'still not so'))
        time.sleep(every)


def rests(count, seconds, text):
    """What is counted comes to rest, and stays so for some seconds."""
    def same():
        before = count()
        time.sleep(seconds)
        return count() == before
    until(same, text=text)


# --- processes ----------------------------------------------------------------

def processes():
    """pid -> (parent, name); a process that has ended but is not yet waited
    for is none."""
    found = {}
    for pid in os.listdir('/proc'):
        if pid.isdigit():
            process = process_of(pid)
            if process:
                found[int(pid)] = process
    # Who ended while we looked has left its children to another.
    for pid in [p for p, (parent, _) in found.items()
                if parent and parent not in found]:
        process = process_of(pid)
        if process:
            found[pid] = process
        else:
            del found[pid]
    return found


def process_of(pid):
    """(parent, name) of one, or None.  Tests ask for thousands: this is twice as
    fast as a file of Python's."""
    try:
        f = os.open('/proc/%s/stat' % pid, os.O_RDONLY)
    except OSError:
        return None
    try:
        stat = os.read(f, 4096)
    except OSError:
        return None
    finally:
        os.close(f)
    at = stat.rindex(b')')
    state, parent = stat[at + 2:at + 20].split()[:2]
    if state in b'ZX':
        return None
    return int(parent), stat[stat.index(b'(') + 1:at].decode(errors='replace')


def descendants(root, table=None):
    """pid -> name of everything below a process."""
    table = table or processes()
    children = {}
    for pid, (parent, _) in table.items():
        children.setdefault(parent, []).append(pid)
    found, level = {}, [root]
    while level:
        level = [c for p in level for c in children.get(p, ())]
        found.update((pid, table[pid][1]) for pid in level)
    return found


def end_process(pid, number=signal.SIGKILL):
    """Signals a process, only if it is below this test."""
    if pid in descendants(os.getpid()):
        os.kill(pid, number)
        return True
    return False


def reap_orphans(known=()):
    """Collects what was handed to us by a dying house."""
    while True:
        try:
            info = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if info is None or info.si_pid in known:
            return
        os.waitpid(info.si_pid, 0)


AS_CELLS = None  # what stands before a command that touches what cells own


def as_cells(script, *args):
    """What a shell says to files of cells.  An ordinary user's cells have ids of
    its subordinate ones; whoever is root of a namespace of them may write."""
    global AS_CELLS
    if AS_CELLS is None:
        mapped = ['unshare', '--user', '--map-root-user', '--map-auto', '--']
        AS_CELLS = mapped if os.getuid() and subprocess.run(
            [*mapped, 'true'], stderr=subprocess.DEVNULL).returncode == 0 else []
    return subprocess.run([*AS_CELLS, 'sh', '-c', script, 'sh', *args],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True).stdout


COMPANIONS = []  # what this test started and has not ended: Popen objects


def adopt_orphans():
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def with_parent():
    """In a child before its exec: it does not outlive the test."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


# Below what the kernel gives to connections and to whoever asks for any port:
# what is free now is still free when a house is started again.
PORTS, EACH = 10000, 16
PORT = 0


def free_port():
    """A port of this program's own few."""
    global PORT
    while True:
        PORT += 1
        need(PORT < 100000, 'no port is free')
        port = PORTS + PLACE * EACH + PORT % EACH
        with socket.socket() as s:
            try:
                s.bind(('127.0.0.1', port))
                return port
            except OSError:
                continue


# --- what a house is made of ----------------------------------------------------

CONFIG = """\
state  = "{state}"
listen = "127.0.0.1:{port}"
roles  = "roles"

[operator.tester]
uid = {uid}

[node]
cells = {cells}
uid_base = {uid_base}
"""

ROLE = """\
[task.default]
tools  = ["shell"]
brain  = "runbook"
budget = { turns = 20, calls = 20, wall = "2m" }
"""

GATES = """\
[defaults]
unmatched = "allow"
"""

SERVER = """\
[tool.shell]
description = "Run a shell command in the workspace /work"
action      = "execute"
timeout     = "1m"
run         = { builtin = "shell" }
"""

HELPER = {'role.toml': ROLE, 'gates.toml': GATES, 'mcp/server.toml': SERVER}
HELPER_ID = 'linux__server__helper_coworker'


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as f:
        f.write(text)
    os.chmod(path, mode)


class Answer:
    """Of a command or of a request: code, out, err; json of what it said."""

    def __init__(self, code, out, err=''):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        try:
            return json.loads(self.out)
        except ValueError:
            raise Failed('no JSON: %r' % self.out[:400])

    def __str__(self):
        return '(%s) %s%s' % (self.code, self.out[-600:], self.err[-900:])


class Local(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__('localhost', timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


# part=program,… : what stands in the place of a part, to see a test fail.
INSTEAD = dict(x.split('=', 1)
               for x in os.environ.get('HANDRAIL_INSTEAD', '').split(',') if x)


def tiny_book(size='1500k'):
    """What to start a house with, so that its book is on a small disk of its
    own; the folder must be there (House.on_tiny_disk)."""
    if os.getuid() == 0:
        wrap = ['unshare', '--mount', '--propagation', 'private']
    else:
        wrap = ['unshare', '--user', '--map-current-user', '--keep-caps',
                '--mount']
    if subprocess.run(wrap + ['true'], stderr=subprocess.DEVNULL).returncode:
        raise Skipped('no mount namespace here')
    return wrap + ['sh', '-c', 'mount -t tmpfs -o size=%s,mode=0755 tmpfs '
                   '"$STATE/book" && exec "$@"' % size, 'sh']


# What a person answers, and what the client of a task does.
ASKING = """
[tool.ask_person]
description = "Ask the operator"
action      = "read"
timeout     = "2m"
run         = { builtin = "ask_person" }

[tool.weigh]
description = "The client weighs it"
action      = "read"
timeout     = "2m"
run         = { client = true }
[tool.weigh.input]
type = "object"
required = ["thing"]
properties.thing = { type = "string" }
[tool.weigh.output]
type = "object"
required = ["grams"]
properties.grams = { type = "integer", minimum = 0 }
"""


class House:
    """One house; `with House() as h:` removes everything at the end."""

    def __init__(self, roles=None, config='', build=BUILD, cells=4,
                 uid_base=IDS, instead=None):
        self.folder = tempfile.mkdtemp(prefix='house-')
        os.chmod(self.folder, 0o755)
        self.state = os.path.join(self.folder, 'state')
        self.config = os.path.join(self.folder, 'handrail.toml')
        self.log_path = os.path.join(self.folder, 'log')
        self.handrail = os.path.join(build, 'src', 'cli', 'handrail')
        self.port = free_port()
        self.process = None
        self.uid_base = uid_base
        self.env = {k: v for k, v in os.environ.items() if k not in
                    ('ANTHROPIC_API_KEY', 'HANDRAIL_URL', 'HANDRAIL_TOKEN',
                     'HANDRAIL_CRASH', 'CREDENTIALS_DIRECTORY', 'NOTIFY_SOCKET')}
        write(self.config, CONFIG.format(
            state=self.state, port=self.port, uid=os.getuid(), cells=cells,
            uid_base=uid_base) + config)
        for name, files in (roles or {'helper': HELPER}).items():
            for path, text in files.items():
                self.role_file(name, path, text)
        if INSTEAD or instead:
            self.replace_parts(build, {**INSTEAD, **(instead or {})})
        adopt_orphans()

    def replace_parts(self, build, programs):
        """A program folder of its own, where some parts are others."""
        parts = os.path.join(build, 'src', 'parts')
        libexec = os.path.join(self.folder, 'libexec', 'handrail')
        os.makedirs(libexec)
        for name in PARTS + ('supervisor', 'agent', 'book', 'buddy', 'radio'):
            put = shutil.copy if name in programs else os.symlink
            put(programs.get(name) or os.path.join(parts, name),
                os.path.join(libexec, name))
        os.makedirs(os.path.join(self.folder, 'bin'))
        mine = os.path.join(self.folder, 'bin', 'handrail')
        shutil.copy(self.handrail, mine)
        self.handrail = mine

    def role_file(self, role, path, text):
        write(os.path.join(self.folder, 'roles', role, path), text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self.seen()
        if not os.environ.get('KEEP'):
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- commands

    def cli(self, *args, env=None, input=None, timeout=2 * PATIENCE):
        command = [self.handrail, args[0], '--config', self.config,
                   '--state', self.state, *args[1:]]
        done = subprocess.run(
            command, env={**self.env, **(env or {})}, input=input, text=True,
            errors='replace', timeout=timeout, cwd=self.folder,
            stdin=subprocess.DEVNULL if input is None else None,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return Answer(done.returncode, done.stdout, done.stderr)

    def ok(self, *args, **more):
        """A command that must succeed."""
        a = self.cli(*args, **more)
        need(a.code == 0, 'handrail %s' % ' '.join(args), a)
        return a

    def closed(self, *says, code=1):
        """The sentence by which this house does not open, with these words."""
        a = self.cli('up', timeout=PATIENCE)
        need(a.code == code and 'ready' not in a.out + a.err, a)
        [said] = [x for x in a.err.splitlines() if x.startswith('handrail: ')]
        for text in says:
            need(text in said, text, 'in', said)
        return said

    def read(self, *args):
        return self.ok(*args, '--json').json

    # --- up and down

    def log(self):
        try:
            with open(self.log_path, errors='replace') as f:
                return f.read()
        except FileNotFoundError:
            return ''

    def spawn(self, env=None, wrap=(), before=None, args=()):
        """Starts `handrail up` and does not wait for it."""
        def child():
            with_parent()
            if before:
                before()
        self.mark = len(self.log())
        with open(self.log_path, 'a') as log:
            self.process = subprocess.Popen(
                [*wrap, self.handrail, 'up', '--config', self.config,
                 '--state', self.state, *args],
                env={**self.env, **(env or {})}, stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, cwd=self.folder,
                preexec_fn=child)
        COMPANIONS.append(self.process)

    def ready(self):
        return 'ready: http://' in self.log()[self.mark:] or \
            re.search(r'ready\b.*cli\.sock', self.log()[self.mark:])

    SEEN = {}  # ids -> what the first house of this program saw of /usr

    def seen(self):
        """What a house looks through at its start takes more than all else of
        it: the second house of a program starts as one that was stopped."""
        path = os.path.join(self.state, 'seen')
        with contextlib.suppress(FileNotFoundError):
            with open(path, 'rb') as f:
                found = f.read()
            if found:
                self.SEEN[self.uid_base] = found
            return
        if self.uid_base in self.SEEN and os.path.isdir(self.state):
            with open(path, 'wb', opener=lambda name, flags: os.open(
                    name, flags, 0o600)) as f:
                f.write(self.SEEN[self.uid_base])

    def start(self, seconds=PATIENCE, **more):
        if not os.path.exists(os.path.join(self.state, 'vault.key')):
            self.ok('vault', 'init')
        self.seen()
        self.spawn(**more)

        def up():
            if self.process.poll() is not None:
                raise Failed('the house ended with %d:\n%s' % (
                    self.process.returncode, self.log()[self.mark:][-2000:]))
            return self.ready()
        until(up, seconds, 'the house is not ready:\n' + self.log()[-2000:])
        return self

    def reload(self):
        """Roles and configuration are read anew, and in force."""
        before = self.log().count('reload')
        self.process.send_signal(signal.SIGHUP)
        until(lambda: self.log().count('reload') > before,
              text='no reload')

    def on_tiny_disk(self):
        """Starts it with a book that can be filled."""
        os.makedirs(os.path.join(self.state, 'book'), exist_ok=True)
        self.start(wrap=tiny_book(), env={'STATE': self.state})
        # The last of a start, and written behind the word that it is ready: else
        # that would be what finds the disk full.
        until(lambda: 'key_in_force' in [e['kind'] for e in self.events()],
              text='its start is not in the book')
        return self

    def filler(self):
        return '/proc/%d/root%s/book/filler' % (self.process.pid, self.state)

    def fill_disk(self):
        with open(self.filler(), 'wb', buffering=0) as f:
            try:
                while True:
                    f.write(bytes(4096))
            except OSError:
                pass

    def free_disk(self):
        os.unlink(self.filler())

    def go(self):
        """Lets every command go on that stands at UNTIL_GO."""
        as_cells('for work in "$1"/runs/*/work; do : >"$work/go"; done',
                 self.state)  # one may have ended meanwhile

    def in_work(self, task, script):
        """What a shell says in the workspace of a task's last run."""
        run = self.task(task)['runs'][-1]['run']
        return as_cells('cd "$1" && ' + script,
                        os.path.join(self.state, 'runs', run, 'work'))

    def stop(self, seconds=PATIENCE):
        """The polite way; its exit code."""
        if self.process is None:
            return None
        self.process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds=PATIENCE):
        try:
            code = self.process.wait(max(seconds, PATIENCE))
            COMPANIONS.remove(self.process)
        except subprocess.TimeoutExpired:
            raise Failed('after %g s the house still stands:\n%s' % (
                max(seconds, PATIENCE), self.log()[-2000:]))
        self.process = None
        return code

    def kill(self):
        if self.process:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
            COMPANIONS.remove(self.process)
            self.process = None
            try:
                self.gone()
            except Failed:
                for pid in self.left():
                    end_process(pid)

    def left(self):
        """What of this house is still there: pid -> name.  Everything below
        this test but what other houses and servers of it have."""
        others = {p.pid for p in COMPANIONS if p is not self.process}
        reap_orphans(others | ({self.process.pid} if self.process else set()))
        table = processes()
        for pid in others:
            for below in descendants(pid, table):
                table.pop(below, None)
            table.pop(pid, None)
        return {pid: name for pid, name in
                descendants(os.getpid(), table).items()}

    def gone(self):
        """No process of the house is left, though what it ran would go on for
        longer than PATIENCE."""
        until(lambda: not self.left(),
              text=lambda: 'processes are left: %s' % self.left())

    def pids(self):
        """name -> pid of the parts that stand now."""
        table = processes()
        return {name: pid for pid, (parent, name) in table.items()
                if parent == self.process.pid and name in PARTS}

    def whole(self, seconds=PATIENCE):
        """All parts stand, and the house answers."""
        def all_there():
            pids = self.pids()
            if set(pids) != set(PARTS):
                return None
            a = self.get('/api/status', quiet=True)
            return pids if a and a.code == 200 and a.json['ok'] and \
                all(a.json['parts'].values()) else None
        return until(all_there, seconds, 'the house is not whole')

    # --- HTTP

    def token(self):
        with open(os.path.join(self.state, 'operators/tester.token')) as f:
            return f.read().strip()

    def ask(self, method, target, body=None, token=True, tcp=False,
            headers=None, timeout=PATIENCE):
        at = http.client.HTTPConnection('127.0.0.1', self.port,
                                        timeout=timeout) if tcp else \
            Local(os.path.join(self.state, 'cli.sock'), timeout)
        send = dict(headers or {})
        if token:
            send.setdefault('Authorization', 'Bearer ' + (
                self.token() if token is True else token))
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        try:
            at.request(method, target, body, send)
            answer = at.getresponse()
            return Answer(answer.status, answer.read().decode())
        finally:
            at.close()

    def get(self, target, quiet=False, **more):
        try:
            return self.ask('GET', target, **more)
        except (OSError, http.client.HTTPException):
            if quiet:
                return None
            raise

    def post(self, target, body, **more):
        return self.ask('POST', target, body, **more)

    # --- tasks

    def dispatch(self, steps, queue='helper', subject='a test', kind=None,
                 **payload):
        payload['runbook'] = steps
        if kind:
            payload['type'] = kind
        a = self.post('/api/tasks', {'queue': queue, 'subject': subject,
                                     'payload': payload})
        need(a.code == 201, 'dispatch', a)
        return a.json['id']

    def task(self, task):
        a = self.get('/api/tasks/' + task)
        need(a.code == 200, 'task', a)
        return a.json

    def outcome(self, task, seconds=PATIENCE):
        """The task once it has ended; the house may fall meanwhile."""
        def ended():
            a = self.get('/api/tasks/' + task, quiet=True)
            return a.json if a and a.code == 200 and \
                a.json['state'] in FINAL else None
        try:
            return until(ended, seconds, every=0.03)
        except Failed:
            a = self.get('/api/tasks/' + task, quiet=True)
            raise Failed('the task has not ended: %s\n%s' % (
                a and a.out[-1500:], self.log()[-1500:]))

    def run(self, steps, seconds=PATIENCE, **more):
        return self.outcome(self.dispatch(steps, **more), seconds)

    def events(self, task=None):
        found, after = [], 0
        while True:
            a = self.get('/api/events?after=%d%s' % (
                after, '&task=' + task if task else ''))
            need(a.code == 200, 'events', a)
            if not a.json['events']:
                return found
            found += a.json['events']
            after = a.json['next']

    def kinds(self, task):
        return [e['kind'] for e in self.events(task)]

    def outcomes(self, task):
        """The transitions of a task that end it: exactly one, always."""
        return [e['body']['event'] for e in self.events(task)
                if e['kind'] == 'task_transition' and
                e['body'].get('event') in ('complete', 'fail', 'block')]

    def waits(self):
        return self.get('/api/waits').json['waits']

    def waiting(self, seconds=PATIENCE):
        """The first of its runs that waits for a person: a letter about a run
        that is blocked stands there as well, sooner or later."""
        def one():
            a = self.get('/api/waits', quiet=True)
            return a and a.code == 200 and [
                w for w in a.json['waits'] if w['kind'] != 'decision']
        return until(one, seconds, 'nothing waits')[0]

    def say(self, wait, decision, reason=None):
        body = {'decision': decision}
        if reason:
            body['reason'] = reason
        return self.post('/api/waits/' + wait['id'], body)

    def verified(self):
        """The tree is whole, and every decision is its policy's own."""
        a = self.cli('audit', 'verify', '--decisions')
        need(a.code == 0, 'audit verify', a)
        return a.out


# In a sandbox: until the test says so.
UNTIL_GO = 'until test -e /work/go; do sleep 0.05; done'


def shell(command, id='step', on_error='stop', **args):
    return {'id': id, 'tool': 'shell', 'args': {'command': command, **args},
            'on_error': on_error}


# --- TAP ------------------------------------------------------------------------

TESTS = []


def test(function):
    """Its name is a sentence; it returns, raises, or skips with a reason."""
    TESTS.append(function)
    return function


def main():
    """Runs the tests, all or those whose name holds an argument's word."""
    words = sys.argv[1:]
    chosen = [t for t in TESTS if not words or
              any(w in t.__name__ for w in words)]
    bad = 0
    print('1..%d' % len(chosen), flush=True)
    for number, function in enumerate(chosen, 1):
        name = function.__name__
        began = time.monotonic()
        try:
            function()
            line = 'ok %d - %s' % (number, name)
        except Skipped as why:
            line = 'ok %d - %s # SKIP %s' % (number, name, why)
        except Exception as e:
            bad += 1
            text = str(e) if isinstance(e, Failed) else traceback.format_exc()
            if isinstance(e, Failed):
                at = traceback.extract_tb(e.__traceback__)
                here = [f for f in at if f.filename != __file__]
                if here:
                    text = 'line %d: %s' % (here[-1].lineno, text)
            for row in text.splitlines():
                print('# ' + row)
            line = 'not ok %d - %s' % (number, name)
        print(line, flush=True)
        print('# %.1f s' % (time.monotonic() - began), flush=True)
    return 1 if bad else 0
