# SPDX-License-Identifier: Apache-2.0
"""What tests of workers share: a house with queues of theirs, what a worker
says, and steps that keep a lease."""
import functools
import threading
import time

from house import GATES, HELPER, PATIENCE, SERVER, Failed, House, need, until

MILL = {'role.toml': '''[task.default]
tools = []
output.required = ["flour"]
output.properties.flour = { type = "integer" }

[task.again]
tools = []
retry = { attempts = 2, base = "10ms", cap = "20ms" }

[queue]
served = "worker"
repair = "fixer"
''', 'gates.toml': GATES, 'mcp/server.toml': SERVER}
FIXER = {'role.toml': '''[task.default]
tools = []

[queue]
served = "worker"
''', 'gates.toml': GATES, 'mcp/server.toml': SERVER}
ROLES = {'mill': MILL, 'helper': HELPER, 'fixer': FIXER}
GOOD = {'flour': 7}


def house():
    return House(roles=ROLES)


def put(h, count=1):
    found = []
    for n in range(count):
        a = h.post('/api/tasks', {'queue': 'mill', 'subject': 'grind %d' % n,
                                  'payload': {'grain': n}})
        need(a.code == 201, 'dispatch', a)
        found.append(a.json['id'])
    return found


def say(h, what, worker, code=200, **more):
    a = h.ask('POST', '/api/queue/' + what, {'worker': worker, **more})
    need(a.code == code, what, worker, a)
    return a.json


def claim(h, worker, n=1, **more):
    more.setdefault('queues', ['mill'])
    return say(h, 'claim', worker, n=n, **more)['tasks']


def end(task, **more):
    return {'task': task['task'], 'epoch': task['epoch'], 'outcome': 'complete',
            'result': GOOD, **more}


def state(h, task):
    return h.task(task)['state']


class Waiting:
    """A question for a task that core has heard: its session is there."""

    def __init__(self, h, worker, token=True, **more):
        self.got = []
        body = {'worker': worker, 'queues': ['mill'], 'wait_ms': 60000, **more}
        self.thread = threading.Thread(target=lambda: self.got.extend(
            h.ask('POST', '/api/queue/claim', body, token=token,
                  timeout=2 * PATIENCE).json['tasks']))
        self.thread.start()
        until(lambda: h.ask('POST', '/api/queue/beat', {'worker': worker},
                            token=token).code == 200, text='it does not wait')

    def end(self):
        self.thread.join(PATIENCE)
        need(not self.thread.is_alive(), 'it hears nothing')
        return self.got


class Renewals:
    """Steps that each renew a lease.  A machine may stand still behind one of
    them for longer: then what follows shows nothing.  Who waited for as long as
    PATIENCE waited for what does not come."""

    def __init__(self, lease):
        self.lease, self.sent, self.late = lease, None, False

    def look(self):
        if self.sent and \
                self.lease < time.monotonic() - self.sent < PATIENCE:
            self.late = True

    def __call__(self, what, *args, **more):
        sent = time.monotonic()
        try:
            return what(*args, **more)
        finally:
            self.look()
            self.sent = sent


def undisturbed(lease):
    """A test whose steps keep a lease of so many seconds: begun again where the
    machine was too slow for that, and only there."""
    def of(function):
        @functools.wraps(function)
        def run():
            for _ in range(20):
                renews = Renewals(lease)
                try:
                    return function(renews)
                except Failed:
                    renews.look()  # it may have failed before the next step
                    if not renews.late:
                        raise
            raise Failed('20 times the machine stood still for %g s' % lease)
        return run
    return of
