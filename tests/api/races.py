#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What happens at an unlucky moment: two things in one turn of core, a part
that stands still while another ends, bytes that are too many.  A part that is
stopped (SIGSTOP) makes the moment last."""
import contextlib
import http.server
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403
from model_server import ModelServer  # noqa: E402
from vault_help import box  # noqa: E402

LOUD = {
    'role.toml': """\
[task.default]
tools  = ["shell", "publish", "say"]
brain  = "runbook"
budget = { turns = 20, calls = 20, wall = "2m" }
""",
    'gates.toml': """\
[defaults]
unmatched = "allow"

[gate.publish]
match   = { tool = "publish" }
require = "operator"
surface = "cli"
expires = "1m"
hint    = "publish"
""",
    'mcp/server.toml': SERVER.replace('timeout     = "1m"',
                                      'timeout = "1m"\noutput_limit = "1M"') +
    """
[tool.publish]
description = "Publish"
action      = "publish"
[tool.publish.run]
exec = ["/bin/true"]

[tool.say]
description = "Say"
action      = "read"
[tool.say.run]
exec = ["/bin/echo", "said"]
"""}

THINKER = {
    'role.toml': """\
[task.default]
tools  = ["shell"]
brain  = "model.default"
budget = { turns = 20, calls = 20, wall = "2m" }
""",
    'gates.toml': GATES, 'mcp/server.toml': SERVER}

CALLER = {
    'role.toml': ROLE, 'mcp/server.toml': SERVER,
    'gates.toml': """\
[defaults]
unmatched = "allow"

