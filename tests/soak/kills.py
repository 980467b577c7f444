"""Processes that end and begin at bad moments: kill -9 as a token arrives or while messages run, and many first starts at once.

It exists for hardening item 14. What counts as accepted is what the client heard and what the provider wrote down, never what
the daemon says. It refuses to call a message lost or doubled by anything but these two books.
"""

import asyncio
import statistics
import time
from collections import Counter

from client import Refused, login, refusal
from figures import at_most, holds
from lab import PROTOCOLS


class Restarts:
    """How long the daemon took to listen again."""

    def __init__(self):
        self.each = []

    async def of(self, gatepost):
        self.each.append(await gatepost.start() * 1000)

    def figure(self, what):
        return at_most(
            f"restart to listening, worst of {len(self.each)} ({what})",
            max(self.each),
            500.0,
            50.0,
            "ms",
            f"median {statistics.median(self.each):.0f} ms",
        )


async def between(world):
    """The provider kills the daemon just before, as or after its answer to a refresh leaves; then everybody must still get in."""
    kills, chance, restarts, lost = world.by_scale(15, 60, 300), world.chance("between"), Restarts(), []
    async with world.gatepost("between", 80, users=3) as gatepost, world.floor:
        world.say("between", f"{kills} kills between a refresh and its disk")
        for n in range(kills):
            user = gatepost.users[n % 3]
            after = chance.choice((None, None, 0, 0, 0, 0.0005, 0.001, 0.003))
            gatepost.orders(revoke=[user], kill={"pid": gatepost.pid, "after": after})
            visit = asyncio.create_task(_visit(gatepost, user, n))
            await gatepost.gone()
            await visit
            gatepost.orders(revoke=[user])  # what was in flight, too: only the sign-in itself is left
            await restarts.of(gatepost)
            if told := await _visit(gatepost, user, n):
                lost.append(f"kill {n}, {after} s: {told}")
        early = gatepost.orders()["outdated"]
        world.say("between", f"{early} of {kills} kills came before the new token was on disk; {len(lost)} sign-ins lost")
        return [
            holds(
                f"sign-ins lost over {kills} kills between refresh and save",
                f"{len(lost)} ({lost[0] if lost else f'{early} kills came before the disk'})",
                "0, with kills before the disk among them",
                not lost and early > 0,
            ),
            restarts.figure("during a refresh"),
        ]


async def fresh(world):
    """Many first sign-ins meet on a store that is not there yet."""
    async with world.configured("fresh", 83, users=8) as gatepost:
        try:
            await gatepost.sign_in()
            await gatepost.start()
            broken = [reason for n, user in enumerate(gatepost.users) if (reason := await _visit(gatepost, user, n))]
        except AssertionError as failed:
            broken = [" ".join(str(failed).split())[:300]]
        return [holds("eight first sign-ins at once", broken[0] if broken else "all let in", "all let in", not broken)]


async def _visit(gatepost, user, n):
    """Nothing, or why the user was not let in."""
    try:
        client = await login(gatepost.endpoint, PROTOCOLS[n % 3], gatepost.source(n), user)
        found = await client.mailbox(user)
        client.abort()
        return None if found == user else f"reached {found}"
    except (Refused, OSError, TimeoutError) as refused:
        return refusal(refused)


class Sender:
    """Sends one message after the other; one that was not accepted is sent again, as every mail client does."""

    def __init__(self, gatepost, user, number):
        self.gatepost, self.user, self.number = gatepost, user, number
        self.accepted, self.serial = [], 0
        self.in_flight = None  # the message whose final dot is said and not answered: nobody but the provider knows

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
        mark = f"{self.number}-{self.serial}"
        await client.ask(f"MAIL FROM:<{self.user}>", "250")
        await client.ask("RCPT TO:<anybody@soak.example>", "250")
        await client.ask("DATA", "354")
        client.writer.write(f"From: <{self.user}>\r\nX-Soak: {mark}\r\nSubject: soak\r\n\r\n{'body ' * 50}\r\n.\r\n".encode())
        self.in_flight = mark
        answer = await client.hear()
        self.in_flight = None
        if not answer.startswith("250"):
            raise Refused(answer)
        self.accepted.append(mark)
        self.serial += 1


