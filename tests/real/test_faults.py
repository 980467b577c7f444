"""What the pages of the faults have for a shell, typed line by line.

It exists because whoever stands before a fault types what its page says. What a page has in brackets is that of the demo and of this
machine; nothing else is changed. It refuses to let a line stand untried: what another test types names that, which is looked at.
"""

import contextlib
import imaplib
import json
import os
import re
import smtplib
import socket
import subprocess
import sys
import threading

from bench import RealTest
from lab.guide import names, of_faults
from lab.password import hashed
from lab.processes import Part, run
from lab.sandbox import ACCOUNT, APP, APP_ID, APP_SECRET, PUBLIC_APP_ID, Sandbox
from lab.terminal import Terminal

USER, PASSWORD = "ann@contoso.example", "demo"
# What another test types: it has the line, or one of its pages.
ELSEWHERE = {
    'curl -H Metadata:true "http://169.254.169.254/metadata/instance?api-version=2021-02-01"': "test_system",
    "gatepost console": "test_machine",
    "gatepost setup": "test_setup",
    **{f"sudo systemctl {what}": "test_system" for what in (
        "edit gatepost.socket", "enable --now gatepost.socket", "reload gatepost", "restart gatepost", "restart gatepost.socket", "start gatepost",
        "stop gatepost",
    )},
    "sudo lslocks --notruncate": "test_system",
    "sudo timedatectl set-ntp true": "test_system",
    "systemctl cat gatepost.socket": "test_system",
    "timedatectl show -p NTPSynchronized": "test_system",
}
BY_BROWSER = "gatepost login <address> --flow browser"
APP_ONLY = (
    "gatepost setup --address <address> --grant client-credentials --print-script -", "gatepost setup --address <address> --grant client-credentials",
)
NEW_PASSWORD = "gatepost password --reset <address>", "gatepost password"
DROPS, RELEASES, TELLS = "gatepost queue drop <id>", "gatepost queue release <id>", "gatepost queue show <id>"
OPEN = r"HTTP/1\.1 200"
RENEWS = "gatepost setup --address <address> --client-secret-file new.secret --yes"
MESSAGE = f"From: {USER}\r\nTo: {USER}\r\nSubject: of a fault\r\n\r\nhello\r\n"


@contextlib.contextmanager
def proxy(answer):
    """One that takes a connection and says this once it was asked; nothing: it hangs."""
    with socket.create_server(("127.0.0.1", 0)) as server, contextlib.ExitStack() as held:
        def serve():
            with contextlib.suppress(OSError):
                connection = held.enter_context(server.accept()[0])
                connection.recv(4096)
                connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


