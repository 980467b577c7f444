"""The guides of a server, typed from their first line to their last on a machine of their own: the service under a real systemd with
its credentials and sockets, a certificate of Let's Encrypt, the copies, a container.

It exists because such a line is believed until somebody sits before a service that does not start. What the reader has and the machine
has not (a tenant) is that of the demo. It refuses to leave a line out without a reason, which is given here.
"""

import re
import tempfile
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

from bench import RealTest
from lab.authority import Authority
from lab.guide import block, code, typed
from lab.machine import Machine

ELSEWHERE = {
    "cargo build *": "the program that is tested is in its place",
    "make deb": "test_package",
    "sudo apt install *": "test_package",
}
CONFIGURATION, UNIT = "/etc/gatepost/gatepost.toml", "/etc/systemd/system/gatepost.service"
CREDENTIAL = "LoadCredentialEncrypted=gatepost.key:/etc/gatepost/gatepost.key.cred"
NAME = "mail.contoso.com"
ANN, PASSWORD = "ann@contoso.example", "example"
DEMO_PORT = 3000
READY = r"state +ready"


class Servers(RealTest):
    def setUp(self):
        """A machine of its own for each; nothing of the lab."""
        folder = Path(tempfile.mkdtemp(dir=self.bench.folder))
        self.machine = Machine(folder / "machine", self.bench.binary)
        self.addCleanup(self.machine.stop)
        self.bench.stack.callback(self.machine.stop)

    # The demo as Microsoft.

    def demo(self):
        """What its app is, and a place of its certificate that a service may read."""
        part = self.machine.begins("gatepost demo", f"exec /src/target/release/gatepost demo --port-base {DEMO_PORT}", at="/tmp")
        part.wait_ready(lambda: "Ctrl-C ends the demo" in part.said(), 60)
        state = re.search(r"^ *files +(\S+)$", part.said(), re.MULTILINE)[1]
        settings = tomllib.loads(self.machine.reads(f"{state}/gatepost.toml"))
        self.app = settings["app"]["contoso"]
        self.machine.writes("/etc/ssl/demo.pem", self.machine.reads(settings["network"]["ca-file"]))

    def of_the_demo(self, text):
        """A configuration or a line that has to do with a tenant, in that of the demo."""
        text = re.sub(r"\b(alerts|ann|scanner)@contoso\.com", ANN, text)
        of_app = "".join(f'{key} = "{value}"\n' for key, value in self.app.items())
        text = re.sub(r'(\[app\.contoso\]\n)(?:.+\n)+', lambda found: f'{found[1]}{of_app}grant = "device-code"\n', text)
        return text

    def configures(self, text):
        self.machine.writes(CONFIGURATION, f'[network]\nca-file = "/etc/ssl/demo.pem"\n{self.of_the_demo(text)}')

    def signs_in(self, line):
        """Types a login; the person at the page is the demo's."""
        return self.machine.types(self.of_the_demo(line)).stdout

    # A page.

    def follows(self, page, happens=None, until=None):
        """Types the lines of a page, as far as the one that is like `until`. `happens`: what is done in the place of a line that is like
        its key, or beside it."""
        happens, said = happens or {}, {}
        for line in typed(page):
            if until and fnmatchcase(line, until):
                break
            if "() {" in line:
                self.machine.prelude += f"{line}\n"
                continue
            if not any(fnmatchcase(line, like) for like in ELSEWHERE):
                does = next((does for like, does in happens.items() if fnmatchcase(line, like)), lambda line: self.machine.types(line).stdout)
                said[line] = does(line)
        for like in happens:
            self.assertTrue(any(fnmatchcase(line, like) for line in said), f"{page} has nothing like {like} any more")
        return said

    def serves(self):
        """The service as its guide sets it up, with the function of the guide, not started yet."""
        self.follows("systemd.md", until="gatepost config check")
        (function,) = (line for line in typed("systemd.md") if line.startswith("as-gatepost() {"))
        self.machine.prelude += f"{function}\n"

    def status(self, *lent):
        return self.machine.types(f"as-gatepost {' '.join(lent)} gatepost status").stdout

    def journal(self):
        return self.machine.types("journalctl -u gatepost --no-pager -o cat").stdout

    def test_a_service_is_set_up_by_the_lines_of_its_guide(self):
        self.demo()
        machine = self.machine

        def checks_first(line):
            self.configures(machine.reads(CONFIGURATION))
            return machine.types(line).stdout

        def seals(line):
            self.assertRegex(self.status(), READY)
            machine.types("systemctl stop gatepost && rm -r /var/lib/private/gatepost")  # "before the first start"
            machine.types(line)
            self.assertEqual(machine.types(f"sed -i 's/^# \\({CREDENTIAL.partition('=')[0]}\\)/\\1/' {UNIT} && grep -c ^{CREDENTIAL} {UNIT}").stdout, "1\n")
            machine.types("systemctl daemon-reload && systemctl start gatepost")
            self.assertNotIn("key\n", machine.types("ls /var/lib/gatepost/").stdout.replace(".key\n", "\n"))
            self.signs_in(f"as-gatepost -p {CREDENTIAL} gatepost login {ANN} --flow device")
            machine.types("systemctl restart gatepost")
            self.assertRegex(self.status("-p", CREDENTIAL), READY)
            without = machine.types(f"as-gatepost gatepost login {ANN} --flow device", check=False)
            self.assertEqual(without.returncode, 1, without.stdout)

        def stops(line):
            machine.types(line)
            machine.writes("/etc/systemd/system/gatepost.socket.d/override.conf", block("systemd.md", "[Socket]"))
            machine.types("systemctl daemon-reload")
            text = machine.reads(CONFIGURATION)
            listener = code("systemd.md", 'listen = ["systemd:587"]')
            machine.writes(CONFIGURATION, re.sub(r"\[\[listener\]\]\n(?:.+\n)+", listener, text))

        said = self.follows("systemd.md", {
            "gatepost config check": checks_first,
            "as-gatepost gatepost login *": self.signs_in,
            "openssl rand 32 *": seals,
            "sudo systemctl stop *": stops,
        })
        self.assertIn("Started gatepost.service", said["journalctl -u gatepost"])
        self.assertIn(ANN, said["as-gatepost gatepost status"])
        self.assertIn("587", machine.types("ss -Hltn 'sport < 1024'").stdout)
        self.assertIn("configuration read again", self.journal())
