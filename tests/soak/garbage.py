"""Garbage of every kind at all ports, while memory and an honest login are watched.

It exists for hardening item 6 and the rule that no input stops other sessions. It refuses to care what the daemon answers: only
that it lives, stays small, and serves others.
"""

import asyncio
import base64
import contextlib
import os
import random
import socket
import time
from concurrent.futures import ThreadPoolExecutor

from client import PASSWORD
from figures import at_most, holds
from honest import waits
from process import Peak, resident

MEBIBYTE = 1 << 20
LITERALS = (b"{4294967296}", b"{-1}", b"{18446744073709551615}", b"{4294967296+}", b"{99999999999999999999}", b"{2147483647}")


def _connected(end, protocol, source):
    client = socket.create_connection((end.address, end.ports[protocol]), timeout=5, source_address=(source, 0))
    client.recv(4096)
    return client


def _pour(client, chunk, most):
    """Sends until so many bytes are gone or the other side closes; how many went. Answers are read on the way."""
    sent = 0
    client.setblocking(False)
    until = time.monotonic() + 10
    while sent < most and time.monotonic() < until:
        with contextlib.suppress(BlockingIOError):
            if client.recv(65_536) == b"":
                break
        try:
            sent += client.send(chunk)
        except BlockingIOError:
            time.sleep(0.0005)
    return sent


def short_lines(end, protocol, source, scale, seed):
    """100,000 short lines of random bytes, over as many connections as it takes."""
    chance, left = random.Random(seed), 100_000 * scale // 100
    while left > 0:
        lines = [
            bytes(chance.choices(range(1, 256), k=chance.randrange(1, 30))).replace(b"\n", b"x") + b"\r\n" for _ in range(100)
        ]
        with contextlib.suppress(OSError), _connected(end, protocol, source) as client:
            client.sendall(b"".join(lines))
            client.shutdown(socket.SHUT_WR)
            while client.recv(65_536):
                pass
        left -= len(lines)


def endless_line(end, protocol, source, scale, seed):
    for _ in range(5):
        with contextlib.suppress(OSError), _connected(end, protocol, source) as client:
            _pour(client, b"A" * 65_536, scale * MEBIBYTE)


def endless_noops(end, protocol, source, scale, seed):
    verb = b"a NOOP\r\n" if protocol == "imap" else b"NOOP\r\n"
    for _ in range(3):
        with contextlib.suppress(OSError), _connected(end, protocol, source) as client:
            _pour(client, verb * 500, scale * MEBIBYTE // 10)


def absurd_literals(end, protocol, source, scale, seed):
    for n in range(5 * scale):
        literal = LITERALS[n % len(LITERALS)]
        with contextlib.suppress(OSError), _connected(end, "imap", source) as client:
            client.sendall((b"a LOGIN " if n % 2 else b"a APPEND INBOX ") + literal + b"\r\n")
            _pour(client, b"B" * 65_536, MEBIBYTE)


def parentheses(end, protocol, source, scale, seed):
    for verb in (b"a FETCH 1 ", b"a SEARCH ", b"a STORE 1 ", b"a LOGIN ", b"a ID "):
        with contextlib.suppress(OSError), _connected(end, "imap", source) as client:
            _pour(client, verb + b"(" * MEBIBYTE + b")" * MEBIBYTE + b"\r\n", 4 * MEBIBYTE)


def huge_base64(end, protocol, source, scale, seed):
    for line in (b"AUTH PLAIN ", b"AUTH PLAIN\r\n", b"AUTH LOGIN\r\n", b"AUTH LOGIN "):
        for name in ("smtp", "pop3", "imap"):
            with contextlib.suppress(OSError), _connected(end, name, source) as client:
                client.sendall(line.replace(b"AUTH", b"a AUTHENTICATE") if name == "imap" else line)
                _pour(client, b"QUFB" * 16_384, 16 * MEBIBYTE)


def many_headers(end, protocol, source, scale, seed):
    """20,000 headers in a signed-on session, short ones and long ones."""
    user = "user00@soak.example"
    login = b"AUTH PLAIN " + base64.b64encode(f"\0{user}\0{PASSWORD}".encode())
    for header in (b"X: y\r\n", b"X-Long: " + b"z" * 900 + b"\r\n"):
        with contextlib.suppress(OSError), _connected(end, "smtp", source) as client:
            for line in (b"EHLO x", login, b"MAIL FROM:<%s>" % user.encode(), b"RCPT TO:<a@soak.example>", b"DATA"):
                client.sendall(line + b"\r\n")
                client.recv(4096)
            client.sendall(f"From: <{user}>\r\n".encode() + header * 20_000 + b"\r\nbody\r\n.\r\n")
            client.recv(4096)


KINDS = (short_lines, endless_line, endless_noops, absurd_literals, parentheses, huge_base64, many_headers)


def pour_all(end, sources, scale, seed):
    """Every kind at every port it is meant for, six at a time; runs in a worker process. What broke on our own side."""
    os.nice(10)  # the garbage should take its processor time from nobody but itself
    jobs = [(kind, protocol) for kind in KINDS for protocol in (("smtp", "imap", "pop3") if kind in KINDS[:3] else ("",))]
    with ThreadPoolExecutor(6) as threads:
        running = [
            (kind.__name__, threads.submit(kind, end, protocol, sources[n], scale, seed + n))
            for n, (kind, protocol) in enumerate(jobs)
        ]
        return [f"{name}: {job.exception()}" for name, job in running if job.exception()]


async def garbage(world):
    scale, tries = world.by_scale(20, 100), world.by_scale(40, 200)
    async with world.gatepost("garbage", 82) as gatepost, world.floor:
        end, user, honest = gatepost.endpoint, gatepost.users[0], gatepost.source(20_000)
        before = await world.work(waits, end, honest, user, tries, 0.05)
        base = resident(gatepost.pid)
        world.say("garbage", f"pouring; {base:,} kB resident before")
        async with Peak(gatepost.pid) as peak:
            pouring = asyncio.create_task(world.work(pour_all, end, [gatepost.source(n) for n in range(20)], scale, world.seed))
            worst = await world.work(waits, end, honest, user, tries, 0.05)
            broke = await pouring
        gatepost.check_alive()
        after = await world.work(waits, end, honest, user)
        grown = max(0, peak.most - base) / 1024
        world.say("garbage", f"grew by {grown:.1f} MiB at most; a login meanwhile: {worst}")
        return [
            at_most(
                "memory that garbage took at most", grown, 32.0, 8.0, "MiB", f"{base / 1024:.0f} to {peak.most / 1024:.0f} MiB"
            ),
            at_most("an honest login meanwhile, worst", worst.worst, 100.0, 50.0, "ms", f"{worst}; alone: {before}"),
            holds("after it all", f"the daemon serves: {after}" + (f"; {broke[0]}" if broke else ""), "it serves", not broke),
        ]
