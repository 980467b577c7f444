"""Messages pass through unchanged: what Dovecot stored is compared, byte by byte, with what was sent.

It exists because a relay that takes dots off, adds a line end or breaks a long line corrupts mail without a sign. It refuses any
difference below the trace headers, on the way in over SMTP and on the way out over IMAP and POP3.
"""

import smtplib

import messages
from bench import RealTest
from messages import MEGABYTE, assert_arrived, assert_same

DOTS = (
    ".\r\n..\r\n...\r\n.leading\r\n..leading twice\r\nin.side\r\n\r\n.\r\n\r\n. \r\n.\t\r\n"
    "a line that ends with a dot.\r\nQUIT\r\n.QUIT\r\nDATA\r\n"
)


class Messages(RealTest):
    def setUp(self):
        super().setUp()
        self.assertIsNotNone(self.bench.daemon)

    def send(self, *mails):
        """Sends through the daemon with the plain password, all in one session."""
        with self.smtp() as smtp:
            smtp.login(self.user, self.password)
            for mail in mails:
                self.assertEqual(smtp.sendmail(self.user, [self.user], mail), {})

    def assert_passes(self, mail, marker):
        self.send(mail)
        stored = self.dovecot.wait_stored(self.user, marker, seconds=60)
        assert_arrived(mail, stored)
        return stored

    def raw(self, subject, body, **headers):
        return messages.raw(self.user, self.user, subject, body, **headers)

    def test_attachment_of_1_mb_and_utf8_headers(self):
        mail = messages.with_attachment(self.user, self.user, "attachment-1mb")
        stored = self.assert_passes(mail, "attachment-1mb")
        assert_same(messages.noise(MEGABYTE), messages.attachment(stored))
        self.assertIn(messages.SUBJECT, messages.subject(stored))

    def test_headers_in_plain_utf8(self):
        mail = self.raw(f"plain-utf8 {messages.SUBJECT}", "Körper: äöü 日本語\r\n".encode())
        self.assert_passes(mail, "plain-utf8")

    def test_long_folded_headers_and_long_lines(self):
        folded = b"References:" + b"".join(b"\r\n <%d@references.example>" % number for number in range(300)) + b"\r\n"
        mail = self.raw("long-lines", b"x" * 5000 + b"\r\n." + b"y" * 20000 + b"\r\n", headers=folded)
        self.assert_passes(mail, "long-lines")

    def test_other_charsets(self):
        lines = "件名は日本語です".encode("shift_jis"), "日本語".encode("iso-2022-jp"), bytes(range(128, 256))
        body = b"".join(line + b"\r\n" for line in lines)
        headers = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=shift_jis\r\nContent-Transfer-Encoding: 8bit\r\n"
        self.assert_passes(self.raw("charsets", body, headers=headers), "charsets")

    def test_lines_beginning_with_dots(self):
        self.assert_passes(self.raw("dots-inside", DOTS.encode()), "dots-inside")

    def test_only_a_dot(self):
        self.assert_passes(self.raw("dot-only", b".\r\n"), "dot-only")

    def test_last_line_is_a_dot(self):
        self.assert_passes(self.raw("dot-last", b"text\r\n\r\n.\r\n"), "dot-last")

    def test_empty_body(self):
        self.assert_passes(self.raw("empty-body", b""), "empty-body")

    def test_30_mb(self):
        mail = messages.with_attachment(self.user, self.user, "thirty-mb", size=22 * MEGABYTE)  # base64 makes 30 of 22
        self.assertGreater(len(mail), 30_000_000)
        stored = self.assert_passes(mail, "thirty-mb")
        with self.imap() as imap:
            imap.login(self.user, self.password)
            imap.select("INBOX", readonly=True)
            assert_same(stored, imap.fetch("1", "(BODY[])")[1][0][1])

    def test_many_in_one_session(self):
        mails = [self.raw(f"session-{number:02}", DOTS.encode() * number) for number in range(20)]
        self.send(*mails)
        for number, mail in enumerate(mails):
            assert_arrived(mail, self.dovecot.wait_stored(self.user, f"session-{number:02}"))

    def test_reading_changes_nothing(self):
        sent = [self.raw("read-dots", DOTS.encode()), self.raw("read-empty", b""),
                messages.with_attachment(self.user, self.user, "read-attachment")]
        self.send(*sent)
        stored = [self.dovecot.wait_stored(self.user, marker) for marker in ("read-dots", "read-empty", "read-attachment")]

        with self.imap() as imap:
            imap.login(self.user, self.password)
            imap.select("INBOX", readonly=True)
            self.assert_all_same(stored, [part[1] for part in imap.fetch("1:*", "(BODY[])")[1] if isinstance(part, tuple)])

        pop3 = self.pop3()
        pop3.user(self.user)
        pop3.pass_(self.password)
        self.assert_all_same(stored, [b"".join(line + b"\r\n" for line in pop3.retr(number)[1]) for number in (1, 2, 3)])
        pop3.quit()

    def assert_all_same(self, some, others):
        self.assertEqual(len(some), len(others))
        for one, other in zip(sorted(some), sorted(others)):
            assert_same(one, other)

    def test_a_search_for_utf8_in_a_literal(self):
        self.assert_passes(messages.with_attachment(self.user, self.user, "literal", size=1000), "literal")
        with self.imap() as imap:
            imap.login(self.user, self.password)
            imap.select("INBOX", readonly=True)
            imap.literal = "Grüße".encode()
            self.assertEqual(len(imap.uid("SEARCH", "CHARSET", "UTF-8", "SUBJECT")[1][0].split()), 1)

    def test_append_through_imap(self):
        mail = messages.with_attachment(self.user, self.user, "appended")
        with self.imap() as imap:
            imap.login(self.user, self.password)
            self.assertEqual(imap.append("Drafts", r"(\Draft)", None, mail)[0], "OK")
        assert_same(mail, self.dovecot.wait_stored(self.user, "appended", mailbox="Drafts"))

    def test_a_sender_of_others_is_refused_and_the_session_goes_on(self):
        with self.smtp() as smtp:
            smtp.login(self.user, self.password)
            with self.assertRaises(smtplib.SMTPException):
                smtp.sendmail(self.other, [self.user], messages.ordinary(self.other, self.user, "not-mine"))
            smtp.sendmail(self.user, [self.user], messages.ordinary(self.user, self.user, "mine-after-all"))
        self.dovecot.wait_stored(self.user, "mine-after-all")
        self.assertEqual(len(self.dovecot.stored(self.user)), 1)

    def test_what_upstream_refuses_is_told_one_by_one(self):
        mail = messages.ordinary(self.user, self.other, "refused-in-part")
        with self.smtp() as smtp:
            smtp.login(self.user, self.password)
            refused = smtp.sendmail(self.user, ["nobody@lab.example", self.other, "later@lab.example"], mail)
            self.assertEqual({code for code, _ in refused.values()}, {550, 450})
            self.assertIn(b"no such person here", refused["nobody@lab.example"][1])
            self.assertIn(b"come back later", refused["later@lab.example"][1])
            with self.assertRaises(smtplib.SMTPRecipientsRefused):
                smtp.sendmail(self.user, ["nobody@lab.example"], mail)
            self.assertEqual(smtp.noop()[0], 250)
        assert_arrived(mail, self.dovecot.wait_stored(self.other, "refused-in-part"))
