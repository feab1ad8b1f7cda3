#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a person can say to a house besides yes and no: stop and resume."""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403

PAYER = {
    'role.toml': """\
[task.default]
tools  = ["shell", "pay"]
brain  = "runbook"
budget = { turns = 20, calls = 20, wall = "2m" }
""",
    'gates.toml': """\
[defaults]
unmatched = "allow"

[gate.pay]
match   = { tool = "pay", args = { amount = "> 0" } }
require = "operator"
surface = "cli"
hint    = "pay {{amount}} to {{whom}}"
""",
    'mcp/server.toml': SERVER + """
[tool.pay]
description = "Pay somebody"
action      = "purchase"
[tool.pay.input]
type = "object"
required = ["whom", "amount"]
properties.whom   = { type = "string" }
properties.amount = { type = "integer" }
properties.note   = { type = "string" }
[tool.pay.run]
exec = ["/bin/sh", "-c", 'echo "$1 $2" >>/work/paid; cat /work/paid', "pay",
        "{{whom}}", "{{amount}}"]
"""}
ROLES = {'helper': HELPER, 'payer': PAYER}
HOUSE = None


def house():
    global HOUSE
    if HOUSE is None:
        HOUSE = House(ROLES)
        HOUSE.start()
    return HOUSE


def pay(whom, amount, id='paid', **more):
    return {'id': id, 'tool': 'pay', 'on_error': 'stop',
            'args': {'whom': whom, 'amount': amount, **more}}


def put(h, steps, **more):
    return h.dispatch(steps + [{'id': 'end', 'tool': 'finish', 'args': {}}],
                      **more)


def run(h, steps, **more):
    return h.outcome(put(h, steps, **more))


def acting(h, task):
    """Its shell runs."""
    until(lambda: any(c['state'] == 'started' for r in h.task(task)['runs']
                      for c in r['calls']), 15, 'the call has not started')


def hands(h):
    """Agents of this house, and what runs in its sandboxes."""
    return [name for name in h.left().values() if name in ('agent', 'sleep')]


def stopped(h):
    return [s['scope'] for s in h.read('status')['stopped']]


# --- stop ---------------------------------------------------------------------

@test
def a_stopped_role_has_no_hands_within_a_second_and_goes_on_when_resumed():
    h = house()
    task = put(h, [shell('sleep 300'), shell('echo on', id='second')])
    acting(h, task)
    began = time.monotonic()
    a = h.ok('stop', '--role', 'helper', '--reason', 'lunch')
    need('1 runs ended' in a.out, a)
    within(lambda: not hands(h), 15, 'hands are left')
    print('# stop to no process: %.0f ms' % ((time.monotonic() - began) * 1e3))
    later = put(h, [shell('echo new')])
    time.sleep(0.3)
    need(not hands(h), 'something started', h.left())
    need(stopped(h) == ['role:helper'], stopped(h))
    for t in task, later:
        seen = h.task(t)
        need(seen['stopped'][0]['scope'] == 'role:helper' and
             seen['stopped'][0]['reason'] == 'lunch', seen)
    need('stopped' in h.ok('task', 'show', task).out)
    need(h.task(later)['state'] == 'pending')
    other = run(h, [shell('echo other')], queue='payer')
    need(other['state'] == 'completed', other)
    a = h.ok('resume', '--role', 'helper')
    need('1 tasks' in a.out, a)
    need(h.outcome(later)['state'] == 'completed')
    # Its shell had started, and nobody saw its end: a person says.
    wait = h.waiting()
    need(wait['kind'] == 'unknown_outcome', wait)
    need(h.say(wait, 'happened').code == 200)
    need(h.outcome(task)['state'] == 'completed')
    need(stopped(h) == [])
    need('stopped' not in h.task(task))


@test
def a_stopped_task_keeps_its_wait_and_its_answer_until_it_is_resumed():
    h = house()
    task = put(h, [pay('anna', 3)], queue='payer')
    wait = h.waiting()
    h.ok('stop', task)
    need([w['id'] for w in h.waits()] == [wait['id']])
    h.ok('approve', wait['id'])
    until(lambda: h.task(task)['hold'] == 'loose', text=lambda: h.task(task))
    time.sleep(0.3)
    need(h.task(task)['hold'] == 'loose', h.task(task))
    need(run(h, [shell('echo other')], queue='payer')['state'] == 'completed')
    h.ok('resume', task)
    done = h.outcome(task)
    need(done['state'] == 'completed', done)


