#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of any part at any moment.  A short runbook clones a real repository
over HTTPS, records a commit and pushes it; whatever is killed, afterwards the
task has exactly one outcome, the server has exactly one update of the branch,
the book is whole, and nothing of the house is left once it has stopped.

    crash.py [WORD…]   only the tests whose names hold a word
    MOMENTS=200        how many random moments (60)
    SEED=number        repeat what a run printed
    PASSAGES=n         at most so many passages of each point
    ALL=1              every passage, also where there are many
    STORE=postgres     on a PostgreSQL of the test's own: a death of the whole
                       house costs the rest of its lease, so there are fewer
"""
import ctypes
import http.client
import os
import random
import sys
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(SOURCE, 'tests', 'api'),
                os.path.join(SOURCE, 'tests', 'postgres')]
import cluster  # noqa: E402
import house  # noqa: E402
from house import *  # noqa: E402,F403
from git_server import HOST, GitServer  # noqa: E402

POSTGRES = os.environ.get('STORE') == 'postgres'
SOAK = bool(os.environ.get('SOAK'))
MOMENTS = int(os.environ.get('MOMENTS') or (500 if SOAK else 60))
PASSAGES = int(os.environ.get('PASSAGES') or
               (2 if POSTGRES and not SOAK else 99))
ALL = bool(os.environ.get('ALL'))
SEED = int(os.environ.get('SEED') or random.SystemRandom().randrange(1 << 32))

# The core in which the points are, unless a broken one is tried.
INSTEAD.setdefault('core', os.path.join(BUILD, 'tests/crash/core_crash'))


# --- a world whose network namespaces can be counted ---------------------------

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
COUNTED = False


def put(path, text):
    with open(path, 'w') as f:
        f.write(text)


def own_world():
    """As root: a user namespace with the same ids.  What is left of a cell's
    network is not to be seen, but it counts against this one's limit."""
    global COUNTED
    if os.getuid():
        return
    ours, theirs = os.pipe(), os.pipe()
    helper = os.fork()
    if helper == 0:
        os.read(ours[0], 1)
        try:
            for name in ('uid_map', 'gid_map'):
                put('/proc/%d/%s' % (os.getppid(), name), '0 0 4294967295')
        finally:
            os._exit(0)
    if LIBC.unshare(CLONE_NEWUSER):
        print('# networks are not counted: no user namespace')
    os.write(ours[1], b'x')
    os.waitpid(helper, 0)
    for fd in ours + theirs:
        os.close(fd)
    COUNTED = os.getuid() == 0
    adopt_orphans()


def nets_left():
    """Whether one network can be made where one is the limit."""
    put('/proc/sys/user/max_net_namespaces', '1')
    pid = os.fork()
    if pid == 0:
        os._exit(1 if LIBC.unshare(CLONE_NEWNET) else 0)
    left = os.waitpid(pid, 0)[1] != 0
    put('/proc/sys/user/max_net_namespaces', '1000')
    return left


def mounts():
    with open('/proc/self/mountinfo') as f:
        return sorted(line.split()[4] for line in f)


# --- a job --------------------------------------------------------------------

SERVER_ = None
CLUSTER = None
HOUSES = {}
LIVES = {}  # house -> seconds
COUNT = 0


def server():
    global SERVER_
    if SERVER_ is None:
        SERVER_ = GitServer().start()
    return SERVER_


class Stored(House):
    """Its book stands where STORE says."""

    def start(self, seconds=PATIENCE, **more):
        global CLUSTER
        if POSTGRES and CLUSTER is None:
            if not cluster.programs():
                raise Skipped(
                    'there is no PostgreSQL: apt-get install postgresql')
            CLUSTER = cluster.Cluster.new()
            COMPANIONS.append(CLUSTER.server)
        if POSTGRES:
            name = 'h%d' % id(self)
            more['args'] = ['--store', CLUSTER.url(name)]
        return super().start(seconds, **more)


def house_of(gated):
    """One house for all kills: its book grows, and is replayed, with each."""
    if gated not in HOUSES:
        h = Stored({'engineering': server().role(gated)})
        h.start()
        h.ok('vault', 'put', 'demo-git', '--host', HOST, input=server().token)
        h.stop()
        HOUSES[gated] = h
    return HOUSES[gated]


