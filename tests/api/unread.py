#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A house on PostgreSQL that can write its book and read nothing of it."""
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'postgres'))
import cluster  # noqa: E402
import workers_help  # noqa: E402
from house import *  # noqa: E402,F403
from stores_help import (  # noqa: E402
    ROLES, finish, on_server, schema, two_waiting)


class Unread:
    """While it stands, the house writes its book on PostgreSQL, and nothing of
    it is read: who reads has a connection of his own."""

    def __init__(self, s, name):
        self.s, self.name = s, name

    def sql(self, text):
        self.s.run('psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-h',
                   self.s.folder, '-p', str(self.s.port), '-U', 'handrail',
                   '-d', 'template1', '-c', text)

    def __enter__(self):
        writes = self.s.sql('SELECT backend FROM %s.owner' % self.name)
        self.sql('ALTER DATABASE postgres ALLOW_CONNECTIONS false')
        self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                 "application_name = 'handrail' AND pid <> " + writes)

    def __exit__(self, *_):
        self.sql('ALTER DATABASE postgres ALLOW_CONNECTIONS true')


class Unsaid:
    """While it stands, the server gives no row of a table of which `when` holds,
    for a reason that has this SQLSTATE.  What is written arrives: a view by whose
    name rows are put is read as it is made."""

    def __init__(self, unread, table, when, code):
        self.s, self.at = unread.s, unread.name + '.'
        self.table, self.when, self.code = table, when, code

    def __enter__(self):
        self.s.sql("""BEGIN;
            SET LOCAL search_path = {at};
            CREATE FUNCTION unsaid(now boolean) RETURNS boolean
                LANGUAGE plpgsql AS $$ BEGIN
                    IF now THEN RAISE 'not now' USING ERRCODE = '{code}'; END IF;
                    RETURN true; END $$;
            ALTER TABLE {table} RENAME TO said;
            CREATE VIEW {table} AS SELECT * FROM said WHERE unsaid({when});
            COMMIT""".format(at=self.at[:-1], table=self.table, when=self.when,
                             code=self.code))

    def __exit__(self, *_):
        self.s.sql("""BEGIN;
            SET LOCAL search_path = {at};
            DROP VIEW {table};
            ALTER TABLE said RENAME TO {table};
            DROP FUNCTION unsaid;
            COMMIT""".format(at=self.at[:-1], table=self.table))


@contextmanager
def on_postgres(house):
    """It, started on a server of its own, and what keeps it from reading."""
    if not cluster.programs():
        raise Skipped('there is no PostgreSQL: apt-get install postgresql')
    s, name = cluster.Cluster.new(), schema()
    COMPANIONS.append(s.server)
    try:
        with house as h:
            h.start(args=on_server(s, name))
            yield h, Unread(s, name)
    finally:
        s.remove()


def approved(h, wait):
    a = h.say(wait, 'approve')
    need(a.code == 200, a)


def went_on(h, id):
    t = h.outcome(id)
    need(t['state'] == 'completed', t, h.log()[-3000:])
    need([c['starts'] for c in t['runs'][-1]['calls']] == [1] * 4, t)
    need(h.outcomes(id) == ['complete'], id)


@test
def a_task_that_cannot_be_read_for_a_moment_is_none_the_worse():
    with on_postgres(House(ROLES)) as (h, unread):
        ids, waits = two_waiting(h)
        with unread:
            ids.append(h.dispatch(
                [*[shell('true', id='s%d' % n) for n in range(3)], finish()],
                queue='worker'))
            approved(h, waits[0])
            until(lambda: 'its record cannot be read' in h.log() or
                  'schema_validation' in h.log(), text='it was read')
        approved(h, waits[1])
        for id in ids:
            went_on(h, id)
        h.verified()


@test
def a_worker_is_given_no_task_without_its_record():
    with on_postgres(workers_help.house()) as (h, unread):
        [task] = workers_help.put(h)
        with unread:
            need(workers_help.claim(h, 'a') == [])
        until(lambda: 'task_lease_lost' in h.get('/api/events?task=' + task).out)
        [got] = workers_help.claim(h, 'a', wait_ms=60000)
        need(got['task'] == task and got['attempts'] == 1 and
             got['record']['subject'] == 'grind 0', got)
        workers_help.say(h, 'finish', 'a', **workers_help.end(got))
        h.verified()


@test
def a_worker_is_given_no_task_whose_record_is_damaged():
    """It fails, and the others are had."""
    with on_postgres(workers_help.house()) as (h, unread):
        bad, good = workers_help.put(h, 2)
        with Unsaid(unread, 'tasks', "id = '%s'" % bad, 'XX001'):
            got = []
            while not got:
                got = workers_help.claim(h, 'a')
            need([t['task'] for t in got] == [good], got)
        until(lambda: h.get('/api/tasks/' + bad).code == 200)
        t = h.task(bad)
        need(t['state'] == 'failed' and 'XX001' in t['error']['message'], t)
        need([m['type'] for m in h.get('/api/mail?mailbox=operator').json['letters']
              if bad in json.dumps(m)] == ['escalate'], t)
        workers_help.say(h, 'finish', 'a', **workers_help.end(got[0]))
        h.ok('task', 'retry', bad)
        [got] = workers_help.claim(h, 'a', wait_ms=60000)
        need(got['task'] == bad and got['record']['subject'] == 'grind 0', got)
        h.verified()


