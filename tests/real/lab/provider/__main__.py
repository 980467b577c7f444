"""`python3 -m lab.provider ADDRESS CERTIFICATE KEY`: serves until it is ended, and prints its ports first."""

import asyncio
import json
import ssl
import sys

from .books import Books
from .identity import Identity
from .mail import Mail


async def main(address, certificate, key):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    books = Books()
    mail, identity = Mail(books), Identity(books)
    handlers = {
        "smtp": mail.served(mail.smtp),
        "imap": mail.served(mail.imap),
        "pop3": mail.served(mail.pop3),
        "http": identity.serve,
    }
    ports = {}
    for name, handler in handlers.items():
        secured = None if name == "http" else tls
        server = await asyncio.start_server(handler, address, 0, ssl=secured, backlog=4096, limit=1 << 22)
        ports[name] = server.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    await asyncio.Event().wait()


asyncio.run(main(*sys.argv[1:]))