[egress.there]
match    = {{ host = "there.test", method = "GET" }}
upstream = "127.0.0.1:{port}"
"""}


@contextlib.contextmanager
def stopped(*pids):
    """These parts stand still inside the block."""
    for pid in pids:
        end_process(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                end_process(pid, signal.SIGCONT)


def below(h, name):
    return [pid for pid, n in descendants(h.process.pid).items() if n == name]


def same_house(h, incarnation=1):
    need(h.get('/api/status').json['incarnation'] == incarnation,
         'core has fallen:', h.log()[-1500:])


def idle(h):
    until(lambda: h.get('/api/status').json['sandboxes'] == 0 and
          h.get('/api/status').json['runs'] == 0, 10,
          'a sandbox or run is left: ' + h.get('/api/status').out)


def finish(**args):
    return {'id': 'end', 'tool': 'finish', 'args': args}


# --- too much -------------------------------------------------------------------

@test
def a_result_that_grows_six_fold_in_the_book_harms_nobody():
    with House({'loud': LOUD}) as h:
        h.start()
        t = h.run([shell('head -c 1000000 /dev/zero | tee /dev/stderr'),
                   finish()], queue='loud')
        need(t['state'] == 'completed', t['state'], h.log()[-900:])
        same_house(h)


@test
def a_model_reply_that_grows_six_fold_in_the_book_harms_nobody():
    noise = {'status': 200, 'body': '\x01' * 6500000}
    little = {'status': 200, 'body': '\x01' * 900000}
    end = {'call': 'finish', 'arguments': {}}
    with ModelServer([noise, little, end]) as m, \
            House({'thinker': THINKER}, model(m)) as h:
        h.start()
        t = h.outcome(h.dispatch_to('thinker'), 40)
        need(t['state'] in ('completed', 'failed'), t)
        same_house(h)
        need(h.get('/api/status').json['stalled'] == '', 'stalled')


@test
def a_payload_at_the_bound_of_what_is_read_harms_nobody():
    with House({'loud': LOUD}) as h:
        h.start()
        for deep in range(40, 66):
            inner = '[' * deep + ']' * deep
            a = h.post('/api/tasks', '{"queue":"loud","subject":"s","payload":'
                       '{"x":%s,"runbook":[{"id":"a","tool":"say"}]}}' % inner)
            need(a.code in (201, 400, 413), deep, a)
        for many in (99900, 199950, 199980, 199990):
            a = h.post('/api/tasks', '{"queue":"loud","subject":"s","payload":'
                       '{"x":[%s],"runbook":[{"id":"a","tool":"say"}]}}'
                       % ','.join(['0'] * many))
            need(a.code in (201, 400, 413), many, a)
        same_house(h)


@test
def one_id_in_two_spellings_is_not_two_tasks():
    with House({'loud': LOUD}) as h:
        h.start()
        for wrong in (str(uuid.uuid4()).upper().replace('0', 'A'),
                      '00000000-0000-0000-0000-000000000000'):
            a = h.post('/api/tasks', {
                'id': wrong, 'queue': 'loud', 'subject': 's',
                'payload': {'runbook': [finish()]}})
            need(a.code == 400 and 'UUID' in a.out, a)


# --- the vault ------------------------------------------------------------------

@contextlib.contextmanager
def heard(h, *asks):
    """Requests that core has heard and not answered yet; their answers, once
    the caller has let go of what they wait for."""
    at = [Local(os.path.join(h.state, 'cli.sock'), PATIENCE) for _ in asks]
    answers = []
    for one, (target, body) in zip(at, asks):
        one.request('POST', target, json.dumps(body),
                    {'Authorization': 'Bearer ' + h.token()})
    # Both are read in their order, by the api and by core.
    for _ in range(2):
        need(h.get('/api/status').code == 200)
    yield answers
    for one in at:
        a = one.getresponse()
        answers.append(Answer(a.status, a.read().decode()))
        one.close()


@test
def two_rotations_at_once_are_one_and_an_archive_stays():
    with House() as h:
        h.start()
        at = '/api/vault/credentials'
        a = h.post(at, {'name': 'there', 'hosts': 'there.test:80',
                        'box': box(h, b'first')})
        need(a.code == 200, a)
        value = box(h, b'second')
        rotate = at + '/there/rotate', {'box': value}
        vault = h.pids()['vault']
        with stopped(vault), heard(h, *[rotate] * 4) as answers:
            end_process(vault, signal.SIGCONT)
        need(sorted(a.code for a in answers) == [200, 409, 409, 409],
             *[str(a) for a in answers])
        with stopped(vault), heard(h, rotate) as answers:
            need(h.post(at + '/there/archive', {}).code == 200, 'archive')
            end_process(vault, signal.SIGCONT)
        need(answers[0].code == 409, answers[0])
        k = h.get(at + '?archived=1').json['credentials'][0]
        need(k['archived'] and k['version'] == 3, k)


@test
def who_waits_for_a_vault_that_ends_is_told():
    with House() as h:
        h.start()
        value = box(h, b'first')
        vault = h.pids()['vault']
        put = '/api/vault/credentials', {'name': 'there', 'hosts': 'a.test',
                                         'box': value}
        with stopped(vault), heard(h, put) as answers:
            end_process(vault)
        need(answers[0].code == 503, answers[0])


# --- a claim that has ended -------------------------------------------------------

class Upstream:
    """Answers every request with 200, and counts."""

    def __init__(self, folder=None):
        self.folder = folder  # of its key and certificate; None: no TLS

    def role(self):
        gates = CALLER['gates.toml'].format(port=self.port)
        if self.folder:
            gates += """ca = "%s/cert.pem"
