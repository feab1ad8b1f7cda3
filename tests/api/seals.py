#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Decisions that prove themselves: what somebody writes into the book is not a
person's word; without the vault nobody decides; of several who answer at once
one is first."""
import os
import sqlite3
import sys
import threading
import time
from contextlib import closing

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from forge import forge  # noqa: E402
from house import *  # noqa: E402,F403

GATES_PAY = """\
[defaults]
unmatched = "allow"

[gate.pay]
match   = { tool = "pay" }
require = "operator"
surface = "cli | file"
hint    = "pay {{amount}} to {{whom}}"

[gate.both]
match   = { tool = "pay_both" }
require = "two_operators"
surface = "cli | file"
hint    = "pay both"

[gate.slow]
match          = { tool = "pay_slow" }
require        = "anna"
surface        = "cli"
hint           = "pay slowly"
remind         = "1s"
escalate_to    = "tester"
escalate_after = "5s"
expires        = "10m"

[gate.brief]
match   = { tool = "pay_brief" }
require = "operator"
surface = "cli"
expires = "3s"
"""
PAY = """
[tool.%s]
description = "Pay somebody"
action      = "purchase"
[tool.%s.input]
type = "object"
required = ["whom", "amount"]
properties.whom   = { type = "string" }
properties.amount = { type = "integer" }
properties.name   = { type = "string" }
[tool.%s.run]
exec = ["/bin/sh", "-c", 'echo "$1 $2" >>/work/paid; cat /work/paid', "pay",
        "{{whom}}", "{{amount}}"]
"""
HURRY = """
[tool.hurry]
description = "Nobody will answer in time"
action      = "read"
timeout     = "1s"
run         = { client = true }
"""
TOOLS = ['pay', 'pay_both', 'pay_slow', 'pay_brief']
PAYER = {
    'role.toml': """\
[task.default]
tools  = ["shell", "pay", "pay_both", "pay_slow", "pay_brief", "ask_person",
          "weigh", "hurry"]
brain  = "runbook"
budget = { turns = 20, calls = 20, wall = "2m" }
""",
    'gates.toml': GATES_PAY,
    'mcp/server.toml': SERVER + ASKING + HURRY + ''.join(
        PAY % (t, t, t) for t in TOOLS)}
ROLES = {'helper': HELPER, 'payer': PAYER}
ANNA_UID = 65533  # nobody's
ANNA = '\n[operator.anna]\nuid = %d\n' % ANNA_UID


def house():
    return House(ROLES, config=ANNA).start()


def pay(whom='anna', amount=3, tool='pay', **more):
    return {'id': 'paid', 'tool': tool, 'on_error': 'stop',
            'args': {'whom': whom, 'amount': amount, **more}}


def end(**result):
    return {'id': 'end', 'tool': 'finish', 'args': result}


def put(h, *steps, **more):
    return h.dispatch(list(steps) + [end()], queue='payer', **more)


def asked(h, task, kind='approval'):
    def one():
        runs = [r['run'] for r in h.task(task)['runs']]
        return [w for w in h.waits() if w['run'] in runs and w['kind'] == kind]
    return until(one, 15, 'nobody is asked')[0]


def kinds(h, kind):
    return [e for e in h.events() if e['kind'] == kind]


def result_of(h, task, ordinal=1):
    return [e['body']['result'] for e in h.events(task)
            if e['kind'] == 'call_settled' and e['call'] == ordinal][0]


def token_of(h, name):
    with open(os.path.join(h.state, 'operators/%s.token' % name)) as f:
        return f.read().strip()


def say_as_anna(h, wait, decision):
    """An operator is a token and the uid of the socket's other end."""
    if os.getuid() != 0:
        raise Skipped('only root can be another operator')
    token = token_of(h, 'anna')
    read, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setresuid(ANNA_UID, ANNA_UID, ANNA_UID)
            a = h.post('/api/waits/' + wait['id'],
                       {'decision': decision, 'reason': 'no'}, token=token)
            os.write(write_end, json.dumps([a.code, a.out]).encode())
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read) as f:
        text = f.read()
    os.waitpid(pid, 0)
    return Answer(*json.loads(text))


def crash(h):
    h.process.kill()
    h.process.wait()
    COMPANIONS.remove(h.process)
    h.process = None
    h.gone()


