"""The daemon under test with a provider of its own: configured, signed in, started, killed, ended.

It exists so that each part stands alone, on addresses of its own. It refuses to know anything of the daemon but its
configuration file, its commands and its ports.
"""

import asyncio
import json
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from client import PASSWORD
from lab import PROTOCOLS
from lab.password import hashed
from lab.pki import Pki
from lab.processes import Part, accepts, wait_until

HERE = Path(__file__).resolve().parent

HEAD = """
[store]
url = "sqlite://{folder}/gatepost.db"
key-file = "{folder}/key"

[console]
listen = "off"

[network]
ca-file = "{ca}"

[app.soak]
provider = "custom"
client-id = "soak"
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

LISTENER = """
[[listener]]
protocol = "{protocol}"
listen = ["{address}:{port}"]
max-connections = {most}
"""

PROXIED = """proxy-protocol = true
proxy-protocol-from = ["127.0.0.0/8"]
"""

ACCOUNT = """
[[account]]
address = "{user}"
app = "soak"
password = "{hash}"
{keys}
"""

NO_LIMITS = "limits = { connections = 10000, messages-per-minute = 1000000, recipients-per-day = 10000000 }"


@dataclass(frozen=True)
class Endpoint:
    """Where the daemon listens; goes to worker processes."""

    address: str
    ports: dict


class Gatepost:
    def __init__(self, world, name, number, users=1, most=1000, proxied=False, keys=NO_LIMITS):
        """`number` is the second octet of all addresses of this part; `keys` are those of all accounts."""
        self.number = number
        self.users = [f"user{n:02}@soak.example" for n in range(users)]
        self.binary = world.binary
        self.folder = world.folder / name
        self.folder.mkdir()
        address = f"127.{number}.0.1"
        pki = Pki(self.folder / "pki", address)
        self.provider = world.part(
            Part(
                f"provider of {name}",
                [sys.executable, "-m", "provider", address, pki.certificate, pki.key],
                self.folder / "provider.log",
                cwd=HERE,
            )
        )
        upstream = json.loads(wait_until("the provider's ports", lambda: self.provider.said().partition("\n")[0]))
        self.orders_url = f"http://{address}:{upstream['http']}/orders"
        self.endpoint = Endpoint(address, {protocol: _free_port(address) for protocol in PROTOCOLS})
        text = HEAD.format(folder=self.folder, ca=pki.ca, address=address, **upstream)
        for protocol, port in self.endpoint.ports.items():
            text += LISTENER.format(protocol=protocol, address=address, port=port, most=most) + (PROXIED if proxied else "")
        secret = hashed(self.binary, PASSWORD)
        self.config = self.folder / "gatepost.toml"
        self.config.write_text(text + "".join(ACCOUNT.format(user=user, hash=secret, keys=keys) for user in self.users))
        self.world, self.daemon = world, None

    @property
    def pid(self):
        return self.daemon.process.pid

    def source(self, n):
        """The nth client address of this part; 200 share a third octet."""
        return f"127.{self.number}.{1 + n // 200}.{1 + n % 200}"

    def orders(self, **orders):
        """Tells the provider what to change; what its books say."""
        request = urllib.request.Request(self.orders_url, json.dumps(orders).encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    async def sign_in(self):
        """Every user, by the address that a browser would end at; the code of the provider is the user's name."""
        await asyncio.gather(*(asyncio.to_thread(self._sign_in, user) for user in self.users))

    def _sign_in(self, user):
        login = subprocess.Popen(
            [self.binary, "login", user, "--flow", "paste", "--json", "-c", self.config],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
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

    async def start(self):
        """Seconds until all ports accept connections."""
        return await asyncio.to_thread(self._start)

    def _start(self):
        began = time.monotonic()
        self.daemon = self.world.part(Part("gatepost", [self.binary, "run", "-c", self.config], self.folder / "gatepost.log"))
        for port in self.endpoint.ports.values():
            self.daemon.wait_ready(accepts(self.endpoint.address, port), seconds=30, pause=0.001)
        return time.monotonic() - began

    def kill(self):
        """kill -9, and it is gone when this returns."""
        self.daemon.process.kill()
        self.daemon.process.wait()
        self.daemon.stopped = True  # its id may belong to somebody else from now on

    async def gone(self, seconds=30):
        """Waits until somebody else has killed it."""
        await asyncio.to_thread(self.daemon.process.wait, seconds)
        self.daemon.stopped = True

    def check_alive(self):
        if (code := self.daemon.process.poll()) is not None:
            raise AssertionError(f"gatepost ended with {code}:\n{self.daemon.tail()}")

    def stop(self):
        for part in (self.daemon, self.provider):
            if part:
                part.stop()


def _free_port(address):
    with socket.socket() as one:
        one.bind((address, 0))
        return one.getsockname()[1]
