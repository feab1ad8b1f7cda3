#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A model decides: a whole house against a scripted chat-completions server."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403
from model_server import ModelServer  # noqa: E402

THINKER = {
    'role.toml': """\
[task.default]
tools  = ["shell", "publish"]
brain  = "model.default"
budget = { turns = 8, calls = 12, wall = "1m" }
output.required = ["count"]
output.properties.count = { type = "integer" }
output.additionalProperties = false
""",
    'gates.toml': """\
[defaults]
unmatched = "allow"

[gate.publish]
match   = { tool = "publish" }
require = "operator"
surface = "cli"
hint    = "publish {{what}}"
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
exec = ["/bin/sh", "-c", 'echo "$1"', "publish", "{{what}}"]
"""}

MODEL = """
[model.default]
url        = "{url}"
model      = "scripted"
max_tokens = 256
timeout    = "{timeout}"
{more}
"""
SECRET = 'sk-model-3fc1e8a0'


class Thinking(House):
    """A house whose role thinks with the scripted server at `url`."""

    def __init__(self, url, timeout='10s', more=''):
        super().__init__({'thinker': THINKER}, MODEL.format(
            url=url, timeout=timeout, more=more))

    def think(self, seconds=40):
        a = self.post('/api/tasks', {
            'queue': 'thinker', 'subject': 'count the words',
            'payload': {'prompt': 'be exact', 'file': 'notes'}})
        need(a.code == 201, 'dispatch', a)
        return self.outcome(a.json['id'], seconds)


def call(name, **arguments):
    return {'call': name, 'arguments': arguments}


def play(script, seconds=40, **house):
    """The ended task, and what the server was asked."""
    with ModelServer(script) as m, Thinking(m.url, **house) as h:
        h.start()
        task = h.think(seconds)
        need(h.outcomes(task['id']) in (['complete'], ['fail'], ['block']),
             'one outcome', h.outcomes(task['id']))
        h.verified()
        return task, m.requests


def failed(task, kind, *words):
    need(task['state'] == 'failed', 'state', task)
    text = json.dumps(task['error'])
    for word in (kind,) + words:
        need(word in text, word, text)


@test
def a_model_works_through_tools_to_its_result():
    task, asked = play([
        {**call('shell', command='echo one two >words; wc -w <words'),
         'expect': ['"model":"scripted"', 'Task: count the words', 'be exact',
                    '"max_tokens":256', '"stream":false', '"finish"']},
        {**call('finish', count=2), 'expect': ['c00000001', '2']}])
    need(task['state'] == 'completed', 'state', task)
    need(task['result'] == {'count': 2}, 'result', task['result'])
    need(len(asked) == 2, 'requests', len(asked))
    roles = [m['role'] for m in asked[1]['body']['messages']]
    need(roles == ['system', 'user', 'assistant', 'tool'], roles)
    need(not asked[0]['headers']['authorization'], 'no credential was given')


@test
def nonsense_in_calls_goes_back_and_the_run_goes_on():
    task, asked = play([
        {'calls': [{'name': 'run_in', 'arguments': {}},
                   {'name': 'shell', 'arguments': '{"command": "ls",}'},
                   {'name': 'shell', 'arguments': {'comand': 'ls'}}]},
        {'text': 'done!', 'expect': [
            'unknown_tool', 'not valid JSON: line 1, column 18', 'comand']},
        {**call('finish', count='two'), 'expect': ['called no tool']},
        {**call('finish', count=3), 'expect': ['not of its type']}])
    need(task['state'] == 'completed', 'state', task, asked)
    need(task['result'] == {'count': 3}, 'result', task['result'])
    need(not [c for r in task['runs'] for c in r['calls']
              if c['tool'] == 'shell' and c.get('end') == 'ok'],
         'a wrong call ran', task['runs'])