# --- a book that somebody changed ---------------------------------------------


def forged(change, answer='approve', reason=None):
    """A decision that was not used yet, changed behind the house's back."""
    with house() as h:
        task = put(h, pay())
        wait = asked(h, task)
        h.ok('stop', task)
        a = h.say(wait, answer, reason)
        need(a.code == 200, a)
        crash(h)
        for old, new in change:
            need(forge(h, old, new) == 1, 'it is not there', old)
        h.start()
        h.ok('resume', task)
        yield h, task, wait


def is_asked_again(change, **more):
    for h, task, wait in forged(change, **more):
        new = asked(h, task)
        need(new['id'] != wait['id'] and new['code'], new)
        need(len(kinds(h, 'decision_refused')) == 1)
        need(not [e for e in h.events(task) if e['kind'] == 'call_started'],
             'it was done')
        need('has sealed' in h.log()[h.mark:])
        need(h.say(new, 'approve').code == 200)
        need(h.outcome(task)['state'] == 'completed')
        need(len([e for e in h.events(task)
                  if e['kind'] == 'call_started' and e['call'] == 1]) == 1)


@test
def a_yes_of_somebody_else_in_the_book_is_asked_again():
    is_asked_again([(b'"by":"tester","surf', b'"by":"bester","surf')])


@test
def a_yes_from_another_surface_is_asked_again():
    is_asked_again([(b'"surface":"cli"', b'"surface":"buy"')])


@test
def a_yes_with_another_seal_is_asked_again():
    is_asked_again([(b'"mac":"', b'"mbc":"')])


@test
def a_no_that_was_made_a_yes_is_asked_again():
    """The same number of bytes: the reason gives way."""
    is_asked_again([
        (b'"answer":"deny","by":"tester","surface":"cli","reason":"nonono"',
         b'"answer":"approve","by":"tester","surface":"cli","reason":"non"')],
        answer='deny', reason='nonono')


@test
def a_wait_whose_time_was_made_longer_is_asked_again():
    with house() as h:
        task = put(h, pay())
        wait = asked(h, task)
        h.ok('stop', task)
        need(h.say(wait, 'approve').code == 200)
        body = [e['body'] for e in h.events(task) if e['kind'] == 'wait_put'][0]
        old = b'"expires_at_us":%d' % body['expires_at_us']
        new = b'"expires_at_us":%d' % (body['expires_at_us'] + 10**11)
        crash(h)
        need(forge(h, old, new) == 1)
        h.start()
        h.ok('resume', task)
        need(asked(h, task)['id'] != wait['id'])
        need(len(kinds(h, 'decision_refused')) == 1)


@test
def one_yes_where_two_must_is_none_whatever_the_book_says():
    with house() as h:
        task = put(h, pay(tool='pay_both'))
        wait = asked(h, task)
        need(h.say(wait, 'approve').code == 200)
        need(asked(h, task)['yes'] == ['tester'])
        crash(h)
        # As if one had been enough, and had said the last word.
        need(forge(h, b'"people":2', b'"people":1') == 1)
        need(forge(h, b'{"event":"yes","id":', b'{"event":"yes","iq":') == 1)
        a = h.cli('up')
        need(a.code != 0, 'it runs on a book like this', a)
        need(forge(h, b'{"event":"yes","iq":', b'{"event":"yes","id":') == 1)
        need(forge(h, b'"people":1', b'"people":2') == 1)
        h.start()
        need(say_as_anna(h, wait, 'approve').code == 200)
        need(h.outcome(task)['state'] == 'completed')


@test
def a_decision_stands_after_a_crash_and_after_a_restore():
    with house() as h:
        task = put(h, pay())
        wait = asked(h, task)
        h.ok('stop', task)
        need(h.say(wait, 'approve').code == 200)
        copy = os.path.join(h.folder, 'copy')
        h.ok('backup', copy)
        crash(h)
        h.ok('restore', copy, '--force') if h.cli(
            'restore', copy).code else None
        h.start()
        h.ok('resume', task)
        need(h.outcome(task)['state'] == 'completed', h.task(task))
        need(kinds(h, 'decision_refused') == [])
        need(len([e for e in h.events(task) if e['kind'] == 'wait_put']) == 1)


