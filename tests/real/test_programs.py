"""Real mail programs in front of the daemon, each through a full task with a plain password.

It exists because programs differ in how they sign on, quote, pipeline and wait, and a relay meets them all. It refuses to take a
program's word: what it did is looked up in Dovecot's store, behind the daemon's back.
"""

import poplib
import re
import smtplib

import messages
from bench import RealTest
from clients.curl import Curl
from clients.fetchmail import Fetchmail
from clients.mbsync import Mbsync
from imaplib import IMAP4 as Imap
from clients.settings import Settings
from clients.swaks import Swaks
from clients.thunderbird import Thunderbird
from daemon import IMAP_PORT, POP3_PORT, SMTP_PORT
from lab.processes import wait_until
from messages import MEGABYTE, assert_arrived, assert_same


class ClientTest(RealTest):
    def setUp(self):
        super().setUp()
        self.address = self.bench.daemon.address
        folder = self.bench.folder / "clients" / self.id()
        folder.mkdir(parents=True)
        self.settings = Settings(self.address, SMTP_PORT, IMAP_PORT, POP3_PORT, self.user, self.password, folder)

    def mail(self, marker, recipient=None, size=MEGABYTE):
        return messages.with_attachment(self.user, recipient or self.user, marker, size)

    def file(self, name, content):
        path = self.settings.folder / name
        path.write_bytes(content)
        return path

    def put(self, *markers):
        """Delivers small messages through the daemon, and waits until they are there."""
        with smtplib.SMTP(self.address, SMTP_PORT, timeout=60) as smtp:
            smtp.login(self.user, self.password)
            for marker in markers:
                smtp.sendmail(self.user, [self.user], messages.ordinary(self.user, self.user, marker, f"{marker}\r\n.\r\n..\r\n"))
                self.dovecot.wait_stored(self.user, marker)

    def assert_stored(self, mailbox, *markers):
        """Exactly the messages with these markers are in a mailbox."""
        stored = self.dovecot.stored(self.user, mailbox)
        self.assertEqual(len(stored), len(markers), f"messages in {mailbox}")
        for marker in markers:
            self.assertTrue(any(marker.encode() in message for message in stored), f"{marker} in {mailbox}")


class CurlTest(ClientTest):
    def test_smtp(self):
        curl = Curl(self.settings)
        for number, options in enumerate(([], ["--login-options", "AUTH=LOGIN"], ["--login-options", "AUTH=PLAIN", "--sasl-ir"],
                                          ["--login-options", "AUTH=LOGIN", "--sasl-ir"])):
            with self.subTest(options):
                mail = self.mail(f"curl-{number}", self.other)
                curl.send(self.file("mail", mail), self.other, *options)
                assert_arrived(mail, self.dovecot.wait_stored(self.other, f"curl-{number}"))

    def test_imap(self):
        curl, mail = Curl(self.settings), self.mail("curl-imap")
        self.assertIn("INBOX", curl.imap(""))
        curl.imap_command("", "CREATE Work")
        self.assertIn("Work", curl.imap(""))
        curl.imap("Work", "--upload-file", self.file("mail", mail))
        assert_same(mail, self.dovecot.wait_stored(self.user, "curl-imap", "Work"))
        self.assertEqual(curl.search("Work", "SUBJECT curl-imap"), ["1"])
        self.assertEqual(curl.search("Work", "SUBJECT something-else"), [])
        curl.imap("Work;MAILINDEX=1", "--output", self.settings.folder / "fetched")
        assert_same(mail, (self.settings.folder / "fetched").read_bytes())
        self.assertIn(r"\Flagged", curl.imap_command("Work", r"STORE 1 +FLAGS (\Flagged)"))
        self.assertEqual(curl.search("Work", "FLAGGED"), ["1"])
        curl.imap_command("Work", "MOVE 1 Trash")
        self.assert_stored("Work")
        self.assert_stored("Trash", "curl-imap")
        curl.imap_command("Trash", r"STORE 1 +FLAGS (\Deleted)")
        curl.imap_command("Trash", "EXPUNGE")
        self.assert_stored("Trash")

    def test_imap_other_logins(self):
        curl = Curl(self.settings)
        for mechanism in ("AUTH=LOGIN", "AUTH=PLAIN"):
            with self.subTest(mechanism):
                self.assertIn("INBOX", curl.imap("", "--login-options", mechanism))

    def test_pop3(self):
        self.put("curl-one", "curl-two")
        curl = Curl(self.settings)
        self.assertRegex(curl.pop3_line("STAT"), r"\+OK 2 \d+")
        self.assertEqual(len(curl.pop3("").split("\n")), 3)
        first, second = (line.split()[1] for line in curl.pop3_command("UIDL").splitlines())
        self.assertNotEqual(first, second)
        self.assertIn("Subject: curl-one", curl.pop3_command("TOP 1 0"))
        curl.pop3("1", "--output", self.settings.folder / "fetched")
        assert_same(self.dovecot.wait_stored(self.user, "curl-one"), (self.settings.folder / "fetched").read_bytes())
        self.assertIn("+OK", curl.pop3_line("DELE 1"))
        self.assert_stored("INBOX", "curl-two")


