"""The mail server: SMTP, IMAP and POP3 inside TLS, XOAUTH2 alone, and just as much of each as Gatepost asks for.

It exists to tell each client whose mailbox it reached (in the reply to NOOP, STAT and MAIL) and to write down each message
before it says 250. It refuses a token that is not the claimed person's.
"""

import asyncio
import base64
import re

CHALLENGE = base64.b64encode(b'{"status":"401","schemes":"Bearer"}')
CAPABILITY = b"CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2 NAMESPACE"
MARK = re.compile(rb"^X-Soak: (\S+)", re.M)


class Mail:
    def __init__(self, books):
        self.books = books

    def served(self, talk):
        """A connection handler around one of the three dialogues, which may break off anywhere."""

        async def serve(reader, writer):
            try:
                await self.books.hears.wait()
                await talk(reader, writer)
                await writer.drain()
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                pass
            finally:
                writer.close()

        return serve

    async def sign_on(self, encoded, challenge, reader, writer):
        """The person behind an XOAUTH2 response; a bad one is challenged first, as Exchange does."""
        fields = dict(part.split("=", 1) for part in base64.b64decode(encoded).decode().split("\x01") if part)
        person = self.books.owner(fields["user"], fields["auth"].removeprefix("Bearer "))
        if person is None:
            writer.write(challenge + CHALLENGE + b"\r\n")
            await reader.readuntil(b"\r\n")
        return person

    async def smtp(self, reader, writer):
        writer.write(b"220 provider.soak.example ready\r\n")
        person = None
        while True:
            line = (await reader.readuntil(b"\r\n")).strip()
            verb = line[:4].upper()
            if verb == b"EHLO":
                writer.write(
                    b"250-provider.soak.example\r\n250-SIZE 157286400\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 AUTH XOAUTH2\r\n"
                )
            elif verb == b"AUTH":
                writer.write(b"334 \r\n")
                person = await self.sign_on((await reader.readuntil(b"\r\n")).strip(), b"334 ", reader, writer)
                if person in self.books.away:
                    writer.write(b"421 4.3.2 Service not available\r\n")
                    return
                writer.write(b"235 2.7.0 ok\r\n" if person else b"535 5.7.3 Authentication unsuccessful\r\n")
            elif verb == b"MAIL":
                sender = line.partition(b"<")[2].partition(b">")[0].decode()
                if sender != person:
                    self.books.mix_ups.append(f"{sender} sends on the session of {person}")
                writer.write(f"250 2.1.0 {person}\r\n".encode())
            elif verb == b"DATA":
                writer.write(b"354 go on\r\n")
                message = await reader.readuntil(b"\r\n.\r\n")
                mark = MARK.search(message)
                self.books.accept(mark.group(1).decode() if mark else "unmarked", message.removesuffix(b".\r\n"))
                await asyncio.sleep(self.books.pause)
                writer.write(b"250 2.0.0 accepted\r\n")
            elif verb == b"QUIT":
                writer.write(b"221 2.0.0 bye\r\n")
                return
            else:
                writer.write(b"250 2.0.0 ok\r\n")

    async def imap(self, reader, writer):
        writer.write(b"* OK [" + CAPABILITY + b"] ready\r\n")
        person = None
        while True:
            tag, verb, *rest = (await reader.readuntil(b"\r\n")).split()
            verb = verb.upper()
            if verb == b"AUTHENTICATE":
                person = await self.sign_on(rest[1], b"+ ", reader, writer)
                writer.write(tag + (b" OK signed on\r\n" if person else b" NO AUTHENTICATE failed.\r\n"))
            elif verb == b"CAPABILITY":
                writer.write(b"* " + CAPABILITY + b"\r\n" + tag + b" OK done\r\n")
            elif verb == b"NAMESPACE":
                writer.write(b'* NAMESPACE (("" "/")) NIL NIL\r\n' + tag + b" OK done\r\n")
            elif verb == b"LOGOUT":
                writer.write(b"* BYE bye\r\n" + tag + b" OK done\r\n")
                return
            else:
                writer.write(tag + f" OK {person}\r\n".encode())

    async def pop3(self, reader, writer):
        writer.write(b"+OK ready\r\n")
        person = None
        while True:
            verb = (await reader.readuntil(b"\r\n")).split()[0].upper()
            if verb == b"AUTH":
                writer.write(b"+ \r\n")
                person = await self.sign_on((await reader.readuntil(b"\r\n")).strip(), b"+ ", reader, writer)
                writer.write(
                    b"+OK signed on\r\n" if person else b"-ERR Authentication failure: unknown user name or bad password.\r\n"
                )
            elif verb == b"QUIT":
                writer.write(b"+OK bye\r\n")
                return
            else:
                writer.write(f"+OK {person}\r\n".encode())
