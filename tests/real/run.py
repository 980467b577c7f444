#!/usr/bin/env python3
"""Runs the real-parts tests: Gatepost between real mail programs and a real OAuth server, Dovecot and Postfix.

    python3 tests/real/run.py [-k PATTERN] [--list] [--keep]

The daemon is $GATEPOST_BIN, or target/debug/gatepost. One line a test, and `N passed, N failed` at the end. It installs nothing
(install.sh beside it does), needs root for the well-known ports, and ends everything it started, also after Ctrl-C.
"""

import argparse
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODULES = ("test_lab", "test_signin", "test_messages", "test_clients")  # what the next ones rest on comes first

sys.path.insert(0, str(HERE))
from bench import Bench, RealTest  # noqa: E402


class Lines(unittest.TestResult):
    """One line a test, and below a failed one why, with what the daemon logged meanwhile."""

    def __init__(self, bench):
        super().__init__()
        self.bench = bench
        self.passed = self.failed = self.log_began = 0
        self.began = time.monotonic()

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()
        self.log_began = self.bench.log_size()

    def _line(self, verdict, test):
        name = test.id() if isinstance(test, unittest.TestCase) else str(test)
        print(f"{verdict:4}  {name}  ({time.monotonic() - self.began:.1f} s)", flush=True)

    def addSuccess(self, test):
        self.passed += 1
        self._line("ok", test)

    def addFailure(self, test, error):
        self.failed += 1
        self._line("FAIL", test)
        report = self._exc_info_to_string(error, test)  # as unittest itself shows it: without its own frames
        if log := self.bench.log_since(self.log_began):
            report += f"\nwhat the daemon logged during this test:\n{log}\n"
        print("\n".join("      " + line for line in report.splitlines()), flush=True)

    def addSubTest(self, test, subtest, error):
        if error:
            self.addFailure(subtest, error)

    addError = addFailure


def tests(pattern):
    loader = unittest.TestLoader()
    if pattern:
        loader.testNamePatterns = [pattern if "*" in pattern else f"*{pattern}*"]
    suite = loader.loadTestsFromNames(MODULES)
    if loader.errors:
        sys.exit("\n".join(loader.errors))

    def flat(part):
        return [part] if isinstance(part, unittest.TestCase) else [test for inner in part for test in flat(inner)]

    return flat(suite)


def main():
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("-k", dest="pattern", metavar="PATTERN", help="only tests with this in their name (* stands for anything)")
    options.add_argument("--list", action="store_true", help="print the names of the tests and stop")
    options.add_argument("--keep", action="store_true", help="keep the folder with all logs, configurations and mail")
    wanted = options.parse_args()

    chosen = tests(wanted.pattern)
    if wanted.list:
        print("\n".join(test.id() for test in chosen))
        return 0
    if not chosen:
        print(f"no test is called {wanted.pattern}\n0 passed, 1 failed")
        return 1

    binary = Path(os.environ.get("GATEPOST_BIN") or HERE.parent.parent / "target" / "debug" / "gatepost").resolve()
    folder = Path(tempfile.mkdtemp(prefix="gatepost-real-"))
    folder.chmod(0o755)  # Dovecot and Postfix drop to users of their own
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell started this in the background
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    with contextlib.ExitStack() as stack:
        if wanted.keep:
            stack.callback(print, f"kept: {folder}")
        else:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        bench = RealTest.bench = Bench(folder, stack, binary)
        result = Lines(bench)
        try:
            unittest.TestSuite(chosen).run(result)
        except KeyboardInterrupt:
            print("interrupted")
            result.failed += 1
    print(f"{result.passed} passed, {result.failed} failed", flush=True)
    return 1 if result.failed else 0


if __name__ == "__main__":
    sys.exit(main())
