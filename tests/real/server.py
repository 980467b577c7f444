"""A server that somebody sets up by the guides: a machine of its own, its lines typed as the pages have them, the demo as Microsoft.

It exists so that the tests of services begin where a guide ends. It refuses to leave a line out without a reason, which is given here.
"""

import itertools
import re
import tempfile
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

from bench import RealTest
from lab.guide import typed
from lab.machine import Machine

ELSEWHERE = {"make deb": "test_package", "sudo apt install *": "test_package"}
CONFIGURATION, UNIT = "/etc/gatepost/gatepost.toml", "/etc/systemd/system/gatepost.service"
ANN, PASSWORD = "ann@contoso.example", "example"
DEMO_PORT = 3000
READY = r"state +ready"
# Types the code and who it is at the page of a provider, and consents.
PERSON = r"""
flow=$(curl -sS -d code={code} {origin}/devicelogin | sed -n "s/.*name=flow value=\"\([^\"]*\)\".*/\1/p")
curl -sS -o /dev/null -d flow=$flow --data-urlencode username={user} -d password=demo {origin}/sign-in
curl -sS -d flow=$flow -d answer=accept {origin}/consent | grep "You have signed in"
"""


class Server(RealTest):
    beside_others = True

    def begin(self):
        """Each has a machine of its own, and nothing else."""

    def setUp(self):
        folder = Path(tempfile.mkdtemp(dir=self.bench.folder))
        self.machine = Machine(folder / "machine", self.bench.binary)
        self.addCleanup(self.machine.stop)
        self.bench.stack.callback(self.machine.stop)

    # The demo as Microsoft.

    def demo(self, inside=""):
        """What its app is, and a place of its certificate that a service may read. `inside`: the network that it is in."""
        self.inside = inside
        part = self.machine.begins("gatepost demo", f"exec {inside}/src/target/release/gatepost demo --port-base {DEMO_PORT}", at="/tmp")
        part.wait_ready(lambda: "Ctrl-C ends the demo" in part.said(), 60)
        state = re.search(r"^ *files +(\S+)$", part.said(), re.MULTILINE)[1]
        settings = tomllib.loads(self.machine.reads(f"{state}/gatepost.toml"))
        self.app = settings["app"]["contoso"]
        self.machine.writes("/etc/ssl/demo.pem", self.machine.reads(settings["network"]["ca-file"]))

    def of_the_demo(self, text):
        """A configuration or a line that has to do with a tenant, in that of the demo."""
        text = re.sub(r"\b(alerts|ann|scanner)@contoso\.com", ANN, text)
        of_app = "".join(f'{key} = "{value}"\n' for key, value in self.app.items())
        return re.sub(r"(\[app\.contoso\]\n)(?:.+\n)+", lambda found: f'{found[1]}{of_app}grant = "device-code"\n', text)

    def configures(self, text):
        self.machine.writes(CONFIGURATION, f'[network]\nca-file = "/etc/ssl/demo.pem"\n{self.of_the_demo(text)}')

    def signs_in(self, line):
        """Types a line; where it shows a code, the person goes to the page with it."""
        done = []

        def reader(shown):
            found = re.search(r"(http://\S+)/devicelogin\s+and type the code:\s+([A-Z]{9})\s", shown)
            if found and not done:
                done.append(PERSON.format(origin=found[1], code=found[2], user=ANN))
                self.machine.types(f"{self.inside}sh -euc '{done[0]}'")

        return self.machine.types(self.of_the_demo(line), reader=reader).stdout

    # A page.

    def follows(self, page, happens=None, since="*", until=None):
        """Types the lines of a page from the one that is like `since`, as far as the one that is like `until`. `happens`: what is done in
        the place of a line that is like its key, or beside it."""
        happens, said = happens or {}, {}
        for line in itertools.dropwhile(lambda line: not fnmatchcase(line, since), typed(page)):
            if until and fnmatchcase(line, until):
                break
            if "() {" in line:
                self.machine.prelude += f"{line}\n"
                continue
            if not any(fnmatchcase(line, like) for like in ELSEWHERE):
                does = next((does for like, does in happens.items() if fnmatchcase(line, like)), None)
                said[line] = does(line) if does else self.machine.types(line).stdout
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
