#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What people do with queues and letters: keys, delays, series, retries, dead
letters, repair, limits, mail and decisions."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403
from web_page import Page  # noqa: E402

TYPES = """\
[task.default]
tools = ["shell", "hire"]
brain = "runbook"

[task.again]
tools = ["shell"]
brain = "runbook"
skill = "try-harder"
retry = { attempts = 3, base = "10ms", cap = "20ms" }
"""
HIRE = """
[tool.hire]
description = "Put a task in a queue"
action      = "dispatch"
run         = { builtin = "dispatch_task" }
"""
OPEN = '[defaults]\nunmatched = "allow"\n'
MENDER = {'role.toml': """\
[task.default]
tools = ["shell"]
brain = "model.none"
input.required = ["task_id", "error"]
""", 'gates.toml': OPEN, 'mcp/server.toml': SERVER + HIRE}
MODEL = """
[model.none]
url = "http://127.0.0.1:9/v1"
model = "none"
"""
ROLES = {
    'helper': {'role.toml': TYPES, 'gates.toml': OPEN,
               'mcp/server.toml': SERVER + HIRE},
    'mended': {'role.toml': '[queue]\nrepair = "mender"\n' + TYPES,
               'gates.toml': OPEN, 'mcp/server.toml': SERVER + HIRE},
    'mender': MENDER,
    'narrow': {'role.toml': '[queue]\nrunning = 1\nwaiting = 2\n' + TYPES,
               'gates.toml': OPEN, 'mcp/server.toml': SERVER + HIRE},
}
FINISH = {'id': 'end', 'tool': 'finish', 'args': {}}
FAIL = [shell('exit 3'), FINISH]

HOUSE = None


def house():
    global HOUSE
    if HOUSE is None:
        HOUSE = House(ROLES, cells=6, config=MODEL)
        HOUSE.start()
    return HOUSE


def put(h, *args, queue='helper', steps=(FINISH,), kind=None):
    payload = {'runbook': list(steps)}
    if kind:
        payload['type'] = kind
    return h.cli('dispatch', '--queue', queue, '--subject', 'x', '--payload',
                 json.dumps(payload), *args)


def letters(h, mailbox='operator'):
    return h.read('mail', 'recv', mailbox)['letters']


def of_task(h, task, kind=None):
    return [m for m in letters(h)
            if m['letter']['payload'].get('task_id') == task and
            (not kind or m['type'] == kind)]


@test
def the_same_key_is_the_same_task():
    h = house()
    first = put(h, '--key', 'one')
    second = put(h, '--key', 'one')
    need(first.code == 0 and first.out == second.out, first, second)
    need(not first.err and 'this key has a task already' in second.err, second)
    a = put(h, '--key', 'one', '--wait')
    need(a.code == 0 and 'this key has a task already' in a.err, a)
    said = json.loads(put(h, '--key', 'one', '--json').out)
    need(said['duplicate'] and said['id'] == first.out.strip(), said)
    body = {'queue': 'helper', 'subject': 'x', 'payload': {'runbook': [FINISH]}}
    a = h.post('/api/tasks', body, headers={'Idempotency-Key': 'one'})
    need(a.json['id'] == first.out.strip() and a.json['duplicate'], a)
    need(not h.post('/api/tasks', body,
                    headers={'Idempotency-Key': 'two'}).json['duplicate'])
    a = h.get('/api/tasks', headers={'Idempotency-Key': 'x' * 80})
    need(a.code == 400, a)