@test
def the_stop_of_a_task_ends_with_the_task():
    h = house()
    task = put(h, [pay('anna', 3)], queue='payer')
    h.waiting()
    h.ok('stop', task)
    need(stopped(h) == ['task:' + task], stopped(h))
    h.ok('task', 'cancel', task)
    need(h.outcome(task)['state'] == 'failed')
    need(stopped(h) == [], stopped(h))
    last = [e for e in h.events() if e['kind'] == 'stop_lifted'][-1]
    need(last['task'] == task and last['body']['by'] == 'handrail', last)
    h.kill()
    h.start()
    need(stopped(h) == [], stopped(h))


@test
def a_resumed_task_that_waits_for_a_person_is_not_woken():
    h = house()
    task = put(h, [pay('bert', 4)], queue='payer')
    wait = h.waiting()
    h.ok('stop', task)
    a = h.ok('resume', task)
    need('0 tasks' in a.out, a)
    need(h.task(task)['hold'] == 'parked')
    h.ok('deny', wait['id'], '--reason', 'no')
    h.outcome(task)


@test
def a_stop_stands_after_a_crash_and_the_tasks_of_it_do_not_run():
    h = house()
    running = put(h, [shell('sleep 300'), shell('echo on', id='second')])
    acting(h, running)
    one = put(h, [shell('echo one')], queue='payer')
    h.outcome(one)
    h.ok('stop', '--all', '--reason', 'fire')
    held = put(h, [shell('echo held')], queue='payer')
    h.ok('stop', held)
    h.process.kill()
    h.process.wait()
    COMPANIONS.remove(h.process)
    h.process = None
    h.gone()
    h.start()
    time.sleep(0.3)
    need(not hands(h), 'something started', h.left())
    need(sorted(stopped(h)) == ['all', 'task:' + held], stopped(h))
    need(h.cli('sandbox', 'run', '--identity', HELPER_ID, '--', 'true').code,
         'a sandbox in a stopped house')
    h.ok('resume', '--all')
    wait = h.waiting()
    need(wait['kind'] == 'unknown_outcome', wait)
    h.say(wait, 'did_not')
    h.outcome(running)
    need(h.task(held)['state'] == 'pending', h.task(held))
    h.ok('resume', held)
    need(h.outcome(held)['state'] == 'completed')
    h.verified()


@test
def a_stop_that_comes_while_a_run_opens_leaves_it_whole():
    h = house()
    for pause in (0, 0.005, 0.02, 0.05, 0.1):
        task = put(h, [shell('echo a'), shell('echo b', id='b')])
        time.sleep(pause)
        if h.cli('stop', task).code == 0:  # else it has ended already
            h.ok('resume', task)
        h.ok('stop', '--all')
        within(lambda: not hands(h), 15, 'hands are left')
        h.ok('resume', '--all')

        def ended():
            for w in h.waits():
                h.say(w, 'did_not')
            return h.task(task)['state'] in FINAL
        until(ended, 20, h.task(task))
        need(len(h.outcomes(task)) == 1, h.outcomes(task))


@test
def a_stop_of_what_is_not_there_says_so():
    h = house()
    need(h.cli('stop', '--role', 'nobody').code == 4)
    need(h.cli('stop', '00000000-0000-7000-8000-000000000001').code == 4)
    need(h.cli('resume', '--all').code == 4)
    need(h.cli('stop').code == 2)
    need(h.cli('stop', '--all', '--role', 'helper').code == 2)
    done = run(h, [shell('echo done')])
    need(h.cli('stop', done['id']).code == 5)
    for reason, code in (('a\0b', 400), ('x' * 501, 413)):
        a = h.post('/api/stop', {'all': True, 'reason': reason})
        need(a.code == code and not stopped(h), reason, a)
    # A stop takes power away, its end gives it back: that is said at home.
    need(h.post('/api/stop', {'role': 'helper'}, tcp=True).code == 200)
    need(h.post('/api/stop', {'role': 'helper'}, tcp=True).code == 200)
    need(len(stopped(h)) == 1)
    need(h.post('/api/resume', {'role': 'helper'}, tcp=True).code == 403)
    h.ok('resume', '--role', 'helper')


# --- remembered ---------------------------------------------------------------

