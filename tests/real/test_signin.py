"""Real sign-ins: `gatepost login` on one side, a person with a browser at a certified OAuth server on the other.

It exists to show that each way of signing in ends in mail that can be read with a plain password, and that it is safe: PKCE, and
a state that is checked. It refuses tokens that came by any other way.
"""

import imaplib
import poplib
import smtplib
import urllib.error
import urllib.parse
import urllib.request

from bench import RealTest
from lab.lab import ALICE, BOB, CAROL, DAVE, ERIN, FRANK, GRACE


class SignIn(RealTest):
    def signed_on(self, account):
        """An IMAP session, signed on with the plain password."""
        imap = self.imap()
        try:
            imap.login(account, self.password)
        except BaseException:
            imap.shutdown()
            raise
        return imap

    def assert_reads_mail(self, account):
        with self.signed_on(account) as imap:
            self.assertEqual(imap.select("INBOX")[0], "OK")

    def assert_smtp_signs_on(self, account):
        with self.smtp() as smtp:
            smtp.login(account, self.password)

    def assert_pop3_signs_on(self, account):
        pop3 = self.pop3()
        try:
            pop3.user(account)
            pop3.pass_(self.password)
            pop3.quit()
        finally:
            pop3.close()

    def start(self, account, flow):
        """`gatepost login`, running."""
        login = self.bench.fresh_daemon.login(self.authserver.url, account, flow)
        self.ends_with_this_test(login.part)
        return login

    def authorize_question(self, login):
        """What the authorize URL asks for, and where it wants the browser sent back to."""
        url = login.authorize_url()
        question = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        self.assertEqual(question["response_type"], "code")
        self.assertEqual(question["code_challenge_method"], "S256")
        self.assertEqual(len(question["code_challenge"]), 43, "SHA-256 in base64url")
        self.assertGreaterEqual(len(question["state"]), 16, "a state that cannot be guessed")
        return url, question

    def codes_redeemed(self):
        return [request["params"].get("code") for request in self.authserver.requests("token")]

    def assert_pkce_seen(self, question):
        """The OAuth server saw the challenge at the one end and its verifier at the other."""
        challenges = [request["params"].get("code_challenge") for request in self.authserver.requests("authorization")]
        self.assertIn(question["code_challenge"], challenges)
        redeemed = self.authserver.requests("token")[-1]
        self.assertEqual((redeemed["params"]["grant_type"], redeemed["status"]), ("authorization_code", 200))
        self.assertGreaterEqual(len(redeemed["params"]["code_verifier"]), 43)

    def test_before_sign_in_every_protocol_says_what_to_do(self):
        self.assertIsNotNone(self.bench.fresh_daemon)
        with self.assertRaisesRegex(imaplib.IMAP4.error, r"\[CONTACTADMIN\].*open http://127\.\S+:8425 or run: gatepost --config \S+ login"):
            self.signed_on(DAVE)
        with self.assertRaises(smtplib.SMTPAuthenticationError) as refused:
            self.assert_smtp_signs_on(DAVE)
        self.assertRegex(f"{refused.exception.smtp_code} {refused.exception.smtp_error}", r"^535 .*5\.7\.0")
        with self.assertRaisesRegex(poplib.error_proto, r"\[SYS/PERM\]"):
            self.assert_pop3_signs_on(DAVE)

    def test_device_code(self):
        login = self.start(BOB, "device")
        self.bench.person(BOB).approve_device(*login.device())
        login.succeeds()
        self.assert_reads_mail(BOB)

    def test_browser(self):
        login = self.start(CAROL, "browser")
        url, question = self.authorize_question(login)
        self.assertRegex(question["redirect_uri"], r"^http://localhost:\d+/?$")
        self.bench.person(CAROL).authorize(url, question["redirect_uri"])
        login.succeeds()
        self.assert_pkce_seen(question)
        self.assert_reads_mail(CAROL)

    def test_paste(self):
        login = self.start(DAVE, "paste")
        url, question = self.authorize_question(login)
        # Nothing listens there: the browser shows an error, and the person copies the address out of it.
        redirected = self.bench.person(DAVE).authorize(url, question["redirect_uri"])
        login.paste(redirected)
        login.succeeds()
        self.assert_pkce_seen(question)
        self.assert_reads_mail(DAVE)

        self.bench.fresh_daemon.command("logout", DAVE, "--yes")
        with self.assertRaisesRegex(imaplib.IMAP4.error, "CONTACTADMIN"):
            self.signed_on(DAVE)

    def test_a_provider_that_wants_oauthbearer(self):
        login = self.start(ERIN, "device")
        self.bench.person(ERIN).approve_device(*login.device())
        login.succeeds()
        self.assert_reads_mail(ERIN)
        self.assert_smtp_signs_on(ERIN)
        self.assert_pop3_signs_on(ERIN)

    def test_a_mailbox_of_a_whole_domain_signs_in_by_itself(self):
        login = self.start(FRANK, "device")
        self.bench.person(FRANK).approve_device(*login.device())
        login.succeeds()
        self.assert_reads_mail(FRANK)
        self.assert_smtp_signs_on(FRANK)
        self.assert_pop3_signs_on(FRANK)
        # Her password is right, and his sign-in is none of hers.
        with self.assertRaisesRegex(imaplib.IMAP4.error, rf"\[CONTACTADMIN\].*gatepost --config \S+ login {GRACE}"):
            self.signed_on(GRACE)
        with self.assertRaisesRegex(imaplib.IMAP4.error, "AUTHENTICATIONFAILED"):
            self.signed_on("heidi@lab.example")
        status = self.bench.fresh_daemon.command("status").stdout
        self.assertRegex(status, rf"\n  {FRANK}\n    app +xoauth2\n    state +ready\n")
        self.bench.fresh_daemon.command("logout", FRANK, "--yes")
        with self.assertRaisesRegex(imaplib.IMAP4.error, "CONTACTADMIN"):
            self.signed_on(FRANK)

    def test_browser_with_another_state_is_refused(self):
        login = self.start(CAROL, "browser")
        _, question = self.authorize_question(login)
        forged = f"{question['redirect_uri']}?" + urllib.parse.urlencode({"code": "stolen-by-browser", "state": "of-another"})
        try:
            with urllib.request.urlopen(forged, timeout=10) as answer:
                self.fail(f"a forged redirect was answered with {answer.status}")
        except urllib.error.HTTPError as refusal:
            self.assertGreaterEqual(refusal.code, 400)
            refusal.close()
        except OSError:
            pass  # hanging up refuses it as well
        self.assertNotIn("stolen-by-browser", self.codes_redeemed())
        self.assertNotEqual(login.part.process.poll(), 0, "the forged redirect was taken for a sign-in")

    def test_paste_with_another_state_is_refused(self):
        login = self.start(CAROL, "paste")
        _, question = self.authorize_question(login)
        login.paste(f"{question['redirect_uri']}?" + urllib.parse.urlencode({"code": "stolen-by-paste", "state": "of-another"}))
        login.part.process.stdin.close()
        self.assertNotEqual(login.ends(), 0)
        self.assertNotIn("stolen-by-paste", self.codes_redeemed())

    def test_a_refused_token_is_replaced_with_nobody_asked(self):
        self.assertIsNotNone(self.bench.daemon)
        for sign_on in (self.assert_reads_mail, self.assert_smtp_signs_on, self.assert_pop3_signs_on):
            with self.subTest(sign_on.__name__):
                sign_on(ALICE)
                self.assertGreater(self.authserver.forget_access_tokens(), 0)
                sign_on(ALICE)
                last = self.authserver.requests("token")[-1]
                self.assertEqual((last["params"]["grant_type"], last["status"]), ("refresh_token", 200))

    def test_a_restart_keeps_everyone_signed_in(self):
        self.bench.daemon.restart()
        self.assert_reads_mail(ALICE)
