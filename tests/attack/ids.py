#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each id of the attack list has a test that is named by it, or stands in the
list with the reason why it has none."""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
NAME = re.compile(r'^(?:static void\n|def |attack\(\')?(\w+)(?=\(|\')', re.M)


def named():
    """Ids in the names of functions, and of the rows of attack()."""
    found = set()
    for folder, _, files in os.walk(TESTS):
        for name in files:
            if name.endswith(('.c', '.py')):
                with open(os.path.join(folder, name), encoding='utf-8') as f:
                    for word in NAME.findall(f.read()):
                        found.update(w for w in word.split('_')
                                     if re.fullmatch(r'[A-Z][0-9]{2}', w))
    return found


def main():
    tried = named()
    rows = []
    with open(os.path.join(HERE, 'ids'), encoding='utf-8') as f:
        for line in f:
            if line.strip() and not line.startswith('#'):
                row = re.fullmatch(r'([A-Z][0-9]{2})(?: (apart|open): (.+))?', line.strip())
                rows.append((row.group(1), row.group(2), row.group(3)))
    print('1..%d' % len(rows))
    bad = 0
    for number, (name, kind, why) in enumerate(rows, 1):
        if kind:
            print('ok %d - %s # SKIP %s: %s' % (number, name, kind, why))
        elif name in tried:
            print('ok %d - %s' % (number, name))
        else:
            bad += 1
            print('not ok %d - %s has no test that is named by it' % (number, name))
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
