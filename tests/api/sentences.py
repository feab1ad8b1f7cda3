#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a person reads of a command: what is, what is wrong, what to do next."""
import base64
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import (GATES, HELPER, PATIENCE, SOURCE, House,  # noqa: E402
                   SERVER, main, need, shell, test, until, write)

MILL = {'role.toml': '''[task.default]
tools = []

[task.again]
tools = []
retry = { attempts = 1, base = "10ms", cap = "20ms" }

[queue]
served = "worker"
''', 'gates.toml': GATES, 'mcp/server.toml': SERVER}
FINISH = {'id': 'end', 'tool': 'finish', 'args': {'summary': 'hi'}}

ASKS = '[defaults]\nunmatched = "ask"\n'

HOUSE = None


def house():
    global HOUSE
    if HOUSE is None:
        HOUSE = House({'helper': HELPER, 'mill': MILL, 'bakery': MILL})
        HOUSE.start()
    return HOUSE


def broken(h, message, outcome='fail', skill='masonry', **more):
    """A task that a worker ended so."""
    a = h.post('/api/tasks', {'queue': 'mill', 'subject': 'grind',
                              'payload': more})
    need(a.code == 201, a)
    a = h.post('/api/queue/claim', {'worker': 'a', 'queues': ['mill']})
    need(a.code == 200, a)
    [task] = a.json['tasks']
    a = h.post('/api/queue/finish', {
        'worker': 'a', 'task': task['task'], 'epoch': task['epoch'],
        'outcome': outcome, 'error': {
            'error_type': 'stone_broke', 'class': 'resolvable',
            'suggested_skill': skill, 'message': message}})
    need(a.code == 200, a)
    return task['task']


@test
def a_failure_is_read_as_text_with_what_to_do_next():
    h = house()
    task = h.dispatch([shell('echo \'say "hi"\'; exit 3'), FINISH])
    need(h.outcome(task)['state'] == 'failed')
    out = h.ok('task', 'show', task).out
    need('error   step_failed: step "step" (shell) failed: {"exit":3,' in out and
         '\nnext    handrail task retry %s\n' % task in out, out)
    need(h.read('task', 'show', task)['error']['error_type'] == 'step_failed')
    a = h.cli('task', 'watch', task)
    need(a.code == 1 and '\nerror   step_failed: step "step"' in a.out and
         '\nnext    handrail task retry %s\n' % task in a.out, a)


@test
def what_does_not_go_on_says_what_it_waits_for():
    gates = '[gate.ask]\nmatch = { tool = "shell" }\nrequire = "operator"\n'
    with House({'helper': dict(HELPER, **{'gates.toml': gates})}) as h:
        h.start()
        h.ok('stop', '--all', '--reason', 'lunch')
        task = h.dispatch([shell('true'), FINISH])
        a = h.cli('task', 'watch', task, '--timeout', '1')
        need(a.code == 1 and '\nstopped all by tester, ' in a.out and
             ': lunch\n' in a.out, a)
        need(', owner nobody, epoch 0\n' in h.ok('task', 'show', task).out)
        h.ok('resume', '--all')
        until(lambda: '\nparked: it waits for a person, `handrail inbox`\n' in
              h.ok('task', 'show', task).out)
        need('stopped' not in h.cli('task', 'watch', task, '--timeout', '1').out)


@test
def no_failure_speaks_to_the_terminal():
    h = house()
    task = broken(h, 'it said "no"\x1b[2J\x9b1m \u00fc\nand broke\x07\x7f')
    out = h.ok('task', 'show', task).out
    need('error   stone_broke: it said "no"\\x1b[2J\\x9b1m \u00fc\n'
         '        and broke\\x07\\x7f\n' in out, repr(out))
    need('\nskill   masonry\n' in out, out)
    task = broken(h, 'no', skill='x\x1b[2J\x9b1m\u00fc')
    out = h.ok('task', 'show', task).out
    need('\nskill   x\\x1b[2J\\x9b1m\u00fc\n' in out, repr(out))


