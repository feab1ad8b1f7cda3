# SPDX-License-Identifier: Apache-2.0
"""What a client in a cell does for the figures of many connections:
    hold HOST PORT COUNT SECONDS        idle connections, plain or TLS at port 443
    slow HOST COUNT SECONDS             a byte a second of a request's head
    names HOST COUNT SECONDS            hellos, each with a name of its own
It says `ready N` when it holds N, and ends by itself.  Run by python3 -c, so it
takes nothing but the standard library."""
import socket
import ssl
import sys
import time


def hold(host, port, count, seconds):
    context = ssl.create_default_context()
    kept = []
    for _ in range(count):
        s = socket.create_connection((host, port), 20)
        if port == 443:
            s = context.wrap_socket(s, server_hostname=host)
        kept.append(s)
    print("ready", len(kept), flush=True)
    time.sleep(seconds)


def slow(host, count, seconds):
    """What is cut for its slowness is begun anew."""
    context = ssl.create_default_context()
    end = time.monotonic() + seconds
    text = b"GET /1024 HTTP/1.1\r\nHost: " + host.encode() + b"\r\nX: "
    kept = [None] * count
    at = [0] * count
    told = False
    while time.monotonic() < end:
        for n in range(count):
            try:
                if not kept[n]:
                    s = socket.create_connection((host, 443), 20)
                    kept[n] = context.wrap_socket(s, server_hostname=host)
                    at[n] = 0
                kept[n].sendall(text[at[n]:at[n] + 1] or b"x")
                at[n] += 1
            except OSError:
                kept[n] = None
        if not told:
            print("ready", count - kept.count(None), flush=True)
            told = True
        time.sleep(1)


def hello_of(host, name):
    """A hello as OpenSSL writes it."""
    context = ssl.create_default_context()
    out = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name).do_handshake()
    except ssl.SSLError:
        pass
    return out.read()


def names(host, count, seconds):
    """Each hello has a name of its own, a few at once, evenly in that time.
    What is heard is a refusal."""
    mark = "n00000000.bench.test"
    before, after = hello_of(host, mark).split(mark.encode())
    at = socket.gethostbyname(host)
    begun = time.monotonic()
    print("ready 0", flush=True)
    n = 0
    while n < count and time.monotonic() < begun + 2 * seconds:
        some = []
        for _ in range(min(16, count - n)):
            s = socket.create_connection((at, 443), 5)
            s.sendall(before + b"n%08d.bench.test" % n + after)
            some.append(s)
            n += 1
        for s in some:
            try:
                s.recv(1)
            except OSError:
                pass
            s.close()
        ahead = begun + seconds * n / count - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
    print("names", n, round(n / (time.monotonic() - begun)), flush=True)


words = sys.argv[1:]
{"hold": lambda h, p, n, t: hold(h, int(p), int(n), float(t)),
 "slow": lambda h, n, t: slow(h, int(n), float(t)),
 "names": lambda h, n, t: names(h, int(n), float(t))}[words[0]](*words[1:])