class Job:
    """One task on its way, whatever falls meanwhile."""

    def __init__(self, h, gated):
        global COUNT
        COUNT += 1
        self.h, self.gated = h, gated
        self.branch = 'agent/c%d' % COUNT
        self.body = {'queue': 'engineering', 'subject': self.branch,
                     'payload': {'type': 'fix_test', 'repo': server().url,
                                 'runbook': server().steps(self.branch)}}
        self.id, self.seen = None, {}
        self.fallen = []  # pids that the house will see are gone

    def stage(self):
        """How far it had come, as was last seen."""
        if not self.seen.get('runs'):
            return 'begin' if self.id else 'put'
        calls = self.seen['runs'][-1]['calls']
        if self.seen['state'] in FINAL:
            return 'over'
        return '%d calls' % sum(1 for c in calls if c.get('end'))

    def insist(self, method, target, body=None):
        """Asks until it is answered, as a client must; a key makes the
        question the same one."""
        try:
            a = self.h.ask(method, target, body, timeout=5)
        except (OSError, http.client.HTTPException):
            return None
        return None if a.code == 503 else a

    def step(self):
        """Goes on as far as it can; the task once it has ended."""
        if not self.id:
            a = self.insist('POST', '/api/tasks?key=' + self.branch, self.body)
            if a:
                need(a.code == (200 if a.json.get('duplicate') else 201), a)
                self.id = a.json['id']
            return None
        if self.gated:
            # A call that failed is another call when it is tried again, and
            # needs another yes.
            a = self.insist('GET', '/api/waits')
            mine = [w['id'] for w in a.json['waits']
                    if w['hint'].endswith(' as ' + self.branch)] \
                if a and a.code == 200 else []
            for wait in mine:
                self.insist('POST', '/api/waits/' + wait,
                            {'decision': 'approve'})
        a = self.insist('GET', '/api/tasks/' + self.id)
        if a and a.code == 404:
            raise Failed('the task that was answered is lost')
        if a and a.code == 200:
            self.seen = a.json
            if a.json['state'] in FINAL:
                return a.json
        return None

    def finish(self, seconds=PATIENCE):
        try:
            return until(self.step, seconds, every=0.03)
        except Failed as f:
            raise Failed('%s %s: %s\n%s\n%s' % (
                f, self.id, self.id and self.h.get(
                    '/api/tasks/' + self.id, quiet=True),
                self.h.get('/api/waits', quiet=True), self.h.log()[-3000:]))

    def judge(self):
        """Everything that is promised."""
        h = self.h
        t = self.finish()
        # The point may lie behind the outcome: whoever reads, reads again.
        settle(h, self.fallen)
        log = h.log()[-3000:]
        need(t['state'] == 'completed', t, log)
        need(h.outcomes(self.id) == ['complete'], h.outcomes(self.id))
        updates = server().updates(self.branch)
        need(len(updates) == 1, 'one update of the branch:', updates, t)
        need(updates[0].split()[1] == t['result']['commit'] ==
             server().head(self.branch), updates, t)
        tasks = [x for x in h.read('task', 'list')['tasks']
                 if x['subject'] == self.branch]
        need(len(tasks) == 1, 'one task:', tasks)
        kinds = [e for e in h.events(self.id)]
        for n in {e.get('call') for e in kinds if e.get('call')}:
            settled = [e for e in kinds if e['kind'] == 'call_settled' and
                       e.get('call') == n]
            need(len(settled) <= 1, 'call %d is settled twice' % n)
        h.verified()
        return t


def settle(h, fallen=()):
    """Nothing runs any more, and all parts stand: those of after the fall, for
    a house that has not noticed yet looks whole."""
    until(lambda: not set(h.pids().values()) & set(fallen), PATIENCE,
          'a part that fell is not started again')

    def quiet():
        a = h.get('/api/status', quiet=True)
        return a and a.code == 200 and not a.json['sandboxes'] and \
            not a.json['runs']
    until(quiet, PATIENCE, 'runs or sandboxes do not end:\n' + h.log()[-2000:])
    h.whole()


def nothing_left(h):
    need(h.stop() == 0, h.log()[-2000:])
    h.gone()


# --- named points ----------------------------------------------------------------

def points():
    with open(os.path.join(SOURCE, 'src/parts/crash.def')) as f:
        return re.findall(r'^CRASH\((\w+),', f.read(), re.M)


def armed_run(name, passage, gated):
    """True: core died there and everything is as promised."""
    h = house_of(gated)
    once = os.path.join(h.state, 'book', 'crash')
    if os.path.exists(once):
        os.unlink(once)
    h.start(env={'HANDRAIL_CRASH': '%s:%d' % (name, passage),
                 'HANDRAIL_CRASH_ONCE': once})
    try:
        Job(h, gated).judge()
        nothing_left(h)
    except Exception as f:
        h.kill()
        raise Failed('%s:%d: %r' % (name, passage, f))
    return os.path.exists(once)


