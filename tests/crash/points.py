#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where the crash points are: all of them in the core of this suite, and none
in a program that is installed."""
import json
import os
import re
import subprocess
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(SOURCE, 'tests', 'api'))
from house import *  # noqa: E402,F403

CORE = os.path.join(BUILD, 'tests/crash/core_crash')
ARMED_BY = b'HANDRAIL_CRASH'


def read(path):
    with open(path, 'rb') as f:
        return f.read()


@test
def every_place_is_compiled_into_the_core_of_this_suite():
    with open(os.path.join(BUILD, 'compile_commands.json')) as f:
        built = {os.path.basename(c['file']) for c in json.load(f)
                 if '-DHANDRAIL_CRASH_POINTS' in c['command'] and
                 'core_crash.p/' in c['output']}
    folder = os.path.join(SOURCE, 'src/parts')
    places = {name for name in os.listdir(folder) if name.endswith('.c') and
              re.search(rb'\bcrash_point\(', read(os.path.join(folder, name)))}
    need(len(places) > 1, 'no places were found')
    need(places == built, 'tests/crash/meson.build names other files:',
         sorted(places ^ built))


@test
def no_program_that_is_installed_has_one():
    need(ARMED_BY in read(CORE), 'what is looked for is not in', CORE)
    done = subprocess.run(['meson', 'introspect', '--installed', BUILD],
                          text=True, capture_output=True)
    programs = [path for path in json.loads(done.stdout)
                if os.path.isfile(path) and os.access(path, os.X_OK)]
    need(os.path.join(BUILD, 'src/parts/core') in programs, programs)
    for path in programs:
        need(ARMED_BY not in read(path), path, 'has crash points')


if __name__ == '__main__':
    sys.exit(main())
