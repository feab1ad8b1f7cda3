#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A call that started and whose end nobody saw, where its contract names a read
that tells whether it happened: that is asked before a person is."""
import http.server
import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403

INPUT = """\
[tool.%s.input]
type = "object"
required = ["name"]
properties.name = { type = "string", pattern = "^[a-z]+$" }
"""
EXEC = """
[tool.%s]
description = "x"
action      = "%s"
%s
run         = { exec = ["/bin/sh", "-c", '%s', "sh", "{{name}}"] }
"""
SAYS = """\
[tool.%s.output]
type = "object"
required = ["happened"]
properties.happened = { type = "boolean" }
"""
# Both write a line for each time that they are carried out whole; they hang on
# their first try, one before its effect and one after it.
LATE = 'test -e tried || { touch tried; sleep 600; }; echo $1 >>paid; cat paid'
EARLY = 'echo $1 >>paid; touch tried; sleep 600'
LOOK = 'test -e paid && grep -qx $1 paid && echo {\\"happened\\":true} || ' \
       'echo {\\"happened\\":false}'


def tool(name, script, confirm=None, action='purchase'):
    more = 'confirm     = "%s"' % confirm if confirm else ''
    return (EXEC % (name, action, more, script) +
            INPUT % name + (SAYS % name if action == 'read' else ''))


class Upstream:
    """Takes what is put, and tells what it has; its answers hang when told."""

    def __init__(self):
        outer = self
        self.had, self.hang, self.status = [], threading.Event(), None

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_PUT(self):
                outer.had.append(self.path)
                if len(outer.had) == 1:
                    outer.hang.wait(60)
                self.answer(200)

            def do_GET(self):
                self.answer(outer.status or
                            (200 if self.path in outer.had else 404))

            def answer(self, status):
                try:
                    self.send_response(status)
                    self.send_header('Content-Length', '0')
                    self.end_headers()
                except OSError:
                    pass

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0),
                                                      Handler)
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()

    def gates(self):
        return """
[egress.up]
match    = { host = "up.test", port = 80, method = "GET|PUT" }
upstream = "127.0.0.1:%d"
tls      = false
[egress.order]
match    = { host = "order.test", port = 80, method = "PUT" }
upstream = "127.0.0.1:%d"
tls      = false
only_for = ["order"]
[egress.ordered]
match    = { host = "order.test", port = 80, method = "GET" }
upstream = "127.0.0.1:%d"
tls      = false
""" % (3 * (self.server.server_address[1],))


HTTP = """
[tool.put]
description = "x"
action      = "purchase"
confirm     = "has"
run         = { http = { method = "PUT", url = "http://up.test/{{name}}" } }
""" + INPUT % 'put' + """
[tool.has]
description = "x"
action      = "read"
run         = { http = { method = "GET", url = "http://up.test/{{name}}" } }
""" + INPUT % 'has'
ORDER = HTTP.replace('.put', '.order').replace(
    '"has"', '"ordered"').replace('.has', '.ordered').replace(
    'up.test', 'order.test')
NAMES = ['late', 'early', 'blind', 'held', 'hidden', 'foreign', 'put', 'look',
         'look_blind', 'look_held', 'look_hidden', 'has', 'paid', 'order',
         'ordered']
PAYER = {
    'role.toml': ROLE.replace('["shell"]', json.dumps(NAMES)),
    'gates.toml': GATES + """
