"""What Gatepost prints against a fault is typed as it stands: in a tenant where all of it is still to be done each command changes
something, and where the sandbox has the fault, a client that was refused is served behind it.

It exists because a step that reads well may still not mend what it is printed for. No command is copied here: each comes from the
program's output or a page. PowerShell is not run, and no tenant of Microsoft's is asked (`lab/shell.py`).
"""

import contextlib
import itertools
import json
import re
import subprocess

from bench import RealTest
from lab.administrator import CHANGING, CMDLET, Administrator, registered_by_hand, ways
from lab.cmdlets import Session
from lab.directory import CLOUDS, Directory, enterprise_id
from lab.guide import DOCS
from lab.inventory import changes, inventory
from lab.sandbox import APP_ID, USERS
from lab.values import Refused, Thing
from steps import DOES, GROUP, KNOWN, OF_PAGES, SWITCHED_ON

ANN, BOB, SHARED = USERS

CONFIGURATION = """
[store]
url = "sqlite://{folder}/gatepost.db"
[app.contoso]
provider = "microsoft365"
tenant = "contoso.example"
client-id = "{app}"
{grant}
[[account]]
address = "{user}"
password = "$argon2id$v=19$m=19456,t=2,p=1$jadUx9pbGg8NcLe2TEYegA$+2V6xq59ycMuOSHLUobYxgbX8AOlxkpF0DOSY02Q6z0"
"""
GRANTS = {"person": "", "app": 'grant = "client-credentials"\nclient-secret = "x"'}


# The mailboxes that guides speak of, and what stands in the tenant behind each of them.
PEOPLE = ("ann", "info", "orders", "invoices", "scanner", "fax")
APP = enterprise_id(APP_ID)
GUIDES = {
    "microsoft365": {SWITCHED_ON.format("ann")},
    "security-defaults": {SWITCHED_ON.format("scanner")},
    "doctor": {SWITCHED_ON.format("ann")},
    "shared-mailbox": {"ann reads info", "ann sends as info", "ann sends on behalf of info", SWITCHED_ON.format("ann")},
    "app-only": GROUP | {
        "Gatepost reads orders", "Gatepost reads invoices", "Gatepost sends as info", "scanner is in gatepost-senders",
        "Gatepost has Application SMTP.SendAsApp in Gatepost", SWITCHED_ON.format("orders"),
    },
    "graph": GROUP | {"Gatepost has Application Mail.Send in Gatepost", "scanner is in gatepost-senders", "fax is in gatepost-senders"},
    "unattended": {f"Gatepost has {role} for all" for role in ("IMAP.AccessAsApp", "POP.AccessAsApp", "SMTP.SendAsApp")},
}

# Nobody says it to an app that is configured so.
UNHEARD = {
    "person": {
        "client-secret-expired", "client-secret-wrong", "client-secret-not-allowed", "app-certificate-refused", "app-certificate-unreadable",
        "service-account-key-unreadable", "service-account-refused", "federated-token-unreadable", "federated-token-refused",
    },
    "app": {"mfa-required", "user-disabled", "user-locked", "user-not-found", "app-certificate-refused", "app-certificate-unreadable"},
}


def typed_into_powershell(page):
    """The blocks and cmdlets of a guide, in their order. What stands there twice is typed once."""
    block = r"(?ms)^( *)```powershell\n(.*?)^ *```"
    sample = rf"^ {{4,}}({CMDLET.pattern}.*)$"
    found = [(match.start(), match[2]) for match in re.finditer(block, page)]
    rest = re.sub(r"(?ms)^ *```.*?^ *```", lambda match: " " * len(match[0]), page)
    found += [(match.start(), match[1]) for match in re.finditer(r"`([^`\n]+)`", rest) if CMDLET.match(match[1]) and " " in match[1]]
    found += [(match.start(), match[1]) for match in re.finditer(rf"(?m){sample}", page)]
    seen = ""
    for _, code in sorted(found):
        if code not in seen:
            seen += code
            yield code


def still_to_be_done(commands):
    """A tenant in which whatever these do is not done yet, and whatever they rest on is there."""
    directory = Directory("contoso.example", USERS, app_ids=[APP_ID])
    text = "\n".join(commands)
    for mailbox, user in zip(directory.mailboxes, directory.users):
        mailbox.set("ImapEnabled", False)
        mailbox.set("PopEnabled", False)
        user.set("AccountEnabled", False)
        user.set("AuthenticationPolicy", "Block Basic")
    directory.policies.append("AllowSMTP")
    app = registered_by_hand(directory)
    session = Session(directory)
    session.has_exchange = True
    if "Remove-ServicePrincipal" in text or "New-ServicePrincipal" not in text:
        object_id = app.Id if "Remove-ServicePrincipal" in text else APP
        session.perform("New-ServicePrincipal", {"AppId": APP_ID, "ObjectId": object_id})
    if "New-DistributionGroup" not in text:
        (group,) = session.perform("New-DistributionGroup", {"Name": "gatepost-senders", "Type": "Security"})
        of_group = f"MemberOfGroup -eq '{group.DistinguishedName}'"
        session.perform("New-ManagementScope", {"Name": "Gatepost", "RecipientRestrictionFilter": of_group})
    federation = dict(ActiveSignInUri="http://login.contoso.example", PassiveSignInUri="https://login.contoso.example")
    directory.federations.append(Thing("federation", Id="8f1d0000-0000-4000-8000-000000000003", DomainId="contoso.example", **federation))
    return directory


