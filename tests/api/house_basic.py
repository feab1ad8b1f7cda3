#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A house from its files to its end: commands, tasks, gates, who may ask what,
and what happens when a part of it is killed."""
import errno
import os
import re
import signal
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403

WORKER = {
    'role.toml': """\
[task.default]
tools  = ["shell", "echo", "publish", "forbidden", "quick",
          "drink"]
brain  = "runbook"
budget = { calls = 6, wall = "1m" }
output.required = ["count"]
output.properties.count = { type = "integer" }
output.properties.word  = { type = "string" }
output.additionalProperties = false

[task.hurry]
tools  = ["shell"]
brain  = "runbook"
budget = { wall = "1s" }
""",
    'gates.toml': """\
[defaults]
unmatched = "allow"

[gate.publish]
match   = { tool = "publish" }
require = "operator"
surface = "cli"
expires = "10m"
hint    = "publish {{what}}"
""",
    'mcp/server.toml': SERVER + """
[tool.echo]
description = "Say a number again"
action      = "read"
idempotent  = true
[tool.echo.input]
type = "object"
required = ["count"]
additionalProperties = false
properties.count = { type = "integer" }
[tool.echo.output]
type = "object"
required = ["count"]
properties.count = { type = "integer" }
[tool.echo.run]
exec = ["/bin/sh", "-c", 'printf "{\\"count\\":%d}" "$1"', "echo", "{{count}}"]

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

[tool.drink]
description = "The pipe that it reads from holds its input, and a page at least"
action      = "read"
input = { type = "object", required = ["text"], properties.text.type = "string" }
[tool.drink.run]
exec  = ["python3", "-c", '''import fcntl, mmap, sys
n, all = fcntl.fcntl(0, 1032), len(sys.stdin.read())
sys.exit(not all <= n < 2 * max(all, mmap.PAGESIZE))''']
stdin = "{{text}}"

[tool.forbidden]
description = "Seen by another surface only"
action      = "read"
identities  = ["macos__*"]
[tool.forbidden.run]
exec = ["/bin/true"]

