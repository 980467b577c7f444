"""The table of the mail programs as Markdown, with the versions that are installed here.

It exists so that docs/clients.md and closing notes are printed, not written. It refuses to say what was not tried.
"""

import re
import subprocess

from .table import CLIENTS, THUNDERBIRD

PROTOCOLS = ("smtp", "imap", "pop3")


def version(client):
    """The first number with a dot that its version command prints."""
    done = subprocess.run(["sh", "-c", client.version], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    found = re.search(r"\d+(\.\w+)+\S*|\d{6,}", done.stdout + done.stderr)
    return found[0].rstrip(",;)") if found else "not installed"


def cell(work):
    if not work:
        return ""
    kinds = [kind if kind in work.verified else f"{kind} (certificate unread)" for kind in work.tls]
    steps = [step for step in work.steps if step != "wake"]
    ways = ", ".join(work.logins) + (f"; TLS {', '.join(kinds)}" if kinds else "")
    return f"{' '.join(steps)} ({ways})"


def markdown():
    lines = ["| program | version | language | SMTP | IMAP | POP3 |", "|---|---|---|---|---|---|"]
    for client in (THUNDERBIRD, *CLIENTS):
        cells = [cell(client.work.get(protocol)) for protocol in PROTOCOLS]
        lines.append(f"| {' | '.join([client.name, version(client), client.language, *cells])} |")
    return "\n".join(lines)
