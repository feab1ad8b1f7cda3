#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demo says what is so, and says FAILED when it is not: it runs as it
stands, with secrets left in the cell, and with a decoy that cannot be found.
The examples' roles pass `handrail role check`."""
import base64
import importlib.machinery
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import traceback

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get('HANDRAIL_BUILD') or
                        os.environ.get('BUILD') or
                        os.path.join(SOURCE, 'build'))
LAST = 'demo: completed, 1 push, 0 secrets in the cell, audit ok'


def load():
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader(
        'demo', os.path.join(SOURCE, 'tools', 'demo'))
    demo = importlib.util.module_from_spec(
        importlib.util.spec_from_loader('demo', loader))
    loader.exec_module(demo)
    demo.build = lambda: None
    return demo


def leaks(demo):
    """Commands that each leave one secret in the cell, and their digests."""
    values = [demo.random_token() for _ in range(6)]
    commands = ['printf %s >/work/raw' % values[0]]
    for k in range(3):
        text = base64.b64encode(b'u:'[:k] + values[1 + k].encode()).decode()
        commands.append('printf %s >/tmp/base64-%d' % (text, k))
    commands.append('ln -s /%s /tmp/link' % values[4])
    # Until its cell ends; a shell forks first, and only then it has the value.
    commands.append('LEAK=%s sleep 600 </dev/null >/dev/null 2>&1 & '
                    'until grep -aq LEAK= /proc/$!/environ; do :; done'
                    % values[5])
    return '; '.join(commands), [demo.digest_of(v) for v in values]


def play(how):
    """In a process of its own: the demo, changed."""
    demo = load()
    plain = demo.runbook
    command, digests = leaks(demo)

    def changed(*args):
        steps = plain(*args)
        if how == 'leaks':
            steps[1]['args'] = {'test': command}
        for step in steps:
            if how == 'blind' and step['id'] == 'search':
                text = step['args']['command']
                assert 'b"x " + plain' in text
                step['args']['command'] = text.replace('b"x " + plain', 'b"x "')
            if how == 'deaf' and step['id'] == 'hold':
                step['args']['command'] = step['args']['command'].replace(
                    'DECOY=%s ' % args[2], '')
        return steps
    demo.runbook = changed
    print('digests ' + json.dumps(digests))
    del sys.argv[1:]
    return demo.main()


def run(how):
    env = {k: v for k, v in os.environ.items() if k not in (
        'REPO', 'TEST', 'ASK', 'KEEP', 'MODEL', 'MODEL_TOKEN')}
    done = subprocess.run([sys.executable, os.path.abspath(__file__), how],
        env=dict(env, BUILD=BUILD), stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=400)
    return done.returncode, done.stdout


def need(condition, told):
    if not condition:
        raise AssertionError(told)


def the_demo_completes():
    code, told = run('plain')
    need(code == 0 and told.rstrip().endswith('\n' + LAST), told)


def every_secret_left_in_the_cell_is_found_from_inside_and_outside():
    code, told = run('leaks')
    need(code == 1 and told.rstrip().split('\n')[-1].startswith(
        'demo: FAILED'), told)
    found = [json.loads(line.split(' ', 1)[1]) for line in told.splitlines()
             if line.startswith(('digests ', 'findings '))]
    need(len(found) == 3, told)
    for where in found[1:]:
        need(not set(found[0]) - set(where), told)


def a_search_that_misses_its_decoy_fails():
    code, told = run('blind')
    need(code == 1 and 'did not find its decoys' in told, told)


def a_search_from_outside_that_misses_its_decoy_fails():
    code, told = run('deaf')
    need(code == 1 and 'did not find its decoy:' in told, told)


def the_example_roles_pass_role_check():
    for args in (['role', 'check', 'examples/roles'],
                 ['role', 'check', '--config', 'examples/handrail.toml']):
        done = subprocess.run([os.path.join(BUILD, 'src/cli/handrail'), *args],
            cwd=SOURCE, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        need(done.returncode == 0, done.stdout)


def the_example_contracts_differ_from_the_demo_in_hosts_alone():
    texts = []
    for folder in ('examples/demo/roles', 'examples/roles'):
        with open(os.path.join(SOURCE, folder,
                               'engineering/mcp/server.toml')) as f:
            texts.append(f.read())
    need(texts[1] == texts[0].replace('[A-Za-z0-9.:/_-]+',
        r'github\\.com/[A-Za-z0-9._/-]+').replace('@demo.test',
        '@example.com'), 'examples/roles does not follow examples/demo/roles')


TESTS = [the_demo_completes,
         every_secret_left_in_the_cell_is_found_from_inside_and_outside,
         a_search_that_misses_its_decoy_fails,
         a_search_from_outside_that_misses_its_decoy_fails,
         the_example_contracts_differ_from_the_demo_in_hosts_alone,
         the_example_roles_pass_role_check]


def main():
    print('1..%d' % len(TESTS), flush=True)
    bad = 0
    for number, test in enumerate(TESTS, 1):
        name = test.__name__.replace('_', ' ')
        if test in TESTS[:4] and not (
                os.path.exists('/usr/sbin/lighttpd') and shutil.which('curl')):
            print('ok %d - %s # SKIP no lighttpd or curl here' % (number, name),
                  flush=True)
            continue
        try:
            test()
            print('ok %d - %s' % (number, name), flush=True)
        except Exception:
            bad += 1
            print('not ok %d - %s' % (number, name))
            for line in traceback.format_exc().splitlines():
                print('# ' + line)
            sys.stdout.flush()
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(play(sys.argv[1]) if len(sys.argv) > 1 else main())