@test
def a_key_is_the_same_wherever_it_is_said():
    h = house()
    body = {'queue': 'helper', 'subject': 'x', 'payload': {'runbook': [FINISH]}}
    ways = {'header': lambda k: h.post('/api/tasks', body,
                                       headers={'Idempotency-Key': k}),
            'query': lambda k: h.post('/api/tasks?key=' + k, body),
            'member': lambda k: h.post('/api/tasks', {**body, 'key': k})}
    for name, first in ways.items():
        key = name + '-' + 'k' * (63 - len(name))  # as long as it may be
        a = first(key)
        need(a.code == 201 and not a.json['duplicate'], name, a)
        for other in ways.values():
            b = other(key)
            need(b.code == 200 and b.json['duplicate'] and
                 b.json['id'] == a.json['id'], name, a, b)
        need('key' not in h.task(a.json['id'])['record'], name)
    # Said twice it is one, if it is the same.
    twice = {**body, 'key': 'both'}
    need(h.post('/api/tasks?key=both', twice).code == 201)
    before = h.get('/api/status').json['events']
    for a in (h.post('/api/tasks?key=other', twice),
              h.post('/api/tasks', twice, headers={'Idempotency-Key': 'other'}),
              h.post('/api/tasks?key=', body),
              h.post('/api/tasks', {**body, 'key': ''}),
              h.post('/api/tasks', {**body, 'key': 7}),
              h.post('/api/tasks', {**body, 'key': 'x' * 65})):
        need(a.code == 400 and 'key' in a.json['message'], a)
    since = h.get('/api/events?after=%d' % before).json['events']
    need('task_put' not in [e['kind'] for e in since], since)


@test
def an_unknown_queue_writes_nothing():
    h = house()
    before = h.get('/api/status').json['events']
    a = put(h, queue='nobody')
    need(a.code == 4, a)
    a = put(h, '--after', 'not-a-task')
    need(a.code == 1, a)
    bad = {'queue': 'helper', 'subject': 'x',
           'payload': {'runbook': [FINISH], 'handrail': {'evry': {}}}}
    a = h.post('/api/tasks', bad)
    need(a.code == 400 and 'evry' in a.json['message'], a)
    since = h.get('/api/events?after=%d' % before).json['events']
    need('task_put' not in [e['kind'] for e in since], since)


@test
def a_task_waits_for_another_and_for_its_time():
    h = house()
    # Its time does not come while we look at it.
    far = put(h, '--in', '1h').out.strip()
    behind = put(h, '--after', far).out.strip()
    t = h.task(far)
    need(t['state'] == 'pending' and t['not_before'] > t['created_at'], t)
    need(h.task(behind)['unmet'] == 1, h.task(behind))
    need(h.get('/api/status').json['delayed'] >= 1)
    for task in behind, far:
        need(h.cli('task', 'cancel', task).code == 0)
    first = put(h, '--in', '3s').out.strip()
    second = put(h, '--after', first).out.strip()
    need(h.outcome(first)['state'] == 'completed')
    need(h.outcome(second)['state'] == 'completed')
    [due] = [e['body']['task']['payload']['handrail']['not_before']
             for e in h.events(first) if e['kind'] == 'task_put']
    claimed, after = ([e for e in h.events(x) if e['kind'] == 'task_claimed'][0]
                      for x in (first, second))
    need(claimed['at'] >= due > t['created_at'], claimed, due)
    ended = [e for e in h.events(first) if e['kind'] == 'task_transition'][-1]
    need(ended['seq'] < after['seq'], ended, after)
    for wrong in (['--in', 'soon'], ['--at', 'noon'], ['--tz', 'UTC'],
                  ['--in', '1s', '--at', '2030-01-01T00:00:00Z']):
        need(put(h, *wrong).code == 2, wrong)


@test
def a_series_comes_again_when_it_ends():
    h = house()
    a = put(h, '--every', '1s')
    need(a.code == 0, a)
    first = a.out.strip()
    need(h.outcome(first)['state'] == 'completed')

    def next_one():
        return [t for t in h.get('/api/tasks?queue=helper').json['tasks']
                if t['subject'] == 'x' and t['created_at'] >
                h.task(first)['created_at'] and t['state'] == 'completed' and
                'every' in json.dumps(h.task(t['id'])['record'])]
    until(next_one, 15, 'it does not come again')

    def living():
        return [t for t in h.get('/api/tasks?queue=helper').json['tasks']
                if t['state'] not in FINAL and
                'every' in json.dumps(h.task(t['id'])['record'])]

    def cancelled():
        """One that did not run to its end just then, and so came again."""
        return [t for t in living()
                if h.cli('task', 'cancel', t['id']).code == 0]
    need(len(until(cancelled, text='none waits')) == 1, 'it came twice')
    need(not living(), 'a cancelled series came again')


