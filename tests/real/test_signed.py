"""Signed messages through the rule of a device: whatever was repaired beside a signature, it verifies where it came with one.

It exists because "byte for byte" is our word for it, and a verifier's is another: dkimpy and OpenSSL sign here and look at what
arrived. It refuses nothing of a message that needs no repair, and nothing of a body in any case.
"""

import smtplib
import sys
import tempfile
from pathlib import Path

import messages
from bench import RealTest
from daemon import PORTS
from lab.processes import run
from messages import assert_same

sys.path.append(str(Path(__file__).resolve().parent / "clients" / "built" / "dkimpy"))

DOMAIN, SELECTOR = "contoso.example", "printer"
TEXT = "Grüße,\r\n.\r\n..two dots\r\n \r\n\ttabs \t\r\nand  spaces  \r\n\r\n\r\n"
DATE = "Date: Sat, 28 Nov 2026 05:00:00 +0000\r\n"
MIME = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"


class SignedMessages(RealTest):
    def setUp(self):
        """A mailbox of the sandbox instead: nobody has to sign in."""
        self.front = self.bench.front("sandbox")
        self.folder = Path(tempfile.mkdtemp(dir=self.bench.folder))
        self.key, self.certificate = self.folder / "key.pem", self.folder / "certificate.pem"
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.key, "-out", self.certificate, "-days", "2",
            "-subj", f"/CN=ann@{DOMAIN}", "-addext", "extendedKeyUsage=emailProtection")
        self.user = self.front.mailboxes.sender
        self.front.mailboxes.empty(self.user)

    def through(self, mail, marker, login="device"):
        """What arrived of a message that a device with a rule of its own sent."""
        with smtplib.SMTP(self.front.daemon.address, PORTS["off"]["smtp"], timeout=30) as smtp:
            smtp.login(login, self.password)
            self.assertEqual(smtp.sendmail(self.user, [self.user], mail, mail_options=["BODY=8BITMIME"]), {})
        return self.front.mailboxes.wait_stored(self.user, marker)

    def head(self, marker):
        return f"From: Ann's Copier <{self.user}>\r\nTo: {self.user}\r\nSubject: {marker}\r\n"

    # DKIM, in the form that forgives nothing

    def dkim_signed(self, mail, fields):
        import dkim

        form = (b"simple", b"simple")
        return dkim.sign(mail, SELECTOR.encode(), DOMAIN.encode(), self.key.read_bytes(), canonicalize=form, include_headers=fields) + mail

    def assert_dkim(self, mail):
        import dkim

        public = run("openssl", "pkey", "-in", self.key, "-pubout").stdout
        record = "v=DKIM1; k=rsa; p=" + "".join(public.splitlines()[1:-1])
        self.assertTrue(dkim.verify(mail, dnsfunc=lambda name, timeout=5: record.encode()), "DKIM does not verify")

    def test_dkim_verifies_byte_for_byte_where_no_repair_was_needed(self):
        mail = (self.head("dkim-whole") + DATE + f"Message-ID: <dkim-whole@{DOMAIN}>\r\n" + MIME + "\r\n" + TEXT).encode()
        signed = self.dkim_signed(mail, [b"from", b"to", b"subject", b"date", b"message-id", b"mime-version", b"content-type"])
        self.assert_dkim(signed)
        arrived = self.through(signed, "dkim-whole")
        assert_same(signed, arrived)
        self.assert_dkim(arrived)

    def test_dkim_verifies_where_a_field_was_added_that_it_does_not_cover(self):
        mail = (self.head("dkim-bare") + MIME + "\r\n" + TEXT).encode()
        arrived = self.through(self.dkim_signed(mail, [b"from", b"to", b"subject"]), "dkim-bare")
        self.assertIn(b"\r\nMessage-ID: <", arrived)
        self.assert_dkim(arrived)

    def test_a_signature_that_is_broken_does_not_verify(self):
        mail = (self.head("dkim-broken") + DATE + f"Message-ID: <dkim-broken@{DOMAIN}>\r\n" + MIME + "\r\n" + TEXT).encode()
        arrived = self.through(self.dkim_signed(mail, [b"from", b"subject"]), "dkim-broken")
        with self.assertRaises(AssertionError):
            self.assert_dkim(arrived.replace(b"and  spaces", b"and spaces"))

    # S/MIME signs the body

    def smime_signed(self, head):
        content = self.folder / "content"
        content.write_bytes(b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + TEXT.encode())
        signed = self.folder / "signed"
        run("openssl", "smime", "-sign", "-in", content, "-signer", self.certificate, "-inkey", self.key, "-out", signed)
        return head.encode() + signed.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")

    def assert_smime(self, mail):
        arrived, content = self.folder / "arrived", self.folder / "verified"
        arrived.write_bytes(mail)
        run("openssl", "smime", "-verify", "-in", arrived, "-CAfile", self.certificate, "-out", content)
        self.assertTrue(content.read_bytes().decode().endswith(TEXT))

    def test_smime_verifies_byte_for_byte_where_no_repair_was_needed(self):
        signed = self.smime_signed(self.head("smime-whole") + DATE + f"Message-ID: <smime-whole@{DOMAIN}>\r\n")
        self.assert_smime(signed)
        arrived = self.through(signed, "smime-whole")
        assert_same(signed, arrived)
        self.assert_smime(arrived)

    def test_smime_verifies_also_where_the_header_block_was_repaired(self):
        signed = self.smime_signed(self.head("smime-bare").replace("From: Ann's Copier <", "From: Copier 3@5 <"))
        arrived = self.through(signed, "smime-bare")
        self.assertIn(f'From: Copier "3@5" <{self.user}>'.encode(), arrived)
        self.assertIn(b"\r\nDate: ", arrived)
        self.assert_smime(arrived)

    def test_smime_verifies_also_behind_a_forced_sender(self):
        signed = self.smime_signed(self.head("smime-forced").replace(self.user, "copier@fabrikam.example", 1))
        arrived = self.through(signed, "smime-forced", login="fax")
        self.assertEqual(messages.subject(arrived), "smime-forced")
        self.assertIn(f"From: Ann's Copier <{self.user}>\r\n".encode(), arrived)
        self.assertIn(b"Reply-To: Ann's Copier <copier@fabrikam.example>\r\n", arrived)
        self.assert_smime(arrived)
