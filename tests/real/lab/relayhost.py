"""Another Postfix, in front of Gatepost: the mail server of a house that sends all its mail through one mailbox.

It exists to be a client as `docs/devices/postfix.md` sets one up, by the text of that page. It refuses to deliver anything itself: all it takes goes to its
relayhost, or waits.
"""

import os

from .guide import block
from .postfix import make_folders
from .processes import Part, greets, run

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

myhostname = house.example
mydestination =
alias_maps =
alias_database =
mynetworks = 127.0.0.0/8
inet_interfaces = loopback-only
inet_protocols = ipv4
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
smtpd_relay_restrictions = permit_mynetworks, reject
local_transport = error:no local mail here
message_size_limit = 157286400

smtp_line_length_limit = 0
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
smtp      unix - - n - - smtp
error     unix - - n - - error
retry     unix - - n - - error
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
proxymap  unix - - n - - proxymap
postlog   unix-dgram n - n - 1 postlogd
"""


class Relayhost:
    def __init__(self, folder, address, port, next_port, login, password):
        """Listens at `port`, and sends on to `next_port`, both at `address`."""
        self.address, self.port, self.folder = address, port, folder
        folder.mkdir()
        make_folders(folder)
        def here(text):
            places = {"[127.0.0.1]:1587": f"[{address}]:{next_port}", "/etc/postfix": str(folder), "postfix:what-was-shown": f"{login}:{password}"}
            for there, stands in places.items():
                text = text.replace(there, stands)
            return text

        page = "devices/postfix.md"
        (folder / "sasl_passwd").write_text(here(block(page, "[127.0.0.1]:1587 ")))
        (folder / "sasl_passwd").chmod(0o600)
        (folder / "main.cf").write_text(MAIN.format(folder=folder) + here(block(page, "relayhost = ")))
        (folder / "master.cf").write_text(MASTER.format(address=address, port=port))
        environment = {**os.environ, "MAIL_CONFIG": str(folder)}
        master = "/usr/lib/postfix/sbin/master"
        self.part = Part("Postfix of the house", [master, "-c", folder, "-d"], folder / "master.log", env=environment)

    def wait_ready(self):
        self.part.wait_ready(greets(self.address, self.port, "220 "))

    def waiting(self):
        """How many messages are in its queue."""
        listed = run("postqueue", "-c", self.folder, "-j").stdout
        return len(listed.splitlines())

    def log(self):
        file = self.folder / "postfix.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def stop(self):
        self.part.stop()