def asked(h, steps):
    """A task that asks a person, and what it asks."""
    task = put(h, steps, queue='payer')
    return task, until(lambda: [
        w for w in h.waits() if any(
            w['run'] == r['run'] for r in h.task(task)['runs'])], 15,
        'nobody is asked')[0]


def denied(h, steps):
    task, wait = asked(h, steps)
    need(h.say(wait, 'deny', 'no').code == 200)
    h.outcome(task)


def rules(h, task):
    return [e['rule'] for e in h.events(task) if e['kind'] == 'call_decided']


@test
def a_remembered_yes_stands_for_the_same_and_for_nothing_else():
    h = house()
    task, wait = asked(h, [pay('anna', 3)])
    h.ok('approve', wait['id'], '--remember', '1h')
    need(h.outcome(task)['state'] == 'completed')
    grants = h.read('grant', 'list')['grants']
    need(len(grants) == 1 and grants[0]['hint'] == 'pay 3 to anna', grants)
    grant = grants[0]['id']
    who = grants[0]['identity']
    need(h.read('can', who)['grants'] == grants, h.read('can', who))
    need(grant in h.ok('can', who).out)
    args = {'whom': 'anna', 'amount': 3}
    need('grant revoke ' + grant in h.ok('explain', who, 'pay', json.dumps(args)).out)
    need('grant' not in h.ok('explain', who, 'pay', json.dumps({**args, 'amount': 4})).out)
    again = run(h, [pay('anna', 3, note='another')], queue='payer')
    need(again['state'] == 'completed', again)
    need(grant in rules(h, again['id']), rules(h, again['id']))
    denied(h, [pay('anna', 4)])
    denied(h, [pay('bert', 3)])
    h.kill()
    h.start()
    again = run(h, [pay('anna', 3)], queue='payer')
    need(again['state'] == 'completed', again)
    need(grant in h.ok('grant', 'list').out)
    h.ok('grant', 'revoke', grant)
    need(grant not in h.ok('explain', who, 'pay', json.dumps(args)).out)
    need(h.cli('grant', 'revoke', grant).code == 4)
    need(h.read('can', who)['grants'] == [])
    denied(h, [pay('anna', 3)])
    kinds = [e['kind'] for e in h.events()]
    need(kinds.count('standing_grant_made') == 1 and
         kinds.count('standing_grant_revoked') == 1)


@test
def a_remembered_yes_ends_with_the_gate_or_the_contract_it_was_given_under():
    h = house()
    gates, server = PAYER['gates.toml'], PAYER['mcp/server.toml']
    task, wait = asked(h, [pay('carl', 5)])
    h.ok('approve', wait['id'], '--remember', '30m')
    h.outcome(task)
    for path, text, other in (
            ('gates.toml', gates, gates.replace('"> 0"', '"> 1"')),
            ('mcp/server.toml', server, server.replace('Pay somebody',
                                                       'Pay somebody else'))):
        h.role_file('payer', path, other)
        h.reload()
        denied(h, [pay('carl', 5)])
        h.role_file('payer', path, text)
        h.reload()
        again = run(h, [pay('carl', 5)], queue='payer')
        need(again['state'] == 'completed', again)
    h.ok('grant', 'revoke', h.read('grant', 'list')['grants'][0]['id'])


@test
def what_cannot_be_remembered_is_not_approved_either():
    h = house()
    task, wait = asked(h, [pay('dora', 5)])
    for time_ in ('1s', '91d', 'soon', ''):
        a = h.cli('approve', wait['id'], '--remember=' + time_)
        need(a.code == 1, time_, a)
    a = h.post('/api/waits/' + wait['id'],
               {'decision': 'deny', 'remember': '1h'})
    need(a.code == 400, a)
    need([w['id'] for w in h.waits()] == [wait['id']])
    need(h.read('grant', 'list')['grants'] == [])
    h.say(wait, 'deny', 'no')
    h.outcome(task)
    h.verified()


# --- the files that it was asked about ----------------------------------------

