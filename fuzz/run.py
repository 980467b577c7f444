#!/usr/bin/env python3
"""Builds the fuzzers, runs each for its share of the time, two at once, and says how far they came.

    fuzz/run.py                 60 seconds over all
    fuzz/run.py --seconds 3600  an hour over all
    fuzz/run.py imap_front      one alone

Behind the executions stands how much they are of the bar, 1e8 for each target. A crash is kept in fuzz/artifacts and ends
the run with exit code 1.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
AT_ONCE = 2
LONGEST = 80_000  # beyond every cap of a line, a literal and a sign-on
BAR = 100_000_000  # executions of one target
# The sanitizers are reached on the stable compiler.
ENVIRONMENT = os.environ | {"RUSTC_BOOTSTRAP": "1"}


def targets():
    return sorted(file.stem for file in (HERE / "fuzz_targets").glob("*.rs"))


def build():
    if shutil.which("cargo-fuzz") is None:
        subprocess.run(["cargo", "install", "--quiet", "--locked", "cargo-fuzz@0.13.1"], check=True)
    print("building the fuzzers; ten minutes where nothing is built yet", flush=True)
    subprocess.run(["cargo", "fuzz", "build"], cwd=HERE, env=ENVIRONMENT, check=True)
    subprocess.run([sys.executable, HERE / "seeds.py"], check=True)


def fuzz(target, seconds):
    """Executions, edges covered, and what crashed."""
    artifacts = HERE / "artifacts" / target
    artifacts.mkdir(parents=True, exist_ok=True)
    command = ["cargo", "fuzz", "run", target, "--", f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-rss_limit_mb=1024"]
    done = subprocess.run(command, cwd=HERE, env=ENVIRONMENT, capture_output=True, text=True, errors="replace")
    executions = [int(n) for n in re.findall(r"^#(\d+)\s", done.stderr, re.M)]
    edges = [int(n) for n in re.findall(r"cov: (\d+)", done.stderr)]
    failure = ""
    if done.returncode:
        said = re.search(r"panicked at.*\n.*|SUMMARY.*", done.stderr)
        failure = said.group(0) if said else done.stderr[-400:]
    return max(executions, default=0), max(edges, default=0), failure


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--seconds", type=int, default=60)
    wish = parser.parse_args()
    chosen = wish.targets or targets()
    build()
    share = max(1, wish.seconds * AT_ONCE // len(chosen))
    crashed = total = 0
    print(f"\n{'target':<16}{'executions':>12}{'of 1e8':>8}{'edges':>8}", flush=True)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for target, (executions, edges, failure) in zip(chosen, pool.map(lambda name: fuzz(name, share), chosen)):
            total += executions
            crashed += bool(failure)
            print(f"{target:<16}{executions:>12,}{executions / BAR:>8.1%}{edges:>8,}{'   CRASHED: ' + failure if failure else ''}", flush=True)
    print(f"{'all':<16}{total:>12,}\n{crashed} crashed" if crashed else f"{'all':<16}{total:>12,}\nno crash")
    sys.exit(1 if crashed else 0)


main()
