"""A terminal with a person before it: reads until words come, and types.

It exists because only a real terminal shows that questions come, and that passwords are not shown. It refuses to type ahead of a question.
"""

import os
import pty
import subprocess
import termios
import time


class Terminal:
    """A program at a terminal of its own, read until words come, and typed into."""

    def __init__(self, command, **options):
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(command, stdin=self.slave, stdout=self.slave, stderr=self.slave, **options)
        os.set_blocking(self.master, False)
        self.said, self.seen = "", 0

    def until(self, words, seconds=60):
        """What was said up to these words, from where the last ones ended."""
        deadline = time.monotonic() + seconds
        while (at := self.said.find(words, self.seen)) < 0:
            try:
                self.said += os.read(self.master, 65536).decode("utf-8", "replace").replace("\r\n", "\n")
            except BlockingIOError:
                assert self.process.poll() is None, f"it ended without {words!r}:\n{self.said}"
                assert time.monotonic() < deadline, f"waited for {words!r}:\n{self.said}"
                time.sleep(0.02)
        part, self.seen = self.said[self.seen:at + len(words)], at + len(words)
        return part

    def echoes(self):
        """Whether what is typed now is shown."""
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def types(self, line):
        os.write(self.master, f"{line}\n".encode())

    def interrupts(self):
        """Ctrl-C, and waits for the end."""
        os.write(self.master, b"\x03")
        self.process.wait(30)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)
