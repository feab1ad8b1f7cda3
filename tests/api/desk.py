#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A house with a device on a desk, and the device: a script that speaks its
protocol over whatever carries it, well and badly.  For the tests of buddy."""
import base64
import json
import os
import select
import socket
import sys
import time
import tty

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403

GATES = """\
[defaults]
unmatched = "allow"

[gate.spend]
match   = { tool = "pay" }
require = "operator"
surface = "buddy | cli"
hint    = "{{vendor}} ${{amount}}"

[gate.only]
match   = { tool = "sign" }
require = "operator"
surface = "buddy"
hint    = "sign {{what}}"

[gate.both]
match   = { tool = "launch" }
require = "two_operators"
surface = "buddy | cli"

[gate.page]
match   = { tool = "browse" }
require = "operator"
surface = "web | buddy"

[gate.later]
match   = { tool = "late" }
require = "operator"
surface = "cli | buddy"
"""


def tool(name, *args):
    text = '[tool.%s]\ndescription = "x"\naction = "purchase"\n' % name
    text += '[tool.%s.input]\ntype = "object"\n' % name
    for a in args:
        text += 'properties.%s = { type = ["string", "number"] }\n' % a
    return text + '[tool.%s.run]\nexec = ["/bin/true"]\n' % name


FINANCE = {
    'role.toml': ROLE.replace(
        '["shell"]', '["shell", "pay", "sign", "launch", "late", "browse"]'),
    'gates.toml': GATES,
    'mcp/server.toml': SERVER + tool('pay', 'vendor', 'amount') +
    tool('sign', 'what') + tool('launch') + tool('late') + tool('browse'),
}
TCP = '[buddy]\ntcp = "127.0.0.1:%d"\n'
SECOND = ('[operator.second]\nuid = 65533\n'
          '[operator.reader]\nuid = 65532\nweb = "read"\n')


def step(name, **args):
    return {'id': 'step', 'tool': name, 'args': args}


FINISH = {'id': 'end', 'tool': 'finish', 'args': {}}


class Desk(House):
    """A house with a door for a simulator, which is the tester's device."""

    def __init__(self, carrier=None, device='simulator', **more):
        self.door = free_port()
        config = (carrier or TCP % self.door) + SECOND
        super().__init__({'finance': FINANCE}, config=config, **more)
        with open(self.config) as f:
            text = f.read()
        write(self.config, text.replace('[operator.tester]\n',
              '[operator.tester]\nbuddy = "%s"\n' % device) if device
              else text)

    def up(self, dev=True):
        self.start(args=('--dev',) if dev else ())
        return self

    def pairing(self):
        with open(os.path.join(self.state, 'buddy.token')) as f:
            return f.read()

    def ask_for(self, name, **args):
        """A task that waits for a person; the task and the wait."""
        before = {w['id'] for w in self.waits()}
        task = self.dispatch([step(name, **args), FINISH], queue='finance')
        return task, until(lambda: [w for w in self.waits()
                                    if w['id'] not in before], 15,
                           'nothing waits')[0]

    def wait(self, id):
        if not isinstance(id, str):
            return super().wait(id)
        waits = self.get('/api/waits?all=1').json['waits']
        return [w for w in waits if w['id'] == id][0]

    def open(self, id):
        return self.wait(id)['state'] == 'open'

    def device(self):
        return self.get('/api/buddy').json['buddy']

    def part(self, wanted='buddy'):
        table = processes()
        return [pid for pid, (parent, name) in table.items()
                if parent == self.process.pid and name == wanted]


