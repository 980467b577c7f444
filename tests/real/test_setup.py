"""`gatepost setup` with a person at a terminal: questions are answered one by one, a browser follows the link, mail goes out.

It exists because only a real terminal shows that questions come, that passwords are not shown, and that nothing is left of the
terminal's settings. It refuses flags for what a person is asked.
"""

import os
import pty
import re
import subprocess
import termios
import time

from bench import RealTest
from lab.sandbox import PUBLIC_APP_ID, Sandbox

ANN, SHARED = "ann@contoso.example", "shared@contoso.example"
PASSWORD = "typed unseen 7"


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

    def types(self, line):
        os.write(self.master, f"{line}\n".encode())

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


class Setup(RealTest):
    def setUp(self):
        """Nothing of the lab: everything happens on the sandbox."""

    def test_a_person_answers_and_mail_flows(self):
        folder, sandbox = Sandbox.of_test(self)
        config = folder / "gatepost.toml"
        command = [self.bench.binary, "setup", "--config", config, "--discovery", sandbox.issuer]
        # What is of this machine alone: no question is about it.
        for listener in ("smtp", "imap"):
            command += ["--listen", f"{listener}=127.0.0.1:0"]
        settings = {f"app.{key}": sandbox.app[key] for key in ("authorize-url", "token-url", "device-url", "graph-url", "smtp", "imap", "pop3")}
        settings |= {"store.url": f"sqlite://{folder}/state/gatepost.db", "network.ca-file": sandbox.ca, "console.listen": "off"}
        for key, value in settings.items():
            command += ["--set", f"{key}={value}"]
        environment = {"HOME": str(folder), "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"}
        terminal = Terminal([str(word) for word in command], cwd=folder, env=environment)
        self.addCleanup(terminal.close)

        for question, answer in (
            ("Mail address: ", "ann"), ("Mail address: ", ANN), ("How does Gatepost get in [1]: ", ""),
            ("How do messages leave [1]: ", ""), ("(-: none) [-]: ", SHARED), ("Application (client) ID: ", PUBLIC_APP_ID),
            ("Enter: make one): ", PASSWORD), ("[yes]: ", ""),
        ):
            terminal.until(question)
            terminal.types(answer)
        self.assertTrue(terminal.until("Open in a browser:"))
        page = re.search(r"http://\S+", terminal.until("Browser on another machine?"))[0]
        sandbox.sign_in(page, ANN)
        terminal.until(f"Sent from {ANN} to {ANN}.")
        terminal.until(f"Sent from {SHARED} to {SHARED}.")
        terminal.until(f"gatepost --config {config} run")
        self.assertEqual(terminal.process.wait(30), 0, terminal.said)
        self.assertNotIn(PASSWORD, terminal.said)
        self.assertEqual(termios.tcgetattr(terminal.slave), terminal.before, "the terminal is as it was")
        # The demo sent one to ann too.
        self.assertEqual([len(sandbox.stored(user)) for user in (ANN, SHARED)], [2, 1])
