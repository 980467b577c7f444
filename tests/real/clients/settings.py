"""What a mail program is told about the daemon, and a folder of its own for its configuration.

It exists so that every client module takes the same few facts. It refuses to hold more than a user of an old mail program has.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    address: str
    smtp: int
    imap: int
    pop3: int
    user: str
    password: str
    folder: Path