async def _reader(gatepost, user, number):
    """Logs in and out all the time."""
    while True:
        await _visit(gatepost, user, number)
        await asyncio.sleep(0.01)


async def moments(world):
    """Kills at random moments while messages and logins run and tokens are replaced."""
    kills, chance, restarts = world.by_scale(35, 200, 1700), world.chance("moments"), Restarts()
    async with world.gatepost("moments", 81, users=6) as gatepost, world.floor:
        world.say("moments", f"{kills} kills while messages and logins run")
        senders = [Sender(gatepost, user, n) for n, user in enumerate(gatepost.users[:4])]
        tasks = [asyncio.create_task(sender.run()) for sender in senders]
        tasks += [asyncio.create_task(_reader(gatepost, user, 1 + 3 * n)) for n, user in enumerate(gatepost.users[4:])]
        flights = []  # the messages in flight at each kill
        gatepost.orders(pause=0.01)
        for n in range(kills):
            if n % 3 == 0:
                await asyncio.to_thread(gatepost.orders, revoke=[chance.choice(gatepost.users)])
            await asyncio.sleep(chance.uniform(0.05, 0.6))
            gatepost.check_alive()
            flights.append([sender.in_flight for sender in senders if sender.in_flight])
            gatepost.kill()
            await asyncio.sleep(0)
            await restarts.of(gatepost)
        await _all_go_on(senders)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        barred = [told for n, user in enumerate(gatepost.users) if (told := await _visit(gatepost, user, n))]
        books = gatepost.orders()
        return _verdict(world, flights, senders, books, barred) + [restarts.figure("under load")]


async def _all_go_on(senders, seconds=30):
    """Waits until each has one more message accepted."""
    until, had = time.monotonic() + seconds, [len(sender.accepted) for sender in senders]
    while any(len(sender.accepted) == before for sender, before in zip(senders, had)):
        if time.monotonic() > until:
            raise AssertionError(f"no messages any more {seconds} s behind the last kill")
        await asyncio.sleep(0.05)


def _verdict(world, flights, senders, books, barred):
    kills, told = len(flights), books["messages"]
    accepted = [mark for sender in senders for mark in sender.accepted]
    lost = [mark for mark in accepted if mark not in told]
    doubled = sum(count - 1 for count in told.values())
    # A message may be there once more for each kill that it was in flight at, and for nothing else.
    excused = Counter(mark for flight in flights for mark in flight)
    unexcused = [mark for mark, count in told.items() if count - 1 > excused[mark]]
    most = max(sum(told.get(mark, 0) > 1 for mark in flight) for flight in flights)
    world.say(
        "moments",
        f"{len(accepted)} messages accepted, {len(lost)} lost, {doubled} doubled with {excused.total()} in flight, "
        f"{most} at one kill, {len(barred)} kept out",
    )
    return [
        holds(
            f"accepted messages lost over {kills} kills",
            f"{len(lost)} of {len(accepted):,}",
            f"0 of at least {kills}",
            not lost and len(accepted) >= kills,
        ),
        holds(
            f"messages doubled over {kills} kills",
            f"{doubled}, {most} at one kill at most" + (f"; not in flight: {unexcused[0]}" if unexcused else ""),
            f"those in flight at a kill ({excused.total()}), once each",
            not unexcused,
            "1 a kill",
            most <= 1,
        ),
        at_most(f"sign-ins lost over {kills} kills", len(barred), 0, 0, "", barred[0] if barred else ""),
        at_most("tokens mixed up over these", len(books["mix_ups"]), 0, 0, "", (books["mix_ups"] or [""])[0]),
    ]