class SwaksTest(ClientTest):
    def test_send(self):
        swaks, attachment = Swaks(self.settings), self.file("noise.bin", messages.noise(MEGABYTE))
        for mechanism in ("PLAIN", "LOGIN"):
            with self.subTest(mechanism):
                subject = f"{messages.SUBJECT} swaks-{mechanism}"
                dialogue = swaks.send(self.other, subject, "Körper\n.\n..\n", attachment, mechanism)
                self.assertRegex(dialogue, r"<~?\s*-?\s*235 ")
                stored = self.dovecot.wait_stored(self.other, f"swaks-{mechanism}")
                self.assertIn(f"Subject: {subject}\r\n".encode(), stored)
                self.assertIn("Körper\r\n.\r\n..\r\n".encode(), stored)
                assert_same(attachment.read_bytes(), messages.attachment(stored))

    def test_pipelining(self):
        attachment = self.file("small.bin", messages.noise(1000))
        Swaks(self.settings).send(self.other, "swaks-pipelined", "body", attachment, "PLAIN", "--pipeline")
        assert_same(attachment.read_bytes(), messages.attachment(self.dovecot.wait_stored(self.other, "swaks-pipelined")))


class MbsyncTest(ClientTest):
    def test_both_ways(self):
        self.both_ways("LOGIN")

    def test_both_ways_authenticate_plain(self):
        self.both_ways("PLAIN")

    def both_ways(self, mechanism):
        mbsync, here, there, work = Mbsync(self.settings, mechanism), "made-here", "made-there", "Work"
        self.put(there)
        mbsync.sync()
        (fetched,) = mbsync.messages("INBOX")
        self.assertIn(there.encode(), fetched.read_bytes())

        mail = self.mail(here)
        mbsync.add(work, mail)
        mbsync.flag(fetched, "FS")
        mbsync.sync()
        assert_same(mail, mbsync.without_mark(self.dovecot.wait_stored(self.user, here, work)))
        with Imap(self.address, IMAP_PORT, timeout=60) as imap:
            imap.login(self.user, self.password)
            imap.select("INBOX")
            self.assertEqual(imap.search(None, "FLAGGED SEEN")[1], [b"1"])

        for mailbox in ("INBOX", work):
            (file,) = mbsync.messages(mailbox)
            mbsync.flag(file, "T")
        mbsync.sync()
        self.assert_stored("INBOX")
        self.assert_stored(work)