@test
def under_another_root_key_a_person_is_asked_again():
    with house() as h:
        task = put(h, pay())
        h.ok('approve', asked(h, task)['id'], '--remember', '1h')
        need(h.outcome(task)['state'] == 'completed')
        stopped = put(h, pay('berta'))
        wait = asked(h, stopped)
        h.ok('stop', stopped)
        need(h.say(wait, 'approve').code == 200)
        h.stop()
        h.ok('vault', 'rekey')
        h.start()
        # A yes that was not used, and one that stood.
        h.ok('resume', stopped)
        for id in (stopped, put(h, pay())):
            new = asked(h, id)
            need(new['id'] != wait['id'], new)
            need(h.say(new, 'approve').code == 200)
            need(h.outcome(id)['state'] == 'completed', h.task(id))
        need(len(kinds(h, 'decision_refused')) == 2, kinds(h, 'decision_refused'))


@test
def a_standing_grant_that_the_vault_has_not_sealed_is_gone_and_asked_about():
    for change in (('"whole"', None), ('"by":"tester"', '"by":"bester"'),
                   ('"mac":"', '"mbc":"')):
        with house() as h:
            task = put(h, pay())
            h.ok('approve', asked(h, task)['id'], '--remember', '1h')
            need(h.outcome(task)['state'] == 'completed')
            h.stop()
            with closing(sqlite3.connect(h.state + '/book/book.db')) as db:
                key, value = db.execute("SELECT key, value FROM rows WHERE "
                                        "space = 'grant'").fetchone()
                text = bytes(value).decode()
                if change[1]:
                    need(change[0] in text, text)
                    text = text.replace(*change)
                db.execute("UPDATE rows SET value = ? WHERE space = 'grant' "
                           "AND key = ?", (text.encode(), key))
                db.commit()
            h.start()
            again = put(h, pay())
            if not change[1]:  # it was put back as it was
                need(h.outcome(again)['state'] == 'completed')
                continue
            wait = asked(h, again)
            need(len(kinds(h, 'decision_refused')) == 1)
            need(h.read('grant', 'list')['grants'] == [])
            need(h.say(wait, 'deny', 'no').code == 200)
            h.outcome(again)


@test
def without_the_vault_nobody_decides():
    with house() as h:
        task = put(h, pay())
        wait = asked(h, task)
        pid = h.pids()['vault']
        os.kill(pid, signal.SIGSTOP)
        said = []
        t = threading.Thread(target=lambda: said.append(
            h.say(wait, 'approve')))
        t.start()
        time.sleep(0.4)
        need(not said, 'decided without a seal')
        need(asked(h, task)['id'] == wait['id'])
        os.kill(pid, signal.SIGKILL)
        t.join(PATIENCE)
        need(said and said[0].code == 503, said and said[0])
        need(kinds(h, 'wait_decided') == [])
        h.whole()
        need(h.say(wait, 'approve').code == 200)
        need(h.outcome(task)['state'] == 'completed')


@test
def a_vault_that_goes_while_it_looks_is_asked_again_when_it_is_back():
    with house() as h:
        task = put(h, pay())
        wait = asked(h, task)
        h.ok('stop', task)
        need(h.say(wait, 'approve').code == 200)
        pid = h.pids()['vault']
        os.kill(pid, signal.SIGSTOP)
        h.ok('resume', task)
        time.sleep(0.8)
        need(not [e for e in h.events(task) if e['kind'] == 'call_started'],
             'it started on a word that nobody had looked at')
        os.kill(pid, signal.SIGKILL)
        need(h.outcome(task)['state'] == 'completed')


@test
def a_yes_that_stands_is_judged_anew_where_the_gate_changed_meanwhile():
    """The vault looks at its seal; when it has, another policy is in force."""
    for change in (('"pay {{amount}} to {{whom}}"', '"pay to {{whom}}"'),
                   ('', '')):  # its neighbour: read anew, and as it was
        with house() as h:
            task = put(h, pay())
            h.ok('approve', asked(h, task)['id'], '--remember', '1h')
            need(h.outcome(task)['state'] == 'completed')
            pid = h.pids()['vault']
            os.kill(pid, signal.SIGSTOP)
            again = put(h, {**shell('true'), 'id': 'first'}, pay())
            until(lambda: 'call_settled' in h.kinds(again), 60)
            time.sleep(0.7)  # the agent asks for the next call, the vault is still
            need(h.kinds(again).count('call_started') == 1, h.kinds(again))
            h.role_file('payer', 'gates.toml', GATES_PAY.replace(*change))
            h.reload()
            os.kill(pid, signal.SIGCONT)
            if change[0]:
                wait = asked(h, again)
                need(wait['hint'] == 'pay to anna', wait)
                need(h.say(wait, 'deny', 'no').code == 200)
            done = h.outcome(again)
            rules = [e['rule'] for e in h.events(again)
                     if e['kind'] == 'call_decided']
            need((done['state'] == 'completed') == (not change[0]) and
                 any(r.startswith('g-') for r in rules) == (not change[0]),
                 done, rules)


