#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""e2m files: checked, mapped to the canon, taken into a house and out of it."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403

ID = '0198b5f2-7a53-7cc4-8f11-2b0c1d9f6a%02x'
AT = '2026-07-01T09:00:00Z'

HOUSE = None


def house():
    global HOUSE
    if HOUSE is None:
        HOUSE = House()
        HOUSE.start()
    return HOUSE


def task(number, state='pending', **more):
    return {'_type': 'task', 'id': ID % number, 'queue': 'helper',
            'subject': 'number %d' % number, 'state': state, 'created_at': AT,
            'updated_at': AT, 'payload': {'runbook': [
                {'id': 'end', 'tool': 'finish', 'args': {'n': number}}]},
            **more}


def move(number, event, prior, new):
    return {'_type': 'transition', 'id': ID % number, 'at': AT, 'event': event,
            'prior_state': prior, 'new_state': new}


def files(h, name, **lines):
    """A folder with queues/ and mailbox/; its path."""
    folder = os.path.join(h.folder, name)
    for path, rows in lines.items():
        write(os.path.join(folder, path.replace('__', '/') + '.jsonl'),
              ''.join((r if isinstance(r, str) else json.dumps(r)) + '\n'
                      for r in rows))
    return folder


def rows(path):
    with open(path) as f:
        return [json.loads(line) for line in f]


def ids(h):
    return {t['id']: t for t in h.get('/api/tasks').json['tasks']}


# --- validate -----------------------------------------------------------------

@test
def validate_names_file_line_and_field_and_exits_1():
    with House() as h:
        folder = files(h, 'data', queues__helper=[
            task(1, domain='x'), '', move(1, 'block', 'pending', 'blocked'),
            '{"_type":"ta'], mailbox__helper=[
            {'type': 'outcome', 'id': 'm', 'body': 'b'}])
        a = h.cli('validate', folder)
        queue = os.path.join(folder, 'queues/helper.jsonl')
        need(a.code == 1, a)
        need('%s:1: domain: unknown key in a task\n' % queue in a.out, a)
        need('%s:3: event: illegal: pending --block--> (allowed from: '
             'in_progress)\n' % queue in a.out, a)
        need('%s:4: ' % queue in a.out, a)
        need('mailbox/helper.jsonl:1: _type: expected one of' in a.out, a)
        need(a.out.endswith('4 records, 4 violations\n'), a)
        r = h.cli('validate', '--json', folder)
        need(r.code == 1 and r.json['ok'] is False, r)
        need([(f['file'], f['records']) for f in r.json['files']] ==
             [(queue, 3), (folder + '/mailbox/helper.jsonl', 1)], r)
        need(r.json['files'][0]['deviations'][0] ==
             {'line': 1, 'field': 'domain',
              'problem': 'unknown key in a task'}, r)


@test
def tolerant_takes_what_can_be_read():
    with House() as h:
        folder = files(h, 'data', queues__helper=[task(1, domain='x')])
        a = h.ok('validate', '--tolerant', folder)
        need('domain: unknown key in a task (taken as it is)' in a.out and
             '0 violations, 1 deviations' in a.out, a)
        files(h, 'data', queues__more=['not json'])
        need(h.cli('validate', '--tolerant', folder).code == 1)


@test
def validate_says_what_it_cannot_find():
    with House() as h:
        a = h.cli('validate', os.path.join(h.folder, 'none'))
        need(a.code == 4 and 'none' in a.err, a)
        os.mkdir(os.path.join(h.folder, 'empty'))
        a = h.cli('validate', os.path.join(h.folder, 'empty'))
        need(a.code == 4 and 'jsonl' in a.err, a)
        need(h.cli('validate').code == 2)
        # What is there is told all the same.
        made = files(h, 'data', queues__helper=[task(1, domain='x')])
        bad = os.path.join(made, 'queues/helper.jsonl')
        a = h.cli('validate', os.path.join(h.folder, 'none'), bad)
        need(a.code == 4 and 'none' in a.err and
             '%s:1: domain: ' % bad in a.out and '1 violations' in a.out, a)
        os.mkdir(os.path.join(made, 'queues/broken.jsonl'))
        a = h.cli('validate', made)
        need(a.code == 1 and 'broken.jsonl: ' in a.err and
             '%s:1: domain: ' % bad in a.out and '1 violations' in a.out, a)
        good = files(h, 'good', queues__helper=[task(1)])
        a = h.cli('validate', '--json', good, os.path.join(h.folder, 'none'))
        need(a.code == 4 and a.json['ok'] is False and
             [f['records'] for f in a.json['files']] == [1], a)


