"""`gatepost demo` at a terminal: SIGHUP makes it read its configuration again, and ends it where it means that the terminal is gone.
And its console, of which the docs have pictures.

It exists because both come by the same signal, and only a real terminal can be closed. It refuses to guess by a time: the
demo says when it has reloaded.
"""

import os
import re
import signal
from pathlib import Path

import pictures
import recording
from bench import RealTest
from lab.processes import Part
from lab.terminal import Terminal


class Demo(RealTest):
    def setUp(self):
        """Nothing of the lab: the demo is a world of its own."""

    def test_a_reload_leaves_it_running_and_a_terminal_that_closes_ends_it(self):
        folder = self.bench.folder / self._testMethodName
        folder.mkdir()
        environment = {"HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"}
        command = ["setsid", "--ctty", str(self.bench.binary), "demo", "--port-base", "0"]
        terminal = Terminal(command, cwd=folder, env=environment)
        self.addCleanup(lambda: terminal.process.poll() is None and terminal.process.kill())
        log = Path(re.search(r"  log +(\S+)", terminal.until("Ctrl-C ends the demo"))[1])
        terminal.process.send_signal(signal.SIGHUP)
        terminal.until("The configuration was read again")
        self.assertIn("configuration read again, nothing changed", log.read_text())
        self.assertIsNone(terminal.process.poll())
        os.close(terminal.slave)
        os.close(terminal.master)
        terminal.process.wait(30)
        self.assertEqual(list(folder.iterdir()), [], "nothing is left behind")

    def test_the_pictures_of_the_console_show_what_it_shows_now(self):
        """`python3 tests/real/pictures.py` makes them anew."""
        folder = self.bench.folder / self._testMethodName
        folder.mkdir()
        demo = Part("gatepost demo", [self.bench.binary, "demo", "--port-base", "0"], folder / "demo.log", cwd=folder)
        self.addCleanup(demo.stop)
        demo.wait_ready(lambda: "Ctrl-C ends the demo" in demo.said(), 60)
        for name, seen, _ in pictures.shown(demo, self.bench.browser):
            self.assertEqual(pictures.masked(f"{seen}\n"), pictures.masked(pictures.text(name).read_text()), name)
            self.assertEqual(self.bench.browser.wider(), [], name)

    def test_the_recordings_and_the_dialogue_of_the_readme_show_what_the_demo_says_now(self):
        """`python3 tests/real/recording.py` makes the recordings anew."""
        for lang, readme in {"en": "README.md", "ja": "README.ja.md"}.items():
            said = recording.said(self.bench.binary, lang, self.bench.folder)
            drawn = recording.RECORDINGS[lang].read_text()
            self.assertEqual(recording.masked(recording.drawn(said, lang)), recording.masked(drawn), lang)
            text = (recording.DOCS.parent / readme).read_text()
            (dialogue,) = re.findall(r"```\n(1\. .*?)```", text, re.DOTALL)
            told = iter(recording.masked(line.rstrip()) for line in said)
            for line in dialogue.splitlines():
                if line.strip() not in ("", "..."):
                    self.assertIn(recording.masked(line), told, f"{readme}: not in this order")
            self.assertIn(f"(docs/{recording.RECORDINGS[lang].name})", text)
