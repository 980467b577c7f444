"""Two hundred alerts in ten seconds against a mailbox that may send thirty a minute over three connections.

It exists for the figures of an outage as a monitoring host sees it, with the queue and without. The upstream is the sandbox,
which counts connections and keeps what it took. It refuses to call an alert accepted or refused by anything but the client's
own last line.
"""

import asyncio
import base64
import json
import statistics
import time
import urllib.request
from collections import Counter

from client import Client, Refused, refusal
from daemon import MAIL_PASSWORD, PORTS, Daemon
from figures import at_most, holds
from gatepost import Endpoint
from lab.lab import free_address
from lab.sandbox import APP, APP_ID, APP_SECRET, Sandbox

QUEUED, DIRECT = "bob@contoso.example", "shared@contoso.example"
BOUND = 25  # seconds that a session may wait for one answer: 20 for room, and what a sign-on takes

ACCOUNT = """
[[account]]
address = "{user}"
password = "{password}"
delivery = "{delivery}"
"""


class Limited(Sandbox):
    """The sandbox with the limits that Microsoft has, and two mailboxes that keep to them."""

    def configuration(self, password):
        text = APP.format(client=APP_ID, secret=APP_SECRET, app=self.app)
        for user, delivery in ((QUEUED, "queue"), (DIRECT, "direct")):
            text += ACCOUNT.format(user=user, password=password, delivery=delivery)
        return text

    def asked(self, path):
        root = self.app["token-url"].partition("/contoso.example/")[0]
        with urllib.request.urlopen(f"{root}/sandbox/{path}", timeout=30) as answer:
            return json.load(answer)

    def most(self, user):
        """How many connections this mailbox was signed on over at a time."""
        return self.asked("counts")["mailboxes"].get(f"smtp {user}", {"most": 0})["most"]

    def throttled(self):
        """How often it had to say 432."""
        return sum(" 432 " in line["said"] or line["said"].endswith(" 432") for line in self.asked("transcript"))

    def sent(self, user):
        """How often each alert was taken for this mailbox."""
        marks = [line.split(b": ")[1].decode() for mail in self.stored(user, "Sent Items") for line in mail.split(b"\r\n")
                 if line.startswith(b"X-Soak: ")]
        return Counter(marks)


class Alert:
    """One connection, one message; when each answer came, and the last one."""

    def __init__(self, mark):
        self.mark, self.longest, self.took, self.told = mark, 0.0, 0.0, ""

    async def answer(self, client, text, good):
        began = time.monotonic()
        try:
            self.told = await client.ask(text)
        finally:
            self.longest = max(self.longest, time.monotonic() - began)
        if not self.told.startswith(good):
            raise Refused(self.told)

    async def send(self, end, source, user):
        began, client = time.monotonic(), None
        try:
            client = await Client.connect(end, "smtp", source)
            await client.ask("EHLO monitor", "250")
            login = base64.b64encode(f"\0{user}\0{MAIL_PASSWORD}".encode()).decode()
            await self.answer(client, f"AUTH PLAIN {login}", "235")
            await self.answer(client, f"MAIL FROM:<{user}>", "250")
            await self.answer(client, f"RCPT TO:<{user}>", "250")
            await self.answer(client, "DATA", "354")
            head = f"From: <{user}>\r\nTo: <{user}>\r\nX-Soak: {self.mark}\r\nSubject: host down\r\n\r\n"
            await self.answer(client, f"{head}since just now\r\n.", "250")
        except (Refused, OSError, TimeoutError) as refused:
            self.told = refusal(refused)
        finally:
            self.took = time.monotonic() - began
            if client:
                client.abort()


async def _fired(end, user, many, seconds):
    """The alerts, evenly over so many seconds, each on a connection of its own."""
    alerts, tasks, began = [Alert(f"{user[:3]}-{n}") for n in range(many)], [], time.monotonic()
    for n, alert in enumerate(alerts):
        await asyncio.sleep(max(0.0, began + n * seconds / many - time.monotonic()))
        tasks.append(asyncio.create_task(alert.send(end, f"127.86.0.{2 + n}", user)))
    await asyncio.gather(*tasks)
    return alerts


