"""The identity provider over plain HTTP on loopback, and the orders of a test beside it.

It exists to hand out tokens, late if ordered, and to end the daemon between its answer and the daemon's disk. It refuses
everything that is no code or refresh token of its own.
"""

import asyncio
import json
import os
import signal
from urllib.parse import parse_qs, urlsplit


class Identity:
    def __init__(self, books):
        self.books = books

    async def serve(self, reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = next(
                (int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length:")), 0
            )
            body = (await reader.readexactly(length)).decode()
            path = urlsplit(head.split(" ")[1]).path
            status, answer = await self.answer(path, body)
            order = self.books.kill if path == "/token" and "grant_type=refresh_token" in body else None
            if order and order["after"] is None:
                self.kill(order)
            payload = json.dumps(answer).encode()
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(payload)}\r\n"
                "Connection: close\r\n\r\n".encode()
                + payload
            )
            await writer.drain()
            if order and order["after"] is not None:
                await asyncio.sleep(order["after"])
                self.kill(order)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def answer(self, path, body):
        if path == "/token":
            return await self.token({name: values[0] for name, values in parse_qs(body).items()})
        if path == "/orders":
            return 200, self.orders(json.loads(body or "{}"))
        return 404, {"error": "not_found"}

    async def token(self, form):
        if self.books.delay:
            await asyncio.sleep(self.books.delay)
        if form.get("grant_type") == "authorization_code":
            return 200, self.books.issue(form["code"])  # the code of this provider is the person's address
        found = self.books.renew(form.get("refresh_token", ""))
        return (200, found) if found else (400, {"error": "invalid_grant", "error_description": "unknown refresh token"})

    def orders(self, orders):
        """What a test wants changed; the answer is what the books say."""
        for person in orders.pop("revoke", ()):
            self.books.revoke(person)
        if "deaf" in orders:
            (self.books.hears.clear if orders["deaf"] else self.books.hears.set)()
        self.books.away = set(orders.get("away", self.books.away))
        for name in ("life", "delay", "pause", "kill"):
            if name in orders:
                setattr(self.books, name, orders[name])
        return self.books.told()

    def kill(self, order):
        """The daemon ends now, whatever it was about to write."""
        self.books.kill = None
        os.kill(order["pid"], signal.SIGKILL)
