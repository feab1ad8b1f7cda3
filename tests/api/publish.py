#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two phases: one tool asks for leave to publish, another publishes, and only
what was asked about, once."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403

INPUT = """\
type = "object"
required = ["name"]
properties.name = { type = "string", pattern = "^[a-z0-9_-]+$" }
"""
DESIGN = {
    'role.toml': """\
[task.default]
tools  = ["shell", "artifact_request_publish", "artifact_finalize_publish"]
brain  = "runbook"
budget = { turns = 40, calls = 40, wall = "2m" }

[task.half]
tools  = ["shell", "artifact_request_publish"]
brain  = "runbook"
""",
    'gates.toml': """\
[defaults]
unmatched = "allow"

[gate.publish]
tool    = "artifact_finalize_publish"
require = "operator"
surface = "cli | file"
hint    = "publish pack {{name}}"
""",
    'mcp/server.toml': SERVER + """
[tool.artifact_request_publish]
description = "Ask for leave to publish a pack"
action      = "read"
run         = { request = "artifact_finalize_publish" }
[tool.artifact_request_publish.input]
""" + INPUT + """
[tool.artifact_finalize_publish]
description = "Publish it"
action      = "publish"
[tool.artifact_finalize_publish.input]
""" + INPUT + """
[tool.artifact_finalize_publish.run]
exec = ["/bin/sh", "-c", 'cat "/work/$1/manifest.json"', "publish", "{{name}}"]
"""}
HOUSE = None


def house():
    global HOUSE
    if HOUSE is None:
        HOUSE = House({'helper': HELPER, 'design': DESIGN})
        HOUSE.start()
    return HOUSE


def call(tool, id, name='pack', on_error='continue'):
    return {'id': id, 'tool': 'artifact_%s_publish' % tool,
            'on_error': on_error, 'args': {'name': name}}


def pack(text='one'):
    return shell("mkdir -p pack && echo '{\"v\":\"%s\"}' >pack/manifest.json"
                 % text, id='pack_' + text)


def put(h, *steps, **more):
    return h.dispatch(list(steps) + [
        {'id': 'end', 'tool': 'finish', 'args': {}}], queue='design', **more)


def asked(h, task, count=1):
    def one():
        runs = [r['run'] for r in h.task(task)['runs']]
        found = [w for w in h.get('/api/waits?all=1').json['waits']
                 if w['run'] in runs]
        return found if len(found) >= count else None
    return until(one, 15, 'nobody is asked')[count - 1]


def results(h, task):
    """What each call answered, in order: (tool, end, result)."""
    return [(e['body']['tool'], e['body']['end'], e['body']['result'])
            for e in h.events(task) if e['kind'] == 'call_settled']


def started(h, task):
    events = h.events(task)  # once: it may run
    decided = {e['call']: e['body']['tool'] for e in events
               if e['kind'] == 'call_decided'}
    return [decided[e['call']] for e in events
            if e['kind'] == 'call_started']


def finals(h, task):
    return [(end, result.get('error', 'ok'), str(result))
            for tool, end, result in results(h, task)
            if tool == 'artifact_finalize_publish']


@test
def a_check_of_the_role_knows_that_a_file_may_answer():
    a = house().cli('role', 'check')
    need(a.code == 0 and 'lacks' not in a.out + a.err, a)


# A step between the two phases, until the test says so (h.go); it leaves the
# workspace as it is.
WAIT = UNTIL_GO + '; rm /work/go'


@test
def what_was_requested_and_approved_is_published_once():
    h = house()
    task = put(h, pack(), call('request', 'r'), call('finalize', 'early'),
               shell(WAIT, id='later'), call('finalize', 'f'),
               call('finalize', 'again'))
    wait = asked(h, task)
    need(wait['tool'] == 'artifact_finalize_publish' and
         wait['hint'] == 'publish pack pack' and wait['call'] == 0, wait)
    until(lambda: len(finals(h, task)) >= 1)
    need(h.say(wait, 'approve').code == 200)
    h.go()
    need(h.outcome(task)['state'] == 'completed', h.task(task))
    r = [x for x in results(h, task) if x[0] == 'artifact_request_publish'][0]
    need(r[2]['status'] == 'pending' and len(r[2]['gate_id']) == 32, r)
    early, good, again = finals(h, task)
    need(early[1] == 'pending' and 'pending:' in early[2], early)
    need(good[0] == 'ok' and '{"v":"one"}' in good[2].replace('\\', ''), good)
    need(again[1] == 'not_requested' and 'consumed' in again[2], again)
    need(started(h, task).count('artifact_finalize_publish') == 1)
    h.verified()