[tool.quick]
description = "Has one second"
action      = "read"
timeout     = "1s"
[tool.quick.run]
exec = ["/bin/sleep", "20"]
"""}
ROLES = {'helper': HELPER, 'worker': WORKER}
WORKER_ID = 'linux__server__worker_coworker'

HOUSE = None


def house():
    global HOUSE
    if HOUSE is None:
        HOUSE = House(ROLES)
        HOUSE.start()
    return HOUSE


def finish(**args):
    return {'id': 'end', 'tool': 'finish', 'args': args}


def echo(count, id='said'):
    return {'id': id, 'tool': 'echo', 'args': {'count': count}}


def publish(what, id='published', on_error='stop'):
    return {'id': id, 'tool': 'publish', 'args': {'what': what},
            'on_error': on_error}


def calls(task):
    return [(c['tool'], c['state'], c.get('end')) for r in task['runs']
            for c in r['calls']]


# --- from nothing -------------------------------------------------------------

@test
def init_writes_files_that_up_accepts_as_they_are():
    with House() as h:
        folder = os.path.join(h.folder, 'mine')
        a = subprocess.run([h.handrail, 'init', folder], text=True,
                           capture_output=True, env=h.env)
        need(a.returncode == 0, a.stderr)
        h.config = os.path.join(folder, 'handrail.toml')
        with open(h.config) as f:
            text = f.read()
        need(text.count('#') > 5, 'it is not commented:', text)
        # Only the port: another house of this machine may have the usual one.
        need('127.0.0.1:7400' in text, text)
        write(h.config, re.sub(r'(?m)^.*listen.*$',
                               'listen = "127.0.0.1:%d"' % h.port, text,
                               count=1))
        need(h.cli('role', 'check').code == 0, 'role check')
        h.start()
        a = h.ok('status')
        need('incarnation 1' in a.out, a)
        again = subprocess.run([h.handrail, 'init', folder], text=True,
                               capture_output=True, env=h.env)
        need(again.returncode == 5 and 'handrail.toml' in again.stderr, again)


@test
def status_names_every_part_and_what_there_is():
    h = house()
    s = h.read('status')
    need(s['ok'] and set(s['parts']) >= set(PARTS) and
         all(s['parts'].values()), s)
    need(s['state'] == h.state and s['incarnation'] == 1, s)
    for word in ('parts', 'tasks', 'waiting', h.state + ', ' + s['store']):
        need(word in h.ok('status').out, word)


@test
def doctor_says_what_is_off_and_how_to_mend_it():
    h = house()
    d = h.cli('doctor', '--json')
    need(d.code == 0 and d.json['ok'], d)
    for f in d.json['findings']:
        need(f['ok'] or (f['without'] and f['mend']), f)
    need('Landlock' in h.cli('doctor').out)


@test
def a_sandbox_runs_a_command_and_gives_its_output_and_code():
    h = house()
    a = h.cli('sandbox', 'run', '--identity', HELPER_ID, '--', 'sh', '-c',
              'echo out; echo err >&2; id -u; ls /; exit 7')
    need(a.code == 7 and a.out.startswith('out\n1000\n') and a.err == 'err\n',
         a)
    need('home' not in a.out.split() and 'root' not in a.out.split(), a)
    a = h.cli('sandbox', 'run', '--identity', HELPER_ID, '--', '/no/program')
    need(a.code == 127, a)
    a = h.cli('sandbox', 'run', '--identity', 'linux__server__nobody_coworker',
              '--', 'true')
    need(a.code == 4 and 'nobody' in a.err, a)
    a = h.cli('sandbox', 'run', '--identity', HELPER_ID, '--', 'sh', '-c',
              'cat /proc/self/environ; cat /etc/shadow; ls %s' % h.state)
    need('ANTHROPIC' not in a.out and 'root:' not in a.out and a.code, a)


@test
def a_host_that_no_rule_allows_is_refused_with_a_typed_403():
    h = house()
    for url in ('http://www.example.com/', 'http://192.0.2.1:8080/',
                'http://[2001:db8::1]/'):
        a = h.cli('sandbox', 'run', '--identity', HELPER_ID, '--', 'curl',
                  '-s', '-w', '\n%{http_code}', url)
        body, _, status = a.out.rpartition('\n')
        need(status == '403', url, a)
        said = json.loads(body)
        need({'error', 'rule', 'reason', 'next'} <= set(said), said)
    kinds = [e['kind'] for e in h.events()]
    need(kinds.count('request_denied') >= 3, kinds)


# --- tasks -----------------------------------------------------------------------

@test
def a_task_goes_from_typed_payload_to_typed_result():
    h = house()
    t = h.run([echo(3), echo('${said.count}', 'again'),
               shell('printf "%s" ${again.count}', id='text'),
               finish(count='${again.count}', word='w${text.stdout}')],
              queue='worker')
    need(t['state'] == 'completed' and
         t['result'] == {'count': 3, 'word': 'w3'}, t)
    need(h.outcomes(t['id']) == ['complete'], h.outcomes(t['id']))
    kinds = h.kinds(t['id'])
    for first, then in (('task_put', 'task_claimed'),
                        ('task_claimed', 'call_decided'),
                        ('call_decided', 'call_started'),
                        ('call_started', 'call_settled'),
                        ('call_settled', 'task_transition')):
        need(kinds.index(first) < kinds.index(then), kinds)
    need(kinds.count('call_settled') == 4, kinds)


@test
def the_result_is_in_task_show_and_the_book_proves_it():
    h = house()
    t = h.run([finish(count=1)], queue='worker')
    shown = h.ok('task', 'show', t['id']).out
    need('completed' in shown and '"count":1' in shown, shown)
    for event in h.events(t['id']):
        need('proven' in h.ok('audit', 'prove', str(event['seq'])).out)
    h.verified()


@test
def the_input_of_a_command_takes_no_more_room_than_it_needs():
    """All pipes of a user are bounded together: fs.pipe-user-pages-soft."""
    drink = [{'id': 'n%d' % n, 'tool': 'drink', 'args': {'text': 'x' * n}}
             for n in (0, 5000, 100000)]
    task = house().run([*drink, finish(count=1)], queue='worker')
    need(task['state'] == 'completed', task.get('error'))


@test
def a_wrong_result_is_refused_as_schema_validation():
    h = house()
    for wrong in ({'count': 'three'}, {}, {'count': 1, 'more': 2}):
        t = h.run([shell('true'), finish(**wrong)], queue='worker')
        need(t['state'] == 'failed' and 'result' not in t and
             t['error']['error_type'] == 'schema_validation', t)


@test
def a_failing_step_stops_goes_on_or_is_tried_again():
    h = house()
    t = h.run([shell('exit 3'), finish(count=1)], queue='worker')
    need(t['state'] == 'failed', t)
    t = h.run([shell('exit 3', on_error='continue'), finish(count=1)],
              queue='worker')
    need(t['state'] == 'completed', t)
    t = h.run([shell('echo x >>/work/n; [ $(wc -l </work/n) -ge 3 ]',
                     on_error='retry'), finish(count=1)], queue='worker')
    need(t['state'] == 'completed' and
         [c for c in calls(t) if c[0] == 'shell'] == [
             ('shell', 'settled', 'failed'), ('shell', 'settled', 'failed'),
             ('shell', 'settled', 'ok')], t)


@test
def a_tool_of_another_surface_does_not_exist():
    h = house()
    t = h.run([{'id': 'a', 'tool': 'forbidden', 'args': {},
                'on_error': 'continue'}, finish(count=1)], queue='worker')
    c = t['runs'][0]['calls'][0]
    need(c['starts'] == 0 and c['result']['error'] == 'unknown_tool', c)


@test
def budgets_and_deadlines_end_what_does_not_end():
    h = house()
    t = h.run([shell('true', id='s%d' % n) for n in range(8)], queue='worker')
    need(t['state'] == 'failed' and t['error']['error_type'] == 'budget', t)
    t = h.run([{'id': 'a', 'tool': 'quick', 'args': {},
                'on_error': 'continue'}, finish(count=1)], queue='worker')
    need(t['runs'][0]['calls'][0]['result']['error'] == 'timeout', t)
    t = h.run([shell('sleep 300')], queue='worker', kind='hurry')
    need(t['state'] == 'failed' and t['error']['error_type'] == 'timeout', t)
    until(lambda: h.read('status')['sandboxes'] == 0, text='a sandbox is left')


@test
def a_task_can_be_cancelled_while_it_runs():
    h = house()
    id = h.dispatch([shell('sleep 300')], queue='worker')
    until(lambda: 'call_started' in h.kinds(id), 10, 'it does not start')
    h.ok('task', 'cancel', id)
    t = h.outcome(id)
    need(t['state'] == 'failed' and
         t['error']['error_type'] == 'cancelled', t)
    need(h.outcomes(id) == ['fail'], h.outcomes(id))
    who = {e['identity'] for e in h.events(id) if e['kind'] in (
        'task_transition', 'run_ended')}
    need(who == {'tester'}, h.events(id))
    a = h.cli('task', 'cancel', id)
    need(a.code == 5, a)


@test
def the_same_key_puts_one_task():
    h = house()
    body = {'queue': 'worker', 'subject': 's', 'payload': {
        'runbook': [finish(count=1)]}}
    one = h.post('/api/tasks?key=k1', body).json
    two = h.post('/api/tasks?key=k1', body).json
    need(one['id'] == two['id'] and two['duplicate'], one, two)


@test
def a_task_is_claimed_only_once_its_record_is_on_the_disk():
    with House(ROLES) as h:
        h.start()
        pids = h.whole()
        ids = []
        os.kill(pids['core'], signal.SIGSTOP)
        try:
            # In one turn of core: the task comes, then a part that was started
            # again, which is a reason to claim.
            ask = threading.Thread(target=lambda: ids.append(
                h.dispatch([finish(count=1)], queue='worker')))
            ask.start()
            time.sleep(0.3)
            end_process(pids['resolver'])
            until(lambda: h.pids().get('resolver', pids['resolver']) !=
                  pids['resolver'], 5, 'the resolver does not come back')
            time.sleep(0.2)
        finally:
            os.kill(pids['core'], signal.SIGCONT)
        ask.join()
        t = h.outcome(ids[0])
        need(t['state'] == 'completed', t)


# --- gates -------------------------------------------------------------------------

@test
def an_approval_lets_exactly_one_call_through():
    h = house()
    id = h.dispatch([publish('a'), publish('b', 'second', 'continue'),
                     finish(count=1)], queue='worker')
    w = h.waiting()
    need(w['tool'] == 'publish' and w['hint'] == 'publish a', w)
    need('call_started' not in h.kinds(id), 'started before the yes')
    until(lambda: h.read('status')['sandboxes'] == 0,
          text='a parked run has a sandbox')
    shown = h.ok('inbox').out
    need('publish a' in shown and id in shown and 'a test' in shown, shown)
    need(w['task'] == id and w['subject'] == 'a test' and
         w['role'] == 'worker', w)
    one = h.get('/api/waits/' + w['id']).json
    need(one['task'] == id and one['arguments'], one)
    h.ok('approve', w['id'])
    again = h.waiting()
    need(again['id'] != w['id'] and again['hint'] == 'publish b', again)
    a = h.cli('approve', w['id'])
    need(a.code == 5, 'a used approval was given again', a)
    h.ok('approve', again['id'])
    t = h.outcome(id)
    need(t['state'] == 'completed', t)
    results = [c['result']['stdout'] for c in t['runs'][0]['calls'][:2]]
    need(results == ['a', 'a\nb'], results)


@test
def a_denial_goes_to_the_agent_with_its_reason():
    h = house()
    id = h.dispatch([publish('a', on_error='continue'), finish(count=0)],
                    queue='worker')
    h.ok('deny', h.waiting()['id'], '--reason', 'not on a Friday')
    t = h.outcome(id)
    c = t['runs'][0]['calls'][0]
    need(c['starts'] == 0 and c['end'] == 'denied' and
         'not on a Friday' in json.dumps(c['result']), c)
    need(t['state'] == 'completed', t)


@test
def what_nobody_answers_expires_as_no():
    h = house()
    h.role_file('worker', 'gates.toml', WORKER['gates.toml'].replace(
        '"10m"', '"2s"'))
    h.reload()
    try:
        id = h.dispatch([publish('a', on_error='continue'), finish(count=0)],
                        queue='worker')
        t = h.outcome(id)
    finally:
        h.role_file('worker', 'gates.toml', WORKER['gates.toml'])
        h.reload()
    need(h.kinds(id).count('wait_put') == 1, h.kinds(id))
    c = t['runs'][0]['calls'][0]
    need(c['starts'] == 0, c)
    need(t['state'] == 'blocked' and
         t['error']['error_type'] == 'approval_expired', t)
    # What it asked for waits no more, but the letter about it does.
    left = h.waits()
    need([(w['kind'], w['options']) for w in left] == [
        ('decision', ['retry', 'drop'])], left)
    h.ok('answer', left[0]['id'], 'drop')
    need(not h.waits(), h.waits())


@test
def explain_and_can_say_what_the_gates_do():
    h = house()
    can = {t['tool']: t for t in h.read('can', WORKER_ID)['tools']}
    need('forbidden' not in can and can['publish']['verdict'] == 'ask' and
         can['echo']['verdict'] == 'allow', can)
    out = h.ok('explain', WORKER_ID, 'publish', '{"what":"x"}').out
    need('gate.publish' in out and 'publish x' in out, out)
    out = h.ok('explain', WORKER_ID, 'https://www.example.com/').out
    need('egress' in out, out)


@test
def explain_says_what_it_wants():
    h = house()
    a = h.cli('explain', WORKER_ID, 'publish')
    need(a.code == 2 and 'a tool and its arguments' in a.err, a)
    a = h.cli('explain', WORKER_ID, 'publish', 'x')
    need(a.code == 1 and 'one JSON object' in a.err, a)
    a = h.cli('explain', WORKER_ID, 'ftp://x.test/')
    need(a.code == 1 and '"ftp://x.test/": expected http://' in a.err and
         "'" not in a.err, a)
    # A slip in its name would be another question, answered all the same.
    a = h.cli('explain', WORKER_ID, 'https://x.test/', '--from-tool', 'pubish')
    need(a.code == 4 and 'sees no tool "pubish"' in a.err, a)
    h.ok('explain', WORKER_ID, 'https://x.test/', '--from-tool', 'publish')
    for method in ('GE T', '', 'GET\n', 'G' * 33, 'CONNECT', 'TRACE'):
        a = h.cli('explain', WORKER_ID, 'https://x.test/', '--method', method)
        need(a.code == 2 and not a.out, method, a)
    h.ok('explain', WORKER_ID, 'https://x.test/', '--method', 'G' * 31)
    a = h.cli('explain', WORKER_ID, 'https://x.test/a/git-receive-pack',
              '--method', 'POST')
    need(a.code == 1 and '/info/refs?service=' in a.err, a)


# --- who may ask --------------------------------------------------------------------

@test
def a_wrong_or_missing_token_is_refused():
    h = house()
    for token in (False, 'hrop_wrong', h.token()[:-1]):
        for tcp in (False, True):
            a = h.get('/api/tasks', token=token, tcp=tcp)
            need(a.code == 403, token, tcp, a)
    need(h.get('/healthz', token=False, tcp=True).code == 200)
    a = h.get('/api/tasks', token=False,
              headers={'Authorization': 'Basic eDp5'})
    need(a.code in (401, 403), a)


@test
def clients_that_come_while_the_api_is_busy_are_not_turned_away():
    with House() as h:
        h.start()
        path = os.path.join(h.state, 'cli.sock')
        api = h.pids()['api']
        for family, at in ((socket.AF_INET, ('127.0.0.1', h.port)),
                           (socket.AF_UNIX, path)):
            os.kill(api, signal.SIGSTOP)
            try:
                there = [socket.socket(family) for _ in range(128)]
                for s in there:
                    # Where no place is left, TCP tries again in vain, and a
                    # local one is refused at once.
                    s.settimeout(PATIENCE if family == socket.AF_INET else 0)
                    s.connect(at)
            finally:
                os.kill(api, signal.SIGCONT)
            for s in there:
                s.settimeout(PATIENCE)
                s.sendall(b'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n'
                          b'Connection: close\r\n\r\n' % h.port)
            for s in there:
                with s:
                    need(s.recv(16).startswith(b'HTTP/1.1 200'), family)


@test
def the_port_says_what_it_serves_and_how_to_be_heard():
    h = house()
    need('Authorization: Bearer' in h.get('/api/tasks', token=False,
                                          tcp=True).json['message'])
    need('uid' in h.get('/api/tasks', token='hrop_wrong').json['message'])
    lost = h.get('/api/nothing', token=False, tcp=True)
    need(lost.code == 404 and 'GET /api' in lost.json['message'], lost)
    routes = h.get('/api', token=False, tcp=True).json['routes']
    put = [r for r in routes if r['path'] == '/api/tasks' and
           r['method'] == 'POST'][0]
    need(put['who'] == 'operator' and 'idempotency' in put['what'], put)
    words = {r['who'] for r in routes}
    need(words == {'anybody', 'worker', 'operator', 'local operator', 'page'},
         words)
    for r in routes:
        if r['method'] == 'GET' and r['who'] == 'operator' and \
                '*' not in r['path']:
            need(h.get(r['path'], token=False).code == 403, r)


@test
def the_right_token_from_another_uid_is_refused_on_the_socket():
    if os.getuid():
        raise Skipped('only root can ask as somebody else')
    h = house()
    script = ('import os, socket, sys; os.setgid(65534); os.setuid(65534)\n'
              's = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n'
              's.sendall(("GET /api/tasks HTTP/1.1\\r\\nHost: localhost\\r\\n"\n'
              '"Authorization: Bearer " + sys.argv[2] + "\\r\\n\\r\\n")\n'
              '.encode())\n'
              'print(s.recv(100)[9:12].decode())\n')
    a = subprocess.run([sys.executable, '-c', script,
                        os.path.join(h.state, 'cli.sock'), h.token()],
                       text=True, capture_output=True)
    need(a.stdout.strip() == '403', a.stdout, a.stderr)
    folder = os.path.join(h.state, 'operators')
    need(os.stat(os.path.join(folder, 'tester.token')).st_mode & 0o77 == 0)


@test
def over_tcp_a_token_reads_and_dispatches_but_decides_nothing():
    h = house()
    need(h.get('/api/tasks', tcp=True).code == 200)
    t = h.run([finish(count=1)], queue='worker')
    for target, body in (('/api/waits/x', {'decision': 'approve'}),
                         ('/api/tasks/%s/cancel' % t['id'], {}),
                         ('/api/vault/credentials', {'name': 'x'}),
                         ('/api/sandbox', {'identity': HELPER_ID,
                                           'argv': ['true']})):
        a = h.post(target, body, tcp=True)
        need(a.code == 403 and 'local socket' in a.out, target, a)
    id = h.dispatch([publish('a'), finish(count=1)], queue='worker')
    w = h.waiting()
    need(h.post('/api/waits/' + w['id'], {'decision': 'approve'},
                tcp=True).code == 403)
    need('call_started' not in h.kinds(id), 'it was approved over TCP')
    need(h.say(w, 'approve').code == 200)
    h.outcome(id)
    env = {'HANDRAIL_URL': 'http://127.0.0.1:%d' % h.port,
           'HANDRAIL_TOKEN': h.token()}
    need(h.cli('task', 'list', env=env).code == 0)
    need(h.cli('status', env={**env, 'HANDRAIL_TOKEN': 'x'}).code == 1)


@test
def pages_of_other_origins_and_foreign_hosts_are_refused():
    h = house()
    for headers in ({'Host': 'evil.example'}, {'Host': 'localhost.evil.example'},
                    {'Origin': 'https://evil.example'}, {'Origin': 'null'},
                    {'Sec-Fetch-Site': 'cross-site'},
                    {'Sec-Fetch-Site': 'same-site'}):
        for target in ('/healthz', '/api/tasks'):
            a = h.get(target, tcp=True, headers=headers)
            need(a.code == 403, headers, a)
    need(h.get('/healthz', tcp=True, token=False,
               headers={'Host': 'localhost'}).code == 200)


@test
def nonsense_on_the_port_harms_nobody():
    h = house()
    pids = h.pids()
    for bytes_ in (b'\0' * 100, b'GET / HTTP/9.9\r\n\r\n',
                   b'GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
                   b'POST /api/tasks HTTP/1.1\r\nHost: localhost\r\n'
                   b'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
                   b'GET ' + b'/' * 100000 + b' HTTP/1.1\r\n\r\n'):
        # A head has 15 s: then who understands nothing ends it as well.
        with socket.create_connection(('127.0.0.1', h.port), 12) as s:
            try:
                s.sendall(bytes_)
                s.shutdown(socket.SHUT_WR)
                answer = s.recv(100)
                need(answer[:10] in (b'HTTP/1.1 4', b'HTTP/1.1 5', b''),
                     bytes_[:40], answer)
            except socket.timeout:
                raise
            except OSError:
                pass  # it has closed already
    a = h.ask('POST', '/api/tasks', '{"queue":')
    need(a.code == 400 and 'body' in a.json['message'], a)
    need(h.pids() == pids, 'a part ended')


# --- the three fates ------------------------------------------------------------------

@test
def a_stop_is_polite_and_leaves_nothing():
    with House(ROLES) as h:
        h.start()
        id = h.dispatch([shell('sleep 300')], queue='worker')
        until(lambda: 'call_started' in h.kinds(id), 10, 'it does not start')
        h.dispatch([publish('a'), finish(count=1)], queue='worker')
        h.waiting()
        need(h.stop() == 0, 'exit code')
        h.gone()


@test
def a_house_that_others_can_reach_says_what_they_read():
    with House(ROLES) as h:
        h.start()  # the twin
        need(' warn supervisor listen ' not in h.log(), h.log())
        need(h.stop() == 0)
        with open(h.config) as f:
            text = f.read()
        write(h.config, text.replace('listen = "127.0.0.1:',
                                     'listen = "0.0.0.0:'))
        h.start()
        need('reads tokens in clear' in h.log()[h.mark:], h.log()[h.mark:])


@test
def a_password_of_the_database_that_every_user_reads_is_told():
    secret = 'hunter2'
    with House(ROLES) as h:
        h.ok('vault', 'init')
        with open(h.config) as f:
            text = f.read()
        for user, open_ in ('u:' + secret, True), ('u', False):
            write(h.config, 'store = "postgres://%s@127.0.0.1:%d/d"\n' %
                  (user, free_port()) + text)
            a = h.ok('doctor')
            need(("no  the database's password" in a.out) == open_, a)
            need(a.out.endswith('see what says no above\n') or
                 '\nno ' not in a.out, a)
            h.spawn()
            need(h.wait(20) == 3, h.log())
            said = h.log()[h.mark:]
            need((' warn supervisor store every user' in said) == open_, said)
            need(secret not in a.out + a.err + said, 'the password is shown')
        write(h.config, 'store = "postgres://u:%s@127.0.0.1:1/d"\n' % secret +
              text, 0o600)
        need('password' not in h.ok('doctor').out)


@test
def a_waiting_run_goes_on_after_approval_in_the_next_house():
    with House(ROLES) as h:
        h.start()
        ids = [h.dispatch([shell('echo before >/work/f'), publish('a'),
                           shell('cat /work/f', id='f'),
                           finish(count=1, word='${f.stdout}')],
                          queue='worker') for _ in range(2)]
        until(lambda: len(h.waits()) == 2, 15, 'two must wait')
        waits = h.waits()
        need(h.stop() == 0)
        h.start()
        need(h.read('status')['incarnation'] == 2)
        need({w['id'] for w in h.waits()} == {w['id'] for w in waits})
        # Approved and not begun: one that had begun is asked about anew.
        end_process(h.pids()['sandbox'], signal.SIGSTOP)
        need(h.say(waits[0], 'approve').code == 200)
        h.process.kill()
        h.wait()
        h.gone()
        h.start()
        need(h.say(waits[1], 'approve').code == 200)
        for id in ids:
            t = h.outcome(id)
            need(t['state'] == 'completed' and t['result']['word'] == 'before',
                 t)
            need([c['starts'] for c in t['runs'][0]['calls']] == [1] * 4, t)
            need(h.outcomes(id) == ['complete'], id)
        h.verified()


@test
def api_vault_resolver_and_own_egress_start_again_alone():
    with House(ROLES) as h:
        h.start()
        for part in ('api', 'vault', 'resolver', 'egress'):
            before = h.whole()
            end_process(before[part])
            until(lambda: h.pids().get(part, before[part]) != before[part], 5,
                  part + ' does not come back')
            after = h.whole()
            need({p: after[p] for p in after if p != part} ==
                 {p: before[p] for p in before if p != part},
                 part + ' took others with it', before, after)
            t = h.run([shell('echo hi'), finish(count=1)], queue='worker')
            need(t['state'] == 'completed', part, t)
        need(h.read('status')['incarnation'] == 1)


@test
def a_run_outlives_the_api_and_the_resolver():
    with House(ROLES) as h:
        h.start()
        id = h.dispatch([shell('sleep 0.7; echo hi'), finish(count=1)],
                        queue='worker')
        until(lambda: 'call_started' in h.kinds(id), 10, 'it does not start')
        for part in ('api', 'resolver'):
            end_process(h.pids()[part])
        t = h.outcome(id)
        need(t['state'] == 'completed' and t['epoch'] == 1, t)


@test
def core_and_sandbox_are_one_floor():
    with House(ROLES) as h:
        h.start()
        for number, part in enumerate(('core', 'sandbox'), 2):
            before = h.whole()
            below = set(descendants(h.process.pid))
            end_process(before[part])
            until(lambda: h.pids().get(part, before[part]) != before[part], 5,
                  'it does not come back')
            after = h.whole()
            need(not set(before.values()) & set(after.values()),
                 'a part outlived its floor', before, after)
            need(not below & set(descendants(h.process.pid)),
                 'a process outlived its floor')
            need(h.read('status')['incarnation'] == number)
            t = h.run([shell('echo hi'), finish(count=1)], queue='worker')
            need(t['state'] == 'completed', t)
        h.verified()


ALL_IN_FLIGHT = """python3 -c '
import array, socket, time
x, y = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
n = 0
try:
    while True:
        x.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                            array.array("i", [0] * 200))], socket.MSG_DONTWAIT)
        n += 200
