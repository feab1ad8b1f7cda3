#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Decisions of the past: made again by the policy that was in force, and by
another one that is only thought of."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from git_server import GitServer, HOST  # noqa: E402
from house import *  # noqa: E402,F403


def role(g):
    """A gated push, and a host that no rule knows."""
    return {'engineering': g.role()}


def past(h, g):
    """A push that a person allowed, after a request that nothing allows."""
    h.ok('vault', 'put', 'demo-git', '--host', HOST, input=g.token)
    steps = g.steps('agent/again', 'stop')
    steps.insert(0, {'id': 'out', 'tool': 'shell', 'on_error': 'continue',
                     'args': {'command': 'curl -sS https://nowhere.test/'}})
    task = h.dispatch(steps, queue='engineering', kind='fix_test', repo=g.url)
    need(h.say(h.waiting(), 'approve').code == 200)
    done = h.outcome(task)
    need(done['state'] == 'completed', done)


@test
def every_decision_of_a_house_is_made_again():
    with GitServer() as g, House(role(g)) as h:
        h.start()
        past(h, g)
        kinds = [e['kind'] for e in h.events()]
        told = h.read('audit', 'verify', '--decisions')
        d = told['decisions']
        need(told['ok'] and d['differ'] == 0 and d['differences'] == [] and
             d['no_policy'] == d['not_held'] == 0 and
             d['again'] + d['not_asked'] == sum(map(kinds.count, (
                 'call_decided', 'request_intent', 'request_denied',
                 'request_asked'))) and
             d['again'] >= 8, told)
        copy = os.path.join(h.folder, 'copy')
        h.ok('backup', copy)
        h.stop()
        told = h.read('audit', 'verify', '--decisions', '--file', copy)
        need(told['ok'] and told['decisions'] == d, told)
        a = h.cli('audit', 'verify', '--decisions', '--file', copy)
        need(a.code == 0 and ' 0 differ' in a.out, a)


@test
def another_policy_is_asked_about_the_requests_of_the_past():
    with GitServer() as g, House(role(g)) as h:
        h.start()
        past(h, g)
        new = os.path.join(h.folder, 'new.toml')

        def replay(text):
            write(new, text)
            told = h.read('policy', 'replay', new)
            return told, {d['request']: (d['was'], d['now'])
                          for d in told['differences'] if 'request' in d}
        text = g.role()['gates.toml'].replace('ca = "git-ca.pem"', 'ca = "/ca"')
        same, differ = replay(text)
        need(same['requests'] >= 5 and same['differences'] == [], same)
        shut, differ = replay(text.replace(HOST, 'other.test'))
        push = 'POST %s:443/project.git/git-receive-pack' % HOST
        need(set(differ.values()) == {('allow', 'deny')} and push in differ,
             shut)
        told = h.ok('policy', 'replay', new).out
        need('  (no rule)\n' in told and '()' not in told, told)
        wide, differ = replay(text + '\n[egress.wide]\n'
                              'match = { host = "nowhere.test" }\n')
        need(differ == {'GET nowhere.test:443/': ('deny', 'allow')}, wide)


if __name__ == '__main__':
    sys.exit(main())
