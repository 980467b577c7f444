"""Thunderbird, without a window but otherwise whole, through a day of work with plain passwords.

It exists apart from the table of programs because one Thunderbird does everything in turn: it takes seconds to start, and keeps
connections and caches as it does for a user. It refuses to take its word: what it did is looked up in Dovecot's store.
"""

import messages
from bench import RealTest
from clients.settings import Settings
from clients.thunderbird import Thunderbird
from daemon import IMAP_PORT, POP3_PORT, SMTP_PORT
from lab.processes import wait_until
from messages import MEGABYTE, assert_same


class ThunderbirdTest(RealTest):
    def setUp(self):
        super().setUp()
        folder = self.bench.folder / "thunderbird"
        folder.mkdir()
        self.settings = Settings(self.bench.daemon.address, SMTP_PORT, IMAP_PORT, POP3_PORT, self.user, self.password, folder)

    def put(self, marker):
        self.dovecot.deliver(self.user, messages.ordinary(self.user, self.user, marker, f"{marker}\r\n.\r\n..\r\n"))

    def assert_stored(self, mailbox, *markers):
        """Exactly the messages with these markers are in a mailbox."""
        stored = self.dovecot.stored(self.user, mailbox)
        self.assertEqual(len(stored), len(markers), f"messages in {mailbox}")
        for marker in markers:
            self.assertTrue(any(marker.encode() in message for message in stored), f"{marker} in {mailbox}")

    def test_a_day_with_thunderbird(self):
        thunderbird = Thunderbird(self.settings)
        self.ends_with_this_test(thunderbird)
        thunderbird.connect()
        self.sends(thunderbird)
        self.works_with_mailboxes(thunderbird)
        self.is_woken_up(thunderbird)
        self.fetches_by_pop3(thunderbird)

    def sends(self, thunderbird):
        names = thunderbird.call("folders")
        self.assertTrue({"Drafts", "Sent", "Trash"} < set(names), names)
        attachment = self.settings.folder / "noise.bin"
        attachment.write_bytes(messages.noise(MEGABYTE))
        body = "Körper\r\n.\r\n..\r\n日本語\r\n"
        thunderbird.call("send", self.other, f"{messages.SUBJECT} tb-sent", body, str(attachment))
        (stored,) = [wait_until("the message", lambda: self.dovecot.stored(self.other))[0]]
        self.assertEqual(messages.subject(stored), f"{messages.SUBJECT} tb-sent")
        assert_same(attachment.read_bytes(), messages.attachment(stored))
        copy = wait_until("the copy in Sent", lambda: self.dovecot.stored(self.user, "Sent"))[0]
        assert_same(attachment.read_bytes(), messages.attachment(copy))
        self.assertTrue(stored.endswith(copy.partition(b"\r\n\r\n")[2]), "what was sent and its copy have the same body")

    def works_with_mailboxes(self, thunderbird):
        self.put("tb-work")
        self.assertEqual(thunderbird.call("refresh", "INBOX", 1), ["tb-work"])
        self.assertEqual(thunderbird.call("search", "INBOX", "tb-work"), ["tb-work"])
        self.assertEqual(thunderbird.call("search", "INBOX", "something else"), [])
        assert_same(self.dovecot.stored(self.user)[0], thunderbird.fetch("INBOX", "tb-work"))
        thunderbird.call("star", "INBOX", "tb-work")
        with self.imap() as imap:
            imap.login(self.user, self.password)
            imap.select("INBOX", readonly=True)
            wait_until("the star", lambda: imap.search(None, "FLAGGED")[1] == [b"1"])
        thunderbird.call("createFolder", "Work")
        thunderbird.call("move", "INBOX", "Work", "tb-work")
        self.assert_stored("INBOX")
        self.assert_stored("Work", "tb-work")
        self.assertEqual(thunderbird.call("refresh", "Work", 1), ["tb-work"])
        thunderbird.call("remove", "Work", "tb-work")
        self.assert_stored("Work")

    def is_woken_up(self, thunderbird):
        self.assertEqual(thunderbird.call("refresh", "INBOX", 0), [])
        self.put("tb-wake-up")
        thunderbird.call("waitFor", "INBOX", "tb-wake-up")

    def fetches_by_pop3(self, thunderbird):
        self.put("tb-pop3")
        self.assertEqual(set(thunderbird.call("fetchPop3")), {"tb-wake-up", "tb-pop3"})
        self.assert_stored("INBOX")