# --- who is first -------------------------------------------------------------

@test
def of_many_who_answer_at_once_one_is_first_and_the_rest_are_told_who():
    with house() as h:
        for n in range(4):
            task = put(h, pay(amount=n + 1))
            wait = asked(h, task)
            answers = []
            seen = gate(h, wait)

            def one(i):
                yes = i % 2 == 0
                if i % 3 == 0:
                    a = h.cli('approve', wait['id']) if yes else h.cli(
                        'deny', wait['id'], '--reason', 'no')
                    answers.append((a.code == 0, a.code, a.err))
                else:
                    a = h.say(wait, 'approve' if yes else 'deny', 'no')
                    answers.append((a.code == 200, a.code, a.out))
            all_ = [threading.Thread(target=one, args=(i,)) for i in range(10)]
            for t in all_:
                t.start()
            permission(h, wait, 'once', seen=seen)
            for t in all_:
                t.join()
            wins = [a for a in answers if a[0]]
            shown = h.get('/api/waits/' + wait['id']).json
            need(len(wins) == (0 if shown['surface'] == 'file' else 1), answers)
            for a in answers:
                if not a[0]:
                    need(a[1] in (5, 409) and 'already' in a[2] and
                         shown['by'] in a[2] and shown['surface'] in a[2], a)
            h.outcome(task)
            need(len([e for e in h.events(task)
                      if e['kind'] == 'wait_decided']) == 1)


@test
def other_arguments_are_another_question():
    with house() as h:
        one = put(h, pay(amount=5))
        wait = asked(h, one)
        need(h.say(wait, 'deny', 'too much').code == 200)
        need(h.outcome(one)['state'] != 'completed')
        two = put(h, pay(amount=4))
        other = asked(h, two)
        need(other['id'] != wait['id'] and other['code'] != wait['code'])
        h.say(other, 'approve')
        need(h.outcome(two)['state'] == 'completed')


# --- told again, told to another ------------------------------------------------

def letters(h, mailbox):
    return h.get('/api/mail?mailbox=' + mailbox).json['letters']


@test
def who_is_named_is_reminded_and_then_another_may_decide():
    for _ in range(10):
        with house() as h:
            task = put(h, pay(tool='pay_slow'))
            wait = asked(h, task)
            a = h.say(wait, 'approve')
            if wait['escalated'] or a.code == 200 and kinds(h, 'wait_escalated'):
                continue  # the machine stood still until the other might
            need(wait['named'] == ['anna'] and a.code == 403, wait, a)
            told_to_another(h, task, wait)
            return
    raise Failed('10 times the machine stood still')


def told_to_another(h, task, wait):
    until(lambda: kinds(h, 'wait_reminded'), 10, 'nobody is told again')
    mine = until(lambda: letters(h, 'anna'), 5)
    need(wait['code'] in mine[0]['subject'], mine)
    early = letters(h, 'tester')
    need(not early or kinds(h, 'wait_escalated'), early)
    until(lambda: kinds(h, 'wait_escalated'), 10, 'it is not escalated')
    mine = until(lambda: letters(h, 'tester'), 5)
    need('may decide' in mine[0]['subject'], mine)
    crash(h)
    h.start()
    need(asked(h, task)['escalated'])
    need('may decide' in h.ok('inbox').out)
    need(len(kinds(h, 'wait_reminded')) == 1)
    need(h.say(wait, 'approve').code == 200)
    need(h.outcome(task)['state'] == 'completed')


