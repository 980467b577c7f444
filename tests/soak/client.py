"""A mail client of the plainest kind, for any of the three protocols, from any source address.

It exists so that every part speaks through the same few lines. It refuses to wait for ever, and to take anything but the
expected answer for success: `Refused` carries the line that came instead.
"""

import asyncio
import base64

PASSWORD = "soak pass 9"
PATIENCE = 60.0


class Refused(Exception):
    """The daemon said something else than hoped for, or closed; `str()` is its line."""


def refusal(refused):
    """Why it did not go on, in a few words."""
    return str(refused) or type(refused).__name__


class Client:
    def __init__(self, protocol, reader, writer):
        self.protocol, self.reader, self.writer = protocol, reader, writer

    @classmethod
    async def connect(cls, daemon, protocol, source, named=None):
        """`named`: the address that a PROXY header tells in the place of `source`."""
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(
                daemon.address, daemon.ports[protocol], local_addr=(source, 0), limit=1 << 20
            )
        if named:
            writer.write(f"PROXY TCP4 {named} 192.0.2.1 40000 25\r\n".encode())
        client = cls(protocol, reader, writer)
        client.greeting = await client.hear()
        return client

    async def line(self):
        async with asyncio.timeout(PATIENCE):
            line = await self.reader.readline()
        if not line:
            raise Refused("closed")
        return line.decode("latin-1").rstrip()

    async def hear(self):
        """The last line of one answer."""
        while True:
            line = await self.line()
            more = line[3:4] == "-" if self.protocol == "smtp" else False
            if not more:
                return line

    async def ask(self, text, *good):
        """Says a line; the answer must begin with one of `good`."""
        self.writer.write(text.encode() + b"\r\n")
        answer = await self.hear()
        while self.protocol == "imap" and answer.startswith("* ") and "* " not in good:
            answer = await self.hear()
        if good and not answer.startswith(good):
            raise Refused(answer)
        return answer

    async def login(self, user, password=PASSWORD):
        if self.protocol == "smtp":
            await self.ask("EHLO soak", "250")
            return await self.ask("AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode(), "235")
        if self.protocol == "imap":
            return await self.ask(f'a LOGIN {user} "{password}"', "a OK")
        await self.ask(f"USER {user}", "+OK")
        return await self.ask(f"PASS {password}", "+OK")

    async def mailbox(self, user):
        """Whose session this is, in the provider's own words."""
        question, good = {"smtp": (f"MAIL FROM:<{user}>", "250 2.1.0 "), "imap": ("n NOOP", "n OK "), "pop3": ("STAT", "+OK ")}[
            self.protocol
        ]
        return (await self.ask(question, good)).removeprefix(good)

    async def quit(self):
        await self.ask("z LOGOUT" if self.protocol == "imap" else "QUIT")
        self.close()

    def close(self):
        self.writer.close()

    def abort(self):
        self.writer.transport.abort()


async def login(daemon, protocol, source, user, named=None, password=PASSWORD):
    """A client that is signed on."""
    client = await Client.connect(daemon, protocol, source, named)
    try:
        await client.login(user, password)
    except BaseException:
        client.abort()
        raise
    return client
