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
import tomllib
from pathlib import Path

from bench import RealTest
from lab.sandbox import Sandbox

sys.path.append(str(Path(__file__).resolve().parent / "clients" / "built" / "powershell"))
import tree_sitter  # noqa: E402
import tree_sitter_powershell  # noqa: E402

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
CMDLET = re.compile(r"(Add|Connect|Get|New|Remove|Set|Update)-[A-Z][A-Za-z0-9]+ ")
MODULES = tomllib.loads((DOCS.parent / "tests" / "corpus" / "cmdlets.toml").read_text())
OF_ALL = MODULES.pop("all")["parameters"]
CMDLETS = {name: takes for module in MODULES.values() for name, takes in module.items()}
# What they show by themselves is a table without the property that is meant.
SHOWS_LITTLE = ("Get-CASMailbox", "Get-DistributionGroup", "Get-Mailbox", "Get-MgDomainFederationConfiguration", "Get-ServicePrincipal", "Get-User")
# Spoken of, and not to be typed.
NAMES_ALONE = ("Set-TransportConfig",)
# What a person may be called, and would be code if it were not quoted.
ODD = "o'brien@contoso.example"


def parsed(text):
    """Its tree, with what it is of. The grammar knows no digit in the name of a parameter (-OAuth2PermissionGrantId)."""
    source = re.sub(r"(?<=\s)-([A-Za-z]+)\d([A-Za-z]+)", r"-\1\2", text).encode()
    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language())).parse(source).root_node


def within(node):
    yield node
    for child in node.children:
        yield from within(child)


def errors(text):
    """Where the grammar fails, with what stands there."""
    return [(node.start_point.row + 1, node.text.decode()[:120]) for node in within(parsed(text)) if node.is_error or node.is_missing]


def parameters(command):
    """Those of a command itself, not of one within."""
    for child in command.children:
        if child.type == "command_parameter":
            yield child.text.decode().rstrip(":").removeprefix("-")
        elif child.type != "command":
            yield from parameters(child)


def invented(text):
    """Commands and parameters that Microsoft's reference does not have, as far as it is listed."""
    found = []
    for command in (node for node in within(parsed(text)) if node.type == "command"):
        name = command.child_by_field_name("command_name").text.decode()
        if name not in CMDLETS:
            found.append(name)
            continue
        known = [re.sub(r"[\d!]", "", parameter).lower() for parameter in (*CMDLETS[name], *OF_ALL)]
        found += [f"{name} -{parameter}" for parameter in parameters(command) if parameter.lower() not in known]
    return found


def lacking(command):
    """What a command that somebody is to type does without and cannot."""
    first, *behind = re.split(r" \| ", command)
    name, *words = re.findall(r"""(?:[^\s"']|"[^"]*"|'[^']*')+""", first)
    named = {word for word in words if word.startswith("-")}
    if words and not words[0].startswith("-"):
        named.add("-Identity")
    needs = [f"-{parameter.removesuffix('!')}" for parameter in CMDLETS.get(name, ()) if parameter.endswith("!")]
    found = [parameter for parameter in needs if parameter not in named]
    for at, word in enumerate(words):
        is_switch = (name, word) == ("Update-MgUser", "-AccountEnabled")
        if word.startswith("-") and not is_switch and (at + 1 == len(words) or words[at + 1].startswith("-")):
            found.append(f"a value of {word}")
    if name in SHOWS_LITTLE and not any(step.startswith(("Format-List ", "Format-Table ", "Select-Object ")) for step in behind):
        found.append("| Format-List")
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

    def test_a_command_that_lacks_what_it_cannot_do_without_is_found(self):
        for whole in (
            "Set-Mailbox ann@contoso.com -MaxSendSize 100MB", "Get-User -Identity ann@contoso.com | Format-List AuthenticationPolicy",
            """Get-MgServicePrincipal -Filter "appId eq 'x'\"""", "Update-MgUser -UserId ann@contoso.com -AccountEnabled",
        ):
            self.assertEqual(lacking(whole), [], whole)
        for part in ("Remove-ServicePrincipal", "Get-User -Identity x", "Get-CASMailbox -Identity x", "Add-MailboxPermission -Identity x -User y", "Set-CASMailbox -Identity -ImapEnabled $true"):
            self.assertNotEqual(lacking(part), [], part)

    def test_what_microsoft_does_not_document_is_found(self):
        self.assertEqual(invented("Get-MgUser -UserId $x | Where-Object { $_.Id -eq (Get-MgApplication -Filter 'y').Id }"), [])
        self.assertEqual(invented("Set-CASMailbox ann@contoso.com -SmtpAuthDisabled $false"), ["Set-CASMailbox -SmtpAuthDisabled"])
        self.assertEqual(invented("if ($x) { Get-User 'a' | Set-Mail -Identity 'b' }"), ["Set-Mail"])

    def test_the_script_of_setup_is_powershell_in_each_of_its_forms(self):
        folder, sandbox = Sandbox.of_test(self)
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
                "setup", "--discovery", sandbox.issuer, "--config", str(folder / f"{number}" / "gatepost.toml"), "--address", ODD,
                "--provider", provider, "--tenant", "contoso.example", "--grant", grant, "--outbound", outbound, *shared, *proof,
                "--lang", language, "--print-script", "-",
            )
            self.assertIn("Connect-MgGraph", script)
            self.assertEqual(errors(script) + invented(script), [], script)
            seen += 1
        self.assertEqual(seen, 96)

    def test_every_cmdlet_of_the_catalogue_is_powershell(self):
        seen = 0
        for language in ("en", "ja"):
            for fault in json.loads(self.told("explain", "--list", "--json", "--lang", language))["faults"]:
                spans = fault["commands"] + re.findall(r"`([^`]+)`", fault["shell"] or "")
                for command in filter(CMDLET.match, spans):
                    self.assertEqual(errors(command) + invented(command), [], f"{fault['id']}: {command}")
                    self.assertEqual(lacking(command), [], f"{fault['id']}: {command}")
                    seen += 1
                # A name by itself is typed as it stands, too.
                alone = re.findall(rf"`({CMDLET.pattern.strip()})`", fault["next-step"])
                self.assertEqual([one for one in alone if one[0] not in NAMES_ALONE], [], fault["id"])
        self.assertGreater(seen, 40)

    def test_every_cmdlet_of_the_guides_is_powershell(self):
        seen = 0
        for page in sorted(DOCS.rglob("*.md")):
            text = page.read_text()
            blocks = re.findall(r"```powershell\n(.*?)```", text, re.S)
            spans = list(filter(CMDLET.match, re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.S))))
            # In the pages of the faults each stands alone on its line.
            spans += filter(CMDLET.match, re.findall(r"^ {4,}(\S.*)$", text, re.M))
            for command in spans:
                self.assertEqual(lacking(command), [], f"{page.relative_to(DOCS)}: {command}")
            for code in itertools.chain(blocks, spans):
                self.assertEqual(errors(code) + invented(code), [], f"{page.relative_to(DOCS)}: {code}")
                seen += 1
        self.assertGreater(seen, 100)