@test
def a_request_that_no_credential_went_with_is_not_told_as_if_one_had():
    gates = GATES + """
[egress.there]
match  = { host = "there.test" }
inject = { credential = "gone", header = "Authorization" }
"""
    with House({'helper': dict(HELPER, **{'gates.toml': gates})}) as h:
        h.start()
        task = h.dispatch([shell('curl -sS https://there.test/ || true'), FINISH])
        h.outcome(task)
        out = h.ok('task', 'watch', task).out
        need('by egress.there, with credential gone\n' in out and
             '✗ refused GET there.test/: ' in out and 'injected' not in out, out)


@test
def no_result_speaks_to_the_terminal():
    h = house()
    noise = 'a\x1b[2J\x9b1m\x7f\u00fc'
    task = h.dispatch([shell("printf '%s'" % noise),
                       {'id': 'end', 'tool': 'finish',
                        'args': {'summary': noise}}])
    told = h.ok('task', 'watch', task).out
    put = h.post('/api/tasks', {'queue': 'mill', 'subject': '\x9b1m\u00fc',
                                'payload': {}}).json['id']
    a = h.post('/api/mail', {'to': 'operator', 'subject': '\x9b1m\u00fc'})
    need(a.code == 201, a)
    for line in ('task list', 'task show ' + put, 'mail recv'):
        out = h.ok(*line.split()).out
        need('\\x9b1m\u00fc' in out and '\x9b' not in out, line, repr(out))
    h.ok('task', 'cancel', put)
    run = h.outcome(task)['runs'][0]['run']
    for out in (told, h.ok('task', 'show', task).out,
                h.ok('session', 'replay', run).out):
        need('\\x9b1m\\x7f\u00fc' in out and
             not re.search('[\0-\x09\x0b-\x1f\x7f-\x9f]', out), repr(out))


@test
def no_choice_and_no_name_speaks_to_the_terminal():
    h = house()
    noise = 'a\x1b[2J\x9b1m\x7f\u00fc'
    a = h.post('/api/mail', {
        'to': 'operator', 'from': noise, 'subject': 'so?',
        'requires_decision': True, 'decision_options': ['yes', noise]})
    need(a.code == 201, a)
    [wait] = [w for w in h.waits() if noise in w['options']]
    outs = [h.ok(*line).out for line in (('inbox',), ('inbox', wait['id']),
                                         ('mail', 'recv'))]
    h.ok('answer', wait['id'], noise)
    outs.append(h.ok('mail', 'thread', a.json['id']).out)
    for out in outs:
        need(not re.search('[\0-\x09\x0b-\x1f\x7f-\x9f]', out), repr(out))
    need('- a\\x1b[2J\\x9b1m\\x7f\u00fc\n' in outs[0], outs[0])


@test
def what_to_do_next_is_what_the_state_allows():
    h = house()
    for outcome, kind, verb in (('block', 'default', 'retry'),
                                ('fail', 'default', 'retry'),
                                ('fail', 'again', 'redrive')):
        task = broken(h, 'no', outcome, type=kind)
        next_ = 'handrail task %s %s' % (verb, task)
        out = h.ok('task', 'show', task).out
        need('\nnext    %s\n' % next_ in out, out)
        h.ok('task', verb, task)
        need(h.task(task)['state'] not in ('failed', 'blocked'), outcome)
        h.ok('task', 'cancel', task)


@test
def a_retry_says_how_the_task_stands_and_what_retries_are_for():
    h = house()
    task = h.dispatch([FINISH])
    h.outcome(task)
    for verb, which in (('retry', 'failed or is blocked'),
                        ('redrive', 'failed')):
        a = h.cli('task', verb, task)
        need(a.code == 5 and a.err == 'handrail: task %s is completed: %s is for '
             'a task that %s; dispatch another one to have it done again\n' %
             (task, verb, which), a)
    task = broken(h, 'no', 'block')
    a = h.cli('task', 'redrive', task)
    need(a.code == 5 and 'is blocked' in a.err and
         '`handrail task retry` lets this one go on' in a.err, a)


