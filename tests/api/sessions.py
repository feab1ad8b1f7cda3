#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sessions: the events of a run from any event on, and forks of it."""
import http.client
import os
import random
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403

COUNTER = {
    'role.toml': """\
[task.default]
tools  = ["shell", "publish"]
brain  = "runbook"
budget = { calls = 200 }
""",
    'gates.toml': """\
[defaults]
unmatched = "allow"

[gate.publish]
match   = { tool = "publish" }
require = "operator"
surface = "cli"
""",
    'mcp/server.toml': SERVER + """
[tool.publish]
description = "Say something"
action      = "publish"
run         = { exec = ["/bin/echo", "published"] }
"""}
FINISH = {'id': 'end', 'tool': 'finish', 'args': {}}
PUBLISH = {'id': 'say', 'tool': 'publish', 'args': {}}

HOUSE = None


def house():
    global HOUSE
    if HOUSE is None:
        HOUSE = House({'counter': COUNTER}, cells=6)
        HOUSE.start()
    return HOUSE


def session_of(h, task):
    return until(lambda: h.get('/api/sessions?task=' + task).json['sessions'],
                 15, 'no session')[0]['session']


def events_of(h, session):
    """All of them, page by page."""
    found, after = [], 0
    while True:
        a = h.get('/api/sessions/%s/events?after=%d' % (session, after))
        need(a.code == 200, a)
        found += a.json['events']
        if not a.json['more']:
            return found
        after = a.json['next']


def ended_events_of(h, session):
    """All of them, when the cell has ended too: nothing follows."""
    return until(lambda: [x for x in [events_of(h, session)]
                          if x[-1]['kind'] == 'cell_ended'],
                 text='the cell has not ended')[0]


class Stream:
    """Server-sent events, read until the end or for `count` events."""

    def __init__(self, h, session, last=0):
        self.http = Local(os.path.join(h.state, 'cli.sock'), PATIENCE)
        head = {'Accept': 'text/event-stream',
                'Authorization': 'Bearer ' + h.token()}
        if last:
            head['Last-Event-ID'] = str(last)
        self.http.request('GET', '/api/sessions/%s/events' % session,
                          headers=head)
        self.answer = self.http.getresponse()

    def read(self, count=None):
        found, one = [], {}
        while count is None or len(found) < count:
            raw = self.answer.readline()
            if not raw:
                break
            line = raw.decode().rstrip('\n')
            name, _, value = line.partition(': ')
            if name in ('id', 'event', 'data'):
                one[name] = value
            elif not line and 'id' in one:
                found.append(one)
                one = {}
        return found

    def close(self):
        self.http.close()


@test
def a_session_lists_shows_and_replays_its_events():
    h = house()
    task = h.dispatch([shell('echo one'), FINISH], queue='counter')
    h.outcome(task)
    session = session_of(h, task)
    events = ended_events_of(h, session)
    kinds = [e['kind'] for e in events]
    need(kinds[:2] == ['task_claimed', 'run_started'] and
         'run_ended' in kinds, kinds)
    need(all(e['run'] == session for e in events), events)
    s = h.get('/api/sessions/' + session).json
    need(s['state'] == 'ended' and s['task'] == task and
         [e['seq'] for e in s['events']] == [e['seq'] for e in events], s)
    need(s['origin']['grant']['tools'] == ['shell', 'publish'], s['origin'])
    need(session in h.ok('session', 'list').out)
    shown = h.ok('session', 'show', session).out
    need('call_settled' in shown and 'ended' in shown, shown)
    replay = h.ok('session', 'replay', session).out
    need('shell ok' in replay and 'one' in replay, replay)
    settled = [e['seq'] for e in events if e['kind'] == 'call_settled'][0]
    later = h.ok('session', 'replay', session, '--from', str(settled + 1)).out
    need('shell ok' not in later and 'task complete' in later, later)
    need(h.cli('session', 'show', task).code == 4)


@test
def runs_that_ended_before_a_restart_are_listed_and_told_whole():
    with House({'counter': COUNTER}) as h:
        h.start()
        tasks = [h.run([shell('true'), FINISH], queue='counter')['id']]
        tasks.append(h.dispatch([PUBLISH, FINISH], queue='counter'))
        h.say(h.waiting(), 'approve')
        need(h.outcome(tasks[1])['state'] == 'completed')
        sessions = [session_of(h, t) for t in tasks]
        need(h.stop() == 0)
        h.start()
        need([s['session'] for s in h.read('session', 'list')['sessions']] ==
             sessions)
        lines = h.ok('session', 'list').out.splitlines()
        need([line.split()[:2] for line in lines] ==
             [[s, 'ended'] for s in sessions], lines)
        page = h.get('/api/sessions?after=0').json
        need(not page['more'] and h.get('/api/sessions?after=%d' % page[
            'next']).json['sessions'] == [], page)
        [call] = [c for c in h.task(tasks[1])['runs'][0]['calls']
                  if c['tool'] == 'publish']
        need(call['state'] == 'settled' and call['wait'], call)
        need('session illegal' not in h.log(), h.log()[-2000:])


