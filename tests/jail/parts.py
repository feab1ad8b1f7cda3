#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each part of a running house is made to try what it never has.

`probe` lets the real process, as it was started, do one system call from
inside; it must be ended by SIGSYS or be refused.  The table says what a part
may: everything else is tried on it.  And a hostile agent: whatever record it
sends, it ends, and nobody else."""
import os
import signal
import socket
import struct
import subprocess
import sys
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(SOURCE, 'tests', 'api'))
from house import *  # noqa: E402,F403
sys.path.insert(0, os.path.join(SOURCE, 'tests', 'bluez'))
import world  # noqa: E402

PROBE = os.environ.get('HANDRAIL_PROBE') or os.path.join(
    BUILD, 'tests/jail/probe')

AT_FDCWD = -100
O_CREAT_WRITE = os.O_CREAT | os.O_WRONLY
CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWNS = 0x10000000, 0x40000000, 0x20000
LOOPBACK = 'x:' + (struct.pack('=H', socket.AF_INET) + struct.pack('>H', 9) +
                   socket.inet_aton('127.0.0.1') + bytes(8)).hex()

# A file of this program's own: others may try the same.
SCRATCH = '/tmp/handrail-probe-%d' % PLACE
# name: (number on x86-64, arguments…); VICTIM is another process of the house.
VICTIM = 'victim'
CALLS = {
    'open_a_file': (257, AT_FDCWD, 's:/etc/passwd', 0),
    'open_a_file_by_the_old_call': (2, 's:/etc/passwd', 0),
    'list_a_folder': (257, AT_FDCWD, 's:/etc', os.O_DIRECTORY),
    'make_a_file': (257, AT_FDCWD, 's:' + SCRATCH, O_CREAT_WRITE,
                    0o600),
    'remove_a_file': (87, 's:' + SCRATCH),
    'make_a_tcp_socket': (41, socket.AF_INET, socket.SOCK_STREAM, 0),
    'make_a_udp_socket': (41, socket.AF_INET6, socket.SOCK_DGRAM, 0),
    'make_a_unix_socket': (41, socket.AF_UNIX, socket.SOCK_STREAM, 0),
    'make_a_raw_socket': (41, socket.AF_INET, socket.SOCK_RAW, 255),
    'make_a_packet_socket': (41, 17, socket.SOCK_RAW, 0),
    'make_a_netlink_socket': (41, 16, socket.SOCK_RAW, 0),
    'make_a_vsock_socket': (41, 40, socket.SOCK_STREAM, 0),
    'connect': (42, 3, LOOPBACK, 16),
    'make_closing_wait': (54, 3, socket.SOL_SOCKET, socket.SO_LINGER,
                          'x:' + struct.pack('=ii', 1, 86400).hex(), 8),
    'bind': (49, 3, LOOPBACK, 16),
    'listen': (50, 3, 5),
    'execute': (59, 's:/bin/true', 0, 0),
    'fork': (56, signal.SIGCHLD, 0, 0, 0, 0),
    'fork_by_the_new_call': (435, 'x:' + bytes(88).hex(), 88),
    'trace_another': (101, 16, VICTIM, 0, 0),
    'read_anothers_memory': (310, VICTIM, 'x:' + bytes(16).hex(), 1,
                             'x:' + bytes(16).hex(), 1, 0),
    'end_another': (62, VICTIM, 0),
    'end_another_by_queue': (129, VICTIM, 0, 0),
    'mount': (165, 's:none', 's:/tmp', 's:tmpfs', 0, 0),
    'unmount': (166, 's:/tmp', 0),
    'pivot_root': (155, 's:/tmp', 's:/tmp'),
    'chroot': (161, 's:/tmp'),
    'become_root': (105, 0),
    'make_a_user_namespace': (272, CLONE_NEWUSER),
    'make_a_network_namespace': (272, CLONE_NEWNET),
    'enter_a_namespace': (308, 0, 0),
    'load_a_bpf_program': (321, 5, 0, 0),
    'use_io_uring': (425, 1, 0),
    'use_userfaultfd': (323, 0),
    'count_performance': (298, 0, 0, -1, -1, 0),
    'use_keys': (250, 0, -3, 0),
    'load_a_module': (313, 0, 's:', 0),
    'load_a_kernel': (246, 0, 0, 0, 0),
    'reboot': (169, 0, 0, 0, 0),
    'open_by_handle': (304, AT_FDCWD, 0, 0),
    'map_memory_that_runs': (9, 0, 4096, 7, 0x22, -1, 0),
    'call_as_x32': (0x40000000 + 39,),
    'change_the_clock': (227, 0, 0),
    'set_the_host_name': (170, 's:x', 1),
    'swap_on': (167, 's:/tmp/x', 0),
    'raise_io_privilege': (172, 3),
}
if os.environ.get('CALLS'):
    CALLS = {name: CALLS[name] for name in os.environ['CALLS'].split()}
INET = {'make_a_tcp_socket', 'make_a_udp_socket', 'connect'}
# Where a filter lets a call through, the kernel still has to say no; what a
# part may is not tried.
# (The two with a deny-list see no hostile byte: the zygote hears sandbox, and
# the sandbox hears core and pid 1 of its cells.)
FORKS = {'fork', 'fork_by_the_new_call', 'execute', 'end_another',
         'end_another_by_queue', 'become_root', 'map_memory_that_runs'}
WORKSHOP = FORKS | {
    'open_a_file', 'open_a_file_by_the_old_call', 'list_a_folder',
    'make_a_file', 'remove_a_file', 'mount', 'unmount', 'pivot_root', 'chroot',
    'make_a_user_namespace', 'make_a_network_namespace', 'enter_a_namespace',
    'make_a_netlink_socket', 'make_a_unix_socket', 'set_the_host_name', 'bind',
    'listen', 'connect', 'make_a_tcp_socket', 'make_a_udp_socket',
    'make_a_vsock_socket', 'make_closing_wait'}
MAY = {
    'core': set(),
    'vault': set(),
    'api': set(),
    'resolver': INET,
    'egress': INET,
    'egress of a cell': INET,
    'agent': set(),
    'buddy': set(),
    'radio': set(),
    'egress zygote': FORKS | INET | {
        'make_a_unix_socket', 'make_a_netlink_socket', 'make_a_vsock_socket',
        'make_closing_wait', 'bind', 'listen', 'make_a_user_namespace', 'enter_a_namespace'},
    'sandbox': WORKSHOP,
}
REFUSED = (-1, -13)  # EPERM, EACCES
ABSENT = -38         # ENOSYS, where libc has a way around it


def work(h):
    """A run with an agent and a cell that stay; their processes by kind.  Its
    command runs, so all that stands around it is behind its walls."""
    task = h.dispatch([shell('sleep 100')])
    until(lambda: 'call_started' in h.kinds(task), 10, 'it does not start')

    def found():
        table = processes()
        parts = h.pids()
        kinds = dict(parts)
        runs = False
        for pid, name in descendants(h.process.pid, table).items():
            parent = table[pid][0]
            if name == 'egress' and parent == parts['sandbox']:
                kinds['egress zygote'] = pid
            elif name == 'egress' and parent != h.process.pid:
                kinds['egress of a cell'] = pid
            elif name in ('agent', 'buddy', 'radio'):
                kinds[name] = pid
            elif parent == parts['sandbox']:
                kinds['cell'] = pid
            runs = runs or name == 'sleep'
        return kinds if runs and set(MAY) - LEFT_OUT <= set(kinds) else None
    return until(found, 60, 'no agent, cell and egress of a run')


def try_call(pid, name, victim):
    arguments = [str(victim if a == VICTIM else a) for a in CALLS[name]]
    done = subprocess.run([PROBE, str(pid), *arguments], text=True,
                          capture_output=True, timeout=PATIENCE)
    if done.returncode == 3:
        return None  # it ran just then
    if done.returncode:
        raise Failed('%s: %s' % (name, done.stderr))
    word, value = done.stdout.split()
    return word, int(value)


def insist(pid, name, victim):
    for _ in range(50):
        said = try_call(pid, name, victim)
        if said:
            return said
        time.sleep(0.01)
    raise Failed('the process never waits')


def can_trace():
    if os.uname().machine != 'x86_64':
        raise Skipped('the probe knows x86-64 only')
    if os.getuid():
        raise Skipped('only root may trace a part that is not dumpable')
    try:
        with open('/proc/sys/kernel/yama/ptrace_scope') as f:
            if f.read().strip() == '3':
                raise Skipped('ptrace is switched off on this machine')
    except FileNotFoundError:
        pass


def test_name(part):
    return '%s_cannot_do_what_it_never_may' % part.replace(' ', '_')


# So that there is the part buddy, and radio where there can be a bus for it.
DEVICE = '[buddy]\ntcp = "127.0.0.1:%d"\n'
RADIO = '[buddy]\nbluetooth = "%s"\n' % world.ADDRESS
LEFT_OUT = {'radio'} if world.why_not() else set()
BUS = world.World(COMPANIONS)
# Which a call may end: those that nobody needs first, the floor last.
ORDER = ('egress of a cell', 'agent', 'buddy', 'radio', 'vault', 'resolver',
         'egress', 'api', 'core')
FAULTS = None
WANTED = [part for part in MAY if not sys.argv[1:] or
          any(word in test_name(part) for word in sys.argv[1:])]


def lodge():
    """A house in which every part stands."""
    h = House(config=DEVICE % free_port() if LEFT_OUT else RADIO)
    h.env['DBUS_SYSTEM_BUS_ADDRESS'] = BUS.address
    return h


def judge(part, name, kinds, faults):
    victim = kinds['vault' if part != 'vault' else 'core']
    word, value = insist(kinds[part], name, victim)
    if (word, value) == ('killed', signal.SIGSYS):
        until(lambda: not process_of(kinds[part]), 5, 'it lives on')
    elif word == 'killed' or value not in REFUSED + (ABSENT,):
        faults[part].append('%s: %s %d' % (name, word, value))


def try_everything():
    """part -> what it could do and never may."""
    global FAULTS
    can_trace()
    if FAULTS is not None:
        return
    FAULTS = {part: ['it was not tried'] for part in MAY}
    faults = {part: [] for part in MAY}
    write(SCRATCH, '', 0o666)
    if not LEFT_OUT:
        BUS.start()
    for name in sorted(CALLS) if set(ORDER) & set(WANTED) else ():
        with lodge() as h:
            h.start()
            kinds = work(h)
            for part in ORDER:
                if name in MAY[part] or part not in WANTED or \
                        part in LEFT_OUT:
                    continue
                try:
                    if part == 'agent' and \
                            not process_of(kinds['egress of a cell']):
                        # The three ended together, and nobody knows what the
                        # call did: its run waits for a person.
                        h.waiting()
                        kinds.update(work(h))
                    judge(part, name, kinds, faults)
                except Exception as e:
                    raise Failed('%s, %s: %r\n%s' % (part, name, e,
                                                     h.log()[-1500:]))
    for part in ('egress zygote', 'sandbox'):
        left = sorted(set(CALLS) - MAY[part]) if part in WANTED else []
        while left:  # again and again with a new one, as long as it is ended
            with lodge() as h:
                h.start()
                kinds = work(h)
                while left and process_of(kinds[part]):
                    judge(part, left.pop(0), kinds, faults)
    os.unlink(SCRATCH)
    FAULTS = faults


def part_test(part):
    def run():
        if part in LEFT_OUT:
            raise Skipped(world.why_not())
        try_everything()
        need(not FAULTS[part], '; '.join(FAULTS[part]))
    run.__name__ = test_name(part)
    return run


for part in MAY:
    test(part_test(part))


# --- a hostile agent --------------------------------------------------------------

HOSTILE = os.environ.get('HANDRAIL_HOSTILE') or os.path.join(
    BUILD, 'tests/jail/hostile_agent')
# What it does: its channel is cut, or it goes away itself.
MALFORMED = ('magic', 'type', 'type_zero', 'sender', 'not_mine', 'cores_own',
             'size_says_more', 'size_says_less', 'reserved', 'short', 'long',
             'fds', 'no_body', 'two_bodies', 'open_body', 'socket_as_body',
             'ordinal_zero', 'endless_name', 'two_at_once',
             'model_of_a_runbook', 'flood', 'no_object', 'no_json')
GONE = ('exit', 'abort', 'close')


NAP = """
[tool.nap]
description = "Take five seconds"
action      = "read"
idempotent  = true
run         = { exec = ["/bin/sleep", "5"] }
"""


class HostileHouse(House):
    """The same house with another program as the agent."""

    def __init__(self):
        super().__init__({'helper': dict(HELPER, **{
            'role.toml': ROLE.replace('["shell"]', '["shell", "nap"]'),
            'mcp/server.toml': SERVER + NAP})}, cells=8,
            instead={'agent': HOSTILE})


def hostile_test(names):
    with HostileHouse() as h:
        h.start()
        parts = h.pids()
        table = processes()
        zygote = [p for p, (parent, name) in table.items()
                  if parent == parts['sandbox'] and name == 'egress']
        # A neighbour that works all the time.
        beside = subprocess.Popen(
            [h.handrail, 'sandbox', 'run', '--config', h.config, '--state',
             h.state, '--identity', HELPER_ID, '--', 'sh', '-c',
             'while :; do echo x; sleep 0.05; done'], env=h.env,
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
            preexec_fn=with_parent)
        COMPANIONS.append(beside)
        need(beside.stdout.readline() == b'x\n')
        tasks = {name: h.dispatch([shell('true')], hostile=name)
                 for name in names}
        for name, task in tasks.items():
            t = h.outcome(task, 60)
            need(t['state'] == 'failed' and
                 t['error']['error_type'] == 'agent_died', name, t)
            claims = h.kinds(task).count('task_claimed')
            need(claims == 6, '%s: it began %d times' % (name, claims))
            need(h.outcomes(task) == ['fail'], name)
        need(h.pids() == parts, 'somebody else noticed', h.log()[-2000:])
        need(beside.poll() is None, 'the neighbour has ended')
        # Of the pipe's past there are some lines; a new one must come.
        before = time.monotonic()
        while time.monotonic() < before + 0.3:
            need(beside.stdout.readline() == b'x\n', 'the neighbour is silent')
        beside.terminate()
        beside.wait()
        COMPANIONS.remove(beside)
        until(lambda: set(descendants(parts['sandbox'])) <= set(zygote), 5,
              'sandboxes are left')
        h.verified()


@test
def a_malformed_record_ends_that_agent_and_nobody_else():
    hostile_test(MALFORMED)


@test
def an_agent_that_goes_away_fails_its_task_and_nobody_elses():
    hostile_test(GONE)


if __name__ == '__main__':
    with BUS:
        sys.exit(main())
