"""Churn: does memory grow with every session that comes and goes?

It exists for the leak figure. It refuses to count the first sessions, which fault in code and warm the allocator up.
"""

import asyncio
import socket
import time

from client import login
from figures import at_most
from process import resident, slope

GREETED = {"smtp": b"QUIT\r\n", "imap": b"z LOGOUT\r\n", "pop3": b"QUIT\r\n"}
ROUNDS = 12
GRAIN = 128  # kB in all that an allocator grows by for no reason; over the sessions of a whole run far below the bar


def greet_and_quit(endpoint, sources, many):
    """Connects, hears the greeting, says goodbye, hears the end; runs in a worker process. How many came through."""
    done = 0
    for n in range(many):
        protocol = ("smtp", "imap", "pop3")[n % 3]
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


def log_in_and_out(endpoint, sources, user, many):
    """Eight sessions at a time; runs in a worker process."""

    async def lane(n):
        for turn in range(n, many, 8):
            client = await login(endpoint, ("smtp", "imap", "pop3")[turn % 3], sources[turn % len(sources)], user)
            await client.mailbox(user)
            await client.quit()

    async def run():
        await asyncio.gather(*(lane(n) for n in range(8)))
        return many

    return asyncio.run(run())


async def churn(world):
    async with world.gatepost("churn", 76) as gatepost, world.floor:
        end, user, pid = gatepost.endpoint, gatepost.users[0], gatepost.pid
        sources = [[gatepost.source(1000 * half + n) for n in range(400)] for half in (0, 1)]
        figures = []
        for name, many, seconds, work in (
            (
                "connect, greet, quit",
                world.by_scale(12_000, 100_000, 1_000_000),
                world.by_scale(8, 70, 900),
                lambda half, n: world.work(greet_and_quit, end, sources[half], n),
            ),
            (
                "login, logout",
                world.by_scale(1_500, 6_000, 60_000),
                world.by_scale(14, 50, 600),
                lambda half, n: world.work(log_in_and_out, end, sources[half], user, n),
            ),
        ):
            grown, done, first = await _grown(pid, many, seconds, work)
            kilobytes = max(0.0, slope(grown)) if grown[-1][1] - first > GRAIN else 0.0
            world.say("churn", f"{name}: {done:,} sessions, {first:,} to {grown[-1][1]:,} kB, {kilobytes:.4f} kB each")
            figures.append(
                at_most(
                    f"growth for each session: {name}",
                    kilobytes,
                    0.05,
                    0.0,
                    "kB",
                    f"{done:,} sessions, {first:,} to {grown[-1][1]:,} kB in all",
                )
            )
        # Two password checks run at a time, 19 MiB each; 16 sessions asked for one at the start.
        figures.append(at_most("resident after it all", resident(pid) / 1024, 64.0, 24.0, "MiB"))
        return figures


async def _grown(pid, many, seconds, work):
    """(sessions, resident kB) after each round behind the warm-up, and how many there were in all."""
    began, share, points, done = time.monotonic(), many // ROUNDS // 2, [], 0
    for turn in range(ROUNDS):
        done += sum(await asyncio.gather(work(0, share), work(1, share)))
        if turn >= ROUNDS // 3:
            points.append((done, resident(pid)))
        if time.monotonic() - began > seconds and len(points) >= 3:
            break
    return points, done, points[0][1]
