"""Silent and slow clients: what one costs, what an honest login waits meanwhile, when they are dropped, who leaves when it is
full.

It exists for hardening item 8. It refuses to count a connection that was not greeted.
"""

import asyncio
import time

from client import Client, Refused, login
from figures import at_most, holds
from honest import waits
from lab import PROTOCOLS
from process import resident, settled

DEADLINE = 60.0
LATEST = DEADLINE + 1  # a timer and a busy machine
EARLIEST = 55.0  # a client that is only slow has its minute; the clock here starts a little later than the daemon's
TRICKLE = {"smtp": b"EHLO " + b"a" * 200, "imap": b"a LOGIN " + b"a" * 200, "pop3": b"USER " + b"a" * 200}


class Held(asyncio.Protocol):
    """A connection that is held, and the moments of its life."""

    def __init__(self, protocol):
        self.protocol = protocol
        self.sent = 0
        self.closed = None
        self.greeted = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport, self.opened = transport, time.monotonic()

    def data_received(self, data):
        if not self.greeted.done():
            self.greeted.set_result(True)

    def eof_received(self):
        self.closed = self.closed or time.monotonic()

    def connection_lost(self, error):
        self.closed = self.closed or time.monotonic()
        if not self.greeted.done():
            self.greeted.set_exception(Refused("closed before its greeting"))
            self.greeted.exception()

    def trickle(self):
        """The next byte of a command that never ends."""
        if not self.closed:
            at = self.sent % len(TRICKLE[self.protocol])
            self.transport.write(TRICKLE[self.protocol][at : at + 1])
            self.sent += 1


async def hold(gatepost, many, offset=0, protocols=PROTOCOLS):
    """Opens so many connections, all greeted, from as many addresses as it takes."""
    loop, held, end = asyncio.get_running_loop(), [], gatepost.endpoint

    async def one(n):
        protocol = protocols[n % len(protocols)]
        _, one = await loop.create_connection(
            lambda: Held(protocol), end.address, end.ports[protocol], local_addr=(gatepost.source(offset + n % 4000), 0)
        )
        held.append(one)
        async with asyncio.timeout(60):
            await one.greeted

    for start in range(0, many, 200):
        await asyncio.gather(*(one(n) for n in range(start, min(start + 200, many))))
    return sorted(held, key=lambda one: one.opened)


async def dropped(held):
    """Waits until all are closed, or some seconds beyond the deadline; the shortest and longest life, and how many are left."""
    limit = time.monotonic() + DEADLINE + 15
    while any(one.closed is None for one in held) and time.monotonic() < limit:
        await asyncio.sleep(0.1)
    lives = [one.closed - one.opened for one in held if one.closed]
    left = [one for one in held if not one.closed]
    for one in left:
        one.transport.abort()
    return min(lives, default=0), max(lives, default=0), len(left)


def drop_figure(name, lives):
    shortest, longest, left = lives
    return holds(
        f"{name} are dropped",
        f"after {shortest:.2f} to {longest:.2f} s, {left} left",
        f"all after {EARLIEST:.0f} to {LATEST:.0f} s",
        not left and EARLIEST <= shortest and longest <= LATEST,
    )


