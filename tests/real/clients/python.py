"""Python's own imaplib, with the one thing it lacks in older versions: IDLE."""

import contextlib
import imaplib


class Imap(imaplib.IMAP4):
    @contextlib.contextmanager
    def idle_session(self):
        """Idles while the block runs; what it yields reads one untagged line at a time."""
        tag = self._new_tag()
        self.send(tag + b" IDLE\r\n")
        answer = self.readline()
        while not answer.startswith(b"+"):
            assert answer.startswith(b"*"), f"IDLE was answered with {answer!r}"
            answer = self.readline()
        yield self.readline
        self.send(b"done\r\n")  # some clients write it small
        while not (answer := self.readline()).startswith(tag):
            assert answer.startswith(b"*"), f"the end of IDLE was answered with {answer!r}"
        assert answer.startswith(tag + b" OK"), answer
