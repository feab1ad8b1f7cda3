# SPDX-License-Identifier: Apache-2.0
"""Programs from npm for tests: what tests/npm locks, installed once below the
build folder; and the node that runs them."""
import fcntl
import filecmp
import hashlib
import os
import shutil
import subprocess
import time

from house import BUILD, SOURCE, Skipped, need

NPM = os.path.join(SOURCE, 'tests', 'npm')
FOLDER = os.path.join(BUILD, 'npm')
MODULES = os.path.join(FOLDER, 'node_modules')
MACHINE = {'x86_64': 'x64', 'aarch64': 'arm64'}.get(os.uname().machine)
NODE = os.path.join(MODULES, 'node-linux-%s' % MACHINE, 'bin', 'node')
BEGAN = time.time()


def packages():
    """The node that runs them; skips where npm cannot be reached, and says why.
    Test programs run side by side: one of them installs, the others wait."""
    if not MACHINE:
        raise Skipped('npm has no node for this machine')
    os.makedirs(FOLDER, exist_ok=True)
    with open(os.path.join(FOLDER, 'lock'), 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in os.listdir(NPM):
            ours, theirs = os.path.join(NPM, name), os.path.join(FOLDER, name)
            if not os.path.exists(theirs) or \
                    not filecmp.cmp(ours, theirs, shallow=False):
                shutil.copyfile(ours, theirs)
        install()
    return NODE


def install():
    """Only what the lock names; no script of a package runs (.npmrc)."""
    stamp = hashlib.sha256()
    for name in ('.npmrc', 'package.json', 'package-lock.json'):
        with open(os.path.join(FOLDER, name), 'rb') as f:
            stamp.update(f.read())
    mark = os.path.join(FOLDER, 'installed')
    if os.path.exists(mark):
        with open(mark) as f:
            if f.read() == stamp.hexdigest():
                return
    # npm asks for more than a minute before it gives up: since this program
    # began, one has asked for all.
    silent = os.path.join(FOLDER, 'silent')
    if os.path.exists(silent) and os.path.getmtime(silent) > BEGAN:
        raise Skipped('npm cannot be reached')
    ran = subprocess.run(['npm', 'ci', '--prefer-offline'], cwd=FOLDER,
                         stdin=subprocess.DEVNULL, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if ran.returncode and any(word in ran.stdout for word in (
            'ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'ETIMEDOUT',
            'ENETUNREACH')):
        open(silent, 'w').close()
        raise Skipped('npm cannot be reached')
    need(ran.returncode == 0, 'npm ci', ran.stdout[-2000:])
    # Of each machine's node but ours it does without, so it does without ours
    # if that does not come, or with another digest.
    need(os.path.exists(NODE), 'npm ci left out', NODE, ran.stdout[-2000:])
    with open(mark, 'w') as f:
        f.write(stamp.hexdigest())
