"""What the tests share: the lab, the browser and the daemon, each started when a test first asks for it.

It exists so that a run of one test starts no more than that test needs. It refuses to start a thing a second time once that
failed: every test that needs it then fails at once, with the first reason.
"""

import contextlib
import imaplib
import poplib
import queue
import smtplib
import threading
import unittest

from daemon import MAIL_PASSWORD, PORTS, Daemon
from lab import sandbox
from lab.chromium import Chromium
from lab.lab import ALICE, BOB, PEOPLE, USERS, Lab, free_address
from lab.person import Person
from lab.pki import Pki
from lab.sandbox import Sandbox


class Front:
    """A daemon, and the mailboxes behind it, handed out one at a time."""

    def __init__(self, daemon, mailboxes, users):
        self.daemon = daemon
        self.mailboxes = mailboxes
        self.free = queue.SimpleQueue()
        for user in users:
            self.free.put(user)

    @contextlib.contextmanager
    def mailbox(self):
        user = self.free.get()
        try:
            yield user
        finally:
            self.free.put(user)


class Bench:
    def __init__(self, folder, stack, binary):
        self.folder = folder
        self.stack = stack
        self.binary = binary
        self.made = {}
        self.making = threading.RLock()  # one thing rests on others

    def _once(self, name, make):
        with self.making:
            if name not in self.made:
                try:
                    self.made[name] = make()
                except Exception as error:
                    self.made[name] = error
                    raise
        if isinstance(self.made[name], Exception):
            raise AssertionError(f"no {name}, see above: {str(self.made[name]).partition(chr(10))[0]}")
        return self.made[name]

    @property
    def lab(self):
        return self._once("lab", lambda: Lab(self.folder, self.stack))

    @property
    def browser(self):
        def make():
            browser = Chromium(self.folder)
            self.stack.callback(browser.stop)
            return browser

        return self._once("browser", make)

    @property
    def browser_elsewhere(self):
        def make():
            browser = Chromium(self.folder, elsewhere=True)
            self.stack.callback(browser.stop)
            return browser

        return self._once("browser on another machine", make)

    @property
    def fresh_daemon(self):
        """The daemon, running; nobody needs to be signed in."""

        def make():
            daemon = Daemon(self.binary, self.folder / "gatepost", self.lab.address, self.lab, self.lab.pki)
            self.stack.callback(daemon.stop)
            daemon.wait_ready()
            return daemon

        return self._once("daemon", make)

    @property
    def daemon(self):
        """The daemon, running, with Alice signed in."""

        def make():
            self.fresh_daemon.sign_in(self.lab.authserver.url, self.person(ALICE))
            return self.fresh_daemon

        return self._once("signed-in daemon", make)

    def front(self, backend):
        """A daemon in front of a backend ("dovecot" or "sandbox"), with its mailboxes for mail programs."""

        def make():
            if backend == "dovecot":
                for user in USERS:
                    self.fresh_daemon.sign_in(self.lab.authserver.url, self.person(user))
                return Front(self.fresh_daemon, self.lab.dovecot, USERS)
            box = Sandbox(self.binary, self.folder / "sandbox")
            self.stack.callback(box.stop)
            box.wait_ready()
            daemon = Daemon(self.binary, self.folder / "gatepost-sandbox", free_address(), box)
            self.stack.callback(daemon.stop)
            daemon.wait_ready()
            return Front(daemon, box, sandbox.USERS)

        return self._once(f"daemon in front of {backend}", make)

    @property
    def stranger(self):
        """An authority that nothing in the lab has a certificate of."""
        return self._once("another authority", lambda: Pki(self.folder / "stranger", self.lab.address))

    def person(self, name, browser=None):
        return Person(browser or self.browser, name, PEOPLE[name])

    def log_size(self):
        daemon = self._running()
        return daemon.log_size() if daemon else 0

    def log_since(self, start, lines=60):
        """The end of what the daemon logged since it had logged `start` characters."""
        daemon = self._running()
        return "\n".join(daemon.log_since(start).splitlines()[-lines:]) if daemon else ""

    def _running(self):
        daemon = self.made.get("daemon")
        return daemon if isinstance(daemon, Daemon) else None


class RealTest(unittest.TestCase):
    """A test against the real parts. Each begins with empty mailboxes."""

    beside_others = False

    bench: Bench  # set by run.py
    user, password, other = ALICE, MAIL_PASSWORD, BOB
    longMessage = True
    maxDiff = 4000

    def setUp(self):
        for name in (ALICE, BOB):
            self.bench.lab.dovecot.empty(name)

    def ends_with_this_test(self, part):
        """Ends a part after this test; unittest forgets its cleanups when a run is interrupted, the bench does not."""
        self.addCleanup(part.stop)
        self.bench.stack.callback(part.stop)

    # Python's own clients at the daemon, not signed on yet. `wrapped`: inside TLS from the first byte.

    def smtp(self, tls="off", wrapped=False):
        at = self.lab.address, PORTS[tls]["smtp"]
        return smtplib.SMTP_SSL(*at, timeout=60, context=self.trust) if wrapped else smtplib.SMTP(*at, timeout=60)

    def imap(self, tls="off", wrapped=False):
        at = self.lab.address, PORTS[tls]["imap"]
        return imaplib.IMAP4_SSL(*at, timeout=60, ssl_context=self.trust) if wrapped else imaplib.IMAP4(*at, timeout=60)

    def pop3(self, tls="off", wrapped=False):
        at = self.lab.address, PORTS[tls]["pop3"]
        return poplib.POP3_SSL(*at, timeout=60, context=self.trust) if wrapped else poplib.POP3(*at, timeout=60)

    @property
    def trust(self):
        return self.lab.pki.client_context()

    @property
    def lab(self):
        return self.bench.lab

    @property
    def dovecot(self):
        return self.bench.lab.dovecot

    @property
    def authserver(self):
        return self.bench.lab.authserver
