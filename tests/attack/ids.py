#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each id of the attack list is borne by a test of this folder that shows its
refusal and its neighbour (rig.py sees to that), or stands in the list with the
suite that tries it, or with the reason why nobody can."""
import ast
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
ID = re.compile(r'[A-Z][0-9]{2}')
C_TEST = re.compile(r'^static void\n(\w+)\(', re.M)
# Of these the list itself says that there is nothing to try, or not here.
MAY_BE_APART = re.compile(r'B\d\d|S01|P15|I01|I02|I04|V09')


def ids_of(name):
    return {w for w in name.split('_') if ID.fullmatch(w)}


def tests_of(path):
    """Names of tests: functions under @test, and rows of attack('NAME', …)."""
    with open(path, encoding='utf-8') as f:
        tree = ast.parse(f.read())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any(
                isinstance(d, ast.Name) and d.id == 'test' for d in node.decorator_list):
            yield node.name
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and \
                node.func.id == 'attack' and isinstance(node.args[0], ast.Constant):
            yield node.args[0].value


def on_the_rig(path):
    with open(path, encoding='utf-8') as f:
        return 'from rig import *' in f.read()


def tried():
    """suite -> ids that its tests bear."""
    found = {'attack': set(), 'api': set(), 'unit': set(), 'fence': set()}
    for suite in ('attack', 'api'):
        folder = os.path.join(TESTS, suite)
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            if name.endswith('.py') and (suite == 'api' or on_the_rig(path)):
                for test in tests_of(path):
                    found[suite] |= ids_of(test)
    for test in tests_of(os.path.join(HERE, 'fence.py')):
        found['fence'] |= ids_of(test)
    folder = os.path.join(TESTS, 'unit')
    for name in os.listdir(folder):
        if name.endswith('.c'):
            with open(os.path.join(folder, name), encoding='utf-8') as f:
                for test in C_TEST.findall(f.read()):
                    found['unit'] |= ids_of(test)
    return found


def forgetful(held, twin):
    """Does the rig fail a test that shows only so much?"""
    sys.path.insert(0, HERE)
    import rig

    def A01_an_attack():
        if held:
            rig.stopped(True)
        if twin:
            rig.works(True)
    try:
        rig.guarded(A01_an_attack)()
    except rig.Failed:
        return True
    return False


def main():
    found = tried()
    rows = []
    with open(os.path.join(HERE, 'ids'), encoding='utf-8') as f:
        for line in f:
            if line.strip() and not line.startswith('#'):
                row = re.fullmatch(r'([A-Z][0-9]{2})(?: (api|unit|fence|later|apart): (.+))?',
                                   line.strip())
                rows.append(row.groups())
    print('1..%d' % (len(rows) + 1))
    bad = 0
    for number, (name, kind, why) in enumerate(rows, 1):
        if kind == 'apart' and MAY_BE_APART.fullmatch(name) or \
                kind == 'later' and name not in found['api']:
            print('ok %d - %s # SKIP %s: %s' % (number, name, kind, why))
        elif kind != 'apart' and name in found[{'later': 'api'}.get(kind, kind or 'attack')]:
            print('ok %d - %s' % (number, name))
        else:
            bad += 1
            print('not ok %d - %s has no test that is named by it in %s' % (
                number, name, kind or 'attack'))
    strict = forgetful(False, True) and forgetful(True, False) and \
        not forgetful(True, True)
    print('%sok %d - a test without a refusal or without a neighbour fails' % (
        '' if strict else 'not ', len(rows) + 1))
    return 1 if bad or not strict else 0


if __name__ == '__main__':
    sys.exit(main())
