"""An administrator types what Gatepost prints for PowerShell, in a tenant that stands in for Microsoft's: the script of
`gatepost setup` in each of its forms. Behind it mail flows at the sandbox.

It exists because a command that parses may still be in the wrong order, name what is not there, or give more than is needed. No
command is copied here: each comes from the program's output. PowerShell is not run, and no tenant of Microsoft's is asked: the
cmdlets are `lab/entra.py` and `lab/exchange.py`, by our reading of Microsoft's reference.
"""

import itertools
import re

from bench import RealTest
from lab.administrator import Administrator
from lab.cmdlets import Session
from lab.directory import Directory, enterprise_id
from lab.mirror import Mirror
from lab.processes import Part, run
from lab.sandbox import APP_ID, APP_SECRET, USERS, Sandbox

ANN, BOB, SHARED = USERS
PUBLIC_APP = "10000000-0000-4000-8000-000000000001"
GRANTS, OUTBOUND = ("authorization-code", "device-code", "client-credentials"), ("smtp", "graph", "smtp-then-graph")
CLOUDS = {"microsoft365": "Global", "microsoft365-gcc-high": "USGov"}
# What a person may be called, and would be code if it were not quoted.
ODD = "o'brien@contoso.example"
INFO = "info@contoso.example"


def granted(directory):
    """Everything that stands in a tenant with one app."""
    (app,) = directory.applications
    values = {one.Id: one.Value for resource in directory.resources for one in (*resource.Oauth2PermissionScopes, *resource.AppRoles)}
    names = {one.ObjectId: "the app" for one in directory.known_to_exchange}
    return {
        "asks for": {values[one.Id] for resource in app.RequiredResourceAccess for one in resource.ResourceAccess},
        "is public": (app.PublicClient.RedirectUris, app.IsFallbackPublicClient),
        "certificates": len(app.KeyCredentials),
        "consent": {(one.ConsentType, directory.user(one.PrincipalId).UserPrincipalName, one.Scope) for one in directory.consents},
        "may by itself": directory.granted(app.AppId),
        "is known to Exchange": [(one.AppId == app.AppId, one.ObjectId == directory.principals[-1].Id) for one in directory.known_to_exchange],
        "full access": {(mailbox, names.get(who, who)) for mailbox, who in directory.full_access},
        "send as": {(mailbox, names.get(who, who)) for mailbox, who in directory.send_as},
        "sends for": {
            (one.Role, member) for one in directory.management_roles
            for member in directory.group(directory.scope(one.CustomResourceScope).MemberOfGroup).Members
        },
        "SMTP AUTH": {one.PrimarySmtpAddress for one in directory.mailboxes if one.SmtpClientAuthenticationDisabled is False},
    }


def least(grant, outbound, shared, proof, address=ODD):
    """What Gatepost cannot do without, and nothing else. It signs in once for all three protocols, so SMTP is asked for with
    Graph, too.
    """
    smtp, graph = outbound != "graph", outbound != "smtp"
    mailboxes = {address, *shared}
    if grant == "client-credentials":
        roles = ["Application SMTP.SendAsApp"] * smtp + ["Application Mail.Send"] * graph
        reading = {"IMAP.AccessAsApp", "POP.AccessAsApp"}
        return {
            "asks for": reading, "is public": ([], False), "certificates": len(proof), "consent": set(), "may by itself": reading,
            "is known to Exchange": [(True, True)], "full access": {(one, "the app") for one in mailboxes}, "send as": set(),
            "sends for": set(itertools.product(roles, mailboxes)), "SMTP AUTH": mailboxes if smtp else set(),
        }
    scopes = ["IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send", *["Mail.Send"] * graph, "offline_access", "openid", "profile"]
    return {
        "asks for": set(scopes), "is public": (["http://localhost"], grant == "device-code"), "certificates": 0,
        "consent": {("Principal", address, " ".join(scopes))}, "may by itself": set(), "is known to Exchange": [],
        "full access": {(one, address) for one in shared}, "send as": {(one, address) for one in shared}, "sends for": set(),
        "SMTP AUTH": {address} if smtp else set(),
    }


