"""Coming from email-oauth2-proxy: the real program signs in and seals, `gatepost import` takes over what it left.

It exists because only the program itself writes its file as it is: keys, seals, turns of PBKDF2. It refuses a sign-in of any
other kind: behind the import nobody is at the browser.
"""

import imaplib
import os
import re
import smtplib
import sys
import threading
from pathlib import Path

from bench import RealTest
from lab.guide import typed
from lab.lab import free_address
from lab.processes import Part, accepts, greets, run, wait_until
from lab.sandbox import Sandbox, free_ports
from lab.terminal import Terminal
from messages import ordinary

BUILT = Path(__file__).resolve().parent / "clients" / "built" / "emailproxy"
AWS = BUILT.parent / "aws"
PASSWORD = "what the mail program types: 7"
ANN = "ann@contoso.example"
SCOPES = " ".join(f"https://outlook.office.com/{name}" for name in ("IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"))

CONFIGURATION = """
[IMAP-{imap}]
server_address = 127.0.0.1
server_port = {app[imap]}
local_address = 127.0.0.1

[SMTP-{smtp}]
server_address = 127.0.0.1
server_port = {app[smtp]}
server_starttls = True
local_address = 127.0.0.1

[{user}]
permission_url = {app[authorize-url]}
token_url = {app[token-url]}
oauth2_scope = {scopes} offline_access
redirect_uri = http://localhost:{redirect}
client_id = {app[client-id]}
use_pkce = True

[emailproxy]
delete_account_token_on_password_error = False
"""


