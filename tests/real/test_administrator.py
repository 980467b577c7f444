"""An administrator types what Gatepost prints for PowerShell, in a tenant that stands in for Microsoft's: the script of
`gatepost setup` in each of its forms. Behind it mail flows at the sandbox.

It exists because a command that parses may still be in the wrong order, name what is not there, or give more than is needed. No
command is copied here: each comes from the program's output. PowerShell is not run, and no tenant of Microsoft's is asked: the
cmdlets are `lab/entra.py` and `lab/exchange.py`, by our reading of Microsoft's reference.
"""

import contextlib
import itertools
import re

from bench import RealTest
from lab.administrator import Administrator, registered_by_hand
from lab.directory import Directory, enterprise_id
from lab.inventory import changes, inventory
from lab.mirror import Mirror
from lab.processes import Part, run
from lab.sandbox import APP_ID, APP_SECRET, PUBLIC_APP_ID, USERS, Sandbox
from lab.shell import MODULE_OF
from lab.values import Refused

ANN, BOB, SHARED = USERS
GRANTS, OUTBOUND = ("authorization-code", "device-code", "client-credentials"), ("smtp", "graph", "smtp-then-graph")
CLOUDS = {"microsoft365": "Global", "microsoft365-gcc-high": "USGov"}
# What a person may be called, and would be code if it were not quoted.
ODD, ODD_AS_WELL = "o'brien@contoso.example", "o’brien@contoso.example"
INFO = "info@contoso.example"


def in_entra(grant, outbound, proof=(), address=ODD):
    """What Gatepost cannot do without, and nothing else. It signs in once for all three protocols, so SMTP is asked for with
    Graph, too.
    """
    app = {"Gatepost SignInAudience: AzureADMyOrg", "Gatepost is an enterprise application"}
    if grant == "client-credentials":
        app |= {"Gatepost IsFallbackPublicClient: False", *["Gatepost has certificates: 1"] * len(proof)}
        for role in ("IMAP.AccessAsApp", "POP.AccessAsApp"):
            app |= {f"Gatepost asks Office 365 Exchange Online for {role}", f"Gatepost has {role} for all"}
        return app
    scopes = ["IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send", *["Mail.Send"] * (outbound != "smtp"), "offline_access", "openid", "profile"]
    return app | {f"Gatepost asks Microsoft Graph for {one}" for one in scopes} | {
        f"Gatepost acts for {address} at Microsoft Graph: {' '.join(scopes)}", "Gatepost is redirected to http://localhost",
        "Gatepost IsFallbackPublicClient" if grant == "device-code" else "Gatepost IsFallbackPublicClient: False",
    }


def in_exchange(grant, outbound, shared=(), address=ODD):
    """Likewise."""
    smtp, graph = outbound != "graph", outbound != "smtp"
    by_itself = grant == "client-credentials"
    mailboxes = {address, *shared} if by_itself else {address}
    switched = {f"{one} SmtpClientAuthenticationDisabled: False" for one in mailboxes if smtp}
    if not by_itself:
        return switched | {f"{address} {may} {one}" for one in shared for may in ("reads", "sends as")}
    roles = ["Application SMTP.SendAsApp"] * smtp + ["Application Mail.Send"] * graph
    group = {"gatepost-senders GroupType: Universal, SecurityEnabled", "scope Gatepost: gatepost-senders", "Exchange knows Gatepost as Gatepost"}
    rights = {sentence for one in mailboxes for sentence in (f"Gatepost reads {one}", f"{one} is in gatepost-senders")}
    return switched | group | rights | {f"Gatepost has {role} in Gatepost" for role in roles}