class Faults(RealTest):
    """The pages of the faults, with the demo as Microsoft and an app that acts by itself."""

    OF_GATEPOST = (
        "gatepost --config <running-file> doctor", "gatepost config check",
        "gatepost config client --preset list", "gatepost config client copier --preset <preset> --from <device-address>",
        "gatepost doctor", "gatepost doctor <address>", "gatepost explain client-plain-on-tls-port",
        "gatepost doctor <address> --send <address>", "gatepost login <address>", "gatepost queue list",
        "gatepost queue list --account <address>", "gatepost status",
    )
    SHOWS = {
        "date -u": r"UTC",
        "getent hosts <host>": r"\S+\s+\S+",
        "hostname -I": r"\d+\.\d+|:|^\s*$",
        "openssl x509 -noout -dates -in <certificate>": r"notAfter=",
        "openssl s_client -connect <host>:<port> -servername <host> -showcerts": r"BEGIN CERTIFICATE",
        "openssl s_client -connect login.microsoftonline.com:443 -servername login.microsoftonline.com -showcerts": r"BEGIN CERTIFICATE",
        "curl -v https://login.microsoftonline.com/": r"< HTTP/1.1 ",
        "curl -v https://graph.microsoft.com/": r"< HTTP/1.1 ",
    }
    ENDS = ("ss -ltnp 'sport = :<port>'", "ps -o args= -p <process>", "kill <process>", "kill <pid>")
    RESTORES = "rm -f gatepost.db-wal gatepost.db-shm", "install -m 600 <copy> gatepost.db", "chown --reference=. gatepost.db"
    LOOKS = (
        "curl -v --max-time 10 telnet://<host>:<port>",
        "curl -v --max-time 10 --proxy <proxy> --proxytunnel telnet://<host>:<port>",
    )

    def setUp(self):
        folder, self.sandbox = Sandbox.of_test(self)
        self.home, self.config = folder, folder / "gatepost.toml"
        self.password = hashed(self.bench.binary, PASSWORD)
        self.configures(f'client-secret = "{APP_SECRET}"')
        self.host, self.port = self.sandbox.app["imap"].split(":")

    def configures(self, secret):
        """An app that acts by itself."""
        self.writes(APP.format(client=APP_ID, secret="S", app=self.sandbox.app).replace('client-secret = "S"', secret), self.password)

    def configures_person(self, password, account=ACCOUNT):
        """Somebody signs in."""
        app = APP.format(client=PUBLIC_APP_ID, secret="", app=self.sandbox.app)
        self.writes(re.sub(r'(?m)^client-secret = .*\n|^grant = .*\n', "", app), password, account)

    def writes(self, app, password, account=ACCOUNT):
        ports = "".join(f'[[listener]]\nprotocol = "{name}"\nlisten = ["127.0.0.1:0"]\n' for name in ("smtp", "imap"))
        text = f'[store]\nurl = "sqlite://{self.home}/state/gatepost.db"\n[console]\nlisten = "off"\n'
        text += f'[network]\nca-file = "{self.sandbox.ca}"\n{ports}'
        self.config.write_text(text + app + account.format(user=USER, password=password))
        self.config.chmod(0o600)

    def here(self, line):
        known = {"address": USER, "running-file": self.config, "certificate": self.sandbox.ca, "host": self.host, "port": self.port}
        known |= {"device-address": "192.168.10.21", "preset": "ricoh"}
        for name, value in known.items():
            line = line.replace(f"<{name}>", str(value))
        line = re.sub(r"https://(login\.microsoftonline|graph\.microsoft)\.com", self.sandbox.issuer, line)
        line = line.replace("login.microsoftonline.com:443", f"{self.host}:{self.port}")
        return re.sub(r"^gatepost ", f"{self.bench.binary} --config {self.config} ", line.replace("gatepost --config", f"{self.bench.binary} --config"))

    def types(self, line, code=0, folder=None, **environment):
        environment = {**os.environ, "HOME": str(self.home), "LANG": "C.UTF-8", **environment}
        done = run("sh", "-c", self.here(line), check=False, cwd=folder or self.home, env=environment)
        self.assertEqual(done.returncode, code, f"{line}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def runs(self):
        log = self.home / "daemon.log"
        log.unlink(missing_ok=True)
        daemon = Part("gatepost run", [self.bench.binary, "--config", self.config, "run"], log, cwd=self.home)
        self.ends_with_this_test(daemon)
        daemon.wait_ready(lambda: "smtp" in daemon.said() and "imap" in daemon.said(), 60)
        return daemon

    def signs_in(self, line, code=0):
        """A person follows what is printed to a browser. What was printed."""
        environment = {name: value for name, value in os.environ.items() if name not in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")}
        log = self.home / "login.log"
        log.unlink(missing_ok=True)
        part = Part("gatepost login", ["sh", "-c", f"exec {self.here(line)}"], log, cwd=self.home, env=environment)
        self.ends_with_this_test(part)
        self.assertEqual(self.sandbox.attends(part, USER), code, part.tail())
        return part.said()

    def test_every_line_of_the_pages_of_faults_is_typed_here_or_says_where(self):
        typed = (
            *self.OF_GATEPOST, *self.SHOWS, *self.ENDS, *self.LOOKS, *self.RESTORES, *APP_ONLY, *NEW_PASSWORD, BY_BROWSER, DROPS, RELEASES, TELLS, RENEWS, "gatepost run",
        )
        lines = of_faults()
        self.assertEqual({line for line in typed if line not in lines}, set(), "no page has these any more")
        self.assertEqual({*lines} - {*typed}, {*ELSEWHERE}, "somebody types these, or no page has them any more")
        for line, test in ELSEWHERE.items():
            self.assertTrue(any(names(test, what) for what in (line, *lines[line])), f"{test} types no {line}")

    def test_what_looks_into_gatepost_is_typed_beside_a_daemon_in_order(self):
        self.runs()
        for line in self.OF_GATEPOST:
            with self.subTest(line):
                self.assertRegex(self.types(line), r"\w")

    def test_what_looks_at_the_machine_and_at_servers_shows_what_it_is_said_to(self):
        for line, shows in self.SHOWS.items():
            with self.subTest(line):
                self.assertRegex(self.types(line), shows)

    def test_whoever_has_a_port_is_found_by_it_and_ended(self):
        looks, shows, *ends = self.ENDS
        for kill in ends:
            with self.subTest(kill):
                daemon = self.runs()
                port = re.search(r"127\.0\.0\.1:(\d+)", daemon.said())[1]
                (process,) = set(re.findall(r"pid=(\d+)", self.types(looks.replace("<port>", port))))
                self.assertEqual(int(process), daemon.process.pid)
                self.assertIn(str(self.config), self.types(shows.replace("<process>", process)))
                self.types(re.sub(r"<.*>", process, kill))
                self.assertIsNotNone(daemon.process.wait(30))

    def test_a_damaged_store_is_put_back_from_the_copy_that_was_made_of_it(self):
        daemon, copy, state = self.runs(), self.home / "copy.db", self.home / "state"
        self.types(f"gatepost backup {copy}")
        daemon.process.terminate()
        daemon.process.wait(30)
        database = state / "gatepost.db"
        pages = database.read_bytes()
        database.write_bytes(pages[:100] + b"\xff" * (len(pages) - 100))
        self.assertIn("[store-unavailable]", self.types("gatepost run", code=1))
        for line in self.RESTORES:
            self.types(line.replace("<copy>", str(copy)), folder=state)
        self.runs()

    def test_who_has_the_same_port_at_another_address_is_not_named(self):
        """As the daemon prints it: the innocent was named first, and ended."""
        for listens, holds, at in (
            ("smtp", "127.0.81.20", "127.0.81.20"), ("smtp", "::", "127.0.81.20"), ("smtp", "::1", "[::1]"), ("console", "127.0.81.20", "127.0.81.20"),
        ):
            with self.subTest(listens=listens, holds=holds):
                holder, port = self.holds(holds, 0)
                innocent, _ = (None, None) if holds == "::" else self.holds("127.0.81.21", port)
                text = self.config.read_text()
                taken = text.replace('listen = ["127.0.0.1:0"]', f'listen = ["{at}:{port}"]', 1)
                if listens == "console":
                    taken = text.replace('listen = "off"', f'listen = "{at}:{port}"')
                self.config.write_text(taken)
                said = self.types("gatepost run", code=1)
                self.config.write_text(text)
                (look,) = (line.strip() for line in said.splitlines() if line.strip().startswith("ss "))
                self.assertEqual(set(re.findall(r"pid=(\d+)", self.types(look))), {str(holder.pid)}, look)
                for program in (holder, innocent):
                    if program:
                        program.kill()
                        program.wait()

    def holds(self, address, port):
        """A program that listens there, on all addresses of both kinds where it is `::`, and its port."""
        program = "import socket, sys; "
        program += "s = socket.create_server((sys.argv[1], int(sys.argv[2])), family=socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, "
        program += "dualstack_ipv6=sys.argv[1] == '::'); print(s.getsockname()[1], flush=True); sys.stdin.read()"
        program = subprocess.Popen([sys.executable, "-c", program, address, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for pipe in (program.stdin, program.stdout):
            self.addCleanup(pipe.close)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        return program, int(program.stdout.readline())

    def test_an_open_way_says_what_the_page_waits_for_and_a_proxy_that_hangs_does_not(self):
        direct, through = (line.replace("--max-time 10", "--max-time 2") for line in self.LOOKS)
        self.assertIn("Connected to", self.types(direct, code=28))
        with proxy(b"HTTP/1.1 200 Connection established\r\n\r\n") as at:
            self.assertRegex(self.types(through.replace("<proxy>", at), code=28), OPEN)
        with proxy(b"") as at:
            said = self.types(through.replace("<proxy>", at), code=28)
            self.assertIn("Connected to", said)
            self.assertNotRegex(said, OPEN)

    def test_a_second_factor_is_given_in_a_browser(self):
        self.configures_person(self.password)
        self.sandbox.rehearsal("mfa-needed")
        self.assertIn(self.here(BY_BROWSER).partition(" --config")[2], self.signs_in(BY_BROWSER, code=1))
        self.sandbox.rehearsal("")
        self.signs_in(BY_BROWSER)

    def test_what_policies_of_persons_do_not_touch_is_prepared_and_what_is_left_is_told(self):
        self.configures_person(self.password)
        prints, tells = APP_ONLY
        self.assertIn("New-MgServicePrincipal", self.types(prints))
        said = self.types(tells, code=1)
        for line in ('grant = "client-credentials"', "client-secret-file = "):
            self.assertIn(line, said)

    def logs_in(self, daemon, password):
        port = re.search(r"protocol=imap address=127\.0\.0\.1:(\d+)", daemon.said())[1]
        with imaplib.IMAP4("127.0.0.1", int(port), timeout=60) as imap:
            imap.login(USER, password)
            return imap.select("INBOX")[0]

    def test_a_password_that_nobody_knows_any_more_is_set_by_whoever_logs_in_next_or_is_made_anew(self):
        resets, makes = NEW_PASSWORD
        self.configures_person("first-use")
        self.signs_in(BY_BROWSER)
        daemon = self.runs()
        for password in ("the first", "the next"):
            self.types(resets)
            self.assertEqual(self.logs_in(daemon, password), "OK")
        with self.assertRaises(imaplib.IMAP4.error):
            self.logs_in(daemon, "the first")
        daemon.stop()

        terminal = Terminal(["setsid", "--ctty", "--wait", "sh", "-c", self.here(makes)], cwd=self.home)
        self.addCleanup(terminal.close)
        for question in ("Password: ", "Again: "):
            terminal.until(question)
            self.assertFalse(terminal.echoes(), "what is typed at once is seen, and lost")
            terminal.types("one of my own")
        terminal.until("$argon2id$")
        self.configures_person("$argon2id$" + terminal.until("\n").split('"')[0].strip())
        self.assertEqual(terminal.process.wait(30), 0, terminal.said)
        self.assertEqual(self.logs_in(self.runs(), "one of my own"), "OK")

    def test_mail_of_an_account_that_is_gone_is_listed_released_and_dropped(self):
        lists = "gatepost queue list --account <address>"
        self.configures_person(self.password, f'{ACCOUNT}delivery = "queue"\n')
        daemon = self.runs()
        port = re.search(r"protocol=smtp address=127\.0\.0\.1:(\d+)", daemon.said())[1]
        with smtplib.SMTP("127.0.0.1", int(port), timeout=60) as smtp:
            smtp.login(USER, PASSWORD)
            smtp.sendmail(USER, [USER], MESSAGE)
        daemon.stop()
        self.configures_person(self.password, ACCOUNT.replace("{user}", "bob@contoso.example"))
        (waits,) = json.loads(self.types(f"{lists} --json"))["messages"]
        self.assertIn(waits["id"], self.types(lists))
        self.types(f"gatepost queue hold {waits['id']}")
        self.assertIn(USER, self.types(TELLS.replace("<id>", waits["id"])))
        self.types(RELEASES.replace("<id>", waits["id"]))
        (waits,) = json.loads(self.types(f"{lists} --json"))["messages"]
        self.types(DROPS.replace("<id>", waits["id"]))
        self.assertEqual(json.loads(self.types(f"{lists} --json"))["messages"], [])

    def test_a_secret_that_ended_is_renewed_as_its_step_says_wherever_it_stands(self):
        kept, new = self.home / "contoso.secret", self.home / "new.secret"
        new.write_text(f"{APP_SECRET}\n")
        for line, renews in (
            (f'client-secret-file = "{kept}"', True), ('client-secret = "ended"', False), ('client-secret-env = "GATEPOST_SECRET"', False),
        ):
            with self.subTest(line):
                kept.write_text("ended\n")
                kept.chmod(0o600)
                self.configures(line)
                before = {"GATEPOST_SECRET": "ended"}
                self.types("gatepost login <address>", code=1, **before)
                (fault,) = json.loads(self.types(f"gatepost explain client-secret-expired --account {USER} --json", **before))["found"]
                step, setup = fault["next-step"], [command for command in fault["commands"] if " setup " in command]
                self.assertEqual(bool(setup), renews, fault)
                if renews:
                    self.types(setup[0])
                    self.assertEqual(kept.read_text().strip(), APP_SECRET)
                else:
                    # The line that it names, with the value in its place.
                    self.assertIn(line.replace('"ended"', '"<value>"'), step)
                    self.configures(line.replace("ended", APP_SECRET))
                self.types("gatepost login <address>", GATEPOST_SECRET=APP_SECRET)
