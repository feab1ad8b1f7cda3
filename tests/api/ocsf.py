#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The book as OCSF 1.3.0: each line has what its class requires there."""
import json
import os
import resource
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403

EVERY = ('category_uid', 'class_uid', 'activity_id', 'type_uid', 'time', 'severity_id',
         'metadata.version', 'metadata.product.name', 'metadata.product.vendor_name',
         'actor.user.name')
# Required attributes and constraints of each class, as schema.ocsf.io has them.
REQUIRED = {3001: ('user.name',), 3003: ('user.name', 'privileges'),
            3004: ('entity.name', 'entity.type'), 6002: ('app.name',),
            4002: ('http_request.uid', 'src_endpoint.name'),
            6003: ('api.operation', 'src_endpoint.name')}
RULE = """
[egress.nowhere]
match    = { host = "nowhere.test" }
upstream = "127.0.0.1:9"
inject   = { credential = "key", header = "Authorization" }
"""


def at(event, path):
    for key in path.split('.'):
        event = event.get(key) if isinstance(event, dict) else None
    return event


@test
def each_class_has_what_it_requires():
    with House() as h:
        h.role_file('helper', 'gates.toml', GATES + RULE)
        h.start()
        h.ok('vault', 'put', 'key', '--host', 'nowhere.test', input='a-value-of-a-key')
        h.run([shell('curl -sS -X PUT https://denied.test/x; curl -sS https://nowhere.test/y; true')])
        until(lambda: 'request_outcome' in exported(h))  # told of when all is said
        events = [json.loads(x) for x in
                  h.ok('audit', 'export', '--format', 'ocsf').out.split('\n') if x]
        by = {e['message']: e for e in events}
        for e in events:
            for path in EVERY + REQUIRED[e['class_uid']]:
                need(at(e, path) not in (None, '', []), path, e)
            need((e['activity_id'] == 99) == (e.get('activity_name') == e['message']), e)
            need(e['type_uid'] == e['class_uid'] * 100 + e['activity_id'], e)
        need({e['class_uid'] for e in events} == set(REQUIRED), by.keys())
        denied, intent, outcome = (by['request_' + k] for k in ('denied', 'intent', 'outcome'))
        need(denied['activity_id'] == 7 and denied['status_id'] == 2 and
             at(denied, 'dst_endpoint.hostname') == 'denied.test', denied)
        need(intent['activity_id'] == 3 and outcome['activity_id'] == 99 and
             'url' not in outcome['http_request'] and
             at(outcome, 'http_request.uid') == at(intent, 'http_request.uid'), outcome)
        need(by['credential_put']['entity'] == {'type': 'credential', 'name': 'key'}, by)
        need(by['policy_loaded']['entity']['type'] == 'policy', by)
        need(at(by['operator_made'], 'user.name') == 'tester' and
             by['grant_made']['privileges'] == ['key'] and
             at(by['call_decided'], 'api.operation') == 'shell', by)


def exported(h):
    lines = h.ok('audit', 'export', '--format', 'ocsf').out.split('\n')
    return {e['message']: e for e in map(json.loads, filter(None, lines))}


@test
def who_decided_is_the_actor_and_not_whom_it_is_about():
    with House(roles={'helper': {**HELPER, 'gates.toml': GATES.replace('"allow"', '"ask"')}}) as h:
        h.start()
        task = h.dispatch([shell('true')])
        [wait] = until(h.waits)
        h.ok('approve', wait['id'], '--remember', '1h')
        h.outcome(task)
        h.ok('grant', 'revoke', h.read('grant', 'list')['grants'][0]['id'])
        by = exported(h)
        for kind, activity in (('wait_decided', 99), ('standing_grant_made', 1),
                               ('standing_grant_revoked', 2)):
            e = by[kind]
            need((e['class_uid'], e['activity_id']) == (3003, activity) and
                 at(e, 'actor.user.name') == 'tester', e)
        need(at(by['wait_decided'], 'user.name') == HELPER_ID, by['wait_decided'])
        need(at(by['call_decided'], 'actor.user.name') == HELPER_ID, by['call_decided'])


@test
def the_end_of_a_credential_or_a_vault_is_the_end_of_an_entity():
    with House() as h:
        h.start()
        h.ok('vault', 'put', 'key', '--host', 'a.test', input='a-value-of-a-key')
        h.ok('vault', 'delete', 'key')
        h.ok('vault', 'create', 'drawer')
        h.ok('vault', 'delete', '--vault', 'drawer')
        by = exported(h)
        for kind, type_ in (('credential_deleted', 'credential'), ('vault_deleted', 'vault')):
            need(by[kind]['type_uid'] == 300404 and by[kind]['entity']['type'] == type_ and
                 at(by[kind], 'actor.user.name') == 'tester', by[kind])


@test
def what_was_no_request_yet_has_a_host_and_nothing_made_up():
    with House() as h:
        h.start()
        h.run([shell('exec 3<>/dev/tcp/no.test/5432; printf "\\\\001\\\\001" >&3; cat <&3; true')])
        e = until(lambda: exported(h).get('request_denied'))
        need(e['http_request'] == {'url': {'hostname': 'no.test'}}, e)


@test
def an_export_that_found_no_room_goes_on_where_it_says():
    with House() as h:
        h.start()
        letter = {'envelope_type': 'notify', 'from': 'tester', 'to': 'tester',
                  'subject': 'one of many', 'payload': {}}
        for _ in range(600):
            need(h.post('/api/mail', letter).code == 201)
        for format in 'jsonl', 'ocsf':
            def number(line):
                event = json.loads(line)
                return event.get('seq') or int(event['metadata']['uid'])
            whole = h.ok('audit', 'export', '--format', format).out
            # All of the first page but for its last byte.
            room = len(''.join(whole.splitlines(True)[:500]).encode()) - 1

            def little_room():
                with_parent()
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
            path = os.path.join(h.folder, format)
            with open(path, 'wb') as f:
                a = subprocess.run(
                    [h.handrail, 'audit', '--state', h.state, 'export',
                     '--format', format], env=h.env, stdout=f,
                    stderr=subprocess.PIPE, text=True, preexec_fn=little_room)
            need(a.returncode == 1, a)
            after = re.search('ends after event ([0-9]+), `--after \\1` goes on',
                              a.stderr)
            need(after and 'dropped' in a.stderr, a.stderr)
            with open(path) as f:
                there = [x for x in f.read().split('\n')[:-1]
                         if number(x) <= int(after[1])]
            rest = h.ok('audit', 'export', '--format', format, '--after',
                        after[1]).out.splitlines()
            lines = whole.splitlines()
            need((there + rest)[:len(lines)] == lines, after[0], len(there),
                 len(rest))


if __name__ == '__main__':
    sys.exit(main())