# Each command and verb as it would be without the option that it has not.
LINES = '''\
init FOLDER
up
status
doctor
run helper subject
dispatch --queue helper --subject s
inbox
inbox ID
approve ID
deny ID --reason no
answer ID text
grant list
grant revoke ID
token create NAME --queue mill
token list
token revoke NAME
stop TASK
resume --all
task list
task show ID
task watch ID
task retry ID
task redrive ID
task cancel ID
task resolve ID --happened
task import FOLDER
task export FOLDER
mail send --to operator --subject s
mail recv
mail ack ID
mail thread ID
session list
session show ID
session watch ID
session replay ID
session fork ID --at 3
resolve ID --happened
role list
role check
can helper
explain helper https://example.com
policy replay FILE
vault init
vault migrate --to file
vault rekey
vault put NAME --host example.com
vault login NAME
vault list
vault show NAME
vault rotate NAME
vault archive NAME
vault delete NAME
vault create NAME
vault vaults
audit tail
audit verify
audit verify --proof FILE --against FILE --signer S
audit prove 3
audit checkpoint
audit export
receipt ID
suggest ID
backup FILE
restore FILE
sandbox run --identity helper
buddy status
validate FILE
'''.splitlines()


@test
def an_option_that_a_command_has_not_is_named_and_refused():
    h = house()
    known = [line.split()[0] for line in h.cli('help').out.splitlines()
             if line.startswith('  ')]
    need({line.split()[0] for line in LINES} == set(known), known)
    for line in LINES:
        for option in ('--nonesuch', '--nonesuch=3', '-x'):
            a = h.cli(*line.split(), option)
            need(a.code == 2 and a.out == '' and
                 'there is no option %s here' % option.split('=')[0] in a.err and
                 '`handrail %s --help`' % line.split()[0] in a.err, line, a)


@test
def a_word_that_begins_with_a_dash_stands_behind_two():
    h = house()
    for name in ('-x.jsonl', '--tolerant'):
        open(os.path.join(h.folder, name), 'w').close()
        need(h.cli('validate', name).code == 2)
        h.ok('validate', '--', name)
    a = h.cli('inbox', '--', '--all')
    need(a.code == 4 and '--all' in a.err, a)
    need(h.cli('validate', '-', input='').code == 0)
    need(len(h.ok('audit', 'tail', '-n', '2').out.splitlines()) == 2)
    a = h.cli('sandbox', '--identity', 'helper', '--', 'run', 'true')
    need(a.code == 2 and 'usage: handrail sandbox' in a.err, a)


@test
def what_an_option_was_given_is_not_said_again():
    h = house()
    for words in (('status', '--token=geheim'), ('vault', 'list', '-t=geheim'),
                  ('status', '--json=geheim'), ('--token=geheim', 'status')):
        a = subprocess.run([h.handrail, *words], text=True, capture_output=True)
        need(a.returncode == 2 and 'geheim' not in a.stdout + a.stderr and
             any(w.split('=')[0] in a.stderr for w in words if '=' in w),
             words, a)


@test
def an_option_that_stands_twice_is_refused():
    h = house()
    a = h.cli('status', '--json', '--json')
    need(a.code == 2 and 'no option --json here, or not twice' in a.err, a)


@test
def options_of_every_command_may_stand_before_it():
    h = house()
    for line in ('--json --state STATE status', '--state=STATE --json status',
                 '--json status --state STATE'):
        words = [h.state if w == 'STATE' else w.replace('STATE', h.state)
                 for w in line.split()]
        a = subprocess.run([h.handrail, *words], text=True, capture_output=True)
        need(a.returncode == 0 and 'incarnation' in json.loads(a.stdout),
             line, a)
    for words, says in ((['--json'], 'usage: handrail COMMAND'),
                        (['--state'], 'usage: handrail COMMAND'),
                        (['--state', h.state], 'usage: handrail COMMAND'),
                        (['--json', 'nonesuch'], 'no command nonesuch'),
                        (['--all', 'status'], 'no command --all')):
        a = subprocess.run([h.handrail, *words], text=True, capture_output=True)
        need(a.returncode == 2 and says in a.stderr, words, a)