@test
def a_cron_line_waits_in_its_zone_also_after_a_restart():
    with House(ROLES, config=MODEL) as h:
        h.start()
        if not os.path.exists('/usr/share/zoneinfo/Asia/Tokyo'):
            raise Skipped('no tzdata here')
        a = put(h, '--every', '30 9 * * *', '--tz', 'Asia/Tokyo')
        need(a.code == 0, a)
        t = h.task(a.out.strip())
        need(t['not_before'].endswith('T00:30:00.000Z'), t)
        need(put(h, '--every', '30 9 * *', '--tz', 'Asia/Tokyo').code == 1)
        for zone in ('No/Where', '../../etc/passwd', '/etc/passwd', 'a//b'):
            need(put(h, '--every', '0 0 * * *', '--tz', zone).code != 0, zone)
        h.stop()
        h.start()
        need(h.task(t['id'])['not_before'] == t['not_before'])


# --- what ended long ago --------------------------------------------------------

SHORT = MODEL + '\n[book]\nkeep_ended = "1s"\n'


def forgotten(h, *tasks):
    """They left the memory: the book says before when."""
    last = max(h.task(t)['updated_at'] for t in tasks)
    until(lambda: [e for e in h.events() if e['kind'] == 'queue_forgot' and
                   e['body']['before'] > last], 20, 'it is not forgotten')


@test
def a_task_that_was_forgotten_can_be_shown_retried_and_depended_upon():
    with House(ROLES, config=SHORT) as h:
        h.start()
        good = put(h, '--key', 'mine').out.strip()
        bad = put(h, steps=FAIL).out.strip()
        dead = put(h, kind='again', steps=FAIL).out.strip()
        for task in (good, bad, dead):
            h.outcome(task)
        until(lambda: h.task(dead)['dead'], 20)
        forgotten(h, good, bad, dead)
        for again in (False, True):
            if again:
                h.stop()
                h.start()
            t = h.task(good)
            need(t['state'] == 'completed' and t['runs'] and
                 t['record']['subject'] == 'x', again, t)
            t = h.task(bad)
            need(t['state'] == 'failed' and t['error'] and
                 (t['epoch'], t['attempts'], len(t['runs'])) == (1, 1, 1) and
                 t['runs'][0]['calls'][0]['result']['exit'] == 3, again, t)
            t = h.task(dead)
            need(t['dead'] and t['attempts'] == len(t['runs']) == 3, again, t)
            need(h.outcomes(good) == ['complete'], h.events(good))
        need(h.cli('task', 'retry', good).code == 5)
        # It goes on where it was: the next epoch, the next attempt.
        need(h.cli('task', 'retry', bad).code == 0)
        until(lambda: len(h.task(bad)['runs']) == 2, 15, 'no second run')
        t = h.outcome(bad)
        need(t['epoch'] == 2 and h.outcomes(bad) == ['fail', 'fail'], t)
        need(h.cli('task', 'redrive', dead).code == 0)
        until(lambda: len(h.task(dead)['runs']) == 6, 20, 'no redrive')
        # What depends on it is claimed; on nothing, it is refused.
        after = put(h, '--after', good).out.strip()
        need(h.outcome(after)['state'] == 'completed')
        need(put(h, '--after', '0b54c5f0-5c0f-4d3c-9d9a-70a9b2a3c4d5').code)
        # Its key has gone with it, its id has not.
        forgotten(h, good, after)
        said = json.loads(put(h, '--key', 'mine', '--json').out)
        need(not said['duplicate'] and said['id'] != good, said)
        body = {'queue': 'helper', 'subject': 'x', 'id': good,
                'payload': {'runbook': [FINISH]}}
        events = len(h.events(good))
        a = h.post('/api/tasks', body)
        need(a.code == 409 and good in a.json['message'], a)
        need(len(h.events(good)) == events)
        h.stop()
        h.start()
        for task in (good, bad, dead, after):
            need(h.task(task)['state'] in ('completed', 'failed'), task)
        h.verified()


