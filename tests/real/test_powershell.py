"""What administrators are told to type into PowerShell, read by a real grammar of it: the script of `gatepost setup` in each of its
forms, the commands of the catalogue, and every cmdlet of the guides.

It exists because counting brackets shows nothing: a quote or a backtick too many is found by a parser alone. It refuses to run any of
it: that needs a tenant.
"""

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

from bench import RealTest
from lab.sandbox import Sandbox

sys.path.append(str(Path(__file__).resolve().parent / "clients" / "built" / "powershell"))
import tree_sitter  # noqa: E402
import tree_sitter_powershell  # noqa: E402

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
CMDLET = re.compile(r"(Add|Connect|Get|New|Remove|Set|Update)-[A-Z][A-Za-z0-9]+ ")
# What a person may be called, and would be code if it were not quoted.
ODD = "o'brien@contoso.example"


def errors(text):
    """Where the grammar fails, with what stands there. It knows no digit in the name of a parameter (-OAuth2PermissionGrantId)."""
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    source, found = re.sub(r"(?<=\s)-([A-Za-z]+)\d([A-Za-z]+)", r"-\1\2", text).encode(), []

    def walk(node):
        if node.is_error or node.is_missing:
            found.append((node.start_point.row + 1, source[node.start_byte:node.end_byte].decode()[:120]))
        for child in node.children:
            walk(child)

    walk(parser.parse(source).root_node)
    return found


class PowerShell(RealTest):
    def setUp(self):
        """Nothing of the lab."""

    def told(self, *arguments):
        """What the program prints, without a configuration."""
        environment = {"HOME": "/nonexistent", "PATH": "/usr/bin:/bin"}
        command = [self.bench.binary, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=environment, timeout=60, cwd=self.bench.folder).stdout

    def test_the_grammar_finds_what_is_wrong(self):
        self.assertEqual(errors("Set-CASMailbox 'ann@contoso.com' -ImapEnabled $true\n"), [])
        for wrong in ("Set-CASMailbox 'ann\n", "if ($x) { Get-User\n", "foreach ($one in $all { }\n", "$x = @('a', )\n"):
            self.assertNotEqual(errors(wrong), [], wrong)

    def test_the_script_of_setup_is_powershell_in_each_of_its_forms(self):
        folder = self.bench.folder / self._testMethodName
        folder.mkdir()
        sandbox = Sandbox(self.bench.binary, folder / "sandbox")
        self.ends_with_this_test(sandbox.part)
        sandbox.wait_ready()
        issuer = re.match(r"http://[^/]+", sandbox.app["token-url"])[0]
        forms = list(itertools.product(
            ("authorization-code", "device-code", "client-credentials"),
            ("smtp", "graph", "smtp-then-graph"),
            ((), ("--shared", "info@contoso.example", "--shared", ODD)),
            ("microsoft365", "microsoft365-gcc-high"),
            ((), ("--make-certificate",)),
            ("en", "ja"),
        ))
        seen = 0
        for number, (grant, outbound, shared, provider, proof, language) in enumerate(forms):
            if proof and grant != "client-credentials":
                continue
            script = self.told(
                "setup", "--discovery", issuer, "--config", str(folder / f"{number}" / "gatepost.toml"), "--address", ODD,
                "--provider", provider, "--tenant", "contoso.example", "--grant", grant, "--outbound", outbound, *shared, *proof,
                "--lang", language, "--print-script", "-",
            )
            self.assertIn("Connect-MgGraph", script)
            self.assertEqual(errors(script), [], script)
            seen += 1
        self.assertEqual(seen, 96)

    def test_every_cmdlet_of_the_catalogue_is_powershell(self):
        seen = 0
        for language in ("en", "ja"):
            for fault in json.loads(self.told("explain", "--list", "--json", "--lang", language))["faults"]:
                spans = fault["commands"] + re.findall(r"`([^`]+)`", fault["shell"] or "")
                for command in filter(CMDLET.match, spans):
                    self.assertEqual(errors(command), [], f"{fault['id']}: {command}")
                    seen += 1
        self.assertGreater(seen, 40)

    def test_every_cmdlet_of_the_guides_is_powershell(self):
        seen = 0
        for page in sorted(DOCS.rglob("*.md")):
            text = page.read_text()
            blocks = re.findall(r"```powershell\n(.*?)```", text, re.S)
            spans = filter(CMDLET.match, re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.S)))
            for code in itertools.chain(blocks, spans):
                self.assertEqual(errors(code), [], f"{page.relative_to(DOCS)}: {code}")
                seen += 1
        self.assertGreater(seen, 100)
