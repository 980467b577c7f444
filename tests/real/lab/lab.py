"""The whole lab: one address, one folder, one certificate authority, and the three servers on them.

It exists so that a run is alone: its loopback address is drawn at random, so several runs on one machine do not meet, and the
ports on it can be the well-known ones. It refuses to start beside anything that already listens there.
"""

import contextlib
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

# What they type at the OAuth server, and nowhere else: no mail client knows it.
PEOPLE = {person: f"only {person} signs in with this" for person in (ALICE, BOB, CAROL, DAVE, ERIN)}


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
        self.pki = Pki(folder / "pki", self.address)
        self.authserver = AuthServer(folder, self.address, PEOPLE)
        stack.callback(self.authserver.stop)
        self.dovecot = Dovecot(folder / "dovecot", self.address, self.pki, self.authserver.introspection_url)
        stack.callback(self.dovecot.stop)
        self.postfix = Postfix(folder / "postfix", self.address, self.pki, dovecot.SASL_PORT, dovecot.LMTP_PORT)
        stack.callback(self.postfix.stop)
        for part in (self.authserver, self.dovecot, self.postfix):
            part.wait_ready()
