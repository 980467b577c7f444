"""Gatepost's own sandbox as a backend: the Exchange Online of `gatepost demo`, looked into with a token of the app itself.

It exists because Exchange says and keeps things otherwise than Dovecot does: other folders, other capabilities, other replies. It
refuses to use the daemon that the demo brings; one with a configuration of its own stands in front, with app-only access.
"""

import contextlib
import imaplib
import json
import random
import re
import socket
import ssl
import tomllib
import urllib.parse
import urllib.request
from pathlib import Path

from .mailboxes import Mailboxes
from .processes import Part, wait_until

USERS = ("ann@contoso.example", "bob@contoso.example", "shared@contoso.example")
APP_ID, APP_SECRET = "20000000-0000-4000-8000-000000000002", "sandbox-secret"  # its app for app-only access
PUBLIC_APP_ID = "10000000-0000-4000-8000-000000000001"
SCOPE = "https://outlook.office365.com/.default"
STANDARD = ("INBOX", "Archive", "Deleted Items", "Drafts", "Junk Email", "Sent Items")

APP = """
[app.contoso]
provider = "microsoft365"
tenant = "contoso.example"
client-id = "{client}"
client-secret = "{secret}"
grant = "client-credentials"
authorize-url = "{app[authorize-url]}"
token-url = "{app[token-url]}"
smtp = "{app[smtp]}"
imap = "{app[imap]}"
pop3 = "{app[pop3]}"
"""

ACCOUNT = """
[[account]]
address = "{user}"
password = "{password}"
limits = {{ connections = 50, messages-per-minute = 1000 }}
"""

# Devices with a rule of their own, in the mailbox of the first user.
CLIENTS = """
[[client]]
name = "device"
account = "{user}"
login = "device"
password = "{password}"
repair = true

[[client]]
name = "fax"
account = "{user}"
login = "fax"
password = "{password}"
sender = "force"
"""


def free_ports(count):
    """The first of so many ports in a row that nothing listens on, below those that the system hands out."""
    for _ in range(50):
        base = random.randint(20_000, 30_000)
        with contextlib.ExitStack() as sockets, contextlib.suppress(OSError):
            for port in range(base, base + count):
                sockets.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return base
    raise RuntimeError("no free ports found")