@test
def what_nobody_decides_in_time_is_a_no():
    with house() as h:
        task = put(h, pay(tool='pay_brief'))
        done = h.outcome(task)
        need(done['state'] == 'blocked', done)
        [wait] = [e['body'] for e in h.events(task) if e['kind'] == 'wait_put']
        need(h.get('/api/waits/' + wait['id']).json['state'] == 'expired')
        a = h.say(wait, 'approve')
        need(a.code == 409 and 'expired' in a.out, a)


# --- questions, and tools that a client answers ---------------------------------

def question(text, *options):
    args = {'question': text}
    if options:
        args['options'] = list(options)
    return {'id': 'q', 'tool': 'ask_person', 'on_error': 'continue',
            'args': args}


def weigh(tool='weigh', on_error='continue'):
    return {'id': 'w', 'tool': tool, 'on_error': on_error,
            'args': {'thing': 'stone'} if tool == 'weigh' else {}}


@test
def a_question_waits_without_a_process_and_goes_on_with_the_answer():
    with house() as h:
        task = put(h, question('Red or green?', 'red', 'green'))
        wait = asked(h, task, 'question')
        need(wait['options'] == ['red', 'green'] and
             wait['hint'] == 'Red or green?', wait)
        until(lambda: 'agent' not in h.left().values(), 5, 'an agent is left')
        need(h.say(wait, 'approve').code == 400)
        a = h.cli('answer', wait['id'], 'blue')
        need(a.code == 1 and 'none of the' in a.err, a)
        crash(h)
        h.start()
        need('- green' in h.ok('inbox').out)
        h.ok('answer', wait['id'], 'green')
        need(h.outcome(task)['state'] == 'completed')
        need(result_of(h, task) == {'answer': 'green', 'by': 'tester'},
             result_of(h, task))
        need(h.cli('answer', wait['id'], 'red').code == 5)
        h.verified()


@test
def who_declines_a_question_says_why():
    with house() as h:
        task = put(h, question('Which?'))
        h.ok('answer', asked(h, task, 'question')['id'], '--decline',
             '--reason', 'ask yourself')
        h.outcome(task)
        need('ask yourself' in str(result_of(h, task)), result_of(h, task))


@test
def a_clients_result_must_be_of_its_tool():
    with house() as h:
        task = put(h, weigh())
        wait = asked(h, task, 'client_result')
        need(wait['tool'] == 'weigh' and 'stone' in wait['hint'], wait)
        at = '/api/waits/' + wait['id']
        for value in ({'grams': -1}, {'grams': 'many'}, {}, [], 'x', None):
            a = h.post(at, {'decision': 'result', 'value': value})
            need(a.code == 400, value, a)
        need(h.post(at, {'decision': 'result'}).code == 400)
        h.ok('answer', wait['id'], '{"grams": 12}')
        need(h.outcome(task)['state'] == 'completed')
        need(result_of(h, task) == {'grams': 12})


@test
def a_clients_tool_that_nobody_answers_fails_in_its_time():
    with house() as h:
        task = put(h, weigh('hurry'))
        need(h.outcome(task)['state'] == 'completed')
        need(result_of(h, task)['error'] == 'timeout', result_of(h, task))


@test
def an_answer_that_somebody_wrote_into_the_book_is_asked_for_again():
    with house() as h:
        task = put(h, question('Red or green?', 'red', 'tan'))
        wait = asked(h, task, 'question')
        h.ok('stop', task)
        h.ok('answer', wait['id'], 'red')
        crash(h)
        need(forge(h, b'"value":"red"', b'"value":"tan"') == 1)
        h.start()
        h.ok('resume', task)
        new = asked(h, task, 'question')
        need(new['id'] != wait['id'])
        need(len(kinds(h, 'decision_refused')) == 1)
        h.ok('answer', new['id'], 'red')
        need(h.outcome(task)['state'] == 'completed')
        need(result_of(h, task)['answer'] == 'red')


# --- permission files -----------------------------------------------------------

def folder_of(h):
    return os.path.join(h.state, 'permissions')


def gate(h, wait):
    """The gate file of this wait."""
    def one():
        for name in os.listdir(folder_of(h)):
            if name.startswith('gate-') and name.endswith('.json'):
                with open(os.path.join(folder_of(h), name)) as f:
                    seen = json.load(f)
                if seen['hint'] == wait['hint']:
                    return seen
        return None
    return until(one, 5, 'there is no gate file')


