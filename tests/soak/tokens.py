"""Tokens under load: one request however many wait, and nobody ever in another's mailbox.

It exists for the refresh storm and the token mix of the figures table. It refuses to trust the daemon about whose session it
is: the provider tells.
"""

import asyncio
import time

from client import Refused, login, refusal
from figures import at_most, holds
from lab import PROTOCOLS

EXPIRES = 60  # the shortest life that the daemon believes


async def crowd(gatepost, many, user):
    """So many logins at once, spread over protocols and addresses; how many succeeded."""

    async def one(n):
        try:
            client = await login(gatepost.endpoint, PROTOCOLS[n % 3], gatepost.source(n), user)
        except (Refused, OSError, TimeoutError) as refused:
            return refusal(refused)
        client.abort()
        return None

    told = await asyncio.gather(*(one(n) for n in range(many)))
    return sum(reason is None for reason in told), next((reason for reason in told if reason), "")


async def storm(world):
    """1,000 logins on a token that has expired, then on one that the mail server refuses."""
    many = 1000
    async with world.gatepost("storm", 74, most=2000, users=1) as gatepost:
        user = gatepost.users[0]
        gatepost.orders(life=EXPIRES)
        await gatepost.sign_in()
        signed_in = time.monotonic()
        await asyncio.to_thread(gatepost.daemon.stop)
        world.say("storm", f"waiting {EXPIRES} s for a token to expire")
        await asyncio.sleep(signed_in + EXPIRES - time.monotonic())
        figures = []
        async with world.floor:
            before = gatepost.orders(life=3600, delay=8)["refreshes"].get(user, 0)
            await gatepost.start()
            # The first one has its password checked and remembered; like all others it then waits for the token.
            first = asyncio.create_task(crowd(gatepost, 1, user))
            await asyncio.sleep(3)  # nothing shows from outside that a password was checked
            good, reason = await crowd(gatepost, many - 1, user)
            good += (await first)[0]
            requests = gatepost.orders(delay=0)["refreshes"].get(user, 0) - before
            figures += _storm_figures("an expired token", many, good, reason, requests)
            gatepost.orders(revoke=[user], delay=1)
            good, reason = await crowd(gatepost, many, user)
            requests = gatepost.orders(delay=0)["refreshes"].get(user, 0) - before - requests
            figures += _storm_figures("a token that the server refuses", many, good, reason, requests)
        world.say("storm", "; ".join(f"{figure.measure}: {figure.value}" for figure in figures))
        return figures


def _storm_figures(what, many, good, reason, requests):
    return [
        holds(f"{many:,} logins on {what}: token requests", f"{requests}", "1", requests == 1, "1", requests == 1),
        holds(f"{many:,} logins on {what}: let in", f"{good:,}" + (f" ({reason})" if reason else ""), f"{many:,}", good == many),
    ]


async def mix(world):
    """Many users at once over all protocols, with tokens replaced meanwhile; each must reach its own mailbox."""
    many, parallel, seconds = world.by_scale(1000, 10_000), 24, world.by_scale(15, 75, 300)
    async with world.gatepost("mix", 75, users=20) as gatepost, world.floor:
        world.say("mix", f"{many:,} logins of {len(gatepost.users)} users, {parallel} at a time, {seconds} s at most")
        chance, until = world.chance("mix"), time.monotonic() + seconds
        plan = [(chance.choice(gatepost.users), chance.choice(PROTOCOLS)) for _ in range(many)]
        done, wrong, failed = 0, [], []

        async def visitor(lane):
            nonlocal done
            while plan and time.monotonic() < until:
                user, protocol = plan.pop()
                try:
                    client = await login(gatepost.endpoint, protocol, gatepost.source(lane), user)
                    found = await client.mailbox(user)
                    if found != user:
                        wrong.append(f"{user} over {protocol} reached {found}")
                    await client.quit()
                    done += 1
                except (Refused, OSError, TimeoutError) as refused:
                    failed.append(f"{user} over {protocol}: {refusal(refused)}")
                if done % 500 == 250:
                    await asyncio.to_thread(gatepost.orders, revoke=gatepost.users[done // 500 % 20 :][:1])

        await asyncio.gather(*(visitor(lane) for lane in range(parallel)))
        books = gatepost.orders()
        wrong += books["mix_ups"]
        refreshed = sum(books["refreshes"].values())
        world.say("mix", f"{done:,} logins, {refreshed} tokens replaced meanwhile, {len(wrong)} mixed up, {len(failed)} failed")
        return [
            holds(
                f"tokens mixed up over {done:,} logins of 20 users",
                f"{len(wrong)} ({wrong[0] if wrong else f'{refreshed} tokens were replaced meanwhile'})",
                "0, with tokens replaced meanwhile",
                not wrong and refreshed > 0,
            ),
            at_most("logins that failed meanwhile", len(failed), 0, 0, "", failed[0] if failed else ""),
        ]
