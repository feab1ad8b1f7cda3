# SPDX-License-Identifier: Apache-2.0
"""Programs from npm for tests: each folder of tests/npm with its lock, installed
once below the build folder; and the node that runs them."""
import hashlib
import os
import shutil
import subprocess

from house import BUILD, SOURCE, Failed


class Npm:
    def __init__(self, name):
        self.source = os.path.join(SOURCE, 'tests', 'npm', name)
        self.folder = os.path.join(BUILD, 'npm-' + name)
        self.modules = os.path.join(self.folder, 'node_modules')
        self.node = os.path.join(self.modules, 'node', 'bin', 'node')
        self.install()

    def npm(self, *words):
        done = subprocess.run(['npm', *words], cwd=self.folder, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode:
            raise Failed('npm %s: %s' % (words[0], done.stderr[-1500:]))

    def install(self):
        """Only what the lock names; no script of a package runs but node's."""
        with open(os.path.join(self.source, 'package-lock.json'), 'rb') as f:
            stamp = hashlib.sha256(f.read()).hexdigest()
        mark = os.path.join(self.folder, 'installed')
        if os.path.exists(mark):
            with open(mark) as f:
                if f.read() == stamp:
                    return
        os.makedirs(self.folder, exist_ok=True)
        for name in ('package.json', 'package-lock.json'):
            shutil.copy(os.path.join(self.source, name), self.folder)
        self.npm('ci', '--ignore-scripts', '--no-audit', '--no-fund')
        self.npm('rebuild', 'node')
        with open(mark, 'w') as f:
            f.write(stamp)
