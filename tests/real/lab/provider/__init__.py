"""A provider of our own, in a process of its own: an identity provider and a mail server with as many people as wanted.

It exists because some questions need what neither the sandbox nor Dovecot offers from outside: twenty people, books of every
message and token request, revocation, and a `kill -9` at the very moment of an answer. It refuses to be clever: what it accepts
it writes down before it says so, and that is all.
"""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from ..pki import Pki
from ..processes import Part, wait_until

APP = """
[app.own]
provider = "custom"
client-id = "own"
authorize-url = "http://{address}:{http}/authorize"
token-url = "http://{address}:{http}/token"
device-url = "http://{address}:{http}/device"
scopes = ["mail", "offline_access"]
rotation = "old-stays-valid"
smtp = "{address}:{smtp}"
smtp-tls = "implicit"
imap = "{address}:{imap}"
imap-tls = "implicit"
pop3 = "{address}:{pop3}"
pop3-tls = "implicit"
sasl = "xoauth2"
"""

ACCOUNT = """
[[account]]
address = "{user}"
app = "own"
password = "{hash}"
{keys}
"""


class Provider:
    def __init__(self, folder, address):
        pki = Pki(folder / "pki", address)
        self.ca = pki.ca
        lab = Path(__file__).resolve().parent.parent
        command = [sys.executable, "-m", "lab.provider", address, pki.certificate, pki.key]
        self.part = Part("provider", command, folder / "provider.log", cwd=lab.parent)
        try:
            ports = json.loads(wait_until("the provider's ports", lambda: self.part.said().partition("\n")[0]))
        except BaseException:
            self.stop()
            raise
        self.orders_url = f"http://{address}:{ports['http']}/orders"
        self.app = APP.format(address=address, **ports)

    def orders(self, **orders):
        """Tells it what to change; what its books say."""
        request = urllib.request.Request(self.orders_url, json.dumps(orders).encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    @staticmethod
    def sign_in(binary, config, user, **options):
        """By the address that a browser would end at; the code of this provider is the user's name."""
        login = subprocess.Popen(
            [binary, "login", user, "--flow", "paste", "--json", "-c", config],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )
        try:
            said = login.stdout.readline()
            if said.startswith("{"):
                asked = parse_qs(urlsplit(json.loads(said)["url"]).query)
                login.stdin.write(f"{asked['redirect_uri'][0]}?code={user}&state={asked['state'][0]}\n")
            said += login.communicate(timeout=60)[0]
        finally:
            login.kill()
        if login.wait():
            raise AssertionError(f"gatepost login {user} ended with {login.returncode}: {said}")

    def stop(self):
        return self.part.stop()
