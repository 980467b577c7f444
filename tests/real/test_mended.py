"""What Gatepost prints against a fault is typed as it stands: in a tenant where all of it is still to be done each command changes
something, and where the sandbox has the fault, a client that was refused is served behind it.

It exists because a step that reads well may still not mend what it is printed for. No command is copied here: each comes from the
program's output or a page. PowerShell is not run, and no tenant of Microsoft's is asked (`lab/shell.py`).
"""

import contextlib
import json
import re
import subprocess

from bench import RealTest
from lab.administrator import CHANGING, CMDLET, Administrator, ways
from lab.directory import CLOUDS, Directory, enterprise_id
from lab.guide import DOCS
from lab.sandbox import APP_ID, USERS
from lab.values import Refused, Thing

ANN, BOB, SHARED = USERS
# What no command shows, and a person knows.
KNOWN = {"domain": "contoso.example", "host": "login.contoso.example", "path": "adfs/ls", "sender": SHARED, "signed_in_as": BOB}

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
GRANTS = {"a person": "", "an app": 'grant = "client-credentials"\nclient-secret = "x"'}


# The mailboxes that guides speak of, and what stands in the tenant behind each of them.
PEOPLE = ("ann", "info", "orders", "invoices", "scanner", "fax")
APP = enterprise_id(APP_ID)
GUIDES = {
    "microsoft365": {"SMTP AUTH on ann"},
    "security-defaults": {"SMTP AUTH on scanner"},
    "doctor": {"SMTP AUTH on ann"},
    "shared-mailbox": {"ann reads info", "ann sends as info", "ann sends on behalf of info", "SMTP AUTH on ann"},
    "app-only": {
        "the app reads orders", "the app reads invoices", "the app sends as info", "Application SMTP.SendAsApp for scanner", "SMTP AUTH on orders",
    },
    "graph": {"Application Mail.Send for scanner", "Application Mail.Send for fax"},
    "unattended": {"IMAP.AccessAsApp for all", "POP.AccessAsApp for all", "SMTP.SendAsApp for all"},
}