async def silent(world):
    many = world.by_scale(1000, 5000, min(20_000, world.open_files - 1000))
    async with world.gatepost("silent", 71, most=many + 1000) as gatepost:
        async with world.floor:
            world.say("silent", f"opening {many}")
            before = await world.work(waits, gatepost.endpoint, gatepost.source(20_000), gatepost.users[0])
            for one in await hold(gatepost, 300):
                one.transport.abort()
            held, steps = [], [await settled(gatepost.pid)]
            for n, protocol in enumerate(PROTOCOLS):
                held += await hold(gatepost, (many + n) // 3, 4000 * n, (protocol,))
                steps.append(resident(gatepost.pid))
            each = (steps[-1] - steps[0]) / many
            told = ", ".join(f"{protocol} {(steps[n + 1] - steps[n]) * 3 / many:.2f}" for n, protocol in enumerate(PROTOCOLS))
            during = await world.work(waits, gatepost.endpoint, gatepost.source(20_000), gatepost.users[0])
            open_still = sum(one.closed is None for one in held)
        world.say("silent", f"{open_still} held at {each:.2f} kB each; a login: {during}; waiting until they are dropped")
        lives = await dropped(held)
        return [
            holds(
                "silent connections held at once",
                f"{open_still:,}",
                f"{many:,}",
                open_still == many,
                "20,000",
                open_still >= 20_000,
            ),
            at_most("memory of a silent connection", each, 4.0, 1.5, "kB", told),
            at_most("an honest login among them, worst", during.worst, 200.0, 50.0, "ms", f"{during}; alone: {before}"),
            drop_figure("silent connections", lives),
        ]


async def slow(world):
    many = world.by_scale(500, 2000, 8000)
    async with world.gatepost("slow", 72, most=many + 1000) as gatepost:
        async with world.floor:
            world.say("slow", f"opening {many}, a byte a second each")
            before = await world.work(waits, gatepost.endpoint, gatepost.source(20_000), gatepost.users[0])
            held = await hold(gatepost, many)
            trickling = asyncio.create_task(_trickle(held))
            while not all(one.sent or one.closed for one in held):
                await asyncio.sleep(0.05)
            during = await world.work(waits, gatepost.endpoint, gatepost.source(20_000), gatepost.users[0], 20, 0.1)
            open_still = sum(one.closed is None for one in held)
        world.say("slow", f"{open_still} held; a login: {during}; waiting until they are dropped")
        try:
            lives = await dropped(held)
        finally:
            trickling.cancel()
        return [
            holds(
                "slow-loris clients held at once",
                f"{open_still:,}",
                f"{many:,}",
                open_still == many,
                "10,000",
                open_still >= 10_000,
            ),
            at_most("an honest login among them, worst", during.worst, 100.0, None, "ms", f"{during}; alone: {before}"),
            drop_figure("slow-loris clients", lives),
        ]


async def _trickle(held):
    """A byte a second for each, spread over the second so that the load is even."""
    while True:
        for share in range(20):
            for one in held[share::20]:
                one.trickle()
            await asyncio.sleep(0.05)


async def full(world):
    """Who leaves when a listener is full: the oldest that is not signed on; nobody who is."""
    room, signed_on, newcomers = 60, 20, 15
    async with world.gatepost("full", 73, most=room) as gatepost:
        end, user = gatepost.endpoint, gatepost.users[0]
        first = [await login(end, "imap", gatepost.source(5000 + n), user) for n in range(signed_on)]
        held = await hold(gatepost, room - signed_on, protocols=("imap",))
        others = [await Client.connect(end, "imap", gatepost.source(6000 + n)) for n in range(newcomers)]
        until = time.monotonic() + 5
        while sum(one.closed is not None for one in held) < newcomers and time.monotonic() < until:
            await asyncio.sleep(0.02)
        gone = [n for n, one in enumerate(held) if one.closed]
        in_order = gone == list(range(newcomers))
        late = [await login(end, "imap", gatepost.source(7000 + n), user) for n in range(room - signed_on)]
        told = (await Client.connect(end, "imap", gatepost.source(8000))).greeting
        alive = 0
        for client in first + late:
            try:
                alive += (await client.mailbox(user)) == user
            except (Refused, OSError):
                pass
        for client in first + late + others:
            client.abort()
        return [
            holds(
                "when full, the oldest that is not signed on goes",
                f"{newcomers} newcomers, {len(gone)} went" + (", the oldest first" if in_order else f": {gone}"),
                "each newcomer costs the oldest its place",
                in_order,
            ),
            holds(
                "when full of signed-on sessions, none of them goes",
                f"{alive} of {room} answer; the newcomer hears: {told}",
                "all answer",
                alive == room,
            ),
        ]
