"""curl: SMTP, IMAP and POP3, one command a process, as scripts and monitoring use it."""

import re
from urllib.parse import quote

from lab.processes import run


class Curl:
    def __init__(self, settings):
        self.settings = settings

    def send(self, file, recipient, *options):
        url = f"smtp://{self.settings.address}:{self.settings.smtp}/client.example"
        self._curl(url, "--mail-from", self.settings.user, "--mail-rcpt", recipient, "--upload-file", file, *options)

    def imap(self, path, *options):
        """An IMAP URL, and what curl printed."""
        return self._curl(f"imap://{self.settings.address}:{self.settings.imap}/{quote(path, safe='/;=?%')}", *options)

    def imap_command(self, mailbox, command):
        return self.imap(mailbox, "--request", command)

    def search(self, mailbox, what):
        return re.search(r"\* SEARCH ?([\d ]*)", self.imap(f"{mailbox}?{what}"))[1].split()

    def pop3(self, path="", *options):
        return self._curl(f"pop3://{self.settings.address}:{self.settings.pop3}/{path}", *options)

    def pop3_command(self, command):
        """A POP3 command with an answer of many lines."""
        return self.pop3("", "--request", command)

    def pop3_line(self, command):
        """A POP3 command with an answer of one line, which curl shows only when it is watched."""
        return self._run(f"pop3://{self.settings.address}:{self.settings.pop3}/", "--request", command, "--head", "--verbose").stderr

    def _curl(self, url, *options):
        return self._run(url, *options).stdout

    def _run(self, url, *options):
        login = f"{self.settings.user}:{self.settings.password}"
        return run("curl", "--silent", "--show-error", "--max-time", 60, "--user", login, *options, url)
