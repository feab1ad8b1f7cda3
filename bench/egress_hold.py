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
    context = ssl.create_default_context()
    kept = []
    end = time.monotonic() + seconds
    for _ in range(count):
        s = socket.create_connection((host, 443), 20)
        kept.append(context.wrap_socket(s, server_hostname=host))
    print("ready", len(kept), flush=True)
    text = b"GET /1024 HTTP/1.1\r\nHost: " + host.encode() + b"\r\nX: "
    at = 0
    while time.monotonic() < end:
        for s in kept:
            try:
                s.sendall(text[at:at + 1] or b"x")
            except OSError:
                pass
        at += 1
        time.sleep(1)


def names(host, count, seconds):
    """Whatever is heard is a refusal; it is not waited for long."""
    context = ssl.create_default_context()
    end = time.monotonic() + seconds
    n = 0
    print("ready 0", flush=True)
    while n < count and time.monotonic() < end:
        name = f"n{n}.bench.test"
        hello = ssl.MemoryBIO()
        o = context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname=name)
        try:
            o.do_handshake()
        except ssl.SSLError:
            pass
        try:
            with socket.create_connection((host, 443), 5) as s:
                s.settimeout(5)
                s.sendall(hello.read())
                s.recv(1)
        except OSError:
            pass
        n += 1
    print("names", n, flush=True)


words = sys.argv[1:]
{"hold": lambda h, p, n, t: hold(h, int(p), int(n), float(t)),
 "slow": lambda h, n, t: slow(h, int(n), float(t)),
 "names": lambda h, n, t: names(h, int(n), float(t))}[words[0]](*words[1:])
