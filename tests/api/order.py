#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Core starts every effect: first the intent is on the disk, then the vault
grants, then it goes.  The disk is filled at the unlucky moment; a credential
goes where its sealed row says and nowhere else."""
import http.server
import os
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403
from git_server import HOST, GitServer  # noqa: E402


class Upstream:
    """Counts who comes."""

    def __init__(self):
        outer = self
        self.visits = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.visits.append(self.path)
                self.send_response(200)
                self.send_header('Content-Length', '2')
                self.end_headers()
                self.wfile.write(b'ok')

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0),
                                                      Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()

    def gates(self):
        return GATES + """
[egress.up]
match    = { host = "up.test", port = 80, method = "GET" }
upstream = "127.0.0.1:%d"
tls      = false
""" % self.port


def intents(h):
    return [e for e in h.events() if e['kind'] == 'request_intent']


@test
def O05_a_request_leaves_only_after_its_intent_is_on_the_disk():
    up = Upstream()
    with House({'helper': dict(HELPER, **{'gates.toml': up.gates()})}) as h:
        h.on_tiny_disk()
        task = h.dispatch([shell('curl -s http://up.test/before; ' + UNTIL_GO +
                                 '; curl -s -m 20 http://up.test/full')])
        until(lambda: up.visits == ['/before'], text='it does not ask')
        # The outcome of the first is not what finds the disk full.
        until(lambda: 'request_outcome' in [e['kind'] for e in h.events()])
        h.fill_disk()
        h.go()
        until(lambda: h.get('/healthz', token=False).code == 503,
              text='the disk is not full')
        time.sleep(1)
        need(up.visits == ['/before'], 'it left before it was written down: '
             '%s' % up.visits)
        h.free_disk()
        h.outcome(task)
        until(lambda: h.get('/healthz', token=False).code == 200)
        need(len(intents(h)) >= len(up.visits), up.visits, intents(h))
        h.verified()


def book_of(h):
    """What a change of the book on the disk changes."""
    seen = []
    for folder, _, files in os.walk(os.path.join(h.state, 'book')):
        for name in files:
            s = os.stat(os.path.join(folder, name))
            seen.append((name, s.st_size, s.st_mtime_ns))
    return sorted(seen)


@test
def an_outcome_that_nobody_asks_for_comes_to_the_disk_by_itself():
    up = Upstream()
    with House({'helper': dict(HELPER, **{'gates.toml': up.gates()})}) as h:
        h.start()
        command = [h.handrail, 'sandbox', 'run', '--config', h.config,
                   '--state', h.state, '--identity', HELPER_ID, '--', 'sh',
                   '-c', 'curl -s http://up.test/once; echo; sleep 300']
        ask = subprocess.Popen(command, env=h.env, text=True,
                               stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL,
                               stdin=subprocess.DEVNULL,
                               preexec_fn=with_parent)
        COMPANIONS.append(ask)
        need(ask.stdout.readline() == 'ok\n', up.visits)
        before = None
        for _ in range(60):  # nothing is written any more
            now = book_of(h)
            if before == now:
                break
            before = now
            time.sleep(1)
        h.kill()
        end_process(ask.pid)
        ask.wait()
        COMPANIONS.remove(ask)
        h.start()
        told = [e for e in h.events() if e['kind'] == 'request_outcome']
        need(len(told) == 1 and told[0]['body']['end'] == 'answered', told)


@test
def a_call_starts_only_after_the_book_says_so():
    with House() as h:
        h.on_tiny_disk()
        task = h.dispatch([shell('echo one >>/work/log; ' + UNTIL_GO, 'a'),
                           shell('cat /work/log; echo two >>/work/log', 'b'),
                           shell('wc -l </work/log', 'c')])
        until(lambda: 'call_started' in h.kinds(task),
              text='no call starts')
        h.fill_disk()
        h.go()
        until(lambda: h.get('/healthz', token=False).code == 503,
              text='the disk is not full')
        time.sleep(1)
        runs = os.path.join(h.state, 'runs')
        for folder, _, files in os.walk(runs):
            if 'log' in files:
                with open(os.path.join(folder, 'log')) as f:
                    need('two' not in f.read(),
                         'it started before it was written down')
        h.free_disk()
        done = h.outcome(task)
        calls = done['runs'][0]['calls']
        need([c['starts'] for c in calls] == [1, 1, 1] and
             calls[2]['result']['stdout'] == '2', calls)
        h.verified()


@test
def a_sandbox_whose_start_finds_the_disk_full_is_refused_and_not_made():
    run = ('sandbox', 'run', '--identity', HELPER_ID, '--', 'echo', 'it ran')
    with House(cells=1) as h:
        h.on_tiny_disk()
        h.fill_disk()
        for said in ('nothing was run: ask again', 'space'):  # then all hear it
            a = h.cli(*run)
            need(a.code == 3 and not a.out and said in a.err and
                 h.state in a.err, a)
        h.free_disk()
        until(lambda: h.get('/healthz', token=False).code == 200)
        until(lambda: h.cli(*run).out == 'it ran\n', text='its slot is lost')
        need([e['kind'] for e in h.events()].count('cell_started') == 2)
        h.verified()


@test
def a_credential_goes_where_its_sealed_row_says():
    with GitServer() as g, House({'engineering': g.role(False)}) as h:
        h.start()
        h.ok('vault', 'put', 'demo-git', '--host', HOST, input=g.token)
        t = h.run(g.steps('agent/right', 'stop'), queue='engineering',
                  kind='fix_test', repo=g.url)
        need(t['state'] == 'completed' and len(g.updates()) == 1, t)


@test
def a_credential_of_another_host_is_not_lent():
    with GitServer() as g, House({'engineering': g.role(False)}) as h:
        h.start()
        h.ok('vault', 'put', 'demo-git', '--host', 'elsewhere.test',
             input=g.token)
        t = h.run(g.steps('agent/wrong', 'stop'), queue='engineering',
                  kind='fix_test', repo=g.url)
        need(t['state'] == 'failed' and not g.updates(), t)
        with open(g.path('server.log')) as f:
            need(g.token not in f.read())


if __name__ == '__main__':
    sys.exit(main())
