#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A house in somebody's terminal: what it tells is for the supervisor."""
import fcntl
import os
import signal
import sys
import termios

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403


def tty_of(pid):
    """Its session, and the number of its terminal: 0 for none (proc(5))."""
    with open('/proc/%d/stat' % pid, encoding='utf-8') as f:
        words = f.read().rsplit(')', 1)[1].split()
    return int(words[3]), int(words[4])


@test
def what_a_terminal_tells_its_foreground_is_for_the_supervisor():
    with House() as h:
        h.start(before=os.setpgrp)
        os.killpg(h.process.pid, signal.SIGHUP)  # reads the roles again
        until(lambda: 'reload' in h.log(), text='no reload')
        os.killpg(h.process.pid, signal.SIGINT)
        need(h.wait() == 0, h.log())
        need('ended by signal' not in h.log(), h.log())
        h.gone()
        h.start()
        told = h.ok('audit', 'tail', '-n', '20').out
        need('house_stopped' in told, told)


@test
def a_terminal_that_stops_who_writes_behind_it_stops_no_part():
    with House() as h:
        ours, terminal = os.openpty()
        how = termios.tcgetattr(terminal)
        how[3] |= termios.TOSTOP
        termios.tcsetattr(terminal, termios.TCSANOW, how)

        def before():
            os.setsid()
            fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
        h.ok('vault', 'init')
        h.spawn(before=before, wrap=('/bin/sh', '-c',
                                     'exec "$0" "$@" >/dev/tty 2>&1'))
        told = b''
        while b'ready' not in told:
            told += os.read(ours, 4096)
        # One session: by it the kernel shares out the processor (autogroup).
        for part in [h.process.pid, *h.pids().values()]:
            session, of = tty_of(part)
            need(session == h.process.pid, part)
            need((of == 0) == (part != h.process.pid), part)
        os.write(ours, b'\3')  # core logs that it ends
        need(h.wait() == 0, told)
        os.close(terminal)
        os.close(ours)


if __name__ == '__main__':
    sys.exit(main())