# --- failures -------------------------------------------------------------------

@test
def a_failure_that_may_pass_is_tried_again_and_then_is_dead():
    h = house()
    task = put(h, kind='again', steps=FAIL).out.strip()
    t = until(lambda: [x for x in [h.task(task)] if x['dead']], 20,
              'it is not dead')[0]
    need(t['state'] == 'failed' and t['attempts'] == 3, t)
    need(set(t['error']) == {'error_type', 'class', 'resolvable',
                             'suggested_skill', 'message'}, t['error'])
    need(t['error']['suggested_skill'] == 'try-harder', t)
    need(len(t['runs']) == 3, t['runs'])
    need(h.get('/api/status').json['incarnation'] == 1, 'core ended', h.log())
    sent = of_task(h, task)
    need(sorted(m['type'] for m in sent) == ['escalate', 'result'],
         'one letter about each end', sent)
    need(task in h.ok('task', 'list', '--dead').out)
    watched = h.cli('task', 'watch', task)
    need(watched.code == 1 and watched.out.count('tried again at') == 2, watched)
    need(task not in h.ok('task', 'list', 'completed').out)
    need(h.cli('task', 'redrive', task).code == 0)
    t = until(lambda: [x for x in [h.task(task)] if len(x['runs']) == 6 and
                       x['dead']], 20, 'it was not tried again')[0]
    need(t['attempts'] == 3, t)
    need(h.cli('task', 'redrive', 'nothing').code == 4)


@test
def a_retry_goes_on_and_a_wrong_one_changes_nothing():
    h = house()
    task = put(h, steps=FAIL).out.strip()
    need(h.outcome(task)['state'] == 'failed')
    need(h.cli('task', 'retry', task).code == 0)
    until(lambda: len(h.task(task)['runs']) == 2, 15, 'no second run')
    h.outcome(task)
    done = put(h).out.strip()
    h.outcome(done)
    a = h.cli('task', 'retry', done)
    need(a.code == 5 and 'is for a task that failed or is blocked' in a.err, a)


@test
def what_must_be_repaired_leaves_a_task_and_a_letter_in_one_batch():
    h = house()
    task = put(h, queue='mended', steps=FAIL).out.strip()
    h.outcome(task)
    made = until(lambda: [t for t in
                          h.get('/api/tasks?queue=mender').json['tasks']
                          if h.task(t['id'])['record']['payload'].get(
                              'task_id') == task], 10, 'nobody repairs')
    need(len(made) == 1, made)
    record = h.task(made[0]['id'])['record']
    need(record['ke_fit_score'] == 4 and record['evaluator']['pass_if'], record)
    grant = record['payload']['handrail']['grant']
    need(grant['parent'] == task and 'mended' in grant['through'][0], grant)
    escalated = of_task(h, task, 'escalate')
    need(len(escalated) == 1, escalated)
    seqs = {e['kind']: e['seq'] for e in h.events() if task in json.dumps(e)
            and e['kind'] in ('task_transition', 'task_put', 'mail_put')}
    need(max(seqs.values()) - min(seqs.values()) <= 4, seqs)
    h.cli('task', 'cancel', made[0]['id'])


@test
def a_letter_that_wants_a_decision_is_acked_with_one_of_its_options():
    h = house()
    a = h.cli('mail', 'send', '--to', 'operator', '--subject', 'Which?',
              '--decision', 'red,green', '--ack-required')
    need(a.code == 0, a)
    letter = a.out.strip()
    need(letters(h)[0]['id'] == letter, 'ack_required is not first')
    need(h.cli('mail', 'ack', letter).code != 0, 'acked without a decision')
    a = h.cli('mail', 'ack', letter, '--decide', 'blue')
    need(a.code == 1 and 'decision_options' in a.err, a)
    need(h.cli('mail', 'ack', letter, '--decide', 'green').code == 0)
    need(letter not in [m['id'] for m in letters(h)])
    need(h.get('/api/mail/' + letter).json['decision'] == 'green')
    need(h.read('mail', 'ack', letter, '--decide', 'green')['duplicate'])