@test
def a_wrong_result_goes_back_twice_and_then_fails_with_its_sentence():
    task, asked = play([
        call('finish', count='one'),
        {**call('finish', count='two'), 'expect': ['not of its type']},
        {**call('finish', more=3), 'expect': ['not of its type']}])
    failed(task, 'schema_validation', 'count: is required')
    need(task['error']['resolvable'] and
         task['error']['class'] == 'resolvable', task['error'])
    need(len(asked) == 3, len(asked))


@test
def a_fork_asks_its_model_with_the_history_of_the_other():
    with ModelServer([
            call('shell', command='echo one two'),
            call('finish', count=2),
            {**call('finish', count=5), 'expect': ['one two']}]) as m, \
            Thinking(m.url) as h:
        h.start()
        task = h.think()
        need(task['result'] == {'count': 2}, task)
        session = task['runs'][0]['run']
        settled = [e['seq'] for e in h.events(task['id'])
                   if e['kind'] == 'call_settled'][0]
        a = h.post('/api/sessions/%s/fork' % session, {'at': settled})
        need(a.code == 201, a)
        forked = h.outcome(a.json['task'])
        need(forked['result'] == {'count': 5}, forked)
        first, last = m.requests[1]['body'], m.requests[2]['body']
        need(first['messages'] == last['messages'], first, last)
        need([c['starts'] for c in forked['runs'][0]['calls']] == [0, 1],
             forked)
        h.verified()


@test
def a_busy_a_broken_and_a_cut_answer_are_tried_again():
    task, asked = play([
        {'status': 429, 'body': {'error': {'message': 'slow down'}}},
        {'status': 500, 'body': 'oops'},
        call('shell', command='true'),
        {'text': 'this will be cut', 'truncate': 20},
        {'body': '<html>nonsense</html>'},
        call('finish', count=1)])
    need(task['state'] == 'completed', 'state', task)
    need(asked[0]['text'] == asked[1]['text'] == asked[2]['text'],
         'the same content again')
    need(asked[3]['text'] == asked[4]['text'] == asked[5]['text'],
         'the same content again')


@test
def an_unreachable_model_is_said_in_one_sentence():
    with Thinking('http://127.0.0.1:%d/v1' % free_port()) as h:
        h.start()
        task = h.think()
        failed(task, 'model_unreachable', 'could not be reached',
               'handrail.toml')
        need(h.outcomes(task['id']) == ['fail'], h.outcomes(task['id']))


@test
def a_model_that_answers_nonsense_is_said_in_one_sentence():
    task, asked = play([{'body': '<html>hello</html>'}] * 3)
    failed(task, 'model_error', 'no chat completion', 'check its url')
    need(len(asked) == 3, 'requests', len(asked))


@test
def a_model_that_takes_too_long_is_given_up():
    task, _ = play([{'text': 'late', 'delay': 5}] * 3, timeout='1s')
    failed(task, 'model_unreachable', 'handrail.toml')


@test
def a_spent_allowance_is_not_asked_for_again():
    task, asked = play([{'status': 429, 'body': {
        'success': False, 'result': None, 'messages': [],
        'errors': [{'code': 3036, 'message': 'daily allowance'}]}}])
    failed(task, 'model_error', 'daily allowance', 'later')
    need(len(asked) == 1, 'requests', len(asked))


@test
def the_same_call_in_a_circle_is_stopped():
    task, asked = play([call('shell', command='true')] * 6)
    failed(task, 'loop', '5 times')
    need(len(asked) == 5, 'requests', len(asked))


@test
def a_budget_of_turns_ends_a_model_that_never_finishes():
    task, asked = play([call('shell', command='echo %d' % n)
                        for n in range(20)])
    failed(task, 'budget', 'turns')
    need(len(asked) == 8, 'requests', len(asked))


