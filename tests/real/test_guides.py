"""What the guides say to type, typed: every shell block with curl, swaks or openssl, the configuration files of mail programs, and
what the pages of the faults have for a shell.

It exists because a command in a guide is believed by whoever copies it. Host, port and user are those of the demo instead of the
reader's; nothing else is changed. It refuses to let a command stand untried without a reason, which is given here.
"""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from urllib.parse import unquote

from bench import RealTest
from daemon import PORTS
from lab.guide import block
from lab.password import hashed
from lab.pki import NAME
from lab.processes import Part, run, wait_until
from lab.sandbox import ACCOUNT, APP, APP_ID, APP_SECRET, Sandbox, free_ports

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
TOOLS = ("curl", "swaks", "openssl")
USER, PASSWORD = "ann@contoso.example", "demo"

# What no machine of ours can try as it stands, by a part of it, and why.
ELSEWHERE = {
    "proxy.corp.example": "the reader's proxy; test_detours goes through real ones",
    "systemd-creds": "test_machine types it",
    "chat-url": "a hook of the reader's; tests of [notify] are in tests/it",
}
# Of the pages of the faults likewise, whole lines.
ELSEWHERE_OF_FAULTS = {
    'curl -H Metadata:true "http://169.254.169.254/metadata/instance?api-version=2021-02-01"':
        "an address of Azure alone; tests/it/unattended.rs has what answers there",
    "gatepost login <address> --flow browser": "test_signin",
    "gatepost password": "it asks; tests/it/guides types it, and the reset",
    "gatepost password --reset <address>": "tests/it/guides",
    "gatepost queue drop <id>": "tests/it/guides types it on a queue with mail",
    "gatepost setup": "test_setup answers it",
    "gatepost setup --address <address> --grant client-credentials": "likewise",
    "gatepost setup --address <address> --grant client-credentials --print-script -": "test_administrator",
    **{f"sudo systemctl {what}": "test_machine has systemd" for what in (
        "edit gatepost.socket", "enable --now gatepost.socket", "reload gatepost", "restart gatepost", "start gatepost", "stop gatepost",
    )},
    "sudo timedatectl set-ntp true": "it sets the clock of the machine for all who are on it",
    "timedatectl show -p NTPSynchronized": "it asks the clock service of systemd, which no machine of tests has",
}
# As the catalogue knows them, and Gatepost.
PROGRAMS = ["gatepost"] + re.findall(r'"([a-z0-9-]+)"', re.search(r"const PROGRAMS.*?\];", (ROOT / "src/catalog/commands.rs").read_text(), re.S)[0])
OPEN = r"HTTP/1\.1 200"
RENEWS = "gatepost setup --address <address> --client-secret-file new.secret --yes"
MDBOOK = Path(__file__).resolve().parent / "clients" / "built" / "mdbook" / "bin"
MESSAGE = f"From: {USER}\r\nTo: {USER}\r\nSubject: from a guide\r\n\r\nhello\r\n"


def shell_lines(page):
    """Its commands, continued lines joined, remarks cut off: of fenced blocks for a shell, and of indented code."""
    code, fence = [], None
    for line in page.read_text().splitlines():
        if line.lstrip().startswith("```"):
            fence = line.strip()[3:] if fence is None else None
        elif fence in ("", "sh") or (fence is None and re.match(r" {4,}\S", line)):
            code.append(line)
    for line in "\n".join(code).replace("\\\n", " ").splitlines():
        yield re.sub(r"(^|\s+)#.*", "", line.strip())


def commands():
    """Each command with one of the tools, and the guides that have it; [`of_faults`] has those of the pages of the faults."""
    found = {}
    for page in sorted(page for page in DOCS.rglob("*.md") if page.parent.name != "faults"):
        for line in shell_lines(page):
            if any(re.search(rf"(^|[|;&] *){tool} ", line) for tool in TOOLS):
                found.setdefault(re.sub(r"\s+", " ", line), set()).add(str(page.relative_to(DOCS)))
    return found


def of_faults():
    """Each line for a shell of the pages of the faults, in either language. Cmdlets are for test_powershell."""
    pages = [page for folder in ("faults", "ja/faults") for page in (DOCS / folder).glob("*.md")]
    return {line for page in pages for line in shell_lines(page) if line.partition(" ")[0] in PROGRAMS}


def file_of(page, name):
    """The configuration file that a page shows behind its name."""
    text = (DOCS / page).read_text()
    behind = text[text.index(f"`{name}`"):]
    block = re.search(r"\n\n((?: {4}.*\n|\n(?= {4}))+)", behind)[1]
    return re.sub(r"^ {4}", "", block, flags=re.MULTILINE)


