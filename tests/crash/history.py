#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Workers and clients write down what they said and heard while parts of their
house are killed -9; then tests/history judges whether a queue that keeps its
promises could have answered so.

    history.py STORE   sqlite or postgres
    KILLS=200          how many (20, on PostgreSQL 6, where a death of the house
                       costs the rest of its lease; 500 with SOAK=1)
    SEED=number        the dice of the kills
"""
import http.client
import json
import os
import random
import re
import subprocess
import sys
import threading
import uuid

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(SOURCE, 'tests', 'api'),
                os.path.join(SOURCE, 'tests', 'postgres')]
import cluster  # noqa: E402
from house import *  # noqa: E402,F403

STORE = sys.argv[1] if len(sys.argv) > 1 else 'sqlite'
KILLS = int(os.environ.get('KILLS') or (
    500 if os.environ.get('SOAK') else 20 if STORE == 'sqlite' else 6))
SEED = int(os.environ.get('SEED') or random.SystemRandom().randrange(1 << 32))
LEASE_MS = 4000
QUEUES = {'mill': {'role.toml': '''[task.default]
tools = []

[queue]
served = "worker"
''', 'gates.toml': GATES, 'mcp/server.toml': SERVER}}


class Diary:
    """JSON lines, in the order in which they are written."""

    def __init__(self, path):
        self.file = open(path, 'w')
        self.lock = threading.Lock()
        self.op = 0

    def say(self, op, do, say, **more):
        with self.lock:
            if op is None:
                self.op += 1
                op = self.op
            self.file.write(json.dumps(
                {'at': time.monotonic_ns() // 1000, 'op': op, 'do': do,
                 'say': say, **more}) + '\n')
            self.file.flush()
        return op


class Soul(threading.Thread):
    """A worker or a client: it goes on until it is told to stop."""

    def __init__(self, town, name):
        super().__init__(daemon=True)
        self.town, self.name_ = town, name
        self.dice = random.Random('%d %s' % (SEED, name))
        self.fault = None

    def run(self):
        try:
            while not self.town.over.is_set():
                self.turn()
        except Exception as f:
            self.fault = f

    def ask(self, target, body, headers=None):
        """None: nobody knows."""
        try:
            a = self.town.house.ask('POST', target, body, timeout=8,
                                    headers=headers)
        except (OSError, http.client.HTTPException, Failed):
            time.sleep(0.05)
            return None
        if a.code >= 500:
            time.sleep(0.05)
            return None
        return a


class Client(Soul):
    def turn(self):
        d, task = self.town.diary, str(uuid.UUID(
            int=self.dice.getrandbits(128), version=4))
        depends = [self.dice.choice(self.town.put)] \
            if self.town.put and self.dice.random() < 0.2 else []
        score = self.dice.randint(1, 5)
        body = {'id': task, 'queue': 'mill', 'subject': 'grind',
                'payload': {}, 'depends_on': depends, 'ke_fit_score': score}
        while not self.town.over.is_set():
            # Two hours a step: more than all that these differ in besides.
            op = d.say(None, 'put', 'ask', task=task, queue='mill',
                       rank=-score, depends=depends)
            a = self.ask('/api/tasks', body, {'Idempotency-Key': task})
            d.say(op, 'put', 'lost' if a is None else 'ok')
            if a is not None:
                need(a.code == (200 if a.json.get('duplicate') else 201), a)
                need(a.json['id'] == task, a)
                self.town.put.append(task)
                break
        if self.dice.random() < 0.1:
            op = d.say(None, 'cancel', 'ask', task=task)
            a = self.ask('/api/tasks/%s/cancel' % task, {})
            d.say(op, 'cancel', 'lost' if a is None else
                  'ok' if a.code == 200 else 'no')
        if self.dice.random() < 0.1:  # in heaps: what is first then shows
            time.sleep(self.dice.random() * 2)


class Worker(Soul):
    def turn(self):
        if not self.town.mill.wait(0.1):
            return
        d = self.town.diary
        who = {'worker': self.name_, 'lease_ms': LEASE_MS}
        op = d.say(None, 'claim', 'ask', queue='mill', lease=LEASE_MS * 1000)
        a = self.ask('/api/queue/claim', {
            **who, 'queues': ['mill'], 'wait_ms': self.dice.choice([0, 500])})
        if a is None or not a.json['tasks']:
            d.say(op, 'claim', 'lost' if a is None else 'no')
            return
        [got] = a.json['tasks']
        self.town.taken += 1
        task, epoch = got['task'], got['epoch']
        d.say(op, 'claim', 'ok', task=task, epoch=epoch,
              lease=LEASE_MS * 1000)
        if self.dice.random() < 0.05:
            return  # it forgets what it has
        if self.dice.random() < 0.03:
            time.sleep(LEASE_MS / 1000 * 1.3)  # and is silent for too long
        time.sleep(self.dice.random() * 0.02)
        key, outcome = str(uuid.uuid4()), self.dice.choice(
            ['complete', 'complete', 'fail'])
        self.finish(who, task, epoch, key, outcome)

    def finish(self, who, task, epoch, key, outcome):
        d = self.town.diary
        result = {'result': {}} if outcome == 'complete' else {'error': {
            'error_type': 'mill', 'class': 'unresolvable', 'resolvable': False,
            'suggested_skill': '', 'message': 'no'}}
        while not self.town.over.is_set():
            op = d.say(None, 'finish', 'ask', task=task, epoch=epoch, key=key,
                       outcome=outcome)
            a = self.ask('/api/queue/finish', {
                **who, 'task': task, 'epoch': epoch, 'outcome': outcome,
                'ack_key': key, **result})
            if a is None:
                d.say(op, 'finish', 'lost')
                continue
            need(a.code in (200, 409), a)
            if a.code == 200 and a.json['duplicate']:
                d.say(op, 'finish', 'ok', duplicate=True)
            else:
                d.say(op, 'finish', 'ok' if a.code == 200 else 'no')
            return


class Town:
    def __init__(self, house, where):
        self.house, self.where = house, where
        self.over = threading.Event()
        self.mill = threading.Event()  # open: who works may take
        self.mill.set()
        self.put, self.taken = [], 0
        self.path = os.path.join(house.folder, 'history')
        self.diary = Diary(self.path)
        self.souls = [Client(self, 'c%d' % n) for n in range(2)] + \
            [Worker(self, 'w%d' % n) for n in range(4)]

    def strike(self, dice):
        h = self.house
        parts = dict(h.pids(), supervisor=h.process.pid)
        name = dice.choice(sorted(set(parts) & {
            'core', 'api', 'vault', 'sandbox', 'supervisor'}))
        self.diary.say(None, 'restart', 'ok')
        if name == 'supervisor':
            h.process.kill()
            h.wait()
            h.gone()
        else:
            end_process(parts[name])
        if name in ('core', 'sandbox') and 'core' in parts:
            until(lambda: h.pids().get('core') != parts['core'], 60,
                  'the fall of %s is not noticed' % name)
        # Leases end with their incarnation, once that is noticed; and before
        # the next one can give any.
        self.diary.say(None, 'restart', 'ok')
        if name == 'supervisor':
            h.start(60, args=self.where)
        return name

    def heap(self, size):
        """Nobody takes until so many more are put, some of which wait for what
        may have failed; then half of them are taken: what is first shows."""
        self.mill.clear()
        many, taken = len(self.put) + size, self.taken
        until(lambda: self.faulty() or len(self.put) >= many)
        self.mill.set()
        until(lambda: self.faulty() or self.taken > taken + size // 2)

    def faulty(self):
        return any(s.fault for s in self.souls)

    def finals(self):
        d = self.diary
        for task in self.put:
            a = self.house.get('/api/tasks/' + task)
            need(a.code in (200, 404), a)
            d.say(None, 'final', 'ok', task=task,
                  state=a.json['state'] if a.code == 200 else 'absent')

    def judge(self):
        checker = os.path.join(BUILD, 'tests', 'history', 'history_check')
        done = subprocess.run([checker, self.path], text=True,
                              capture_output=True)
        print('# ' + (done.stdout + done.stderr).strip(), flush=True)
        if done.returncode:
            os.rename(self.path, '/tmp/history-%d' % SEED)
        need(done.returncode == 0, done.stdout, done.stderr,
             '(/tmp/history-%d)' % SEED)
        ordered = int(re.search(r'(\d+) claims before others',
                                done.stdout).group(1))
        need(ordered > 10, 'the order was hardly looked at', done.stdout)


def keeps_its_promises(where):
    print('# SEED=%d, %d kills' % (SEED, KILLS), flush=True)
    dice = random.Random(SEED)
    with House(QUEUES) as h:
        h.start(60, args=where)
        town = Town(h, where)
        for s in town.souls:
            s.start()
        told = {}
        for _ in range(KILLS):
            time.sleep(0.2 + dice.random() * 0.6)
            until(lambda: h.get('/healthz', quiet=True, token=False), 40,
                  'the house does not come back:\n' + h.log()[-2000:])
            name = town.strike(dice)
            told[name] = told.get(name, 0) + 1
        h.whole(40)
        # What claims that nobody heard of may hold is in nobody's hands then:
        # from there on the order of every claim is known.
        time.sleep(2 * LEASE_MS / 1000 + 4)
        town.heap(40)
        town.over.set()
        for s in town.souls:
            s.join(PATIENCE)
            if s.fault:
                raise s.fault
        print('# killed: %s; %d tasks' % (told, len(town.put)))
        need(len(town.put) > KILLS, 'nearly nothing was put')
        h.whole(40)
        town.finals()
        town.judge()
        h.verified()


@test
def what_workers_and_clients_heard_is_what_a_true_queue_says():
    if STORE == 'sqlite':
        keeps_its_promises([])
        return
    if not cluster.programs():
        raise Skipped('there is no PostgreSQL: apt-get install postgresql')
    server = cluster.Cluster.new()
    COMPANIONS.append(server.server)
    try:
        keeps_its_promises(['--store', server.url('history')])
    finally:
        COMPANIONS.remove(server.server)
        server.remove()


if __name__ == '__main__':
    sys.argv[1:] = sys.argv[2:]
    sys.exit(main())
