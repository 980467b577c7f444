"""The durable queue under kill -9: a 250 is a promise, and it is kept whatever happens to the process.

It exists for the figures of `delivery = "queue"`. What was promised is what the client heard; what arrived is in the provider's
books; what was on its way at a kill stands in the rows on disk. It refuses to excuse a second copy by anything but such a row.
"""

import asyncio
import contextlib
import sqlite3
import statistics
import time
from collections import Counter

from client import Refused, login
from figures import at_most, holds
from kills import Restarts
from lab.processes import wait_until

KEYS = 'delivery = "queue"\nlimits = { connections = 3, messages-per-minute = 1000000, recipients-per-day = 10000000 }'
TAKEN = "250 2.0.0 Queued as "


class Sender:
    """Sends one message after the other, each once: what arrives twice is never the client's doing."""

    def __init__(self, gatepost, user, number):
        self.gatepost, self.user, self.number = gatepost, user, number
        self.serial = 0
        self.taken = {}  # the queue's id -> mark, of what got its 250
        self.waits = []  # seconds from the final dot to the 250

    async def run(self):
        while True:
            client = None
            try:
                client = await login(self.gatepost.endpoint, "smtp", self.gatepost.source(self.number), self.user)
                while True:
                    await self.send(client)
            except (Refused, OSError, TimeoutError):
                await asyncio.sleep(0.02)
            finally:
                if client:
                    client.abort()

    async def send(self, client):
        self.serial += 1
        mark = f"{self.number}-{self.serial}"
        await client.ask(f"MAIL FROM:<{self.user}>", "250")
        await client.ask("RCPT TO:<anybody@soak.example>", "250")
        await client.ask("DATA", "354")
        client.writer.write(f"From: <{self.user}>\r\nX-Soak: {mark}\r\nSubject: soak\r\n\r\n{'body ' * 50}\r\n.\r\n".encode())
        began = time.monotonic()
        answer = await client.hear()
        if not answer.startswith(TAKEN):
            raise Refused(answer)
        self.waits.append(time.monotonic() - began)
        self.taken[answer.removeprefix(TAKEN)] = mark


def _rows(gatepost, condition):
    with contextlib.closing(sqlite3.connect(gatepost.folder / "gatepost.db", timeout=30)) as store:
        return [name for (name,) in store.execute(f"SELECT id FROM queued WHERE {condition}")]


async def queued(world):
    """Kills at random moments until so many messages got their 250; then everything must arrive."""
    wanted, chance, restarts = world.by_scale(150, 1000, 10_000), world.chance("queued"), Restarts()
    async with world.gatepost("queued", 85, users=4, keys=KEYS) as gatepost, world.floor:
        world.say("queued", f"kills until {wanted} messages got their 250 from the queue")
        senders = [Sender(gatepost, user, n) for n, user in enumerate(gatepost.users)]
        tasks = [asyncio.create_task(sender.run()) for sender in senders]
        gatepost.orders(pause=0.05)  # so that something is on its way at each kill
        on_their_way, kills = Counter(), 0
        while sum(len(sender.taken) for sender in senders) < wanted:
            await asyncio.sleep(chance.uniform(0.05, 1.0))
            gatepost.check_alive()
            # Neither a reload nor another program that has the store open takes its log from the daemon.
            await gatepost.reload()
            await asyncio.to_thread(_rows, gatepost, "is_under_way")
            await asyncio.sleep(chance.uniform(0.05, 0.5))
            gatepost.check_alive()
            gatepost.kill()
            kills += 1
            on_their_way.update(await asyncio.to_thread(_rows, gatepost, "is_under_way"))
            await restarts.of(gatepost)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        gatepost.orders(pause=0)
        left = await _emptied(gatepost)
        books = gatepost.orders()["messages"]
        return [*_verdict(world, senders, books, on_their_way, kills, left), restarts.figure("with mail in the queue")]


async def deaf(world):
    """A mail server that takes connections and says nothing, for longer than a sign-on may take; then it hears again."""
    wanted = world.by_scale(30, 100)
    async with world.gatepost("deaf", 87, keys=KEYS) as gatepost:
        sender = Sender(gatepost, gatepost.users[0], 0)
        gatepost.orders(deaf=True)
        async with world.floor:
            world.say("deaf", f"{wanted} messages for a mail server that says nothing")
            sending = asyncio.create_task(sender.run())
            while len(sender.taken) < wanted and not sending.done():
                await asyncio.sleep(0.01)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        shut = "nothing can be sent from the queue"
        await asyncio.to_thread(wait_until, "the queue to find out", lambda: shut in gatepost.daemon.said(), 120)
        gatepost.orders(deaf=False)
        began = time.monotonic()
        left = await _emptied(gatepost)
        took, books = time.monotonic() - began, gatepost.orders()["messages"]
        missing = [mark for mark in sender.taken.values() if books.get(mark) != 1]
        return [
            at_most(
                f"250 of the queue, worst of {len(sender.waits)} (the mail server says nothing)",
                max(sender.waits) * 1000, 1000.0, 100.0, "ms",
            ),
            holds(
                "of these arrived once it hears again, each once",
                f"{len(sender.taken) - len(missing)} of {len(sender.taken)}",
                "all",
                not missing and not left,
            ),
            at_most("until the last of these was sent", took, 60, None, "s"),
        ]


async def _emptied(gatepost, seconds=120):
    """How many rows and bodies are left once nothing moves any more."""
    until = time.monotonic() + seconds
    while rows := await asyncio.to_thread(_rows, gatepost, "TRUE"):
        if time.monotonic() > until:
            break
        await asyncio.sleep(0.1)
    return len(rows) + len(list((gatepost.folder / "gatepost.queue").glob("*.msg")))


def _verdict(world, senders, books, on_their_way, kills, left):
    taken = {name: mark for sender in senders for name, mark in sender.taken.items()}
    lost = [mark for mark in taken.values() if mark not in books]
    doubled = {mark: count - 1 for mark, count in books.items() if count > 1}
    names = {mark: name for name, mark in taken.items()}
    # Those whose 250 was not heard have no name here, and are counted together.
    unexcused = [mark for mark, more in doubled.items() if mark in names and more > on_their_way[names[mark]]]
    unnamed = sum(more for mark, more in doubled.items() if mark not in names)
    if unnamed > sum(count for name, count in on_their_way.items() if name not in taken):
        unexcused.append("one without a 250")
    waits = [wait * 1000 for sender in senders for wait in sender.waits]
    median = statistics.median(waits)
    world.say(
        "queued",
        f"{len(taken)} taken over, {len(lost)} lost, {sum(doubled.values())} doubled with {on_their_way.total()} on their way "
        f"at {kills} kills, {left} rows or files left, 250 in {median:.1f} ms",
    )
    return [
        holds(
            f"messages of the queue lost over {kills} kills",
            f"{len(lost)} of {len(taken):,}",
            f"0 of at least {kills}",
            not lost and len(taken) >= kills,
        ),
        holds(
            f"messages of the queue doubled over {kills} kills",
            f"{sum(doubled.values())}" + (f"; not on its way: {unexcused[0]}" if unexcused else ""),
            f"those on their way at a kill ({on_their_way.total()}), once each",
            not unexcused,
        ),
        at_most("rows and bodies left behind all that", left, 0),
        at_most(f"250 of the queue, median of {len(waits):,}", median, 100.0, 10.0, "ms", f"worst {max(waits):.0f} ms"),
    ]