def point_test(name, gated):
    # Commits are many: unless ALL is set, every second one, of the long run
    # every third; SEED says from which on.
    step = (3 if gated else 2) if name.endswith('_COMMIT') and not ALL else 1

    def run():
        passage, count = 1 + SEED % step, 0
        while count < PASSAGES and armed_run(name, passage, gated):
            passage += step
            count += 1
        need(count, 'no passage of %s is reached' % name)
        print('# %d passages' % count)
    run.__name__ = 'core_may_die_at_%s%s' % (
        name.lower(), '_of_a_run_that_waits' if gated else '')
    return run


for name in points():
    for gated in (False, True):
        test(point_test(name, gated))


# --- random moments ---------------------------------------------------------------

def victims(h):
    """kind -> pids, of everything that stands."""
    table = processes()
    parts = {n: pid for pid, (parent, n) in table.items()
             if parent == h.process.pid}
    found = {'supervisor': [h.process.pid]}
    for pid, n in descendants(h.process.pid, table).items():
        if table[pid][0] == h.process.pid:
            kind = n + ' (own)' if n == 'egress' else n
        elif n == 'egress' and table[pid][0] == parts.get('sandbox'):
            kind = 'egress zygote'
        elif n in ('egress', 'agent'):
            kind = n
        elif table[pid][0] == parts.get('sandbox'):
            kind = 'cell'
        else:
            continue  # a command's own processes: no part of the house
        found.setdefault(kind, []).append(pid)
    return found


def strike(h, dice, fallen):
    """Ends one; of a part, or what takes one with it, the pid is noted."""
    choice = victims(h)
    kind = dice.choice(sorted(choice))
    pid = dice.choice(sorted(choice[kind]))
    if pid == h.process.pid:
        h.process.kill()
        h.wait()
        h.gone()
        h.start()
    else:
        parts = h.pids()
        try:
            end_process(pid)
        except ProcessLookupError:
            pass
        if kind == 'egress zygote':
            pid = parts.get('sandbox')
        if pid in parts.values():
            fallen.append(pid)
    return kind


def life(h, gated):
    """How long a task takes here and now where nothing falls: moments are of
    all of it, however busy the machine is."""
    if h not in LIVES:
        h.start()
        began = time.monotonic()
        Job(h, gated).finish()
        LIVES[h] = time.monotonic() - began
        nothing_left(h)
    return LIVES[h]


def moment(h, gated, dice, struck, stages):
    span = life(h, gated)
    h.start()
    job = Job(h, gated)
    begin = time.monotonic()
    for _ in range(1 if dice.random() < 0.7 else 2):
        at = begin + dice.random() * span
        while time.monotonic() < at:
            job.step()
            time.sleep(0.005)
        stages[job.stage()] = stages.get(job.stage(), 0) + 1
        struck.append(strike(h, dice, job.fallen))
        begin = time.monotonic()
    job.judge()
    nothing_left(h)


@test
def any_part_may_die_at_random_moments():
    print('# SEED=%d, %d moments' % (SEED, MOMENTS), flush=True)
    told, stages, bad = {}, {}, []
    for number in range(MOMENTS):
        dice = random.Random(SEED * 1000003 + number)
        gated = dice.random() < 0.3
        struck = []
        h = house_of(gated)
        try:
            moment(h, gated, dice, struck, stages)
        except Exception as f:
            h.kill()
            bad.append(number)
            print('# moment %d, %s: ' % (number, ', '.join(struck)) + str(
                f or repr(f))[-4000:].replace('\n', '\n# '), flush=True)
        for kind in struck:
            told[kind] = told.get(kind, 0) + 1
        if (number + 1) % 50 == 0:  # of a long run that is cut
            print('# %d moments, %d bad' % (number + 1, len(bad)), flush=True)
    print('# killed: ' + ', '.join('%d %s' % (n, kind) for kind, n in
                                   sorted(told.items())))
    print('# at: ' + ', '.join('%d %s' % (n, stage) for stage, n in
                               sorted(stages.items())))
    need(not bad, 'moments %s of %d; SEED=%d repeats them' % (
        bad, MOMENTS, SEED))


@test
def no_network_mount_or_process_is_left_after_all_of_it():
    for h in HOUSES.values():
        h.gone()
    need(mounts() == BEFORE, 'mounts are left')
    if not COUNTED:
        raise Skipped('only root can count networks without their limit')
    until(lambda: not nets_left(), 10, 'a network namespace is left', 0.5)


if __name__ == '__main__':
    own_world()
    BEFORE = mounts()
    code = main()
    for h in HOUSES.values():
        h.__exit__()
    if SERVER_:
        SERVER_.__exit__()
    if CLUSTER:
        CLUSTER.remove()
    sys.exit(code)