inject = { credential = "there", header = "X-Token", format = "{{secret}}" }
""" % self.folder
        else:
            gates = gates.replace('method', 'port = 80, method') + \
                'tls = false\n'
        return {'caller': {**CALLER, 'gates.toml': gates}}

    def secure(self):
        key, cert = (os.path.join(self.folder, n)
                     for n in ('key.pem', 'cert.pem'))
        subprocess.run(
            ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
             'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj',
             '/CN=there.test', '-addext', 'subjectAltName=DNS:there.test',
             '-keyout', key, '-out', cert], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.server.socket = context.wrap_socket(
            self.server.socket, server_side=True)

    def __enter__(self):
        came = self.came = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                came.append(self.path)
                self.send_response(200)
                self.send_header('Content-Length', '0')
                self.end_headers()

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0),
                                                      Handler)
        self.port = self.server.server_address[1]
        if self.folder:
            self.secure()
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def asks_twice(h, up):
    """A task that asks, waits for a word and asks again; the first has come."""
    os.chmod(h.folder, 0o755)
    for path, text in up.role()['caller'].items():
        h.role_file('caller', path, text)
    h.start()
    need(h.post('/api/vault/credentials', {
        'name': 'there', 'hosts': 'there.test',
        'box': box(h, b'value')}).code == 200, 'put')
    get = 'curl -sS https://there.test/%s'
    t = h.dispatch([shell(get % 'one'), shell(UNTIL_GO, 'wait'),
                    shell(get % 'two', 'more')], queue='caller')
    until(lambda: up.came, 60, 'the first did not come: ' + h.log())
    until(lambda: h.kinds(t).count('call_started') == 2, 60)
    return t


@test
def nothing_leaves_for_a_run_that_was_cancelled_meanwhile():
    with House() as h, Upstream(h.folder) as up:
        t = asks_twice(h, up)
        pids = h.pids()
        with stopped(pids['vault']):
            h.go()
            until(lambda: h.kinds(t).count('request_intent') == 2)
            with stopped(pids['sandbox']):
                need(h.post('/api/tasks/%s/cancel' % t, {}).code == 200,
                     'cancel')
                need('run_ended' in h.kinds(t), h.kinds(t))
                end_process(pids['vault'], signal.SIGCONT)
                time.sleep(0.7)
        need(up.came == ['/one'], up.came)
        idle(h)


@test
def a_request_whose_vault_has_gone_ends_once():
    with House() as h, Upstream(h.folder) as up:
        t = asks_twice(h, up)
        pids = h.pids()
        with stopped(pids['vault']):
            h.go()
            until(lambda: h.kinds(t).count('request_intent') == 2)
            time.sleep(0.3)  # its go is heard, or not: both end it
            end_process(pids['vault'], signal.SIGKILL)
            h.outcome(t)
        until(lambda: 'vault was ended by signal 9' in h.log())
        until(lambda: 'vault: there again' in h.log())
        need(up.came == ['/one'], up.came)
        ends = [e for e in h.events(t)
                if e['kind'] in ('request_outcome', 'request_denied')]
        need(len(ends) == 2, ends)
        need(ends[1]['kind'] == 'request_outcome' and
             ends[1]['body']['end'] == 'failed' and
             ends[1]['body']['status'] == 503, ends)


@test
def what_is_reloaded_is_in_force_for_a_run_that_waits():
    with House({'loud': LOUD}) as h:
        h.start()
        t = h.dispatch([{'id': 'p', 'tool': 'publish', 'args': {}},
                        {'id': 's', 'tool': 'say', 'args': {}}, finish()],
                       queue='loud')
        wait = h.waiting()
        h.role_file('loud', 'gates.toml', LOUD['gates.toml'] + """
