"""Every mail program of the table, at every protocol, with every login form and every kind of TLS that it can do.

It exists because programs differ in how they sign on, quote, pipeline and wait, and a relay meets them all. Each runs alone in a
mailbox; four run at a time. It refuses to know anything of a program: that is in its row of `clients/table.py` and in its driver.
"""

import threading
import unittest

from bench import RealTest
from clients.table import CLIENTS
from errand import Errand


class ClientTest(RealTest):
    """One program at one protocol, against one backend."""

    beside_others = True

    def __init__(self, client, protocol, login, tls, backend):
        super().__init__("does_its_work")
        self.client, self.protocol, self.login, self.tls, self.backend = client, protocol, login, tls, backend

    def id(self):
        return f"clients.{self.client.id}.{self.protocol}.{self.login}.{self.tls}.{self.backend}"

    def setUp(self):
        """Each has a mailbox of its own instead."""

    def begin(self):
        """Starts what all of them stand on, before the first."""
        return self.bench.front("dovecot"), self.bench.front("sandbox"), self.bench.stranger

    def does_its_work(self):
        front = self.bench.front(self.backend)
        with front.mailbox() as user:
            errand = Errand(
                self.client, self.protocol, self.login, self.tls, daemon=front.daemon, backend=front.mailboxes, user=user,
                password=self.password, folder=self.bench.folder / "clients" / self.id(), ca=self.ca,
            )
            self.go(errand)

    @property
    def ca(self):
        return self.bench.lab.pki.ca

    def go(self, errand):
        errand.prepare()
        errand.run(self.bench.stack)


class StrangerTest(ClientTest):
    """The same, with another authority given to the program: it must find out, and hold its password back."""

    alone = threading.Lock()

    def id(self):
        return super().id() + ".stranger"

    @property
    def ca(self):
        return self.bench.stranger.ca

    def go(self, errand):
        with StrangerTest.alone:  # the log tells of a handshake that failed, and not whose it was
            errand.refused(self.bench.stack)


def load_tests(loader, standard_tests, pattern):
    """With Dovecot and Postfix behind: everything a program can do, and that it verifies the certificate. With the sandbox behind: its first login form, without TLS."""
    suite = unittest.TestSuite()
    for client in CLIENTS:
        for protocol, work in client.work.items():
            ways = [(login, "off") for login in work.logins] + [(work.logins[0], tls) for tls in work.tls]
            suite.addTests(ClientTest(client, protocol, login, tls, "dovecot") for login, tls in ways)
            suite.addTests(StrangerTest(client, protocol, work.logins[0], tls, "dovecot") for tls in work.verified)
    for client in CLIENTS:
        suite.addTests(ClientTest(client, protocol, work.logins[0], "off", "sandbox") for protocol, work in client.work.items())
    return suite
