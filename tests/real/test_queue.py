"""Mail through the queue between real mail servers: Postfix behind it as the upstream, Postfix in front of it as a client.

It exists because a queue is believed by what the next server says, and by what a sender is told in the end. It refuses the
queue's own word: what arrived is looked up in Dovecot, and a notice is read as a mail program reads it.
"""

import email
import email.policy
import smtplib

import messages
from bench import RealTest
from daemon import PORTS
from lab.processes import wait_until
from lab.relayhost import Relayhost
from messages import MEGABYTE, assert_arrived

HOUSE_PORT = 5587


class Queue(RealTest):
    def setUp(self):
        super().setUp()
        self.daemon = self.bench.daemon

    def send(self, mail, *recipients, port=PORTS["off"]["smtp"], login="alerts", **options):
        with smtplib.SMTP(self.lab.address, port, timeout=60) as smtp:
            if login:
                smtp.login(login, self.password)
            self.assertEqual(smtp.sendmail(self.user, recipients or [self.user], mail, **options), {})

    def listed(self):
        return self.daemon.command("queue", "list").stdout

    def is_emptied(self):
        wait_until("the queue to be empty", lambda: "the queue is empty" in self.listed(), 30)

    # Postfix as the upstream

    def test_a_message_arrives_byte_for_byte(self):
        mail = messages.with_attachment(self.user, self.user, "queued-attachment", size=3 * MEGABYTE)
        self.send(mail)
        assert_arrived(mail, self.dovecot.wait_stored(self.user, "queued-attachment"))
        self.is_emptied()

    def test_dots_arrive_as_they_were(self):
        mail = messages.raw(self.user, self.user, "queued-dots", b".\r\n..\r\n.x\r\n\r\n.\r\nQUIT\r\n..\r\n")
        self.send(mail)
        assert_arrived(mail, self.dovecot.wait_stored(self.user, "queued-dots"))

    def notice(self, marker):
        """The report about a message, as its sender's mail program reads it."""
        raw = self.dovecot.wait_stored(self.user, f"Subject: Not delivered to {marker}")
        notice = email.message_from_bytes(raw, policy=email.policy.default)
        self.assertEqual((notice.get_content_type(), notice.get_param("report-type")), ("multipart/report", "delivery-status"))
        self.assertEqual(notice["Auto-Submitted"], "auto-replied")
        self.assertEqual(notice.defects, [])
        words, status, head = notice.iter_parts()
        self.assertEqual([part.get_content_type() for part in (words, status, head)],
                         ["text/plain", "message/delivery-status", "text/rfc822-headers"])
        about, *recipients = status.get_payload()
        self.assertTrue(about["Reporting-MTA"].startswith("dns;"), about)
        return notice, words.get_content(), recipients, head.get_content()

    def test_an_unknown_recipient_comes_back_to_the_senders_mailbox_as_a_report(self):
        mail = messages.ordinary(self.user, "nobody@lab.example", "queued-unknown")
        self.send(mail, "nobody@lab.example")
        notice, words, [recipient], head = self.notice("nobody@lab.example: queued-unknown")
        self.assertEqual((recipient["Final-Recipient"], recipient["Action"]), ("rfc822; nobody@lab.example", "failed"))
        self.assertEqual(recipient["Status"], "5.1.1")
        self.assertIn("no such person here", recipient["Diagnostic-Code"])
        self.assertIn("nobody@lab.example", words)
        self.assertIn("Subject: queued-unknown", head)
        self.assertEqual(notice["In-Reply-To"], email.message_from_bytes(mail)["Message-ID"])
        self.is_emptied()

    def test_of_several_recipients_the_one_that_fails_is_told_of_and_the_others_get_it(self):
        mail = messages.ordinary(self.user, self.other, "queued-in-part")
        self.send(mail, self.other, "nobody@lab.example")
        assert_arrived(mail, self.dovecot.wait_stored(self.other, "queued-in-part"))
        _, words, recipients, _ = self.notice("nobody@lab.example: queued-in-part")
        self.assertEqual(len(recipients), 1)
        self.assertNotIn(self.other, words)

    def test_who_wants_no_notice_gets_none(self):
        with smtplib.SMTP(self.lab.address, PORTS["off"]["smtp"], timeout=60) as smtp:
            smtp.login("alerts", self.password)
            mail = messages.ordinary(self.user, "nobody@lab.example", "queued-never")
            smtp.sendmail(self.user, ["nobody@lab.example"], mail, rcpt_options=["NOTIFY=NEVER"])
        self.is_emptied()
        self.assertEqual(self.dovecot.stored(self.user), [])

    def test_one_that_is_put_off_waits_and_holds_up_no_other(self):
        self.send(messages.ordinary(self.user, "later@lab.example", "queued-later"), "later@lab.example")
        wait_until("its first attempt", lambda: "come back later" in self.listed(), 30)
        mail = messages.ordinary(self.user, self.user, "queued-behind")
        self.send(mail)
        assert_arrived(mail, self.dovecot.wait_stored(self.user, "queued-behind"))
        waiting = self.listed()
        self.assertIn("-> later@lab.example", waiting)
        self.assertIn("450 4.2.1", waiting)
        self.daemon.command("queue", "drop", waiting.split()[0])
        self.is_emptied()

    def test_what_waits_survives_a_restart(self):
        self.send(messages.ordinary(self.user, "later@lab.example", "queued-restart"), "later@lab.example")
        wait_until("its first attempt", lambda: "come back later" in self.listed(), 30)
        name = self.listed().split()[0]
        self.daemon.restart()
        self.assertIn(name, self.listed())
        self.daemon.command("queue", "drop", name)
        self.is_emptied()

    # Postfix as the client

    def house(self, login, next_port):
        """The mail server of a house, set up as its guide says."""
        folder = self.bench.folder / f"house-{len(list(self.bench.folder.glob('house-*')))}"  # sockets want a short path
        house = Relayhost(folder, self.lab.address, HOUSE_PORT, next_port, login, self.password)
        self.ends_with_this_test(house)
        house.wait_ready()
        return house

    def through(self, house, marker):
        mail = messages.with_attachment(self.user, self.user, marker)
        self.send(mail, port=HOUSE_PORT, login=None)
        stored = self.dovecot.wait_stored(self.user, marker)
        self.assertIn(b"by house.example", stored)
        assert_arrived(mail, stored)
        wait_until("its queue to be empty", lambda: house.waiting() == 0, 30)
        return house.log()

    def test_postfix_in_front_with_the_queue(self):
        log = self.through(self.house("alerts", PORTS["off"]["smtp"]), "house-queue")
        self.assertRegex(log, r"status=sent \(250 2\.0\.0 Queued as \w+\)")

    def test_postfix_in_front_without_it_hears_the_upstreams_own_words(self):
        log = self.through(self.house(self.user, PORTS["starttls"]["smtp"]), "house-direct")
        self.assertRegex(log, r"status=sent \(250 2\.0\.0 Ok: queued as \w+\)")

    def test_postfix_in_front_hears_of_an_unknown_recipient_at_once_only_without_the_queue(self):
        house = self.house(self.user, PORTS["off"]["smtp"])
        self.send(messages.ordinary(self.user, "nobody@lab.example", "house-unknown"), "nobody@lab.example", port=HOUSE_PORT, login=None)
        wait_until("its bounce", lambda: "status=bounced" in house.log(), 30)
        self.assertIn("550 5.1.1", house.log())
        self.assertIn("no such person here", house.log())

    def test_fifty_messages_of_postfix_arrive_each_once(self):
        house = self.house("alerts", PORTS["off"]["smtp"])
        names = [f"house-many-{n:02}" for n in range(50)]
        for name in names:
            self.send(messages.ordinary(self.user, self.user, name), port=HOUSE_PORT, login=None)
        wait_until("all of them", lambda: len(self.dovecot.stored(self.user)) >= len(names), 60)
        wait_until("its queue to be empty", lambda: house.waiting() == 0, 30)
        self.is_emptied()
        self.assertEqual(sorted(messages.subject(mail) for mail in self.dovecot.stored(self.user)), names)
