#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Refresh tokens that are rotated, and a house that dies at each step between
asking for a new one and using it.  Whatever happened: no token of before is
used after a newer one was seen in use, nothing is asked in a loop, and either
the house goes on by itself or it says who must log in.  And of a credential that
is archived, deleted or rotated as the house dies, no sealed row is left behind."""
import glob
import http.client
import json
import os
import sqlite3
import sys
import time
from contextlib import closing

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'api'))
from house import *  # noqa: E402,F403
import oauth  # noqa: E402
from oauth import AT, CALL, Both, asked, box, finish, heads, mocked, yes  # noqa: E402

TESTS.clear()  # those of oauth.py run in their own suite

# The core in which the points are.
INSTEAD.setdefault('core', os.path.join(BUILD, 'tests/crash/core_crash'))


def begin(h, i):
    """One sandbox asks for something; nobody waits for how it ends."""
    h.dispatch([shell(CALL + ' || true'), finish()], queue='caller')


def settle(h, i):
    """The house stands again; what became of its credential."""
    h.whole(30)
    before = asked(h)
    said = oauth.call(h, CALL + ' || true')
    if not yes(said) and 'vault login there' not in said:
        time.sleep(5.2)  # the pause after a question without an answer
        said = oauth.call(h, CALL + ' || true')
    need(yes(said) or 'vault login there' in said, said, i.log())
    need(asked(h) - before <= 2, 'a loop of questions', i.log())
    used = [e['used'] for e in i.log('grant')]
    need(len(set(used)) == len(used), 'a dead token was taken', i.log())
    h.verified()
    return yes(said)


def known(h, i):
    """Every token that was seen in use is one that the book had renewed."""
    return len({e['token'] for e in i.log('api') if e['good']}) <= \
        len(heads(h, 'credential_renewed'))


def at_point(point, passage):
    def tried():
        with Both('mock') as (h, i):
            mocked(h, i)
            h.stop()
            once = os.path.join(h.state, 'book', 'crash')
            h.start(env={'HANDRAIL_CRASH': '%s:%d' % (point, passage),
                         'HANDRAIL_CRASH_ONCE': once})
            begin(h, i)
            until(lambda: os.path.exists(once), 20, 'it did not die')
            need(settle(h, i), 'nothing was lost here', i.log())
            need(known(h, i), i.log())
    return tried


@test
def the_question_is_on_record_and_no_grant_is_made():
    at_point('CORE_INTENT', 1)()


@test
def the_grant_is_made_and_nothing_has_left():
    at_point('CORE_GO', 1)()


@test
def the_new_tokens_are_on_the_disk_and_nobody_has_used_them():
    at_point('CORE_INTENT', 2)()


@test
def the_new_tokens_are_lent_and_the_request_has_not_left():
    at_point('CORE_GO', 2)()


@test
def the_endpoint_has_rotated_and_its_answer_is_on_the_way():
    with Both('mock') as (h, i):
        mocked(h, i)
        i.set(late=60000)
        begin(h, i)
        until(lambda: i.log('grant'), 20, 'it was rotated')
        end_process(h.pids()['core'])
        i.set(late=0)
        # The old one is tried once: the endpoint says no, and so do we.
        need(not settle(h, i), 'the answer was lost', i.log())
        need('invalid_grant' in h.get(AT + '/there').json['closed'], 'said')


@test
def the_tokens_came_and_the_vault_died_before_it_sealed_them():
    with Both('mock') as (h, i):
        mocked(h, i)
        i.set(late=True)
        begin(h, i)
        until(lambda: i.log('grant'), 20, 'it was rotated')
        vault = h.pids()['vault']
        os.kill(vault, 19)
        i.set(late=0)
        until(lambda: i.log('answered'), text='it was answered')
        time.sleep(1)  # the answer is there, and nobody takes it
        end_process(vault)
        time.sleep(11)  # what core waits for the row
        need(not settle(h, i), 'the tokens were lost', i.log())


@test
def the_egress_of_core_dies_while_it_waits():
    with Both('mock') as (h, i):
        mocked(h, i)
        i.set(late=60000)
        begin(h, i)
        until(lambda: i.log('grant'), 20, 'it was rotated')
        table = processes()
        own = [p for p, (parent, name) in table.items()
               if name == 'egress' and parent == h.process.pid]
        need(len(own) == 1, own)
        end_process(own[0])
        i.set(late=0)
        need(not settle(h, i), 'the answer was lost', i.log())


@test
def at_any_moment():
    """Core ends some milliseconds after the question was on record."""
    for wait in (0, 0.01, 0.03, 0.1):
        with Both('mock') as (h, i):
            mocked(h, i)
            begin(h, i)
            until(lambda: asked(h) == 1, 20, every=0.002)
            time.sleep(wait)
            end_process(h.pids()['core'])
            settle(h, i)
            need(known(h, i), wait, i.log())


# --- what is dropped ------------------------------------------------------------

def files_with(h, text):
    return [f for f in glob.glob(h.state + '/**', recursive=True)
            if os.path.isfile(f) and text in open(f, 'rb').read()]


def dropped(verb, passage):
    """A house whose core ended at that commit; false: it was not that of `verb`,
    whose value is gone and whose answer nobody got."""
    with House() as h:
        h.start()
        body = {'name': 'there', 'hosts': 'api.test', 'box': box(h, b'value-one')}
        need(h.post(AT, body).code == 200)
        h.stop()
        with closing(sqlite3.connect(h.state + '/book/book.db')) as db:
            value, = db.execute("SELECT value FROM rows WHERE space = 'sealed'").fetchone()
        row = json.loads(value)['row'].encode()[-100:]
        need(files_with(h, row), 'the test is blind')
        once = os.path.join(h.state, 'book', 'crash')
        h.start(env={'HANDRAIL_CRASH': 'CORE_AFTER_COMMIT:%d' % passage,
                     'HANDRAIL_CRASH_ONCE': once})
        try:
            h.post('%s/there/%s' % (AT, verb), {'box': box(h, b'value-two')}
                   if verb == 'rotate' else {})
            return False
        except (OSError, http.client.HTTPException, ValueError):
            until(lambda: os.path.exists(once), text='it did not die')
        h.whole(30)
        a = h.get(AT + '/there')
        if (a.code == 200 and a.json['version'] == 1):
            return False
        need(not files_with(h, row), verb, files_with(h, row))
        h.verified()
        return True


@test
def what_is_dropped_as_the_house_dies_is_in_no_file_when_it_stands_again():
    for verb in ('archive', 'delete', 'rotate'):
        need(any(dropped(verb, n) for n in range(1, 8)), verb, 'was not hit')


if __name__ == '__main__':
    sys.exit(main())