def place(h, path, text, mode=0o600):
    write(path + '.new', text, mode)
    if os.getuid() == 0:
        os.chown(path + '.new', os.stat(folder_of(h)).st_uid, -1)
    os.rename(path + '.new', path)


def permission(h, wait, decision, mode=0o600, text=None, seen=None):
    seen = seen or gate(h, wait)
    path = os.path.join(folder_of(h), 'permission-%s.json' % seen['id'])
    place(h, path, text if text is not None else json.dumps(
        {'cmd': 'permission', 'id': seen['id'], 'decision': decision}), mode)
    return path


@test
def a_permission_file_answers_once_and_is_gone():
    with house() as h:
        task = put(h, pay(whom='bert', name='march-9'))
        wait = asked(h, task)
        seen = gate(h, wait)
        need(seen == {'role': 'payer', 'id': seen['id'], 'tool': 'pay',
                      'name': 'march-9', 'hint': 'pay 3 to bert'}, seen)
        need(len(seen['id']) == 32, seen)
        at = os.stat(folder_of(h))
        need(at.st_mode & 0o7777 == 0o700, oct(at.st_mode))
        for name in os.listdir(folder_of(h)):
            mode = os.stat(os.path.join(folder_of(h), name)).st_mode
            need(mode & 0o7777 == 0o600, name, oct(mode))
        permission(h, wait, 'once')
        need(h.outcome(task)['state'] == 'completed')
        shown = h.get('/api/waits/' + wait['id']).json
        need(shown['surface'] == 'file' and shown['by'] == 'tester', shown)
        until(lambda: os.listdir(folder_of(h)) == [], 5,
              os.listdir(folder_of(h)))
        # Nothing is left that would answer the next one.
        again = put(h, pay(whom='bert', name='march-9'))
        need(asked(h, again)['id'] != wait['id'])


@test
def a_permission_file_can_say_no():
    with house() as h:
        task = put(h, pay())
        permission(h, asked(h, task), 'deny')
        need(h.outcome(task)['state'] != 'completed')


@test
def what_is_no_permission_file_does_not_count_and_is_on_record():
    with house() as h:
        task = put(h, pay())
        wait = asked(h, task)
        seen = gate(h, wait)
        good = json.dumps({'cmd': 'permission', 'id': seen['id'],
                           'decision': 'once'})
        bad = [
            ({'mode': 0o644}, 'must be 0600'),
            ({'mode': 0o660}, 'must be 0600'),
            ({'mode': 0o400}, 'must be 0600'),
            ({'text': '{'}, ''),
            ({'text': '[]'}, 'expected'),
            ({'text': good.replace('once', 'always')}, 'must be'),
            ({'text': good.replace('once', 'Once')}, 'must be'),
            ({'text': good.replace(seen['id'], 'a' * 32)}, 'another'),
            ({'text': good.replace('permission', 'allow')}, 'expected'),
            ({'text': good[:-1] + ', "more": 1}'}, 'expected'),
            ({'text': good[:-1] + ', "decision": "once"}'}, ''),
            ({'text': good + ' ' * 5000}, 'more than'),
        ]
        for n, (how, why) in enumerate(bad, 1):
            path = permission(h, wait, 'once', seen=seen, **how)
            until(lambda: len(kinds(h, 'permission_refused')) == n, 5,
                  'not refused: %s' % how)
            reason = kinds(h, 'permission_refused')[-1]['body']['reason']
            need(why in reason, how, reason)
            until(lambda: not os.path.lexists(path), 5, 'it is still there')
        need(asked(h, task)['id'] == wait['id'])
        permission(h, wait, 'once')
        need(h.outcome(task)['state'] == 'completed')


