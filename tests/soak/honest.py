"""The honest client whose waits are measured while others misbehave.

It exists as a process of its own, so that what is measured is the daemon's delay and not that of the load's event loop. It
refuses to count a login that did not succeed.
"""

import asyncio
import statistics
import time
from dataclasses import dataclass

from client import login
from lab import PROTOCOLS


@dataclass(frozen=True)
class Waits:
    """Seconds from connecting to the answer of a good login, for each try."""

    each: tuple

    @property
    def worst(self):
        return max(self.each) * 1000

    def __str__(self):
        return f"median {statistics.median(self.each) * 1000:.1f}, most {self.worst:.1f} ms of {len(self.each)}"


def waits(endpoint, source, user, tries=20, pause=0.02):
    """Runs in a worker process."""

    async def run():
        each = []
        await (await login(endpoint, "imap", source, user)).quit()  # from now on the password is remembered
        for n in range(tries):
            began = time.monotonic()
            client = await login(endpoint, PROTOCOLS[n % 3], source, user)
            each.append(time.monotonic() - began)
            await client.quit()
            await asyncio.sleep(pause)
        return Waits(tuple(each))

    return asyncio.run(run())
