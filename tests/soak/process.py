"""Figures of a running process, from /proc.

It exists so that memory is measured in one way everywhere: what is resident, as the kernel counts it. It refuses to guess: a
process that is gone, or that this user may not look into, is an error.
"""

import asyncio
import time
from pathlib import Path


def resident(pid):
    """KiB, summed over the mappings: the counter in `status` lags behind."""
    return _kilobytes(pid, "smaps_rollup", "Rss:")


def own(pid):
    """KiB of these that no file stands behind: code that runs for the first time is no growth."""
    return _kilobytes(pid, "smaps_rollup", "Anonymous:")


async def settled(pid, seconds=10):
    """What is resident as soon as two looks in a row agree."""
    until, last = time.monotonic() + seconds, None
    while (now := resident(pid)) != last and time.monotonic() < until:
        last = now
        await asyncio.sleep(0.2)
    return now


def _kilobytes(pid, file, name):
    lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


class Peak:
    """The most that a process had resident while the block ran."""

    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")  # proc(5): the peak begins anew
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.most = _kilobytes(self.pid, "status", "VmHWM:")


def slope(points):
    """Least squares: by how much y grows for each x."""
    n = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