class FetchmailTest(ClientTest):
    def test_imap(self):
        self.put("fetch-one", "fetch-two")
        fetchmail = Fetchmail(self.settings, "imap")
        fetchmail.fetch()
        for marker in (b"fetch-one", b"fetch-two"):
            self.assertIn(marker, fetchmail.received())
        self.assert_stored("INBOX")

    def test_pop3(self):
        self.put("fetch-one", "fetch-two")
        fetchmail = Fetchmail(self.settings, "pop3")
        fetchmail.fetch("keep")
        received = fetchmail.received()
        for marker in (b"fetch-one", b"fetch-two"):
            self.assertIn(marker, received)
        fetchmail.fetch("keep")
        self.assertEqual(received, fetchmail.received(), "UIDL tells what was fetched already")
        fetchmail.fetch("fetchall", "nokeep")
        self.assert_stored("INBOX")

    def test_idle_wakes_up(self):
        self.put("before-idle")
        fetchmail = Fetchmail(self.settings, "imap")
        with fetchmail.idling() as part:
            wait_until("the first message", lambda: b"before-idle" in fetchmail.received())
            wait_until("fetchmail to idle", lambda: re.search(r"IMAP> \S+ IDLE", part.said()))
            self.put("while-idle")
            wait_until("fetchmail to be woken up", lambda: b"while-idle" in fetchmail.received())


