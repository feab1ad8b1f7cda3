#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A scripted chat-completions server on loopback, for tests and by hand.

    model_server.py SCRIPT.json [--port N] [--cert PEM --key PEM]
                    [--token TOKEN] [--record FILE]

It prints `listening on URL` and plays the script: a JSON list with one entry a
request; when it is over, every request gets 500 `the script is over`.  Entries:

    {"call": "shell", "arguments": {"command": "ls"}}     one tool call
    {"calls": [{"name": …, "arguments": …}, …], "text": …} several
    {"text": "hello"}                                      no call
    {"status": 429, "body": {…} or "text", "headers": {…}} anything else
    {"raw": "HTTP/1.1 …"}                                  these bytes, then end

`arguments` is an object (sent as text, as the interface has it) or a string
(sent as it stands: nonsense).  Every entry may have `delay` (seconds before the
answer), `truncate` (bytes of the body after which the connection ends) and
`expect` (texts that the request must have: else 400 with what is missing).

--record writes one JSON line a request: {path, headers, body}; the value of
Authorization is not written, only whether it was there and right.
"""
import argparse
import http.server
import json
import ssl
import sys
import threading
import time


def completion(entry):
    calls = list(entry.get('calls', []))
    if 'call' in entry:
        calls.append({'name': entry['call'],
                      'arguments': entry.get('arguments', {})})
    message = {'role': 'assistant', 'content': entry.get('text')}
    if calls:
        message['tool_calls'] = [
            {'id': call.get('id', 'call_%d' % n), 'type': 'function',
             'function': {'name': call['name'], 'arguments': text_of(call)}}
            for n, call in enumerate(calls)]
    return {'id': 'chatcmpl-1', 'object': 'chat.completion', 'created': 0,
            'model': 'scripted',
            'choices': [{'index': 0, 'message': message, 'finish_reason':
                         entry.get('finish_reason',
                                   'tool_calls' if calls else 'stop')}],
            'usage': {'prompt_tokens': 9, 'completion_tokens': 4,
                      'total_tokens': 13}}


def text_of(call):
    arguments = call.get('arguments', {})
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        status, answer, entry = self.server.owner.play(
            self.path, self.headers, body)
        time.sleep(entry.get('delay', 0))
        if 'raw' in entry:
            self.wfile.write(entry['raw'].encode())
            self.close_connection = True
            return
        data = answer if isinstance(answer, bytes) else (
            answer.encode() if isinstance(answer, str) else
            json.dumps(answer).encode())
        self.send_response(status)
        headers = {'Content-Type': 'application/json',
                   **entry.get('headers', {})}
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        cut = entry.get('truncate')
        self.wfile.write(data if cut is None else data[:cut])
        self.close_connection = cut is not None

    def log_message(self, *_):
        pass


class Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that leaves early is part of the play


class ModelServer:
    """`with ModelServer(script) as m:`; m.url, m.requests (what came)."""

    def __init__(self, script, port=0, cert=None, key=None, token=None,
                 record=None):
        self.script = list(script)
        self.token, self.record = token, record
        self.requests = []
        self.lock = threading.Lock()
        self.server = Quiet(('127.0.0.1', port), Handler)
        self.server.owner = self
        self.port = self.server.server_address[1]
        if cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert, key)
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True)
        self.url = '%s://127.0.0.1:%d/v1' % ('https' if cert else 'http',
                                             self.port)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def seen(self, path, headers, body):
        given = headers.get('Authorization')
        kept = {name: value for name, value in headers.items()
                if name.lower() != 'authorization'}
        kept['authorized'] = given == 'Bearer %s' % self.token
        kept['authorization'] = given is not None
        try:
            tree = json.loads(body)
        except ValueError:
            tree = None
        request = {'path': path, 'headers': kept, 'body': tree,
                   'text': body.decode('utf-8', 'replace')}
        self.requests.append(request)
        if self.record:
            with open(self.record, 'a') as f:
                f.write(json.dumps({k: request[k] for k in
                                    ('path', 'headers', 'body')}) + '\n')
        return request

    def play(self, path, headers, body):
        with self.lock:
            request = self.seen(path, headers, body)
            number = len(self.requests)
            entry = self.script[number - 1] if number <= len(self.script) \
                else {'status': 500, 'body': {'error': 'the script is over'}}
        if self.token and not request['headers']['authorized']:
            return 401, {'error': {'message': 'no such key'}}, {}
        if path != '/v1/chat/completions' or request['body'] is None:
            return 404, {'error': {'message': 'no such path'}}, {}
        missing = [text for text in entry.get('expect', [])
                   if text not in request['text']]
        if missing:
            return 400, {'error': {'message': 'missing: %s' % missing}}, {}
        if 'status' in entry or 'body' in entry:
            return entry.get('status', 200), entry.get('body', ''), entry
        return 200, completion(entry), entry


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('script')
    parser.add_argument('--port', type=int, default=0)
    parser.add_argument('--cert')
    parser.add_argument('--key')
    parser.add_argument('--token')
    parser.add_argument('--record')
    given = parser.parse_args()
    with open(given.script) as f:
        script = json.load(f)
    with ModelServer(script, given.port, given.cert, given.key, given.token,
                     given.record) as m:
        print('listening on %s' % m.url, flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return 0


if __name__ == '__main__':
    sys.exit(main())
