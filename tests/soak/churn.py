"""Churn: does memory grow with every session that comes and goes?

It exists for the leak figure. It refuses to count the first sessions, which warm the allocator up: a leak goes on, and is what the
last sessions add. It looks at memory that no file stands behind, since code that runs for the first time is no leak.
"""

import asyncio
import socket
import time

from client import login
from figures import at_most
from lab import PROTOCOLS
from process import own, resident, slope

GREETED = {"smtp": b"QUIT\r\n", "imap": b"z LOGOUT\r\n", "pop3": b"QUIT\r\n"}
WARM_UP, HALF = 4, 5  # rounds; behind the warm-up come two halves


def greet_and_quit(endpoint, sources, many):
    """Connects, hears the greeting, says goodbye, hears the end; runs in a worker process. How many came through."""
    done = 0
    for n in range(many):
        protocol = PROTOCOLS[n % 3]
        with socket.socket() as client:
            client.settimeout(30)
            client.bind((sources[n % len(sources)], 0))
            client.connect((endpoint.address, endpoint.ports[protocol]))
            client.recv(4096)
            client.sendall(GREETED[protocol])
            while client.recv(4096):
                pass
            done += 1
    return done


def log_in_and_out(endpoint, sources, user, many, leave="quit"):
    """Eight sessions at a time, each of which takes its leave, or breaks off ("abort"); runs in a worker process."""

    async def lane(n):
        for turn in range(n, many, 8):
            client = await login(endpoint, PROTOCOLS[turn % 3], sources[turn % len(sources)], user)
            await client.mailbox(user)
            if leave == "quit":
                await client.quit()
            else:
                client.abort()

    async def run():
        await asyncio.gather(*(lane(n) for n in range(8)))
        return many

    return asyncio.run(run())


async def churn(world):
    async with world.gatepost("churn", 76) as gatepost, world.floor:
        end, user, pid = gatepost.endpoint, gatepost.users[0], gatepost.pid
        sources = [[gatepost.source(1000 * half + n) for n in range(400)] for half in (0, 1)]
        figures = []
        for name, many, work in (
            (
                "connect, greet, quit",
                world.by_scale(14_000, 112_000, 1_000_000),
                lambda half, n: world.work(greet_and_quit, end, sources[half], n),
            ),
            (
                "login, logout",
                world.by_scale(8_400, 14_000, 60_000),
                lambda half, n: world.work(log_in_and_out, end, sources[half], user, n),
            ),
            (
                "login, gone without a word",
                world.by_scale(8_400, 14_000, 60_000),
                lambda half, n: world.work(log_in_and_out, end, sources[half], user, n, "abort"),
            ),
        ):
            began, grown = time.monotonic(), await _grown(pid, many, work)
            done, kilobytes = grown[-1]
            first, last = slope(grown[WARM_UP:-HALF]), slope(grown[-HALF:])
            told = f"{done:,} sessions, {kilobytes:,} kB; {first:.4f} in the half before"
            world.say("churn", f"{name}: {last:.4f} kB each; {told}; {time.monotonic() - began:.0f} s")
            figures.append(at_most(f"growth for each session: {name}", last, 0.05, 0.0, "kB", told))
        # Two password checks run at a time, 19 MiB each; 16 sessions asked for one at the start.
        figures.append(at_most("resident after it all", resident(pid) / 1024, 64.0, 24.0, "MiB"))
        return figures


async def _grown(pid, many, work):
    """(sessions so far, kB) after each round."""
    share, points, done = many // (WARM_UP + 2 * HALF) // 2, [], 0
    for _ in range(WARM_UP + 2 * HALF):
        done += sum(await asyncio.gather(work(0, share), work(1, share)))
        points.append((done, own(pid)))
    return points