@test
def validate_reads_what_is_piped_into_it():
    with House() as h:
        a = h.cli('validate', '-', input=json.dumps(task(1, domain='x')))
        need(a.code == 1 and
             a.out.startswith('/dev/stdin:1: domain: unknown key'), a)


@test
def the_schema_is_the_2020_12_one_of_three_records():
    with House() as h:
        s = json.loads(h.ok('validate', '--schema').out)
        need(s['$schema'].endswith('2020-12/schema'), s)
        need(set(s['$defs']) == {'Envelope', 'DurableTask', 'Transition',
                                 'OperatorEnvelope'}, s)
        need(set(s['$defs']['DurableTask']['required']) ==
             {'_type', 'id', 'queue', 'subject', 'state', 'created_at',
              'updated_at'}, s)


@test
def canon_maps_legacy_lines_and_leaves_the_others_byte_for_byte():
    with House() as h:
        odd = '{ "_type" : "task",  "x":1 }'
        path = os.path.join(files(h, 'data', mailbox__a=[
            {'type': 'ping', 'id': 'm'}, odd, 'not json']),
            'mailbox/a.jsonl')
        a = h.cli('validate', '--canon', path)
        first, *rest = a.out.splitlines()
        need(a.code == 1 and rest == [odd, 'not json'], a)
        need(a.err.startswith(path + ':3: the line is no JSON') and
             a.err.count('\n') == 1, a)
        for args, says in ((('--canon', '--tolerant'), 'one of --tolerant'),
                           (('--schema',), '--schema takes no files')):
            b = h.cli('validate', path, *args)
            need(b.code == 2 and says in b.err and 'wants files' not in b.err,
                 b)
        need(json.loads(first) == {'type': 'ping', 'id': 'm', '_type':
                                   'envelope', 'envelope_type': 'notify',
                                   'state': 'pending'}, first)


# --- import and export --------------------------------------------------------

@test
def an_import_is_dry_first_and_a_second_one_changes_nothing():
    h = house()
    folder = files(h, 'in', queues__helper=[
        task(1, depends_on=[ID % 2]), task(2, description='carried'),
        task(3, state='completed'), task(4),
        move(4, 'claim', 'pending', 'in_progress'),
        {**task(5, depends_on=[ID % 3]), 'id': 'fin-0005'}],
        mailbox__helper=[{'type': 'ping', 'id': 'm'}])
    before = len(ids(h))
    a = h.cli('task', 'import', folder)
    need(a.code == 0 and 'nothing was sent' in a.out, a)
    need(a.out.count('would dispatch') == 3, a)
    need(len(ids(h)) == before, 'a dry run wrote')
    a = h.cli('task', 'import', folder, '--write', '--json')
    need(a.code == 0, a)
    counts = a.json['counts']
    need((counts['dispatched'], counts['there'], counts['pending'],
          counts['completed'], counts['in_progress'], counts['legacy']) ==
         (3, 0, 3, 1, 1, 1), counts)
    there = ids(h)
    need(ID % 1 in there and ID % 2 in there and len(there) == before + 3,
         list(there))
    record = h.task(ID % 2)['record']
    need(record['payload']['legacy'] == {'description': 'carried'}, record)
    fin = [t for t in a.json['tasks'] if t['id'] == 'fin-0005'][0]
    need(h.task(fin['house_id'])['record']['payload']['legacy'] ==
         {'id': 'fin-0005'}, fin)
    again = h.cli('task', 'import', folder, '--write', '--json')
    need(again.code == 0 and again.json['counts']['dispatched'] == 0 and
         again.json['counts']['there'] == 3, again)
    need(set(ids(h)) == set(there), 'the second import changed something')
    need([t['house_id'] for t in again.json['tasks']] ==
         [t['house_id'] for t in a.json['tasks']], again)


def letter(id, to='helper-coworker', **more):
    return {'_type': 'envelope', 'id': id, 'envelope_type': 'notify',
            'from': 'old', 'to': to, 'subject': 'about ' + id,
            'at': '2026-01-02T03:04:05Z', 'state': 'pending', **more}


def ack(id, by):
    return {'_type': 'transition', 'id': id, 'event': 'ack', 'prior_state':
            'pending', 'new_state': 'actioned', 'acked_by': by,
            'at': '2026-01-03T00:00:00Z'}


def box(h, name):
    return {m['id']: m for m in h.get('/api/mail?mailbox=' + name).json[
        'letters']}


