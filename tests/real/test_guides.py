"""What the guides say to type, typed: every shell block with curl, swaks or openssl, and the configuration files of mail programs.

It exists because a command in a guide is believed by whoever copies it. Host, port and user are those of the demo instead of the
reader's; nothing else is changed. It refuses to let a command stand untried: of what another test types it looks at that.
"""

import base64
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from unittest import mock
from urllib.parse import unquote

from bench import RealTest
from daemon import PORTS
from lab.guide import DOCS, PROGRAMS, ROOT, block, names, of_sentence, programs, shell_lines, spoken, taken
from lab.pki import NAME
from lab.processes import Part, run, wait_until
from lab.sandbox import free_ports

TOOLS = ("curl", "swaks", "openssl")
# Its own calls are typed by tests/it/guides.
OURS = {"gatepost", "as-gatepost"}
# Programs that a test machine need not have, beside those of the catalogue.
OTHERS = (*PROGRAMS, "brew", "certbot", "dpkg-reconfigure", "exim", "lego", "podman", "perf", "snap", "sqlite3", "yum")
# What looks like a command in a sentence and is none to be typed: words of configurations that are programs as well, and what a page tells that others do, or did.
A_KEY = re.compile(r"\w+ = .*|(account|from|host|id|idle|login|postfix|exim|user|users|date|port|tls|test)|(auth|port|set|tls|unset) [\w\"]+")
TOLD = {
    "chmod", "cp", "kill -9", "kill -HUP", "make real", "perf record -e cpu-clock", "sendmail", "sqlite3", "sudo",
    "systemd-analyze security",
}
USER, PASSWORD = "ann@contoso.example", "demo"

# What another test types, by a part of it.
ELSEWHERE = {"proxy.corp.example": "test_detours", "systemd-creds": "test_machine", "chat-url": "test_relays"}
MDBOOK = Path(__file__).resolve().parent / "clients" / "built" / "mdbook" / "bin"
MESSAGE = f"From: {USER}\r\nTo: {USER}\r\nSubject: from a guide\r\n\r\nhello\r\n"


def commands():
    """Each command with one of the tools, and the guides that have it. The pages of the faults have a test of their own."""
    found = {}
    for page in sorted(page for page in DOCS.rglob("*.md") if page.parent.name != "faults"):
        for line in shell_lines(page):
            if any(re.search(rf"(^|[|;&] *){tool} ", line) for tool in TOOLS):
                found.setdefault(re.sub(r"\s+", " ", line), set()).add(str(page.relative_to(DOCS)))
    return found


def commands_of_sentences(pages, of):
    """Each command within a sentence that begins with one of these programs, and the guides that have it."""
    found = {}
    for page in pages:
        for command in spoken(page, of):
            if not A_KEY.fullmatch(command) and command not in TOLD:
                found.setdefault(command, set()).add(str(page))
    return found


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
        for part, test in ELSEWHERE.items():
            pages = {page.removeprefix("ja/") for command, pages in found.items() if part in command for page in pages}
            self.assertEqual({page for page in pages if not names(test, page)}, set(), f"{test} does not read these")

    def test_every_command_within_a_sentence_is_typed_by_a_test_that_has_it_from_there(self):
        """Those of Gatepost are typed by tests/it/guides."""
        guides = [page.relative_to(DOCS) for page in DOCS.rglob("*.md") if not {"faults", "ja"} & {*page.relative_to(DOCS).parts}]
        found = commands_of_sentences(guides, programs(OTHERS) - OURS)
        here = Path(__file__).resolve().parent
        tried = {command for test in (here / "install.sh", *here.glob("test_*.py")) for _, command in taken(test)}
        self.assertEqual({*found}, tried, "a sentence says to type what no test does, or none says it any more")

    def test_a_command_of_a_page_is_typed_by_a_test_that_has_it_from_there_and_not_by_one_that_names_both(self):
        test = self.home / "test.py"
        test.write_text("""PAGE = "queue.md", "mailq"\nof_sentence("queue.md", "mailq")\nrun(of_sentence("queue.md", "exim -bp"))\n""")
        self.assertEqual(taken(test), {("queue.md", "exim -bp")})
        installs = self.home / "install.sh"
        installs.write_text("""# queue.md 'mailq'\nline=$(python3 "$here/lab/guide.py" queue.md 'exim -bp')\n""")
        self.assertEqual(taken(installs), {("queue.md", "exim -bp")})
        with self.assertRaises(AssertionError):
            of_sentence("queue.md", "exim -bp")

    def test_a_command_within_a_sentence_is_seen_whatever_program_of_this_machine_it_begins_with(self):
        page = self.home / "page.md"
        page.write_text("# Page\n\nType `wc -l /etc/passwd`, or\n`lego --help`; with `login`, `port 1995` and `gatepost status`.\n")
        (self.home / "ja").mkdir()
        with mock.patch("lab.guide.DOCS", self.home):
            shutil.copy(page, self.home / "ja")
            self.assertEqual({*commands_of_sentences([page.name], programs(OTHERS) - OURS)}, {"wc -l /etc/passwd", "lego --help"})
            (self.home / "ja" / "page.md").write_text("`wc -l /etc/group`\n")
            with self.assertRaises(AssertionError):
                commands_of_sentences([page.name], programs(OTHERS) - OURS)

    def test_keys_are_made_and_taken_out_by_the_commands_within_sentences(self):
        self.assertEqual(len(base64.b64decode(self.sh(of_sentence("backup.md", "openssl rand -base64 32")).stdout.strip(), validate=True)), 32)
        command = of_sentence("coming-from-elsewhere.md", "openssl pkcs12 -in davmail.p12 -out cert.pem -clcerts -nokeys")
        self.sh("openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=davmail -keyout key -out certificate")
        self.sh("openssl pkcs12 -export -inkey key -in certificate -out davmail.p12 -passout pass:store")
        secret = " -passin pass:store"  # it asks
        self.sh(command + secret)
        (of_key,) = re.findall(r"with `(-nocerts -nodes)` for the key", (DOCS / "coming-from-elsewhere.md").read_text())
        self.sh(command.replace("-clcerts -nokeys", of_key).replace("cert.pem", "key.pem") + secret)
        self.assertEqual(self.sh("openssl x509 -in cert.pem -noout -pubkey").stdout, self.sh("openssl pkey -in key.pem -pubout").stdout)

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

    def site(self, *folders):
        """By the command of the README."""
        (command,) = set(re.findall("`(make site)`", (ROOT / "README.md").read_text()))
        path = ":".join(map(str, (Path(sys.executable).parent, *folders)))
        return run("/bin/sh", "-c", f"exec /usr/bin/{command}", cwd=ROOT, env={**os.environ, "PATH": path, "SITE": str(self.home / "site")})

    def test_the_site_is_made_of_all_pages_or_says_what_is_missing(self):
        nowhere = self.home / "bin"
        nowhere.mkdir()
        self.assertIn("hint: ", self.site(nowhere).stdout)
        self.assertFalse((self.home / "site").exists())

        self.assertIn("site/index.html", self.site(MDBOOK, "/usr/bin", "/bin").stdout)
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
