#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What waits, as a page of the inbox has it: what is told again, questions,
results of a client's tool, calls whose end nobody saw; and whose word a login
is."""
import hashlib
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403
from web_page import *  # noqa: E402,F403

GATES_SLOW = """\
[defaults]
unmatched = "allow"

[gate.slow]
match          = { tool = "pay" }
require        = "anna"
surface        = "web | cli"
hint           = "pay {{amount}} to {{whom}}"
remind         = "1s"
escalate_to    = "tester"
escalate_after = "2s"
expires        = "2m"

[gate.both]
match   = { tool = "launch" }
require = "two_operators"
surface = "cli | web"
"""
LAUNCH = """
[tool.launch]
description = "Launch it"
action      = "purchase"
[tool.launch.run]
exec = ["/bin/true"]
"""
TOOLS_ALL = ROLE.replace(
    '["shell"]', '["shell", "pay", "ask_person", "weigh", "launch"]') + """
[identity]
acts_as       = "payments@example.org"
attribution   = "service_account"
billing_owner = "anna"
"""
ASKER = {'role.toml': TOOLS_ALL, 'gates.toml': GATES_SLOW,
         'mcp/server.toml': PAYER['mcp/server.toml'] + ASKING + LAUNCH}
PEOPLE = """
[operator.anna]
uid = 4242

[operator.rita]
uid = 4243
web = "read"

