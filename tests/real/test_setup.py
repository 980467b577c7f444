"""`gatepost setup` with a person at a terminal: questions are answered one by one, a browser follows the link, mail goes out.

It exists because only a real terminal shows that questions come, that passwords are not shown, and that nothing is left of the
terminal's settings. It refuses flags for what a person is asked.
"""

import re
import termios

from bench import RealTest
from lab.guide import of_fault
from lab.sandbox import PUBLIC_APP_ID, Sandbox
from lab.terminal import Terminal

ANN, SHARED = "ann@contoso.example", "shared@contoso.example"
PASSWORD = "typed unseen 7"


class Setup(RealTest):
    def setUp(self):
        """Nothing of the lab: everything happens on the sandbox."""

    def test_a_person_answers_and_mail_flows(self):
        folder, sandbox = Sandbox.of_test(self)
        config = folder / "gatepost.toml"
        (asks,) = of_fault("configuration-missing")
        self.assertEqual(asks, "gatepost setup")
        command = [self.bench.binary, *asks.split()[1:], "--config", config, "--discovery", sandbox.issuer]
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
