#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A gate on requests: what a sandbox sends is answered at once with the id of
what waits, and passes once when a person has allowed exactly that."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(1, os.path.join(HERE, '..', 'attack'))
from forge import forge  # noqa: E402
from git_server import GitServer, HOST  # noqa: E402
from house import *  # noqa: E402,F403
from origin import Origin, certificates, server_context  # noqa: E402
from web_page import Page  # noqa: E402

PINNED = """
[egress.{name}]
match    = {{ host = "{name}.test"{more} }}
upstream = "127.0.0.1:{port}"
ca       = "{ca}"
"""
GATE = """
[gate.{name}]
match   = {{ {match} }}
require = "{require}"
surface = "cli | web"
"""
SENDER = SERVER + """
[tool.send]
description = "Send a payment"
action      = "read"
[tool.send.input]
type = "object"
required = ["to", "amount"]
properties.to = { type = "string", pattern = "^[a-z]+$" }
properties.amount = { type = "integer" }
[tool.send.run.http]
method = "POST"
url    = "https://pay.test/echo/{{to}}"
body   = { amount = "{{amount}}" }

[tool.pay]
description = "Pay, in a sandbox of its own"
action      = "purchase"
[tool.pay.input]
type = "object"
[tool.pay.run]
exec = ["/bin/sh", "-c", '''for n in $(seq 50); do
    curl -sS -d a=1 https://pay.test/only/one | tee /tmp/said
    grep -q approval_required /tmp/said || break
    sleep 1
done''']
"""
# Asks until it is let through or refused for good, and says what it heard.  The
# last certificate of the bundle is the house's own: to read all public roots is
# most of what a curl costs.
ASKS = r'''
tac "$CURL_CA_BUNDLE" | sed '/BEGIN CERTIFICATE/q' | tac >/tmp/own.pem
export CURL_CA_BUNDLE=/tmp/own.pem
ask() { code=$(curl -sS -o /work/said -w '%{http_code}' "$@"); }
await() {
    for n in $(seq 1500); do
        ask "$@"
        grep -q approval_required /work/said || break
        sleep 0.1
    done
    echo "$code"
    cat /work/said
}
'''
WORLD = None


