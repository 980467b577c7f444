"""Running other people's programs: started, watched until they answer, and ended, each by its own process id.

It exists so that no part of the lab outlives a run, whatever happens, and that nothing waits by sleeping for a guessed time:
everything is polled, with a deadline, on the thing itself. It refuses to end a process that it did not start.
"""

import os
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path

POLL_SECONDS = 0.02


def wait_until(what, probe, seconds=20.0, pause=POLL_SECONDS):
    """Polls `probe` until it returns something true, and returns that. A network error of the probe counts as "not yet"."""
    deadline = time.monotonic() + seconds
    problem = None
    while True:
        try:
            if answer := probe():
                return answer
        except OSError as error:
            problem = error
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}" + (f", last problem: {problem}" if problem else ""))
        time.sleep(pause)


def run(*command, text=None, timeout=60.0, check=True, **options):
    """Runs a program to its end and returns it, its output as text. A failure shows everything the program said."""
    done = subprocess.run(
        [str(word) for word in command],
        input=text,
        stdin=None if text is not None else subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        **options,
    )
    if check and done.returncode != 0:
        said = (done.stdout + done.stderr)[-4000:]
        raise AssertionError(f"{Path(str(command[0])).name} ended with {done.returncode}:\n{said}")
    return done


def greeting(address, port, tls=None, seconds=5.0):
    """The first line that a server says: the sign that it is really there, and not only its port."""
    with socket.create_connection((address, port), timeout=seconds) as plain:
        connection = tls.wrap_socket(plain, server_hostname=address) if tls else plain
        with connection, connection.makefile("rb") as lines:
            return lines.readline().decode("utf-8", "replace").strip()


def greets(address, port, expected, tls=None):
    """A probe for `wait_until`: true once the server on that port says `expected` first."""

    def probe():
        try:
            return greeting(address, port, tls, seconds=2.0).startswith(expected)
        except ssl.SSLError:
            return False

    return probe


def accepts(address, port):
    """The same for a server that does not speak first: true once something listens there."""

    def probe():
        socket.create_connection((address, port), timeout=2.0).close()
        return True

    return probe


class Part:
    """A program that runs in the background, in a session of its own, with its output in a log file."""

    def __init__(self, name, command, log, text=None, **options):
        """`text` is all that it gets on its standard input."""
        self.name = name
        self.log = Path(log)
        self.stopped = False
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.PIPE if text is not None else options.pop("stdin", subprocess.DEVNULL),
                stdout=options.pop("stdout", output),
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **options,
            )
        if text is not None:
            self.write(text)
            self.process.stdin.close()

    def write(self, text):
        """Types something on its standard input, which must be a pipe."""
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait_ready(self, probe, seconds=20.0, pause=POLL_SECONDS):
        """Waits for `probe`; a program that ends meanwhile, or never answers, is reported with the end of its log."""

        def alive_and_ready():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended at once with {self.process.returncode}:\n{self.tail()}")
            return probe()

        try:
            wait_until(f"{self.name} to be ready", alive_and_ready, seconds, pause)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{self.tail()}") from None

    def said(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tail(self, lines=40):
        return "\n".join(self.said().splitlines()[-lines:])

    def stop(self, seconds=10.0):
        """Asks it to end, waits, and ends it and what it left behind the hard way if it does not. Returns its exit code."""
        if self.stopped:
            return self.process.returncode
        self.stopped = True
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)  # its own session: children only it can have started
        except ProcessLookupError:
            pass
        return self.process.wait(seconds)