class Guides(RealTest):
    @classmethod
    def setUpClass(cls):
        bench = cls.bench
        folder = bench.folder / "guides"
        folder.mkdir()
        (folder / "bin").mkdir()
        (folder / "bin" / "gatepost").symlink_to(bench.binary)
        base = free_ports(4)
        cls.ports = dict(zip((1587, 1993, 1995), range(base, base + 3), strict=True))
        cls.demo = Part("gatepost demo", [bench.binary, "demo", "--port-base", str(base)], folder / "demo.log", cwd=folder)
        bench.stack.callback(cls.demo.stop)
        cls.demo.wait_ready(lambda: "Ctrl-C ends the demo" in cls.demo.said(), 60)
        cls.provider = re.search(r"identity provider at (http://\S+)", cls.demo.said())[1]
        cls.path = f"{folder / 'bin'}:{os.environ['PATH']}"

    def setUp(self):
        self.home = Path(tempfile.mkdtemp(dir=self.bench.folder))
        (self.home / "message.txt").write_text(MESSAGE)

    def of_the_demo(self, text):
        for there, here in self.ports.items():
            text = re.sub(rf"\b{there}\b", str(here), text)
        text = text.replace("http://127.0.0.1:PORT", self.provider).replace("contoso.com", "contoso.example")
        return text.replace("pass show gatepost", f"echo {PASSWORD}").replace("YOUR-GATEPOST-PASSWORD", PASSWORD)

    def tearDown(self):
        self.sh(f"curl -sS -d name= {self.provider}/sandbox/rehearse")

    def sh(self, command, check=True, **environment):
        environment = {**os.environ, "PATH": self.path, "HOME": str(self.home), **environment}
        return run("sh", "-c", command, check=check, cwd=self.home, env=environment)

    def sends(self):
        return next(command for command in commands() if "--mail-rcpt" in command)

    def test_every_command_with_these_tools_is_tried_here_or_says_why_not(self):
        tried = ("rehearse", "sandbox/grant", "adminconsent", "--mail-rcpt", "imap://", "pop3://", "openid-configuration", "openssl req", "openssl rand -base64", "s_client")
        found = commands()
        self.assertGreater(len(found), 8)
        for command, pages in found.items():
            known = [part for part in (*tried, *ELSEWHERE) if part in command]
            self.assertTrue(known, f"{command} of {', '.join(sorted(pages))} is not tried")
        for part in (*tried, *ELSEWHERE):
            self.assertTrue(any(part in command for command in found), f"no guide has {part} any more")

    def test_the_commands_at_the_demo_do_what_the_guides_say(self):
        send = self.of_the_demo(self.sends())
        fail, well = (self.of_the_demo(command) for command in commands() if "rehearse" in command)
        self.assertIn("smtp-auth-disabled-tenant", fail)
        (grant,) = (self.of_the_demo(command) for command in commands() if "sandbox/grant" in command)
        self.assertIn("As the administrator", self.sh(grant).stdout)
        (consent,) = (self.of_the_demo(command) for command in commands() if "adminconsent" in command)
        self.assertIn("Permissions granted", self.sh(consent).stdout)
        self.sh(fail)
        # A connection that another test left signed on ends first, within the time that the page names.
        refused = "[gatepost smtp-auth-disabled-tenant]"
        wait_until("the refusal", lambda: refused in self.sh(send + " -v", check=False).stderr, seconds=60, pause=16)
        self.sh(well)
        self.sh(send)
        imap, pop3 = (next(command for command in commands() if scheme in command) for scheme in ("imap://", "pop3://"))
        self.assertRegex(self.sh(self.of_the_demo(imap)).stdout, r"\* STATUS INBOX \(MESSAGES [1-9]")
        self.assertRegex(self.sh(self.of_the_demo(pop3)).stdout, r"^1 \d+")

    def test_a_tenant_is_found_as_the_guide_finds_it(self):
        (command,) = [command for command in commands() if "openid-configuration" in command]
        command = command.replace("https://login.microsoftonline.com/contoso.us", f"{self.provider}/{USER.partition('@')[2]}")
        self.assertIn("issuer", json.loads(self.sh(command).stdout))

    def test_the_certificate_of_an_app_is_made(self):
        (command,) = [command for command in commands() if "openssl req" in command]
        self.sh(command)
        shown = self.sh("openssl x509 -in app.pem -noout -subject -checkend 31000000").stdout
        self.assertIn("gatepost", shown)
        self.assertIn("PRIVATE KEY", (self.home / "app.key").read_text())

    def test_a_long_password_is_made_and_hashed(self):
        (command,) = [command for command in commands() if "openssl rand -base64 24" in command]
        done = self.sh(command)
        self.assertRegex(done.stdout, r"\$argon2id\$")
        self.assertRegex(done.stderr, r"(?m)^\S{32}$")

    def test_a_public_listener_is_checked_from_outside(self):
        daemon = self.bench.fresh_daemon
        (command,) = [command for command in commands() if "s_client" in command]
        at = f"{daemon.address}:{PORTS['starttls-required']['smtp']}"
        command = command.replace("mail.contoso.com:587", f"{at} -verify_hostname {NAME}")
        trusted = self.sh(command, SSL_CERT_FILE=str(self.lab.pki.ca))
        self.assertIn("Verification: OK", trusted.stdout + trusted.stderr)
        stranger = self.sh(command, check=False, SSL_CERT_FILE=str(self.bench.stranger.ca))
        self.assertNotIn("Verification: OK", stranger.stdout + stranger.stderr)

    def test_a_password_is_written_as_a_url_wants_it(self):
        (command,) = {line for page in DOCS.rglob("*.md") for line in shell_lines(page) if line.startswith("python3 -c")}
        environment = {**os.environ, "PATH": self.path}
        done = run("sh", "-c", command, text="p@ss\n", env=environment, start_new_session=True)  # without a terminal it reads its input
        self.assertEqual(done.stdout, "p%40ss\n")

    def test_what_is_put_beside_the_units_is_taken_by_systemd(self):
        units = self.home / "units"
        units.mkdir()
        for name, begins in (("service", "# /etc/systemd/system/gatepost.service.d/secret.conf"), ("socket", "[Socket]")):
            unit = (ROOT / "systemd" / f"gatepost.{name}").read_text()
            (units / f"gatepost.{name}").write_text(unit.replace("/usr/bin/gatepost", str(self.bench.binary)))
            (units / f"gatepost.{name}.d").mkdir()
            (units / f"gatepost.{name}.d" / "mine.conf").write_text(block("systemd.md", begins))
        environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"}
        checked = run("systemd-analyze", "verify", "--man=no", units / "gatepost.service", units / "gatepost.socket", env=environment)
        self.assertNotIn("gatepost", checked.stdout + checked.stderr)

    def page_of(self, language):
        return f"{language}programs/unix.md"

    def config(self, language, name):
        path = self.home / name
        path.write_text(self.of_the_demo(file_of(self.page_of(language), f"~/{name}")))
        path.chmod(0o600)
        return path

    def test_the_files_of_mail_programs_work_as_they_stand(self):
        for language in ("", "ja/"):
            with self.subTest(page=self.page_of(language)):
                self.setUp()
                mark = f"guide {self.home.name}"
                message = MESSAGE.replace("from a guide", mark).replace("\r\n", "\n")
                (self.home / "message.txt").write_text(message)
                self.config(language, ".msmtprc")
                self.sh(f"msmtp -a work {USER} <message.txt")
                self.config(language, ".muttrc")
                self.sh(f"echo by mutt | mutt -s '{mark} by mutt' {USER}")
                self.config(language, ".mbsyncrc")
                self.sh("mkdir -p mail/office && mbsync work")
                inbox = [path.read_text(errors="replace") for path in (self.home / "mail/office/INBOX").glob("*/*")]
                self.assertTrue(any(f"Subject: {mark}\n" in text for text in inbox), "by msmtp, fetched by mbsync")
                self.assertTrue(any(f"Subject: {mark} by mutt\n" in text for text in inbox), "by mutt, fetched by mbsync")
                self.config(language, ".fetchmailrc")
                fetchmail = Part(
                    "fetchmail", ["fetchmail", "--nosyslog", "--pidfile", self.home / "pid", "--mda", f"sh -c 'cat >>{self.home}/fetched'"],
                    self.home / "fetchmail.log", env={**os.environ, "HOME": str(self.home)},
                )
                self.ends_with_this_test(fetchmail)
                fetched = self.home / "fetched"
                wait_until("fetchmail", lambda: fetched.exists() and mark in fetched.read_text(errors="replace"), 60)
                fetchmail.stop()

    def site(self, path):
        environment = {**os.environ, "PATH": str(path)}
        return run(sys.executable, ROOT / "packaging" / "site.py", self.home / "site", env=environment)

    def test_the_site_is_made_of_all_pages_or_says_what_is_missing(self):
        nowhere = self.home / "bin"
        nowhere.mkdir()
        self.assertIn("hint: ", self.site(nowhere).stdout)
        self.assertFalse((self.home / "site").exists())

        self.assertIn("site/index.html", self.site(f"{MDBOOK}:/usr/bin:/bin").stdout)
        for book, pages in ((self.home / "site/docs", DOCS), (self.home / "site/docs/ja", DOCS / "ja")):
            written = {path.relative_to(pages).as_posix() for path in pages.rglob("*.md")} - {"SUMMARY.md"}
            for page in (page for page in written if not page.startswith("ja/")):
                made = book / re.sub(r"README\.md$", "index.md", page).replace(".md", ".html")
                self.assertTrue(made.exists(), f"{page} is not in the site")
                text = made.read_text()
                for link in re.findall(r'(?:href|src)="(?!https?:|mailto:|#)([^"#]+)', text):
                    self.assertTrue((made.parent / unquote(link)).exists(), f"{made.relative_to(self.home)}: {link}")
            self.assertNotRegex((book / "index.html").read_text(), r"[ぁ-ん]\n *[ぁ-ん]")
        self.assertFalse((self.home / "site-source").exists())


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
        "gatepost --config <running-file> doctor", "gatepost config check", "gatepost doctor", "gatepost doctor <address>",
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
    ENDS = ("ss -ltnp 'sport = :<port>'", "kill <process>", "kill <pid>")
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
        ports = "".join(f'[[listener]]\nprotocol = "{name}"\nlisten = ["127.0.0.1:0"]\n' for name in ("smtp", "imap"))
        text = f'[store]\nurl = "sqlite://{self.home}/state/gatepost.db"\n[console]\nlisten = "off"\n'
        text += f'[network]\nca-file = "{self.sandbox.ca}"\n{ports}'
        text += APP.format(client=APP_ID, secret="S", app=self.sandbox.app).replace('client-secret = "S"', secret)
        self.config.write_text(text + ACCOUNT.format(user=USER, password=self.password))
        self.config.chmod(0o600)

    def here(self, line):
        known = {"address": USER, "running-file": self.config, "certificate": self.sandbox.ca, "host": self.host, "port": self.port}
        for name, value in known.items():
            line = line.replace(f"<{name}>", str(value))
        line = re.sub(r"https://(login\.microsoftonline|graph\.microsoft)\.com", self.sandbox.issuer, line)
        line = line.replace("login.microsoftonline.com:443", f"{self.host}:{self.port}")
        return re.sub(r"^gatepost ", f"{self.bench.binary} --config {self.config} ", line.replace("gatepost --config", f"{self.bench.binary} --config"))

    def types(self, line, code=0, **environment):
        environment = {**os.environ, "HOME": str(self.home), "LANG": "C.UTF-8", **environment}
        done = run("sh", "-c", self.here(line), check=False, cwd=self.home, env=environment)
        self.assertEqual(done.returncode, code, f"{line}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def runs(self):
        log = self.home / "daemon.log"
        log.unlink(missing_ok=True)
        daemon = Part("gatepost run", [self.bench.binary, "--config", self.config, "run"], log, cwd=self.home)
        self.ends_with_this_test(daemon)
        daemon.wait_ready(lambda: "smtp" in daemon.said() and "imap" in daemon.said(), 60)
        return daemon

    def test_every_line_of_the_pages_of_faults_is_typed_here_or_says_where(self):
        typed = (*self.OF_GATEPOST, *self.SHOWS, *self.ENDS, *self.LOOKS, RENEWS, "gatepost run")
        lines = of_faults()
        self.assertEqual({line for line in typed if line not in lines}, set(), "no page has these any more")
        self.assertEqual(lines - {*typed}, {*ELSEWHERE_OF_FAULTS}, "somebody types these, or no page has them any more")

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
        looks, *ends = self.ENDS
        for kill in ends:
            with self.subTest(kill):
                daemon = self.runs()
                port = re.search(r"127\.0\.0\.1:(\d+)", daemon.said())[1]
                (process,) = set(re.findall(r"pid=(\d+)", self.types(looks.replace("<port>", port))))
                self.assertEqual(int(process), daemon.process.pid)
                self.types(re.sub(r"<.*>", process, kill))
                self.assertIsNotNone(daemon.process.wait(30))

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