class Script(RealTest):
    """That of `gatepost setup`."""

    def setUp(self):
        """Nothing of the lab: everything happens on the sandbox and in memory."""
        self.folder, self.sandbox = Sandbox.of_test(self)

    def script(self, *flags):
        return self.run_setup(*flags, "--print-script", "-")

    def run_setup(self, *flags, check=True):
        """Without anybody to ask. What it prints."""
        command = [self.bench.binary, "setup", "--discovery", self.sandbox.issuer, "--tenant", "contoso.example", *flags]
        return run(*command, check=check, cwd=self.folder, env={"HOME": "/nonexistent", "PATH": "/usr/bin:/bin"}).stdout

    def runs(self, script, directory):
        """In a window of its own, to the end, without a question. What is left on the screen is the id of the app."""
        administrator = Administrator(directory)
        (shown,) = administrator.types(script)
        self.assertEqual(shown, f"client id: {directory.applications[0].AppId}")
        self.assertEqual(administrator.session.asked, [], "a script stops at a question")
        return administrator.warnings

    def test_each_form_gives_the_least_rights_and_a_second_run_changes_nothing(self):
        proofs = ((), ("--make-certificate",))
        forms = itertools.product(GRANTS, OUTBOUND, ((), (INFO, BOB)), CLOUDS, proofs, ("en", "ja"))
        forms = [form for form in forms if not form[4] or form[0] == "client-credentials"]
        self.assertEqual(len(forms), 96)
        for number, (grant, outbound, shared, provider, proof, language) in enumerate(forms):
            with self.subTest(f"{grant}, {outbound}, {len(shared)} shared, {provider}, {proof}, {language}"):
                script = self.script(
                    "--config", str(self.folder / f"{number}" / "gatepost.toml"), "--address", ODD, "--provider", provider, "--grant", grant,
                    "--outbound", outbound, *(word for one in shared for word in ("--shared", one)), *proof, "--lang", language,
                )
                directory = Directory("contoso.example", [ODD, INFO, BOB], CLOUDS[provider])
                self.assertEqual(self.runs(script, directory), [])
                self.assertEqual(granted(directory), least(grant, outbound, shared, proof))
                before = list(directory.journal)
                self.runs(script, directory)
                self.assertEqual(directory.journal, before)

    def test_what_an_app_has_already_stays_and_what_is_missing_comes(self):
        flags = ("--config", str(self.folder / "gatepost.toml"), "--address", ODD)
        directory = Directory("contoso.example", [ODD])
        self.runs(self.script(*flags), directory)
        app = directory.applications[0]
        app.PublicClient.RedirectUris.append("https://intranet.contoso.example")
        self.runs(self.script(*flags, "--grant", "device-code", "--outbound", "graph"), directory)
        self.assertEqual(granted(directory), least("device-code", "graph", (), ()) | {
            "is public": (["http://localhost", "https://intranet.contoso.example"], True), "SMTP AUTH": {ODD},
            "consent": {("Principal", ODD, "IMAP.AccessAsUser.All POP.AccessAsUser.All SMTP.Send offline_access openid profile Mail.Send")},
        })
        # The same app by itself: what it asks for at Graph stays.
        self.runs(self.script(*flags, "--grant", "client-credentials", "--make-certificate"), directory)
        self.assertEqual(granted(directory)["asks for"] & {"Mail.Send", "IMAP.AccessAsApp"}, {"Mail.Send", "IMAP.AccessAsApp"})
        warned = self.runs(self.script(*flags, "--grant", "client-credentials", "--make-certificate"), directory)
        self.assertEqual(granted(directory)["certificates"], 1, "another installation may live on the one that is there")
        self.assertEqual(len([one for one in warned if "certificate" in one]), 1, warned)

    def test_an_app_that_exchange_has_by_a_wrong_object_id_is_mended(self):
        script = self.script("--config", str(self.folder / "gatepost.toml"), "--address", ODD, "--grant", "client-credentials")
        directory = Directory("contoso.example", [ODD])
        self.made_by_hand(directory)
        app = directory.applications[0]
        Administrator(directory).types(f"Connect-ExchangeOnline; New-ServicePrincipal -AppId {app.AppId} -ObjectId {app.Id}")
        self.runs(script, directory)
        self.assertEqual(granted(directory), least("client-credentials", "smtp", (), ()))

    def test_the_steps_by_hand_give_the_same_rights_in_exchange(self):
        parts = ("is known to Exchange", "full access", "send as", "sends for", "SMTP AUTH")
        for grant, outbound, shared, language in itertools.product(GRANTS, OUTBOUND, ((), (INFO, BOB)), ("en", "ja")):
            with self.subTest(f"{grant}, {outbound}, {len(shared)} shared, {language}"):
                flags = ("--address", ANN, *(word for one in shared for word in ("--shared", one)), "--grant", grant, "--outbound", outbound)
                page = self.run_setup("--config", str(self.folder / "new.toml"), *flags, "--lang", language, check=False)
                typed = re.search(r"Exchange Online PowerShell.*\n((?: {7}.*\n)+)", page)
                directory = Directory("contoso.example", [ANN, INFO, BOB])
                self.made_by_hand(directory)
                administrator = Administrator(directory)
                administrator.session.has_exchange = True
                if typed:
                    app = directory.applications[0]
                    administrator.types(typed[1], client_id=app.AppId, object_id=enterprise_id(app.AppId))
                wanted = least(grant, outbound, shared, (), ANN)
                self.assertEqual({part: granted(directory)[part] for part in parts}, {part: wanted[part] for part in parts})

    @staticmethod
    def made_by_hand(directory):
        """The app and its enterprise application, as the steps before it make them in a browser."""
        session = Session(directory)
        session.graph_scopes.add("Application.ReadWrite.All")
        (app,) = session.perform("New-MgApplication", {"DisplayName": "Gatepost", "SignInAudience": "AzureADMyOrg", "RequiredResourceAccess": []})
        session.perform("New-MgServicePrincipal", {"AppId": app.AppId})

    def test_before_it_setup_says_what_is_missing_and_behind_it_mail_flows(self):
        for grant, outbound in itertools.product(GRANTS, OUTBOUND):
            with self.subTest(f"{grant}, {outbound}"):
                by_itself = grant == "client-credentials"
                app_id = APP_ID if by_itself else PUBLIC_APP
                directory = Directory("contoso.example", USERS, app_ids=[app_id])
                self.sandbox.rehearsal("")
                for mailbox in (ANN, SHARED):
                    self.sandbox.empty(mailbox)
                Mirror(directory, self.sandbox, app_id, outbound, [ANN, SHARED], None if by_itself else ANN)
                folder = self.folder / f"{grant}-{outbound}"
                folder.mkdir()
                flags = ("--config", str(folder / "gatepost.toml"), "--address", ANN, "--shared", SHARED, "--grant", grant, "--outbound", outbound)
                code, said = self.setup(folder, *flags, "--client-id", app_id)
                self.assertEqual(code, 1, said)
                self.assertRegex(said, r"\[(service-principal-missing|consent-missing|smtp-auth-disabled-tenant)\]")
                self.runs(self.script(*flags), directory)
                code, said = self.setup(folder, *flags, "--client-id", app_id)
                self.assertEqual(code, 0, said)
                for mailbox in (ANN, SHARED):
                    self.assertIn(f"Sent from {mailbox} to {mailbox}.", said)
                self.assertEqual([len(self.sandbox.stored(mailbox)) for mailbox in (ANN, SHARED)], [1, 1])

    def setup(self, folder, *flags):
        """`gatepost setup`, with whoever is asked at the pages and codes that it shows. How it ended, and all it said."""
        settings = {f"app.{key}": self.sandbox.app[key] for key in ("authorize-url", "token-url", "device-url", "graph-url", "smtp", "imap", "pop3")}
        settings |= {"store.url": f"sqlite://{folder}/state/gatepost.db", "network.ca-file": self.sandbox.ca, "console.listen": "off"}
        command = [self.bench.binary, "setup", "--discovery", self.sandbox.issuer, "--tenant", "contoso.example", *flags, "--yes", "--password-stdin"]
        command += ["--listen", "smtp=127.0.0.1:0", "--listen", "imap=127.0.0.1:0"]
        command += [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        if "client-credentials" in flags:
            (folder / "given").write_text(APP_SECRET)
            command += ["--client-secret-file", folder / "given"]
        number = len(list(folder.glob("*.log")))
        environment = {"HOME": str(folder), "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"}
        part = Part("gatepost setup", command, folder / f"{number}.log", text="garden gate 7\n", cwd=folder, env=environment)
        self.ends_with_this_test(part)
        return self.sandbox.attends(part, ANN), part.said()