def effects(directory):
    """What stands in a tenant that was empty, in words."""

    def name(who):
        return "the app" if who == APP else who.partition("@")[0]

    def members(role):
        return directory.group(directory.scope(role.CustomResourceScope).MemberOfGroup).Members

    boxes = directory.mailboxes
    return {
        *(f"SMTP AUTH on {name(one.PrimarySmtpAddress)}" for one in boxes if one.SmtpClientAuthenticationDisabled is False),
        *(f"{name(who)} sends on behalf of {name(one.PrimarySmtpAddress)}" for one in boxes for who in one.GrantSendOnBehalfTo),
        *(f"{name(who)} reads {name(box)}" for box, who in directory.full_access),
        *(f"{name(who)} sends as {name(box)}" for box, who in directory.send_as),
        *(f"{role.Role} for {name(one)}" for role in directory.management_roles for one in members(role)),
        *(f"{role} for all" for role in directory.granted(APP_ID)),
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
    directory = Directory("contoso.example", USERS)
    text = "\n".join(commands)
    for mailbox, user in zip(directory.mailboxes, directory.users):
        mailbox.set("ImapEnabled", False)
        mailbox.set("PopEnabled", False)
        user.set("AccountEnabled", False)
        user.set("AuthenticationPolicy", "Block Basic")
    directory.policies.append("AllowSMTP")
    directory.applications.append(Thing("application", Id="the app registration's", AppId=APP_ID, DisplayName="Gatepost"))
    directory.principals.append(Thing("enterprise application", Id=enterprise_id(APP_ID), AppId=APP_ID, DisplayName="Gatepost"))
    if "Remove-ServicePrincipal" in text or "New-ServicePrincipal" not in text:
        object_id = "the app registration's" if "Remove-ServicePrincipal" in text else enterprise_id(APP_ID)
        directory.known_to_exchange.append(Thing("service principal", AppId=APP_ID, ObjectId=object_id, DisplayName="Gatepost"))
    if "New-DistributionGroup" not in text:
        name = "CN=gatepost-senders,OU=tenant,DC=PROD"
        directory.groups.append(Thing("group", Name="gatepost-senders", DistinguishedName=name, Members=[]))
        directory.scopes.append(Thing("management scope", Name="Gatepost", MemberOfGroup=name))
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
        """Each has what it needs, and each that is to change something does."""
        directory = still_to_be_done(commands)
        administrator = Administrator(directory)
        for command in commands:
            before = len(directory.journal)
            administrator.types(command, **KNOWN, **known)
            self.assertEqual(len(directory.journal) > before, bool(CHANGING.match(command)), f"{command}: {administrator.warnings}")

    def test_each_command_of_a_step_finds_what_it_needs_and_does_something(self):
        folder = self.bench.folder / self._testMethodName
        folder.mkdir()
        seen = 0
        for who, grant in GRANTS.items():
            config = folder / f"{who}.toml"
            config.write_text(CONFIGURATION.format(folder=folder, app=APP_ID, grant=grant, user=ANN))
            for language in ("en", "ja"):
                flags = ("--config", str(config), "--lang", language)
                for fault in json.loads(self.told("explain", "--list", "--json", *flags, folder=folder))["faults"]:
                    page = self.told("explain", fault["id"], *flags, folder=folder)
                    if "[app.contoso]` has nothing" in page or "`[app.contoso]` は" in page:
                        continue  # nobody says it to this app
                    # It names the command that shows it.
                    known = {"object_id": enterprise_id(APP_ID)} if re.search(rf"(?s)<object-id>(?:[:：]| は).{{,300}}doctor {ANN}", page) else {}
                    for way, commands in ways(page).items():
                        with self.subTest(f"{fault['id']} for {who} in {language}: {way}"):
                            self.typed_in_order(commands, **known)
                            seen += len(commands)
        self.assertGreater(seen, 200)

    def test_each_page_of_a_fault_can_be_typed_from_above_to_below(self):
        known = {"client_id": APP_ID, "smtp_user": ANN, "mailbox": SHARED, "who_signs_on": ANN}
        seen = 0
        for page in sorted(DOCS.rglob("faults/*.md")):
            text = page.read_text()
            shows = {"object_id": enterprise_id(APP_ID)} if re.search(r"(?s)\\<object-id>[:：].{,100}gatepost doctor", text) else {}
            for way, commands in ways(text).items():
                with self.subTest(f"{page.relative_to(DOCS)}: {way}"):
                    self.typed_in_order(commands, **known, **shows)
                    seen += len(commands)
        self.assertGreater(seen, 200)

    def test_each_guide_can_be_typed_from_above_to_below(self):
        seen = set()
        for page in sorted(DOCS.rglob("*.md")):
            code = [] if page.parent.name == "faults" else list(typed_into_powershell(page.read_text()))
            if not code or page.stem == "national-clouds":
                continue
            with self.subTest(str(page.relative_to(DOCS))):
                directory = Directory("contoso.com", [f"{name}@contoso.com" for name in PEOPLE])
                directory.applications.append(Thing("application", Id="the app registration's", AppId=APP_ID, DisplayName="Gatepost"))
                directory.principals.append(Thing("enterprise application", Id=enterprise_id(APP_ID), AppId=APP_ID, DisplayName="Gatepost"))
                administrator = Administrator(directory)
                # Whoever opens it is connected.
                administrator.session.has_exchange = "Exchange Online PowerShell" in page.read_text().partition(code[0])[0]
                for part in code:
                    before = len(directory.journal)
                    administrator.types(part, client_id=APP_ID, object_id=enterprise_id(APP_ID))
                    self.assertEqual(len(directory.journal) > before, bool(re.search(rf"(?m)^\s*{CHANGING.pattern}", part)), part)
                self.assertEqual(effects(directory), GUIDES[page.stem])
                seen.add(page.stem)
        self.assertEqual(seen, set(GUIDES))

    def test_each_cloud_is_entered_by_its_own_name(self):
        for page in DOCS.rglob("national-clouds.md"):
            (block,) = typed_into_powershell(page.read_text())
            for line in block.splitlines():
                opened = []
                for cloud in CLOUDS:
                    with contextlib.suppress(Refused):
                        Administrator(Directory("contoso.example", cloud=cloud)).types(line)
                        opened.append(cloud)
                self.assertEqual(len(opened), 1, line)
