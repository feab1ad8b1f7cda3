# SPDX-License-Identifier: Apache-2.0
"""What tests of stores share: a role whose tasks wait for a yes, and where a
house on PostgreSQL has its book."""
import uuid

from house import shell, until

SLOW = {
    'role.toml': """\
[task.default]
tools  = ["shell", "publish"]
brain  = "runbook"
budget = { calls = 20, wall = "5m" }
""",
    'gates.toml': """\
[defaults]
unmatched = "allow"

[gate.publish]
match   = { tool = "publish" }
require = "operator"
surface = "cli"
expires = "90d"
""",
    'mcp/server.toml': """\
[tool.shell]
description = "Run a shell command"
action      = "execute"
run         = { builtin = "shell" }

[tool.publish]
description = "Show it to everybody"
action      = "publish"
run         = { exec = ["sh", "-c", "echo $1 >>/work/out; cat /work/out", "sh", "{{what}}"] }
[tool.publish.input]
type = "object"
required = ["what"]
properties.what = { type = "string", pattern = "^[a-z]+$" }
""",
}
ROLES = {'worker': SLOW}


def schema():
    return 'h' + uuid.uuid4().hex[:8]


def publish(what='a', id='published'):
    return {'id': id, 'tool': 'publish', 'args': {'what': what}}


def finish(**args):
    return {'id': 'end', 'tool': 'finish', 'args': args}


def two_waiting(h):
    """Two tasks that wait for a yes, and what they wait for."""
    ids = [h.dispatch([shell('echo before >/work/f', id='first'), publish(),
                       shell('cat /work/f', id='last'), finish()],
                      queue='worker') for _ in range(2)]
    until(lambda: len(h.waits()) == 2, 30, 'two must wait')
    return ids, h.waits()


def on_server(s, name):
    return ['--store', s.url(name)]
