# SPDX-License-Identifier: Apache-2.0
"""What a browser does for a page of a house, byte by byte, and a role whose
calls wait for a person."""
import http.client
import json
import socket
import threading
import urllib.parse

from house import *  # noqa: F403

GATES = """\
[defaults]
unmatched = "allow"

[gate.pay]
match   = { tool = "pay" }
require = "operator"
surface = "web | cli"
hint    = "pay {{amount}} to {{whom}}"

[gate.desk]
match   = { tool = "sign" }
require = "operator"
surface = "cli"
"""
TOOLS = SERVER + """
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

[tool.sign]
description = "Sign"
action      = "purchase"
[tool.sign.input]
type = "object"
[tool.sign.run]
exec = ["/bin/true"]
"""
PAYER = {'role.toml': ROLE.replace('["shell"]', '["shell", "pay", "sign"]'),
         'gates.toml': GATES, 'mcp/server.toml': TOOLS}

def pay(h, whom='anna', amount=5, tool='pay', **more):
    args = {} if tool == 'sign' else {'whom': whom, 'amount': amount, **more}
    return h.dispatch([{'id': 'x', 'tool': tool, 'on_error': 'continue',
                        'args': args},
                       {'id': 'end', 'tool': 'finish', 'args': {}}],
                      queue='payer')


class Page:
    """What a browser sends for a page of this house, and no more."""

    def __init__(self, h, host=None, scheme='http'):
        self.h = h
        self.host = host or '127.0.0.1:%d' % h.port
        self.origin = '%s://%s' % (scheme, self.host)
        self.cookie = self.csrf = None

    def raw(self, method, path, body=None, headers=(), leave=()):
        at = http.client.HTTPConnection('127.0.0.1', self.h.port, timeout=30)
        send = {'Host': self.host, 'Sec-Fetch-Site': 'same-origin'}
        if method == 'POST':
            send.update({'Origin': self.origin,
                         'Content-Type': 'application/json',
                         'X-CSRF-Token': self.csrf})
        if self.cookie:
            send['Cookie'] = self.cookie
        send.update(headers)
        send = {k: v for k, v in send.items()
                if v is not None and k not in leave}
        if isinstance(body, dict):
            body = json.dumps(body)
        try:
            at.putrequest(method, path, skip_host=True,
                          skip_accept_encoding=True)
            for k, v in send.items():
                for one in v if isinstance(v, list) else [v]:
                    at.putheader(k, one)
            if method == 'POST':
                at.putheader('Content-Length', str(len((body or '').encode())))
            at.endheaders((body or '').encode() or None)
            a = at.getresponse()
            answer = Answer(a.status, a.read().decode())
            answer.headers = a.headers
            return answer
        finally:
            at.close()

    def form(self, token, **more):
        return self.raw('POST', '/web/login', urllib.parse.urlencode(
            {'token': token}), **{'headers': {
                'Content-Type': 'application/x-www-form-urlencoded'}, **more})

    def login(self, token=None):
        a = self.form(token or self.h.token())
        need(a.code == 303, 'login', a)
        self.cookie = a.headers['Set-Cookie'].split(';')[0]
        a = self.raw('GET', '/web/session')
        need(a.code == 200, a)
        self.csrf = a.headers['X-CSRF-Token']
        self.me = a.json
        return self

    def inbox(self, start=0):
        a = self.raw('GET', '/web/inbox?from=%d' % start)
        need(a.code == 200, a)
        return a.json

    def waiting(self, task):
        return until(lambda: [w for w in self.inbox()['waits']
                              if w['task'] == task], 15, 'it does not wait')[0]

    def say(self, w, decision='approve', mark=None, **more):
        yes = decision in ('approve', 'answer', 'result', 'happened', 'decide')
        return self.raw('POST', '/web/waits/' + w['id'], {
            'decision': decision, 'mark': mark if mark is not None else
            w['yes_mark' if yes else 'no_mark'], **more.pop('body', {})},
            **more)


class Stream:
    """Server-sent events, read by a thread."""

    def __init__(self, page, after=0, last=None):
        self.events = []
        self.ended = False
        self.at = http.client.HTTPConnection('127.0.0.1', page.h.port,
                                             timeout=60)
        send = {'Host': page.host, 'Sec-Fetch-Site': 'same-origin',
                'Accept': 'text/event-stream', 'Cookie': page.cookie}
        if last is not None:
            send['Last-Event-ID'] = str(last)
        self.at.request('GET', '/web/events?after=%d' % after, None, send)
        self.answer = self.at.getresponse()
        need(self.answer.status == 200, self.answer.status)
        self.socket = self.at.sock
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        event = {}
        try:
            for line in self.answer:
                line = line.decode().rstrip('\n')
                if not line and event:
                    self.events.append(event)
                    event = {}
                elif line and not line.startswith(':'):
                    key, _, value = line.partition(': ')
                    event[key] = value
        except (OSError, http.client.HTTPException, ValueError,
                AttributeError):  # it was closed under us
            pass
        self.ended = True

    def wait(self, name, seconds=10, **fields):
        def found():
            for e in self.events:
                data = json.loads(e['data'])
                if e['event'] == name and all(
                        data.get(k) == v for k, v in fields.items()):
                    return {**data, 'seq': int(e.get('id', 0))}
        return until(found, seconds, 'no event %s %s in %s' % (
            name, fields, self.events))

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.at.close()