class PythonTest(ClientTest):
    def test_smtplib(self):
        with smtplib.SMTP(self.address, SMTP_PORT, timeout=60) as smtp:
            smtp.login(self.user, self.password)
            for number in range(3):
                mail = self.mail(f"smtplib-{number}", self.other)
                self.assertEqual(smtp.sendmail(self.user, [self.other], mail), {})
                assert_arrived(mail, self.dovecot.wait_stored(self.other, f"smtplib-{number}"))

    def test_smtplib_logins(self):
        for mechanism in ("auth_plain", "auth_login"):
            for initial_response in (True, False):
                with self.subTest(mechanism, initial_response=initial_response):
                    with smtplib.SMTP(self.address, SMTP_PORT, timeout=60) as smtp:
                        smtp.ehlo()
                        smtp.user, smtp.password = self.user, self.password
                        name = mechanism.removeprefix("auth_").upper()
                        code, _ = smtp.auth(name, getattr(smtp, mechanism), initial_response_ok=initial_response)
                        self.assertEqual(code, 235)
                        self.assertEqual(smtp.noop()[0], 250)

    def test_smtplib_is_refused_a_sender_of_others(self):
        with smtplib.SMTP(self.address, SMTP_PORT, timeout=60) as smtp:
            smtp.login(self.user, self.password)
            with self.assertRaises(smtplib.SMTPException):
                smtp.sendmail(self.other, [self.user], messages.ordinary(self.other, self.user, "not-mine"))
            smtp.sendmail(self.user, [self.user], messages.ordinary(self.user, self.user, "mine-after-all"))
        self.dovecot.wait_stored(self.user, "mine-after-all")
        self.assert_stored("INBOX", "mine-after-all")

    def test_smtplib_sees_what_upstream_refuses(self):
        mail = messages.ordinary(self.user, self.other, "refused-in-part")
        with smtplib.SMTP(self.address, SMTP_PORT, timeout=60) as smtp:
            smtp.login(self.user, self.password)
            refused = smtp.sendmail(self.user, ["nobody@lab.example", self.other, "later@lab.example"], mail)
            self.assertEqual({code for code, _ in refused.values()}, {550, 450})
            self.assertIn(b"no such person here", refused["nobody@lab.example"][1])
            self.assertIn(b"come back later", refused["later@lab.example"][1])
            with self.assertRaises(smtplib.SMTPRecipientsRefused):
                smtp.sendmail(self.user, ["nobody@lab.example"], mail)
            self.assertEqual(smtp.noop()[0], 250)
        assert_arrived(mail, self.dovecot.wait_stored(self.other, "refused-in-part"))

    def test_imaplib(self):
        mail = self.mail("imaplib")
        with Imap(self.address, IMAP_PORT, timeout=60) as imap:
            imap.login(self.user, self.password)
            self.assertIn(b"INBOX", b" ".join(imap.list()[1]))
            self.assertEqual(imap.create("Work/Deep")[0], "OK")
            self.assertEqual(imap.append("Work/Deep", r"(\Seen)", None, mail)[0], "OK")
            assert_same(mail, self.dovecot.wait_stored(self.user, "imaplib", "Work/Deep"))
            self.assertEqual(imap.select("Work/Deep")[1], [b"1"])
            imap.literal = "Grüße".encode()
            self.assertEqual(imap.uid("SEARCH", "CHARSET", "UTF-8", "SUBJECT")[1], [b"1"])
            assert_same(mail, imap.fetch("1", "(FLAGS BODY.PEEK[])")[1][0][1])
            self.assertIn(rb"\Flagged", imap.store("1", "+FLAGS", r"(\Flagged)")[1][0])
            self.assertEqual(imap.search(None, "FLAGGED")[1], [b"1"])
            self.assertEqual(imap.copy("1", "Sent")[0], "OK")
            self.assertIn(b"MOVE", imap.capability()[1][0].split())
            self.assertEqual(imap.xatom("MOVE", "1", "Trash")[0], "OK")
            self.assert_stored("Work/Deep")
            self.assert_stored("Sent", "imaplib")
            self.assertEqual(imap.select("Trash")[1], [b"1"])
            imap.store("1", "+FLAGS", r"(\Deleted)")
            self.assertEqual(imap.expunge()[1], [b"1"])
            self.assert_stored("Trash")
            imap.close()
            self.assertEqual(imap.delete("Work/Deep")[0], "OK")

    def test_imaplib_logins(self):
        answers = {"PLAIN": [f"\0{self.user}\0{self.password}"], "LOGIN": [self.user, self.password]}
        for mechanism, responses in answers.items():
            with self.subTest(mechanism), Imap(self.address, IMAP_PORT, timeout=60) as imap:
                left = iter(responses)
                self.assertEqual(imap.authenticate(mechanism, lambda _: next(left).encode())[0], "OK")
                self.assertEqual(imap.select("INBOX")[0], "OK")

    def test_imaplib_idle_wakes_up(self):
        with Imap(self.address, IMAP_PORT, timeout=60) as imap:
            imap.login(self.user, self.password)
            self.assertEqual(imap.select("INBOX")[1], [b"0"])
            with imap.idle_session() as next_line:
                self.put("wake-up")
                lines = []
                while not lines or b"EXISTS" not in lines[-1]:
                    lines.append(next_line())
                    self.assertTrue(lines[-1], "the connection ended while idle")
            self.assertIn(b"wake-up", imap.fetch("1", "(BODY[])")[1][0][1])

    def test_poplib(self):
        self.put("pop-one", "pop-two", "pop-three")
        for number in (1, 2):
            pop3 = poplib.POP3(self.address, POP3_PORT, timeout=60)
            self.assertIn("UIDL", pop3.capa())
            pop3.user(self.user)
            pop3.pass_(self.password)
            self.assertEqual(pop3.stat()[0], 3)
            self.assertEqual(len(set(pop3.uidl()[1])), 3)
            self.assertEqual(len(pop3.list()[1]), 3)
            # Dovecot numbers what came within one second in any order.
            which = {line: at for at in (1, 2, 3) for line in pop3.top(at, 0)[1] if line.startswith(b"Subject: ")}
            self.assertEqual(pop3.retr(which[b"Subject: pop-one"])[1][-3:], [b"pop-one", b".", b".."])
            pop3.dele(which[b"Subject: pop-two"])
            if number == 1:
                pop3.rset()
            pop3.quit()
        self.assert_stored("INBOX", "pop-one", "pop-three")


class ThunderbirdTest(ClientTest):
    """One Thunderbird for all steps: it takes seconds to start, and keeps connections and caches as it does for a user."""

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
        attachment = self.file("noise.bin", messages.noise(MEGABYTE))
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
        with Imap(self.address, IMAP_PORT, timeout=60) as imap:
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