def wants(h, subject, *more):
    """A letter that wants a decision, and the wait that asks for it."""
    letter = h.ok('mail', 'send', '--to', 'operator', '--subject', subject,
                  '--decision', 'red,green', *more).out.strip()
    waits = [w for w in h.waits() if w['run'] == 'letter:' + letter]
    need(len(waits) == 1, h.waits())
    return letter, waits[0]


@test
def a_list_of_tasks_says_that_there_are_more():
    with House(ROLES, config=MODEL) as h:
        h.start()
        for i in range(500):
            a = h.post('/api/tasks', {
                'queue': 'helper', 'subject': 'later', 'payload': {
                    'runbook': [FINISH],
                    'handrail': {'not_before': '2999-01-01T00:00:00Z'}}})
            need(a.code == 201, a)
        whole = h.read('task', 'list')
        need(len(whole['tasks']) == 500 and whole['more'] is False,
             len(whole['tasks']))
        need(h.ok('task', 'list').err == '')
        put(h, '--in', '1h')
        cut = h.read('task', 'list')
        need(len(cut['tasks']) == 500 and cut['more'] is True, cut['more'])
        a = h.ok('task', 'list', 'pending')
        need('there are more' in a.err and 'task export' in a.err, a.err)
        need(h.ok('task', 'list', 'failed').err == '')


@test
def a_letter_of_any_id_stands_in_the_one_inbox():
    """A run's name is printable: the id of a letter need not be."""
    with House(ROLES, config=MODEL) as h:
        h.start()
        odd = 'K\u00e4se 1', 'x' + 'y' * 63, '%20 #', '\u2603' * 21 + 'x'
        for id in odd:
            a = h.post('/api/mail', {
                'id': id, 'to': 'operator', 'subject': id, 'payload': {},
                'requires_decision': True,
                'decision_options': ['red', 'green']})
            need(a.code in (200, 201), id, a)
        waits = h.waits()
        need(len({w['run'] for w in waits}) == len(odd), waits)
        need(h.stop() == 0)
        h.start()
        need([w['id'] for w in h.waits()] == [w['id'] for w in waits],
             h.waits())
        for w in waits:
            h.ok('answer', w['id'], 'green')
        need(h.waits() == [], h.waits())
        done = h.get('/api/mail?mailbox=operator').json
        need(not [m for m in done['letters'] if not m['done']], done)
        h.verified()


@test
def a_letter_that_wants_a_decision_stands_in_the_one_inbox():
    h = house()
    letter, w = wants(h, 'Which colour\u00e4?', '--payload',
                      json.dumps({'about': 'a door\x1b[31m'}))
    need(w['kind'] == 'decision' and w['options'] == ['red', 'green'] and
         'Which colour\\xc3' in w['hint'], w)
    text = h.ok('inbox').out
    need('handrail answer %s' % w['id'] in text and '- green' in text, text)
    text = h.ok('inbox', w['id']).out
    need('a door\\u001b[31m' in text and '\x1b[31m' not in text, text)
    need(w['id'] in [x['id'] for x in h.read('inbox')['waits']])
    for words in (['approve', w['id']], ['deny', w['id'], '--reason', 'no'],
                  ['answer', w['id'], 'blue'], ['answer', w['id'], '--decline']):
        a = h.cli(*words)
        need(a.code == 1 and 'letter' in a.err or 'none of' in a.err, words, a)
    h.ok('answer', w['id'], 'green')
    read = h.get('/api/mail/' + letter).json
    need(read['done'] and read['decision'] == 'green', read)
    need(letter not in [m['id'] for m in letters(h)])
    a = h.cli('answer', w['id'], 'red')  # the first stands
    need(a.code == 5 and 'tester on cli' in a.err, a)
    need(h.read('mail', 'ack', letter, '--decide', 'red')['duplicate'])
    need(h.get('/api/mail/' + letter).json['decision'] == 'green')
    heads = {e['kind']: e for e in h.events() if letter in json.dumps(e) or
             w['id'] in json.dumps(e)}
    need(heads['wait_decided']['body']['mac'] and
         heads['mail_acked']['seq'] == heads['wait_decided']['seq'] + 1, heads)


