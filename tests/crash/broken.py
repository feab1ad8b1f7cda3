#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Parts that break one promise, each built for this: the test that holds the
promise must go red with it, and for that reason."""
import os
import subprocess
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(SOURCE, 'tests', 'api'))
from house import *  # noqa: E402,F403


# One passage of a point, some of the calls that a part tries.
SHORT = {'HANDRAIL_BUILD': BUILD, 'PASSAGES': '1', 'KILLS': '6', 'SEED': '5',
         'CALLS': 'open_a_file fork trace_another'}


def red(script, words, part, program, why):
    """Runs a test with another program as the part; it must say why it fails."""
    path = os.path.join(BUILD, 'tests/crash', program)
    need(os.path.exists(path), path + ' is not built')
    command = [sys.executable, os.path.join(SOURCE, 'tests', script), *words]
    sound = subprocess.run(command, text=True, capture_output=True, env={
        **os.environ, **SHORT})
    need(sound.returncode == 0 and 'not ok' not in sound.stdout and
         '\nok ' in sound.stdout, 'sound, and red:', sound.stdout[-1500:])
    broken = subprocess.run(command, text=True, capture_output=True, env={
        **os.environ, **SHORT, 'HANDRAIL_INSTEAD': '%s=%s' % (part, path)})
    need(broken.returncode == 1 and '\nnot ok ' in broken.stdout and
         '\nok ' not in broken.stdout, 'broken, and not red:',
         broken.stdout[-1500:])
    need(any(w in broken.stdout for w in why), 'red for another reason:',
         broken.stdout[-1500:])


@test
def without_the_commit_a_task_is_lost():
    red('crash/crash.py', ['core_call_started'], 'core', 'core_break_commit',
        ['is lost', 'there is no task'])


@test
def without_the_commit_a_history_is_no_queues():
    red('crash/history.py', ['sqlite'], 'core', 'core_break_commit',
        ['is lost', 'is settled twice', 'no order', 'one epoch',
         'which does not exist'])


@test
def before_the_commit_a_request_leaves():
    red('api/order.py', ['a_request_leaves'], 'core', 'core_break_order',
        ['it left before it was written down'])


@test
def a_forged_grant_is_not_honoured():
    red('api/order.py', ['where_its_sealed_row_says'], 'core',
        'core_forge_grant', ['error: 502', 'error: 503'])


@test
def without_its_walls_a_part_can_do_what_it_never_may():
    if os.getuid() or os.uname().machine != 'x86_64':
        raise Skipped('the walls are tried by root on x86-64 only')
    red('jail/parts.py', ['vault_cannot'], 'vault', 'vault_no_jail',
        ['open_a_file: returned'])


if __name__ == '__main__':
    sys.exit(main())
