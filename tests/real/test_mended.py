"""What Gatepost prints against a fault is typed as it stands: in a tenant where all of it is still to be done each command changes
something, and where the sandbox has the fault, a client that was refused is served behind it.

It exists because a step that reads well may still not mend what it is printed for. No command is copied here: each comes from the
program's output or a page. PowerShell is not run, and no tenant of Microsoft's is asked (`lab/shell.py`).
"""

import json
import re
import subprocess

from bench import RealTest
from lab.administrator import CHANGING, CMDLET, Administrator, ways
from lab.directory import Directory, enterprise_id
from lab.sandbox import APP_ID, USERS
from lab.values import Thing

ANN, BOB, SHARED = USERS
# What no command shows, and a person knows.
KNOWN = {"policy": "AllowOAuth", "domain": "contoso.example", "host": "login.contoso.example", "path": "adfs/ls", "sender": SHARED}

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


def still_to_be_done(commands):
    """A tenant in which whatever these do is not done yet, and whatever they rest on is there."""
    directory = Directory("contoso.example", USERS)
    text = "\n".join(commands)
    for mailbox, user in zip(directory.mailboxes, directory.users):
        mailbox.set("ImapEnabled", False)
        mailbox.set("PopEnabled", False)
        user.set("AccountEnabled", False)
        user.set("AuthenticationPolicy", "Block Basic")
    directory.policies.append(KNOWN["policy"])
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
                    known = {"object_id": enterprise_id(APP_ID)} if re.search(rf"(?s)<object-id>[:：].{{,300}}doctor {ANN}", page) else {}
                    for way, commands in ways(page).items():
                        with self.subTest(f"{fault['id']} for {who} in {language}: {way}"):
                            self.typed_in_order(commands, **known)
                            seen += len(commands)
        self.assertGreater(seen, 200)
