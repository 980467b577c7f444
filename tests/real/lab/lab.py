"""The whole lab: one address, one folder, one certificate authority, and the three servers on them.

It exists so that a run is alone: its loopback address is drawn at random, so several runs on one machine do not meet, and the
ports on it can be the well-known ones. It refuses to start beside anything that already listens there.
"""

import contextlib
import json
import random
import socket

from . import dovecot, postfix
from .authserver import AuthServer
from .dovecot import Dovecot
from .pki import Pki
from .postfix import Postfix

ALICE = "alice@lab.example"  # signed in by the bench: the tests of messages and clients use her account
BOB = "bob@lab.example"
CAROL = "carol@lab.example"
DAVE = "dave@lab.example"
ERIN = "erin@lab.example"
FRANK = "frank@lab.example"  # he and Grace stand in no [[account]] of their own: "*@lab.example" is theirs
GRACE = "grace@lab.example"

# Whose mailboxes the mail programs work in, each program alone in one: as many as run at a time.
USERS = tuple(f"user{number}@lab.example" for number in range(1, 5))

# What they type at the OAuth server, and nowhere else: no mail client knows it.
PEOPLE = {person: f"only {person} signs in with this" for person in (ALICE, BOB, CAROL, DAVE, ERIN, FRANK, GRACE, *USERS)}

# One registration, known under two names: by the mechanism that carries its tokens upstream.
APP = """
[app.{sasl}]
provider = "custom"
client-id = "{auth.client_id}"
authorize-url = "{auth.authorize_url}"
token-url = "{auth.token_url}"
device-url = "{auth.device_url}"
scopes = {scopes}
smtp = "{address}:{smtp}"
smtp-tls = "starttls"
imap = "{address}:{imap}"
imap-tls = "implicit"
pop3 = "{address}:{pop3}"
pop3-tls = "implicit"
sasl = "{sasl}"
smtp-capabilities = ["SIZE 157286400", "PIPELINING", "8BITMIME", "DSN", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
imap-capabilities = ["IMAP4rev1", "SASL-IR", "ID", "IDLE", "UIDPLUS", "MOVE", "NAMESPACE", "CHILDREN", "UNSELECT", "LITERAL+"]
"""

ACCOUNT = """
[[account]]
address = "{person}"
app = "{sasl}"
password = "{password}"
limits = {{ connections = 50, messages-per-minute = 1000 }}
"""

# A monitoring host with a login of its own, or another program, whose mail is queued.
CLIENT = """
[[client]]
name = "{login}"
account = "{person}"
login = "{login}"
password = "{password}"
delivery = "queue"
"""

DOMAIN = """
[[account]]
address = "*@lab.example"
app = "xoauth2"
passwords-file = "{users}"
limits = {{ connections = 50, messages-per-minute = 1000 }}
"""


def free_address():
    """A loopback address of this run's own: nothing listens on the lab's ports there."""
    for _ in range(50):
        address = f"127.{random.randint(1, 254)}.{random.randint(0, 254)}.{random.randint(2, 254)}"
        with contextlib.ExitStack() as sockets:
            try:
                for port in (dovecot.IMAP_PORT, dovecot.IMAPS_PORT, dovecot.POP3S_PORT, postfix.SUBMISSION_PORT):
                    sockets.enter_context(socket.socket()).bind((address, port))
            except OSError:
                continue
            return address
    raise RuntimeError("no free loopback address found (root is needed, for ports below 1024)")


class Lab:
    def __init__(self, folder, stack):
        """Starts everything in `folder`; what was started is ended through `stack`, also when a later part does not start."""
        self.address = free_address()
        self.users = folder / "users"
        self.pki = Pki(folder / "pki", self.address)
        self.authserver = AuthServer(folder, self.address, PEOPLE)
        stack.callback(self.authserver.stop)
        self.dovecot = Dovecot(folder / "dovecot", self.address, self.pki, self.authserver.introspection_url)
        stack.callback(self.dovecot.stop)
        self.postfix = Postfix(folder / "postfix", self.address, self.pki, dovecot.SASL_PORT, dovecot.LMTP_PORT)
        stack.callback(self.postfix.stop)
        for part in (self.authserver, self.dovecot, self.postfix):
            part.wait_ready()

    @property
    def ca(self):
        return self.pki.ca

    def configuration(self, password):
        """What a daemon's configuration says about the lab."""
        apps = [APP.format(
            sasl=sasl, address=self.address, auth=self.authserver, scopes=json.dumps(self.authserver.scopes),
            smtp=postfix.SUBMISSION_PORT, imap=dovecot.IMAPS_PORT, pop3=dovecot.POP3S_PORT,
        ) for sasl in ("xoauth2", "oauthbearer")]
        unlisted = (FRANK, GRACE)
        accounts = [ACCOUNT.format(person=person, password=password, sasl="oauthbearer" if person == ERIN else "xoauth2")
                    for person in PEOPLE if person not in unlisted]
        queued = {"alerts": ALICE} | {f"queued-{person.partition('@')[0]}": person for person in USERS}
        clients = [CLIENT.format(login=login, person=person, password=password) for login, person in queued.items()]
        self.users.touch(mode=0o600)
        self.users.write_text("".join(f"{person}:{password}\n" for person in unlisted))
        return "".join([*apps, *accounts, DOMAIN.format(users=self.users), *clients])
