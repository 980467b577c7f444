#!/usr/bin/env python3
"""Makes the pictures of the console in docs: python3 tests/real/pictures.py

Beside each is put what is to be read in it, by which a test tells that a picture is not of the console as it is now (test_demo.py).
It exists so that what both look at is staged once. It refuses to show anything but the demo.
"""

import contextlib
import imaplib
import re
import smtplib
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

from lab.chromium import Chromium
from lab.processes import Part, wait_until

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
LANGUAGES = {"en": "console", "ja": "console-ja"}
USER, PASSWORD = "ann@contoso.example", "demo"
MESSAGE = f"From: {USER}\r\nSubject: Backup finished\r\n\r\nwell\r\n"


def picture(name):
    return DOCS / f"{name}.png"


def text(name):
    return DOCS / "pictures" / f"{name}.txt"


def masked(seen):
    """Without what is another one each time: numbers, and the folder of the demo."""
    return re.sub(r"\d+", "0", re.sub(r"/\S*gatepost-demo-[0-9a-f]+", "DEMO", seen))


def place(demo, what):
    """Where the demo says that something is."""
    return re.search(rf"(?m)^ *{what} +(\S+)", demo.said())[1]


def sends(demo):
    """A session that sent a message, and goes on."""
    session = smtplib.SMTP(*place(demo, "smtp").split(":"), timeout=30)
    try:
        session.login(USER, PASSWORD)
        session.sendmail(USER, [USER], MESSAGE)
        return session
    except BaseException:
        session.close()
        raise


def reads(demo, password):
    """A session with its mailbox open."""
    session = imaplib.IMAP4(*place(demo, "imap").split(":"), timeout=30)
    try:
        session.login(USER, password)
        session.select()
        return session
    except BaseException:
        session.shutdown()
        raise


@contextlib.contextmanager
def staged(demo):
    """Two sessions that stay, a password that is wrong, and a mailbox that must not send any more."""
    with reads(demo, PASSWORD), sends(demo):
        with contextlib.suppress(imaplib.IMAP4.error):
            reads(demo, "wrong")
        fault = urllib.parse.urlencode({"name": "smtp-auth-disabled-mailbox"}).encode()
        urllib.request.urlopen(f"{place(demo, 'rehearse').rstrip(':')}sandbox/rehearse", fault, timeout=30).close()
        # Over the one connection that there was goes the session that stays.
        with contextlib.suppress(smtplib.SMTPAuthenticationError):
            sends(demo)
            raise AssertionError("a mailbox that must not send has sent")
        yield


def shown(demo, browser):
    """Of each language its name, what the overview of the staged demo shows to who reads it, and a picture of all of it."""
    with staged(demo):
        ticket = place(demo, "console")
        browser.on_a_desk()
        browser.prefer("light")
        browser.open(ticket)
        for language, name in LANGUAGES.items():
            def reads_two_sessions():
                browser.open(urllib.parse.urljoin(ticket, f"/?lang={language}"))
                return len(re.findall(r"(?m)^(?:imap|smtp)\t127\.0\.0\.1\t", browser.seen())) == 2

            wait_until("the two sessions that stay", reads_two_sessions, pause=0.2)
            yield name, browser.seen(), browser.whole()


def main():
    binary = Path(sys.argv[1] if len(sys.argv) > 1 else DOCS.parent / "target" / "debug" / "gatepost").resolve()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        demo = Part("gatepost demo", [binary, "demo"], Path(folder) / "demo.log")
        stack.callback(demo.stop)
        demo.wait_ready(lambda: "Ctrl-C ends the demo" in demo.said(), 60)
        browser = Chromium(Path(folder))
        stack.callback(browser.stop)
        for name, seen, image in shown(demo, browser):
            picture(name).write_bytes(image)
            text(name).write_text(f"{seen}\n")
            print(picture(name))


if __name__ == "__main__":
    main()
