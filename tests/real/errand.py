"""One mail program at one protocol: what it is given, what it says it did, and a look at whether that is so.

It exists so that programs of every language are driven and checked alike. A driver (one short file a program, in `clients`) gets
the facts as environment variables, says `did STEP` after each thing it did, and waits for a line before it goes on; meanwhile its
step is looked up behind the daemon's back. It refuses to take a program's word, or its exit code alone, for anything.
"""

import contextlib
import email
import email.policy
import os
import re
import subprocess
import threading
from pathlib import Path

import messages
from daemon import PORTS
from lab.processes import Part, wait_until
from messages import assert_arrived, assert_same

CLIENTS = Path(__file__).resolve().parent / "clients"
SECONDS = 60.0
PATIENCE = 5.0  # with a program that waits for a person to decide about a certificate


class DidNot(AssertionError):
    """A program did not do its work; what it did before is in `done`."""

    def __init__(self, why, done):
        super().__init__(why)
        self.done = done


class Errand:
    def __init__(self, client, protocol, login, tls, *, daemon, backend, user, password, folder, ca):
        self.client, self.protocol = client, protocol
        self.work = client.work[protocol]
        self.daemon, self.backend, self.user = daemon, backend, user
        self.folder = folder
        folder.mkdir(parents=True)
        folder.chmod(0o777)  # some programs put root's rights down
        self.marker = f"{client.id}-{protocol}"
        self.own = messages.with_attachment(user, user, f"{self.marker}-own")
        self.waiting = messages.with_attachment(user, user, f"{self.marker}-waiting")
        (folder / "message").write_bytes(self.own)
        (folder / "noise.bin").write_bytes(messages.noise(messages.MEGABYTE))
        (folder / "text").write_text(messages.TEXT)
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8", "TERM": "xterm",
            "HOST": daemon.address, "PORT": str(PORTS[tls][protocol]), "TLS": tls, "CA": str(ca), "SSL_CERT_FILE": str(ca), "LOGIN": login,
            "MAIL_USER": user, "MAIL_PASSWORD": password, "CLIENTS": str(CLIENTS), "TRASH": backend.trash,
            "SUBJECT": messages.subject(self.own), "MARKER": self.marker,
        }

    def prepare(self):
        """The mailbox as every program finds it: one message waits, over POP3 a second one behind it."""
        self.backend.empty(self.user)
        if self.protocol != "smtp":
            self.backend.deliver(self.user, self.waiting)
        if self.protocol == "pop3":
            self.backend.number(self.user)
            self.backend.deliver(self.user, self._small("second"))

    def refused(self, stack):
        """Runs the driver, which must give up before it did anything: the certificate is not one of an authority that it was given."""
        self.backend.empty(self.user)
        began = self.daemon.log_size()
        try:
            self._drive(stack, PATIENCE)
        except DidNot as failure:
            assert not failure.done, f"it did {failure.done} behind a certificate of a stranger"
        else:
            raise AssertionError("it took the certificate of a stranger")
        assert not self._signed_on(began), "its password came through behind a certificate of a stranger"
        if self.environment["TLS"] not in self.work.late:
            wait_until("a failed handshake in the daemon's log", lambda: "TLS handshake failed" in self.daemon.log_since(began), 5)

    def run(self, stack, seconds=SECONDS):
        """Runs the driver to its end. Every step that the table promises must be done, in that order, and be so."""
        began = self.daemon.log_size()
        self._drive(stack, seconds)
        if self.environment["LOGIN"] != "none":
            assert self._signed_on(began), f"the daemon tells of no sign-on of {self.user}"

    def _signed_on(self, began):
        return re.search(rf'signed on .*account="{re.escape(self.user)}"', self.daemon.log_since(began))

    def _drive(self, stack, seconds):
        part = Part(
            f"{self.client.name} ({self.protocol})", [*self.client.command, self.protocol], self.folder / "log",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=self.folder, env=self.environment,
        )
        stack.callback(part.stop)
        timer = threading.Timer(seconds, part.stop)
        timer.start()
        done, said = [], []
        try:
            for line in part.process.stdout:
                words = line.decode(errors="replace").split()
                if words[:1] != ["did"]:
                    said.append(line.decode(errors="replace"))
                    continue
                done.append(words[1])
                getattr(self, f"did_{words[1]}")(*words[2:])
                with contextlib.suppress(BrokenPipeError):  # a driver may end with its last step: its exit code tells
                    part.write("ok\n")
            code = part.process.wait(5)
            assert code == 0, f"its driver ended with {code}"
            assert done == self.work.steps, f"it did {done}, and should have done {self.work.steps}"
        except Exception as error:
            raise DidNot(f"{part.name} after {done}: {error}\n{''.join(said)[-3000:]}{part.tail(60)}", done) from None
        finally:
            timer.cancel()
            part.stop()
            for pipe in (part.process.stdin, part.process.stdout):
                with contextlib.suppress(BrokenPipeError):  # what was not written any more
                    pipe.close()

    def did_probe(self):
        """A probe leaves nothing behind."""

    # SMTP

    def did_send(self, how="exact"):
        stored = wait_until("the message", lambda: self.backend.stored(self.user), seconds=30)[0]  # in a mailbox of its own
        self._assert_is(how, self.own, stored, exactly=assert_arrived)

    # IMAP

    def did_list(self):
        listed = (self.folder / "list").read_text().replace("Inbox", "INBOX")  # the one name that has no case
        for name in self.backend.mailboxes(self.user):
            assert name in listed, f"{name} is not in the list: {listed}"

    def did_fetch(self, how="exact"):
        fetched = (self.folder / "fetched").read_bytes()
        self._assert_is(how, self.waiting, re.sub(rb"\r?\n", b"\r\n", fetched))

    def did_search(self, hits, misses):
        assert (hits, misses) == ("1", "0"), f"{hits} hits for a subject that is there, {misses} for another"

    def did_create(self):
        assert "Work" in self.backend.mailboxes(self.user)

    def did_append(self, how="exact"):
        self._assert_is(how, self.own, self.backend.wait_stored(self.user, f"{self.marker}-own", "Work"))

    def did_flag(self):
        wait_until("the flag", lambda: self.backend.flagged(self.user) == 1)

    def did_move(self):
        self.backend.wait_stored(self.user, f"{self.marker}-waiting", self.backend.trash)
        self._wait_gone("INBOX")

    def did_delete(self):
        self._wait_gone("INBOX")
        self._wait_gone(self.backend.trash)

    def did_idle(self):
        self.backend.deliver(self.user, self._small("wake-up"))

    def did_wake(self):
        self.backend.wait_stored(self.user, f"{self.marker}-wake-up")

    # POP3

    def did_stat(self, count):
        assert count == "2", f"{count} messages"

    def did_uidl(self, *ids):
        assert len(set(ids)) == 2, f"not two different ids: {ids}"

    def did_top(self):
        top = (self.folder / "top").read_bytes()
        assert f"{self.marker}-waiting".encode() in top, top[:1000]
        assert len(top) < 20_000, f"{len(top)} bytes of a head"

    did_retr = did_fetch

    def did_dele(self, what="first"):
        self._wait_gone("INBOX")
        left = len(self.backend.stored(self.user))
        assert left == (1 if what == "first" else 0), f"{left} messages are left"

    # What several of these look for

    def _small(self, word):
        return messages.ordinary(self.user, self.user, f"{self.marker}-{word}", "Text\r\n.\r\n..\r\n")

    def _wait_gone(self, mailbox):
        gone = lambda: not any(f"{self.marker}-waiting".encode() in mail for mail in self.backend.stored(self.user, mailbox))  # noqa: E731
        wait_until(f"the message to be gone from {mailbox}", gone)

    @staticmethod
    def _assert_is(how, sent, got, exactly=assert_same):
        """The same bytes; or "alike": the same subject, text and attachment, as a person sees them, in whatever form."""
        if how == "exact":
            return exactly(sent, got)
        assert how == "alike", how
        sent, got = (email.message_from_bytes(mail, policy=email.policy.default) for mail in (sent, got))
        assert got["Subject"] == sent["Subject"], f"the subject is {got['Subject']!r}"
        text = got.get_body(("plain",)).get_payload(decode=True).decode()  # some programs say nothing of its charset
        assert text.split() == messages.TEXT.split(), f"the text is {text!r}"
        assert_same(next(sent.iter_attachments()).get_content(), next(got.iter_attachments()).get_content())