async def _gone(upstream, wanted, seconds):
    """Waits until all have arrived; how long that took."""
    began = time.monotonic()
    while sum((await asyncio.to_thread(upstream.sent, QUEUED)).values()) < wanted and time.monotonic() - began < seconds:
        await asyncio.sleep(2)
    return time.monotonic() - began


async def burst(world):
    many, seconds = world.by_scale((40, 2), (200, 10))
    upstream = Limited(world.binary, world.folder / "sandbox")
    world.stack.callback(upstream.stop)
    await asyncio.to_thread(upstream.wait_ready)
    daemon = Daemon(world.binary, world.folder / "burst", free_address(), upstream)
    world.stack.callback(daemon.stop)
    await asyncio.to_thread(daemon.wait_ready)
    end = Endpoint(daemon.address, PORTS["off"])
    await Alert("first").send(end, "127.86.0.1", QUEUED)  # from now on the password is remembered
    async with world.floor:
        world.say("burst", f"{many} alerts in {seconds} s to the queue")
        queued = await _fired(end, QUEUED, many, seconds)
    world.say("burst", f"{many} alerts in {seconds} s without it")
    direct, took = await asyncio.gather(
        _fired(end, DIRECT, many, seconds), _gone(upstream, many + 1, 90 + (many // 30) * 62)
    )
    waiting = await asyncio.to_thread(daemon.command, "queue", "list")
    figures = _of_queue(upstream, queued, took, waiting.stdout) + _of_sessions(upstream, direct)
    most, throttled = max(upstream.most(QUEUED), upstream.most(DIRECT)), upstream.throttled()
    world.say("burst", f"all went in {took:.0f} s; {most} connections at most, {throttled} times 432")
    for part in (upstream, daemon):
        await asyncio.to_thread(part.stop)
    return [
        *figures,
        at_most("connections of one mailbox upstream over both bursts", most, 3),
        at_most("432 heard over both bursts", throttled, 0),
    ]


def _of_queue(upstream, alerts, took, waiting):
    waits = [alert.took * 1000 for alert in alerts]
    refused = [alert.told for alert in alerts if not alert.told.startswith("250")]
    sent = upstream.sent(QUEUED)
    missing = [alert.mark for alert in alerts if sent[alert.mark] != 1]
    return [
        at_most(
            f"alert to the queue, connecting to 250, worst of {len(alerts)}",
            max(waits), 1000.0, 100.0, "ms", f"median {statistics.median(waits):.1f} ms",
        ),
        at_most("of these refused", len(refused), 0, None, "", refused[0] if refused else ""),
        holds(
            "of these arrived, each once",
            f"{len(alerts) - len(missing)}" + (f"; left: {waiting.splitlines()[0]}" if missing else ""),
            f"{len(alerts)}",
            not missing,
        ),
        # One minute of the limits for each thirty, and a little for the last ones on their way.
        at_most("until the last of these was sent", took, len(alerts) // 30 * 61 + 15, None, "s"),
    ]


def _of_sessions(upstream, alerts):
    sent, accepted = upstream.sent(DIRECT), [alert for alert in alerts if alert.told.startswith("250")]
    refused = [alert for alert in alerts if alert not in accepted]
    odd = [alert.told for alert in refused if not alert.told.startswith(("454 4.7.0 ", "451 4.3.2 "))]
    untrue = [a.mark for a in accepted if sent[a.mark] != 1] + [a.mark for a in refused if sent[a.mark]]
    return [
        holds(
            f"the same without the queue: {len(alerts)} alerts",
            f"{len(accepted)} accepted, {len(refused)} refused for now" + (f"; otherwise: {odd[0]}" if odd else ""),
            "each 250, or 454 4.7.0 or 451 4.3.2",
            not odd,
        ),
        at_most("of these with a last word that is not true", len(untrue), 0, None, "", untrue[0] if untrue else ""),
        at_most("longest wait for one answer", max(alert.longest for alert in alerts), BOUND, None, "s"),
    ]