class Mended(RealTest):
    def setUp(self):
        """Nothing of the lab."""

    def told(self, *arguments, folder):
        command = [self.bench.binary, *arguments]
        environment = {"HOME": "/nonexistent", "PATH": "/usr/bin:/bin"}
        return subprocess.run(command, check=True, capture_output=True, text=True, env=environment, timeout=60, cwd=folder).stdout

    def typed_in_order(self, commands, **known):
        """Each has what it needs, and each that is to change something does. What all of them changed, and whoever typed them."""
        directory = still_to_be_done(commands)
        undone = inventory(directory)
        administrator = Administrator(directory)
        for command in commands:
            before = len(directory.journal)
            administrator.types(command, **KNOWN, **known)
            self.assertEqual(len(directory.journal) > before, bool(CHANGING.match(command)), f"{command}: {administrator.warnings}")
        return changes(undone, inventory(directory)), administrator.session

    def all_typed(self, found, **known):
        """Every way of a step, with no scope that none of them needs."""
        asked, least = set(), set()
        for way, commands in found.items():
            did, session = self.typed_in_order(commands, **known)
            asked, least = asked | session.graph_scopes, least | session.least_scopes()
            yield way, did
        self.assertEqual(asked, least)

    def test_each_command_of_a_step_finds_what_it_needs_and_does_what_the_step_is_for(self):
        folder = self.bench.folder / self._testMethodName
        folder.mkdir()
        seen = set()
        for who, grant in GRANTS.items():
            flags = ("--config", str(folder / f"{who}.toml"), "--lang")
            (folder / f"{who}.toml").write_text(CONFIGURATION.format(folder=folder, app=APP_ID, grant=grant, user=ANN))
            unheard = set()
            for fault in (one["id"] for one in json.loads(self.told("explain", "--list", "--json", *flags, "en", folder=folder))["faults"]):
                page, japanese = (self.told("explain", fault, *flags, language, folder=folder) for language in ("en", "ja"))
                self.assertEqual(ways(page), ways(japanese), fault)
                if "[app.contoso]` has nothing" in page:
                    self.assertIn("`[app.contoso]` は", japanese)
                    unheard.add(fault)
                    continue
                # It names the command that shows it.
                known = {"object_id": APP} if re.search(rf"(?s)<object-id>:.{{,300}}doctor {ANN}", page) else {}
                with self.subTest(f"{fault} for {who}"):
                    for (_, *way), did in self.all_typed(ways(page), **known):
                        mend = (who, fault, *([" ".join(way)] if way else []))
                        self.assertEqual(did, DOES.get(mend, set()), mend)
                        seen |= {mend} if did else set()
            self.assertEqual(unheard, UNHEARD[who])
        self.assertEqual(seen, set(DOES))

    def test_each_page_of_a_fault_can_be_typed_from_above_to_below(self):
        known = {"client_id": APP_ID, "smtp_user": ANN, "mailbox": ANN, "who_signs_on": ANN}
        seen = set()
        for page in sorted((DOCS / "faults").glob("*.md")):
            text, fault = page.read_text(), page.stem
            self.assertEqual(ways(text), ways((DOCS / "ja" / "faults" / page.name).read_text()), fault)
            shows = {"object_id": APP} if re.search(r"(?s)\\<object-id>:.{,100}gatepost doctor", text) else {}
            with self.subTest(fault):
                for (whom, *way), did in self.all_typed(ways(text), **known, **shows):
                    mend = ("app" if whom == "app" else "person", fault, *([" ".join(way)] if way else []))
                    wanted = OF_PAGES.get(fault, DOES.get(mend, set())) if not whom else DOES.get(mend, set())
                    self.assertEqual(did, wanted, (whom, *mend))
                    seen |= {(whom, fault)} if did else set()
        self.assertLessEqual({fault for _, fault, *_ in DOES}, {fault for _, fault in seen})

    def test_each_guide_can_be_typed_from_above_to_below(self):
        seen = []
        for page in sorted(DOCS.rglob("*.md")):
            code = [] if page.parent.name == "faults" else list(typed_into_powershell(page.read_text()))
            if not code or page.stem == "national-clouds":
                continue
            with self.subTest(str(page.relative_to(DOCS))):
                directory = Directory("contoso.com", [f"{name}@contoso.com" for name in PEOPLE], app_ids=[APP_ID])
                registered_by_hand(directory)
                undone = inventory(directory)
                administrator = Administrator(directory)
                # Whoever opens it is connected.
                administrator.session.has_exchange = "Exchange Online PowerShell" in page.read_text().partition(code[0])[0]
                for part in code:
                    before = len(directory.journal)
                    administrator.types(part, client_id=APP_ID, object_id=APP)
                    self.assertEqual(len(directory.journal) > before, bool(re.search(rf"(?m)^\s*{CHANGING.pattern}", part)), part)
                did = {sentence.replace("@contoso.com", "") for sentence in changes(undone, inventory(directory))}
                self.assertEqual(did, GUIDES[page.stem])
                seen.append(page.stem)
        self.assertEqual(sorted(seen), sorted([*GUIDES, *GUIDES]), "each in both languages")

    def test_each_cloud_is_entered_by_its_own_name(self):
        for page in DOCS.rglob("national-clouds.md"):
            (block,) = typed_into_powershell(page.read_text())
            opened = []
            for line, cloud in itertools.product(block.splitlines(), CLOUDS):
                with contextlib.suppress(Refused):
                    Administrator(Directory("contoso.example", cloud=cloud)).types(line)
                    opened.append(cloud)
            self.assertEqual(["Global", *opened], list(CLOUDS))
