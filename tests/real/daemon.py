"""The daemon under test, in front of a backend: its configuration, its process, and its commands.

It exists so that the tests speak to `gatepost` only through what a user has: a configuration file, commands, ports. It refuses
to know anything of its inside, and of what is behind it: a backend says that in lines of the configuration.
"""

import os
import re
import subprocess

from lab.password import hashed
from lab.processes import Part, greets, run, wait_until

# The listeners: every way of TLS for every protocol, each run at an address of its own.
PORTS = {
    "off": {"smtp": 1587, "imap": 1993, "pop3": 1995},
    "starttls": {"smtp": 2587, "imap": 2143, "pop3": 2110},
    "starttls-required": {"smtp": 3587, "imap": 3143, "pop3": 3110},
    "implicit": {"smtp": 2465, "imap": 2993, "pop3": 2995},
    "auto": {"smtp": 4587, "imap": 4143, "pop3": 4110},
}
SMTP_PORT, IMAP_PORT, POP3_PORT = PORTS["off"].values()
CONSOLE_PORT = 8425
GREETINGS = {"smtp": "220 ", "imap": "* OK", "pop3": "+OK"}

MAIL_PASSWORD = "garden gate & 7"  # what mail clients type; the OAuth server has never heard of it

CONFIGURATION = """
[store]
url = "sqlite://{state}/gatepost.db"
key-file = "{state}/key"

[console]
listen = "{address}:{console}"

[network]
ca-file = "{ca}"
"""

LISTENER = """
[[listener]]
protocol = "{protocol}"
listen = ["{address}:{port}"]
tls = "{tls}"
"""

CERTIFICATE = """certificate = "{pki.certificate}"
key = "{pki.key}"
"""


class Daemon:
    def __init__(self, binary, folder, address, backend, pki=None, state=None, environment=()):
        """`backend` has a `ca`, and a `configuration` for apps and accounts. Without a `pki` every listener is plain. `state`:
        where it keeps what must last, if not in its folder; `environment`: what it finds there beside ours.
        """
        if not binary.exists():
            raise AssertionError(f"there is no daemon at {binary}: build it first, or name it in GATEPOST_BIN")
        folder.mkdir()
        self.binary = binary
        self.folder = folder
        self.state = state or folder
        self.address = address
        self.pki = pki
        self.config = folder / "gatepost.toml"
        self.environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")}
        self.environment |= {"GATEPOST_CONFIG": str(self.config), **dict(environment)}
        self.logins = 0
        self.config.write_text(self._configuration(backend))
        self.part = self._start()

    def _start(self):
        return Part(
            "gatepost", [self.binary, "run", "--config", self.config], self.folder / "gatepost.log",
            cwd=self.folder, env=self.environment,
        )

    def restart(self):
        """Ends it as a service manager does, and starts it again on what it kept. It must end well, and in its time."""
        code = self.stop()
        assert code == 0, f"gatepost ended with {code} after SIGTERM:\n{self.part.tail()}"
        self.start_again()

    def start_again(self):
        self.part = self._start()
        self.wait_ready()

    def kill(self):
        """kill -9, and it is gone when this returns."""
        self.part.process.kill()
        self.part.process.wait()
        self.part.stopped = True  # its id may belong to somebody else from now on

    def wait_ready(self):
        for protocol, port in PORTS["off"].items():
            self.part.wait_ready(greets(self.address, port, GREETINGS[protocol]))

    def command(self, *words, text=None, check=True, timeout=30):
        """Runs one of its commands to the end, while the daemon runs."""
        return run(self.binary, *words, text=text, check=check, timeout=timeout, cwd=self.folder, env=self.environment)

    def log_size(self):
        return len(self.part.said())

    def log_since(self, size):
        """What it logged since it had logged so many characters."""
        return self.part.said()[size:]

    def login(self, url, account, flow):
        """Starts `gatepost login` and leaves it running: the person at the browser of the OAuth server at `url` comes next."""
        self.logins += 1
        return Login(self, url, account, flow, self.folder / f"login-{self.logins}.log")

    def sign_in(self, url, person):
        """Signs an account in by device code."""
        login = self.login(url, person.name, "device")
        try:
            person.approve_device(*login.device())
            login.succeeds()
        finally:
            login.part.stop()

    def stop(self):
        return self.part.stop(seconds=15)

    def _configuration(self, backend):
        text = CONFIGURATION.format(state=self.state, address=self.address, console=CONSOLE_PORT, ca=backend.ca)
        for tls, ports in PORTS.items():
            if tls == "off" or self.pki:
                for protocol, port in ports.items():
                    text += LISTENER.format(protocol=protocol, address=self.address, port=port, tls=tls)
                    text += CERTIFICATE.format(pki=self.pki) if tls != "off" else ""
        return text + backend.configuration(hashed(self.binary, MAIL_PASSWORD))


class Login:
    """A running `gatepost login`: what it printed so far, what is typed to it, how it ended."""

    def __init__(self, daemon, url, account, flow, log):
        self.url = url
        self.part = Part(
            f"gatepost login --flow {flow}", [daemon.binary, "login", account, "--flow", flow], log,
            stdin=subprocess.PIPE, cwd=daemon.folder, env=daemon.environment,
        )

    def device(self):
        """The page to open and the code to type there."""
        page = self._printed(rf"{re.escape(self.url)}/device\b")
        return page[0], self._printed(r"\b[B-DF-HJ-NP-TV-Z]{4}-[B-DF-HJ-NP-TV-Z]{4}\b")[0]

    def authorize_url(self):
        return self._printed(rf"{re.escape(self.url)}/auth\?[^\s\"'<>]+")[0]

    def paste(self, url):
        self.part.write(url + "\n")

    def succeeds(self, seconds=20):
        code = self.ends(seconds)
        assert code == 0, f"{self.part.name} ended with {code}:\n{self.part.tail()}"

    def ends(self, seconds=20):
        """Waits for its end and returns the exit code."""
        try:
            return self.part.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.part.name} did not end within {seconds} s:\n{self.part.tail()}") from None

    def _printed(self, pattern):
        """The first match in what it printed, without colours."""
        look = lambda: re.search(pattern, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.part.said()))  # noqa: E731
        try:
            return wait_until(f"{self.part.name} to print {pattern}", look)
        except TimeoutError as error:
            raise AssertionError(f"{error}; it printed:\n{self.part.tail()}") from None
