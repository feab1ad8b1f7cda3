#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sim_queue must go red with each planted bug, and be green without."""
import os
import subprocess
import sys

PROGRAM = sys.argv[1]
BUGS = ('no_epoch_check',)


def play(bug):
    return subprocess.run([PROGRAM], text=True, capture_output=True, env={
        **os.environ, 'BUG': bug, 'CMOCKA_MESSAGE_OUTPUT': 'TAP'})


print('1..%d' % (len(BUGS) + 1))
sound = play('')
bad = sound.returncode != 0
print('%sok 1 - the_queue_is_sound_without_them' % ('not ' if bad else ''))
for number, bug in enumerate(BUGS, 2):
    red = play(bug)
    noticed = red.returncode != 0 and 'not ok' in red.stdout
    print('%sok %d - %s_is_noticed' % ('' if noticed else 'not ', number, bug))
    bad |= not noticed
sys.exit(bad)