@test
def a_list_of_letters_says_that_there_are_more():
    h = house()
    thread = '01a21e46-704b-75eb-9fdd-000000000001'
    sent = []

    def listed():
        for line in ('mail recv bakery-coworker', 'mail thread ' + thread):
            a = h.ok(*line.split())
            count = sum(x.split()[0] in sent for x in a.out.splitlines())
            yield count, a.err
            need(h.read(*line.split())['more'] == bool(a.err), a)

    def send():
        a = h.post('/api/mail', {'to': 'bakery-coworker', 'subject': 'flour',
                                 'thread_id': thread})
        need(a.code == 201, a)
        sent.append(a.json['id'])

    for _ in range(200):
        send()
    need(list(listed()) == [(200, '')] * 2, list(listed()))
    send()
    [box, all_] = listed()
    need(box[0] == all_[0] == 200, box, all_)
    need('there are more: `mail ack ID`' in box[1] and
         '`task export DIR` writes all' in all_[1], box, all_)
    h.ok('mail', 'ack', sent[0], '--mailbox', 'bakery-coworker')
    [box, _] = listed()
    need(box == (200, ''), box)


@test
def a_program_says_its_version_and_its_commands():
    h = house()
    with open(os.path.join(SOURCE, 'meson.build')) as f:
        version = re.search(r"version: '([0-9.]+)'", f.read()).group(1)
    for word, says in (('version', 'handrail %s\n' % version),
                       ('help', h.cli('help').out)):
        for line in (word, '--' + word):
            a = subprocess.run([h.handrail, line], text=True,
                               capture_output=True)
            need((a.returncode, a.stdout, a.stderr) == (0, says, ''), a)
    a = subprocess.run([h.handrail, '--verson'], text=True, capture_output=True)
    need(a.returncode == 2 and 'no command --verson' in a.stderr and
         'handrail --version' in a.stderr, a)


def program(h, *words):
    return subprocess.run([h.handrail, *words], text=True, capture_output=True)


@test
def help_of_one_command_says_that_one_and_where_the_rest_is():
    h = house()
    names = [line.split()[0] for line in h.cli('help').out.splitlines()
             if line.startswith('  ')]
    for name in names:
        a = program(h, 'help', name)
        need(a.returncode == 0 and a.stdout == program(h, name, '--help').stdout
             and a.stdout == h.cli('help', name).out, a)
        forms, what, where = a.stdout.split('\n\n')
        need('man handrail' in where and '`handrail help`' in where, a)
        for form in forms.replace('\n    ', ' ').splitlines():
            need(form.split()[:2] == ['handrail', name], a)
            need(all(form.count(x) == form.count(y)
                     for x, y in ('()', '[]')), a)
    for text in [h.cli('help').out] + [h.cli('help', n).out for n in names]:
        need(max(map(len, text.splitlines())) <= 80, text)
    task = program(h, 'help', 'task').stdout
    need('\nhandrail task retry ID\n' in task, task)
    stop = program(h, 'help', 'stop').stdout
    need('handrail stop (TASK | --role R | --all) [--reason' in stop, stop)
    need(program(h, 'help', 'task', 'list').returncode == 2)
    need(program(h, 'help', '--help').stdout == h.cli('help').out)


@test
def a_command_that_is_none_is_told_the_nearest():
    h = house()
    for words in (['dispach'], ['help', 'dispach'], ['--json', 'dispach']):
        a = program(h, *words)
        need(a.returncode == 2 and not a.stdout and a.stderr ==
             'handrail: no command dispach: is it dispatch? `handrail help` '
             'names them all\n', a)
    for word, meant in (('statsu', 'status'), ('ap', 'up'), ('upp', 'up'),
                        ('mial', 'mail'), ('valut', 'vault')):
        need('is it %s?' % meant in program(h, word).stderr, word)
    for word in ('zz', 'q', '', 'x' * 17, 'nonesuch'):
        a = program(h, 'help', word)
        need(a.returncode == 2 and 'is it' not in a.stderr and
             '\n  dispatch ' in a.stderr, a)


