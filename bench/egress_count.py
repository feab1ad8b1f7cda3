#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a request costs in instructions outside the kernel: the room proxy alone
beside HAProxy, counted by valgrind.  A count says the same on a machine that is
busy, where a time says nothing.

usage: bench/egress_count.py BUILD-FOLDER [CONNECTIONS]
"""
import re
import shutil
import subprocess
import sys
import threading
import time

import egress
from egress import CONNECTIONS, NAME, Rig

SECONDS = 20  # of the load; half of it is counted
WARM = 12     # requests of each connection before


class Counted:
    """A program under callgrind, which counts only when it is told to."""

    def __init__(self, rig, name, argv, **more):
        self.out = f"{rig.folder}/{name}.callgrind"
        self.process = rig.start(
            ["valgrind", "--tool=callgrind", "--instr-atstart=no",
             f"--callgrind-out-file={self.out}", *argv], 0, **more)

    def switch(self, how):
        subprocess.run(["callgrind_control", "-i", how, str(self.process.pid)], check=True,
                       capture_output=True)

    def end(self):
        """Instructions of each of its libraries."""
        self.process.terminate()
        self.process.wait(60)
        found, names, where, call = {}, {}, "", False
        with open(self.out, encoding="utf-8", errors="replace") as f:
            for line in f:
                named = re.match(r"(c?)ob=\((\d+)\)(?: (.*))?$", line)
                if named:
                    if named[3]:
                        names[named[2]] = named[3].rsplit("/", 1)[-1].split(".so")[0]
                    where = where if named[1] else names[named[2]]
                elif line.startswith("calls="):
                    call = True  # what follows is the callee's
                elif line[0] in "+-*0123456789":
                    if not call:
                        found[where] = found.get(where, 0) + int(line.split()[1])
                    call = False
        return found


def count(rig, program, port, ca, connections):
    """Instructions a request, by library, once all connections are warm."""
    load = threading.Thread(target=rig.direct, args=(port, ca, "/1024", connections),
                            kwargs={"seconds": SECONDS})
    before = rig.stats()[0]
    load.start()
    while rig.stats()[0] - before < WARM * connections:
        if not load.is_alive():
            sys.exit("the machine is too slow for that many connections")
        time.sleep(0.1)
    program.switch("on")
    begun = rig.stats()[0]
    time.sleep(SECONDS / 2)
    asked = rig.stats()[0] - begun
    program.switch("off")
    load.join()
    return {name: n / max(1, asked) for name, n in program.end().items()}, asked


def say(found):
    most = sorted(found.items(), key=lambda x: -x[1])[:5]
    return ", ".join(f"{name} {n:.0f}" for name, n in most)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if not shutil.which("valgrind"):
        sys.exit("egress-count needs Debian's package valgrind")
    connections = int(sys.argv[2]) if len(sys.argv) > 2 else CONNECTIONS
    rig = Rig(sys.argv[1])
    try:
        own = Counted(rig, "own", [rig.build + "/bench/bench_egress_alone", NAME, str(rig.origin),
                                   rig.folder + "/origin.pem", rig.secret,
                                   rig.folder + "/alone.pem"], stdout=subprocess.PIPE, text=True)
        port = int(own.process.stdout.readline())
        mine, asked = count(rig, own, port, rig.folder + "/alone.pem", connections)
        rig.certificate()
        port = egress.free_port()
        rig.write_haproxy(port)
        peer = Counted(rig, "peer", [shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f",
                                     rig.folder + "/haproxy.cfg"])
        rig.listens(port, peer.process, "haproxy")
        other, served = count(rig, peer, port, rig.folder + "/peer-ca.pem", connections)
    finally:
        rig.close()
    ours, theirs = sum(mine.values()), sum(other.values())
    print(f"egress-count: {ours:.0f} instructions/request outside the kernel, "
          f"{ours / theirs:.2f} x HAProxy ({connections} connections; {say(mine)}; of {asked}; "
          f"HAProxy {theirs:.0f}: {say(other)}; of {served})", flush=True)


if __name__ == "__main__":
    main()
