"""A disk that loses power: a folder as it may be afterwards, from what is sure to be on it.

It exists for the promise of a 250. `ledger.c` notes what is sure while programs run; here the folder is made anew from that. It
refuses to be kind: what nobody synced is gone, or, where chance decides, there in part, page by page and name by name.
"""

import os
import shutil
from pathlib import Path

from lab.processes import run

PAGE = 4096  # a disk writes no half ones


class Disk:
    """`folder`: which loses power, and is there; `aside`: a new one on the same disk, for the ledger."""

    def __init__(self, folder, aside):
        self.folder = folder
        self.ledger = aside / "ledger"
        aside.mkdir()
        shim = aside / "ledger.so"
        run("gcc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", shim, Path(__file__).with_name("ledger.c"), "-ldl")
        self.environment = {"LD_PRELOAD": str(shim), "POWER_LEDGER": str(self.ledger)}
        self._all_is_sure()

    def _all_is_sure(self):
        shutil.rmtree(self.ledger, ignore_errors=True)
        (self.ledger / "held").mkdir(parents=True)
        for path in (self.folder, *self.folder.rglob("*")):
            note = self.ledger / str(path.stat().st_ino)
            if path.is_dir():
                note.with_suffix(".dir").write_text("".join(f"{inode} {name}\n" for name, inode in names(path).items()))
            elif path.is_file():
                shutil.copy(path, note.with_suffix(".file"))

    def loses_power(self, chance=None):
        """Nothing writes to it any more. Without `chance` it has only what is sure, else for each page and name that or what the
        programs saw.
        """
        seen = {path.stat().st_ino: path for path in (*self.folder.rglob("*"), *(self.ledger / "held").iterdir())}
        root = self.folder.stat().st_ino
        seen[root] = self.folder
        anew = self.folder.with_name(self.folder.name + ".anew")
        self._make(anew, root, seen, chance)
        shutil.rmtree(self.folder)
        anew.rename(self.folder)
        self._all_is_sure()

    def _make(self, path, inode, seen, chance):
        here = seen.get(inode)
        if (here and here.is_dir()) or self._note(inode, "dir").exists():
            path.mkdir(mode=0o700)
            for name, inner in self._names(inode, here, chance).items():
                self._make(path / name, inner, seen, chance)
            return
        note = self._note(inode, "file")
        sure = note.read_bytes() if note.exists() else b""
        path.write_bytes(torn(sure, here.read_bytes(), chance) if chance and here else sure)
        path.chmod(0o600)

    def _names(self, inode, here, chance):
        note = self._note(inode, "dir")
        sure = {}
        for line in note.read_text().splitlines() if note.exists() else ():
            number, _, name = line.partition(" ")
            sure[name] = int(number)
        if not chance or not here:
            return sure
        now = names(here)
        chosen = {name: chance.choice((sure, now)).get(name) for name in sorted({*sure, *now})}
        return {name: inode for name, inode in chosen.items() if inode}

    def _note(self, inode, kind):
        return self.ledger / f"{inode}.{kind}"


def names(folder):
    return {entry.name: entry.inode() for entry in os.scandir(folder) if entry.is_dir() or entry.is_file()}


def torn(sure, now, chance):
    """For each page one of the two, and the length of one of them."""
    length = len(chance.choice((sure, now)))
    pages = [chance.choice((sure, now))[at : at + PAGE].ljust(PAGE, b"\0") for at in range(0, length, PAGE)]
    return b"".join(pages)[:length]