# Each names one thing that is not there.
NOWHERE = """\
task show %(id)s
task watch %(id)s
task retry %(id)s
task redrive %(id)s
task cancel %(id)s
task resolve %(id)s.3 --happened
task import nonesuch
dispatch --queue nonesuch --subject s
dispatch --queue helper --subject s --payload @nonesuch
dispatch --file nonesuch
run nonesuch x
inbox nonesuch
approve nonesuch
deny nonesuch --reason x
answer nonesuch x
resolve nonesuch --did-not
grant revoke nonesuch
token create x --queue nonesuch
token revoke nonesuch
stop %(id)s
stop --role nonesuch
resume %(id)s
session show %(id)s
session watch %(id)s
session fork %(id)s --at 3
mail ack %(id)s
mail thread %(id)s
mail recv nonesuch
mail send --to nonesuch --subject s
role check nonesuch
can nonesuch
explain nonesuch https://example.com
explain helper nonesuch {}
policy replay nonesuch
vault show nonesuch
vault rotate nonesuch
vault archive nonesuch
vault delete nonesuch
vault list --vault nonesuch
vault put x --host example.com --file nonesuch
audit prove 99999
audit prove --from nonesuch
audit verify --file nonesuch
audit verify --receipt nonesuch
receipt %(id)s
suggest %(id)s
sandbox run --identity nonesuch -- true
buddy push nonesuch
validate nonesuch
""".splitlines()


@test
def what_is_not_there_is_exit_code_4():
    h = house()
    nobody = '01a21e46-704b-75eb-9fdd-000000000000'
    for line in NOWHERE:
        words = (line % {'id': nobody}).split()
        a = h.cli(*words, input='')
        need(a.code == 4 and ('nonesuch' in a.err or nobody in a.err or
                              '99999' in a.err), line, a)


@test
def help_has_its_short_word_too():
    h = house()
    for words in ((), ('vault',), ('audit', 'verify')):
        need(h.ok(*words, '-h').out == h.ok(*words[:1], '--help').out, words)


@test
def what_becomes_of_a_credential_or_a_vault_is_said_of_it():
    h = house()
    a = h.cli('vault', 'put', 'big', '--host', 'a.test', input='x' * 5000)
    need(a.code == 1 and 'the value that is piped in: larger' in a.err, a)
    for verb, end in (('archive', 'its value is gone'),
                      ('delete', 'its key is destroyed')):
        h.ok('vault', 'create', verb)
        ids = [h.ok('vault', 'put', name, '--vault', verb, '--host',
                    name + '.test', input='a %s of %s' % (name, verb))
               .out.split()[0].rstrip(':') for name in ('one', 'two')]
        need(h.ok('vault', verb, ids[0]).out ==
             '%s: %sd, %s\n' % (ids[0], verb, end))
        need(h.ok('vault', verb, '--vault', verb).out ==
             '%s: %sd, with all that it held\n' % (verb, verb))


@test
def who_logs_in_with_the_words_of_the_first_time_hears_which_to_say():
    h = house()
    made = ('--host', 'a.test', '--token-endpoint', 'https://a.test/token',
            '--client-id', 'me')
    h.ok('vault', 'put', 'box', '--kind', 'oauth_refresh', *made, input='access-of-box')
    a = h.cli('vault', 'login', 'box', *made)
    need(a.code == 1 and 'never changes' in a.err and
         '`handrail vault login box` alone' in a.err, a)


@test
def a_house_finds_its_passphrase_before_the_key_is_put_under_it():
    h = house()
    path = os.path.join(h.folder, 'pass')
    write(path, 'a passphrase of it', 0o600)
    migrate = 'vault', 'migrate', '--to', 'passphrase', '--passphrase-file', path
    a = h.cli(*migrate)
    need(a.code == 4 and 'put it into %s/vault.pass (mode 0600) first' % h.state in
         a.err and 'made with' not in a.err, a)
    write(h.state + '/vault.pass', 'a passphrase of it', 0o600)
    h.ok(*migrate)
    h.ok('vault', 'migrate', '--to', 'file')


@test
def a_house_that_says_that_it_is_well_takes_a_value():
    """Its vault has a passphrase to stretch, and is there later than core."""
    with House() as h:
        word = os.path.join(h.folder, 'pass')
        for path in (word, h.state + '/vault.pass'):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            write(path, 'a passphrase of it', 0o600)
        h.ok('vault', 'init', '--passphrase-file', word)
        h.spawn()

        def well():
            a = h.get('/healthz', quiet=True, token=False)
            return a and a.code == 200
        until(well)
        h.ok('vault', 'put', 'key', '--host', 'there.test', input='a-value-of-it')
        need(h.read('status')['ok'])


