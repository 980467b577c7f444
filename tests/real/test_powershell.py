"""What administrators are told to type into PowerShell, read by a real grammar of it: the commands of the catalogue, and every cmdlet
of the guides. And what the evaluator in which they are typed (`test_administrator`, `test_mended`, `test_served`) refuses.

It exists because counting brackets shows nothing: a quote or a backtick too many is found by a parser alone. PowerShell itself is not
run, here or there: the evaluator is of the part that we print, and the tenant is one in memory, by our reading of Microsoft's
reference (`lab/shell.py`, `lab/directory.py`).
"""

import itertools
import json
import re
import subprocess

from bench import RealTest
from lab.administrator import CMDLET, Administrator, registered_by_hand
from lab.directory import Directory, enterprise_id
from lab.guide import DOCS
from lab.shell import CMDLETS, OF_ALL, bare, errors, parsed, within, words
from lab.values import Refused, Unknown

# What they show by themselves is a table without the property that is meant.
SHOWS_LITTLE = ("Get-CASMailbox", "Get-DistributionGroup", "Get-Mailbox", "Get-MgDomainFederationConfiguration", "Get-ServicePrincipal", "Get-User")
TYPED = re.compile(rf"(?=\S+ ){CMDLET.pattern}")
# Spoken of, and not to be typed.
NAMES_ALONE = ("Set-TransportConfig",)


def parameters(command):
    """Those of a command itself, not of one within."""
    for child in command.children:
        if child.type == "command_parameter":
            yield words(child).rstrip(":").removeprefix("-")
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
        known = set(map(bare, (*CMDLETS[name], *OF_ALL)))
        found += [f"{name} -{parameter}" for parameter in parameters(command) if bare(parameter) not in known]
    return found


def lacking(command):
    """What a command that somebody is to type does without and cannot."""
    first, *behind = re.split(r" \| ", command)
    name, *behind_it = re.findall(r"""(?:[^\s"']|"[^"]*"|'[^']*')+""", first)
    named = {word for word in behind_it if word.startswith("-")}
    if behind_it and not behind_it[0].startswith("-"):
        named.add("-Identity")
    needs = [f"-{parameter.removesuffix('!')}" for parameter in CMDLETS.get(name, ()) if parameter.endswith("!")]
    found = [parameter for parameter in needs if parameter not in named]
    for at, word in enumerate(behind_it):
        is_switch = f"{word[1:]}?" in CMDLETS.get(name, ())
        if word.startswith("-") and not is_switch and (at + 1 == len(behind_it) or behind_it[at + 1].startswith("-")):
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
        self.assertEqual(invented("Update-MgOauth2PermissionGrant -OAuth2PermissionGrantId x"), [])
        self.assertEqual(
            invented("Update-MgOauth2PermissionGrant -OAuth3PermissionGrantId x"), ["Update-MgOauth2PermissionGrant -OAuth3PermissionGrantId"],
        )
        self.assertEqual(invented("if ($x) { Get-User 'a' | Set-Mail -Identity 'b' }"), ["Set-Mail"])

    def test_every_cmdlet_of_the_catalogue_is_powershell(self):
        seen = 0
        for language in ("en", "ja"):
            for fault in json.loads(self.told("explain", "--list", "--json", "--lang", language))["faults"]:
                spans = fault["commands"] + re.findall(r"`([^`]+)`", fault["shell"] or "")
                for command in filter(TYPED.match, spans):
                    self.assertEqual(errors(command) + invented(command), [], f"{fault['id']}: {command}")
                    self.assertEqual(lacking(command), [], f"{fault['id']}: {command}")
                    seen += 1
                # A name by itself is typed as it stands, too.
                alone = [one for one in re.findall(r"`([^` ]+)`", fault["next-step"]) if CMDLET.fullmatch(one)]
                self.assertEqual([one for one in alone if one not in NAMES_ALONE], [], fault["id"])
        self.assertGreater(seen, 40)

    def test_every_cmdlet_of_the_guides_is_powershell(self):
        seen = 0
        for page in sorted(DOCS.rglob("*.md")):
            text = page.read_text()
            blocks = re.findall(r"```powershell\n(.*?)```", text, re.S)
            rest = re.sub(r"```.*?```", "", text, flags=re.S)
            spans = list(filter(TYPED.match, re.findall(r"`([^`\n]+)`", rest)))
            # In the pages of the faults each stands alone on its line.
            spans += filter(TYPED.match, re.findall(r"^ {4,}(\S.*)$", rest, re.M))
            for command in spans:
                self.assertEqual(lacking(command), [], f"{page.relative_to(DOCS)}: {command}")
            for code in itertools.chain(blocks, spans):
                self.assertEqual(errors(code) + invented(code), [], f"{page.relative_to(DOCS)}: {code}")
                seen += 1
        self.assertGreater(seen, 100)