@test
def a_gate_stops_a_models_call_and_the_run_goes_on_after_the_yes():
    script = [call('publish', what='it'),
              {**call('finish', count=1), 'expect': ['\\"stdout\\":\\"it\\"']}]
    with ModelServer(script) as m, Thinking(m.url) as h:
        h.start()
        a = h.post('/api/tasks', {'queue': 'thinker', 'subject': 's',
                                  'payload': {}})
        need(a.code == 201, 'dispatch', a)
        wait = h.waiting()
        need(len(m.requests) == 1, 'asked while it waits', len(m.requests))
        need(h.say(wait, 'approve').code == 200, 'approve')
        task = h.outcome(a.json['id'])
        need(task['state'] == 'completed', 'state', task)
        # The reply of before is replayed, not bought again.
        need(len(m.requests) == 2, 'requests', len(m.requests))


@test
def a_restart_goes_on_where_the_model_was():
    script = [call('shell', command='echo a >>/work/log'),
              {**call('shell', command='cat /work/log'), 'delay': 15},
              {**call('shell', command='cat /work/log')},
              call('finish', count=1)]
    with ModelServer(script) as m, Thinking(m.url) as h:
        h.start()
        a = h.post('/api/tasks', {'queue': 'thinker', 'subject': 's',
                                  'payload': {}})
        until(lambda: len(m.requests) == 2, 20, 'the second request')
        h.kill()
        h.start()
        task = h.outcome(a.json['id'])
        need(task['state'] == 'completed', 'state', task)
        need(m.requests[1]['text'] == m.requests[2]['text'],
             'the same request again')
        results = [x['content'] for x in m.requests[3]['body']['messages']
                   if x['role'] == 'tool']
        need('"stdout":"a"' in results[-1], 'the first call ran once', results)


def certificates(folder):
    """A CA, and a server's certificate for 127.0.0.1 and localhost."""
    def openssl(*args):
        subprocess.run(['openssl', *args], check=True, cwd=folder,
                       capture_output=True)
    write(os.path.join(folder, 'ext'),
          'subjectAltName=DNS:localhost,IP:127.0.0.1\n'
          'basicConstraints=critical,CA:FALSE\n')
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt',
            'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-keyout',
            'ca.key', '-out', 'ca.pem', '-subj', '/CN=test CA', '-addext',
            'basicConstraints=critical,CA:TRUE', '-addext',
            'keyUsage=critical,keyCertSign')
    openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
            '-nodes', '-keyout', 'server.key', '-out', 'server.csr', '-subj',
            '/CN=localhost')
    openssl('x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey',
            'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'ext',
            '-out', 'server.pem')


@test
def a_credential_reaches_the_model_and_nobody_else():
    with tempfile.TemporaryDirectory() as folder:
        certificates(folder)
        at = lambda name: os.path.join(folder, name)  # noqa: E731
        script = [call('shell', command='env'), call('finish', count=1)]
        with ModelServer(script, cert=at('server.pem'), key=at('server.key'),
                         token=SECRET) as m, Thinking(
                'https://localhost:%d/v1' % m.port, more=(
                    'credential = "model_key"\nca = "model-ca.pem"\n'
                    'upstream = "127.0.0.1:%d"' % m.port)) as h:
            with open(at('ca.pem')) as f:
                write(os.path.join(h.folder, 'model-ca.pem'), f.read())
            h.start()
            h.ok('vault', 'put', 'model_key', '--host',
                 'localhost:%d' % m.port, input=SECRET)
            task = h.think()
            need(task['state'] == 'completed', 'state', task, h.log()[-1500:])
            need(len(m.requests) == 2 and
                 all(r['headers']['authorized'] for r in m.requests),
                 'not authorized', m.requests)
            need(SECRET not in json.dumps(h.events(task['id'])) and
                 SECRET not in h.log(), 'the secret is in the book or the log')


@test
def a_wrong_credential_says_where_it_is():
    with ModelServer([call('finish', count=1)], token=SECRET) as m, \
            Thinking(m.url) as h:
        h.start()
        failed(h.think(), 'model_error', '401', 'no such key',
               'credential in the vault')


if __name__ == '__main__':
    sys.exit(main())
