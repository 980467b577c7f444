#!/usr/bin/env python3
"""Soaks Gatepost: silent and slow clients, guessing, churn, token storms, kill -9, bursts, garbage; prints the figures as a table.

    python3 tests/soak/run.py [--quick | --full] [-k PART] [--seed N] [--bin FILE] [--write docs/hardening.md] [--keep]

The daemon is --bin, $GATEPOST_BIN, or target/release/gatepost. It needs Linux, openssl, and root, to whom alone the daemon
shows its memory; about 10 minutes, --quick two. Exit code 1 if a bar is missed. Everything it started is ended, also after
Ctrl-C.
"""

import argparse
import asyncio
import contextlib
import os
import platform
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "real")]  # `lab` of the real parts: processes and certificates

from burst import burst  # noqa: E402
from churn import churn  # noqa: E402
from figures import holds, table, write  # noqa: E402
from garbage import garbage  # noqa: E402
from guesses import guesses, loopback, timing  # noqa: E402
from kills import between, fresh, moments  # noqa: E402
from queued import deaf, queued  # noqa: E402
from silent import full, silent, slow  # noqa: E402
from tokens import mix, storm  # noqa: E402
from world import DEFAULT, FULL, QUICK, World  # noqa: E402

PARTS = (moments, between, fresh, queued, deaf, burst, silent, slow, full, guesses, loopback, timing, storm, churn, mix, garbage)  # as in the table
WAITING_FIRST = (burst, deaf, guesses, loopback, storm, silent, slow)  # their deadlines run while others have the floor


def raise_open_files():
    """As far as this user may; the daemons inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # only root may lift the hard limit, and not everywhere
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(hard, 65_536), max(hard, 65_536)))
        return max(hard, 65_536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def machine(world):
    """What the figures were measured on."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    kernel = ".".join(platform.release().split(".")[:2])
    version = subprocess.run([world.binary, "--version"], capture_output=True, text=True).stdout.strip()
    return (
        f"{version}, {os.cpu_count()} x {cpu}, {memory:.0f} GiB, Linux {kernel}, {time.strftime('%Y-%m-%d')}; "
        f"{world.scale} run, seed {world.seed}, load {os.getloadavg()[0]:.1f} before it."
    )


async def figures_of(world, part):
    """A part that breaks is a missed bar with its reason, and the others go on."""
    try:
        return await part(world)
    except Exception as broken:
        world.say(part.__name__, "broke off\n" + traceback.format_exc())
        return [
            holds(
                part.__name__,
                f"broke off: {str(broken).partition(chr(10))[0] or type(broken).__name__}",
                "runs to its end",
                False,
            )
        ]


async def soak(world, parts):
    tasks = {}
    for part in sorted(parts, key=lambda part: part not in WAITING_FIRST):  # stable: else in the order of the table
        tasks[part] = asyncio.create_task(figures_of(world, part))
        await asyncio.sleep(0)
    return [figure for part in parts for figure in await tasks[part]]


def options():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--quick", dest="scale", action="store_const", const=QUICK, default=DEFAULT, help="about two minutes, smaller numbers"
    )
    size.add_argument(
        "--full", dest="scale", action="store_const", const=FULL, help="as near to the moonshots as this machine allows"
    )
    parser.add_argument(
        "-k",
        dest="pattern",
        default="",
        metavar="PART",
        help=f"only parts with this in their name: {', '.join(p.__name__ for p in PARTS)}",
    )
    parser.add_argument("--seed", type=int, default=20, help="of everything that goes by chance")
    parser.add_argument(
        "--bin", type=Path, default=os.environ.get("GATEPOST_BIN") or HERE.parent.parent / "target/release/gatepost"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this page")
    parser.add_argument("--keep", action="store_true", help="keep the folder with all logs")
    return parser.parse_args()


async def main(wanted, stack):
    if os.geteuid():
        sys.exit("root is needed: the daemon shows its memory to nobody else")
    folder = Path(tempfile.mkdtemp(prefix="gatepost-soak-"))
    if wanted.keep:
        stack.callback(print, f"kept: {folder}")
    else:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
    world = World(Path(wanted.bin).resolve(), folder, stack, wanted.scale, wanted.seed, raise_open_files())
    if not world.binary.exists():
        sys.exit(f"there is no daemon at {world.binary}: build it first, or name it with --bin or in GATEPOST_BIN")
    where = machine(world)
    print(where, flush=True)
    if os.getloadavg()[0] > os.cpu_count():
        print('this machine is busy with other work: compare each wait with the one "alone" beside it', flush=True)
    figures = await soak(world, [part for part in PARTS if wanted.pattern in part.__name__])
    print(f"\n{table(figures)}\n")
    if wanted.write:
        write(wanted.write, where, figures)
    missed = [figure for figure in figures if not figure.reached]
    for figure in missed:
        print(f"missed: {figure.measure}: {figure.value}, the bar is {figure.bar}")
    print(f"{len(figures) - len(missed)} of {len(figures)} bars reached in {time.monotonic() - world.began:.0f} s", flush=True)
    return 1 if missed or not figures else 0


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell started this in the background
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.ExitStack() as everything:
        code = asyncio.run(main(options(), everything))
    sys.exit(code)
