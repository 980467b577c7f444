"""Garbage of every kind at all ports, while memory and an honest login are watched.

It exists for hardening item 6 and the rule that no input stops other sessions. It refuses to care what the daemon answers to
garbage: only that it lives, stays small, and serves others. And it refuses to count what never left: a kind of which too little
was poured fails.
"""

import asyncio
import base64
import contextlib
import os
import random
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from client import PASSWORD
from figures import at_most, holds
from gatepost import Endpoint
from honest import waits
from lab import PROTOCOLS
from process import Peak, resident

MEBIBYTE = 1 << 20
LITERALS = (b"{4294967296}", b"{-1}", b"{18446744073709551615}", b"{4294967296+}", b"{99999999999999999999}", b"{2147483647}")


@dataclass
class Hose:
    """Where one kind of garbage is poured, and how much of it was."""

    end: Endpoint
    protocol: str
    source: str
    scale: int
    seed: int
    poured: int = 0

    @contextlib.contextmanager
    def connected(self, protocol=None):
        """A connection that is greeted. The daemon may close it whenever it likes."""
        at = self.end.address, self.end.ports[protocol or self.protocol]
        with socket.create_connection(at, timeout=30, source_address=(self.source, 0)) as client:
            assert client.recv(4096), "it was closed before its greeting"
            with contextlib.suppress(ConnectionError):
                yield client

    def send(self, client, data):
        client.sendall(data)
        self.poured += len(data)

    def pour(self, client, chunk, most):
        """Sends until so many bytes are gone or the other side closes. Answers are read on the way."""
        left, until = most, time.monotonic() + 10
        client.setblocking(False)
        while left > 0 and time.monotonic() < until:
            with contextlib.suppress(BlockingIOError):
                if client.recv(65_536) == b"":
                    break
            try:
                sent = client.send(chunk)
                left -= sent
                self.poured += sent
            except BlockingIOError:
                time.sleep(0.0005)


def short_lines(hose):
    """100,000 short lines of random bytes, over as many connections as it takes."""
    chance, left = random.Random(hose.seed), 100_000 * hose.scale // 100
    while left > 0:
        lines = [
            bytes(chance.choices(range(1, 256), k=chance.randrange(1, 30))).replace(b"\n", b"x") + b"\r\n" for _ in range(100)
        ]
        with hose.connected() as client:
            hose.send(client, b"".join(lines))
            client.shutdown(socket.SHUT_WR)
            while client.recv(65_536):
                pass
        left -= len(lines)


def endless_line(hose):
    for _ in range(5):
        with hose.connected() as client:
            hose.pour(client, b"A" * 65_536, hose.scale * MEBIBYTE)