@test
def letters_that_wait_are_sent_once_and_broadcasts_with_their_readers():
    with House() as h:
        h.start()
        made = files(h, 'mail', **{
            'mailbox__helper-coworker': [
                letter('one', colour='red', ack_required=True), letter('two'),
                ack('two', 'helper-coworker'), ack('all', 'helper-coworker'),
                {'type': 'ping', 'id': 'old', 'from': 'x', 'subject': 's',
                 'sent_at': '2026-01-02T03:04:05Z'},
                {'type': 'ping', 'id': 'half'}],
            'mailbox___broadcast': [letter('all', 'broadcast'),
                                    letter('more', 'broadcast')]})
        a = h.cli('task', 'import', made)
        need(a.code == 0 and a.out.count('would send letter') == 4, a)
        need(box(h, 'helper-coworker') == {}, 'a dry run sent')
        a = h.cli('task', 'import', made, '--write', '--json')
        need(a.code == 0 and a.json['counts']['letters_sent'] == 4 and
             a.json['counts']['letters_not_whole'] == 1, a)
        mine = box(h, 'helper-coworker')
        need(set(mine) == {'one', 'old', 'more'}, mine)
        need(mine['one']['letter']['payload'] == {'legacy':
                                                  {'colour': 'red'}}, mine)
        need(set(box(h, 'operator')) == {'all', 'more'})
        before = len(h.events())
        a = h.cli('task', 'import', made, '--write', '--json')
        need(a.code == 0 and a.json['counts']['letters_sent'] == 0 and
             a.json['counts']['letters_there'] == 4, a)
        need(len(h.events()) == before, 'the second one wrote')
        need(h.cli('task', 'import', files(h, 'nobody', mailbox__nobody=[
            letter('x', 'nobody')]), '--write').code == 1)


@test
def what_ended_and_was_forgotten_is_not_imported_again():
    with House(config='[book]\nkeep_ended = "1s"\n') as h:
        h.start()
        odd = {**task(0x61), 'id': 'fin-0061'}
        made = files(h, 'in', queues__helper=[odd, task(0x62)], **{
            'mailbox__helper-coworker': [letter('one')],
            'mailbox___broadcast': [
                letter('all', 'broadcast', expires_at='2030-01-01T00:00:00Z')],
            'mailbox__operator': [ack('all', 'operator')]})
        a = h.cli('task', 'import', made, '--write', '--json')
        need(a.code == 0 and a.json['counts']['dispatched'] == 2 and
             a.json['counts']['letters_sent'] == 2, a)
        fin = [t['house_id'] for t in a.json['tasks'] if t['id'] != ID % 0x62]
        for one in (*fin, ID % 0x62):
            h.outcome(one)
        own = [e['body']['mail'] for e in h.events() if e['kind'] == 'mail_put'
               and e['body'].get('task') == ID % 0x62]
        # Of its own task's letter a file may say that it waits.
        write(made + '/mailbox/helper-coworker.jsonl',
              json.dumps(letter('one')) + '\n' +
              ''.join(json.dumps(m) + '\n' for m in own))
        need(len(own) == 1 and own[0]['envelope_type'] == 'task', own)
        acked = ['one'] + [m['id'] for m in box(h, 'helper-coworker').values()
                           if m['letter']['envelope_type'] == 'task']
        need(own[0]['id'] in acked and len(acked) == 3, acked)
        for m in acked:
            need(h.post('/api/mail/%s/ack' % m, {
                'mailbox': 'helper-coworker'}).code == 200)
        until(lambda: all(h.get('/api/mail/' + m, quiet=True).code == 404
                          for m in acked), 60, 'they are not forgotten')
        until(lambda: all([e for e in h.events() if e['kind'] == 'queue_forgot'
                           and e['body']['before'] > h.task(t)['updated_at']]
                          for t in (*fin, ID % 0x62)), 60,
              'the tasks are not forgotten')
        there = ids(h)
        for again in (False, True):
            if again:
                h.stop()
                h.start()
            a = h.cli('task', 'import', made, '--write', '--json')
            counts = a.json['counts']
            need(a.code == 0 and (counts['dispatched'], counts['there']) ==
                 (0, 2), again, a)
            need((counts['letters_sent'], counts['letters_there'],
                  counts['letters_refused']) == (0, 3, 0), again, a)
            need([t['house_id'] for t in a.json['tasks'] if
                  t['id'] != ID % 0x62] == fin, again, a)
            need(set(box(h, 'helper-coworker')) == {'all'}, again)
        need(set(ids(h)) == set(there))
        said = h.post('/api/mail', letter('one'))
        need(said.code == 409 and 'forgotten' in said.out, said)
        said = h.post('/api/mail', own[0])
        need(said.code == 409 and 'forgotten' in said.out, said)
        # A letter about a task that was forgotten is a letter like any other.
        about = letter('anew', envelope_type='task',
                       payload={'task_id': ID % 0x62})
        need(h.post('/api/mail', about).code == 201)
        need('anew' in box(h, 'helper-coworker'))


