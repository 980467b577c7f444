#!/usr/bin/env python3
"""Runs the real-parts tests: Gatepost between real mail programs and a real OAuth server, Dovecot and Postfix.

    python3 tests/real/run.py [-k PATTERN] [--list] [--matrix] [--keep]

The daemon is $GATEPOST_BIN, or target/debug/gatepost. One line a test, and `N passed, N failed` at the end. It installs nothing
(install.sh beside it does), needs root for the well-known ports, and ends everything it started, also after Ctrl-C.
"""

import argparse
import contextlib
import fnmatch
import itertools
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
# What the next ones rest on comes first.
MODULES = (
    "test_lab", "test_signin", "test_detours", "test_console", "test_import", "test_setup", "test_demo", "test_messages", "test_queue", "test_power",
    "test_signed", "test_machine", "test_system", "test_listeners", "test_guides", "test_faults", "test_relays",
    "test_powershell", "test_administrator", "test_mended", "test_served", "test_thunderbird", "test_package", "test_dialogues", "test_clients",
)

sys.path.insert(0, str(HERE))
from bench import Bench, RealTest  # noqa: E402
from clients import matrix  # noqa: E402
from lab.lab import USERS  # noqa: E402


class Lines(unittest.TestResult):
    """One line a test, and below a failed one why, with what the daemon logged meanwhile. Tests may run beside each other."""

    def __init__(self, bench):
        super().__init__()
        self.bench = bench
        self.passed = self.failed = 0
        self.lock = threading.Lock()
        self.running = threading.local()

    def startTest(self, test):
        self.running.began = time.monotonic()
        self.running.log_began = self.bench.log_size()

    def stopTest(self, test):
        pass

    def _tell(self, verdict, test, report=""):
        name = test.id() if isinstance(test, unittest.TestCase) else str(test)
        line = f"{verdict:4}  {name}  ({time.monotonic() - self.running.began:.1f} s)"
        with self.lock:
            self.passed += verdict == "ok"
            self.failed += verdict != "ok"
            print("\n      ".join([line, *report.splitlines()]), flush=True)

    def addSuccess(self, test):
        self._tell("ok", test)

    def addFailure(self, test, error):
        report = self._exc_info_to_string(error, test)  # as unittest itself shows it: without its own frames
        if log := self.bench.log_since(self.running.log_began):
            report += f"\nwhat the daemon logged during this test:\n{log}\n"
        self._tell("FAIL", test, report)

    def addSubTest(self, test, subtest, error):
        if error:
            self.addFailure(subtest, error)

    addError = addFailure


def tests(pattern):
    loader = unittest.TestLoader()
    suite = loader.loadTestsFromNames(MODULES)
    if loader.errors:
        sys.exit("\n".join(loader.errors))

    def flat(part):
        return [part] if isinstance(part, unittest.TestCase) else [test for inner in part for test in flat(inner)]

    wanted = "*" if not pattern else pattern if "*" in pattern else f"*{pattern}*"
    return [test for test in flat(suite) if fnmatch.fnmatchcase(test.id(), wanted)]


def perform(chosen, result, stack):
    """One after the other, save those that say that they may run beside each other."""
    for beside, group in itertools.groupby(chosen, lambda test: test.beside_others):
        if not beside:
            unittest.TestSuite(group).run(result)
            continue
        group = list(group)
        with contextlib.suppress(AssertionError):  # each test that needs it tells
            group[0].begin()
        pool = ThreadPoolExecutor(len(USERS))
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)  # also after Ctrl-C
        for future in [pool.submit(test.run, result) for test in group]:
            future.result()


def main():
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("-k", dest="pattern", metavar="PATTERN", help="only tests with this in their name (* stands for anything)")
    options.add_argument("--list", action="store_true", help="print the names of the tests and stop")
    options.add_argument("--keep", action="store_true", help="keep the folder with all logs, configurations and mail")
    options.add_argument("--matrix", action="store_true", help="print docs/clients.md, with the versions that are installed, and stop")
    wanted = options.parse_args()

    if wanted.matrix:
        print(matrix.markdown(file.name for file in sorted((HERE / "dialogues").iterdir())), end="")
        return 0
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
            perform(chosen, result, stack)
        except KeyboardInterrupt:
            print("interrupted")
            result.failed += 1
    print(f"{result.passed} passed, {result.failed} failed", flush=True)
    return 1 if result.failed else 0


if __name__ == "__main__":
    sys.exit(main())