@test
def a_stream_ends_with_its_run_and_goes_on_from_any_event():
    h = house()
    task = h.dispatch([shell('echo one'), PUBLISH, shell('echo two', id='b'),
                       FINISH], queue='counter')
    wait = h.waiting()
    session = session_of(h, task)
    whole = Stream(h, session)
    need(whole.answer.status == 200 and
         whole.answer.getheader('Content-Type') == 'text/event-stream')
    first = whole.read(3)
    need(h.say(wait, 'approve').code == 200)
    rest = whole.read()
    h.outcome(task)
    events = ended_events_of(h, session)
    end = [e['kind'] for e in events].index('run_ended') + 1
    seqs = [e['seq'] for e in events]
    need([int(e['id']) for e in first + rest][:end] == seqs[:end],
         first + rest, seqs)
    for mine, one in zip(first + rest, events):
        need(json.loads(mine['data']) == one and mine['event'] == one['kind'],
             mine, one)
    again = Stream(h, session, last=seqs[3]).read()
    need([int(e['id']) for e in again] == seqs[4:], again)
    need(Stream(h, session, last=seqs[-1]).answer.status == 204)
    bad = Local(os.path.join(h.state, 'cli.sock'), PATIENCE)
    bad.request('GET', '/api/sessions/%s/events' % session, headers={
        'Authorization': 'Bearer ' + h.token(), 'Last-Event-ID': 'x'})
    need(bad.getresponse().status == 400)


def follow(h, session, dice, found, wrong):
    """One reader: pages, long polls and streams in any mix, cut at any time."""
    after = 0
    try:
        while True:
            if dice.random() < 0.5:
                a = h.get('/api/sessions/%s/events?after=%d&wait=5' % (
                    session, after))
                found += [e['seq'] for e in a.json['events']]
                after = a.json['next']
                if a.json['ended']:
                    return
            else:
                s = Stream(h, session, last=after)
                if s.answer.status == 204:
                    return
                some = dice.choice([None, 1, 2, 5, 9])
                got = [int(e['id']) for e in s.read(some)]
                s.close()
                found += got
                after = got[-1] if got else after
                if some is None or len(got) < some:
                    return
            time.sleep(dice.random() * 0.02)
    except Exception as e:
        wrong.append(repr(e))


@test
def no_event_is_lost_between_list_and_follow_while_it_is_written():
    h = house()
    seed = int(os.environ.get('SEED') or random.randrange(1 << 32))
    print('# SEED=%d' % seed)
    dice = random.Random(seed)
    for _ in range(3):
        steps = [shell('true', id='s%d' % i) for i in range(25)] + [FINISH]
        for _ in range(2):
            h.dispatch(steps, queue='counter')  # others write meanwhile
        task = h.dispatch(steps, queue='counter')
        session = session_of(h, task)
        readers, wrong = [], []
        for _ in range(6):
            found = []
            t = threading.Thread(target=follow, args=(
                h, session, random.Random(dice.random()), found, wrong))
            readers.append((t, found))
            t.start()
            time.sleep(dice.random() * 0.05)
        h.outcome(task)
        for t, _ in readers:
            t.join(PATIENCE)
            need(not t.is_alive(), 'a reader never heard of the end')
        events = events_of(h, session)
        seqs = [e['seq'] for e in events]
        end = [e['kind'] for e in events].index('run_ended') + 1
        need(not wrong, wrong)
        for _, found in readers:
            need(found[:end] == seqs[:end] and found == seqs[:len(found)],
                 'a reader has', found, 'and the book', seqs)


# --- forks ----------------------------------------------------------------------

def settled(h, session):
    return [e['seq'] for e in events_of(h, session)
            if e['kind'] == 'call_settled']


def fork(h, session, at):
    return h.post('/api/sessions/%s/fork' % session, {'at': at})


