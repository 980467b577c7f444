"""What all parts share: the binary, a folder, worker processes, one floor, and the promise that everything ends.

It exists so that parts can wait for their deadlines side by side while only one at a time measures: that one has the floor. It
refuses to leave a process behind, whatever a part does.
"""

import asyncio
import contextlib
import multiprocessing
import random
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from gatepost import Gatepost

QUICK, DEFAULT, FULL = "quick", "default", "full"


@dataclass
class World:
    binary: object
    folder: object
    stack: contextlib.ExitStack
    scale: str
    seed: int
    open_files: int

    def __post_init__(self):
        self.began = time.monotonic()
        self.floor = asyncio.Lock()
        workers = ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("spawn"))
        self.stack.callback(workers.shutdown, cancel_futures=True)
        self.workers = workers

    def by_scale(self, quick, default, full=None):
        return {QUICK: quick, DEFAULT: default, FULL: default if full is None else full}[self.scale]

    def chance(self, name):
        """Chance that is the same again with the same seed."""
        return random.Random(f"{self.seed}-{name}")

    def say(self, part, text):
        print(f"{time.monotonic() - self.began:6.1f} s  {part}: {text}", flush=True)

    def part(self, part):
        """A process that ends with the run, if it has not ended before."""
        self.stack.callback(part.stop)
        return part

    @contextlib.asynccontextmanager
    async def configured(self, name, number, **options):
        """A daemon that does not run yet, with its provider, for one part."""
        gatepost = await asyncio.to_thread(Gatepost, self, name, number, **options)
        try:
            yield gatepost
        finally:
            await asyncio.to_thread(gatepost.stop)

    @contextlib.asynccontextmanager
    async def gatepost(self, name, number, **options):
        """A daemon that runs, with everybody signed in, for one part."""
        async with self.configured(name, number, **options) as gatepost:
            await gatepost.start()
            await gatepost.sign_in()
            yield gatepost

    async def work(self, function, *arguments):
        """Runs a function in a worker process."""
        return await asyncio.get_running_loop().run_in_executor(self.workers, function, *arguments)
