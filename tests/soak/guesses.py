"""Guessing: how many answers a source gets, what the owner waits for, and whether the time tells who exists.

It exists for hardening item 10. Sources beyond this machine are named by PROXY headers, since loopback has rules of its own; it
is measured beside them. It refuses to count anything as an answered guess but the words for a wrong password, and to call
silence slow.
"""

import asyncio
import base64
import statistics
import time

from client import PASSWORD, Client, Refused, login, refusal
from figures import at_most, holds

WRONG = "535 5.7.8"
PARALLEL = 50
LEAST = 5  # answers that a rate is made of


async def attack(end, source, named, user, until, lane, answers):
    """One connection after another, each guessing until it is closed."""
    n = 0
    while time.monotonic() < until:
        client = None
        try:
            client = await Client.connect(end, "smtp", source, named)
            await client.ask("EHLO guesser", "250")
            while time.monotonic() < until:
                n += 1
                guess = base64.b64encode(f"\0{user}\0guess {lane} {n}".encode()).decode()
                async with asyncio.timeout(max(0.1, until - time.monotonic())):
                    told = await client.ask(f"AUTH PLAIN {guess}")
                answers.append((time.monotonic(), told))
        except (Refused, OSError, TimeoutError):
            await asyncio.sleep(0.1)
        finally:
            if client:
                client.abort()


def answered(answers, since):
    """Answered guesses a second, from the first moment on to the last."""
    wrong = [at for at, told in answers if told.startswith(WRONG)]
    if len(wrong) < LEAST:
        raise AssertionError(f"only {len(wrong)} wrong passwords were answered, of {len(answers)}")
    return (len(wrong) - 1) / (wrong[-1] - since)


async def guesses(world):
    seconds = world.by_scale(50, 75, 300)
    async with world.gatepost("guesses", 77, users=4, proxied=True) as gatepost:
        end, source, users, attacker = gatepost.endpoint, gatepost.source(0), gatepost.users, "198.51.100.7"
        world.say("guesses", f"{PARALLEL} connections of one source guess for {seconds} s")
        answers, began = [], time.monotonic()
        lanes = [
            asyncio.create_task(attack(end, source, attacker, users[0], began + seconds, lane, answers))
            for lane in range(PARALLEL)
        ]
        lonely = asyncio.create_task(_answers_of_one_connection(end, source, "198.51.100.9", users[3]))
        await _begun(answers)
        elsewhere = await _waited(end, source, "203.0.113.5", users[1])
        same = await _waited(end, source, attacker, users[2])
        remembered = await _waited(end, source, attacker, users[1])
        await asyncio.gather(*lanes)
        rate, (last, count) = answered(answers, began), await lonely
        others = {told for _, told in answers if not told.startswith(WRONG)}
        world.say(
            "guesses",
            f"{rate:.2f} a second; owner elsewhere {elsewhere}, same address {same}; others heard {others or 'nothing else'}",
        )
        return [
            at_most("guesses answered to one source", rate, 0.5, 0.1, "a second", f"{PARALLEL} connections at once"),
            holds("guesses on one connection", f"{count}, then {last}", "10, then it closes", count == 10),
            holds(
                "the owner from another address meanwhile",
                _told(elsewhere),
                "let in at once (1 s)",
                elsewhere[0] and elsewhere[1] <= 1,
            ),
            holds(
                "the owner from the guesser's address, password not seen before",
                _told(same),
                "let in within 60 s",
                same[0] and same[1] <= 60,
            ),
            holds(
                "the owner from the guesser's address, password right before",
                _told(remembered),
                "let in at once (1 s)",
                remembered[0] and remembered[1] <= 1,
            ),
        ]


async def _begun(answers, seconds=30):
    """Waits until the guesser is slowed down: some of its guesses are answered."""
    until = time.monotonic() + seconds
    while len(answers) < 3 and time.monotonic() < until:
        await asyncio.sleep(0.05)


def _told(waited):
    return f"{'let in' if waited[0] else 'refused'} after {waited[1]:.2f} s" + (f" ({waited[2]})" if waited[2] else "")


