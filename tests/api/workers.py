#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs of the operator's that work on a queue themselves: claim, finish,
work, beat."""
import os
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import (GATES, HELPER, House, SERVER, main, need, shell, test, until,
                   with_parent)  # noqa: E402

MILL = {'role.toml': '''[task.default]
tools = []
output.required = ["flour"]
output.properties.flour = { type = "integer" }

[queue]
served = "worker"
''', 'gates.toml': GATES, 'mcp/server.toml': SERVER}
ROLES = {'mill': MILL, 'helper': HELPER}
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
        got = []
        t = threading.Thread(target=lambda: got.extend(
            claim(h, 'a', wait_ms=20000)))
        t.start()
        time.sleep(0.3)
        need(not got)
        [task] = put(h)
        # The put was answered after its commit, which holds the claim too.
        need(state(h, task) == 'in_progress')
        t.join(5)
        need(got and got[0]['task'] == task, got)


@test
def a_worker_whose_patience_ends_hears_of_nothing():
    with house() as h:
        h.start()
        need(claim(h, 'a', wait_ms=200) == [])
        [task] = put(h)
        need(state(h, task) == 'pending')


@test
def a_worker_that_hangs_up_while_it_waits_takes_nothing():
    with house() as h:
        h.start()
        program = subprocess.Popen(
            [sys.executable, '-c', '''
import http.client, json, sys
c = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
c.request("POST", "/api/queue/claim", json.dumps(
    {"worker": "gone", "queues": ["mill"], "wait_ms": 60000}),
    {"Authorization": "Bearer " + sys.argv[2]})
print("asked", flush=True)
c.getresponse()
''', str(h.port), h.token()], stdout=subprocess.PIPE, preexec_fn=with_parent)
        program.stdout.readline()
        time.sleep(0.3)
        os.kill(program.pid, signal.SIGKILL)
        program.wait()
        time.sleep(0.3)
        got = []
        t = threading.Thread(target=lambda: got.extend(
            claim(h, 'b', wait_ms=20000)))
        t.start()
        time.sleep(0.3)
        [task] = put(h)
        t.join(5)
        need(got and got[0]['task'] == task and got[0]['epoch'] == 1, got)


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
        until(taken, 10)
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
def one_beat_keeps_everything_that_a_worker_holds():
    with house() as h:
        h.start()
        put(h, 3)
        held = claim(h, 'a', 3, lease_ms=1000)
        for _ in range(10):
            time.sleep(0.25)
            beat = say(h, 'beat', 'a', lease_ms=1000)
            need(len(beat['held']) == 3, beat)
            need(claim(h, 'b') == [])
        for t in held:
            say(h, 'finish', 'a', **end(t))
        until(lambda: h.ask('POST', '/api/queue/beat',
                            {'worker': 'a', 'lease_ms': 1000}).json.get(
                                'held') == [], 5)


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


if __name__ == '__main__':
    sys.exit(main())
