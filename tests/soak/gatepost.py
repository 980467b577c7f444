"""The daemon under test with a provider of its own: configured, signed in, started, killed, ended.

It exists so that each part stands alone, on addresses of its own. It refuses to know anything of the daemon but its
configuration file, its commands and its ports.
"""

import asyncio
import signal
import socket
import time
from dataclasses import dataclass

from client import PASSWORD
from lab import PROTOCOLS
from lab.password import hashed
from lab.processes import Part, accepts, wait_until
from lab.provider import ACCOUNT, Provider

HEAD = """
[store]
url = "sqlite://{folder}/gatepost.db"
key-file = "{folder}/key"

[console]
listen = "off"

[network]
ca-file = "{ca}"
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
        self.provider = Provider(self.folder, address)
        world.part(self.provider)
        self.endpoint = Endpoint(address, {protocol: _free_port(address) for protocol in PROTOCOLS})
        text = HEAD.format(folder=self.folder, ca=self.provider.ca) + self.provider.app
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
        return self.provider.orders(**orders)

    async def sign_in(self):
        sign_in = self.provider.sign_in
        await asyncio.gather(*(asyncio.to_thread(sign_in, self.binary, self.config, user) for user in self.users))

    async def start(self):
        """Seconds until all ports accept connections."""
        return await asyncio.to_thread(self._start)

    def _start(self):
        began = time.monotonic()
        self.daemon = self.world.part(Part("gatepost", [self.binary, "run", "-c", self.config], self.folder / "gatepost.log"))
        for port in self.endpoint.ports.values():
            self.daemon.wait_ready(accepts(self.endpoint.address, port), seconds=30, pause=0.001)
        return time.monotonic() - began

    async def reload(self):
        """SIGHUP, and its configuration is read again when this returns."""
        await asyncio.to_thread(self._reload)

    def _reload(self):
        read = "configuration read again"
        before = self.daemon.said().count(read)
        self.daemon.process.send_signal(signal.SIGHUP)
        wait_until("the reload", lambda: self.daemon.said().count(read) > before, 30)

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
