#!/usr/bin/env python3
"""Makes the recordings of the demo in docs: python3 tests/real/recording.py target/debug/gatepost

It exists so that a picture of a terminal shows what the demo says, shortened by one rule, and a test tells when it says something
else (test_demo.py). It refuses to show a line that the demo did not say.
"""

import re
import subprocess
import sys
from html import escape
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
RECORDINGS = {"en": DOCS / "demo.svg", "ja": DOCS / "demo-ja.svg"}
LABELS = {
    "en": "The demo of Gatepost in a terminal: a password in, XOAUTH2 out, for SMTP, IMAP and POP3",
    "ja": "ターミナルでの Gatepost デモ：入力はパスワード、出力は XOAUTH2（SMTP、IMAP、POP3）",
}
# Who signs on and how, and that mail flows.
KEPT = re.compile(
    r"C: (AUTH|DATA|STARTTLS|\[|a LOGIN|b SELECT|gpa |USER|PASS|STAT)"
    r"|S: (220|235|334|250 AUTH|250 2\.0\.0 OK <|a OK|\* 1 EXISTS|gpa OK|\+ *$|\+OK (Logged|1 |User))"
)
WIDTH, LINE, TOP = 963, 19, 54
# What goes into the width.
MOST = 109
HEADING, PLACE, CLIENT, SERVER, LEFT_OUT, PROMPT = "#ffd479", "#8fa3b8", "#9be59b", "#c8d3e0", "#6b7a8a", "#e6e6e6"


def said(binary, lang, folder):
    """All of the demo's lines."""
    command = [binary, "demo", "--once", "--lang", lang, "--port-base", "0"]
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=120, check=True)
    return done.stdout.splitlines()


def shortened(lines):
    """Each line with its colour; what is left out leaves an ellipsis between dialogue lines."""
    found = []
    begins = next(n for n, line in enumerate(lines) if line.startswith("1. "))
    for line in lines[begins:]:
        if re.match(r"     [CS]: ", line):
            if KEPT.match(line.strip()):
                found.append((CLIENT if line.strip().startswith("C:") else SERVER, line))
            elif found[-1][0] != LEFT_OUT and found[-1][0] in (CLIENT, SERVER):
                found.append((LEFT_OUT, "     …"))
        elif line.strip():
            if found and found[-1][0] == LEFT_OUT:
                found.pop()
            found.append((PLACE, re.split(r" {2,}(?=C: )", line)[0]) if line.startswith("   ") else (HEADING, line))
    return found


def drawn(lines, lang):
    """As an SVG."""
    shown, at = [], TOP
    for colour, line in [(PROMPT, "$ gatepost demo --once"), *shortened(lines)]:
        is_apart = colour == HEADING
        at += LINE if is_apart else 0
        bold = ' font-weight="bold"' if colour in (PROMPT, HEADING) else ""
        line = line if len(line) <= MOST else f"{line[:MOST - 1]}…"
        shown.append(f'<text x="18" y="{at}" fill="{colour}"{bold} xml:space="preserve">{escape(line, quote=False)}</text>')
        at += LINE
    height = at + 13
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-label="{LABELS[lang]}">',
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#1b2430"/>',
        '<circle cx="20" cy="18" r="6" fill="#ff5f57"/><circle cx="40" cy="18" r="6" fill="#febc2e"/><circle cx="60" cy="18" r="6" fill="#28c840"/>',
        "<g font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"14\">",
    )
    return "\n".join([*head, *shown, "</g>", "</svg>", ""])


def masked(text):
    """Without what is another one at each run: the name of the machine, and the time."""
    text = re.sub(r"(?<=220 )\S+(?= ESMTP Gatepost)", "HOST", text)
    return re.sub(r"\d+", "0", re.sub(r"(?<=ready at )\w{3}, \d+ \w{3}", "DAY", text))


def main(binary):
    """Writes them."""
    for lang, recording in RECORDINGS.items():
        recording.write_text(drawn(said(Path(binary).resolve(), lang, "/tmp"), lang))
        print(recording)


if __name__ == "__main__":
    main(*sys.argv[1:])
