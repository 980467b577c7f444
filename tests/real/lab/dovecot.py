"""Dovecot: IMAP and POP3 that know no passwords, only XOAUTH2 and OAUTHBEARER, and ask the OAuth server about each token.

It exists as the upstream mailbox, as Postfix's SASL and as its delivery agent. It refuses plain passwords on every port.
Three of its settings are there for tests: no penalty for failed logins (all tests share an address), no delay after one, and
CRLF in stored mail, so that what is on disk can be compared byte by byte.
"""

import shutil

from .mailboxes import Mailboxes
from .processes import Part, greets, run

IMAP_PORT, IMAPS_PORT, POP3S_PORT, LMTP_PORT, SASL_PORT = 143, 993, 995, 2424, 2425

CONFIGURATION = """
protocols = imap pop3 lmtp
listen = {address}
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
instance_name = gatepost-lab
default_internal_user = dovecot
default_login_user = dovenull
mail_uid = mail
mail_gid = mail
first_valid_uid = 8
first_valid_gid = 8

ssl = required
ssl_cert = <{certificate}
ssl_key = <{key}

auth_mechanisms = xoauth2 oauthbearer
auth_failure_delay = 0
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2.conf
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home={folder}/mail/%Lu allow_all_users=yes
}}

mail_location = maildir:~/Maildir
mail_save_crlf = yes
mail_max_userip_connections = 100
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Drafts {{
    auto = subscribe
    special_use = \\Drafts
  }}
  mailbox Sent {{
    auto = subscribe
    special_use = \\Sent
  }}
  mailbox Trash {{
    auto = subscribe
    special_use = \\Trash
  }}
}}
recipient_delimiter = +
lmtp_save_to_detail_mailbox = yes

service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  inet_listener {{
    address = {address}
    port = {sasl}
  }}
}}
service imap-login {{
  service_count = 0
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service pop3-login {{
  service_count = 0
  inet_listener pop3 {{
    port = 0
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = {address}
    port = {lmtp}
  }}
}}
"""

OAUTH2 = """
introspection_mode = post
introspection_url = {introspection_url}
active_attribute = active
active_value = true
username_attribute = preferred_username
username_format = %Lu
"""


class Dovecot(Mailboxes):
    trash = "Trash"

    def __init__(self, folder, address, pki, introspection_url):
        self.address = address
        self.folder = folder
        self.tls = pki.client_context()
        folder.mkdir()
        self.mail = folder / "mail"
        self.mail.mkdir()
        shutil.chown(self.mail, "mail", "mail")
        (folder / "oauth2.conf").write_text(OAUTH2.format(introspection_url=introspection_url))
        self.configuration = folder / "dovecot.conf"
        self.configuration.write_text(CONFIGURATION.format(
            address=address, folder=folder, certificate=pki.certificate, key=pki.key,
            imap=IMAP_PORT, imaps=IMAPS_PORT, pop3s=POP3S_PORT, lmtp=LMTP_PORT, sasl=SASL_PORT,
        ))
        self.part = Part("Dovecot", ["dovecot", "-F", "-c", self.configuration], folder / "dovecot.log")

    def wait_ready(self):
        for port, expected, tls in (
            (IMAP_PORT, "* OK", None), (IMAPS_PORT, "* OK", self.tls), (POP3S_PORT, "+OK", self.tls), (LMTP_PORT, "220 ", None),
        ):
            self.part.wait_ready(greets(self.address, port, expected, tls))

    def empty(self, user):
        """Takes every message out of every mailbox of a user, and the mailboxes that tests made."""
        self._admin("expunge", "-u", user, "mailbox", "*", "all")
        for mailbox in sorted(self.mailboxes(user), reverse=True):
            if mailbox not in ("INBOX", "Drafts", "Sent", "Trash"):
                self._admin("mailbox", "delete", "-s", "-u", user, mailbox, check=False)  # a parent may be a name only

    def stored(self, user, mailbox="INBOX"):
        """The messages of a mailbox as they lie on the disk, byte for byte, oldest first."""
        maildir = self.mail / user / "Maildir"
        if mailbox != "INBOX":
            maildir /= "." + mailbox.replace("/", ".")
        files = [file for part in ("new", "cur") if (maildir / part).is_dir() for file in (maildir / part).iterdir()]
        return [file.read_bytes() for file in sorted(files, key=lambda file: file.name)]

    def flagged(self, user, mailbox="INBOX"):
        """How many messages of a mailbox are flagged."""
        found = self._admin("search", "-u", user, "mailbox", mailbox, "flagged").stdout
        return len(found.splitlines())

    def mailboxes(self, user):
        return self._admin("mailbox", "list", "-u", user).stdout.splitlines()

    def number(self, user):
        """Gives what is in INBOX its numbers. Otherwise what comes within one second is numbered in any order."""
        self._admin("mailbox", "status", "-u", user, "messages", "INBOX")

    def deliver(self, user, message, mailbox="INBOX"):
        """Puts a message into a mailbox, byte for byte, with no daemon between."""
        file = self.folder / f"to-{user}"
        file.write_bytes(message)
        self._admin("save", "-u", user, "-m", mailbox, file)

    def _admin(self, *words, check=True):
        return run("doveadm", "-c", self.configuration, *words, check=check)

    def stop(self):
        self.part.stop()