@test
def what_checkpoint_prints_is_kept_and_checked_as_it_is():
    h = house()
    line = h.read('audit', 'checkpoint')['signer']
    path, proof = (os.path.join(h.folder, n) for n in ('note', 'proof'))

    def verify(*args, signer=line):
        return h.cli('audit', 'verify', *args, '--signer', signer)

    note = h.ok('audit', 'checkpoint').out
    size = note.split('\n')[1]
    need(note.endswith('signer %s\n' % line), note)
    write(path, note)
    write(proof, h.ok('audit', 'prove', '3', '--size', size, '--json').out)
    for args in (('--checkpoint', path), ('--against', path),
                 ('--proof', proof, '--against', path)):
        need(verify(*args).code == 0, args, verify(*args))
    h.ok('audit', 'prove', '--from', path, '--signer', line)
    a = json.loads(verify('--checkpoint', path, '--json').out)
    need(a == {'ok': True, 'events': int(size),
               'root': base64.b64decode(note.split('\n')[2]).hex()}, a)
    root = a['root']
    a = json.loads(verify('--proof', proof, '--against', path, '--json').out)
    head = h.read('audit', 'prove', '3')['event'][0]
    need(a == {'ok': True, 'events': int(size), 'root': root, 'call': 0, 'epoch': 0,
               'digest': head.get('digest', ''),
               **{k: head[k] for k in ('seq', 'kind', 'identity', 'rule', 'at')}}, a)
    growth = os.path.join(h.folder, 'growth')
    write(growth, h.ok('audit', 'prove', '--from', path, '--to', path, '--json').out)
    a = json.loads(verify('--proof', growth, '--against', path, '--from', path,
                          '--json').out)
    need(a == {'ok': True, 'events': int(size), 'from': int(size)}, a)
    kept = 'it has the tree of %s events that was kept\n' % size
    copy = os.path.join(h.folder, 'copy')
    h.ok('backup', copy)
    for file in ((), ('--file', copy)):
        need(verify('--against', path, *file).out.endswith(kept), file)
        need('kept' not in verify(*file).out, file)
    # The signer that it names is not believed, and nothing else is let by.
    other = line[:-6] + ('A' if line[-6] != 'A' else 'B') + line[-5:]
    need(verify('--checkpoint', path, signer=other).code == 1)
    write(proof, h.ok('audit', 'prove', '3').out)
    a = verify('--proof', proof, '--against', path)
    need(a.code == 1 and '`audit prove --json` prints one' in a.err, a)
    for text in (note + 'more\n', 'signer x\n' + note):
        write(path, text)
        need(verify('--checkpoint', path).code == 1, text)


@test
def a_wrong_word_is_named_with_what_is_wanted():
    h = house()
    for command in ('audit', 'mail', 'role', 'session', 'task', 'vault'):
        a = h.cli(command, 'paint')
        need(a.code == 2 and 'handrail %s: no verb "paint"' % command in a.err
             and 'usage: handrail %s ' % command in a.err, a)
        a = h.cli(command)
        need(a.code == 2 and 'wants a verb\n' in a.err, a)
    for words in (('abc',), ('3', '--size', 'abc'), ('-1',), ('3x',)):
        a = h.cli('audit', 'prove', *words)
        need(a.code == 2 and '?' not in a.err, a)
    need('usage: handrail status\n' in h.cli('status', 'now').err)
    need('identity none\n  rule none,' in h.ok('audit', 'prove', '1').out)


@test
def an_answer_to_what_asks_for_leave_names_the_two_words():
    with House({'helper': {**HELPER, 'gates.toml': ASKS}}) as h:
        h.start()
        h.dispatch([shell('echo hi'), FINISH])
        [wait] = until(h.waits)
        a = h.cli('answer', wait['id'], 'hello')
        need(a.code == 1 and '`handrail approve %s`' % wait['id'] in a.err and
             '`handrail deny %s --reason' % wait['id'] in a.err, a)
        h.ok('approve', wait['id'], '--remember', '8h')
        can = h.ok('can', wait['identity']).out
        need(': shell, the same call again, without asking until' in can, can)