@test
def an_agent_whose_history_cannot_be_read_does_nothing_twice():
    with on_postgres(House(ROLES)) as (h, unread):
        ids, waits = two_waiting(h)
        approved(h, waits[1])  # the twin
        sandbox = h.pids()['sandbox']
        end_process(sandbox, signal.SIGSTOP)  # who starts agents
        try:
            approved(h, waits[0])
            task = waits[0]['task']
            until(lambda: h.kinds(task).count('task_claimed') == 2)
            with unread:
                end_process(sandbox, signal.SIGCONT)
                until(lambda: ' replay ' in h.log(), text='it was read')
        finally:
            end_process(sandbox, signal.SIGCONT)
        for id in ids:
            went_on(h, id)
        h.verified()


@test
def a_fork_begins_once_its_history_can_be_read():
    """Its record can be, and so the first event of its origin."""
    with on_postgres(House(ROLES)) as (h, unread):
        task = h.run([shell('echo one'), shell('echo two', id='b'), finish()],
                     queue='worker')
        run = task['runs'][-1]['run']
        events = h.get('/api/sessions/%s/events' % run).json['events']
        first = [e['seq'] for e in events if e['kind'] == 'run_started'][0]
        at = [e['seq'] for e in events if e['kind'] == 'call_settled'][0]
        ask = lambda: h.post('/api/sessions/%s/fork' % run, {'at': at})
        with Unsaid(unread, 'body', 'first > %d' % first, '57P03'):
            a = ask()
            need(a.code == 201, a)
            fork = a.json['task']
            until(lambda: fork + ' waits, its history cannot be read' in h.log()
                  or h.task(fork)['state'] == 'failed', text='it was read')
        t = h.outcome(fork)
        need(t['state'] == 'completed', t, h.log()[-3000:])
        need([c['starts'] for c in t['runs'][-1]['calls']][1:] == [1, 1], t)
        need(h.kinds(fork).count('run_started') == 1, h.kinds(fork))
        with unread:
            a = ask()
            need(a.code == 503, a)
        until(lambda: h.get('/api/sessions/%s/events' % run).code == 200)
        h.verified()


@test
def a_dependency_that_cannot_be_read_is_not_one_that_never_was():
    """They left the memory: the store alone knows them."""
    with on_postgres(House(ROLES, config='\n[book]\nkeep_ended = "1s"\n')) as (
            h, unread):
        good, bad = (h.run([shell(x), finish()], queue='worker')['id']
                     for x in ('true', 'false'))
        last = h.task(bad)['updated_at']
        until(lambda: [e for e in h.events() if e['kind'] == 'queue_forgot' and
                       e['body']['before'] > last], text='they are forgotten')
        after = {'queue': 'worker', 'subject': 'after it', 'depends_on': [good],
                 'payload': {'runbook': [finish()]}}
        with unread:
            for a in (h.post('/api/tasks', after),
                      h.post('/api/tasks/%s/retry' % bad, {})):
                need(a.code == 503 and 'cannot be read, ask again' in
                     a.json['message'], a)
        put = until(lambda: [a for a in [h.post('/api/tasks', after)]
                             if a.code == 201])[0].json['id']
        need(h.outcome(put)['state'] == 'completed', h.task(put))
        need(h.post('/api/tasks/%s/retry' % bad, {}).code == 200)
        h.outcome(bad)
        a = h.post('/api/tasks', {**after, 'depends_on': [put[:-4] + 'ffff']})
        need(a.code == 400, a)
        h.verified()


def watched(h, away):
    """A task that ends while this stands, as who watches it is told."""
    task = h.dispatch([shell(UNTIL_GO), finish()], queue='worker')
    out, err = (os.path.join(h.folder, task + x) for x in ('.out', '.err'))
    said = lambda path: open(path).read()
    with open(out, 'w') as o, open(err, 'w') as e:
        watch = subprocess.Popen(
            [h.handrail, 'task', '--state', h.state, 'watch', task], env=h.env,
            stdin=subprocess.DEVNULL, stdout=o, stderr=e)
    COMPANIONS.append(watch)
    until(lambda: 'call 1 shell' in said(out))
    with away:
        h.go()
        until(lambda: 'cannot be seen now' in said(err) or
              watch.poll() is not None)
    need(watch.wait(PATIENCE) == 0 and said(out).splitlines()[-2:] ==
         ['completed', 'result  {}'], said(out), said(err))
    need(said(err).count('cannot be seen now') == 1, said(err))


@test
def who_watches_a_task_hears_that_it_cannot_be_seen_and_sees_its_end():
    with on_postgres(House(ROLES)) as (h, unread):
        watched(h, unread)
        until(lambda: h.get('/api/tasks').code == 200)
        watched(h, Unsaid(unread, 'tasks', 'true', '53300'))  # its end is seen
        h.verified()


if __name__ == '__main__':
    sys.exit(main())