@test
def what_the_house_refuses_is_told_and_the_rest_goes_in():
    h = house()
    folder = files(h, 'bad', queues__nobody=[
        {**task(0x20), 'queue': 'nobody'}], queues__helper=[
        task(0x21, depends_on=[ID % 0x22]), task(0x22, depends_on=[ID % 0x21]),
        task(0x23)])
    a = h.cli('task', 'import', folder, '--write', '--json')
    need(a.code == 1, a)
    said = {t['id']: t for t in a.json['tasks']}
    need('nobody' in said[ID % 0x20]['problem'], said)
    need('depends' in said[ID % 0x21]['problem'], said)
    need(said[ID % 0x23]['outcome'] == 'dispatched', said)


@test
def blocks_among_the_files_is_depends_on_of_the_other_side():
    h = house()
    folder = files(h, 'blocks', queues__helper=[
        task(0x31, depends_on=[ID % 0x32]), task(0x32, blocks=[ID % 0x31])])
    a = h.cli('task', 'import', folder, '--write')
    need(a.code == 0, a)
    need(h.task(ID % 0x31)['record']['depends_on'] == [ID % 0x32],
         h.task(ID % 0x31))


@test
def an_export_is_clean_and_comes_in_again_with_the_same_ids():
    h = house()
    failed = h.dispatch([{'id': 'a', 'tool': 'shell',
                          'args': {'command': 'exit 3'}}])
    h.outcome(failed)
    h.ok('task', 'import', files(h, 'some', queues__helper=[
        task(0x51, depends_on=[ID % 0x52]), task(0x52)]), '--write')
    until(lambda: {t['state'] for t in ids(h).values()} <= set(FINAL), 20,
          'tasks have not ended')
    out = os.path.join(h.folder, 'out')
    a = h.ok('task', 'export', out)
    there = ids(h)
    need('%d tasks' % len(there) in a.out, a)
    h.ok('validate', out)
    lines = rows(out + '/queues/helper.jsonl')
    last = {r['id']: r for r in lines if r['_type'] == 'task'}
    need(set(last) == set(there), last)
    for id, t in there.items():
        need(last[id]['state'] == t['state'], last[id], t)
    need(last[ID % 0x51]['result'] == {'n': 0x51}, last[ID % 0x51])
    need(last[failed]['error']['error_type'], last[failed])
    need([r['event'] for r in lines if r['_type'] == 'transition' and
          r['id'] == ID % 0x51] == ['claim', 'complete'], lines)
    letters = [r for n in os.listdir(out + '/mailbox')
               for r in rows(out + '/mailbox/' + n)]
    need({r['payload']['task_id'] for r in letters
          if r['_type'] == 'envelope' and 'task_id' in r.get('payload', {})}
         >= {failed}, letters)
    again = h.cli('task', 'export', out)
    need(again.code == 5 and 'there already' in again.err, again)
    a = h.cli('task', 'import', out, '--write')
    need(a.code == 0 and set(ids(h)) == set(there), a)


@test
def a_result_too_long_for_an_event_is_exported_whole():
    with House() as h:
        h.start()
        task = h.dispatch([{'id': 'end', 'tool': 'finish',
                            'args': {'text': 'x' * 100000}}])
        h.outcome(task)
        out = os.path.join(h.folder, 'out')
        a = h.cli('task', 'export', out)
        # The letter with the result is as long, and can be asked for nowhere.
        need(a.code == 1 and '1 events show no body' in a.err, a)
        h.ok('validate', out)
        last = rows(out + '/queues/helper.jsonl')[-1]
        need(last['state'] == 'completed' and
             last['result'] == {'text': 'x' * 100000}, str(last)[:300])


@test
def another_house_takes_the_same_ids():
    folder = files(house(), 'wait', queues__helper=[
        task(0x41), task(0x42, depends_on=[ID % 0x41])])
    with House() as other:
        a = other.start().ok('task', 'import', folder, '--write')
        out = os.path.join(other.folder, 'out')
        other.outcome(ID % 0x42)
        other.ok('task', 'export', out)
        other.ok('validate', out)
        need({ID % 0x41, ID % 0x42} == set(ids(other)), a)


if __name__ == '__main__':
    code = main()
    if HOUSE:
        HOUSE.__exit__()
    sys.exit(code)