[operator.nora]
uid = 4244
web = "none"
"""
HOUSE = None


def house():
    global HOUSE
    if HOUSE is None:
        HOUSE = House({'asker': ASKER}, PEOPLE)
        HOUSE.start()
    return HOUSE


def token_of(h, name):
    with open(os.path.join(h.state, 'operators', name + '.token')) as f:
        return f.read().strip()


def put(h, tool, **args):
    return h.dispatch([{'id': 'x', 'tool': tool, 'on_error': 'continue',
                        'args': args},
                       {'id': 'end', 'tool': 'finish', 'args': {}}],
                      queue='asker')


def result_of(h, task):
    need(h.outcome(task)['state'] == 'completed')
    return h.task(task)['runs'][0]['calls'][0]['result']


# --- told again, told to another ----------------------------------------------

@test
def an_open_page_is_told_that_it_waits_on_and_that_another_may_decide():
    h = house()
    p, anna = Page(h).login(), Page(h).login(token_of(h, 'anna'))
    s, hers = (Stream(x, x.inbox()['seq']) for x in (p, anna))
    for _ in range(20):
        task = put(h, 'pay', whom='bert', amount=3)
        w = s.wait('asked', 60, task=task)
        again = s.wait('changed', 60, id=w['id'], reminded=True)
        if not w['reminded'] and not again['escalated']:
            break
        # The machine stood still until both were due: once more.
        h.ok('task', 'cancel', task)
    need(not w['reminded'] and not w['escalated'] and
         w['escalate_to'] == 'tester' and w['escalate_for'] == 'anna' and
         w['escalate'] > w['asked'], w)
    need(not w['may'] and 'requires the yes of' in w['why'], w)
    need(hers.wait('asked', 60, task=task)['may'])
    need(again['seq'] > w['seq'] and not again['may'], again)
    mine = s.wait('changed', 60, id=w['id'], escalated=True)
    need(mine['seq'] > again['seq'] and mine['may'] and not mine['why'], mine)
    need(mine['yes_mark'] == w['yes_mark'] and mine['args'] == w['args'])
    # A page that is read now says the same.
    need(p.waiting(task)['escalated'] and p.waiting(task)['may'])
    need(p.say(mine).code == 200)
    s.wait('over', 60, id=w['id'], by='tester')
    need(h.outcome(task)['state'] == 'completed')
    hers.wait('over', 60, id=w['id'])  # what came before it was heard as well
    need(len([e for e in hers.events if e['event'] == 'changed' and
              json.loads(e['data'])['id'] == w['id']]) == 2, hers.events)
    s.close()
    hers.close()


# --- questions ----------------------------------------------------------------

@test
def a_question_is_answered_with_one_of_its_options():
    h = house()
    p = Page(h).login()
    task = put(h, 'ask_person', question='Red or green?',
               options=['red', 'green'])
    w = p.waiting(task)
    need(w['kind'] == 'question' and w['options'] == ['red', 'green'] and
         w['may'] and 'Red or green?' in w['args'], w)
    for body in ({}, {'value': 'blue'}, {'value': 1}, {'value': ['red']},
                 {'value': ''}):
        a = p.say(w, 'answer', body=body)
        need(a.code == 400, body, a)
    for word in 'approve', 'deny', 'happened', 'result':
        need(p.say(w, word, body={'value': 'red'}).code == 400, word)
    a = p.say(w, 'answer', mark=w['no_mark'], body={'value': 'green'})
    need(a.code == 403 and 'was not shown' in a.out, a)
    need(p.say(w, 'answer', body={'value': 'green'}).code == 200)
    need(result_of(h, task) == {'answer': 'green', 'by': 'tester'})
    said = [e['body'] for e in h.events(task) if e['kind'] == 'wait_decided']
    need(said[0]['surface'] == 'web' and said[0]['value'] == 'green', said)
    a = p.say(w, 'answer', body={'value': 'red'})
    need(a.code == 409 and 'already' in a.out, a)


@test
def a_question_without_options_takes_any_text_and_may_be_declined():
    h = house()
    p = Page(h).login()
    task = put(h, 'ask_person', question='Why <b>so</b>?')
    w = p.waiting(task)
    need(w['options'] == [], w)
    a = p.say(w, 'answer', body={'value': 'the key is sk-ant-api03-' +
                                 'A' * 90 + '-' + 'B' * 6})
    need(a.code in (400, 403), 'a key of a provider', a)
    text = 'Because "it" is\nso: \u00e4\u20ac'
    need(p.say(w, 'answer', body={'value': text}).code == 200)
    need(result_of(h, task)['answer'] == text)
    task = put(h, 'ask_person', question='Really?')
    w = p.waiting(task)
    need(p.say(w, 'decline', body={'reason': 'look it up'}).code == 200)
    need('look it up' in json.dumps(result_of(h, task)))


@test
def a_clients_result_may_be_said_in_its_place():
    h = house()
    p = Page(h).login()
    task = put(h, 'weigh', thing='stone')
    w = p.waiting(task)
    need(w['kind'] == 'client_result' and 'stone' in w['args'], w)
    for value in ({'grams': -1}, {}, [], '12', None):
        a = p.say(w, 'result', body={'value': value})
        need(a.code == 400, value, a)
    need(p.say(w, 'result', body={'value': {'grams': 12}}).code == 200)
    need(result_of(h, task) == {'grams': 12})
    task = put(h, 'weigh', thing='feather')
    w = p.waiting(task)
    need(p.say(w, 'failed', body={'reason': 'the scales are gone'}).code == 200)
    need('the scales are gone' in json.dumps(result_of(h, task)))


@test
def a_call_whose_end_nobody_saw_is_resolved_on_the_page():
    h = house()
    p = Page(h).login()
    for word, said in ('happened', 'happened'), ('did_not', 'did_not_happen'):
        task = put(h, 'shell', command='sleep 60')
        until(lambda: 'call_started' in h.kinds(task), 60)
        h.ok('stop', task)
        h.ok('resume', task)
        w = p.waiting(task)
        need(w['kind'] == 'unknown_outcome' and w['may'] and
             'sleep 60' in w['args'], w)
        need(p.say(w, 'approve').code == 400)
        a = p.say(w, word, body={'remember': '1h'})
        need(a.code in (400, 403) and 'remember' in a.out, a)
        need(p.say(w, word).code == 200)
        need(said in json.dumps(result_of(h, task)), result_of(h, task))


@test
def a_call_is_resolved_by_its_run_or_task_and_number():
    h = house()
    for by in ('run', 'task'):
        task = put(h, 'shell', command='sleep 60')
        until(lambda: 'call_started' in h.kinds(task), 60)
        h.ok('stop', task)
        h.ok('resume', task)
        w = h.waiting(60)
        run = h.task(task)['runs'][-1]
        call = '%s.%d' % (run['run'] if by == 'run' else task, w['call'])
        need('task resolve %s.%d' % (run['run'], w['call']) in h.ok('inbox').out)
        text = h.ok('task', 'show', task).out
        need('%s.%d' % (run['run'], w['call']) in text, text)
        for wrong in (call + '0', call[:-1] + 'x', 'no.1', 'no'):
            need(h.cli('task', 'resolve', wrong, '--happened').code == 4, wrong)
        h.ok('task', 'resolve', call, '--happened')
        need('happened' in json.dumps(result_of(h, task)), result_of(h, task))
        need(h.cli('task', 'resolve', call, '--happened').code == 5)


@test
def the_command_line_resolves_it_by_the_same_two_words():
    h = house()
    for word, said in ('--happened', 'happened'), ('--did-not', 'did_not_happen'):
        task = put(h, 'shell', command='sleep 60')
        until(lambda: 'call_started' in h.kinds(task), 60)
        h.ok('stop', task)
        h.ok('resume', task)
        w = h.waiting(60)
        need(h.cli('approve', w['id']).code == 1, 'a yes is no answer to it')
        need(h.cli('task', 'resolve', w['id']).code == 2)
        need(h.cli('task', 'resolve', w['id'], '--happened',
                   '--did-not').code == 2)
        a = h.ok('task', 'resolve', w['id'], word)
        need(a.out == '%s: %s\n' % (w['id'], 'happened' if word == '--happened' else
                                    'did not happen'), a)
        need(said in json.dumps(result_of(h, task)), result_of(h, task))
        need(h.cli('task', 'resolve', w['id'], word).code == 5)


# --- what two must say ----------------------------------------------------------

@test
def what_two_must_say_is_never_remembered():
    h = house()
    task = put(h, 'launch')
    p = Page(h).login()
    w = p.waiting(task)
    need(w['people'] == 2 and not w['remember'], w)
    a = p.say(w, body={'remember': '1h'})
    need(a.code == 403 and 'remember' in a.out, a)
    a = h.cli('approve', w['id'], '--remember', '1h')
    need(a.code == 1 and 'remember' in a.err, a)
    need(p.waiting(task)['yes'] == [] and h.kinds(task).count(
        'wait_decided') == 0, 'it counted all the same')
    need(p.say(w).code == 200)
    anna = Page(h).login(token_of(h, 'anna'))
    need(anna.say(anna.waiting(task)).code == 200)
    need(h.outcome(task)['state'] == 'completed')
    need(h.read('grant', 'list')['grants'] == [])


@test
def a_decision_is_a_head_with_who_where_when_and_the_policy_in_force():
    h = house()
    digest = hashlib.sha256(GATES_SLOW.encode()).hexdigest()
    task = put(h, 'launch')
    p, anna = Page(h).login(), Page(h).login(token_of(h, 'anna'))
    need(p.say(p.waiting(task)).code == 200)
    need(anna.say(anna.waiting(task), 'deny', body={'reason': 'no'}).code == 200)
    h.outcome(task)
    heads = [e for e in h.events(task) if e['kind'] == 'wait_decided']
    need([(e['body']['by'], e['body']['surface']) for e in heads] ==
         [('tester', 'web'), ('anna', 'web')], heads)
    for e in heads:
        need(e['policy'] == digest and e['call'] == 1 and e['at_us'] and
             e['body']['mac'] and e['role'].strip('0'), e)
    # In whose name all of it was done: the role that every head names.
    can = h.read('can', 'linux__server__asker_coworker')
    need((can['acts_as'], can['attribution'], can['billing_owner']) ==
         ('payments@example.org', 'service_account', 'anna'), can)
    need({e['role'] for e in h.events(task) if e['kind'].startswith('call_')}
         == {heads[0]['role']})


# --- whose word a login is ----------------------------------------------------

@test
def a_login_that_only_reads_sees_all_and_decides_nothing():
    h = house()
    rita, p = Page(h).login(token_of(h, 'rita')), Page(h).login()
    need(p.me['decides'] and not rita.me['decides'], rita.me)
    task = put(h, 'ask_person', question='Who reads this?')
    w = rita.waiting(task)
    need('Who reads this?' in w['args'] and not w['may'] and
         'only reads' in w['why'], w)
    for word in 'answer', 'decline':
        a = rita.say(w, word, body={'value': 'rita'})
        need(a.code == 403 and 'only reads' in a.out, a)
    need(p.say(p.waiting(task), 'answer', body={'value': 'tester'}).code == 200)
    need(result_of(h, task)['by'] == 'tester')


@test
def an_operator_without_the_page_has_no_login_and_loses_the_one_there_was():
    h = house()
    a = Page(h).form(token_of(h, 'nora'))
    need(a.code == 401 and 'Set-Cookie' not in a.headers and
         'there is no login' in a.out, a)
    rita = Page(h).login(token_of(h, 'rita'))
    with open(h.config) as f:
        text = f.read()
    write(h.config, text.replace('web = "read"', 'web = "none"'))
    h.process.send_signal(signal.SIGHUP)
    until(lambda: rita.raw('GET', '/web/inbox').code == 401, 60)
    need(Page(h).form(token_of(h, 'rita')).code == 401)
    write(h.config, text)
    h.process.send_signal(signal.SIGHUP)
    until(lambda: Page(h).form(token_of(h, 'rita')).code == 303, 60)


if __name__ == '__main__':
    code = main()
    if HOUSE:
        HOUSE.__exit__()
    sys.exit(code)