def whole(h, *lines, more=''):
    """Heads and bodies of requests on one connection, the last of which closes
    it, as they came."""
    with socket.socket() as s:
        s.settimeout(PATIENCE)
        s.connect(('127.0.0.1', h.port))
        for n, line in enumerate(lines, 1):
            s.sendall(('%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n'
                       'Authorization: Bearer %s\r\n%s%s\r\n' % (
                           line, h.port, h.token(), more,
                           'Connection: close\r\n'
                           if n == len(lines) else '')).encode())
        got = b''
        while True:
            piece = s.recv(65536)
            if not piece:
                return got.decode()
            got += piece


@test
def a_method_that_a_path_does_not_take_is_refused_with_those_that_it_does():
    h = house()
    for path, methods in (('/healthz', 'GET, HEAD, OPTIONS'),
                          ('/api/tasks', 'GET, HEAD, POST, OPTIONS'),
                          ('/api/stop', 'POST, OPTIONS'),
                          ('/api/tasks/x/retry', 'POST, OPTIONS')):
        for method in ('PUT', 'DELETE', 'PATCH') + (
                () if 'GET' in methods else ('GET', 'HEAD')):
            got = whole(h, '%s %s' % (method, path))
            need(got.startswith('HTTP/1.1 405 Method Not Allowed\r\n') and
                 '\r\nAllow: %s\r\n' % methods in got, path, got)
            need(got.endswith('\r\n\r\n') == (method == 'HEAD') and
                 ('this path takes %s' % methods in got) ==
                 (method != 'HEAD'), path, got)
        got = whole(h, 'OPTIONS ' + path)
        need(got.startswith('HTTP/1.1 204 ') and got.endswith('\r\n\r\n') and
             '\r\nAllow: %s\r\n' % methods in got, path, got)
    need(whole(h, 'OPTIONS /nothing').startswith('HTTP/1.1 404 '))
    need('Allow' not in whole(h, 'PUT /nothing') + whole(h, 'GET /healthz'))


@test
def a_head_is_that_of_the_answer_to_a_get():
    h = house()
    for path in ('/healthz', '/api', '/nothing', '/api/roles', '/'):
        get = whole(h, 'GET ' + path)
        head, body = get.split('\r\n\r\n', 1)
        need(body and whole(h, 'HEAD ' + path) == head + '\r\n\r\n', path, get)
    # The next answer on the connection begins where it should.
    got = whole(h, 'HEAD /healthz', 'GET /healthz')
    need(got.count('HTTP/1.1 200 OK') == 2 and got.count('{"ok":true}') == 1,
         got)
    a = h.ask('HEAD', '/api/tasks')
    need(a.code == 200 and not a.out, a)
    for headers in ({}, {'Accept': 'text/event-stream'}):
        task = h.dispatch([FINISH])
        run = h.outcome(task)['runs'][0]['run']
        a = h.ask('HEAD', '/api/sessions/%s/events' % run, headers=headers)
        need(a.code == 200 and not a.out, a)


@test
def a_head_of_what_streams_ends_with_its_head():
    h = house()
    task = h.dispatch([shell('sleep 60'), FINISH])
    run = until(lambda: [r['run'] for r in h.task(task)['runs']])[0]
    path = '/api/sessions/%s/events' % run
    for more in ('Accept: text/event-stream\r\n', ''):
        got = whole(h, 'HEAD ' + path, 'GET /healthz', more=more)
        need(got.count('HTTP/1.1 200 OK') == 2 and
             got.endswith('{"ok":true}') and ': here' not in got, got)
    h.ok('task', 'cancel', task)
    need(h.outcome(task)['state'] == 'failed')


@test
def who_is_refused_for_his_page_hears_what_to_do():
    h = house()
    for target, headers, says in (
            ('/', {'Sec-Fetch-Site': 'cross-site'}, 'type its address in'),
            ('/healthz', {'Sec-Fetch-Site': 'cross-site'},
             'ask from the pages at this address'),
            ('/healthz', {'Origin': 'https://other.example'},
             'ask from the pages at this address')):
        a = h.ask('GET', target, tcp=True, headers=headers)
        need(a.code == 403 and says in a.json['message'], target, a)
    a = h.ask('POST', '/', tcp=True)
    need(a.code == 403 and 'GET or HEAD' in a.json['message'], a)
    a = h.ask('GET', 'http://127.0.0.1:%d/healthz' % h.port)
    need(a.code == 400 and 'a path that begins with /' in a.json['message'], a)


