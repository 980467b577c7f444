"""docs/clients.md: which mail programs are driven through Gatepost, with the versions that are installed here.

It exists so that the page is printed, not written: `run.py --matrix >docs/clients.md`, and `docs/tables.py` behind it. It refuses to say what no test does.
"""

import re
import subprocess

from lab import PROTOCOLS

from .table import CLIENTS, IMAP, POP3, THUNDERBIRD

PAGE = """\
# Mail programs that are tried with every change

[日本語](ja/clients.md)

<!-- printed by `python3 tests/real/run.py --matrix` -->

Each row is driven by `make real` through Gatepost with a plain password, against Dovecot and Postfix with a certified
OAuth server, and, save Thunderbird, against the sandbox that behaves like Exchange Online. No program is taken at its
word: what it sent, stored, flagged, moved and deleted is looked up behind it, byte for byte where the program itself
changes nothing.

- SMTP: a message with an attachment of 1 MB and a subject in UTF-8.
- IMAP, all: list, search, fetch, create, append, flag, move, delete, and being woken up while idle; a megabyte each way.
- POP3, all: stat, uidl, top, retr, dele.
- Logins: `user` is LOGIN or USER and PASS; `-ir` comes with an initial response where both ways exist. Each is tried.
- TLS: each kind is tried, and also with a certificate of an authority that the program does not know: it must hold its
  password back. "Unread" are those that take any certificate.

<!-- table: begin -->
{matrix}

{count} programs and libraries. Spoken line by line besides: {dialogues}.
<!-- table: end -->

## What to know about some of them

| program | remark |
|---|---|
| msmtp | `auth on` refuses to sign on without TLS; say `auth plain` or `auth login` |
| mutt, neomutt | without TLS: `unset ssl_starttls` and `unset ssl_force_tls` |
| OfflineIMAP | without TLS: `starttls = no`. Behind STARTTLS it takes any certificate, and imaplib2 1.0 reads and writes the TLS object from two threads: it hangs or crashes at times. Use `ssl = yes` |
| fetchmail | without TLS: `sslproto ""` |
| imapfilter | without TLS: `options.starttls = false` |
| PHP imap and others on c-client | without TLS: `/notls`. Its `/tls` is TLS 1.0 and nothing newer, which Gatepost does not speak: use `/ssl` |
| Go net/smtp (Grafana, Alertmanager) | signs on without TLS only at localhost: elsewhere the listener needs TLS |
| emailjs | behind STARTTLS it takes any certificate: better implicit TLS |
| node-imap | `autotls: "required"` uses STARTTLS only where the listener says `tls = "starttls-required"`; `"always"` always |
| sendEmail | a line that begins with two dots loses one |
| lettre, and others that look for 8BITMIME | with `provider = "custom"`, set `smtp-capabilities`: until Gatepost has seen the server, it promises nothing |
"""


def version(client):
    """The first number with a dot that its version command prints, or a date."""
    done = subprocess.run(["sh", "-c", client.version], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    found = re.search(r"\d+(\.\w+)+[-+~\w.]*|\b\d{8}\b", done.stdout + done.stderr)
    return found[0].rstrip(".") if found else "not installed"


def cell(work):
    if not work:
        return ""
    everything = " ".join(work.steps) in ("send", IMAP, POP3)
    steps = [] if everything and work.steps == ["send"] else ["all"] if everything else [step for step in work.steps if step != "wake"]
    logins = ", ".join(f"`{login}`" for login in work.logins)
    kinds = [kind if kind in work.verified else f"{kind} (unread)" for kind in work.tls]
    return "; ".join(part for part in (" ".join(steps), logins, f"TLS {', '.join(kinds)}" if kinds else "") if part)


def markdown(dialogues):
    """The page; `dialogues` are the names of the files in that folder."""
    lines = ["| program | version | in | SMTP | IMAP | POP3 |", "|---|---|---|---|---|---|"]
    for client in (THUNDERBIRD, *CLIENTS):
        cells = [cell(client.work.get(protocol)) for protocol in PROTOCOLS]
        lines.append(f"| {' | '.join([client.name, version(client), client.language, *cells])} |")
    return PAGE.format(matrix="\n".join(lines), count=len(CLIENTS) + 1, dialogues=", ".join(f"`{name}`" for name in dialogues))
