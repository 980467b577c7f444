"""The listeners themselves: every kind of TLS as a client meets it, and many sessions at once.

It exists for what no single mail program shows. It refuses to test a program: that is done in test_clients.
"""

import imaplib
import poplib
import smtplib
import ssl
import threading

import messages
from bench import RealTest
from daemon import PORTS
from lab.lab import USERS
from messages import assert_arrived, assert_same

SESSIONS = 24


class ListenerTest(RealTest):
    def setUp(self):
        super().setUp()
        self.assertIsNotNone(self.bench.daemon)

    def sign_on_everywhere(self, tls, wrapped):
        with self.smtp(tls, wrapped) as smtp:
            smtp.login(self.user, self.password)
        with self.imap(tls, wrapped) as imap:
            imap.login(self.user, self.password)
        pop3 = self.pop3(tls, wrapped)
        pop3.user(self.user)
        pop3.pass_(self.password)
        pop3.quit()

    def test_plain_shows_no_starttls(self):
        with self.smtp("off") as smtp:
            smtp.ehlo()
            self.assertFalse(smtp.has_extn("starttls"))
        with self.imap("off") as imap:
            self.assertNotIn("STARTTLS", imap.capabilities)
        pop3 = self.pop3("off")
        self.assertNotIn("STLS", pop3.capa())
        pop3.quit()

    def test_auto_takes_both_on_one_port(self):
        for wrapped in (False, True):
            with self.subTest(tls=wrapped):
                self.sign_on_everywhere("auto", wrapped)

    def test_starttls_leaves_the_choice(self):
        self.sign_on_everywhere("starttls", wrapped=False)

    def test_starttls_required_takes_no_password_before_tls(self):
        with self.smtp("starttls-required") as smtp:
            smtp.ehlo()
            self.assertFalse(smtp.has_extn("auth"))
            code, _ = smtp.docmd("AUTH", "PLAIN " + smtplib.encode_base64(f"\0{self.user}\0{self.password}".encode(), eol=""))
            self.assertIn(code, (530, 538))
            smtp.starttls(context=self.trust)
            smtp.login(self.user, self.password)
        with self.imap("starttls-required") as imap:
            self.assertIn("LOGINDISABLED", imap.capabilities)
            with self.assertRaises(imaplib.IMAP4.error):
                imap.login(self.user, self.password)
            imap.starttls(self.trust)
            imap.login(self.user, self.password)
        pop3 = self.pop3("starttls-required")
        self.assertNotIn("USER", pop3.capa())
        with self.assertRaises(poplib.error_proto):
            pop3.user(self.user)
            pop3.pass_(self.password)
        pop3.stls(self.trust)
        pop3.user(self.user)
        pop3.pass_(self.password)
        pop3.quit()

    def test_the_certificate_is_the_configured_one(self):
        stranger = ssl.create_default_context()  # trusts the world, and not this run
        stranger.load_default_certs()
        for tls, wrapped in (("implicit", True), ("auto", True)):
            with self.subTest(tls), self.assertRaises(ssl.SSLCertVerificationError):
                smtplib.SMTP_SSL(self.lab.address, PORTS[tls]["smtp"], timeout=30, context=stranger)
        with self.smtp("starttls") as smtp, self.assertRaises(ssl.SSLCertVerificationError):
            smtp.starttls(context=stranger)

    def test_24_sessions_at_once(self):
        """All are signed on before the first goes on, and each moves a megabyte."""
        front = self.bench.front("dovecot")
        waiting = {}
        for user in USERS:
            front.mailboxes.empty(user)
            waiting[user] = messages.with_attachment(user, user, f"waiting-{user}")
            front.mailboxes.deliver(user, waiting[user], "Drafts")
            front.mailboxes.deliver(user, waiting[user])
        together = threading.Barrier(SESSIONS, timeout=60)
        problems = []

        def session(number):
            user, marker = USERS[number % len(USERS)], f"session-{number:02}"
            mail = messages.with_attachment(user, user, marker)
            try:
                [self.sends, self.appends, self.takes][number // len(USERS) % 3](together, user, mail, marker, waiting[user])
            except Exception as problem:
                together.abort()
                problems.append(f"{marker} of {user}: {problem!r}")

        threads = [threading.Thread(target=session, args=(number,)) for number in range(SESSIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])

    def sends(self, together, user, mail, marker, _):
        with self.smtp("off") as smtp:
            smtp.login(user, self.password)
            together.wait()
            self.assertEqual(smtp.sendmail(user, [user], mail), {})
        assert_arrived(mail, self.dovecot.wait_stored(user, marker, seconds=60))

    def appends(self, together, user, mail, marker, waiting):
        with self.imap("off") as imap:
            imap.login(user, self.password)
            imap.select("Drafts")
            together.wait()
            self.assertEqual(imap.append("Sent", None, None, mail)[0], "OK")
            assert_same(waiting, imap.fetch("1", "(BODY.PEEK[])")[1][0][1])
        assert_same(mail, self.dovecot.wait_stored(user, marker, "Sent"))

    def takes(self, together, user, mail, marker, waiting):
        pop3 = self.pop3("off")
        pop3.user(user)
        pop3.pass_(self.password)
        together.wait()
        assert_same(waiting, b"".join(line + b"\r\n" for line in pop3.retr(1)[1]))
        pop3.quit()