@test
def a_ca_that_core_cannot_read_is_told_at_the_start():
    with House() as h, tempfile.TemporaryDirectory() as elsewhere:
        with open(h.config) as f:
            config = f.read()
        os.chmod(elsewhere, 0o755)
        ca = os.path.join(elsewhere, 'ca.pem')
        with open(ca, 'w') as f:
            f.write('readable to everybody')
        public = b'\4' + b'k' * 32
        key = 'near+%s+%s' % (
            hashlib.sha256(b'near\n' + public).hexdigest()[:8],
            base64.b64encode(public).decode())
        h.ok('vault', 'init')
        for table, text in (
                ('model.default', 'url = "https://m.test"\nmodel = "m"'),
                ('issuer.here', 'host = "i.test"'),
                ('notify', 'url = "https://n.test/"'),
                ('witness.near', 'url = "https://w.test"\nkey = "%s"' % key),
                ('audit', 'publish = "https://n.test/"')):
            with open(h.config, 'w') as f:
                f.write('%s\n[%s]\n%s\nca = "%s"\n' % (config, table, text, ca))
            h.closed('the ca of %s (it must lie beside handrail.toml' % table, ca)


@test
def a_role_that_is_a_link_out_of_the_house_is_told_so():
    for name in ('', '/role.toml', '/gates.toml', '/mcp/server.toml'):
        with House() as h, tempfile.TemporaryDirectory() as elsewhere:
            os.chmod(elsewhere, 0o755)
            h.ok('vault', 'init')
            role = h.folder + '/roles/helper'
            os.rename(role + name, elsewhere + '/it')
            os.symlink(elsewhere + '/it', role + name)
            said = h.closed(role + name, 'put it beside handrail.toml itself')
            need('chgrp' not in said and 'chmod' not in said, name, said)
            # A link inside is as good as a file.
            os.unlink(role + name)
            os.rename(elsewhere + '/it', h.folder + '/it')
            os.symlink(h.folder + '/it', role + name)
            h.start()


@test
def a_ca_that_is_gone_is_named_in_the_book_and_to_no_sandbox():
    rule = """
[egress.there]
match    = { host = "there.test" }
upstream = "127.0.0.1:1"
ca       = "%s"
"""
    with House() as h:
        ca = os.path.join(h.folder, 'ca.pem')
        shutil.copy(h.config, ca)
        h.role_file('helper', 'gates.toml', GATES + rule % ca)
        h.start()
        os.unlink(ca)
        t = h.run([shell('curl -sS https://there.test/'),
                   {'id': 'end', 'tool': 'finish', 'args': {'result': {}}}])
        heard = json.dumps([e for e in h.events(t['id'])
                            if e['kind'] == 'call_settled'])
        need('the CA of its rule cannot be read' in heard and
             h.folder not in heard, heard)
        said = [e['body']['reason'] for e in h.events(t['id'])
                if e['kind'] == 'request_denied']
        need(len(said) == 1 and ca in said[0] and
             'beside handrail.toml' in said[0], said)


@test
def a_root_key_of_systemds_is_told_where_it_is_not_handed_over():
    with House() as h:
        h.start()
        h.stop()
        key, given = h.state + '/vault.key', h.folder + '/given'
        os.mkdir(given, 0o700)
        for env in ({}, {'CREDENTIALS_DIRECTORY': given}):
            a = h.cli('vault', 'migrate', '--to', 'systemd', env=env)
            need(a.code == 4 and 'LoadCredentialEncrypted=' in a.err, a)
        shutil.copy(key, given + '/handrail-vault-key')
        for args in (('--to', 'systemd'), ('--forget', 'file')):
            h.ok('vault', 'migrate', *args, env=env)
        need(not os.path.exists(key))
        h.closed(key, 'by the unit whose systemd credential it is')
        h.spawn(env=env)
        until(h.ready)


if __name__ == '__main__':
    code = main()
    if HOUSE:
        HOUSE.__exit__()
    sys.exit(code)