class Import(RealTest):
    def setUp(self):
        """Nothing of the lab: everything happens on the sandbox."""
        self.folder = self.bench.folder / self._testMethodName
        self.folder.mkdir()
        self.sandbox = Sandbox(self.bench.binary, self.folder / "sandbox")
        self.ends_with_this_test(self.sandbox.part)
        self.sandbox.wait_ready()
        self.imap_port, self.smtp_port, self.redirect = range(base := free_ports(3), base + 3)
        self.old = self.folder / "emailproxy.config"
        app = {name: value.rpartition(":")[2] if name in ("imap", "smtp") else value for name, value in self.sandbox.app.items()}
        self.old.write_text(CONFIGURATION.format(
            imap=self.imap_port, smtp=self.smtp_port, redirect=self.redirect, app=app, user=ANN, scopes=SCOPES,
        ))
        self.environment = {name: value for name, value in os.environ.items() if name not in ("GATEPOST_CONFIG", "XDG_STATE_HOME")}
        self.environment["HOME"] = str(self.folder)

    def signed_on(self, password=PASSWORD):
        with imaplib.IMAP4("127.0.0.1", self.imap_port, timeout=60) as imap:
            imap.authenticate("PLAIN", lambda _: f"\0{ANN}\0{password}".encode())
            return imap.select("INBOX")[0]

    @staticmethod
    def visited(sandbox, url):
        return "successfully authenticated" in sandbox.sign_in(url, ANN)

    def signed_in_with_the_real_program(self, *flags):
        """Somebody logs in with a mail program; the old program asks for a browser, and seals what came of it."""
        log = self.folder / "emailproxy.log"
        command = [sys.executable, "-m", "emailproxy", "--no-gui", "--local-server-auth", "--config-file", self.old, "--log-file", log, *flags]
        environment = {**self.environment, "PYTHONPATH": f"{BUILT}:{AWS}", "SSL_CERT_FILE": str(self.sandbox.ca)}
        proxy = Part("emailproxy", command, self.folder / "emailproxy.out", cwd=self.folder, env=environment)
        self.ends_with_this_test(proxy)
        # It greets with the words of the server behind it.
        proxy.wait_ready(greets("127.0.0.1", self.imap_port, "* OK"))
        selected = []
        program = threading.Thread(target=lambda: selected.append(self.signed_on()), daemon=True)
        program.start()
        asked = re.compile(rf"{re.escape(self.sandbox.app['authorize-url'])}\?\S+")
        proxy.wait_ready(lambda: log.exists() and asked.search(log.read_text()))
        # The way back ends at the old program, once that listens. It takes one visit.
        wait_until("the way back", lambda: self.visited(self.sandbox, asked.search(log.read_text())[0]))
        program.join(60)
        self.assertEqual(selected, ["OK"], proxy.tail() + log.read_text())
        proxy.stop()

    def imported(self, password):
        new = self.folder / "new" / "gatepost.toml"
        done = run(
            self.bench.binary, "import", "emailproxy", self.old, "--write", "--password-stdin", "--config", new,
            text=password + "\n", env=self.environment, cwd=self.folder,
        )
        return self.of_this_machine(new), done

    def of_this_machine(self, new):
        """The sandbox's authority, and no console."""
        new.write_text(new.read_text() + f'\n[network]\nca-file = "{self.sandbox.ca}"\n[console]\nlisten = "off"\n')
        return new

    def gatepost(self, config):
        daemon = Part("gatepost", [self.bench.binary, "run", "--config", config], self.folder / "gatepost.log", env=self.environment)
        self.ends_with_this_test(daemon)
        daemon.wait_ready(greets("127.0.0.1", self.imap_port, "* OK"))
        return daemon

    def test_what_the_real_program_sealed_is_taken_over_and_nobody_signs_in_again(self):
        self.signed_in_with_the_real_program()
        for key in ("refresh_token", "access_token", "token_salt", "token_iterations"):
            self.assertIn(f"\n{key} = ", self.old.read_text())
        config, done = self.imported(PASSWORD)
        self.assertIn(f"{ANN}: opened, its sign-in is taken over", done.stderr)
        self.assertNotIn("gatepost login", done.stdout)
        self.gatepost(config)
        self.assertEqual(self.signed_on(), "OK")
        with self.assertRaisesRegex(imaplib.IMAP4.error, "AUTHENTICATIONFAILED"):
            self.signed_on("not this one")
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=60) as smtp:
            smtp.login(ANN, PASSWORD)
            smtp.sendmail(ANN, ["bob@contoso.example"], ordinary(ANN, "bob@contoso.example", "after-the-move", "moved\r\n"))

    def test_a_wrong_password_takes_nothing_over_and_says_so(self):
        self.signed_in_with_the_real_program()
        before = self.old.read_bytes()
        _, done = self.imported("not this one")
        self.assertIn("this is not the mail password", done.stderr)
        self.assertIn(f"gatepost login {ANN}", done.stdout)
        self.assertEqual(self.old.read_bytes(), before)

    def secrets_manager(self):
        """That of AWS: whoever is in this environment is led to one on this machine."""
        address, port = free_address(), free_ports(1)
        self.environment |= {
            "AWS_ENDPOINT_URL": f"http://{address}:{port}", "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "lab", "AWS_SECRET_ACCESS_KEY": "lab",
        }
        environment = {**self.environment, "PYTHONPATH": str(AWS)}
        command = [sys.executable, AWS / "bin" / "moto_server", "--host", address, "--port", str(port)]
        server = Part("Secrets Manager", command, self.folder / "moto.log", env=environment)
        self.ends_with_this_test(server)
        server.wait_ready(accepts(address, port), seconds=60)

    def test_what_the_real_program_keeps_at_aws_is_taken_over_by_the_lines_of_the_guide(self):
        self.secrets_manager()
        self.signed_in_with_the_real_program("--cache-store", "aws:NAME")
        self.assertNotIn("refresh_token", self.old.read_text())
        lines = typed("coming-from-elsewhere.md")
        at = next(number for number, line in enumerate(lines) if line.startswith("aws "))
        fetches, takes_over = lines[at:at + 2]
        (self.folder / "bin").mkdir()
        (self.folder / "bin" / "gatepost").symlink_to(self.bench.binary)
        config = self.folder / "gatepost.toml"
        path = f"{self.folder / 'bin'}:{AWS / 'bin'}:{os.environ['PATH']}"
        environment = {**self.environment, "PATH": path, "GATEPOST_CONFIG": str(config), "LANG": "C.UTF-8"}
        run("sh", "-c", fetches, cwd=self.folder, env={**environment, "PYTHONPATH": str(AWS)})
        terminal = Terminal(["setsid", "--ctty", "--wait", "sh", "-c", takes_over], cwd=self.folder, env=environment)
        self.addCleanup(terminal.close)
        terminal.until("without its sign-in): ")
        terminal.types(PASSWORD)
        terminal.until(f"{ANN}: opened, its sign-in is taken over")
        self.assertEqual(terminal.process.wait(30), 0, terminal.said)
        self.gatepost(self.of_this_machine(config))
        self.assertEqual(self.signed_on(), "OK")