@test
def an_ack_with_a_decision_is_the_same_word():
    h = house()
    letter, w = wants(h, 'And now?')
    h.ok('mail', 'ack', letter, '--decide', 'red', '--note', 'it is warm')
    seen = h.get('/api/waits/' + w['id']).json
    need((seen['state'], seen['value'], seen['by'], seen['reason']) ==
         ('approved', 'red', 'tester', 'it is warm'), seen)
    need(w['id'] not in [x['id'] for x in h.waits()])


@test
def a_note_that_is_too_long_is_told_so_and_decides_nothing():
    h = house()
    letter, w = wants(h, 'How long?')
    a = h.cli('mail', 'ack', letter, '--decide', 'red', '--note', 'n' * 1025)
    need(a.code == 1 and 'at most 1024 bytes, this one has 1025' in a.err, a)
    need(w['id'] in [x['id'] for x in h.waits()], h.waits())
    h.ok('mail', 'ack', letter, '--decide', 'red', '--note', 'n' * 1024)


@test
def a_letter_that_has_expired_asks_nobody():
    h = house()
    before = h.waits()
    letter = h.ok('mail', 'send', '--to', 'operator', '--subject', 'Too late',
                  '--decision', 'red,green', '--expires',
                  '2020-01-01T00:00:00Z').out.strip()
    need(not h.get('/api/mail/' + letter).json['done'])
    need(h.waits() == before, h.waits())


@test
def a_letter_is_decided_on_the_page_and_survives_a_restart():
    h = house()
    letter, w = wants(h, 'On the page?')
    other, v = wants(h, 'And after it?')
    h.stop()
    h.start()
    need({w['id'], v['id']} <= {x['id'] for x in h.waits()}, h.waits())
    page = Page(h).login(h.token())
    seen = [x for x in page.inbox()['waits'] if x['id'] == w['id']][0]
    need(seen['kind'] == 'decision' and seen['may'] and seen['whole'] and
         'On the page?' in seen['args'], seen)
    need(page.say(seen, 'decide', body={'value': 'blue'}).code == 400)
    need(page.say(seen, 'decide', body={'value': 'green'}).code == 200)
    need(h.get('/api/mail/' + letter).json['decision'] == 'green')
    h.stop()
    h.start()
    need([x['id'] for x in h.waits() if x['kind'] == 'decision'] == [v['id']])
    h.ok('answer', v['id'], 'red')


@test
def a_letter_that_says_retry_redrives_its_task():
    h = house()
    task = put(h, steps=FAIL).out.strip()
    h.outcome(task)
    letter = of_task(h, task, 'escalate')[0]
    a = h.post('/api/mail/%s/ack' % letter['id'], {
        'mailbox': 'operator', 'decision': 'retry'})
    if letter['requires_decision']:
        need(a.code == 200, a)
        until(lambda: len(h.task(task)['runs']) == 2, 15, 'no second run')
    else:
        need(a.code in (200, 400), a)


# --- letters --------------------------------------------------------------------