@test
def one_byte_under_an_old_time_and_the_yes_is_none():
    """What a digest of the workspace need not read again it must still see."""
    h = house()
    write_, edit = shell('mkdir d; echo some text >d/file; sleep 0.1'), []
    for changed in (False, True):
        task, wait = asked(h, [write_, pay('ella', 3)])
        run_ = h.task(task)['runs'][0]['run']
        path = os.path.join(h.state, 'runs', run_, 'work', 'd', 'file')
        if not os.access(path, os.W_OK):
            raise Skipped('its files have an id that is not ours to write as')
        was = os.stat(path)
        time.sleep(0.1)
        with open(path, 'r+b') as f:
            f.read()
            if changed:
                f.seek(5)
                f.write(b'T')
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
        now = os.stat(path)
        need((now.st_ino, now.st_size, now.st_mode, now.st_mtime_ns) ==
             (was.st_ino, was.st_size, was.st_mode, was.st_mtime_ns), now)
        need(h.say(wait, 'approve').code == 200)
        ended = h.outcome(task)
        if not changed:
            need(ended['state'] == 'completed', ended)
            continue
        need(ended['state'] == 'failed' and
             ended['error']['error_type'] == 'approval_refused', ended)
        kinds = h.kinds(task)
        need(kinds.count('call_started') == 1, kinds)  # the shell's


@test
def a_run_goes_on_under_the_id_that_its_files_have_when_that_is_free():
    """Another id would stamp every file, and each would be read again."""
    h = house()
    first = put(h, [shell(UNTIL_GO)])
    acting(h, first)
    task, wait = asked(h, [shell('echo some text >file'), pay('fred', 3),
                           pay('gina', 4, 'again')])
    run_ = h.task(task)['runs'][0]['run']
    work = os.path.join(h.state, 'runs', run_, 'work')
    was = os.stat(work).st_uid
    h.ok('task', 'cancel', first)
    until(lambda: 'cell_ended' in h.kinds(first), 60, 'its sandbox is left')
    need(h.say(wait, 'approve').code == 200)
    again = until(lambda: [w for w in h.waits() if w['run'] == run_ and
                           w['id'] != wait['id']], 60, 'it asks no more')[0]
    need(os.stat(work).st_uid == was, was, os.stat(work))
    need(h.say(again, 'approve').code == 200)
    need(h.outcome(task)['state'] == 'completed')


# --- another policy -----------------------------------------------------------

@test
def a_replay_says_which_calls_of_the_past_another_policy_decides_otherwise():
    h = house()
    after = h.read('status')['events']
    run(h, [shell('echo one')], queue='payer')
    task, wait = asked(h, [pay('emil', 7)])
    h.ok('approve', wait['id'])
    h.outcome(task)
    new = os.path.join(h.folder, 'new.toml')

    def replay(text, *more):
        write(new, text)
        return h.read('policy', 'replay', new, '--after', str(after), *more)
    same = replay(PAYER['gates.toml'])
    need(same['calls'] == 2 and same['differences'] == [] and
         same['now'] == same['was'] == {'allow': 1, 'ask': 1, 'deny': 0}, same)
    looser = replay(PAYER['gates.toml'].replace('> 0', '> 7'))
    need([(d['tool'], d['was'], d['now'])
          for d in looser['differences']] == [('pay', 'ask', 'allow')], looser)
    closer = replay('[defaults]\nunmatched = "deny"\n')
    need(sorted((d['tool'], d['was'], d['now'])
                for d in closer['differences']) == [
        ('pay', 'ask', 'deny'), ('shell', 'allow', 'deny')], closer)
    need(replay('', '--role', 'helper')['calls'] == 0)
    need(replay('', '--role', 'payer')['calls'] == 2)
    a = h.ok('policy', 'replay', new, '--role', 'pajer')
    need('there is none of role pajer' in a.out, a)
    write(new, '[gate.x]\ntool = "t"\nrequire = "operator"\nremind = 1\n')
    a = h.cli('policy', 'replay', new)
    need(a.code == 1 and 'new.toml:4:' in a.err, a)
    need(h.cli('policy', 'replay', new + '.no').code == 4)


@test
def a_check_says_what_is_not_there():
    with House() as h:
        h.role_file('helper', 'gates.toml', """
[egress.in]
match    = { host = "in.test", method = "GET" }
upstream = "127.0.0.1:9"
ca       = "in.pem"
""")
        a = h.ok('role', 'check')
        need('/gates.toml:2: ca ' in a.out and 'in.pem cannot be read' in a.out, a)
        h.role_file('helper', 'in.pem', 'x')
        need('cannot be read' not in h.ok('role', 'check').out, 'it is there')
        os.unlink(os.path.join(h.folder, 'roles/helper/gates.toml'))
        a = h.ok('role', 'check')
        need('gates.toml is not there: every call' in a.out, a)


if __name__ == '__main__':
    code = main()
    if HOUSE:
        HOUSE.__exit__()
    sys.exit(code)