[gate.say]
match   = { tool = "say" }
require = "operator"
surface = "cli"
expires = "1m"
hint    = "say"
""")
        h.reload()
        need(h.say(wait, 'approve').code == 200, 'approve')
        need(h.waiting()['tool'] == 'say', h.waits())


@test
def a_role_that_is_closed_at_reload_lets_nothing_out_of_its_sandbox():
    with Upstream() as up:
        with House(up.role()) as h:
            h.start()
            t = h.dispatch([shell(
                'curl -sS http://there.test/one; %s; '
                'curl -sS http://there.test/two' % UNTIL_GO)], queue='caller')
            until(lambda: up.came, 10, 'the first did not come: ' + h.log())
            h.role_file('caller', 'gates.toml', 'wrong = [')
            h.process.send_signal(signal.SIGHUP)
            until(lambda: 'is closed' in h.log())
            h.go()
            h.outcome(t)
            need(up.came == ['/one'], up.came)
            # The book has the reason, the sandbox no path of the host.
            heard = json.dumps([e for e in h.events(t)
                                if e['kind'] == 'call_settled'])
            need('the policy of the role caller does not load' in heard and
                 '`handrail role list`' in heard and h.folder not in heard, heard)
            said, = [e['body']['reason'] for e in h.events(t)
                     if e['kind'] == 'request_denied']
            need(os.path.join(h.folder, 'roles/caller/gates.toml') in said, said)


@test
def the_next_call_of_a_role_that_is_closed_hears_that_it_is():
    with House() as h:
        h.start()
        t = h.dispatch([shell(UNTIL_GO), shell('true', id='next', on_error='continue')])
        until(lambda: h.task(t)['state'] == 'in_progress')
        h.role_file('helper', 'gates.toml', 'wrong = [')
        h.process.send_signal(signal.SIGHUP)
        until(lambda: 'is closed' in h.log())
        h.go()
        h.outcome(t)
        said = json.dumps([e for e in h.events(t) if e['kind'] == 'call_settled'])
        need('the role helper is closed' in said and 'there is no tool' not in said and
             h.folder not in said, said)


# --- a model ----------------------------------------------------------------------

def model(m):
    return """