@test
def letters_are_seen_until_acked_and_a_broadcast_by_each_reader():
    h = house()
    one = h.ok('mail', 'send', '--to', 'helper-coworker', '--subject', 'plain',
               '--priority', '5').out.strip()
    two = h.ok('mail', 'send', '--to', 'helper-coworker', '--subject', 'must',
               '--ack-required', '--priority', '1').out.strip()
    every = h.ok('mail', 'send', '--to', 'broadcast', '--subject',
                 'all').out.strip()

    def seen(box):
        return [m['id'] for m in letters(h, box)]
    need(seen('helper-coworker')[0] == two, letters(h, 'helper-coworker'))
    need({one, two, every} <= set(seen('helper-coworker')))
    need({one, two, every} <= set(seen('helper-coworker')), 'it was consumed')
    need(h.cli('mail', 'ack', two, '--mailbox', 'helper-coworker').code == 0)
    need(h.cli('mail', 'ack', every, '--mailbox', 'helper-coworker').code == 0)
    need(set(seen('helper-coworker')) & {one, two, every} == {one})
    need(every in seen('mender-coworker'), 'acked for another reader')
    need(h.cli('mail', 'recv', 'nobody').code == 4)
    need(h.cli('mail', 'send', '--to', 'nobody', '--subject', 'x').code != 0)
    need(h.cli('mail', 'send', '--subject', 'x').code == 2)


@test
def a_reply_joins_its_thread_and_an_expired_letter_is_not_shown():
    h = house()
    first = h.ok('mail', 'send', '--to', 'helper-coworker', '--subject', 'a',
                 '--thread', 'topic-1').out.strip()
    reply = h.ok('mail', 'send', '--to', 'operator', '--subject', 'b',
                 '--reply-to', first).out.strip()
    thread = h.read('mail', 'thread', 'topic-1')['letters']
    need([m['id'] for m in thread] == [first, reply], thread)
    old = h.ok('mail', 'send', '--to', 'operator', '--subject', 'old',
               '--expires', '2020-01-01T00:00:00Z').out.strip()
    need(old not in [m['id'] for m in letters(h)])
    need(h.cli('mail', 'thread', 'none').code == 4)


# --- limits and parents ---------------------------------------------------------

@test
def a_full_queue_refuses_and_runs_no_more_than_it_may():
    h = house()
    slow = [shell(UNTIL_GO), FINISH]
    tasks = [put(h, queue='narrow', steps=slow).out.strip()]
    until(lambda: h.task(tasks[0])['state'] == 'in_progress', 10)
    tasks += [put(h, queue='narrow', steps=slow).out.strip() for _ in range(2)]
    a = put(h, queue='narrow')
    need(a.code == 1 and 'narrow' in a.err, a)
    count = [q for q in h.get('/api/status').json['queues']
             if q['queue'] == 'narrow'][0]
    need(count['running'] == 1 and count['waiting'] == 2, count)
    until(lambda: h.go() or all(h.task(t)['state'] in FINAL for t in tasks),
          text='they do not end')
    for task in tasks:
        need(h.outcome(task)['state'] == 'completed')
    spans = []
    for task in tasks:
        e = h.events(task)
        spans.append((
            [x['seq'] for x in e if x['kind'] == 'task_claimed'][0],
            [x['seq'] for x in e if x['kind'] == 'task_transition'][-1]))
    spans.sort()
    need(all(a[1] < b[0] for a, b in zip(spans, spans[1:])), spans)


@test
def a_cancelled_parent_takes_what_it_made_and_waits():
    h = house()
    inner = {'queue': 'helper', 'subject': 'inner',
             'payload': {'runbook': [FINISH]}}
    never = put(h, '--in', '1h').out.strip()
    task = put(h, steps=[
        {'id': 'hired', 'tool': 'hire', 'args': {
            **inner, 'depends_on': [never]}},
        shell('sleep 30'), FINISH]).out.strip()
    made = until(lambda: [c['result']['task'] for r in h.task(task)['runs']
                          for c in r['calls'] if c.get('result') and
                          c['tool'] == 'hire'], 15)[0]
    need(h.task(made)['state'] == 'pending', h.task(made))
    need(h.cli('task', 'cancel', task).code == 0)
    need(h.task(made)['state'] == 'failed' and
         h.task(made)['error']['error_type'] == 'cancelled', h.task(made))
    h.cli('task', 'cancel', never)
    h.verified()


if __name__ == '__main__':
    code = main()
    if HOUSE:
        HOUSE.__exit__()
    sys.exit(code)
