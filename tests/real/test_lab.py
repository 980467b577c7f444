"""The lab itself, without Gatepost: does each part do what the other tests take for granted?

It exists so that a broken lab is not mistaken for a broken daemon. It refuses nothing more.
"""

import imaplib
import json
import poplib
import smtplib
import urllib.error
import urllib.parse
import urllib.request

from bench import RealTest
from lab import dovecot, postfix
from messages import assert_arrived, ordinary

CHALLENGE = "urn:ietf:params:oauth:grant-type:device_code"


def post(url, **fields):
    try:
        answer = urllib.request.urlopen(url, urllib.parse.urlencode(fields).encode(), timeout=10)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return json.load(answer)


class Lab(RealTest):
    @classmethod
    def setUpClass(cls):
        """Signs Alice in by device code, in the browser, as a device would."""
        server = cls.bench.lab.authserver
        device = post(server.device_url, client_id=server.client_id, scope=" ".join(server.scopes))
        poll = {"client_id": server.client_id, "grant_type": CHALLENGE, "device_code": device["device_code"]}
        cls.pending = post(server.token_url, **poll)
        cls.bench.person(cls.user).approve_device(device["verification_uri"], device["user_code"])
        cls.tokens = post(server.token_url, **poll)

    def xoauth2(self, token=None):
        return f"user={self.user}\x01auth=Bearer {token or self.tokens['access_token']}\x01\x01"

    def test_device_code(self):
        self.assertEqual(self.pending["error"], "authorization_pending")
        self.assertEqual(len(self.tokens["access_token"]), 1800)

    def test_refresh_rotates_and_the_old_one_stays_good(self):
        server = self.authserver
        refresh = {"client_id": server.client_id, "grant_type": "refresh_token", "refresh_token": self.tokens["refresh_token"]}
        first, second = post(server.token_url, **refresh), post(server.token_url, **refresh)
        self.assertNotIn("error", second)
        self.assertEqual(len({self.tokens["refresh_token"], first["refresh_token"], second["refresh_token"]}), 3)

    def test_imap(self):
        with imaplib.IMAP4_SSL(self.lab.address, dovecot.IMAPS_PORT, ssl_context=self.dovecot.tls, timeout=10) as imap:
            self.assertEqual(imap.authenticate("XOAUTH2", lambda _: self.xoauth2().encode())[0], "OK")
            self.assertEqual(imap.select("INBOX"), ("OK", [b"0"]))

    def test_imap_starttls_oauthbearer(self):
        bearer = f"n,a={self.user},\x01host={self.lab.address}\x01port=143\x01auth=Bearer {self.tokens['access_token']}\x01\x01"
        with imaplib.IMAP4(self.lab.address, dovecot.IMAP_PORT, timeout=10) as imap:
            imap.starttls(self.dovecot.tls)
            self.assertEqual(imap.authenticate("OAUTHBEARER", lambda _: bearer.encode())[0], "OK")

    def test_imap_refuses_another_token_and_passwords(self):
        with imaplib.IMAP4_SSL(self.lab.address, dovecot.IMAPS_PORT, ssl_context=self.dovecot.tls, timeout=10) as imap:
            answers = iter([self.xoauth2("nonsense").encode(), b""])  # the error comes as a challenge first
            with self.assertRaisesRegex(imaplib.IMAP4.error, "AUTHENTICATIONFAILED"):
                imap.authenticate("XOAUTH2", lambda _: next(answers))
            with self.assertRaises(imaplib.IMAP4.error):
                imap.login(self.user, self.password)

    def test_pop3(self):
        pop3 = poplib.POP3_SSL(self.lab.address, dovecot.POP3S_PORT, context=self.dovecot.tls, timeout=10)
        try:
            self.assertEqual(pop3._shortcmd("AUTH XOAUTH2").strip(), b"+")
            self.assertTrue(pop3._shortcmd(self.base64()).startswith(b"+OK"))
            self.assertEqual(pop3.stat(), (0, 0))
        finally:
            pop3.quit()

    def test_smtp(self):
        mail = ordinary(self.user, self.user, "through the lab")
        with smtplib.SMTP(self.lab.address, postfix.SUBMISSION_PORT, timeout=10) as smtp:
            smtp.ehlo()
            self.assertFalse(smtp.has_extn("auth"), "AUTH must not be offered before TLS")
            smtp.starttls(context=self.dovecot.tls)
            smtp.ehlo()
            self.assertEqual(smtp.esmtp_features["size"], str(postfix.MESSAGE_SIZE_LIMIT))
            self.assertEqual(smtp.docmd("AUTH XOAUTH2")[0], 334)
            self.assertEqual(smtp.docmd(self.base64())[0], 235)
            smtp.sendmail(self.user, [self.user], mail)
            with self.assertRaisesRegex(smtplib.SMTPSenderRefused, "not owned by user"):
                smtp.sendmail(self.other, [self.user], mail)
        assert_arrived(mail, self.dovecot.wait_stored(self.user, "through the lab"))

    def base64(self):
        return smtplib.encode_base64(self.xoauth2().encode(), eol="")