@test
def a_fork_begins_with_the_history_and_does_nothing_of_it_again():
    h = house()
    task = h.dispatch([shell('echo $$ >/work/a; cat /work/a', id='one'),
                       shell('cat /work/a', id='two', on_error='continue'),
                       shell('echo ${one.stdout}', id='three'), FINISH],
                      queue='counter')
    t = h.outcome(task)
    need(t['state'] == 'completed', t)
    session = session_of(h, task)
    a = fork(h, session, settled(h, session)[0])
    need(a.code == 201, a)
    forked = h.outcome(a.json['task'])
    need(forked['state'] == 'completed', forked)
    calls = forked['runs'][0]['calls']
    need([c['tool'] for c in calls] == ['shell'] * 3 + ['finish'] and
         [c['starts'] for c in calls] == [0, 1, 1, 1], calls)
    need(calls[1]['end'] == 'failed', 'the workspace is not empty', calls)
    need('a fork' in calls[1]['result'].get('sandbox', ''), calls[1])
    need(calls[2]['result']['stdout'] ==
         t['runs'][0]['calls'][0]['result']['stdout'], calls, t)
    events = h.events(a.json['task'])
    first = [e for e in events if e['kind'] == 'run_started'][0]
    need(first['body']['fork'] == {'run': session,
                                   'at': settled(h, session)[0]}, first)
    carried = [e for e in events if e['kind'] == 'session_event']
    need([e['body']['run'] for e in carried] == [session], carried)
    h.verified()


@test
def a_fork_of_a_fork_has_the_whole_history():
    h = house()
    task = h.dispatch([shell('echo one', id='one'), shell('echo two', id='two'),
                       shell('echo ${one.stdout} ${two.stdout}', id='all'),
                       FINISH], queue='counter')
    h.outcome(task)
    session = session_of(h, task)
    first = fork(h, session, settled(h, session)[0]).json['task']
    h.outcome(first)
    middle = session_of(h, first)
    second = fork(h, middle, settled(h, middle)[0]).json['task']
    t = h.outcome(second)
    calls = t['runs'][0]['calls']
    need([c['starts'] for c in calls] == [0, 0, 1, 1], calls)
    need(calls[2]['result']['stdout'] == 'one two', calls)
    need(t['record']['payload']['handrail']['fork']['run'] == middle, t)


@test
def a_fork_is_refused_where_a_call_has_no_end():
    h = house()
    task = h.dispatch([shell('echo one'), FINISH], queue='counter')
    h.outcome(task)
    session = session_of(h, task)
    started = [e['seq'] for e in events_of(h, session)
               if e['kind'] == 'call_started'][0]
    a = fork(h, session, started)
    need(a.code == 409 and str(started - 1) in a.json['message'], a)
    need(fork(h, session, 10 ** 9).code == 400)
    need(fork(h, session, 'x').code == 400)
    need(fork(h, task, started).code == 404)
    for at in (started - 1, settled(h, session)[0]):
        need(h.outcome(fork(h, session, at).json['task'])['state'] ==
             'completed')


@test
def a_fork_has_the_old_grant_and_nothing_that_came_since():
    with House({'counter': COUNTER}) as h:
        h.start()
        task = h.dispatch([shell('echo one'), FINISH], queue='counter')
        h.outcome(task)
        session = session_of(h, task)
        at = events_of(h, session)[1]['seq']
        more = COUNTER['mcp/server.toml'] + """
[tool.newer]
description = "Was not there"
action      = "read"
run         = { exec = ["/bin/true"] }
"""
        h.stop()
        h.role_file('counter', 'mcp/server.toml', more)
        h.role_file('counter', 'role.toml', COUNTER['role.toml'].replace(
            '"shell", "publish"', '"newer", "shell"'))
        h.start()
        a = fork(h, session, at)
        need(a.code == 201, a)
        forked = a.json['task']
        h.outcome(forked)
        first = h.get('/api/sessions/' + session_of(h, forked)).json
        need(first['origin']['grant']['tools'] == ['shell'], first)
        fresh = h.run([shell('echo one'), FINISH], queue='counter')
        new = h.get('/api/sessions/' + fresh['runs'][0]['run']).json
        need(set(new['origin']['grant']['tools']) == {'newer', 'shell'}, new)


@test
def the_command_forks_and_watches():
    h = house()
    task = h.dispatch([shell('echo one'), FINISH], queue='counter')
    h.outcome(task)
    session = session_of(h, task)
    at = settled(h, session)[0]
    a = h.ok('session', 'fork', session, '--at', str(at))
    forked = a.out.strip()
    need(h.outcome(forked)['state'] == 'completed')
    watched = h.ok('session', 'watch', session_of(h, forked)).out
    need('carried' in watched and 'task complete' in watched, watched)
    a = h.cli('session', 'fork', session)
    need(a.code == 2, a)


if __name__ == '__main__':
    code = main()
    if HOUSE:
        HOUSE.__exit__()
    sys.exit(code)