[gate.looking]
match   = { tool = "look_held" }
require = "operator"
surface = "cli"
[gate.paying]
match   = { tool = "paid|order" }
require = "operator"
surface = "cli"
""",
    'mcp/server.toml': tool('late', LATE, 'look') + tool('early', EARLY, 'look')
    + tool('blind', EARLY, 'look_blind') + tool('held', EARLY, 'look_held')
    + tool('hidden', EARLY, 'look_hidden') + tool('look', LOOK, None, 'read')
    + tool('foreign', LATE, 'look_foreign') + tool('paid', LATE, 'look')
    + tool('look_foreign', LOOK, None, 'read')
    + tool('look_blind', 'echo {\\"happened\\":false}; exit 1', None, 'read')
    + tool('look_held', LOOK, None, 'read')
    + tool('look_hidden', LOOK, None, 'read').replace(
        'action      = "read"',
        'action      = "read"\nidentities  = ["macos__*"]') + HTTP + ORDER}
HOUSE = UP = None


def house():
    global HOUSE, UP
    if HOUSE is None:
        UP = Upstream()
        HOUSE = House({'payer': {**PAYER, 'gates.toml':
                                 PAYER['gates.toml'] + UP.gates()}})
        HOUSE.start()
    return HOUSE


def put(h, name, word='anna'):
    return h.dispatch([{'id': 'x', 'tool': name, 'on_error': 'continue',
                        'args': {'name': word}},
                       {'id': 'end', 'tool': 'finish', 'args': {}}],
                      queue='payer')


def stands(h, task, name):
    """In the workspace."""
    return name in h.in_work(task, 'ls').split()


def torn(h, name, how=None):
    """A task whose call has come to where it hangs, and was cut off there."""
    task = put(h, name)
    until(lambda: h.task(task)['runs'] and stands(h, task, 'tried'), 60,
          'it does not begin')
    (how or cut)(h, task)
    return task


def cut(h, task):
    h.ok('stop', task)
    h.ok('resume', task)


def fall(h, task):
    h.process.kill()
    h.process.wait()
    COMPANIONS.remove(h.process)
    h.process = None
    h.gone()
    h.start()


def told(h, task):
    """What reads were asked and said of it, in the order of the book."""
    return [(e['kind'], e['body'].get('says')) for e in h.events(task)
            if e['kind'].startswith('call_confirm')]


def of_call(h, task):
    return [e['kind'] for e in h.events(task) if e.get('call') == 1]


ASKED = ('call_confirm_asked', None)


def said(word):
    return ('call_confirm_told', word)


def call_of(h, task):
    need(h.outcome(task, 60)['state'] == 'completed')
    return h.task(task)['runs'][0]['calls'][0]


@test
def what_did_not_happen_is_started_once_more_and_nobody_is_asked():
    h = house()
    task = torn(h, 'late', fall)
    call = call_of(h, task)
    need(call['result']['stdout'] == 'anna', call)
    need(told(h, task) == [ASKED, said('did_not_happen')], told(h, task))
    kinds = of_call(h, task)
    need(kinds.count('call_started') == 2 and kinds.count('call_settled') == 1
         and 'wait_put' not in kinds, kinds)
    # On record before it was asked, and what it said before the next start.
    at = [kinds.index(k) for k in ('call_confirm_asked', 'call_confirm_told')]
    need(at[0] < at[1] < len(kinds) - 1 - kinds[::-1].index('call_started'),
         kinds)


@test
def what_happened_is_not_done_again_and_the_agent_hears_so():
    h = house()
    task = torn(h, 'early')
    call = call_of(h, task)
    need('happened' in json.dumps(call['result']) and
         'look says that it happened' in json.dumps(call['result']), call)
    need(told(h, task) == [ASKED, said('happened')], told(h, task))
    kinds = of_call(h, task)
    need(kinds.count('call_started') == 1 and 'wait_put' not in kinds, kinds)


@test
def what_cannot_be_told_a_person_tells():
    h = house()
    # One read fails; one is held by a gate; one this identity does not see;
    # one its run was not given.
    for name, reads in (('blind', [ASKED, said('nothing')]), ('held', []),
                        ('hidden', []), ('foreign', [])):
        task = torn(h, name)
        w = h.waiting(60)
        need(w['kind'] == 'unknown_outcome', w)
        need(told(h, task) == reads, name, told(h, task))
        need(h.say(w, 'did_not').code == 200)
        call = call_of(h, task)
        need('did_not_happen' in json.dumps(call['result']), call)
        need(told(h, task) == reads, 'it was asked again', told(h, task))


@test
def what_a_person_allowed_once_starts_again_only_by_a_persons_word():
    h = house()
    task = put(h, 'paid')
    h.ok('approve', h.waiting(60)['id'])
    until(lambda: stands(h, task, 'tried'), 60, 'it never began')
    cut(h, task)
    w = h.waiting(60)
    need(w['kind'] == 'unknown_outcome' and w['tool'] == 'paid', w)
    need(told(h, task) == [ASKED, said('did_not_happen')], told(h, task))
    need(h.say(w, 'did_not').code == 200)
    call_of(h, task)
    kinds = of_call(h, task)
    need(kinds.count('call_started') == 1, kinds)
    need(not stands(h, task, 'paid'), 'it was done')


@test
def what_is_allowed_of_a_call_is_not_of_the_read_about_it():
    h = house()
    UP.had, UP.status = [], None
    UP.hang.clear()
    task = put(h, 'order', 'otto')
    h.ok('approve', h.waiting(60)['id'])
    until(lambda: UP.had, 60, 'nothing comes')
    cut(h, task)
    UP.hang.set()
    call_of(h, task)
    need(told(h, task) == [ASKED, said('happened')], told(h, task))
    sent = [(e['body']['method'], e['body'].get('call_approved', False))
            for e in h.events(task) if e['kind'] == 'request_intent']
    need(sent == [('PUT', True), ('GET', False)], sent)


@test
def a_server_tells_by_its_status():
    h = house()
    for status, word in ((None, 'happened'), (404, 'did_not_happen'),
                         (500, 'nothing')):
        UP.had, UP.status = [], status
        UP.hang.clear()
        task = put(h, 'put', 'bert')
        until(lambda: UP.had, 60, 'nothing comes')
        cut(h, task)
        UP.hang.set()
        if word == 'nothing':
            need(h.say(h.waiting(60), 'happened').code == 200)
        call_of(h, task)
        need(told(h, task) == [ASKED, said(word)], told(h, task))
        need(len(UP.had) == (2 if word == 'did_not_happen' else 1), UP.had)
        intents = [e for e in h.events(task) if e['kind'] == 'request_intent']
        need(len(intents) == 1 + len(UP.had), 'not all is on record', intents)
    h.verified()


if __name__ == '__main__':
    code = main()
    if HOUSE:
        HOUSE.__exit__()
    sys.exit(code)
