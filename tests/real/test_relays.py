"""Programs around Gatepost, set up by the very text of their guides: Exim, Postfix, stunnel with TLS 1.0, msmtp and curl in a hook.

It exists because a whole configuration in a guide is copied as it stands. Addresses, folders and passwords are those of the lab;
nothing else of it is changed.
"""

import contextlib
import http.server
import json
import os
import re
import smtplib
import ssl
import threading
from pathlib import Path

from bench import RealTest
from daemon import PORTS, Daemon
from lab.guide import DOCS, block, code, of_sentence
from lab.lab import free_address
from lab.processes import Part, greets, run
from lab.sandbox import USERS, Sandbox

EXIM = Path(__file__).resolve().parent / "clients" / "built" / "exim" / "usr" / "sbin" / "exim4"
ACCOUNT, READER = USERS[:2]
SHOWN = "example"  # what the hashes of the guides are of
EXIM_PORT, STUNNEL_PORT, PROXY_PORT = 5025, 5465, 2527


@contextlib.contextmanager
def chat(says):
    """One that takes what is posted there and answers with this status: its address, and what came."""
    came = []

    class Chat(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            came.append((self.path, self.headers["Content-Type"], self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(says)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Chat) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook?token=secret", came
        server.shutdown()


class Clients:
    """The sandbox as a backend, with the clients of the guides in front of it."""

    def __init__(self, sandbox, address):
        self.sandbox, self.address, self.ca = sandbox, address, sandbox.ca

    def configuration(self, password):
        text = self.sandbox.configuration(password)
        for page in ("exim", "postfix"):
            text += code(f"devices/{page}.md", f'name = "{page}"')
        terminated = code("devices/README.md", "proxy-protocol = true")
        text += terminated.replace(f"127.0.0.1:{PROXY_PORT}", f"{self.address}:{PROXY_PORT}").replace("192.168.10.21", "127.0.0.1")
        return re.sub(r"(alerts|scanner)@contoso\.com", ACCOUNT, text)


class Relays(RealTest):
    @classmethod
    def setUpClass(cls):
        bench = cls.bench
        cls.folder = bench.folder / "relays"
        cls.folder.mkdir()
        cls.sandbox = Sandbox(bench.binary, cls.folder / "sandbox")
        bench.stack.callback(cls.sandbox.stop)
        cls.sandbox.wait_ready()
        cls.address = free_address()
        cls.front = Daemon(bench.binary, cls.folder / "gatepost", cls.address, Clients(cls.sandbox, cls.address))
        bench.stack.callback(cls.front.stop)
        cls.front.wait_ready()

    def setUp(self):
        self.sandbox.empty(READER)

    def send(self, connection, marker, sender="root@server.contoso.example"):
        identity = f"Message-ID: <{marker}@server.contoso.example>\r\nDate: Sun, 29 Nov 2026 08:00:00 +0000\r\n"
        text = f"From: cron <{sender}>\r\nTo: {READER}\r\nSubject: {marker}\r\n{identity}\r\nhello\r\n"
        self.assertEqual(connection.sendmail(sender, [READER], text), {})

    def arrives_as_the_accounts(self, marker):
        stored = self.sandbox.wait_stored(READER, marker)
        self.assertRegex(stored, rb"(?m)^From: .*" + ACCOUNT.encode())
        self.assertRegex(stored, rb"(?m)^Reply-To: .*root@server")

    def test_exim_sends_with_the_configuration_of_its_guide(self):
        folder = self.folder / "exim"
        for name in ("", "spool", "log"):
            (folder / name).mkdir()
            os.chown(folder / name, 8, 8)
        head, routers = block("devices/exim.md", "primary_hostname").split("begin routers")
        routers = routers.replace("127.0.0.1", self.address).replace("what-was-shown", SHOWN)
        here = f"exim_path = {EXIM}\nspool_directory = {folder}/spool\nlog_file_path = {folder}/log/%s\npid_file_path = {folder}/pid\n"
        (folder / "exim4.conf").write_text(f"{here}{head}begin routers{routers}")
        # Its user comes with the package, which cannot stand beside Postfix: it sees one of its own.
        for name, line in (("passwd", "Debian-exim:x:8:8::/:/bin/false"), ("group", "Debian-exim:x:8:")):
            (folder / name).write_text(f"{Path('/etc', name).read_text()}{line}\n")
        sees = f'mount --bind {folder}/passwd /etc/passwd; mount --bind {folder}/group /etc/group; exec "$@"'
        exim = ["unshare", "--mount", "sh", "-euc", sees, "sh", EXIM, "-C", folder / "exim4.conf"]
        daemon = Part("Exim", [*exim, "-bdf", "-oX", f"[{self.address}]:{EXIM_PORT}"], folder / "log" / "part.log")
        self.ends_with_this_test(daemon)
        daemon.wait_ready(greets(self.address, EXIM_PORT, "220 server.contoso.com "))
        with smtplib.SMTP(self.address, EXIM_PORT, timeout=30) as smtp:
            self.send(smtp, "through-exim")
        self.arrives_as_the_accounts("through-exim")
        self.assertIn("A=gatepost", (folder / "log" / "main").read_text())
        # As cron hands mail over.
        run(*exim, "-odi", "-f", "root@server.contoso.example", READER, text=f"To: {READER}\nFrom: root@server.contoso.example\nSubject: cron-by-exim\n\nx\n")
        self.arrives_as_the_accounts("cron-by-exim")
        # What the guide says to look with: an empty queue, and one in which a message waits.
        lists, shows = of_sentence("devices/exim.md", "exim -bp"), of_sentence("devices/exim.md", "exim -Mvl ID")
        self.assertEqual(run(*exim, *lists.split()[1:]).stdout, "")
        run(*exim, "-odq", "-f", "root@server.contoso.example", READER, text="Subject: waits\n\nx\n")
        waits = re.search(r"\S+-\S+-\S+", run(*exim, *lists.split()[1:]).stdout)[0]
        self.assertIn("Received from root@server.contoso.example", run(*exim, *shows.replace("ID", waits).split()[1:]).stdout)
        run(*exim, "-Mrm", waits)

    def test_what_postfix_keeps_and_returns_without_a_login(self):
        (self.folder / "main.cf").write_text("compatibility_level = 3.6\n")
        table = self.folder / "gatepost_status"
        table.write_text(block("devices/postfix.md", "if !/"))
        asks = "postmap", "-c", self.folder, "-q"
        kept = run(*asks, "5.7.1 x said: 550 5.7.1 no [gatepost client-secret-expired]", f"regexp:{table}").stdout
        self.assertTrue(kept.startswith("4.7.1 "), kept)
        for fault in ("sender-not-allowed", "recipient-not-allowed"):
            returned = run(*asks, f"5.7.1 x said: 550 5.7.1 no [gatepost {fault}]", f"regexp:{table}", check=False)
            self.assertEqual((returned.returncode, returned.stdout), (1, ""))

    def test_postfix_knows_every_setting_of_the_guides(self):
        for page in ("devices/postfix.md", "coming-from-elsewhere.md"):
            folder = self.folder / page.replace("/", "-")
            folder.mkdir()
            (folder / "main.cf").write_text("compatibility_level = 3.6\n" + block(page, "relayhost = "))
            (folder / "master.cf").write_text("smtp unix - - n - - smtp\n")
            checked = run("postconf", "-c", folder, "-n")
            self.assertEqual(checked.stderr, "")
            self.assertIn("relayhost = [127.0.0.1]:1587", checked.stdout)

    def test_a_device_with_tls_1_0_is_served_through_stunnel(self):
        folder = self.folder / "stunnel"
        folder.mkdir()
        pki = self.lab.pki
        (folder / "gatepost.pem").write_text(pki.key.read_text() + pki.certificate.read_text())
        (folder / "gatepost.pem").chmod(0o600)
        text = block("devices/README.md", "[devices]")
        for there, here in (
            ("192.168.10.2:465", f"{self.address}:{STUNNEL_PORT}"), (f"127.0.0.1:{PROXY_PORT}", f"{self.address}:{PROXY_PORT}"),
            ("/etc/stunnel/gatepost.pem", str(folder / "gatepost.pem")),
        ):
            self.assertIn(there, text)
            text = text.replace(there, here)
        (folder / "stunnel.conf").write_text(f"foreground = yes\npid =\n{text}")
        stunnel = Part("stunnel", ["stunnel4", folder / "stunnel.conf"], folder / "stunnel.log")
        self.ends_with_this_test(stunnel)
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1
        old.set_ciphers("ALL:@SECLEVEL=0")
        stunnel.wait_ready(greets(self.address, STUNNEL_PORT, "220 ", tls=old))
        with smtplib.SMTP_SSL(self.address, STUNNEL_PORT, timeout=30, context=old) as smtp:
            self.assertEqual(smtp.sock.version(), "TLSv1")
            # By its address alone, which stunnel tells.
            self.send(smtp, "through-stunnel", sender=ACCOUNT)
        self.sandbox.wait_stored(READER, "through-stunnel")

    def test_the_script_that_tells_by_msmtp_does(self):
        line = block("notify.md", "echo '{").strip()
        script = code("notify.md", "# Mails an event")
        self.assertEqual(script, (DOCS.parent / "config/notify/tell-me.sh").read_text(), "the page shows the file")
        tell_me, settings = self.folder / "tell-me", self.folder / "msmtprc"
        login = f"auth plain\nuser fax\npasswordeval echo '{self.password}'\n"
        settings.write_text(f"account default\nhost {self.address}\nport {PORTS['off']['smtp']}\ntls off\nfrom {ACCOUNT}\n{login}")
        settings.chmod(0o600)
        tell_me.write_text(script.replace("/etc/gatepost/msmtprc", str(settings)).replace("admin@example.net", READER))
        tell_me.chmod(0o755)
        run("sh", "-c", line.replace("/usr/local/bin/tell-me", str(tell_me)))
        self.assertIn(b"A test.", self.sandbox.wait_stored(READER, "[critical] sign-in-needed on mailhost"))
        self.assertEqual(json.loads(re.search(r"'(.*)'", line)[1])["event"], "sign-in-needed")

    def test_the_script_that_tells_a_chat_does_and_fails_where_that_refuses(self):
        line, script = block("notify.md", "echo '{").strip(), code("notify.md", "# Discord")
        place, tells = self.folder / "chat-url", self.folder / "tell-chat"
        tells.write_text(script.replace("/etc/gatepost/chat-url", str(place)))
        tells.chmod(0o755)
        for status, code_of_script in ((204, 0), (400, 22)):
            with self.subTest(status), chat(status) as (url, came):
                place.write_text(url + "\n")
                done = run("sh", "-c", line.replace("/usr/local/bin/tell-me", str(tells)), check=False)
                self.assertEqual(done.returncode, code_of_script, done.stderr)
                ((path, kind, body),) = came
                self.assertEqual((path, kind, json.loads(body)), ("/hook?token=secret", "application/json", {"content": "A test."}))
