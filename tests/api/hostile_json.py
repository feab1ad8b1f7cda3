#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""JSON that means harm, through each door that reads it: POST /api/tasks, the
import of JSON lines, validate.  Each is refused with a sentence, nothing ends,
and memory stays bounded."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403

MIB = 1 << 20
TASK = b'{"queue":"helper","subject":"s","payload":{"runbook":[],"x":%s}}'

# What no reader may take.
HOSTILE = {
    'deep arrays': b'[' * 200000 + b']' * 200000,
    'deep objects': b'{"a":' * 100000 + b'1' + b'}' * 100000,
    'deep and never closed': TASK % (b'[' * 500000),
    'many values': TASK % (b'[' + b'0,' * 700000 + b'0]'),
    'bad UTF-8': TASK % b'"\xff\xfe"',
    'UTF-8 too long': TASK % b'"\xc0\x80"',
    'a surrogate in UTF-8': TASK % b'"\xed\xa0\x80"',
    'a lone high surrogate': TASK % b'"\\ud800"',
    'a lone low surrogate': TASK % b'"\\udc00x"',
    'a NUL': TASK % b'"\x00"',
    'a NUL behind the end': TASK % b'1' + b'\x00',
    'a key twice': b'{"queue":"helper","queue":"x","subject":"s",'
                   b'"payload":{"runbook":[]}}',
    'a key twice by escape': b'{"queue":"helper","\\u0071ueue":"x"}',
    'a huge exponent': b'{"queue":"helper","subject":"s","ke_fit_score":'
                       b'1e999999999,"payload":{"runbook":[]}}',
    'a million digits': b'{"queue":"helper","subject":"s","ke_fit_score":' +
                        b'9' * MIB + b',"payload":{"runbook":[]}}',
    'a name of 1 MiB': b'{"queue":"' + b'q' * MIB + b'","subject":"s"}',
    'a key of 1 MiB': b'{"' + b'k' * MIB + b'":1}',
    'no end': b'{"queue":"helper","subject":"',
    'two values': b'{} {}',
    'not a number': b'{"queue":NaN}',
    'nothing': b' ',
}


def memory(pid, what='VmRSS'):
    with open('/proc/%d/status' % pid) as f:
        for line in f:
            if line.startswith(what + ':'):
                return int(line.split()[1]) * 1024
    raise Failed('no %s of %d' % (what, pid))


@test
def a_house_refuses_it_and_stays_small():
    with House() as h:
        h.start()
        done = [shell('true'), {'id': 'end', 'tool': 'finish', 'args': {}}]
        h.run(done)
        pids = h.pids()
        before = {p: memory(pids[p]) for p in ('api', 'core')}
        for turn in range(3):
            for name, text in HOSTILE.items():
                a = h.ask('POST', '/api/tasks', text)
                need(400 <= a.code < 500, name, a.code, a.out[:300])
                need(a.json['message'], name, a.out[:300])
                need(len(a.out) < 4096, name, 'a long answer', len(a.out))
        need(h.pids() == pids, 'a part was started again')
        most = {p: memory(pids[p], 'VmHWM') for p in before}
        for part, bytes_ in most.items():
            print('# %s: %.1f MiB before, %.1f at most' % (
                part, before[part] / MIB, bytes_ / MIB))
            need(bytes_ < before[part] + 96 * MIB, part, bytes_)
        t = h.run(done)
        need(t['state'] == 'completed', t)
        h.verified()


def bounded(*command):
    """Its exit code, what it said, its memory."""
    p = subprocess.Popen(command, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                         preexec_fn=with_parent)
    out = p.stdout.read()
    _, status, used = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    return p.returncode, out.decode(errors='replace'), used.ru_maxrss * 1024


@test
def validate_and_import_refuse_it_and_stay_small():
    with House() as h:
        h.start()
        folder = os.path.join(h.folder, 'lines')
        most = 0
        for name, text in HOSTILE.items():
            path = os.path.join(folder, 'queues', 'helper.jsonl')
            write(path, '')
            with open(path, 'wb') as f:
                f.write(text.replace(b'\n', b' ') + b'\n')
            code, out, used = bounded(h.handrail, 'validate', path)
            # A line of blanks is no record, and none is missing.
            need(code == (0 if name == 'nothing' else 1), name, code,
                 out[-400:])
            most = max(most, used)
            code, out, used = bounded(
                h.handrail, 'task', 'import', folder, '--write', '--config',
                h.config, '--state', h.state)
            # What is JSON and no record is told and left out.
            need(code in (0, 1, 2), name, code, out[-400:])
            need(', 0 dispatched' in out or code, name, out[-400:])
            need(len(out) < 8192, name, 'a long report', len(out))
            most = max(most, used)
        print('# at most %.1f MiB' % (most / MIB))
        need(most < 160 * MIB, most)
        need(h.read('task', 'list')['tasks'] == [], 'something was taken')


if __name__ == '__main__':
    sys.exit(main())