def endless_noops(hose):
    verb = b"a NOOP\r\n" if hose.protocol == "imap" else b"NOOP\r\n"
    for _ in range(12):  # each ends after a hundred commands
        with hose.connected() as client:
            hose.pour(client, verb * 500, hose.scale * MEBIBYTE // 10)


def absurd_literals(hose):
    for n in range(5 * hose.scale):
        with hose.connected() as client:
            hose.send(client, (b"a LOGIN " if n % 2 else b"a APPEND INBOX ") + LITERALS[n % len(LITERALS)] + b"\r\n")
            hose.pour(client, b"B" * 65_536, MEBIBYTE)


def parentheses(hose):
    for verb in (b"a FETCH 1 ", b"a SEARCH ", b"a STORE 1 ", b"a LOGIN ", b"a ID "):
        with hose.connected() as client:
            hose.pour(client, verb + b"(" * MEBIBYTE + b")" * MEBIBYTE + b"\r\n", 4 * MEBIBYTE)


def huge_base64(hose):
    for line in (b"AUTH PLAIN ", b"AUTH PLAIN\r\n", b"AUTH LOGIN\r\n", b"AUTH LOGIN "):
        for protocol in PROTOCOLS:
            with hose.connected(protocol) as client:
                hose.send(client, line.replace(b"AUTH", b"a AUTHENTICATE") if protocol == "imap" else line)
                hose.pour(client, b"QUFB" * 16_384, 16 * MEBIBYTE)


def many_headers(hose):
    """20,000 headers in a signed-on session, short ones and long ones."""
    user = "user00@soak.example"
    login = base64.b64encode(f"\0{user}\0{PASSWORD}".encode()).decode()
    dialogue = ("EHLO x", "250"), (f"AUTH PLAIN {login}", "235"), (f"MAIL FROM:<{user}>", "250"), ("RCPT TO:<a@b.example>", "250"), ("DATA", "354")
    for header in (b"X: y\r\n", b"X-Long: " + b"z" * 900 + b"\r\n"):
        with hose.connected() as client, client.makefile("rb") as answers:
            for line, good in dialogue:
                client.sendall(line.encode() + b"\r\n")
                while (answer := answers.readline().decode())[3:4] == "-":
                    pass
                if not answer.startswith(f"{good} "):
                    raise AssertionError(f"{line[:10]} was answered with {answer or 'nothing'}")
            hose.send(client, f"From: <{user}>\r\n".encode() + header * 20_000 + b"\r\nbody\r\n.\r\n")
            answers.readline()


ANYWHERE = (short_lines, endless_line, endless_noops)
KINDS = {**dict.fromkeys(ANYWHERE, PROTOCOLS), absurd_literals: ("imap",), parentheses: ("imap",), huge_base64: ("smtp",), many_headers: ("smtp",)}
LEAST = 100_000  # bytes of each kind at each port: less is no garbage


def pour_all(end, sources, scale, seed):
    """Every kind at every port it is meant for, six at a time; runs in a worker process. Bytes, and what went wrong."""
    os.nice(10)  # the garbage should take its processor time from nobody but itself
    jobs = [(kind, protocol) for kind, protocols in KINDS.items() for protocol in protocols]
    hoses = [Hose(end, protocol, sources[n], scale, seed + n) for n, (_, protocol) in enumerate(jobs)]
    with ThreadPoolExecutor(6) as threads:
        running = [threads.submit(kind, hose) for (kind, _), hose in zip(jobs, hoses)]
        wrong = [job.exception() for job in running]
    told = [f"{kind.__name__} at {protocol}" for kind, protocol in jobs]
    broke = [f"{name}: {error}" for name, error in zip(told, wrong) if error]
    broke += [f"{name}: {hose.poured:,} bytes only" for name, hose in zip(told, hoses) if hose.poured < LEAST]
    return sum(hose.poured for hose in hoses), broke


async def garbage(world):
    scale, tries = world.by_scale(20, 100), world.by_scale(40, 200)
    async with world.gatepost("garbage", 82) as gatepost, world.floor:
        end, user, honest = gatepost.endpoint, gatepost.users[0], gatepost.source(20_000)
        before = await world.work(waits, end, honest, user, tries, 0.05)
        base = resident(gatepost.pid)
        world.say("garbage", f"pouring; {base:,} kB resident before")
        with Peak(gatepost.pid) as peak:
            pouring = asyncio.create_task(world.work(pour_all, end, [gatepost.source(n) for n in range(20)], scale, world.seed))
            worst = await world.work(waits, end, honest, user, tries, 0.05)
            poured, broke = await pouring
        gatepost.check_alive()
        after = await world.work(waits, end, honest, user)
        grown = max(0, peak.most - base) / 1024
        world.say("garbage", f"{poured / MEBIBYTE:,.0f} MiB, grew by {grown:.1f} MiB at most; a login meanwhile: {worst}")
        return [
            at_most(
                "memory that garbage took at most", grown, 32.0, 8.0, "MiB", f"{base / 1024:.0f} to {peak.most / 1024:.0f} MiB"
            ),
            at_most("an honest login meanwhile, worst", worst.worst, 100.0, 50.0, "ms", f"{worst}; alone: {before}"),
            holds(
                "garbage poured",
                broke[0] if broke else f"{poured / MEBIBYTE:,.0f} MiB",
                f"{LEAST // 1000} kB of every kind at every port",
                not broke,
            ),
            holds("after it all", f"the daemon serves: {after}", "it serves", True),
        ]
