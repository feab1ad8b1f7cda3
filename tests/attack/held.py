#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attacks on a person's yes to a request, by the ids of the attack list: it is
for exactly that request, once, and nobody is flooded with questions."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import *  # noqa: E402,F403
import rig  # noqa: E402

GATE = '''
[gate.held]
match   = { host = "held.test", method = "POST" }
require = "operator"
surface = "cli"
'''
# Says each thing once, or until somebody has decided, or many times at once.
CLIENT = r'''
import concurrent.futures, http.client, json, sys, time
def once(t):
    c = http.client.HTTPSConnection('held.test', timeout=60)
    c.request('POST', t['path'], t['body'].encode('latin1'),
              {'Content-Type': t.get('type', 'text/plain')})
    r = c.getresponse()
    return [r.status, r.read().decode('latin1')]
for t in json.loads(sys.argv[1]):
    heard = once(t)
    while t.get('wait') and 'approval_required' in heard[1]:
        time.sleep(0.1)
        heard = once(t)
    print(json.dumps(heard), flush=True)
    if t.get('many'):
        with concurrent.futures.ThreadPoolExecutor(t['many']) as pool:
            for heard in pool.map(once, [t] * t['many']):
                print(json.dumps(heard), flush=True)
'''
PUSH = 'application/x-git-receive-pack-request'
OLD, NEW, OTHER = '1' * 40, '2' * 40, '3' * 40


class Held(World):
    NAMES = World.NAMES + ('held.test',)

    def gates(self, more=''):
        return super().gates(self.rule('held') + self.rule(
            'forge', ', git = "push"', host='held.test') + GATE + more)


rig.MAKE = Held


def say(path, body, **more):
    return {'path': path, 'body': body, **more}


def push(ref, new, **more):
    line = '%s %s %s\0 report-status\n' % (OLD, new, ref)
    return say('/echo/r.git/git-receive-pack', '%04x%s0000PACK' % (len(line) + 4, line),
               type=PUSH, **more)


def begin(*what):
    return begin_cell('python3', '-c', CLIENT, json.dumps(what))


def end(ask):
    a = end_cell(ask, 120)
    return [json.loads(x) for x in a.out.split('\n') if x.startswith('[')]


def asked(but=()):
    return until(lambda: [x for x in world().house.waits() if x['id'] not in but], 60,
                 'nobody is asked')[0]


def asks(heard):
    return heard[0] == 403 and json.loads(heard[1])['error'] == 'approval_required'


def arrivals(line):
    return world().good.got.count(line.encode('latin1'))


@test
def I11_a_request_with_another_body_query_or_path_is_not_what_was_allowed():
    w = world()
    right = say('/echo/pay?to=anna', 'amount=5', wait=True)
    ask = begin(right, say('/echo/pay?to=anna', 'amount=50'), say('/echo/pay?to=bert', 'amount=5'),
                say('/echo/pay', 'amount=5'), say('/echo/pay/?to=anna', 'amount=5'),
                say('/echo/pay?to=anna&', 'amount=5'), say('/echo/pay?to=anna', ''))
    wait = asked()
    need(w.house.say(wait, 'approve').code == 200)
    heard = end(ask)
    works(heard[0][0] == 200 and arrivals('POST /echo/pay?to=anna ') == 1, heard)
    stopped(all(asks(x) for x in heard[1:]) and len(heard) == 7 and
            arrivals('POST /echo/pay') == 1 and arrivals('amount=50') == 0, heard)
    need(len({json.loads(x[1])['id'] for x in heard[1:]}) == 6, heard)


@test
def I11_a_push_of_another_commit_or_to_another_ref_is_not_what_was_allowed():
    w = world()
    ask = begin(push('refs/heads/main', NEW, wait=True), push('refs/heads/main', OTHER),
                push('refs/heads/prod', NEW), push('refs/heads/main', '0' * 40))
    wait = asked()
    need(wait['tool'] == 'git:push', wait)
    need(w.house.say(wait, 'approve').code == 200)
    heard = end(ask)
    works(heard[0][0] == 200 and arrivals('%s %s refs/heads/main' % (OLD, NEW)) == 1, heard)
    stopped(asks(heard[1]) and asks(heard[2]) and heard[3][0] == 403 and
            arrivals('POST /echo/r.git/git-receive-pack ') == 1, heard)


@test
def I05_a_yes_to_a_request_counts_once_however_many_ask_at_once():
    w = world()
    w.fresh()
    ask = begin(say('/echo/once', 'a=1'), say('/echo/once', 'a=1', wait=True, many=12))
    wait = asked()
    need(w.house.say(wait, 'approve').code == 200)
    heard = end(ask)
    passed = [x for x in heard if x[0] == 200]
    works(len(passed) == 1 and arrivals('POST /echo/once ') == 1, heard)
    seen = w.fresh()
    used = [e['body']['id'] for e in seen if e['kind'] == 'wait_ended' and
            e['body']['event'] == 'consumed']
    stopped(len(heard) == 14 and sum(asks(x) for x in heard) == 13 and used == [wait['id']] and
            sum(e['kind'] == 'request_intent' for e in seen) == 1, heard, used)
    need(w.house.say(wait, 'approve').code in (404, 409), 'it was used up')


@test
def L08_requests_that_wait_are_eight_at_most_and_the_same_waits_once():
    w = world()
    w.fresh()
    had = len(w.good.got)
    ask = begin(*[say('/echo/flood%d' % (n // 2), 'x') for n in range(24)],
                say('/echo/flood0', 'x', wait=True))
    waits = until(lambda: len(w.house.waits()) == 8 and w.house.waits(), 60, 'eight wait')
    until(lambda: sum('8 questions' in json.dumps(e) for e in w.house.events()) == 8, 60)
    need(w.house.say(waits[0], 'approve').code == 200)
    heard = end(ask)
    seen = w.fresh()
    stopped(sum(asks(x) for x in heard) == 16 and sum(x[0] == 429 for x in heard) == 8 and
            sum(e['kind'] == 'wait_put' for e in seen) == 8, heard)
    works(heard[-1][0] == 200 and w.good.got[had:].count(b'POST ') == 1, heard[-1])


if __name__ == '__main__':
    sys.exit(main())
