"""Postfix: submission with STARTTLS and XOAUTH2, through Dovecot's SASL, and delivery into Dovecot's mailboxes.

It exists as the upstream that mail is sent through. It refuses to let anything out of the lab: whatever the recipient, mail ends
in Dovecot over LMTP; and it refuses senders other than the token's user. Long lines are not broken up on the way, as it would
do by default, so that messages can be compared byte by byte.
"""

import grp
import os
import pwd

from .processes import Part, greets

SUBMISSION_PORT = 587
MESSAGE_SIZE_LIMIT = 157_286_400  # Exchange Online's

REFUSED_RECIPIENTS = """
/^nobody@/ 550 5.1.1 no such person here
/^later@/  450 4.2.1 come back later
"""

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}

myhostname = mail.lab.example
mydestination =
alias_maps =
alias_database =
mynetworks =
inet_interfaces = loopback-only
inet_protocols = ipv4
smtpd_peername_lookup = no
smtp_dns_support_level = disabled

local_transport = error:no local mail here
default_transport = lmtp:inet:{address}:{lmtp}
relay_transport = $default_transport
local_header_rewrite_clients =
lmtp_line_length_limit = 0
message_size_limit = {size}
recipient_delimiter = +

smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}

smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:{address}:{sasl}
smtpd_sasl_response_limit = 65536
smtpd_sasl_security_options = noanonymous
smtpd_delay_reject = no
smtpd_sender_login_maps = pcre:{folder}/senders.pcre
smtpd_sender_restrictions = reject_sender_login_mismatch
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = check_recipient_access pcre:{folder}/recipients.pcre
smtpd_reject_unlisted_recipient = no
smtpd_client_connection_count_limit = 0
"""

MASTER = """
{address}:{port} inet n - n - - smtpd
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
flush     unix n - n 1000? 0 flush
lmtp      unix - - n - - lmtp
error     unix - - n - - error
retry     unix - - n - - error
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
proxymap  unix - - n - - proxymap
postlog   unix-dgram n - n - 1 postlogd
"""


QUEUE_FOLDERS = "active bounce corrupt defer deferred flush hold incoming maildrop pid private public saved trace".split()


def make_folders(folder):
    """The queue, owned and closed as Postfix insists on (`postfix check` does this only for the packaged configuration)."""
    postfix, postdrop = pwd.getpwnam("postfix"), grp.getgrnam("postdrop")
    (folder / "queue").mkdir()
    for name in QUEUE_FOLDERS:
        (folder / "queue" / name).mkdir(mode=0o700)
        if name != "pid":
            os.chown(folder / "queue" / name, postfix.pw_uid, -1)
    for name, mode in (("maildrop", 0o1730), ("public", 0o2710)):
        os.chown(folder / "queue" / name, postfix.pw_uid, postdrop.gr_gid)
        (folder / "queue" / name).chmod(mode)
    (folder / "queue" / "pid").chmod(0o755)
    (folder / "data").mkdir(mode=0o700)
    os.chown(folder / "data", postfix.pw_uid, postfix.pw_gid)


class Postfix:
    def __init__(self, folder, address, pki, sasl_port, lmtp_port):
        self.address = address
        self.log = folder / "postfix.log"
        folder.mkdir()
        make_folders(folder)
        (folder / "senders.pcre").write_text("/^(.*)$/ ${1}\n")
        (folder / "recipients.pcre").write_text(REFUSED_RECIPIENTS)
        (folder / "main.cf").write_text(MAIN.format(
            folder=folder, address=address, certificate=pki.certificate, key=pki.key,
            sasl=sasl_port, lmtp=lmtp_port, size=MESSAGE_SIZE_LIMIT,
        ))
        (folder / "master.cf").write_text(MASTER.format(address=address, port=SUBMISSION_PORT))
        master = "/usr/lib/postfix/sbin/master"
        self.part = Part("Postfix", [master, "-c", folder, "-d"], folder / "master.log", env={**os.environ, "MAIL_CONFIG": str(folder)})

    def wait_ready(self):
        try:
            self.part.wait_ready(greets(self.address, SUBMISSION_PORT, "220 "))
        except AssertionError as error:
            log = self.log.read_text(errors="replace") if self.log.exists() else "(no log)"
            raise AssertionError(f"{error}\n{log[-3000:]}") from None

    def stop(self):
        self.part.stop()
