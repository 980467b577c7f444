"""fetchmail: takes mail out of an IMAP or POP3 mailbox, once or for ever."""

import contextlib

from lab.processes import Part, run

CONFIGURATION = """
set no bouncemail
poll {address} with proto {protocol} port {port}
  auth password uidl
  user "{user}" there with password "{password}"
  sslproto ""
  {options}
  mda "/bin/sh -c 'cat >> {inbox}'"
"""


class Fetchmail:
    def __init__(self, settings, protocol):
        self.protocol = protocol
        self.settings = settings
        self.folder = settings.folder / f"fetchmail-{protocol}"
        self.folder.mkdir()
        self.inbox = self.folder / "inbox"

    def _command(self, *options):
        port = self.settings.imap if self.protocol == "imap" else self.settings.pop3
        configuration = self.folder / "fetchmailrc"
        configuration.write_text(CONFIGURATION.format(
            address=self.settings.address, protocol=self.protocol, port=port, user=self.settings.user,
            password=self.settings.password, options=" ".join(options), inbox=self.inbox,
        ))
        configuration.chmod(0o600)
        environment = {"FETCHMAILHOME": str(self.folder), "HOME": str(self.folder), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
        return ["fetchmail", "-v", "--nosyslog", "-f", configuration], environment

    def fetch(self, *options):
        """Fetches what is there, and returns what fetchmail said. An empty mailbox is no error."""
        command, environment = self._command(*options)
        done = run(*command, env=environment, check=False)
        assert done.returncode in (0, 1), f"fetchmail ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    @contextlib.contextmanager
    def idling(self):
        """Runs with an IMAP connection held open, waiting for mail."""
        command, environment = self._command("idle", "keep")
        part = Part("fetchmail", command, self.folder / "idle.log", env=environment)
        try:
            yield part
        finally:
            part.stop()

    def received(self):
        return self.inbox.read_bytes() if self.inbox.exists() else b""
