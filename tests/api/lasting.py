#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a run keeps over a park, a restart and a no: budgets, denials."""
import os
import sys
import time
from datetime import datetime

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403

ASKER = {
    'role.toml': """\
[task.default]
tools  = ["shell", "publish"]
brain  = "runbook"

[task.short]
tools  = ["shell", "publish"]
brain  = "runbook"
budget = { wall = "12s" }
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
description = "Add a line to what is published"
action      = "publish"
[tool.publish.input]
type = "object"
required = ["what"]
properties.what = { type = "string" }
[tool.publish.run]
exec = ["/bin/sh", "-c", 'echo "$1" >>/work/published; cat /work/published',
        "publish", "{{what}}"]
"""}
FINISH = {'id': 'end', 'tool': 'finish', 'args': {}}

HOUSE = None


def house():
    global HOUSE
    if HOUSE is None:
        HOUSE = House({'asker': ASKER}, cells=6)
        HOUSE.start()
    return HOUSE


def publish(what, id, on_error='continue'):
    return {'id': id, 'tool': 'publish', 'args': {'what': what},
            'on_error': on_error}


def wait_of(h, task):
    return until(lambda: [w for w in h.waits() if w['run'] in
                          [r['run'] for r in h.task(task)['runs']]],
                 15, 'it asks nobody')[0]


def calls(task):
    return [(c['tool'], c['state'], c.get('end')) for r in task['runs']
            for c in r['calls']]


@test
def a_call_that_was_denied_and_is_asked_again_is_settled_as_denied():
    h = house()
    task = h.dispatch([publish('a', 'one'), publish('a', 'two'),
                       publish('b', 'three'), FINISH], queue='asker')
    first = wait_of(h, task)
    need(h.say(first, 'deny', 'not today').code == 200)
    other = until(lambda: [w for w in h.waits() if w['id'] != first['id']],
                  15, 'the other call asks nobody')[0]
    need(h.say(other, 'approve').code == 200)
    t = h.outcome(task)
    need(t['state'] == 'completed', t)
    need(calls(t)[:3] == [('publish', 'settled', 'denied'),
                          ('publish', 'settled', 'denied'),
                          ('publish', 'settled', 'ok')], t)
    again = t['runs'][0]['calls'][1]['result']
    need('not today' in again['message'] and again['error'] == 'denied', again)
    need(t['runs'][0]['calls'][2]['result']['stdout'] == 'b', t)
    asked = [e for e in h.events(task) if e['kind'] == 'wait_put']
    need(len(asked) == 2, 'a denied call asked a person again', asked)


@test
def the_time_before_a_park_counts_and_the_time_of_the_park_does_not():
    h = house()
    over = h.dispatch([shell('sleep 5'), publish('a', 'one'),
                       shell('sleep 9', id='more'), FINISH],
                      queue='asker', kind='short')
    within = h.dispatch([publish('a', 'one'), FINISH], queue='asker',
                        kind='short')
    wait = wait_of(h, within)
    need(h.say(wait_of(h, over), 'approve').code == 200)
    time.sleep(13)
    need(h.say(wait, 'approve').code == 200)
    need(h.outcome(within)['state'] == 'completed', h.task(within))
    t = h.outcome(over)
    need(t['state'] == 'failed' and t['error']['error_type'] == 'timeout', t)


@test
def a_restart_gives_no_new_time():
    with House({'asker': ASKER}) as h:
        h.start()
        task = h.dispatch([shell('sleep 5'), publish('a', 'one'),
                           shell('sleep 9', id='more'), FINISH],
                          queue='asker', kind='short')
        wait = wait_of(h, task)
        need(h.stop() == 0, 'stop')
        h.start()
        need(h.say(wait, 'approve').code == 200)
        t = h.outcome(task)
        need(t['state'] == 'failed' and
             t['error']['error_type'] == 'timeout', t)


@test
def a_run_whose_agents_all_end_fails_and_says_of_what_the_last_one_did():
    with House(instead={'agent': '/usr/bin/true'}) as h:
        h.start()
        error = h.run([shell('true')])['error']
        need(error['error_type'] == 'agent_died' and
             error['message'].endswith('the last time: the agent ended'), error)
        died = [datetime.fromisoformat(line.split('Z')[0])
                for line in h.log().splitlines()
                if line.endswith('ended: the agent ended')]
        need(len(died) == 6, h.log())
        for n, (one, next_) in enumerate(zip(died, died[1:])):
            need((next_ - one).total_seconds() >= 0.1 * 2 ** n, n, died)


if __name__ == '__main__':
    code = main()
    if HOUSE:
        HOUSE.__exit__()
    sys.exit(code)
