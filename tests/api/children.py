#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tasks that tasks make: never more than whoever made them."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403

HIRE = """
[tool.hire]
description = "Put a task in a queue"
action      = "dispatch"
run         = { builtin = "dispatch_task" }
"""
PUBLISH = """
[tool.publish]
description = "Say something"
action      = "publish"
run         = { exec = ["/bin/echo", "published"] }
"""
OTHER_PUBLISH = PUBLISH.replace('published', 'something else')
RULE = """
[egress.%s]
match = { host = "%s.good.test", method = "GET" }
upstream = "127.0.0.1:9"
"""
OPEN = '[defaults]\nunmatched = "allow"\n'
TYPES = """\
[task.default]
tools = %s
brain = "runbook"
"""

ROLES = {
    'boss': {'role.toml': TYPES % '["shell", "hire", "publish"]',
             'gates.toml': OPEN + RULE % ('one', 'one'),
             'mcp/server.toml': SERVER + HIRE + OTHER_PUBLISH},
    'worker': {'role.toml': TYPES % '["shell", "hire", "publish", "extra"]',
               'gates.toml': OPEN + RULE % ('one', 'one') +
               RULE % ('two', 'two'),
               'mcp/server.toml': SERVER + HIRE + PUBLISH +
               PUBLISH.replace('tool.publish', 'tool.extra')},
}
FINISH = {'id': 'end', 'tool': 'finish', 'args': {}}

HOUSE = None


def house():
    global HOUSE
    if HOUSE is None:
        HOUSE = House(ROLES, cells=6)
        HOUSE.start()
    return HOUSE


def hire(queue, steps, id='hired', on_error='stop', **more):
    return {'id': id, 'tool': 'hire', 'on_error': on_error, 'args': {
        'queue': queue, 'subject': 'of another task',
        'payload': {'runbook': steps}, **more}}


def call(tool, id, **args):
    return {'id': id, 'tool': tool, 'args': args, 'on_error': 'continue'}


def results(task):
    return [(c['tool'], c.get('end'), c.get('result'))
            for r in task['runs'] for c in r['calls']]


def child_of(h, task):
    t = h.outcome(task)
    need(t['state'] == 'completed', t)
    made = [c['result']['task'] for r in t['runs'] for c in r['calls']
            if c['tool'] == 'hire']
    return h.outcome(made[0])


def curl(host, id):
    return shell('curl -sk -m 60 https://%s.good.test/' % host, id=id,
                 on_error='continue')


@test
def a_task_makes_a_task_and_the_book_names_its_grant():
    h = house()
    task = h.dispatch([hire('boss', [shell('echo mine'), FINISH]), FINISH],
                      queue='boss')
    child = child_of(h, task)
    need(child['state'] == 'completed', child)
    put = [e for e in h.events(child['id']) if e['kind'] == 'task_put'][0]
    grant = put['body']['task']['payload']['handrail']['grant']
    need(grant['parent'] == task and grant['depth'] == 1 and
         set(grant['tools']) == {'shell', 'hire', 'publish'} and
         grant['through'] == ['linux__server__boss_coworker'], grant)
    need(child['record']['from'] == 'boss-coworker', child)


@test
def a_child_has_no_tool_that_its_parent_lacks():
    h = house()
    child = child_of(h, h.dispatch(
        [hire('worker', [shell('echo mine', on_error='continue'),
                         call('extra', 'other'), call('publish', 'same'),
                         FINISH]), FINISH], queue='boss'))
    said = results(child)
    need(said[0][1] == 'ok' and said[0][2]['stdout'] == 'mine', said)
    # One name, another deed: the boss could not do this either.
    for tool, end, result in said[1:3]:
        need(end == 'failed' and result['error'] == 'unknown_tool', said)
    own = h.run([call('extra', 'other'), call('publish', 'same'), FINISH],
                queue='worker')
    need([r[1] for r in results(own)[:2]] == ['ok', 'ok'], own)


@test
def a_child_reaches_no_host_that_its_parent_could_not():
    h = house()
    steps = [curl('one', 'a'), curl('two', 'b'), FINISH]
    own = h.run(steps, queue='worker')
    child = child_of(h, h.dispatch([hire('worker', steps), FINISH],
                                   queue='boss'))
    denied = [e for e in h.events(child['id'])
              if e['kind'] == 'request_denied']
    need(len(denied) == 1 and denied[0]['rule'] == 'parent' and
         denied[0]['body']['host'] == 'two.good.test', denied)
    said = json.loads(results(child)[1][2]['stdout'])
    need(said['rule'] == 'parent' and 'boss' in said['reason'], said)
    need('request_denied' not in h.kinds(own['id']), h.kinds(own['id']))