[model.default]
url     = "%s"
model   = "scripted"
timeout = "60s"
""" % m.url


def dispatch_to(self, queue):
    a = self.post('/api/tasks', {'queue': queue, 'subject': 'think',
                                 'payload': {}})
    need(a.code == 201, a)
    return a.json['id']


House.dispatch_to = dispatch_to


@test
def an_agent_that_ends_while_a_model_thinks_begins_again():
    end = {'call': 'finish', 'arguments': {}}
    with ModelServer([{**end, 'delay': 50}, end, end]) as m, \
            House({'thinker': THINKER}, model(m)) as h:
        h.start()
        t = h.dispatch_to('thinker')
        until(lambda: m.requests, 10, 'the model was not asked: ' + h.log())
        for pid in until(lambda: below(h, 'agent'), 5):
            end_process(pid)
        t = h.outcome(t)
        need(t['state'] == 'completed', t)
        need(t['epoch'] == 2, t['epoch'])


@test
def a_model_that_is_taken_out_fails_the_run_and_not_the_house():
    with ModelServer([{'call': 'shell', 'arguments': {'command': UNTIL_GO}},
                      {'call': 'finish', 'arguments': {}}]) as m, \
            House({'thinker': THINKER}) as h:
        with open(h.config) as f:
            without = f.read()
        write(h.config, without + model(m))
        h.start()
        t = h.dispatch_to('thinker')
        until(lambda: 'call_started' in h.kinds(t), text=h.log)
        write(h.config, without)
        h.reload()
        h.go()
        t = h.outcome(t)
        same_house(h)
        need(t['state'] == 'failed', t)


@test
def an_operators_token_goes_to_no_other_machine_and_no_url_by_itself():
    with House() as h:
        h.start()
        a = h.cli('task', 'list', env={'HANDRAIL_URL': 'http://192.0.2.1:1'})
        need(a.code == 2 and 'clear' in a.err, a)
        a = h.cli('task', 'list', env={
            'HANDRAIL_URL': 'http://127.0.0.1:%d' % h.port})
        need(a.code == 1, a)
        a = h.cli('task', 'list', env={
            'HANDRAIL_URL': 'http://127.0.0.1:%d' % h.port,
            'HANDRAIL_TOKEN': h.token()})
        need(a.code == 0, a)


def ends_by_itself(h):
    """A house that was told to stop, before 30 s are over and it is forced."""
    began = time.monotonic()
    need(h.wait() == 0, 'code')
    need(time.monotonic() - began < 25, 'it hangs')


# --- the end of things --------------------------------------------------------------

@test
def a_sandbox_whose_client_leaves_at_once_is_given_back():
    with House(cells=1) as h:
        h.start()
        body = json.dumps({'identity': HELPER_ID, 'argv': ['/bin/true']})
        for _ in range(3):
            with stopped(h.pids()['core']):
                s = socket.socket(socket.AF_UNIX)
                s.connect(os.path.join(h.state, 'cli.sock'))
                s.sendall(('POST /api/sandbox HTTP/1.1\r\nHost: localhost\r\n'
                           'Authorization: Bearer %s\r\nContent-Length: %d\r\n'
                           '\r\n%s' % (h.token(), len(body), body)).encode())
                time.sleep(0.2)
                s.close()
                time.sleep(0.2)
            idle(h)
        need(h.cli('sandbox', 'run', '--identity', HELPER_ID, '--',
                   '/bin/true').code == 0, 'the slot is lost')


@test
def a_stop_while_a_run_begins_again_does_not_hang():
    with House() as h:
        h.start()
        t = h.dispatch([shell('sleep 300')])
        until(lambda: 'call_started' in h.kinds(t))
        sandbox = h.pids()['sandbox']
        with stopped(sandbox):
            for pid in below(h, 'agent'):
                end_process(pid)
            time.sleep(0.3)
            h.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
        ends_by_itself(h)


@test
def a_workspace_over_its_bound_ends_its_sandbox_and_the_run():
    """Many files, none of them too long; the next task has its own."""
    with House(config='\n[limits]\nworkspace = "8M"\n') as h:
        h.start()
        t = h.run([shell('for i in $(seq 1 20); do head -c 1M /dev/zero >f$i; '
                         'done; sleep 120')], seconds=90)
        need(t['state'] == 'failed' and
             t['error']['error_type'] == 'workspace_full' and
             '[limits] workspace' in t['error']['message'], t)
        ended = [e for e in h.events(t['id']) if e['kind'] == 'cell_ended']
        need(len(ended) == 1 and '8388608 bytes' in json.dumps(ended), ended)
        until(lambda: not os.listdir(os.path.join(h.state, 'runs')), 60,
              'its files are still there')
        t = h.run([shell('for i in 1 2 3 4 5; do head -c 1M /dev/zero >f$i; '
                         'done; sleep 3; rm f*; head -c 5M /dev/zero >g; '
                         'sleep 2'), {'id': 'end', 'tool': 'finish', 'args': {}}],
                  seconds=90)
        need(t['state'] == 'completed', t)
        h.verified()


@test
def a_workspace_that_cannot_be_digested_fails_the_run_and_frees_it():
    with House({'loud': LOUD}) as h:
        h.start()
        t = h.run([shell('p=/work; cd $p; i=0; while mkdir d && cd d && '
                         'test $i -lt 140; do i=$((i+1)); done; true'),
                   {'id': 'p', 'tool': 'publish', 'args': {}}], queue='loud')
        # The watch of the running cell may be the one who meets it.
        need(t['state'] == 'failed' and t['error']['error_type'] in
             ('workspace', 'workspace_full') and
             ' is deeper than ' in t['error']['message'], t)
        idle(h)
        h.process.send_signal(signal.SIGTERM)
        ends_by_itself(h)


@test
def cancelled_while_it_parks_a_run_ends_once():
    with House({'loud': LOUD}) as h:
        h.start()
        t = h.dispatch([shell('true'),
                        {'id': 'p', 'tool': 'publish', 'args': {}}],
                       queue='loud')
        until(lambda: 'call_settled' in h.kinds(t), 10)
        with stopped(h.pids()['sandbox']):
            time.sleep(0.1)
            a = h.post('/api/tasks/%s/cancel' % t, {})
            need(a.code == 200, a)
        idle(h)
        need(h.outcomes(t) == ['fail'] and not h.waits(), h.outcomes(t))
        same_house(h)
        h.verified()


if __name__ == '__main__':
    sys.exit(main())
