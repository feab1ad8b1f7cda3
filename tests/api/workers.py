#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs of the operator's that work on a queue themselves: claim, finish,
work, beat."""
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import (PATIENCE, main, need, shell, test, until,
                   with_parent)  # noqa: E402
from web_page import Page  # noqa: E402
from workers_help import (GOOD, Waiting, claim, end, house, put, say, state,
                          undisturbed)  # noqa: E402


@test
def a_worker_claims_what_was_put_and_ends_it():
    with house() as h:
        h.start()
        [task] = put(h)
        [got] = claim(h, 'a')
        need(got['task'] == task and got['epoch'] == 1, got)
        need(got['record']['subject'] == 'grind 0', got)
        need(state(h, task) == 'in_progress')
        said = say(h, 'finish', 'a', **end(got))
        need(said == {'id': task, 'state': 'completed', 'duplicate': False},
             said)
        need(h.task(task)['result'] == GOOD, h.task(task))
        need(h.kinds(task).count('task_transition') == 1, h.kinds(task))
        h.verified()


@test
def heads_of_a_worker_say_under_which_epoch_and_as_whom():
    with house() as h:
        h.start()
        [task] = put(h)
        [old] = claim(h, 'a', lease_ms=1000)
        until(lambda: 'task_lease_lost' in h.kinds(task))
        [new] = claim(h, 'b')
        say(h, 'finish', 'a', code=409, **end(old))
        say(h, 'finish', 'b', **end(new))
        said = [(e['kind'], e.get('epoch', 0), e.get('identity', ''))
                for e in h.events(task) if e['kind'] != 'mail_put']
        me = 'linux__server__mill_coworker'
        need(said == [('task_put', 0, ''), ('task_claimed', 1, me),
                      ('task_lease_lost', 1, me), ('task_claimed', 2, me),
                      ('task_refused', 1, me), ('task_transition', 2, me)],
             said)
        h.verified()


@test
def a_worker_keeps_its_task_while_the_book_cannot_be_written():
    with house() as h:
        h.on_tiny_disk()
        [task] = put(h)
        [got] = claim(h, 'a')
        h.fill_disk()
        until(lambda: h.ask('POST', '/api/tasks', {
            'queue': 'mill', 'subject': 's', 'payload': {}}).code == 503)
        held = say(h, 'beat', 'a')['held']
        need([x['task'] for x in held] == [task], held)
        say(h, 'finish', 'a', code=503, **end(got))
        h.free_disk()
        until(lambda: h.get('/healthz', token=False).code == 200)
        say(h, 'finish', 'a', **end(got))
        h.verified()


@test
def heads_of_a_task_without_a_run_say_what_was_in_force_and_who_ended_it():
    with house() as h:
        h.start()
        task, other = put(h, 2)
        h.ok('task', 'cancel', other)
        [got] = claim(h, 'a')
        say(h, 'finish', 'a', **end(got))
        said = h.events(task) + h.events(other)
        queue = [e for e in said if e['kind'].startswith('task_')]
        need(len(queue) == 6 and len({(e['policy'], e['role'], e['contract'])
                                      for e in queue}) == 1, said)
        need([e['identity'] for e in queue if e['task'] == other][1:] ==
             ['tester', 'tester'], said)


@test
def a_workers_token_works_on_its_queues_and_does_nothing_else():
    with house() as h:
        h.start()
        token = h.ok('token', 'create', 'mill-1', '--queue', 'mill').out.strip()
        mill, other = put(h)[0], h.post('/api/tasks', {
            'queue': 'fixer', 'subject': 's', 'payload': {}}).json['id']

        def ask(method, target, body=None):
            return h.ask(method, target, body, token=token)

        def no(a):
            need(a.code == 403 and 'worker:mill-1' in a.out and
                 'on mill, and nothing else' in a.out, a)
        for line in open(os.path.join(SOURCE, 'src/parts/routes.def')):
            found = re.match(r'ROUTE\("(\w+)",\s+"([^"]+)",\s+\w+,\s+(\w+)',
                             line)
            if found and found[3] == 'WEB':
                a = ask(found[1], found[2].replace('*', mill))
                need(a.code == 401, a)
            elif found and found[3] not in ('OPEN', 'WORK'):
                no(ask(found[1], found[2].replace('*', mill), None
                       if found[1] == 'GET' else {}))
        no(ask('POST', '/api/queue/claim', {'worker': 'w', 'queues': ['fixer']}))
        no(ask('POST', '/api/queue/claim', {'worker': 'w', 'queues':
                                            ['mill', 'fixer']}))
        [fix] = claim(h, 'w', queues=['fixer'])  # the operator's own session
        no(ask('POST', '/api/queue/finish', {'worker': 'w', **end(fix)}))
        a = ask('POST', '/api/queue/claim', {'worker': 'w', 'queues': ['mill']})
        [got] = a.json['tasks']
        need(got['task'] == mill and state(h, other) == 'in_progress', a)
        need(ask('POST', '/api/queue/beat', {'worker': 'w'}).json['held'] ==
             [{'task': mill, 'epoch': 1}])
        no(ask('POST', '/api/queue/finish', {'worker': 'w', **end(
            got, follow_ups=[{'queue': 'fixer', 'subject': 's',
                              'payload': {}}])}))
        need(ask('POST', '/api/queue/work', {
            'worker': 'w', 'queues': ['mill'], 'finish': end(got)}).json[
                'finished']['state'] == 'completed')
        need(token not in h.log() and all(
            token.encode() not in open(os.path.join(d, f), 'rb').read()
            for d, _, names in os.walk(h.state) for f in names
            if os.path.isfile(os.path.join(d, f))), 'the token is kept')
        h.verified()


@test
def a_workers_token_logs_no_browser_in():
    with house() as h:
        h.start()
        token = h.ok('token', 'create', 'mill-1', '--queue', 'mill').out.strip()
        a = Page(h).form(token)
        need(a.code == 401 and 'Set-Cookie' not in a.headers, a)
        need(Page(h).form(h.token()).code == 303, 'the neighbour')


@test
def a_token_that_was_taken_back_is_nobodys_also_after_a_restart():
    with house() as h:
        h.start()
        one, two = [h.ok('token', 'create', n, '--queue', 'mill').out.strip()
                    for n in ('one', 'two')]
        body = {'worker': 'w', 'queues': ['mill']}

        def code(token, **more):
            return h.ask('POST', '/api/queue/claim', {**body, **more},
                         token=token).code
        need((code(one), code(two)) == (200, 200))
        w = Waiting(h, 'w2', wait_ms=3000, token=one)
        h.ok('token', 'revoke', 'one')
        [task] = put(h)
        need(w.end() == [] and state(h, task) == 'pending', w.got)
        need(code(one) == 403 and code(two) == 200)
        need('token create' in str(h.ask('POST', '/api/queue/claim', body,
                                         token=one)), 'what a worker needs')
        need(h.stop() == 0)
        h.start()
        need(code(one) == 403 and code(two) == 200)
        told = {t['name']: t['revoked'] for t in h.read('token', 'list')[
            'tokens']}
        need(told == {'one': True, 'two': False}, told)
        need([(e['kind'], e['rule'], e['identity']) for e in h.events()
              if e['kind'].startswith('token_')] ==
             [('token_made', 'one', 'tester'), ('token_made', 'two', 'tester'),
              ('token_revoked', 'one', 'tester')])
        need(h.cli('token', 'create', 'one', '--queue', 'mill').code == 5)
        need(h.cli('token', 'create', 'x', '--queue', 'helper').code == 4)
        need(h.cli('token', 'create', 'X y', '--queue', 'mill').code == 1)
        need(h.cli('token', 'revoke', 'none').code == 4)


@test
def agents_of_the_house_leave_a_queue_of_workers_alone():
    with house() as h:
        h.start()
        [task] = put(h)
        h.run([shell('true')])  # another role's task begins and ends meanwhile
        need(state(h, task) == 'pending')
        need('run_started' not in h.kinds(task), h.kinds(task))


@test
def two_workers_never_hold_the_same_task():
    with house() as h:
        h.start()
        put(h, 20)
        held = {'a': [], 'b': []}

        def work(name):
            while tasks := claim(h, name, 3):
                held[name] += [t['task'] for t in tasks]
        threads = [threading.Thread(target=work, args=(n,)) for n in held]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        every = held['a'] + held['b']
        need(len(every) == len(set(every)) == 20, held)


@test
def one_request_ends_a_task_and_claims_the_next():
    with house() as h:
        h.start()
        first, second = put(h, 2)
        a = say(h, 'work', 'a', queues=['mill'])
        need('finished' not in a and len(a['tasks']) == 1, a)
        b = say(h, 'work', 'a', queues=['mill'], finish=end(a['tasks'][0]))
        need(b['finished']['id'] == a['tasks'][0]['task'], b)
        need({a['tasks'][0]['task'], b['tasks'][0]['task']} ==
             {first, second}, a, b)
        c = say(h, 'work', 'a', queues=['mill'], finish=end(b['tasks'][0]))
        need(c['tasks'] == [] and c['finished']['state'] == 'completed', c)


@test
def a_worker_that_waits_gets_the_task_when_it_is_put():
    with house() as h:
        h.start()
        w = Waiting(h, 'a')
        need(not w.got)
        [task] = put(h)
        # The put was answered after its commit, which holds the claim too.
        need(state(h, task) == 'in_progress')
        need([t['task'] for t in w.end()] == [task], w.got)


def commits(h):
    """seq -> the first seq of its commit, of a house that has stopped: all
    heads of a batch are one row."""
    with closing(sqlite3.connect(os.path.join(h.state, 'book/book.db'))) as db:
        return {first + n: first for first, count in db.execute(
            'SELECT first, count FROM log') for n in range(count)}


@test
def put_and_claim_of_a_worker_that_waits_are_one_commit():
    with house() as h:
        h.start()
        got = []
        for n in range(5):
            w = Waiting(h, 'w%d' % n)
            put(h)
            got += w.end()
        seqs = [{e['kind']: e['seq'] for e in h.events(g['task'])}
                for g in got]
        need(len(got) == 5 and h.stop() == 0, got)
        of = commits(h)
        for s in seqs:
            need(of[s['task_put']] == of[s['task_claimed']], s, of)


@test
def a_claim_of_many_takes_them_in_one_commit_in_their_order():
    with house() as h:
        h.start()
        tasks = put(h, 7)
        got = claim(h, 'a', 5)
        need([g['task'] for g in got] == tasks[:5], got, tasks)
        need(len(claim(h, 'b', 5)) == 2)
        seqs = [next(e['seq'] for e in h.events(g['task'])
                     if e['kind'] == 'task_claimed') for g in got]
        need(h.stop() == 0)
        of = commits(h)
        need(len({of[s] for s in seqs}) == 1, seqs, of)


@test
def a_worker_whose_patience_ends_hears_of_nothing():
    with house() as h:
        h.start()
        need(claim(h, 'a', wait_ms=200) == [])
        [task] = put(h)
        need(state(h, task) == 'pending')


HANGS_UP = '''
import http.client, json, sys
c = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
c.request("POST", "/api/queue/claim", json.dumps(
    {"worker": sys.argv[3], "queues": ["mill"], "wait_ms": 60000}),
    {"Authorization": "Bearer " + sys.argv[2]})
c.getresponse()
'''


def hung_up(h, worker):
    """It waited for a task, and left."""
    program = subprocess.Popen(
        [sys.executable, '-c', HANGS_UP, str(h.port), h.token(), worker],
        preexec_fn=with_parent)
    until(lambda: h.ask('POST', '/api/queue/beat', {'worker': worker})
          .code == 200, text='it does not wait')
    os.kill(program.pid, signal.SIGKILL)
    program.wait()


@test
def a_worker_that_hangs_up_while_it_waits_takes_nothing():
    with house() as h:
        h.start()
        hung_up(h, 'gone')

        def is_missed():
            # While it waits its session stands, however short its lease.
            return h.ask('POST', '/api/queue/beat', {
                'worker': 'gone', 'lease_ms': 1000}).code != 200
        # A question within the lease would renew it.
        until(is_missed, text='who hung up is never missed', every=1.5)
        w = Waiting(h, 'b')
        [task] = put(h)
        [got] = w.end()
        need(got['task'] == task and got['epoch'] == 1, got)
        need('task_lease_lost' not in h.kinds(task), h.kinds(task))


@test
def a_silent_worker_loses_everything_it_holds():
    with house() as h:
        h.start()
        tasks = put(h, 2)
        old = claim(h, 'a', 2, lease_ms=1000)
        need(len(old) == 2)
        new = []

        def taken():
            new.extend(claim(h, 'b', 2))
            return len(new) == 2
        until(taken)
        need({t['epoch'] for t in new} == {2}, new)
        for task in tasks:
            need('task_lease_lost' in h.kinds(task), h.kinds(task))
        # What comes too late changes nothing and is on record.
        say(h, 'finish', 'a', code=409, **end(old[0]))
        need('task_refused' in h.kinds(old[0]['task']))
        need(state(h, old[0]['task']) == 'in_progress')
        for t in new:
            say(h, 'finish', 'b', **end(t))
        for task in tasks:
            need(h.kinds(task).count('task_transition') == 1, h.kinds(task))


@test
@undisturbed(3)
def a_lease_is_counted_from_the_hand_over(renews):
    with house() as h:
        h.start()
        got = []
        t = threading.Thread(target=lambda: got.extend(
            claim(h, 'a', wait_ms=60000, lease_ms=3000)))
        t.start()
        time.sleep(4)  # longer than the lease: the wait goes on
        need(t.is_alive(), got)
        [task] = renews(put, h)
        t.join(PATIENCE)
        need(got and got[0]['task'] == task, got)
        time.sleep(2)  # from the question on it would be over twice
        need(claim(h, 'b') == [])
        need('task_lease_lost' not in renews(h.kinds, task), h.kinds(task))
        say(h, 'finish', 'a', **end(got[0]))


@test
def who_waits_is_silent_about_what_it_holds():
    with house() as h:
        h.start()
        [task] = put(h)
        [old] = claim(h, 'a', lease_ms=1000)
        new = []
        t = threading.Thread(target=lambda: new.extend(
            claim(h, 'a', wait_ms=50000, lease_ms=1000)))
        t.start()
        t.join(PATIENCE)  # it loses the one, and gets it as the next
        need(new and new[0]['task'] == task and new[0]['epoch'] == 2, new)
        need('task_lease_lost' in h.kinds(task), h.kinds(task))
        say(h, 'finish', 'a', code=409, **end(old))
        say(h, 'finish', 'a', **end(new[0]))


@test
@undisturbed(1)
def one_beat_keeps_everything_that_a_worker_holds(renews):
    with house() as h:
        h.start()
        put(h, 3)
        held = renews(claim, h, 'a', 3, lease_ms=1000)
        for _ in range(10):
            time.sleep(0.25)
            beat = renews(say, h, 'beat', 'a', lease_ms=1000)
            need(len(beat['held']) == 3, beat)
            need(claim(h, 'b') == [])
        for t in held:
            renews(say, h, 'finish', 'a', **end(t))
        until(lambda: h.ask('POST', '/api/queue/beat',
                            {'worker': 'a', 'lease_ms': 1000}).json.get(
                                'held') == [])


@test
@undisturbed(1)
def a_worker_that_begins_again_keeps_nothing_it_has_not_heard_of(renews):
    with house() as h:
        h.start()
        [task] = put(h)
        [lost] = claim(h, 'a', lease_ms=1000)  # the answer is not heard
        new = until(lambda: renews(claim, h, 'a', lease_ms=1000), every=0.1)
        need(new[0]['task'] == task and new[0]['epoch'] == 2, new)
        need('task_lease_lost' in h.kinds(task), h.kinds(task))
        say(h, 'finish', 'a', code=409, **end(lost))
        # What a beat has told it of, it holds as long as it asks anything.
        need(len(renews(say, h, 'beat', 'a', lease_ms=1000)['held']) == 1)
        for _ in range(15):
            time.sleep(0.2)
            need(renews(claim, h, 'a', lease_ms=1000) == [])
        renews(say, h, 'finish', 'a', **end(new[0]))


@test
@undisturbed(1)
def who_ends_one_task_of_a_claim_has_heard_of_the_others(renews):
    with house() as h:
        h.start()
        put(h, 2)
        one, other = renews(claim, h, 'a', 2, lease_ms=1000)
        renews(say, h, 'finish', 'a', **end(one))
        for _ in range(15):
            time.sleep(0.2)
            need(renews(claim, h, 'a', lease_ms=1000) == [])
        renews(say, h, 'finish', 'a', **end(other))


@test
def a_worker_without_a_session_is_told_so():
    with house() as h:
        h.start()
        say(h, 'beat', 'nobody', code=404)


@test
def a_repeated_ack_key_gets_the_first_answer():
    with house() as h:
        h.start()
        put(h, 2)
        one, two = claim(h, 'a', 2)
        first = say(h, 'finish', 'a', **end(one, ack_key='k1'))
        again = say(h, 'finish', 'a', **end(one, ack_key='k1'))
        need(first['id'] == again['id'] and
             first['state'] == again['state'], first, again)
        need(not first['duplicate'] and again['duplicate'], first, again)
        # Another task's key settles nothing.
        say(h, 'finish', 'a', code=409, **end(two, ack_key='k1'))
        need(state(h, two['task']) == 'in_progress')
        need(h.kinds(one['task']).count('task_transition') == 1)


@test
def only_the_worker_that_holds_a_task_ends_it():
    with house() as h:
        h.start()
        put(h)
        [got] = claim(h, 'a')
        say(h, 'finish', 'b', code=409, **end(got))
        say(h, 'finish', 'a', code=409, **end({**got, 'epoch': 2}))
        need(state(h, got['task']) == 'in_progress')
        say(h, 'finish', 'a', **end(got))
        say(h, 'finish', 'a', code=409, **end(got))


@test
def a_result_that_is_not_of_its_type_is_refused_and_the_task_stays():
    with house() as h:
        h.start()
        put(h)
        [got] = claim(h, 'a')
        bad = say(h, 'finish', 'a', code=400,
                  **end(got, result={'flour': 'much'}))
        need('flour' in bad['message'], bad)
        need(state(h, got['task']) == 'in_progress')
        say(h, 'finish', 'a', **end(got))


@test
def a_failure_is_written_whole():
    with house() as h:
        h.start()
        put(h)
        [got] = claim(h, 'a')
        say(h, 'finish', 'a', task=got['task'], epoch=got['epoch'],
            outcome='fail', error={'error_type': 'stone_broke',
                                   'class': 'unresolvable',
                                   'message': 'the stone broke'})
        error = h.task(got['task'])['error']
        need(set(error) == {'error_type', 'class', 'resolvable',
                            'suggested_skill', 'message'}, error)


def fail(task, group='resolvable', **more):
    return {'task': task['task'], 'epoch': task['epoch'], 'outcome': 'fail',
            'error': {'error_type': 'stone_broke', 'class': group,
                      'message': 'the stone broke'}, **more}


def of_queue(h, queue):
    return h.get('/api/tasks?queue=' + queue).json['tasks']


def about(h, task):
    return [m['letter'] for m in
            h.get('/api/mail?mailbox=operator').json['letters']
            if m['letter']['payload'].get('task_id') == task]


@test
def a_failure_of_a_worker_leaves_a_letter_and_a_task_that_repairs():
    with house() as h:
        h.start()
        [task] = put(h)
        [got] = claim(h, 'a')
        say(h, 'finish', 'a', code=400, **{**fail(got), 'error': None})
        say(h, 'finish', 'a', code=400, **fail(got, 'bad luck'))
        need(state(h, task) == 'in_progress' and not of_queue(h, 'fixer'))
        say(h, 'finish', 'a', **fail(got, ack_key='k'))
        need(say(h, 'finish', 'a', **fail(got, ack_key='k'))['duplicate'])
        [letter] = about(h, task)
        need(letter['envelope_type'] == 'escalate' and
             letter['payload']['error']['error_type'] == 'stone_broke', letter)
        [made] = of_queue(h, 'fixer')
        record = h.task(made['id'])['record']
        need(record['payload']['task_id'] == task, record)
        grant = record['payload']['handrail']['grant']
        need(grant['parent'] == task and grant['tools'] == [], grant)
        seqs = {e['kind']: e['seq'] for e in h.events() if task in json.dumps(e)
                and e['kind'] in ('task_transition', 'task_put', 'mail_put')}
        need(max(seqs.values()) - min(seqs.values()) <= 4, seqs)
        # What repairs is not itself repaired; an unresolvable one is told.
        [fix] = claim(h, 'a', queues=['fixer'])
        say(h, 'finish', 'a', **fail(fix))
        [other] = put(h)
        say(h, 'finish', 'a', **fail(claim(h, 'a')[0], 'unresolvable'))
        need(len(of_queue(h, 'fixer')) == 1 and len(about(h, other)) == 1)
        h.verified()


@test
def a_failure_that_is_tried_again_leaves_nothing():
    with house() as h:
        h.start()
        task = h.post('/api/tasks', {'queue': 'mill', 'subject': 'x',
                                     'payload': {'type': 'again'}}).json['id']
        say(h, 'finish', 'a', **fail(claim(h, 'a', wait_ms=50000)[0]))
        need(not about(h, task) and not of_queue(h, 'fixer'))
        [got] = claim(h, 'a', wait_ms=50000)
        need(got['task'] == task and got['attempts'] == 2, got)
        say(h, 'finish', 'a', **fail(got))
        need(len(about(h, task)) == 1 and len(of_queue(h, 'fixer')) == 1)
        need(h.task(task)['dead'])


@test
def the_follow_ups_of_a_finish_are_put_with_it():
    with house() as h:
        h.start()
        [task] = put(h)
        [got] = claim(h, 'a')
        child = {'queue': 'fixer', 'subject': 'sweep', 'payload': {'n': 1}}
        step = {'queue': 'helper', 'subject': 'walk', 'key': 'once',
                'payload': {'runbook': [{'id': 'end', 'tool': 'finish',
                                         'args': {}}]}}
        said = say(h, 'finish', 'a',
                   **end(got, follow_ups=[child, step], ack_key='k'))
        need(said['state'] == 'completed', said)
        [made] = of_queue(h, 'fixer')
        record = h.task(made['id'])['record']
        grant = record['payload']['handrail']['grant']
        need(grant['parent'] == task and
             'mill_coworker' in grant['through'][0], grant)
        need(record['from'] == 'mill-coworker', record)
        # The house's own agents begin at once with what is theirs.
        [walk] = of_queue(h, 'helper')
        need(h.outcome(walk['id'])['state'] == 'completed')
        kinds = [e['kind'] for e in h.events() if e['kind'] != 'mail_put']
        at = kinds.index('task_transition')
        need(kinds[at + 1:at + 3] == ['task_put', 'task_put'], kinds)
        again = say(h, 'finish', 'a',
                    **end(got, follow_ups=[child, step], ack_key='k'))
        need(again['duplicate'] and len(of_queue(h, 'fixer')) == 1, again)
        h.stop()
        h.start()
        need(len(of_queue(h, 'fixer')) == len(of_queue(h, 'helper')) == 1)
        h.verified()


@test
def a_bad_follow_up_leaves_everything_as_it_was():
    with house() as h:
        h.start()
        [task] = put(h)
        [got] = claim(h, 'a')
        good = {'queue': 'fixer', 'subject': 's', 'payload': {}}
        for code, bad in ((404, {**good, 'queue': 'nobody'}),
                          (400, {'queue': 'fixer'}),
                          (400, {**good, 'also': 1}),
                          (400, {**good, 'key': ''}),
                          (400, {**good, 'payload': {'type': 'none'}}),
                          (400, 'text'),
                          (403, {**good, 'payload': {
                              'handrail': {'grant': {}}}})):
            a = say(h, 'finish', 'a', code=code,
                    **end(got, follow_ups=[good, bad]))
            need('follow_ups[1]' in a['message'], bad, a)
        say(h, 'finish', 'a', code=400, **end(got, follow_ups={}))
        say(h, 'finish', 'a', code=400, **end(got, follow_ups=[good] * 32))
        say(h, 'finish', 'a', code=400,
            **end(got, follow_ups=[{**good, 'key': 'k'}] * 2))
        need(state(h, task) == 'in_progress' and not of_queue(h, 'fixer'))
        say(h, 'finish', 'b', code=409, **end(got, follow_ups=[good]))
        need(not of_queue(h, 'fixer'))
        say(h, 'finish', 'a', **end(got, follow_ups=[good]))


@test
def what_a_follow_up_makes_may_do_no_more_than_the_first():
    with house() as h:
        h.start()
        [task] = put(h)
        for depth in range(1, 9):
            [got] = claim(h, 'a', queues=['mill', 'fixer'])
            more = {} if depth > 1 else {'result': GOOD}
            say(h, 'finish', 'a', **{**end(got), **more, 'follow_ups': [
                {'queue': 'fixer', 'subject': 'deeper', 'payload': {}}]})
            [made] = [t for t in of_queue(h, 'fixer')
                      if t['state'] == 'pending']
            grant = h.task(made['id'])['record']['payload']['handrail']['grant']
            need(grant['depth'] == depth and grant['parent'] == got['task'] and
                 any('mill_coworker' in w for w in grant['through']), grant)
        [got] = claim(h, 'a', queues=['fixer'])
        a = h.ask('POST', '/api/queue/finish', {
            'worker': 'a', **end(got), 'follow_ups': [
                {'queue': 'fixer', 'subject': 'too deep', 'payload': {}}]})
        need(a.code not in (200, 500) and '8 in all' in a.json['message'], a)
        say(h, 'finish', 'a', **end(got))


@test
def a_new_house_voids_every_lease():
    with house() as h:
        h.start()
        [task] = put(h)
        [old] = claim(h, 'a')
        h.stop()
        h.start()
        say(h, 'finish', 'a', code=409, **end(old))
        [new] = claim(h, 'a')
        need(new['task'] == task and new['epoch'] > old['epoch'], old, new)
        say(h, 'finish', 'a', **end(new))
        h.verified()


@test
def a_task_that_is_cancelled_leaves_its_worker():
    with house() as h:
        h.start()
        [task] = put(h)
        [got] = claim(h, 'a')
        h.ok('task', 'cancel', task)
        say(h, 'finish', 'a', code=409, **end(got))
        need(state(h, task) == 'failed')


@test
def a_question_of_a_worker_is_read_strictly():
    with house() as h:
        h.start()
        put(h)

        def refused(what, code, **more):
            body = {'worker': 'a', 'queues': ['mill'], **more}
            a = h.ask('POST', '/api/queue/' + what,
                      {k: v for k, v in body.items() if v is not None})
            need(a.code == code, what, more, a)
        refused('claim', 400, n=0)
        refused('claim', 400, n=65)
        refused('claim', 400, n=1.5)
        refused('claim', 400, wait_ms=60001)
        refused('claim', 400, lease_ms=999)
        refused('claim', 400, queue='mill')
        refused('claim', 400, queues=[])
        refused('claim', 400, queues=None)
        refused('claim', 404, queues=['helper'])
        refused('claim', 404, queues=['nobody'])
        refused('claim', 404, queues=[7])
        refused('claim', 400, worker='')
        refused('claim', 400, worker='a b')
        refused('claim', 400, worker='a' * 65)
        refused('claim', 400, worker=None)
        [got] = claim(h, 'a')
        for wrong in ({'outcome': 'retry'}, {'epoch': 0}, {'epoch': '1'},
                      {'result': [1]}, {'error': {}}, {'mail': {}},
                      {'mail': [{'_type': 'task'}]}, {'also': 1}):
            a = h.ask('POST', '/api/queue/finish',
                      {'worker': 'a', **end(got), **wrong})
            need(a.code == 400, wrong, a)
        need(state(h, got['task']) == 'in_progress')
        a = h.ask('POST', '/api/queue/claim',
                  {'worker': 'a', 'queues': ['mill']}, token=False, tcp=True)
        need(a.code == 403, a)


@test
def the_letters_of_a_finish_are_sent_with_it():
    with house() as h:
        h.start()
        put(h)
        [got] = claim(h, 'a')
        letter = {'_type': 'envelope', 'id': '0b54c5f0-5c0f-4d3c-9d9a-70a9b2a3c4d5',
                  'envelope_type': 'result', 'from': 'mill-coworker',
                  'to': 'operator', 'subject': 'ground',
                  'at': '2026-01-02T03:04:05Z', 'state': 'pending',
                  'priority': 3, 'payload': {}}
        say(h, 'finish', 'a', **end(got, mail=[letter]))
        need(any(e['kind'] == 'mail_put' and
                 e['body']['mail']['subject'] == 'ground'
                 for e in h.events()), h.events())


@test
def L08_a_finish_asks_people_no_more_than_a_run_may():
    with house() as h:
        h.start()
        put(h)
        [got] = claim(h, 'a')
        mail = [{'_type': 'envelope', 'id': '0b54c5f0-5c0f-4d3c-9d9a-%012d' % n,
                 'envelope_type': 'result', 'from': 'mill-coworker',
                 'to': 'operator', 'subject': 'grind %d?' % n,
                 'at': '2026-01-02T03:04:05Z', 'state': 'pending', 'priority': 3,
                 'requires_decision': n < 9, 'decision_options': ['yes', 'no'],
                 'payload': {}} for n in range(31)]
        a = h.post('/api/queue/finish', {'worker': 'a', **end(got, mail=mail)})
        need(a.code == 413 and a.json['error'] == 'limit' and
             '9 letters want a decision' in a.json['message'], a)
        need(not h.waits() and state(h, got['task']) == 'in_progress')
        mail[8]['requires_decision'] = False
        say(h, 'finish', 'a', **end(got, mail=mail))
        need(len(h.waits()) == 8, h.waits())


@test
def a_full_mailbox_takes_what_the_house_sends_and_nothing_by_hand():
    def letters(of, count, to='operator'):
        return [{'_type': 'envelope', 'id': '0b54c5f0-5c0f-4d3c-%04d-%012d' %
                 (of, n), 'envelope_type': 'result', 'from': 'mill-coworker',
                 'to': to, 'subject': 'ground', 'state': 'pending',
                 'at': '2026-01-02T03:04:05Z', 'priority': 3, 'payload': {}}
                for n in range(count)]

    def fill(tasks, first, count, to):
        for of, task in enumerate(tasks):
            say(h, 'finish', 'a', **long, **end(task, mail=letters(
                first + of, min(31, count - 31 * of), to)))

    mine, all_ = ({'to': to, 'subject': 'mine'} for to in ('operator', 'broadcast'))
    # The last of them is named after more than 600 others: it is kept so long.
    long = {'lease_ms': 600000}
    with house() as h:
        h.start()
        put(h, 324 + 323)
        got = [t for _ in range(11) for t in claim(h, 'a', n=64, **long)]
        fill(got[:323], 0, 9999, 'operator')
        first = h.post('/api/mail', mine)
        need(first.code == 201, first)
        again = {'id': first.json['id'], **mine}
        need(h.post('/api/mail', again).code == 409, 'it is there already')
        a = h.post('/api/mail', mine)
        need(a.code == 413 and a.json['error'] == 'limit' and
             'operator' in a.json['message'] and
             'has 10000 letters waiting' in a.json['message'], a)
        need(h.post('/api/mail', {**mine, 'to': 'mill-coworker'}).code == 201)
        # A broadcast stays until it expires: nobody could make room for another.
        fill(got[323:-1], 1000, 10000, 'broadcast')
        need(h.post('/api/mail', all_).code == 201)
        need(h.post('/api/mail', mine).code == 413)
        say(h, 'finish', 'a', **long, **end(got[-1], mail=letters(999, 1)))
        for letter in (first.json['id'], letters(999, 1)[0]['id']):
            need(h.post('/api/mail', mine).code == 413)
            need(h.post('/api/mail/%s/ack' % letter, {}).code == 200)
        need(h.post('/api/mail', mine).code == 201)


if __name__ == '__main__':
    sys.exit(main())