class Evaluator(RealTest):
    """That of `lab/shell.py`, in a tenant with an app."""

    def setUp(self):
        """Nothing of the lab."""
        self.directory = Directory("contoso.com", ["ann@contoso.com"])
        self.administrator = Administrator(self.directory)
        registered_by_hand(self.directory)
        self.administrator.types("Connect-ExchangeOnline; Connect-MgGraph -Scopes Application.ReadWrite.All")
        self.administrator.types("$app = Get-MgApplication -Filter \"displayName eq 'Gatepost'\"")
        self.before = list(self.directory.journal)

    def refuses(self, kind, *commands):
        for command in commands:
            with self.subTest(command), self.assertRaises(kind):
                self.administrator.types(command)
        self.assertEqual(self.directory.journal, self.before, "nothing is half done")

    def test_it_knows_no_cmdlet_operator_or_statement_that_we_do_not_print(self):
        self.refuses(
            Unknown, "Get-Item x", "gci", "1 -gt 2", "'a' -like 'a*'", "while ($true) { 1 }", "function f { 1 }", "'a' -replace 'a', 'b'",
            "$app.AppId.Length", "$app[0]", "& 'x'", "[Convert]::ToString(1)", "Get-ServicePrincipal > x", "'a' | Sort-Object", '"`n"',
        )

    def test_what_powershell_would_take_for_nothing_is_refused(self):
        self.refuses(
            Unknown, "$nobody", "Set-CASMailbox ann@contoso.com -ImapEnabled $fales", "$app.ApplicationId", '"$app.AppId"', '"$($app.Nothing)"',
            "Get-CASMailbox ann@contoso.com | Format-List 'Imap'", "@($app | Where-Object Nothing -eq 'x')", "Set-CASMailbox <mailbox> -ImapEnabled $false",
            "Remove-ServicePrincipal -Identity <client-id>",
        )

    def test_a_value_that_is_none_is_refused_for_exchange_would_take_it_for_everybody(self):
        self.refuses(
            Unknown, "Get-Mailbox $null", "Get-Mailbox -Identity ''", "Get-MgUser -UserId @(Get-ServicePrincipal).AppId",
            "Set-Mailbox ann@contoso.com -GrantSendOnBehalfTo @{ Add = $null }", "Get-DistributionGroup @('a', $null)",
        )

    def test_no_variable_of_powershells_own_is_set(self):
        self.refuses(Unknown, "$host = 'x'", "foreach ($pid in @(1)) { $pid }", "$Error = @()", "$ErrorActionPreference = 'Continue'")

    def test_a_call_that_microsofts_reference_does_not_have_is_refused(self):
        self.refuses(
            Refused, "Set-CASMailbox ann@contoso.com -SmtpAuthDisabled $false", "Set-CASMailbox ann@contoso.com -ImapEnabled",
            "Set-CASMailbox -ImapEnabled $true", "Set-CASMailbox ann@contoso.com bob@contoso.com", "Set-CASMailbox ann@contoso.com -ImapEnabled 'false'",
            "Update-MgUser -UserId ann@contoso.com -AccountEnabled $true", "Add-MailboxPermission ann@contoso.com -User ann@contoso.com -AccessRights Full",
            "Set-Mailbox ann@contoso.com -MaxSendSize 151MB", "New-ServicePrincipal -AppId x", "Get-ServicePrincipal | Format-List 'AppId' 'ObjectId'",
            "Connect-ExchangeOnline -ExchangeEnvironmentName O365China",
        )

    def test_what_is_not_there_is_refused_and_so_is_what_is_there_already(self):
        app = self.directory.applications[0]
        self.refuses(
            Refused, "Set-CASMailbox nobody@contoso.com -ImapEnabled $true", "Get-DistributionGroup gatepost-senders",
            f"Add-MailboxPermission ann@contoso.com -User {enterprise_id(app.AppId)} -AccessRights FullAccess",
            f"New-ManagementRoleAssignment -App {app.AppId} -Role 'Application Mail.Send' -CustomResourceScope Gatepost",
            "New-ManagementScope -Name Gatepost -RecipientRestrictionFilter \"MemberOfGroup -eq 'CN=nobody'\"",
            f"New-MgServicePrincipal -AppId {app.AppId}", "Remove-ServicePrincipal -Identity x",
        )

    def test_a_cmdlet_ahead_of_its_connect_or_beyond_its_scopes_is_refused(self):
        self.refuses(Refused, "Update-MgUser -UserId ann@contoso.com -AccountEnabled")
        self.administrator = Administrator(self.directory)
        self.refuses(Refused, "Get-ServicePrincipal", "Get-MgApplication -Filter \"displayName eq 'Gatepost'\"")

    def test_the_object_id_of_the_app_registration_is_taken_and_opens_no_mailbox(self):
        app = self.directory.applications[0]
        for object_id, is_open in ((app.Id, False), (enterprise_id(app.AppId), True)):
            self.administrator.types(f"New-ServicePrincipal -AppId {app.AppId} -ObjectId {object_id}")
            self.administrator.types(f"Add-MailboxPermission ann@contoso.com -User {object_id} -AccessRights FullAccess")
            self.assertEqual(self.directory.is_open("ann@contoso.com", enterprise_id(app.AppId)), is_open)
            self.administrator.types(f"Remove-ServicePrincipal -Identity {app.AppId}")

    def test_an_error_that_is_not_to_be_shown_is_nothing_and_one_that_nobody_expects_is_still_told(self):
        self.assertEqual(self.administrator.types("Get-DistributionGroup nobody -ErrorAction SilentlyContinue"), [])
        self.refuses(Unknown, "Get-DistributionGroup $nobody -ErrorAction SilentlyContinue")
        self.refuses(
            Refused, "Set-Mailbox ann@contoso.com -MaxSendSize 151MB -ErrorAction SilentlyContinue",
            "New-ManagementScope -Name x -RecipientRestrictionFilter 'Nobody' -ErrorAction SilentlyContinue",
        )

    def test_an_error_stops_a_cmdlet_of_a_script_module_by_its_parameter_or_the_default_of_that_alone(self):
        fails, goes_on = "Get-DistributionGroup nobody", "Set-CASMailbox ann@contoso.com -ImapEnabled $false"
        preference, default = "$ErrorActionPreference = 'Stop'", "$PSDefaultParameterValues = @{ '*:ErrorAction' = 'Stop' }"
        for lines, stops in (([fails], False), ([preference, fails], False), ([default, fails], True), ([f"{fails} -ErrorAction Stop"], True)):
            with self.subTest(lines), self.assertRaises(Refused):
                self.directory.mailbox("ann@contoso.com").set("ImapEnabled", True)
                Administrator(self.directory).types("; ".join(["Connect-ExchangeOnline", *lines, goes_on]))
            self.assertEqual(self.directory.mailbox("ann@contoso.com").ImapEnabled, stops)
        # One that is in a library heeds the preference.
        for line, stops in ((preference, True), ("$x = 1", False)):
            administrator = Administrator(self.directory)
            with self.assertRaises(Refused):
                administrator.types(f"{line}; Connect-MgGraph -Scopes User.Read.All -Environment China; Connect-ExchangeOnline")
            self.assertEqual(administrator.session.has_exchange, not stops)

    def test_typographic_quotation_marks_are_quotation_marks(self):
        for text, value in (("‘a’", "a"), ("'o’’brien'", "o’brien"), ("“a ‘b’”", "a ‘b’"), ("'“'", "“"), ("# o’brien\n'a'", "a"), ("'a''b'", "a'b")):
            with self.subTest(text):
                self.assertEqual(self.administrator.types(text), [value])
        self.refuses(Unknown, "Get-Mailbox 'o’brien@contoso.com'")

    def test_a_scope_that_nothing_needs_is_not_asked_for_and_some_need_another_beside_them(self):
        self.refuses(Unknown, "Connect-MgGraph -Scopes Directory.ReadWrite.All")
        ids = "-ServicePrincipalId x -PrincipalId x -ResourceId x -AppRoleId x"
        with self.assertRaisesRegex(Refused, "Insufficient privileges"):
            Administrator(self.directory).types(f"Connect-MgGraph -Scopes AppRoleAssignment.ReadWrite.All; New-MgServicePrincipalAppRoleAssignment {ids}")
        reads = Administrator(self.directory)
        reads.types("Connect-MgGraph -Scopes Application.ReadWrite.All; Get-MgApplication -Filter \"displayName eq 'x'\"")
        self.assertEqual(reads.session.least_scopes(), {"Application.Read.All"})

    def test_it_computes_as_powershell_does(self):
        for text, value in (
            ("$one = @('a'); $one + 'b'", ["a", "b"]), ("@(-split 'a  b') -join '-'", ["a-b"]), ("if (-not @()) { 'none' }", ["none"]),
            ("@('a', 'B') | Where-Object { $_ -ne 'b' }", ["a"]), ("'A' -in @('a', 'b')", [True]), ("$x = 'it''s'; \"$x $(1000)\"", ["it's 1000"]),
            ("foreach ($x in @()) { $x }", []), ("@(@{ Id = 'x' }, @{ Id = 'y' }).Id", ["x", "y"]), ("$null -eq @().Id", [True]),
            ("@($null) | ForEach-Object { 'once' }", ["once"]), ("$null | ForEach-Object { 'once' }", ["once"]), ("@('a') + $null", ["a", None]),
            ("foreach ($x in $null) { 'never' }", []), ("@(Get-ServicePrincipal)", []), ("$x = Get-ServicePrincipal; @($x)", []),
            ("$x = Get-ServicePrincipal; $null -eq $x", [True]), ("@($null)", [None]), ("@{ 'a:b' = 'x' }", [{"a:b": "x"}]),
        ):
            with self.subTest(text):
                self.assertEqual(self.administrator.types(text), value)
