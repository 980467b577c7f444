"""Dialogues of mail programs that do not run here: Outlook, Apple Mail, and Thunderbird as it was.

It exists because their habits are known well enough to be spoken line by line. A dialogue is a file in `dialogues`, named by
program and protocol: `C:` is said, `S:` is a pattern that a line of the answer begins with (lines before it are read over), `D:`
delivers a message with that subject behind the daemon's back, `M:` sends one as the body or literal that was announced. Those of
SMTP are spoken a second time by a login whose mail is queued. It refuses an answer that ends the command otherwise than the
dialogue says.
"""

import base64
import re
import socket
import unittest
from pathlib import Path

import messages
from bench import RealTest
from daemon import PORTS
from lab.processes import wait_until

FILES = sorted((Path(__file__).resolve().parent / "dialogues").iterdir())


def base64_of(text):
    return base64.b64encode(text.encode()).decode()


class DialogueTest(RealTest):
    beside_others = True

    def __init__(self, file, backend, queued=False):
        super().__init__("goes_as_written")
        self.file, self.backend, self.queued = file, backend, queued

    def id(self):
        return f"dialogues.{self.file.name}.{self.backend}" + (".queued" if self.queued else "")

    def setUp(self):
        """Each has a mailbox of its own instead."""

    def begin(self):
        """Starts what all of them stand on, before the first."""
        return self.bench.front("dovecot"), self.bench.front("sandbox")

    def goes_as_written(self):
        front, protocol = self.bench.front(self.backend), self.file.suffix[1:]
        with front.mailbox() as user:
            self.user, self.mailboxes = user, front.mailboxes
            self.mailboxes.empty(user)
            self.mailboxes.deliver(user, self.message("first"))
            with socket.create_connection((front.daemon.address, PORTS["off"][protocol]), timeout=20) as connection:
                self.connection, self.answers, self.said = connection, connection.makefile("rb"), []
                self.speak(protocol)
            self.look()

    def message(self, subject):
        return messages.ordinary(self.user, self.user, subject, "Text\r\n.\r\n..\r\n")

    def speak(self, protocol):
        login = f"queued-{self.user.partition('@')[0]}" if self.queued else self.user
        plain, tag = base64_of(f"\0{login}\0{self.password}"), None
        lines = self.file.read_text().splitlines()
        for number, line in enumerate(lines):
            kind, _, text = line.partition(" ")
            if kind == "C:":
                following = next((later[3:] for later in lines[number + 1 :] if later.startswith("M:")), "")
                for name, value in {
                    "user": self.user, "password": self.password, "user64": base64_of(login), "plain": plain,
                    "password64": base64_of(self.password), "size": len(self.message(following)),
                }.items():
                    text = text.replace(f"{{{name}}}", str(value))
                tag = text.split()[0] if protocol == "imap" and text != "DONE" and text != plain else tag
                self.say(text.encode() + b"\r\n")
            elif kind == "S:":
                self.hear(text, tag)
            elif kind == "D:":
                self.mailboxes.deliver(self.user, self.message(text))
            elif kind == "M:":
                body = self.message(text)
                self.say(re.sub(rb"(?m)^\.", b"..", body) + b".\r\n" if protocol == "smtp" else body + b"\r\n")

    def say(self, line):
        self.said.append(f"C: {line[:200].decode().rstrip()}")
        self.connection.sendall(line)

    def hear(self, pattern, tag):
        """Reads until a line matches, and to the end of the answer where that is one of many lines that say so."""
        while not re.match(pattern, line := self.line()):
            if (tag and line.startswith(f"{tag} ")) or re.match(r"\d{3} |-ERR|\* BYE|the end", line):
                self.fail(f"{self.file.name}: {pattern} was expected\n" + "\n".join(self.said))
        while re.match(r"\d{3}-", line):
            line = self.line()

    def line(self):
        try:
            line = self.answers.readline().decode()
        except TimeoutError:
            line = ""
        line = line.rstrip("\r\n") if line else "the end"
        self.said.append(f"S: {line}")
        return line

    def look(self):
        """What the dialogue sent and deleted is so; what was to be queued was."""
        if self.queued:
            self.assertTrue(any("Queued as" in line for line in self.said), self.said)
        stored = lambda mailbox: self.mailboxes.stored(self.user, mailbox)  # noqa: E731
        text = self.file.read_text()
        for marker in re.findall(r"^M: (\S+)", text, re.MULTILINE):
            mailbox = "Drafts" if self.file.suffix == ".imap" else "INBOX"
            messages.assert_arrived(self.message(marker), self.mailboxes.wait_stored(self.user, f"Subject: {marker}\r\n", mailbox))
        if re.search(r"Deleted|DELE", text):
            wait_until("the first message to be gone", lambda: not any(b"Subject: first\r\n" in mail for mail in stored("INBOX")))


def load_tests(loader, standard_tests, pattern):
    tests = [DialogueTest(file, backend) for backend in ("dovecot", "sandbox") for file in FILES]
    return unittest.TestSuite([*tests, *(DialogueTest(file, "dovecot", queued=True) for file in FILES if file.suffix == ".smtp")])
