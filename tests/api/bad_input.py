#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Everything that can be wrong with what a house is given: each gives one
sentence that says what, where and what to do, the exit code of the design, and
loses nothing."""
import os
import shlex
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403

TYPED = """\
[task.add]
tools  = ["shell", "add"]
brain  = "runbook"
input.required = ["left", "right"]
input.properties.left  = { type = "integer" }
input.properties.right = { type = "integer" }
output.required = ["sum"]
output.properties.sum = { type = "integer" }
"""

ADD = SERVER + """
[tool.add]
description = "Add two numbers"
action      = "read"
idempotent  = true
[tool.add.input]
type = "object"
required = ["left", "right"]
additionalProperties = false
properties.left  = { type = "integer" }
properties.right = { type = "integer" }
[tool.add.run]
exec = ["/bin/sh", "-c", 'echo $(($1 + $2))', "add", "{{left}}", "{{right}}"]
"""

CALC = {'role.toml': TYPED, 'gates.toml': GATES, 'mcp/server.toml': ADD}
ROLES = {'helper': HELPER, 'calc': CALC}


def finish(**args):
    return {'id': 'end', 'tool': 'finish', 'args': args}


def add(left, right, id='sum'):
    return {'id': id, 'tool': 'add', 'args': {'left': left, 'right': right}}


def sentence(answer, code, *words):
    """The exit code, and one sentence on stderr that holds all words."""
    lines = [line for line in answer.err.splitlines() if line.strip()]
    need(answer.code == code, 'exit code %d is wanted:' % code, answer)
    need(lines and not any(w in answer.err for w in
                           ('Assertion', 'must', 'Traceback')) or
         'must' in words or lines, 'a sentence is wanted:', answer)
    for word in words:
        need(word in answer.err, 'it must say %r:' % word, answer)
    return lines


def one_sentence(answer, code, *words):
    need(len(sentence(answer, code, *words)) == 1, 'one sentence:', answer)


class Unchanged:
    """Nothing is lost and nothing has come: the same tasks, the book whole."""

    def __init__(self, h):
        self.h = h

    def __enter__(self):
        self.before = self.h.read('task', 'list')
        self.pids = self.h.pids()

    def __exit__(self, kind, *_):
        if kind is None:
            need(self.h.read('task', 'list') == self.before,
                 'the tasks have changed')
            need(self.h.pids() == self.pids, 'a part was started again')
            self.h.verified()


HOUSE = None


def house():
    global HOUSE
    if HOUSE is None:
        HOUSE = House(ROLES)
        HOUSE.start()
        task = HOUSE.run([add(1, 2), finish(sum=3)], queue='calc', kind='add',
                         left=1, right=2)
        need(task['state'] == 'completed', task)
    return HOUSE


# --- options -------------------------------------------------------------------

@test
def an_option_without_its_value_is_named():
    h = house()
    for command, option in (
            (('approve', 'w-x', '--remember'), '--remember'),
            (('run', 'calc', 'add', 's', '--payload'), '--payload'),
            (('vault', 'put', 'x', '--host'), '--host')):
        one_sentence(h.cli(*command), 2, option, 'wants a value')


@test
def an_answer_that_finds_no_room_is_no_success():
    """Nor is it said to what was opened in the place of a closed stream."""
    h = house()
    ask = '"$0" %%s --config "%s" --state "%s" %%s' % (h.config, h.state)
    for line, code in (('status %s >/dev/full', 1),
                       ('task list --json %s >/dev/full', 1),
                       ('task show nothing %s >/dev/full', 4),
                       ('status %s >&-', 0), ('status %s <&- >&- 2>&-', 0),
                       ('status %s >/dev/null', 0)):
        command, rest = line.split(' %s')
        a = subprocess.run(['sh', '-c', ask % (command, rest), h.handrail],
                           env=h.env, text=True, capture_output=True)
        need(a.returncode == code, line, a)
        need(('is cut' in a.stderr and 'No space left' in a.stderr) ==
             (code == 1), line, a)
    made = os.path.join(h.folder, 'made')
    subprocess.run(['sh', '-c', '"$0" init "$1" <&- >&- 2>&-', h.handrail,
                    made], env=h.env, check=True)
    one = subprocess.run([h.handrail, 'init', made + '2'], env=h.env,
                         check=True, capture_output=True)
    need(open(made + '/roles/helper/role.toml').read() ==
         open(made + '2/roles/helper/role.toml').read(), one)


@test
def a_timeout_that_is_no_number_is_named():
    h = house()
    with Unchanged(h):
        for command in (('run', 'calc', 'add', 's'), ('task', 'watch', 'x'),
                        ('dispatch', '--queue', 'calc', '--subject', 's')):
            one_sentence(h.cli(*command, '--timeout', '1s'), 2, '--timeout',
                         'seconds', '"1s"')


@test
def tasks_are_listed_by_a_state_that_exists():
    h = house()
    need(' completed ' in h.ok('task', 'list', 'completed').out)
    need(h.ok('task', 'list', 'failed').out == '')
    one_sentence(h.cli('task', 'list', 'done'), 1, '"done"',
                 'pending, in_progress, completed, blocked or failed')
    need(h.get('/api/tasks?state=done').code == 400)


@test
def a_parameter_that_a_route_has_not_is_refused_with_those_it_has():
    h = house()
    body = {'queue': 'calc', 'subject': 's', 'payload': {'a': 1, 'b': 2}}
    with Unchanged(h):
        for target in ('?kye=x', '?key=x&kye=y', '?kye', '?KEY=x', '?k%65y=x'):
            a = h.post('/api/tasks' + target, body)
            need(a.code == 400 and 'POST /api/tasks has no parameter' in
                 a.json['message'] and 'it takes key' in a.json['message'], a)
        for target, takes in (('/api/tasks?stat=failed', 'queue state dead'),
                              ('/api/waits?all=1&page=2', 'all after limit'),
                              ('/api/status?queue=calc', 'nothing')):
            a = h.get(target)
            need(a.code == 400 and 'it takes ' + takes in a.json['message'], a)
        a = h.post('/api/mail/nothing/ack?mailbox=operator', {})
        need(a.code == 400 and 'mailbox' in a.json['message'], a)
        need(h.get('/api/tasks?').code == h.get('/api/tasks?&').code ==
             h.get('/api/tasks?&dead=1&queue=calc').code == 200)


@test
def a_probe_may_add_to_healthz_what_it_likes():
    h = house()
    with Unchanged(h):
        for more in ('?x=1', '?verbose', '?_=1732752000&exclude=etcd', '?*'):
            need(h.get('/healthz' + more, token=False).code == 200, more)
    need({'/healthz': '*', '/api/status': ''}.items() <=
         {r['path']: r['query'] for r in h.get('/api').json['routes']}.items())


@test
def what_core_may_not_read_is_named_with_the_command_that_mends_it():
    if os.getuid():
        raise Skipped('core has the user\'s own id')
    with House() as h:
        h.ok('vault', 'init')
        role = h.folder + '/roles/helper/'
        for path, mode in ((h.config, 0o600), (role + 'role.toml', 0o400),
                           (role + 'gates.toml', 0o600), (role[:-8], 0o700),
                           (role + 'mcp/server.toml', 0o600),
                           (role + 'mcp', 0o700)):
            os.chmod(path, mode)
            h.spawn()
            need(h.wait(20) == 1, path)
            [said] = [x for x in h.log()[h.mark:].splitlines()
                      if x.startswith('handrail: ')]
            core = os.stat(h.state + '/book').st_uid
            need(path in said and 'user %d ' % core in said, said)
            subprocess.run(said.split('`')[1], shell=True, check=True)
        need(not os.stat(h.config).st_mode & 0o007 and
             os.stat(h.config).st_gid == core, 'core alone was let in')
        h.start()


@test
def a_book_that_core_may_not_open_is_named_with_the_command_that_mends_it():
    if os.getuid():
        raise Skipped('core has the user\'s own id')
    with House() as h:
        h.start()
        h.stop()
        book = h.state + '/book'
        for name in os.listdir(book):
            os.chown(book + '/' + name, 0, 0)
        said = h.closed(' %s`' % book)
        core = os.stat(book).st_uid
        need('%s/book.db: user %d may not' % (book, core) in said, said)
        subprocess.run(said.split('`')[1], shell=True, check=True)
        h.start()
        h.verified()


@test
def a_pipe_where_a_house_reads_a_file_is_named_and_not_waited_for():
    with House() as h:
        word = h.state + '/vault.pass'
        role = h.folder + '/roles/helper/'
        os.makedirs(h.state)
        write(word, 'a long passphrase\n', 0o600)
        h.ok('vault', 'init', '--passphrase-file', word)
        for path in (word, h.state + '/vault.key', h.config,
                     role + 'role.toml', role + 'gates.toml',
                     role + 'mcp/server.toml'):
            os.rename(path, path + '.kept')
            os.mkfifo(path)
            os.chmod(path, os.stat(path + '.kept').st_mode)
            h.closed(path + ' is a pipe and not read: put a file')
            os.rename(path + '.kept', path)
        h.start()
        os.rename(role + 'gates.toml', role + 'kept')
        os.mkfifo(role + 'gates.toml')
        h.reload()
        need('gates.toml is a pipe' in h.log()[h.mark:], h.log()[h.mark:])
        h.ok('status')


@test
def a_pipe_that_a_command_is_given_is_read():
    h = house()
    run = ' '.join((h.handrail, 'run', '--config', h.config, '--state',
                    h.state, 'calc add s --payload @<(sleep 0.1; echo %s)' %
                    shlex.quote(json.dumps({'left': 1, 'right': 2, 'runbook': [
                        add(1, 2), finish(sum=3)]}))))
    done = subprocess.run(['bash', '-c', run], env=h.env, text=True,
                          stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT,
                          stdout=subprocess.PIPE)
    need(done.returncode == 0 and 'completed' in done.stdout, done)


@test
def a_cut_id_is_told_from_one_that_names_nothing():
    h = house()
    gone = '01a21e46-704b-75eb-9fdd-000000000001'
    with Unchanged(h):
        for of, verbs in (('task', ('show', 'retry', 'watch', 'cancel')),
                          ('session', ('show', 'watch'))):
            for verb in verbs:
                one_sentence(h.cli(of, verb, gone[:-1]), 4, gone[:-1],
                             'not the whole id of a ' + of,
                             '`handrail %s list`' % of)
                a = h.cli(of, verb, gone)
                need(a.code == 4 and 'there is no ' + of in a.err, a)
        one_sentence(h.cli('session', 'list', '--task', gone[:-1]), 4,
                     gone[:-1], 'not the whole id of a task')
        need(not h.read('session', 'list', '--task', gone)['sessions'])
        wait = 'w-abcdefghijklmnop2345'
        for cut, whole in ((wait[:-1], wait), (gone[:-1] + '.1', gone + '.1'),
                           (gone, gone + '.1')):
            for verb in (('inbox', cut), ('approve', cut),
                         ('deny', cut, '--reason', 'no'), ('answer', cut, 'a'),
                         ('task', 'resolve', cut, '--happened')):
                one_sentence(h.cli(*verb), 4, cut, 'neither the whole id of',
                             'nor a call', '`handrail inbox`')
                verb = [whole if word == cut else word for word in verb]
                one_sentence(h.cli(*verb), 4, 'nothing waits as "%s"' % whole)


@test
def a_letter_to_nobody_names_where_mailboxes_are_told():
    h = house()
    one_sentence(h.cli('mail', 'send', '--to', 'calc', '--subject', 's'), 4,
                 'no mailbox "calc"', 'nothing was written', 'ROLE-coworker')


@test
def a_value_too_short_to_be_looked_for_is_taken_and_said_once():
    h = house()
    put = ('vault', 'put', 'pin', '--host', 'pin.test')
    a = h.ok(*put, input='1234567\n')
    need(a.err.count('\n') == 1 and 'a value of 7 bytes: ' in a.err, a)
    need(h.ok('vault', 'rotate', 'pin', input='12345678\n').err == '')


@test
def a_value_for_what_takes_none_is_refused():
    h = house()
    with Unchanged(h):
        for line in ('status --json=no', 'task list --dead=false',
                     'stop --all=no', 'mail recv --help=x'):
            option, _ = line.split()[-1].split('=')
            one_sentence(h.cli(*line.split()), 2, option + ' takes no value')


# --- e2m lines ------------------------------------------------------------------

GOOD = ('{"_type":"task","id":"01930000-0000-7000-8000-00000000000%d",'
        '"queue":"calc","subject":"s","from":"tester","state":"pending",'
        '"created_at":"2026-01-01T00:00:00Z",'
        '"updated_at":"2026-01-01T00:00:00Z","payload":{"type":"add","left":1,'
        '"right":2,"runbook":[{"id":"a","tool":"add",'
        '"args":{"left":1,"right":2}}]}}\n')


def lines_file(h, text):
    path = os.path.join(h.folder, 'tasks.jsonl')
    write(path, text)
    return path


@test
def malformed_lines_name_the_file_and_line_and_nothing_is_dispatched():
    h = house()
    for bad in ('{"_type":"task"\n', 'no json at all\n', '[]\n',
                '{"_type":"task","_type":"task"}\n',
                '{"_type":"letter"}\n', '{"_type":"task","id":"x"}\n',
                GOOD % 2 + GOOD.replace('"pending"', '"sleeping"') % 3):
        with Unchanged(h):
            path = lines_file(h, GOOD % 1 + bad)
            line = 1 + len(bad.splitlines())
            a = h.cli('dispatch', '--file', path)
            sentence(a, 1, '%s:%d' % (path, line), 'nothing was dispatched')
            need(len(a.err.splitlines()) == 2, 'one sentence a line:', a)


@test
def a_file_that_is_not_there_is_named():
    h = house()
    one_sentence(h.cli('dispatch', '--file', '/nowhere/tasks'), 4,
                 '/nowhere/tasks')


@test
def an_empty_file_dispatches_nothing():
    h = house()
    with Unchanged(h):
        sentence(h.cli('dispatch', '--file', lines_file(h, '')), 1, 'nothing')


# --- tasks -------------------------------------------------------------------------

def dispatch(h, payload, queue='calc', kind='add'):
    return h.cli('dispatch', '--queue', queue, '--subject', 's', '--type',
                 kind, '--payload', json.dumps(payload))


@test
def a_payload_that_is_not_of_its_type_is_refused_at_dispatch():
    h = house()
    steps = [add(1, 2)]
    with Unchanged(h):
        one_sentence(dispatch(h, {'left': 1, 'right': 'two',
                                  'runbook': steps}), 1, 'payload', 'right',
                     'whole number')
        # A key that goes on behind a NUL is another one.
        one_sentence(dispatch(h, {'left': 1, 'right': 'two', 'right\0': 2,
                                  'runbook': steps}), 1, 'payload', 'right',
                     'whole number')
        one_sentence(dispatch(h, {'left': 1, 'runbook': steps}), 1, 'payload',
                     'right')
        one_sentence(dispatch(h, {'left': 1, 'right': 2}), 1, 'runbook')
        one_sentence(dispatch(h, {}, kind='subtract'), 1, 'subtract')
        one_sentence(h.cli('dispatch', '--queue', 'calc', '--subject', 's',
                           '--payload', '{"left":'), 1, '--payload')
        one_sentence(h.cli('dispatch', '--queue', 'calc', '--subject', 's',
                           '--payload', '[]'), 1, '--payload', 'object')


@test
def an_unknown_queue_is_not_found():
    h = house()
    with Unchanged(h):
        one_sentence(dispatch(h, {}, queue='nobody'), 4, 'nobody', 'role list')


@test
def an_unknown_tool_in_a_runbook_is_refused_at_dispatch():
    h = house()
    with Unchanged(h):
        one_sentence(dispatch(h, {
            'left': 1, 'right': 2,
            'runbook': [{'id': 'a', 'tool': 'format_disk', 'args': {}}]}), 1,
            'format_disk', 'runbook')


@test
def arguments_that_do_not_match_are_refused_at_dispatch():
    h = house()
    with Unchanged(h):
        one_sentence(dispatch(h, {'left': 1, 'right': 2, 'runbook': [
            add(1, 'two')]}), 1, 'right', 'runbook')
        one_sentence(dispatch(h, {'left': 1, 'right': 2, 'runbook': [
            {'id': 'a', 'tool': 'add', 'args': {'left': 1}}]}), 1, 'right')
        one_sentence(dispatch(h, {'left': 1, 'right': 2, 'runbook': [
            {'id': 'a', 'tool': 'add',
             'args': {'left': '${later.stdout}', 'right': 2}}]}), 1, 'later')


@test
def arguments_made_of_results_are_checked_before_the_call():
    h = house()
    task = h.run([shell('echo two', id='word'),
                  add(1, '${word.stdout}')], queue='calc', kind='add', left=1,
                 right=2)
    call = task['runs'][0]['calls'][1]
    need(task['state'] == 'failed', task)
    need(call['starts'] == 0 and call['result']['error'] == 'input' and
         'right' in call['result']['message'], call)


@test
def a_result_that_is_not_of_its_type_fails_the_task():
    h = house()
    task = h.run([finish(sum='three')], queue='calc', kind='add', left=1,
                 right=2)
    need(task['error']['error_type'] == 'schema_validation' and
         'sum' in task['error']['message'], task)
    need(h.outcomes(task['id']) == ['fail'], h.outcomes(task['id']))


@test
def a_receipt_writes_over_nothing():
    h = house()
    task = h.read('task', 'list')['tasks'][0]['id']
    path = os.path.join(h.folder, 'kept')
    write(path, 'mine')
    for option in '-o', '--output':
        one_sentence(h.cli('receipt', task, option, path), 5, path,
                     'there already', 'writes over nothing')
    with open(path) as f:
        need(f.read() == 'mine')
    need('receipt_made' not in [e['kind'] for e in h.events()])
    h.ok('receipt', task, '-o', path + '.new')


@test
def an_unknown_task_is_not_found():
    h = house()
    for args in (('show',), ('cancel',), ('watch',)):
        one_sentence(h.cli('task', *args,
                           '01930000-0000-7000-8000-0000000000ff'), 4,
                     '01930000-0000-7000-8000-0000000000ff')
    one_sentence(h.cli('task', 'show', '../../etc/passwd'), 4)
    one_sentence(h.cli('approve', 'nothing'), 4, 'nothing')


@test
def a_wrong_command_line_is_usage():
    h = house()
    for args in (('dispatch',), ('task', 'paint'), ('status', 'now'),
                 ('deny', 'x'), ('sandbox', 'run'), ('fly',), ('up', 'now')):
        a = h.cli(*args)
        need(a.code == 2 and 'handrail' in a.err, args, a)


# --- what an operator wrote ------------------------------------------------------

def wrong_file(path, text, code, *words):
    """up with one file changed."""
    with House(ROLES) as h:
        write(os.path.join(h.folder, path), text)
        h.ok('vault', 'init')
        h.spawn()
        got = h.wait(10)
        log = h.log()
        need(got == code, 'exit code %d, not %d:\n%s' % (code, got, log))
        said = [line for line in log.splitlines()
                if all(w in line for w in words)]
        need(len(said) == 1, 'one line with %s:\n%s' % (words, log))
        h.gone()


@test
def an_unknown_key_names_file_line_and_column():
    wrong_file('handrail.toml', 'device = "linux"\nmodels = 3\n', 1,
               'handrail.toml:2:1', 'models')
    wrong_file('roles/calc/role.toml', TYPED + 'tolls = ["shell"]\n', 1,
               'roles/calc/role.toml:9:', 'tolls')
    wrong_file('roles/calc/gates.toml', GATES + '\n[gate.a]\nmacht = {}\n', 1,
               'roles/calc/gates.toml:5:', 'macht')
    wrong_file('roles/calc/mcp/server.toml', SERVER + 'indempotent = true\n',
               1, 'mcp/server.toml:6:', 'indempotent')


@test
def broken_toml_names_file_line_and_column():
    wrong_file('handrail.toml', 'device = "linux\n', 1, 'handrail.toml:1:')
    wrong_file('roles/calc/gates.toml', '[defaults]\nunmatched = "allow"\n'
               'unmatched = "deny"\n', 1, 'gates.toml:3:1')
    wrong_file('roles/calc/gates.toml', '[defaults]\nunmatched = "maybe"\n', 1,
               'gates.toml:2:', 'unmatched', 'ask')


@test
def a_role_that_names_what_is_not_there_does_not_come_up():
    wrong_file('roles/calc/role.toml', TYPED.replace('"add"]', '"addd"]'), 1,
               'addd')
    wrong_file('roles/calc/role.toml', TYPED.replace(
        '"runbook"', '"model.other"'), 1, 'model.other')


@test
def no_configuration_says_how_to_get_one():
    with House() as h:
        os.unlink(h.config)
        a = subprocess.run([h.handrail, 'up', '--state', h.state], cwd='/tmp',
                           env={**h.env, 'HOME': h.folder}, text=True,
                           capture_output=True)
        one_sentence(Answer(a.returncode, a.stdout, a.stderr), 1,
                     'handrail init', '--config')


@test
def a_configuration_that_cannot_be_read_is_not_another_houses():
    with House() as h:
        h.start()
        # Where a command would look that reads no configuration.
        home = os.path.join(h.folder, '.local/state/handrail')
        os.makedirs(os.path.dirname(home))
        os.symlink(h.state, home)

        def ask(*args):
            a = subprocess.run(
                ['setpriv', '--reuid=65534', '--clear-groups', h.handrail,
                 *args] if os.geteuid() == 0 else [h.handrail, *args],
                cwd='/', env={**h.env, 'HOME': h.folder}, text=True,
                capture_output=True)
            return Answer(a.returncode, a.stdout, a.stderr)

        broken = os.path.join(h.folder, 'broken.toml')
        write(broken, 'state = 3\n')
        for path, code in ((broken, 1), (h.folder + '/none.toml', 4)):
            for args in (('status',), ('stop', '--all'), ('vault', 'init'),
                         ('vault', 'rekey'), ('restore', '/none')):
                one_sentence(ask(*args, '--config', path), code, path,
                             '--state')
            need(ask('validate', '--schema', '--config', path).code == 0)
        need(h.read('status')['stopped'] == [], h.read('status'))


@test
def a_closed_role_is_named_at_reload_and_the_others_run():
    with House(ROLES) as h:
        h.start()
        h.role_file('calc', 'gates.toml', '[defaults]\nunmatchd = "ask"\n')
        core = h.pids()['core']
        os.kill(core, signal.SIGHUP)
        until(lambda: 'gates.toml:2:1' in h.log(), 5, 'no word of the reload')
        one_sentence(dispatch(h, {'left': 1, 'right': 2, 'runbook': [
            add(1, 2)]}), 3, 'calc', 'closed', 'gates.toml:2:1')
        need(h.run([shell('true')])['runs'][0]['calls'][0]['end'] == 'ok')
        h.role_file('calc', 'gates.toml', GATES)
        os.kill(core, signal.SIGHUP)
        until(lambda: dispatch(h, {'left': 1, 'right': 2, 'runbook': [
            add(1, 2)]}).code == 0, 5, 'the role stays closed')


@test
def a_role_that_was_broken_meanwhile_is_closed_when_core_is_started_again():
    with House(ROLES) as h:
        h.start()
        h.role_file('calc', 'gates.toml', '[defaults]\nunmatchd = "ask"\n')
        end_process(h.pids()['core'])
        h.whole(20)
        one_sentence(dispatch(h, {'left': 1, 'right': 2, 'runbook': [
            add(1, 2)]}), 3, 'calc', 'closed', 'gates.toml:2:1')
        need(h.run([shell('true')])['runs'][0]['calls'][0]['end'] == 'ok')
        h.role_file('calc', 'gates.toml', GATES)
        os.kill(h.pids()['core'], signal.SIGHUP)
        until(lambda: dispatch(h, {'left': 1, 'right': 2, 'runbook': [
            add(1, 2)]}).code == 0, 5, 'the role stays closed')
        # The operator, who can mend it, hears it at once.
        h.role_file('calc', 'gates.toml', '[defaults]\nunmatchd = "ask"\n')
        need(h.stop() == 0)
        h.closed('unmatchd')


# --- the house itself ----------------------------------------------------------------

@test
def a_second_house_on_the_same_state_is_a_conflict():
    h = house()
    with Unchanged(h):
        one_sentence(h.cli('up'), 5, h.state, 'already', '--state')


@test
def a_taken_address_is_named():
    with House() as h:
        s = socket.socket()
        s.bind(('127.0.0.1', h.port))
        s.listen()
        h.ok('vault', 'init')
        one_sentence(h.cli('up'), 1, '127.0.0.1:%d' % h.port, 'listen')
        s.close()


@test
def no_house_is_unavailable():
    with House() as h:
        for args in (('status',), ('task', 'list'), ('inbox',)):
            one_sentence(h.cli(*args), 3, 'cli.sock', 'handrail up')
        one_sentence(h.cli('status', env={
            'HANDRAIL_URL': 'http://127.0.0.1:%d' % h.port}), 3,
            str(h.port))


@test
def without_a_vault_key_the_house_says_how_to_make_one():
    with House() as h:
        one_sentence(h.cli('up'), 1, 'handrail vault init', h.state)
        h.ok('vault', 'init')
        one_sentence(h.cli('vault', 'init'), 5, 'vault.key')
        h.start()
        need(h.stop() == 0)
        key = os.path.join(h.state, 'vault.key')
        os.rename(key, key + '.away')
        a = h.cli('up')
        one_sentence(a, 1, 'put it back as ' + key)
        need('vault init' not in a.err, 'another key opens nothing here', a)
        os.rename(key + '.away', key)
        h.start()


@test
def a_provider_key_in_the_environment_closes_the_house():
    with House() as h:
        h.ok('vault', 'init')
        a = h.cli('up', env={'ANTHROPIC_API_KEY': 'sk-ant-0123456789'})
        one_sentence(a, 1, 'ANTHROPIC_API_KEY', 'unset', 'vault put')
        need('sk-ant' not in a.err + a.out, 'the key itself was shown')


@test
def an_empty_provider_key_is_removed_with_a_warning():
    with House() as h:
        h.start(env={'ANTHROPIC_API_KEY': ''})
        need('warn' in h.log() and 'ANTHROPIC_API_KEY' in h.log(), h.log())
        if os.geteuid() != 0:
            raise Skipped('only root may read the environment of a part')
        seen = 0
        for pid in descendants(h.process.pid):
            try:
                with open('/proc/%d/environ' % pid, 'rb') as f:
                    need(b'ANTHROPIC' not in f.read(), 'it reached a part')
                seen += 1
            except (FileNotFoundError, ProcessLookupError):
                pass  # it has ended
            except PermissionError:  # not dumpable, and we are not root
                need(os.getuid(), 'root cannot see an environment')
        need(seen >= len(PARTS), 'hardly an environment was seen', seen)


@test
def clients_do_not_mind_a_provider_key():
    h = house()
    need(h.cli('status', env={'ANTHROPIC_API_KEY': 'x'}).code == 0)


@test
def a_provider_key_in_arguments_is_refused_and_not_shown():
    h = house()
    key = 'sk-ant-api03-' + 'A1b2' * 24
    with Unchanged(h):
        a = dispatch(h, {'left': 1, 'right': 2, 'runbook': [
            shell('export ANTHROPIC_API_KEY=%s' % key)]})
        sentence(a, 1)
        need(key not in a.err + a.out, 'the key itself was shown')


# --- a full disk ------------------------------------------------------------------

@test
def a_full_disk_answers_503_and_loses_nothing():
    with House(ROLES) as h:
        h.on_tiny_disk()
        before = h.run([add(1, 2), finish(sum=3)], queue='calc', kind='add',
                       left=1, right=2)
        need(before['state'] == 'completed', before)
        h.fill_disk()
        body = {'queue': 'calc', 'subject': 'full', 'payload': {
            'type': 'add', 'left': 4, 'right': 5,
            'note': 'x' * 100000,
            'runbook': [add(4, 5), finish(sum=9)]}}
        pids = h.pids()
        a = h.post('/api/tasks', body)
        need(a.code == 503, 'dispatch on a full disk', a)
        need(h.state in a.json['message'] and 'space' in a.json['message'], a)
        one_sentence(dispatch(h, {'left': 1, 'right': 2, 'runbook': [
            add(1, 2)]}), 3, h.state, 'space')
        need(h.get('/healthz', token=False).code == 503)
        need(h.read('status')['stalled'], 'status does not say it')
        need(h.task(before['id'])['state'] == 'completed', 'reading')
        h.free_disk()
        until(lambda: h.get('/healthz', token=False).code == 200, 10,
              'it does not go on')
        need(h.pids() == pids, 'a part was started again')
        task = h.run([add(4, 5), finish(sum=9)], queue='calc', kind='add',
                     left=4, right=5)
        need(task['state'] == 'completed', task)
        for t in h.read('task', 'list')['tasks']:
            need(h.outcome(t['id'])['state'] in FINAL, t)
            need(len(h.outcomes(t['id'])) == 1, t)
        h.verified()


@test
def a_disk_that_fills_during_a_run_stops_effects_until_there_is_space():
    with House(ROLES) as h:
        h.on_tiny_disk()
        work = shell('echo one >>/work/log; sleep 0.5')
        task = h.dispatch([dict(work, id='s%d' % n) for n in range(5)] + [
            shell('echo one >>/work/log; ' + UNTIL_GO, id='s5'),
            shell('wc -l </work/log', id='count')])
        until(lambda: 'call_settled' in h.kinds(task), text='no call ends')
        h.fill_disk()
        h.go()
        until(lambda: h.get('/healthz', token=False).code == 503,
              text='the disk is not full')
        time.sleep(1.2)
        h.free_disk()
        done = h.outcome(task)
        calls = done['runs'][0]['calls']
        need([c['starts'] for c in calls] == [1] * 7, calls)
        need(calls[-1]['result']['stdout'].strip() == '6', calls[-1])
        need(len(h.outcomes(task)) == 1, h.outcomes(task))
        h.verified()


if __name__ == '__main__':
    code = main()
    if HOUSE:
        HOUSE.__exit__()
    sys.exit(code)