@test
def a_link_a_pipe_and_a_second_name_are_no_permission():
    with house() as h:
        task = put(h, pay())
        wait = asked(h, task)
        seen = gate(h, wait)
        good = json.dumps({'cmd': 'permission', 'id': seen['id'],
                           'decision': 'once'})
        path = os.path.join(folder_of(h),
                            'permission-%s.json' % seen['id'])
        aside = os.path.join(folder_of(h), 'aside')
        place(h, aside, good)
        makes = [lambda: os.symlink(aside, path),
                 lambda: os.symlink('/nowhere', path),
                 lambda: os.link(aside, path),
                 lambda: os.mkfifo(path, 0o600),
                 lambda: os.mkdir(path, 0o700)]
        for n, make in enumerate(makes, 1):
            make()
            until(lambda: len(kinds(h, 'permission_refused')) == n, 5,
                  'number %d is not refused' % n)
            until(lambda: not os.path.lexists(path), 5, 'it is still there')
        need(open(aside).read() == good)  # links are not followed
        refused = [e for e in map(json.loads, h.ok('audit', 'export', '--format', 'ocsf')
                                  .out.splitlines()) if e['message'] == 'permission_refused']
        need(len(refused) == len(makes) and
             all((e['status_id'], e['severity_id']) == (2, 3) for e in refused), refused)
        need(asked(h, task)['id'] == wait['id'])


@test
def a_file_of_another_owner_does_not_count():
    if os.getuid() != 0:
        raise Skipped('only root makes a file of somebody else')
    with house() as h:
        task = put(h, pay())
        wait = asked(h, task)
        seen = gate(h, wait)
        path = os.path.join(folder_of(h),
                            'permission-%s.json' % seen['id'])
        for owner in (0, 65534, ANNA_UID):
            n = len(kinds(h, 'permission_refused'))
            write(path + '.new', json.dumps(
                {'cmd': 'permission', 'id': seen['id'], 'decision': 'once'}),
                0o600)
            os.chown(path + '.new', owner, 0)
            os.rename(path + '.new', path)
            until(lambda: len(kinds(h, 'permission_refused')) == n + 1, 5)
        need(asked(h, task)['id'] == wait['id'])


@test
def a_file_that_is_older_than_its_gate_never_counts():
    with house() as h:
        task = put(h, pay())
        wait = asked(h, task)
        seen = gate(h, wait)
        h.stop()
        # As after a restore: the question comes back, and an old answer is
        # there before its gate file.
        os.unlink(os.path.join(folder_of(h), 'gate-%s.json' % seen['id']))
        path = os.path.join(folder_of(h),
                            'permission-%s.json' % seen['id'])
        text = json.dumps({'cmd': 'permission', 'id': seen['id'],
                           'decision': 'once'})
        place(h, path, text)
        place(h, os.path.join(folder_of(h),
                              'permission-' + 'b' * 32 + '.json'), text)
        h.start()
        need(gate(h, wait)['id'] == seen['id'])
        need(sorted(os.listdir(folder_of(h))) ==
             ['gate-%s.json' % seen['id']], os.listdir(folder_of(h)))
        time.sleep(1.2)
        need(asked(h, task)['id'] == wait['id'])
        need(kinds(h, 'wait_decided') == [])
        # One that is written while the house is away, to a gate that stands.
        h.stop()
        place(h, path, text)
        h.start()
        need(h.outcome(task)['state'] == 'completed')


@test
def a_folder_that_others_may_enter_takes_no_answer():
    with house() as h:
        task = put(h, pay())
        wait = asked(h, task)
        seen = gate(h, wait)
        os.chmod(folder_of(h), 0o755)
        permission(h, wait, 'once', seen=seen)
        until(lambda: 'must be a folder' in h.log(), 5)
        time.sleep(1.0)
        need(asked(h, task)['id'] == wait['id'])
        os.chmod(folder_of(h), 0o700)
        need(h.outcome(task)['state'] == 'completed')


@test
def where_no_rule_names_files_there_are_none():
    with house() as h:
        h.role_file('payer', 'gates.toml', GATES_PAY.replace(
            '"cli | file"', '"any"'))
        h.reload()
        task = put(h, pay())
        wait = asked(h, task)
        need('file' not in wait['surfaces'], wait)
        time.sleep(0.3)
        need(os.listdir(folder_of(h)) == [], os.listdir(folder_of(h)))


@test
def no_cell_sees_the_permission_files():
    with house() as h:
        task = put(h, pay())
        wait = asked(h, task)
        seen = gate(h, wait)
        done = h.run([shell('find / -xdev -name "*%s*" 2>/dev/null; '
                            'ls %s 2>&1; true' % (seen['id'], folder_of(h))),
                      end()], queue='payer')
        out = str(h.events(done['id']))
        need('gate-' + seen['id'] not in out, out)


if __name__ == '__main__':
    sys.exit(main())