except OSError as e:
    open("/work/new", "w").write(f"{e.errno} {n}")
import os
os.rename("/work/new", "/work/held")
time.sleep(600)' >/dev/null 2>&1 &
until test -e /work/held; do sleep 0.05; done; cat /work/held"""


@test
def a_tool_that_holds_all_it_may_in_flight_keeps_its_agent_from_nothing():
    h = house()
    task = h.run([shell(ALL_IN_FLIGHT), echo(1), finish(count=1)],
                 queue='worker')
    need(task['state'] == 'completed', task)
    need('task_lease_lost' not in h.kinds(task['id']), h.kinds(task['id']))
    said = task['runs'][0]['calls'][0]['result']['stdout'].split()
    need(int(said[0]) == errno.ETOOMANYREFS and int(said[1]) > 1000, said)


@test
def agent_cell_and_egress_of_a_run_end_together_and_the_run_goes_on():
    with House(ROLES) as h:
        h.start()
        for victim in ('agent', 'cell', 'egress'):
            id = h.dispatch([{'id': 'a', 'tool': 'echo', 'args': {'count': 1}},
                             shell('[ -e /work/f ] || { >/work/f; sleep 300; }',
                                   'b', 'retry'),
                             finish(count=1)], queue='worker')
            until(lambda: h.kinds(id).count('call_started') == 2, 10,
                  'it does not start')
            parts = h.pids()
            # A start is written down before it happens: only what the command
            # runs shows that its file is there, and the second try needs it.
            until(lambda: 'sleep' in below_sandbox(parts).values(), 10,
                  'the command does not run')
            table = processes()
            of_run = below_sandbox(parts, table)
            # The zygote of the egresses is the sandbox's child for good.
            zygote = [pid for pid, n in of_run.items() if n == 'egress' and
                      table[pid][0] == parts['sandbox']]
            chosen = [pid for pid, n in of_run.items()
                      if kind_of(pid, n, table, parts['sandbox'], zygote)
                      == victim]
            need(len(chosen) == 1, victim, of_run, zygote)
            end_process(chosen[0])
            # A started call whose contract is not idempotent: a person says.
            try:
                w = h.waiting()
            except Failed:
                raise Failed('%s %s: %s\n%s\n%s' % (
                    victim, chosen, h.task(id), h.kinds(id), h.log()))
            need(w['kind'] == 'unknown_outcome', w)
            until(lambda: set(below_sandbox(parts)) == set(zygote), 5,
                  'the three do not end together')
            need(h.pids() == parts, 'somebody else noticed', victim)
            need(h.say(w, 'did_not').code == 200)
            t = h.outcome(id)
            need(t['state'] == 'completed' and
                 [c['end'] for c in t['runs'][0]['calls']] ==
                 ['ok', 'failed', 'ok', 'ok'], t)


def below_sandbox(parts, table=None):
    """Without the look through the system's folders: it is nobody's run, and
    the only one that gave up its turn (nice 19)."""
    found = {}
    for pid, name in descendants(parts['sandbox'], table).items():
        try:
            if os.getpriority(os.PRIO_PROCESS, pid) < 19:
                found[pid] = name
        except ProcessLookupError:
            pass
    return found


def kind_of(pid, name, table, sandbox, zygote):
    if name == 'agent':
        return 'agent'
    if name == 'egress':
        return None if pid in zygote and any(
            parent == pid for parent, _ in table.values()) else 'egress'
    return 'cell' if table[pid][0] == sandbox else None


@test
def without_the_supervisor_everything_ends():
    with House(ROLES) as h:
        h.start()
        id = h.dispatch([shell('sleep 300')], queue='worker')
        until(lambda: 'call_started' in h.kinds(id), 10, 'it does not start')
        need(len(descendants(h.process.pid)) > 8, 'nothing runs')
        h.process.kill()
        h.wait()
        h.gone()
        h.start()
        h.verified()


if __name__ == '__main__':
    code = main()
    if HOUSE:
        HOUSE.__exit__()
    sys.exit(code)