class World:
    """A house whose role may send to two hosts, one of them gated."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='gate-')
        os.chmod(self.folder, 0o755)
        certificates(self.folder, ('pay.test', 'free.test'))
        self.origin = Origin(server_context(self.folder))
        self.house = House({'helper': HELPER}, config='[operator.second]\nuid = 4242\n')
        shutil.copy(os.path.join(self.folder, 'ca.pem'), self.path('ca.pem'))
        self.house.role_file('helper', 'mcp/server.toml', SENDER)
        self.house.role_file('helper', 'role.toml', ROLE.replace(
            '["shell"]', '["shell", "send", "pay"]').replace('turns = 20', 'turns = 60'))
        self.house.role_file('helper', 'gates.toml', self.gates())
        self.house.start()

    def path(self, name):
        return os.path.join(self.house.folder, name)

    def rule(self, name, more=''):
        return PINNED.format(name=name, more=more, port=self.origin.port,
                             ca=self.path('ca.pem'))

    def gates(self, match='host = "pay.test", method = "POST"', require='operator', more=''):
        return GATES + self.rule('pay') + 'own_credentials = true\n' + self.rule('free') + \
            GATE.format(name='pay', match=match, require=require) + more

    def reload(self, text):
        seen = len(self.house.log())
        self.house.role_file('helper', 'gates.toml', text)
        end_process(self.house.pids()['core'], signal.SIGHUP)
        until(lambda: 'reload' in self.house.log()[seen:], 20, 'no reload')

    def end(self):
        self.house.stop()
        self.house.__exit__()
        shutil.rmtree(self.folder, ignore_errors=True)


def world():
    global WORLD
    if WORLD is None:
        WORLD = World()
    return WORLD


def begin(*commands):
    """A task that asks; its shell is one call, so nothing parks."""
    h = world().house
    return h.dispatch([shell(ASKS + '\n'.join(commands), on_error='stop'),
                       {'id': 'end', 'tool': 'finish', 'args': {}}])


def said(task):
    """What its shell printed, once the task has ended."""
    h = world().house
    done = h.outcome(task, 90)
    need(done['state'] == 'completed', done, h.log()[-900:])
    settled = [e['body'] for e in h.events(task) if e['kind'] == 'call_settled']
    return settled[0]['result']['stdout']


def asked(task, but=()):
    """The question of this task that is not one of these."""
    h = world().house

    def one():
        runs = [r['run'] for r in h.task(task)['runs']]
        return [w for w in h.waits() if w['run'] in runs and w['id'] not in but]
    try:
        return until(one, 60)[0]
    except Failed:
        raise Failed('nobody is asked', h.task(task), h.events(task)[-4:], h.log()[-600:])


def kinds(task):
    return [e['kind'] for e in world().house.events(task)]


def arrived(what):
    return world().origin.got.count(what)


@test
def an_approved_request_passes_once_and_leaves_nothing_unsaid():
    w, h = world(), world().house
    task = begin('await -d amount=5 https://pay.test/echo/one?ref=q1',
                 'ask -d amount=5 https://pay.test/echo/one?ref=q1; cat /work/said')
    wait = asked(task)
    need(wait['tool'] == 'http:POST' and wait['gate'] == 'gate.pay' and
         wait['hint'] == 'POST pay.test/echo/one' and wait['kind'] == 'approval', wait)
    need('POST pay.test/echo/one' in h.ok('inbox').out)
    need(not arrived(b'/echo/one'), 'a byte of it left', w.origin.got[-300:])
    need('run_parked' not in kinds(task), 'it need not park')
    h.ok('approve', wait['id'])
    out = said(task)
    need(out.startswith('200\n'), out)
    puts = [e['body']['id'] for e in h.events(task) if e['kind'] == 'wait_put']
    need(len(puts) == 2 and puts[0] == wait['id'], puts)
    again = json.loads(out[out.rindex('{'):])
    need(again['error'] == 'approval_required' and again['id'] == puts[1] and
         again['rule'] == 'gate.pay' and puts[1] in again['next'], again)
    need(arrived(b'POST /echo/one?ref=q1 ') == 1 and arrived(b'amount=5') == 1,
         w.origin.got[-600:])
    seen = kinds(task)
    need(seen.count('request_intent') == 1 and seen.count('wait_put') == 2 and
         seen.count('request_asked') >= 2, seen)
    events = h.events(task)
    intent = [e for e in events if e['kind'] == 'request_intent'][0]
    used = [e for e in events if e['kind'] == 'wait_ended'][0]
    need(intent['body']['wait'] == wait['id'] and used['seq'] == intent['seq'] - 1,
         'one batch', intent, used)
    # Where the question is, and nowhere else: not in a put, an intent, an end.
    need([e['body'].pop('arguments')['query'] for e in events
          if e['kind'] == 'request_asked'][0] == 'ref=q1', events)
    need('q1' not in json.dumps([e for e in events if e['kind'].startswith(
        ('request', 'wait'))]), 'a query in the book')
    need(not [x for x in h.waits() if x['id'] == puts[1]], 'its run is over')


@test
def who_decides_sees_query_headers_and_body_and_no_credential():
    w, h = world(), world().house
    sent = ("-H 'X-Approve: all' -H 'Content-Type: text/x-order' "
            "-H 'Authorization: Bearer of-my-own' -H 'User-Agent: a/%s' "
            "-H 'X-Odd: a\tb' --data-binary \"$(printf 'to anna\\n\\033[31m5')\" "
            "'https://pay.test/echo/shown?to=anna&api_key=mine-too&n=1'")
    task = begin('await ' + sent % 1, 'ask ' + sent % 2, 'cat /work/said')
    wait = asked(task)
    args = h.get('/api/waits/' + wait['id']).json['arguments']
    need(args['query'] == 'to=anna&api_key=...&n=1' and
         args['body'] == 'to anna\n\x1b[31m5' and args['bytes'] == 14, args)
    need([x for x in args['headers'] if not x.startswith('x-odd')] == [
        'content-type: text/x-order', 'x-approve: all'], args)
    need('credentials_mark' in args and args['own_credentials'], args)
    for text in (h.ok('inbox').out, h.ok('inbox', wait['id']).out):
        for word in ('to=anna&api_key=...&n=1', 'x-approve: all', 'to anna',
                     '\\x1b[31m5', 'a body of 14 bytes', 'not shown'):
            need(word in text, word, text)
        need('\x1b' not in text.replace('\x1b[1m', '').replace('\x1b[0m', ''), text)
    with open(os.path.join(h.state, 'operators/tester.token')) as f:
        seen = Page(h).login(f.read().strip()).waiting(task)
    need(seen['whole'] and 'x-approve: all' in seen['args'] and
         'to anna' in seen['args'], seen)
    for e in h.events(task):
        if e['kind'].startswith(('request', 'wait')):
            need('of-my-own' not in json.dumps(e) and 'mine-too' not in json.dumps(e), e)
    h.ok('approve', wait['id'])
    out = said(task)  # another User-Agent is the same question: used up, asked anew
    need(out.startswith('200\n') and 'approval_required' in out[4:], out)
    need(arrived(b'POST /echo/shown?to=anna&api_key=mine-too&n=1 ') == 1)


def not_that_one(send, one, other):
    """A yes to one is none to the other, though it waits to be used."""
    w, h = world(), world().house
    had = len(w.origin.got)
    task = begin('ask ' + send % one, 'await ' + send % other, 'ask ' + send % one,
                 'echo last $code')
    first = asked(task)
    second = asked(task, [first['id']])
    need(first['code'] != second['code'], first, second)
    args = h.get('/api/waits/' + first['id']).json['arguments']
    h.ok('approve', first['id'])
    h.ok('deny', second['id'], '--reason', 'not that one')
    out = said(task)
    need('not that one' in out and 'last 200' in out, out)
    got = w.origin.got[had:].lower()
    need(got.count(one.lower().encode()) == 1 and other.lower().encode() not in got, got)
    return args


@test
def what_nobody_sees_behind_a_cut_is_bound_too():
    long = 1900 * 'x'
    args = not_that_one("-d a=1 -H 'X-Long: %s' https://pay.test/echo/lines",
                        long + 'a', long + 'b')
    need(args['headers_cut'] is True and 'body_cut' not in args, args)
    args = not_that_one('--data-binary %s https://pay.test/echo/body',
                        long + 'c', long + 'd')
    need(args['body_cut'] is True and 'headers_cut' not in args, args)


@test
def another_header_or_credential_is_another_question():
    not_that_one("-d a=1 -H 'X-Approve: %s' https://pay.test/echo/head", 'just-one', 'all')
    not_that_one("-d a=1 -H 'Authorization: Bearer %s' https://pay.test/echo/own",
                 'the-first', 'the-other')
    # Longer than any value of the vault's; the same values by other names.
    not_that_one("-d a=1 -H 'Authorization: Bearer %s' https://pay.test/echo/long",
                 2100 * 'x' + 'a', 2100 * 'x' + 'b')
    not_that_one("-d a=1 -H 'Cookie: %s' https://pay.test/echo/jar",
                 'from=anna; to=bert', 'to=anna; from=bert')


@test
def what_has_no_body_is_bound_by_its_headers_too():
    w = world()
    w.reload(w.gates(match='host = "pay.test", method = "DELETE|POST"'))
    try:
        not_that_one("-X DELETE -H 'If-Match: %s' https://pay.test/echo/gone", 'v-1', 'v-2')
    finally:
        w.reload(w.gates())


@test
def a_denial_stays_for_the_run_and_tells_the_reason():
    w, h = world(), world().house
    task = begin('await -d a=1 https://pay.test/echo/no', 'echo',
                 'ask -d a=1 https://pay.test/echo/no; cat /work/said',
                 'ask https://free.test/echo/neighbour; echo "$code"')
    wait = asked(task)
    h.ok('deny', wait['id'], '--reason', 'not this month')
    out = said(task)
    first, second = [json.loads(x) for x in out.split('\n') if x.startswith('{')]
    need(out.startswith('403\n') and first['error'] == second['error'] == 'denied' and
         'not this month' in first['reason'] and first['rule'] == 'gate.pay', out)
    need(out.rstrip().endswith('\n200'), out)
    need(not arrived(b'/echo/no') and arrived(b'/echo/neighbour') == 1, w.origin.got[-300:])
    need(kinds(task).count('wait_put') == 1, kinds(task))


NEAR = [  # what is not what was allowed
    '-d amount=6 https://pay.test/echo/near?a=1',
    '-d amount=5 https://pay.test/echo/near?a=2',
    '-d amount=5 https://pay.test/echo/near',
    '-d amount=5 https://pay.test/echo/near/?a=1',
    '-d amount=5 https://pay.test/echo/nea%72s?a=1',
    '-d amount=5 -H "Authorization: Bearer mine" https://pay.test/echo/near?a=1',
]


@test
def what_differs_from_what_was_allowed_is_another_question():
    w, h = world(), world().house
    task = begin('await -d amount=5 https://pay.test/echo/first; echo',
                 *('ask %s; cat /work/said; echo' % n for n in NEAR),
                 'await -d amount=5 https://pay.test/echo/near?a=1; echo',
                 # Written otherwise, and the same.
                 "ask -d amount=5 'https://pay.test/./echo/%6eear?a=1'; cat /work/said; echo")
    first = asked(task)
    h.ok('approve', first['id'])
    # The last of them is what is waited for.
    run = h.task(task)['runs'][0]['run']

    def all_of_them():
        waits = [x for x in h.waits() if x['run'] == run and x['id'] != first['id']]
        return waits if len(waits) == len(NEAR) + 1 else None
    right = max(until(all_of_them, 60, 'not as many are asked'), key=lambda x: x['asked'])
    need(right['hint'].endswith('/echo/near'), right)
    h.ok('approve', right['id'])
    out = said(task)
    told = [json.loads(x) for x in out.split('\n') if x.startswith('{"error"')]
    ids = [x.get('id') for x in told]
    need([x['error'] for x in told] == ['approval_required'] * 7, out)
    need(right['id'] not in ids and len(set(ids[:6])) == 6, ids)
    need(arrived(b'POST /echo/near?a=1 ') == 1 and arrived(b'amount=6') == 0 and
         arrived(b'/echo/near?a=2') == 0, w.origin.got[-900:])


@test
def at_most_eight_wait_for_a_run_and_the_same_waits_once():
    h = world().house
    task = begin(*('ask -d n=%d https://pay.test/echo/flood; ask -d n=%d '
                   'https://pay.test/echo/flood' % (n, n) for n in range(8)),
                 'ask -d n=9 https://pay.test/echo/flood; echo "$code"; cat /work/said',
                 'sleep 60')
    until(lambda: 'request_denied' in kinds(task), 60, kinds(task))
    run = h.task(task)['runs'][0]['run']
    mine = [w for w in h.waits() if w['run'] == run]
    need(len(mine) == 8 and kinds(task).count('wait_put') == 8, len(mine), kinds(task))
    told = [e for e in h.events(task) if e['kind'] == 'request_denied'][0]['body']
    need('8 questions of this run' in told['reason'], told)
    h.ok('task', 'cancel', task)
    h.outcome(task)
    need(h.waits() == [], h.waits())


@test
def two_operators_must_both_allow_it_and_no_time_is_a_no():
    w, h = world(), world().house
    w.reload(w.gates(require='two_operators', more='expires = "3s"\n'))
    try:
        task = begin('await -d a=1 https://pay.test/echo/late')
        out = said(task)
        need(out.startswith('403\n') and 'in time' in out and '"denied"' in out, out)
        w.reload(w.gates(require='two_operators'))
        task = begin('await -d a=1 https://pay.test/echo/both')
        wait = asked(task)
        need(wait['people'] == 2, wait)
        h.ok('approve', wait['id'])
        until(lambda: kinds(task).count('request_asked') > 2, 60, kinds(task))
        need(not arrived(b'/echo/both'), 'one was enough')
        need(h.say(wait, 'approve').code == 409, 'twice the same')
        with open(os.path.join(h.state, 'operators/second.token')) as f:
            page = Page(h).login(f.read().strip())
        seen = page.waiting(task)
        need(seen['whole'] and '"path": "/echo/both"' in seen['args'] and
             'body_sha256' in seen['args'], seen)
        a = page.say(seen)
        need(a.code == 200 and a.json['state'] == 'approved', a)
        need(said(task).startswith('200\n'))
        need(arrived(b'/echo/late') == 0 and arrived(b'/echo/both') == 1)
    finally:
        w.reload(w.gates())


@test
def a_tool_of_the_house_is_held_like_a_sandbox():
    w, h = world(), world().house

    def send(id, amount=5):
        return {'id': id, 'tool': 'send', 'args': {'to': 'anna', 'amount': amount},
                'on_error': 'continue'}
    task = h.dispatch([send('a'), shell(
        'for n in $(seq 600); do [ -e /work/go ] && break; sleep 0.1; done', id='b'),
        send('o', 6), send('c'), send('d'), {'id': 'end', 'tool': 'finish', 'args': {}}])
    wait = asked(task)
    need(wait['hint'] == 'POST pay.test/echo/anna', wait)
    need(not arrived(b'/echo/anna'))
    h.ok('approve', wait['id'])
    h.go()
    h.outcome(task, 60)
    ends = [(e['body']['end'], json.dumps(e['body'])) for e in h.events(task)
            if e['kind'] == 'call_settled' and e['body']['tool'] == 'send']
    need([e[0] == 'ok' for e in ends] == [False, False, True, False], ends)
    need(wait['id'] in ends[0][1] and wait['id'] not in ends[1][1] and 'w-' in ends[1][1] and
         'w-' in ends[3][1], ends)
    need(arrived(b'POST /echo/anna ') == 1 and arrived(b'{"amount":5}') == 1,
         w.origin.got[-300:])


ONLY = """
[egress.only]
match    = {{ host = "pay.test", path = "/only/**" }}
upstream = "127.0.0.1:{port}"
ca       = "{ca}"
only_for = ["pay"]
"""
CALL = """
[gate.call]
match   = { tool = "pay" }
require = "operator"
"""


@test
def a_call_that_a_person_allowed_is_not_asked_about_again():
    w, h = world(), world().house
    only = ONLY.format(port=w.origin.port, ca=w.path('ca.pem'))
    held = 'host = "pay.test"'
    w.reload(w.gates(match=held, more=only + CALL))
    plan = [{'id': 'p', 'tool': 'pay', 'args': {}, 'on_error': 'continue'},
            {'id': 'end', 'tool': 'finish', 'args': {}}]
    try:
        task = h.dispatch(plan)
        wait = asked(task)
        need(wait['tool'] == 'pay', wait)
        h.ok('approve', wait['id'])
        h.outcome(task, 60)
        need(arrived(b'POST /only/one ') == 1 and kinds(task).count('wait_put') == 1 and
             'request_asked' not in kinds(task), kinds(task))
        body = [e['body'] for e in h.events(task) if e['kind'] == 'request_intent'][0]
        need(body['call_approved'] and body['policy'] == 'allow', body)
        # Nobody was asked about this call: then about what it sends.
        w.reload(w.gates(match=held, more=only))
        task = h.dispatch(plan)
        wait = asked(task)
        need(wait['tool'] == 'http:POST' and arrived(b'POST /only/one ') == 1, wait)
        h.ok('deny', wait['id'], '--reason', 'no')
        h.outcome(task, 60)
        need(h.read('audit', 'verify', '--decisions')['decisions']['differ'] == 0)
    finally:
        w.reload(w.gates())


@test
def a_word_about_a_request_wakes_no_run_that_waits_for_another():
    w, h = world(), world().house
    only = ONLY.format(port=w.origin.port, ca=w.path('ca.pem'))
    w.reload(w.gates(match='host = "pay.test"', more=only + CALL))
    try:
        task = h.dispatch([shell(ASKS + 'ask -d a=1 https://pay.test/echo/park'),
                           {'id': 'p', 'tool': 'pay', 'args': {}, 'on_error': 'continue'},
                           {'id': 'end', 'tool': 'finish', 'args': {}}])
        request = asked(task)
        need(request['tool'] == 'http:POST', request)
        call = asked(task, (request['id'],))
        until(lambda: 'run_parked' in kinds(task), 60)
        h.ok('stop', task)
        h.ok('resume', task)
        h.ok('approve', request['id'])
        need('run_resumed' not in kinds(task) and call['id'] in [x['id'] for x in h.waits()],
             kinds(task))
        h.ok('approve', call['id'])
        need(h.outcome(task, 60)['state'] == 'completed', h.task(task))
        need(kinds(task).count('run_parked') == 1, kinds(task))
    finally:
        w.reload(w.gates())


@test
def a_question_survives_the_house_and_ends_with_its_run():
    w, h = world(), world().house
    task = begin('ask -d a=1 https://pay.test/echo/fall; sleep 1',
                 'await -d a=1 https://pay.test/echo/fall')
    wait = asked(task)
    h.kill()
    h.start()
    need(wait['id'] in [x['id'] for x in h.waits()], h.waits())
    h.ok('approve', wait['id'])
    # Its shell had started, and nobody saw its end: a person says.
    unknown = until(lambda: [x for x in h.waits() if x['kind'] == 'unknown_outcome'], 60)[0]
    need(h.say(unknown, 'did_not').code == 200)
    h.outcome(task, 60)
    need(not arrived(b'/echo/fall'), 'nobody asked again, nothing left')
    need(h.waits() == [])


@test
def a_sandbox_of_an_operator_is_held_too_and_takes_its_questions_with_it():
    w, h = world(), world().house
    ask = subprocess.Popen(
        [h.handrail, 'sandbox', 'run', '--config', h.config, '--state', h.state,
         '--identity', HELPER_ID, '--', '/bin/sh', '-c',
         (ASKS + 'await -d a=1 https://pay.test/echo/box; ask -d a=2 '
          'https://pay.test/echo/box').replace('/work/said', '/tmp/said')],
        env=h.env, text=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
        preexec_fn=with_parent)
    COMPANIONS.append(ask)
    wait = h.waiting(60)
    need(wait['run'].startswith('sandbox-') and wait['identity'] == HELPER_ID, wait)
    h.ok('approve', wait['id'])
    out, _ = ask.communicate(timeout=90)
    COMPANIONS.remove(ask)
    need(out.startswith('200\n') and arrived(b'POST /echo/box ') == 1, out)
    until(lambda: h.waits() == [], 20, 'a question outlives its sandbox')


@test
def what_a_sandbox_of_an_operator_asked_does_not_outlive_the_house():
    h = world().house
    ask = subprocess.Popen(
        [h.handrail, 'sandbox', 'run', '--config', h.config, '--state', h.state,
         '--identity', HELPER_ID, '--', '/bin/sh', '-c',
         (ASKS + 'await -d a=1 https://pay.test/echo/gone').replace('/work/said', '/tmp/said')],
        env=h.env, text=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
        preexec_fn=with_parent)
    COMPANIONS.append(ask)
    wait = h.waiting(60)
    need(wait['run'].startswith('sandbox-'), wait)
    end_process(h.pids()['core'], signal.SIGKILL)  # before it can see the rest fall
    h.kill()
    ask.communicate(timeout=90)
    COMPANIONS.remove(ask)
    h.start()
    until(lambda: h.waits() == [], 60, 'a question outlives its sandbox')


@test
def who_is_always_told_no_asks_people_no_more():
    h = world().house
    task = begin('u=https://pay.test/echo/vain; all="1 2 3 4 5 6 7 8"',
                 'for r in $all 9; do',
                 'for m in $all; do ask -d a=$r.$m $u; done',
                 '[ "$code" = 429 ] && break',
                 'for m in $all; do await -d a=$r.$m $u >/dev/null; done; done',
                 'echo "$r $code"; cat /work/said')
    denied = set()

    def over():
        for w in h.waits():
            if w['id'] not in denied and h.say(w, 'deny', 'no').code == 200:
                denied.add(w['id'])
        return h.task(task)['state'] in FINAL
    until(over, 120, 'it never ends')
    out = said(task)
    need(out.startswith('9 429\n') and 'said yes to none of 64' in out, out)
    need(len(denied) == 64, len(denied))


@test
def two_that_meet_a_forged_yes_ask_one_question():
    w = World()
    try:
        meet_a_forged_yes(w.house)
    finally:
        w.end()


def meet_a_forged_yes(h):
    u = 'https://pay.test/echo/forged'
    twice = ('touch /work/ready; until [ -e /work/go ]; do sleep 0.05; done\n'
             'for n in 1 2; do { curl -sSv -d a=1 %s >/work/heard$n 2>/work/trace$n; } & done\n'
             'wait; cat /work/heard1 /work/heard2' % u)
    task = h.dispatch([{**shell(ASKS + 'ask -d a=1 %s; sleep 60' % u, on_error='continue'),
                        'id': 'one'},
                       {**shell(twice, on_error='continue'), 'id': 'two'},
                       {'id': 'end', 'tool': 'finish', 'args': {}}])
    wait = h.waiting(60)
    h.ok('approve', wait['id'])
    h.kill()
    need(forge(h, b'"by":"tester"', b'"by":"bester"') == 1, 'the yes is not there')
    h.start()
    unknown = until(lambda: [x for x in h.waits() if x['kind'] == 'unknown_outcome'], 60)[0]
    need(h.say(unknown, 'did_not').code == 200)
    until(lambda: 'ready' in h.in_work(task, 'ls'), 60, 'it does not go on')
    # Both ask before the vault has looked at what was said.
    vault = h.pids()['vault']
    end_process(vault, signal.SIGSTOP)
    h.go()
    until(lambda: h.in_work(task, 'cat trace1 trace2').count('\n> POST ') == 2, 60,
          'they send nothing')
    time.sleep(1)
    end_process(vault, signal.SIGCONT)
    need(h.outcome(task, 90)['state'] == 'completed', h.log()[-900:])
    rows = [e['kind'] for e in h.events(task)]
    need(rows.count('decision_refused') == 1 and rows.count('wait_put') == 3 and
         rows.count('request_asked') == 3, rows, h.log()[-900:])
    said = [e['body'] for e in h.events(task) if e['kind'] == 'call_settled'][1]
    need(said['result']['stdout'].count('approval_required') == 2, said)


@test
def a_large_body_is_refused_and_a_chunked_one_is_bound_whole():
    w, h = world(), world().house
    task = begin('head -c 300000 /dev/zero >/work/big',
                 'ask --data-binary @/work/big https://pay.test/echo/big; cat /work/said; echo',
                 'await -H "Transfer-Encoding: chunked" -d amount=7 https://pay.test/echo/chunk')
    wait = asked(task)
    h.ok('approve', wait['id'])
    out = said(task)
    need('a person who decides' in out and out.split('\n')[-2:] and '\n200\n' in out, out)
    need(arrived(b'POST /echo/chunk ') == 1 and arrived(b'amount=7') == 1 and
         not arrived(b'/echo/big'), w.origin.got[-300:])


@test
def explain_can_and_check_show_the_gate():
    w, h = world(), world().house
    a = h.ok('explain', HELPER_ID, 'https://pay.test/x', '--method', 'POST').out
    need('verdict   ask' in a and '[gate.pay]' in a and '[egress.pay]' in a, a)
    a = h.ok('explain', HELPER_ID, 'https://pay.test/x').out
    need('verdict   allow' in a and 'gate.pay' not in a, a)
    a = h.ok('can', HELPER_ID).out
    need('gate.pay' in a and 'POST' in a, a)
    asks = h.read('can', HELPER_ID)['asks']
    need([g['gate'] for g in asks] == ['pay'] and asks[0]['method'] == 'POST', asks)
    h.ok('role', 'check')
    h.role_file('helper', 'gates.toml', w.gates(
        'host = "pay.test", method = "POST", path = "/pay/**"'))
    try:
        a = h.cli('role', 'check')
        need(a.code == 1 and 'lets past [gate.pay]' in a.out + a.err, a)
    finally:
        h.role_file('helper', 'gates.toml', w.gates())


@test
def the_past_is_judged_again_with_its_questions():
    w, h = world(), world().house
    task = begin('await -d a=1 https://pay.test/echo/past')
    h.ok('approve', asked(task)['id'])
    need(said(task).startswith('200\n'))
    told = h.read('audit', 'verify', '--decisions')
    d = told['decisions']
    need(told['ok'] and d['differ'] == 0 and d['again'] > 4, told)
    new = w.path('new.toml')
    write(new, w.gates(match='host = "free.test"'))
    told = h.read('policy', 'replay', new)
    need({(x['was'], x['now']) for x in told['differences']} >= {('ask', 'allow')}, told)
    write(new, GATES)
    told = h.read('policy', 'replay', new)
    need({(x['was'], x['now']) for x in told['differences']} >= {('ask', 'deny')}, told)


@test
def a_push_is_held_by_its_refs_and_by_what_they_will_name():
    with GitServer() as g, House(g_role(g)) as h:
        h.start()
        h.ok('vault', 'put', 'demo-git', '--host', HOST, input=g.token)
        script = '''
            git clone -q %s /work/p && cd /work/p && git config user.email a@b.test &&
            git config user.name A && git checkout -q -b agent/x && echo 1 >f && git add f &&
            git commit -q -m one && git push -q origin agent/x && echo free
            git push -q origin HEAD:main 2>&1 | grep -c 'error: 403'
            for n in $(seq 900); do [ -e /work/go ] && break; sleep 0.1; done
            echo 2 >f && git commit -q -a -m two
            git push -q origin HEAD:main 2>&1 | grep -c 'error: 403'
            git push -q origin HEAD~1:main && echo pushed
            git push -q origin HEAD~1:main 2>&1 | head -1
        ''' % g.url
        task = h.dispatch([shell(script, on_error='stop'),
                           {'id': 'end', 'tool': 'finish', 'args': {}}])
        wait = h.waiting(60)
        need(wait['tool'] == 'git:push' and 'push refs/heads/main' in wait['hint'], wait)
        h.ok('approve', wait['id'])
        h.go()
        done = h.outcome(task, 90)
        out = [e['body'] for e in h.events(task) if e['kind'] == 'call_settled'][0]
        need(done['state'] == 'completed', done, out)
        need(out['result']['stdout'].split('\n')[:4] == ['free', '1', '1', 'pushed'], out)
        with open(g.pushes_file) as f:
            refs = [line.split()[2] for line in f]
        need(refs == ['refs/heads/agent/x', 'refs/heads/main'], refs)
        body = [e['body'] for e in h.events(task) if e['kind'] == 'request_asked'][0]
        need(body['arguments']['refs'][0]['ref'] == 'refs/heads/main' and
             len(body['arguments']['refs'][0]['to']) == 12, body)


def g_role(g):
    role = dict(HELPER)
    role['gates.toml'] = GATES + '''
[egress.git]
match    = { host = "%s", git = "fetch|push" }
upstream = "127.0.0.1:%d"
ca       = "%s"
inject   = { credential = "demo-git", header = "Authorization", format = "Bearer {{secret}}" }

[gate.main]
match   = { git = "push", ref = "refs/heads/main|refs/heads/release/*" }
require = "operator"
''' % (HOST, g.port, 'git-ca.pem')
    with open(g.path('ca.pem')) as f:
        role['git-ca.pem'] = f.read()
    return {'helper': role}


if __name__ == '__main__':
    try:
        sys.exit(main())
    finally:
        if WORLD is not None:
            WORLD.end()
