"""The daemon under test, in front of the lab: its configuration, its process, and its commands.

It exists so that the tests speak to `gatepost` only through what a user has: a configuration file, commands, ports. It refuses
to know anything of its inside.
"""

import json
import os
import re
import subprocess

from lab import dovecot, postfix
from lab.lab import ERIN
from lab.processes import Part, greets, run, wait_until

SMTP_PORT, IMAP_PORT, POP3_PORT, CONSOLE_PORT = 1587, 1993, 1995, 8425

MAIL_PASSWORD = "garden gate & 7"  # what mail clients type; the OAuth server has never heard of it

CONFIGURATION = """
[store]
url = {store}
key-file = {key_file}

[console]
listen = "{address}:{console}"

[network]
ca-file = {ca}

[[listener]]
protocol = "smtp"
listen = ["{address}:{smtp}"]

[[listener]]
protocol = "imap"
listen = ["{address}:{imap}"]

[[listener]]
protocol = "pop3"
listen = ["{address}:{pop3}"]
"""

# One registration, known under two names: by the mechanism that carries its tokens upstream.
APP = """
[app.{sasl}]
provider = "custom"
client-id = "{client_id}"
authorize-url = "{authorize_url}"
token-url = "{token_url}"
device-url = "{device_url}"
scopes = {scopes}
smtp = "{address}:{upstream_smtp}"
smtp-tls = "starttls"
imap = "{address}:{upstream_imap}"
imap-tls = "implicit"
pop3 = "{address}:{upstream_pop3}"
pop3-tls = "implicit"
sasl = "{sasl}"
"""

ACCOUNT = """
[[account]]
address = "{person}"
app = "{sasl}"
password = "{password}"
"""


class Daemon:
    def __init__(self, binary, folder, lab):
        if not binary.exists():
            raise AssertionError(f"there is no daemon at {binary}: build it first, or name it in GATEPOST_BIN")
        folder.mkdir()
        self.binary = binary
        self.folder = folder
        self.lab = lab
        self.address = lab.address
        self.config = folder / "gatepost.toml"
        self.environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")}
        self.environment["GATEPOST_CONFIG"] = str(self.config)
        self.logins = 0
        self.config.write_text(self._configuration())
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
        self.part = self._start()
        self.wait_ready()

    def wait_ready(self):
        for port, expected in ((SMTP_PORT, "220 "), (IMAP_PORT, "* OK"), (POP3_PORT, "+OK")):
            self.part.wait_ready(greets(self.address, port, expected))

    def command(self, *words, text=None, check=True, timeout=30):
        """Runs one of its commands to the end, while the daemon runs."""
        return run(self.binary, *words, text=text, check=check, timeout=timeout, cwd=self.folder, env=self.environment)

    def login(self, account, flow):
        """Starts `gatepost login` and leaves it running: the person at the browser comes next."""
        self.logins += 1
        return Login(self, account, flow, self.folder / f"login-{self.logins}.log")

    def sign_in(self, person):
        """Signs an account in by device code."""
        login = self.login(person.name, "device")
        try:
            person.approve_device(*login.device())
            login.succeeds()
        finally:
            login.part.stop()

    def stop(self):
        return self.part.stop(seconds=15)

    def _configuration(self):
        auth = self.lab.authserver
        hash_lines = re.findall(r"\$argon2id\$\S+", self.command("password", "--stdin", text=MAIL_PASSWORD + "\n").stdout)
        assert hash_lines, "`gatepost password --stdin` printed no argon2id hash"
        text = CONFIGURATION.format(
            store=json.dumps(f"sqlite://{self.folder}/gatepost.db"), key_file=json.dumps(f"{self.folder}/key"),
            ca=json.dumps(str(self.lab.pki.ca)), address=self.address, console=CONSOLE_PORT,
            smtp=SMTP_PORT, imap=IMAP_PORT, pop3=POP3_PORT,
        )
        text += "".join(APP.format(
            sasl=sasl, address=self.address,
            client_id=auth.client_id, authorize_url=auth.authorize_url, token_url=auth.token_url, device_url=auth.device_url,
            scopes=json.dumps(auth.scopes),
            upstream_smtp=postfix.SUBMISSION_PORT, upstream_imap=dovecot.IMAPS_PORT, upstream_pop3=dovecot.POP3S_PORT,
        ) for sasl in ("xoauth2", "oauthbearer"))
        return text + "".join(
            ACCOUNT.format(person=person, password=hash_lines[0], sasl="oauthbearer" if person == ERIN else "xoauth2")
            for person in auth.people
        )



class Login:
    """A running `gatepost login`: what it printed so far, what is typed to it, how it ended."""

    def __init__(self, daemon, account, flow, log):
        self.url = daemon.lab.authserver.url
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
