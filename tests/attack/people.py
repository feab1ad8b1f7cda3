#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attacks on approvals, by the ids of the attack list: a yes counts once, for
what was shown, said by a person."""
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import *  # noqa: E402,F403
import rig  # noqa: E402
import gates  # noqa: E402
from gates import PAYER, pay  # noqa: E402
TESTS.clear()  # those are not ours


class People(World):
    def prepare(self):
        for path, text in PAYER.items():
            self.house.role_file('payer', path, text)


rig.MAKE = People


def asked(*steps):
    """A task that waits for a person, and the question."""
    h = world().house
    task = gates.put(h, list(steps), queue='payer')
    return task, waits_of(task)


def waits_of(task, but=''):
    h = world().house

    def one():
        runs = [r['run'] for r in h.task(task)['runs']]
        return [w for w in h.waits() if w['run'] in runs and w['id'] != but]
    return until(one, 20, 'nobody is asked')[0]


def heads(task, kind):
    return [e for e in world().house.events(task) if e['kind'] == kind]


def paid(task):
    """Every payment that was made, as the tool printed them."""
    done = [e['body'] for e in heads(task, 'call_settled') if e['body']['tool'] == 'pay']
    return [b['result']['stdout'].split('\n')[-1] for b in done if b['end'] == 'ok']


def end(task):
    h = world().house
    for wait in h.waits():
        h.say(wait, 'deny', 'the test is over')
    h.outcome(task)


@test
def I05_a_yes_counts_once_and_is_a_persons():
    h = world().house
    task, wait = asked(pay('anna', 3))
    at = '/api/waits/' + wait['id']
    for token, tcp, code in ((False, False, 401), ('0' * 64, False, 401), (True, True, 403)):
        a = h.ask('POST', at, {'decision': 'approve'}, token=token, tcp=tcp)
        need(a.code in (401, 403), token, tcp, a)
    # The agent has one socket, its cell none that leads there.
    a = run_cell('/bin/sh', '-c', 'ls %s/cli.sock %s/operators 2>&1; curl -sS -m 3 -X POST '
                 'http://127.0.0.1:%d%s 2>&1' % (h.state, h.state, h.port, at))
    need('tester' not in a.out and 'approve' not in a.out, a)
    stopped(not heads(task, 'wait_decided') and paid(task) == [], 'somebody decided')
    need(h.say(wait, 'approve').code == 200)
    need(h.say(wait, 'approve').code == 409 and h.say(wait, 'deny', 'x').code == 409)
    h.outcome(task)
    need(len(heads(task, 'wait_decided')) == 1, heads(task, 'wait_decided'))
    works(paid(task) == ['anna 3'], paid(task))


@test
def I05_a_yes_for_another_contract_or_a_no_of_before_is_none():
    h = world().house
    task, wait = asked(pay('anna', 3))
    server = PAYER['mcp/server.toml']
    h.role_file('payer', 'mcp/server.toml', server.replace('>>/work/paid', '>>/work/taken'))
    world().reload(world().gates())
    try:
        ends_refused(task, wait)
    finally:
        h.role_file('payer', 'mcp/server.toml', server)
        world().reload(world().gates())
    task, wait = asked(pay('anna', 3))
    h.say(wait, 'approve')
    h.outcome(task)
    works(paid(task) == ['anna 3'], paid(task))


def ends_refused(task, wait):
    """The yes is not used: the task ends, with one head that says why."""
    h = world().house
    need(h.say(wait, 'approve').code == 200)
    need(h.outcome(task)['state'] == 'failed', h.task(task))
    said = [e for e in heads(task, 'task_transition') if e['body'].get('error')]
    stopped(paid(task) == [] and len(said) == 1, paid(task), said)
    need(said[0]['body']['error']['error_type'] == 'approval_refused', said)
    need(h.say(wait, 'approve').code in (404, 409), 'it was used up')


@test
def I10_what_changed_in_the_workspace_after_the_question_ends_the_yes():
    h = world().house
    for change in ('echo x >new', 'echo other >file', 'chmod 777 file', 'rm file',
                   'ln -s /etc/passwd link'):
        task, wait = asked(shell('echo kept >/work/file', id='a'), pay('anna', 3))
        need(h.in_work(task, change + ' && echo changed') == 'changed\n', change)
        ends_refused(task, wait)
    task, wait = asked(shell('echo kept >/work/file', id='a'), pay('anna', 3))
    h.say(wait, 'approve')
    h.outcome(task)
    works(paid(task) == ['anna 3'], paid(task))


@test
def I11_a_yes_is_for_one_call_and_these_arguments():
    h = world().house
    task, wait = asked(pay('anna', 3), pay('anna', 3, id='again'), pay('bert', 3, id='other'))
    h.say(wait, 'approve')
    second = waits_of(task, wait['id'])
    stopped(paid(task) == ['anna 3'], 'the same once more', paid(task))
    h.say(second, 'approve')
    third = waits_of(task, second['id'])
    need(third['hint'] == 'pay 3 to bert' and len(paid(task)) == 2, third, paid(task))
    h.say(third, 'deny', 'no')
    h.outcome(task)
    need(len(heads(task, 'wait_decided')) == 3)
    works(paid(task) == ['anna 3', 'anna 3'], paid(task))


@test
def I12_nothing_that_is_shown_can_hide_the_rest():
    h = world().house
    for whom in ('anna\u202e0001', 'anna\r\npay 1 to', 'ann\u0430', 'a\x1b[2K', 'anna\u200b',
                 'x' * 60 + ' and 999'):
        task, wait = asked(pay(whom, 3))
        hint = wait['hint']
        need(all(' ' <= c <= '~' for c in hint), hint)
        need(hint.startswith('pay 3 to '), 'the amount is seen first', hint)
        need(wait['hint_cut'], 'it does not say that it is not the whole', wait)
        stopped(whom not in hint, hint)
        end(task)
    task, wait = asked(pay('anna', 3))
    works(wait['hint'] == 'pay 3 to anna' and not wait['hint_cut'], wait)
    end(task)


@test
def L08_who_was_denied_asks_no_more_and_the_same_waits_once():
    h = world().house
    steps = [{**pay('anna', 3, id='p%d' % n), 'on_error': 'continue'} for n in range(6)]
    task, wait = asked(*steps, pay('bert', 4, id='last'))
    h.say(wait, 'deny', 'no')
    last = waits_of(task, wait['id'])
    stopped(last['hint'] == 'pay 4 to bert' and len(heads(task, 'wait_put')) == 2,
            [e['body'] for e in heads(task, 'wait_put')])
    need(paid(task) == [], paid(task))
    # Another run is asked about beside it.
    other, second = asked(pay('anna', 3))
    h.say(second, 'approve')
    h.outcome(other)
    works(paid(other) == ['anna 3'], paid(other))
    end(task)


if __name__ == '__main__':
    sys.exit(main())