class Sandbox(Mailboxes):
    trash = "Deleted Items"
    sender = USERS[0]  # as whom devices send

    def __init__(self, binary, folder):
        folder.mkdir()
        self.part = Part("gatepost demo", [binary, "demo", "--port-base", str(free_ports(4))], folder / "demo.log", cwd=folder)

    @classmethod
    def of_test(cls, test):
        """One for a test alone, in a folder of the test."""
        folder = test.bench.folder / test._testMethodName
        folder.mkdir()
        sandbox = cls(test.bench.binary, folder / "sandbox")
        test.ends_with_this_test(sandbox.part)
        sandbox.wait_ready()
        return folder, sandbox

    @property
    def issuer(self):
        return re.match(r"http://[^/]+", self.app["token-url"])[0]

    def wait_ready(self):
        self.part.wait_ready(lambda: "Ctrl-C ends the demo" in self.part.said())
        state = Path(re.search(r"^ *files +(\S+)$", self.part.said(), re.MULTILINE)[1])
        settings = tomllib.loads((state / "gatepost.toml").read_text())
        app = settings["app"]["contoso"]
        self.app = {key: value.replace("{tenant}", app["tenant"]) if isinstance(value, str) else value for key, value in app.items()}
        self.ca = Path(settings["network"]["ca-file"])
        self.tls = ssl.create_default_context(cafile=str(self.ca))
        answer = urllib.request.urlopen(self.app["token-url"], urllib.parse.urlencode({
            "grant_type": "client_credentials", "client_id": APP_ID, "client_secret": APP_SECRET, "scope": SCOPE,
        }).encode(), timeout=10)
        with answer:
            self.token = json.load(answer)["access_token"]

    def sign_in(self, page, who, code=None):
        """A person at the page that a program shows, with its code, if it shows one: signs in, consents, and is led back. What is
        shown there at last.
        """
        typed = urllib.parse.urlencode({"code": code}).encode() if code else None
        with urllib.request.urlopen(page, typed, timeout=20) as asked:
            flow = re.search(r'name=flow value="([^"]+)"', asked.read().decode())[1]
        fields = {"flow": flow, "username": who, "password": "demo", "answer": "accept"}
        encoded = urllib.parse.urlencode(fields).encode()
        urllib.request.urlopen(f"{self.issuer}/sign-in", encoded, timeout=20).close()
        with urllib.request.urlopen(f"{self.issuer}/consent", encoded, timeout=20) as done:
            return done.read().decode()

    def attends(self, part, who, seconds=90):
        """A person beside a program that asks for them: signs in at each page and with each code that it shows, until it ends."""
        answered = set()

        def is_over():
            for asked in re.findall(r"(http://\S+/(?:authorize\?\S+|devicelogin\b))(?:[^A-Z]+([A-Z]{9})\b)?", part.said()):
                if asked not in answered:
                    answered.add(asked)
                    self.sign_in(asked[0], who, asked[1] or None)
            return part.process.poll() is not None

        wait_until(f"{part.name} to end", is_over, seconds)
        return part.process.returncode

    # What it stages.

    def switches(self):
        with urllib.request.urlopen(f"{self.issuer}/sandbox/faults", timeout=20) as answer:
            return json.load(answer)

    def switch(self, switches):
        """Those take the place of all that were on."""
        asked = urllib.request.Request(f"{self.issuer}/sandbox/faults", json.dumps(switches).encode(), method="PUT")
        urllib.request.urlopen(asked, timeout=20).close()

    def rehearsal(self, name):
        """What a rehearsal switches on, by its name; none: a healthy tenant. It is on behind this."""
        urllib.request.urlopen(f"{self.issuer}/sandbox/rehearse", urllib.parse.urlencode({"name": name}).encode(), timeout=20).close()
        return self.switches()

    def configuration(self, password):
        """What a daemon's configuration says about the sandbox."""
        text = APP.format(client=APP_ID, secret=APP_SECRET, app=self.app)
        text += "".join(ACCOUNT.format(user=user, password=password) for user in USERS)
        return text + CLIENTS.format(user=self.sender, password=password)

    def empty(self, user):
        with self._imap(user) as imap:
            for mailbox in self._names(imap):
                if imap.select(quoted(mailbox))[1] != [b"0"]:
                    imap.store("1:*", "+FLAGS.SILENT", r"(\Deleted)")
                imap.close()
                if mailbox not in STANDARD:
                    imap.delete(quoted(mailbox))

    def stored(self, user, mailbox="INBOX"):
        with self._imap(user) as imap:
            if imap.select(quoted(mailbox), readonly=True)[1] == [b"0"]:
                return []
            return [part[1] for part in imap.fetch("1:*", "(BODY.PEEK[])")[1] if isinstance(part, tuple)]

    def flagged(self, user, mailbox="INBOX"):
        with self._imap(user) as imap:
            imap.select(quoted(mailbox), readonly=True)
            return len(imap.search(None, "FLAGGED")[1][0].split())

    def mailboxes(self, user):
        with self._imap(user) as imap:
            return self._names(imap)

    def number(self, user):
        """What comes is numbered as it comes."""

    def deliver(self, user, message, mailbox="INBOX"):
        with self._imap(user) as imap:
            done, said = imap.append(quoted(mailbox), None, None, message)
            assert done == "OK", said

    @staticmethod
    def _names(imap):
        return [re.search(rb'"/" "?(.*?)"?$', line)[1].decode() for line in imap.list()[1]]

    @contextlib.contextmanager
    def _imap(self, user):
        host, _, port = self.app["imap"].partition(":")
        with imaplib.IMAP4_SSL(host, int(port), ssl_context=self.tls, timeout=20) as imap:
            imap.authenticate("XOAUTH2", lambda _: f"user={user}\x01auth=Bearer {self.token}\x01\x01".encode())
            yield imap

    def stop(self):
        self.part.stop()


def quoted(name):
    return f'"{name}"'