class Device:
    """The other end: reads lines, answers commands, keeps the last picture."""

    def __init__(self, fd, close, quiet=False):
        self.fd, self.close_all, self.quiet = fd, close, quiet
        self.bytes, self.beats, self.lines = b'', [], []
        self.name, self.kept, self.file = 'Claude-7F3A', {}, ''
        self.refuses = ()  # commands that it answers with a no
        self.idle = lambda: None  # done whenever it listens
        self.longest = 0

    def send(self, line, pieces=None):
        data = (json.dumps(line) if isinstance(line, dict) else line) + '\n'
        data = data.encode()
        size = pieces or len(data)
        for i in range(0, len(data), size):
            os.write(self.fd, data[i:i + size])
            if pieces:
                time.sleep(0.001)

    def babble(self, size, times):
        """Talks until nobody hears it any more: a line that was hung up takes
        no byte, and would keep whoever waits for it."""
        os.set_blocking(self.fd, False)
        try:
            for _ in range(times):
                if not select.select([], [self.fd], [], 1)[1]:
                    break
                os.write(self.fd, b'{"babble":"' + b'x' * size + b'"}\n')
        except OSError:
            pass
        os.set_blocking(self.fd, True)

    def take(self, line):
        self.longest = max(self.longest, len(line) + 1)
        said = json.loads(line)
        self.lines.append(said)
        if 'running' in said:
            self.beats.append(said)
        elif said.get('cmd') and not self.quiet:
            ok = said['cmd'] not in self.refuses
            n = self.does(said) if ok else 0
            self.send({'ack': said['cmd'], 'ok': ok, 'n': n, 'data': {
                'name': self.name, 'sec': False, 'bat': {'pct': 81}}})

    def does(self, said):
        """What the firmware does with it; the bytes of the file so far."""
        if said['cmd'] == 'name':
            self.name = said['name']
        elif said['cmd'] == 'file':
            self.file = said['path']
            self.kept[self.file] = b''
        elif said['cmd'] == 'chunk':
            self.kept[self.file] += base64.b64decode(said['d'])
        return len(self.kept.get(self.file, b''))

    def pump(self, seconds=0.02):
        """What has come; False at the end of it."""
        self.idle()
        end = time.monotonic() + seconds
        while select.select([self.fd], [], [],
                            max(0, end - time.monotonic()))[0]:
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                return False
            if not data:
                return False
            self.bytes += data
            while b'\n' in self.bytes:
                line, self.bytes = self.bytes.split(b'\n', 1)
                self.take(line)
        return True

    def prompt(self):
        self.pump()
        return self.beats[-1].get('prompt') if self.beats else None

    def shows(self, wait, seconds=10):
        def there():
            p = self.prompt()
            return p if p and p['id'] == wait['id'] else None
        return until(there, seconds, 'not shown: %s; %r' % (
            wait['id'], self.beats[-1:]))

    def shows_none(self, seconds=10):
        until(lambda: not self.prompt() and self.beats, seconds,
              'it shows %r' % self.prompt())

    def say(self, id, decision, **more):
        self.send({'cmd': 'permission', 'id': id, 'decision': decision}, **more)

    def ended(self, seconds=10):
        until(lambda: not self.pump(), seconds, 'it was not hung up')

    def close(self):
        self.close_all()


def call(h, token=None, quiet=False):
    """A device over TCP, as soon as the house takes one."""
    s = socket.create_connection(('127.0.0.1', h.door))
    d = Device(s.fileno(), s.close, quiet)
    d.socket = s
    d.send((h.pairing() if token is None else token).strip())
    return d


def connected(h, **more):
    d = call(h, **more)
    # Told something, so that it is not the last one that is alive.
    until(lambda: d.pump() and d.lines and h.device()['alive'], 60,
          'not alive')
    return d


def serial():
    master, slave = os.openpty()
    tty.setraw(master)
    path = os.ttyname(slave)
    os.close(slave)
    return Device(master, lambda: os.close(master)), path


def silent(h, d):
    """A device that says nothing is no surface, until it does."""
    d.quiet = True
    task, w = h.ask_for('sign', what='anything')
    d.pump(0.5)
    need(not h.device()['alive'], 'alive without a word', h.device())
    d.say(w['id'], 'once')
    d.pump(0.3)
    need(h.open(w['id']), 'decided by what shows nothing', h.wait(w['id']))
    d.quiet = False  # it is asked again, every 10 s
    until(lambda: d.pump() and h.device()['alive'], 60, 'not alive')
    d.shows(w, 60)
    return task, w


def judged(h, d, task, w):
    """Whatever carries it: wrong ids, noise and a second word decide nothing,
    one that never stops talking is put down, and the prompt is there again when
    it has been opened anew."""
    d.shows(w, 60)
    d.send('boot: \x01 {')
    d.say('w-another', 'once')
    d.say(w['id'][:-1], 'once')
    d.say(w['id'], 'always')
    d.send('x' * 1500 + json.dumps(
        {'cmd': 'permission', 'id': w['id'], 'decision': 'once'}))
    d.pump(0.3)
    need(h.open(w['id']), 'decided by noise', h.wait(w['id']))
    before = h.log().count('says more than a device')
    d.babble(900, 120)
    until(lambda: d.pump() or h.log().count('says more') > before, 60,
          'it may go on')
    until(lambda: h.log().count('says more than a device') > before, 60,
          'not told')
    need(h.open(w['id']), 'decided by babble', h.wait(w['id']))
    until(lambda: d.pump() and h.device()['alive'], 60, 'not opened anew')
    d.beats.clear()
    until(lambda: d.prompt() and d.prompt()['id'] == w['id'], 60,
          'not shown anew')
    d.say(w['id'], 'once', pieces=1)
    d.say(w['id'], 'deny')
    d.say(w['id'], 'once')
    need(h.outcome(task)['state'] == 'completed', h.task(task))
    need(h.kinds(task).count('wait_decided') == 1, h.kinds(task))