async def _waited(end, source, named, user):
    """Let in or not, after how long; an owner whom we told to come back does, for a minute."""
    began, told = time.monotonic(), ""
    while time.monotonic() - began < 60:
        try:
            client = await login(end, "smtp", source, user, named)
            client.abort()
            return True, time.monotonic() - began, told and f"after {told}"
        except (Refused, OSError, TimeoutError) as refused:
            told = refusal(refused)
            await asyncio.sleep(1)
    return False, time.monotonic() - began, told


async def _answers_of_one_connection(end, source, named, user):
    client = await Client.connect(end, "smtp", source, named)
    await client.ask("EHLO guesser", "250")
    count = 0
    try:
        while count < 20:
            guess = base64.b64encode(f"\0{user}\0guess {count}".encode()).decode()
            if (told := await client.ask(f"AUTH PLAIN {guess}")).startswith(WRONG):
                count += 1
            else:
                return told, count
        return "not closed", count
    except (Refused, OSError) as closed:
        return refusal(closed), count
    finally:
        client.abort()


async def loopback(world):
    """The same from a loopback address, which waits but is never turned away."""
    seconds = world.by_scale(50, 75, 300)
    async with world.gatepost("loopback", 78) as gatepost:
        answers, began = [], time.monotonic()
        await asyncio.gather(
            *(
                attack(gatepost.endpoint, gatepost.source(0), None, gatepost.users[0], began + seconds, lane, answers)
                for lane in range(PARALLEL)
            )
        )
        rate = answered(answers, began)
        late = answered([one for one in answers if one[0] > began + 31], began + 31)
        world.say("loopback", f"{rate:.2f} answers a second, {late:.2f} after half a minute")
        return [
            at_most(
                "guesses answered to one loopback address",
                max(rate, late),
                0.5,
                0.1,
                "a second",
                f"{PARALLEL} connections at once, after half a minute {late:.2f}",
            )
        ]


def answer_times(end, source, user, tries, seconds, seed):
    """Milliseconds from a wrong password to its answer, known and unknown users in turn; runs in a worker process."""

    async def one(name, n, kind):
        client = await Client.connect(end, "smtp", source, f"10.{kind}.{n // 250}.{1 + n % 250}")
        await client.ask("EHLO watch", "250")
        guess = base64.b64encode(f"\0{name}\0not {seed} {PASSWORD}".encode()).decode()
        began = time.perf_counter()
        told = await client.ask(f"AUTH PLAIN {guess}", WRONG)
        client.abort()
        return (time.perf_counter() - began) * 1000, told

    async def run():
        for n in range(5):
            await one(user, 9000 + n, 9)
        pairs, until = [], time.monotonic() + seconds
        while len(pairs) < tries and time.monotonic() < until:
            n = len(pairs)
            pairs.append((await one(user, n, 1), await one(f"nobody{n:04}@soak.example", n, 2)))
        return (
            [known for (known, _), _ in pairs],
            [unknown for _, (unknown, _) in pairs],
            {told for pair in pairs for _, told in pair},
        )

    return asyncio.run(run())


async def timing(world):
    tries, seconds = world.by_scale(60, 300, 5000), world.by_scale(15, 60, 900)
    async with world.gatepost("timing", 79, proxied=True) as gatepost, world.floor:
        world.say("timing", f"{tries} wrong passwords each for a known and for unknown users")
        known, unknown, told = await world.work(
            answer_times, gatepost.endpoint, gatepost.source(0), gatepost.users[0], tries, seconds, world.seed
        )
        apart = abs(statistics.median(known) - statistics.median(unknown))
        return [
            at_most(
                "known and unknown users apart, medians",
                apart,
                5.0,
                None,
                "ms",
                f"{statistics.median(known):.2f} and {statistics.median(unknown):.2f} ms, {len(known)} each",
            ),
            holds("known and unknown users hear", " / ".join(sorted(told)), "the same words", len(told) == 1),
        ]