def fails_at(session, number):
    """The step that does. What it was asked to do, with it."""
    perform, calls = session.perform, []

    def performs(name, parameters):
        calls.append(name)
        if len(calls) == number:
            raise Refused("Too many requests")
        return perform(name, parameters)

    session.perform = performs
    return calls


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
        """In a window of its own, to the end, without a question. What is left on the screen is the id of the app, and each module that
        was used is named; that of the sign-in comes with the others.
        """
        administrator = Administrator(directory)
        (shown,) = administrator.types(script)
        self.assertEqual(shown, f"client id: {directory.applications[0].AppId}")
        self.assertEqual(administrator.session.asked, [], "a script stops at a question")
        (modules,) = re.findall(r"#   Install-Module (.*)", script)
        used = {MODULE_OF[name].replace("exchangepowershell", "exchangeonlinemanagement") for name in administrator.session.performed}
        self.assertLessEqual(used, {"microsoft.graph.authentication", *modules.lower().split(", ")})
        return administrator

    def test_each_form_gives_the_least_rights_and_a_second_run_changes_nothing(self):
        proofs = ((), ("--make-certificate",))
        forms = itertools.product(GRANTS, OUTBOUND, ((), (INFO, ODD_AS_WELL)), CLOUDS, proofs, ("en", "ja"))
        forms = [form for form in forms if not form[4] or form[0] == "client-credentials"]
        self.assertEqual(len(forms), 96)
        for number, (grant, outbound, shared, provider, proof, language) in enumerate(forms):
            with self.subTest(f"{grant}, {outbound}, {len(shared)} shared, {provider}, {proof}, {language}"):
                script = self.script(
                    "--config", str(self.folder / f"{number}" / "gatepost.toml"), "--address", ODD, "--provider", provider, "--grant", grant,
                    "--outbound", outbound, *(word for one in shared for word in ("--shared", one)), *proof, "--lang", language,
                )
                directory = Directory("contoso.example", [ODD, INFO, ODD_AS_WELL], CLOUDS[provider])
                empty = inventory(directory)
                administrator = self.runs(script, directory)
                self.assertEqual(administrator.warnings, [])
                self.assertEqual(administrator.session.graph_scopes, administrator.session.least_scopes())
                self.assertEqual(changes(empty, inventory(directory)), in_entra(grant, outbound, proof) | in_exchange(grant, outbound, shared))
                before = list(directory.journal)
                for directory.shows_assignees_by in ("ObjectId", "DisplayName"):
                    self.runs(script, directory)
                    self.assertEqual(directory.journal, before)

    def test_whichever_step_fails_none_is_taken_behind_it(self):
        """One with SilentlyContinue goes on behind what it was written for alone; the evaluator refuses any other, as PowerShell does not."""
        for grant in GRANTS:
            flags = ("--address", ODD, "--shared", INFO, "--grant", grant, "--outbound", "smtp-then-graph")
            script = self.script("--config", str(self.folder / "gatepost.toml"), *flags)
            for number in itertools.count(1):
                administrator = Administrator(Directory("contoso.example", [ODD, INFO]))
                calls = fails_at(administrator.session, number)
                with contextlib.suppress(Refused):
                    administrator.types(script)
                    break
                self.assertEqual(len(calls), number, f"{grant}: behind {calls[number - 1]} came {calls[number:]}")
            self.assertGreater(number, 10)

    def test_what_an_app_has_already_stays_and_what_is_missing_comes(self):
        flags = ("--config", str(self.folder / "gatepost.toml"), "--address", ODD)
        directory = Directory("contoso.example", [ODD])
        empty = inventory(directory)
        self.runs(self.script(*flags), directory)
        app = directory.applications[0]
        app.PublicClient.RedirectUris.append("https://intranet.contoso.example")
        self.runs(self.script(*flags, "--grant", "device-code", "--outbound", "graph"), directory)
        wanted = {one for one in in_entra("device-code", "graph") if "acts for" not in one} | in_exchange("device-code", "smtp") | {
            "Gatepost is redirected to https://intranet.contoso.example", f"Gatepost acts for {ODD} at Microsoft Graph: "
            "IMAP.AccessAsUser.All POP.AccessAsUser.All SMTP.Send offline_access openid profile Mail.Send",
        }
        self.assertEqual(changes(empty, inventory(directory)), wanted)
        # The same app by itself: what it asks for at Graph stays.
        self.runs(self.script(*flags, "--grant", "client-credentials", "--make-certificate"), directory)
        by_itself = in_entra("client-credentials", "smtp", ("certificate",)) | in_exchange("client-credentials", "smtp")
        wanted |= {one for one in by_itself if "IsFallbackPublicClient" not in one}
        self.assertEqual(changes(empty, inventory(directory)), wanted)
        warned = self.runs(self.script(*flags, "--grant", "client-credentials", "--make-certificate"), directory).warnings
        self.assertEqual(changes(empty, inventory(directory)), wanted, "another installation may live on the certificate that is there")
        self.assertEqual(len([one for one in warned if "certificate" in one]), 1, warned)

    def test_an_app_that_takes_the_place_of_a_person_may_send_as_what_the_configuration_names(self):
        """The person had the right."""
        file = self.folder / "gatepost.toml"
        file.write_text(
            '[app.contoso]\nprovider = "microsoft365"\ntenant = "contoso.example"\n'
            f'client-id = "{PUBLIC_APP_ID}"\n[[account]]\naddress = "{ODD}"\napp = "contoso"\npassword = "first-use"\n'
            f'send-as = ["{ODD}", "{INFO}", "*@elsewhere.example"]\n',
        )
        script = self.script("--config", str(file), "--address", ODD, "--grant", "client-credentials")
        directory = Directory("contoso.example", [ODD, INFO], app_ids=[PUBLIC_APP_ID])
        empty = inventory(directory)
        self.runs(script, directory)
        rights = {one for one in changes(empty, inventory(directory)) if "sends as" in one}
        self.assertEqual(rights, {f"Gatepost sends as {INFO}"})
        before = list(directory.journal)
        self.runs(script, directory)
        self.assertEqual(directory.journal, before)

    def test_an_app_that_exchange_has_by_a_wrong_object_id_is_mended(self):
        script = self.script("--config", str(self.folder / "gatepost.toml"), "--address", ODD, "--grant", "client-credentials")
        directory = Directory("contoso.example", [ODD])
        empty = inventory(directory)
        app = registered_by_hand(directory)
        Administrator(directory).types(f"Connect-ExchangeOnline; New-ServicePrincipal -AppId {app.AppId} -ObjectId {app.Id}")
        self.runs(script, directory)
        wanted = in_entra("client-credentials", "smtp") | in_exchange("client-credentials", "smtp")
        self.assertEqual(changes(empty, inventory(directory)), wanted)

    def test_the_steps_by_hand_give_the_same_rights_in_exchange(self):
        for grant, outbound, shared, language in itertools.product(GRANTS, OUTBOUND, ((), (INFO, BOB)), ("en", "ja")):
            with self.subTest(f"{grant}, {outbound}, {len(shared)} shared, {language}"):
                flags = ("--address", ANN, *(word for one in shared for word in ("--shared", one)), "--grant", grant, "--outbound", outbound)
                page = self.run_setup("--config", str(self.folder / "new.toml"), *flags, "--lang", language, check=False)
                typed = re.search(r"Exchange Online PowerShell.*\n((?: {7}.*\n)+)", page)
                directory = Directory("contoso.example", [ANN, INFO, BOB])
                app = registered_by_hand(directory)
                before = inventory(directory)
                administrator = Administrator(directory)
                administrator.session.has_exchange = True
                if typed:
                    administrator.types(typed[1], client_id=app.AppId, object_id=enterprise_id(app.AppId))
                self.assertEqual(changes(before, inventory(directory)), in_exchange(grant, outbound, shared, ANN))

    def test_before_it_setup_says_what_is_missing_and_behind_it_mail_flows(self):
        for grant, outbound in itertools.product(GRANTS, OUTBOUND):
            with self.subTest(f"{grant}, {outbound}"):
                by_itself = grant == "client-credentials"
                app_id = APP_ID if by_itself else PUBLIC_APP_ID
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
