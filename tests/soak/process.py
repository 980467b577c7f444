"""Figures of a running process, from /proc.

It exists so that memory is measured in one way everywhere: what is resident, as the kernel counts it. It refuses to guess: a
process that is gone is an error.
"""

import asyncio
import contextlib
from pathlib import Path


def resident(pid):
    """KiB; summed over the mappings where that may be read, since the counter in `status` lags behind."""
    with contextlib.suppress(PermissionError):
        return _field(Path(f"/proc/{pid}/smaps_rollup"), "Rss:")
    return _field(Path(f"/proc/{pid}/status"), "VmRSS:")


def _field(path, name):
    return next(int(line.split()[1]) for line in path.read_text().splitlines() if line.startswith(name))


class Peak:
    """The most that a process had resident while the block ran."""

    def __init__(self, pid):
        self.pid = pid
        self.most = 0

    async def _watch(self):
        status = Path(f"/proc/{self.pid}/status")
        while True:
            self.most = max(self.most, _field(status, "VmRSS:"))
            await asyncio.sleep(0.01)

    async def __aenter__(self):
        self.task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError, StopIteration):
            await self.task


def slope(points):
    """Least squares: by how much y grows for each x."""
    n = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