@test
def content_that_changed_after_the_yes_must_be_requested_anew():
    h = house()
    task = put(h, pack(), call('request', 'r'), shell(WAIT, id='w'),
               pack('two'), call('finalize', 'f'), call('request', 'r2'),
               shell(WAIT, id='w2'), call('finalize', 'f2'))
    need(h.say(asked(h, task), 'approve').code == 200)
    h.go()
    second = asked(h, task, 2)
    need(second['code'] != asked(h, task)['code'])
    need(h.say(second, 'approve').code == 200)
    h.go()
    h.outcome(task)
    changed, good = finals(h, task)
    need(changed[1] == 'changed' and 'request it again' in changed[2], changed)
    need(good[0] == 'ok' and 'two' in good[2], good)
    need(started(h, task).count('artifact_finalize_publish') == 1)


@test
def nothing_is_published_without_a_request_or_under_another_name():
    h = house()
    task = put(h, pack(), call('finalize', 'f'), call('request', 'r'),
               shell(WAIT, id='w'), call('finalize', 'other', name='pac'))
    need(h.say(asked(h, task), 'approve').code == 200)
    h.go()
    h.outcome(task)
    for f in finals(h, task):
        need(f[1] == 'not_requested' and 'exactly this' in f[2], f)
    need(len(finals(h, task)) == 2)
    need('artifact_finalize_publish' not in started(h, task))


@test
def a_no_is_a_no_to_both_phases():
    h = house()
    task = put(h, pack(), call('request', 'r'), shell(WAIT, id='w'),
               call('finalize', 'f'), call('request', 'r2'))
    need(h.say(asked(h, task), 'deny', 'not this one').code == 200)
    h.go()
    h.outcome(task)
    need(finals(h, task)[0][1] == 'denied' and
         'not this one' in finals(h, task)[0][2], finals(h, task))
    last = results(h, task)[-2]
    need(last[0] == 'artifact_request_publish' and last[1] == 'denied', last)
    need('artifact_finalize_publish' not in started(h, task))


@test
def an_approval_that_was_given_stands_through_a_crash():
    h = house()
    task = put(h, pack(), call('request', 'r'), shell(WAIT, id='w'),
               call('finalize', 'f'))
    wait = asked(h, task)
    need(h.say(wait, 'approve').code == 200)
    # One that had not started would begin in the next house, and stand there.
    until(lambda: started(h, task).count('shell') == 2)
    h.process.kill()
    h.process.wait()
    COMPANIONS.remove(h.process)
    h.process = None
    h.gone()
    h.start()

    def ended():
        for w in h.waits():
            need(w['kind'] == 'unknown_outcome', w)
            h.say(w, 'happened')
        return h.task(task)['state'] in FINAL
    until(ended, 20, 'it has not ended')
    need(h.outcome(task)['state'] == 'completed', h.task(task))
    need(finals(h, task)[0][0] == 'ok', finals(h, task))
    need(started(h, task).count('artifact_finalize_publish') == 1)


@test
def a_permission_file_answers_a_request():
    h = house()
    folder = os.path.join(h.state, 'permissions')
    task = put(h, pack(), call('request', 'r'), shell(WAIT, id='w'),
               call('finalize', 'f'))
    wait = asked(h, task)

    def gate():
        for name in os.listdir(folder):
            # Before it has its name it is written under a longer one.
            if name.startswith('gate-') and name.endswith('.json'):
                with open(os.path.join(folder, name)) as f:
                    return json.load(f)
    seen = until(gate, 5)
    need(seen['role'] == 'design' and seen['name'] == 'pack', seen)
    path = os.path.join(folder, 'permission-%s.json' % seen['id'])
    write(path + '.new', json.dumps({'cmd': 'permission', 'id': seen['id'],
                                     'decision': 'once'}), 0o600)
    if os.getuid() == 0:
        os.chown(path + '.new', os.stat(folder).st_uid, -1)
    os.rename(path + '.new', path)
    until(lambda: h.get('/api/waits/' + wait['id']).json['state'] != 'open')
    h.go()
    h.outcome(task)
    need(finals(h, task)[0][0] == 'ok', finals(h, task))


@test
def a_request_for_a_tool_that_the_task_has_not_is_refused():
    h = house()
    task = put(h, pack(), call('request', 'r'), kind='half')
    h.outcome(task)
    r = [x for x in results(h, task) if x[0] == 'artifact_request_publish'][0]
    need(r[1] == 'failed' and 'not the tool' in str(r[2]), r)
    need(h.waits() == [])


if __name__ == '__main__':
    code = main()
    if HOUSE:
        HOUSE.__exit__()
    sys.exit(code)