@test
def a_grandchild_is_below_both():
    h = house()
    inner = [curl('two', 'b'), call('extra', 'other'), FINISH]
    middle = child_of(h, h.dispatch(
        [hire('worker', [hire('worker', inner), FINISH]), FINISH],
        queue='boss'))
    # `hire` is declared alike in both roles, so the child has it too.
    grandchild = child_of(h, middle['id'])
    denied = [e for e in h.events(grandchild['id'])
              if e['kind'] == 'request_denied']
    need([d['rule'] for d in denied] == ['parent'], denied)
    need(results(grandchild)[1][2]['error'] == 'unknown_tool', grandchild)
    put = [e for e in h.events(grandchild['id']) if e['kind'] == 'task_put']
    grant = put[0]['body']['task']['payload']['handrail']['grant']
    need(grant['depth'] == 2 and grant['through'] == [
        'linux__server__worker_coworker', 'linux__server__boss_coworker'],
        grant)


@test
def nobody_else_writes_a_grant():
    h = house()
    forged = {'grant': {'depth': 1, 'tools': ['extra'], 'credentials': [],
                        'through': []}}
    for key, value in (('grant', forged['grant']), ('fork', {})):
        payload = {'runbook': [FINISH], 'handrail': {key: value}}
        a = h.post('/api/tasks', {'queue': 'worker', 'subject': 'x',
                                  'payload': payload})
        need(a.code == 403 and 'handrail.' + key in a.json['message'], a)
        t = h.run([hire('worker', [FINISH], on_error='continue',
                        payload=payload), FINISH], queue='boss')
        said = results(t)[0]
        need(said[1] == 'failed' and 'handrail.' + key in said[2]['message'],
             said)


@test
def a_wrong_task_is_the_models_error_and_nothing_is_written():
    h = house()
    before = len(h.get('/api/tasks').json['tasks'])
    t = h.run([hire('nobody', [FINISH], on_error='continue'),
               hire('worker', [call('none', 'x')], id='bad',
                    on_error='continue'),
               FINISH], queue='boss')
    said = results(t)
    need(said[0][1] == 'failed' and 'nobody' in said[0][2]['message'], said)
    need(said[1][1] == 'failed' and 'none' in said[1][2]['message'], said)
    need(len(h.get('/api/tasks').json['tasks']) == before + 1)
    h.verified()


@test
def a_stop_of_a_task_stops_what_it_made():
    h = house()

    def runs(task):
        return any(c['state'] == 'started' for r in h.task(task)['runs']
                   for c in r['calls'])

    def hands():
        return [n for n in h.left().values() if n in ('agent', 'sleep')]
    grand = hire('worker', [shell('sleep 310'), FINISH])
    task = h.dispatch([hire('worker', [grand, shell('sleep 320'), FINISH]),
                       shell('sleep 330'), FINISH], queue='boss')
    other = h.dispatch([shell('sleep 3'), FINISH], queue='worker')

    def made(task):
        return [c['result']['task'] for r in h.task(task)['runs']
                for c in r['calls'] if c['tool'] == 'hire' and c.get('result')]
    until(lambda: made(task) and made(made(task)[0]), 15, 'no children')
    child = made(task)[0]
    line = [task, child, made(child)[0]]
    until(lambda: all(map(runs, line)), 15, 'not at work')
    a = h.ok('stop', task)
    need('3 runs ended' in a.out, a)
    for t in line:
        need(h.task(t)['hold'] == 'parked' and
             h.task(t)['stopped'][0]['scope'] == 'task:' + task, h.task(t))
    need(not h.task(other).get('stopped'), h.task(other))
    need(h.outcome(other)['state'] == 'completed')
    h.kill()
    h.start()
    need(not hands(), h.left())
    for t in line:
        need(h.task(t)['hold'] == 'parked', h.task(t))
    # What they had started is a person's to say, when they go on.
    a = h.ok('resume', task)
    need('3 tasks' in a.out, a)
    until(lambda: len(h.waits()) == 3, 15, 'they do not go on')
    for wait in h.waits():
        need(h.say(wait, 'happened').code == 200)
    for t in line:
        need(h.outcome(t)['state'] == 'completed')
    need(h.read('status')['stopped'] == [])


@test
def a_stop_of_a_task_ends_with_the_last_of_its_line():
    h = house()
    task = h.dispatch([hire('worker', [shell('sleep 34'), FINISH]), FINISH],
                      queue='boss')
    need(h.outcome(task)['state'] == 'completed')
    a = h.cli('stop', task)
    need(a.code and 'has ended' in a.err, a)
    late = h.dispatch([hire('worker', [shell('sleep 350'), FINISH]),
                       shell('sleep 360'), FINISH], queue='boss')
    until(lambda: [c for r in h.task(late)['runs'] for c in r['calls']
                   if c['tool'] == 'shell'], 15, 'no second call')
    child = [c['result']['task'] for r in h.task(late)['runs']
             for c in r['calls'] if c['tool'] == 'hire'][0]
    h.ok('stop', late)
    h.ok('task', 'cancel', child)
    need(h.read('status')['stopped'][0]['scope'] == 'task:' + late)
    h.ok('task', 'cancel', late)
    need(h.read('status')['stopped'] == [], h.read('status')['stopped'])


if __name__ == '__main__':
    code = main()
    if HOUSE:
        HOUSE.__exit__()
    sys.exit(code)
