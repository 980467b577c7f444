"""A client is refused for what an administrator has to mend; what Gatepost prints against it is typed as it stands; the client is
served.

It exists because a step that can be typed may still not be the one that helps. The fault is one of the directory, and the sandbox
has it as long as the directory does (`lab/mirror.py`). It refuses to copy a command: each is read in what the program printed. No
tenant of Microsoft's is asked, and PowerShell is not run.
"""

import imaplib
import json
import os
import poplib
import re
import shlex
import signal
import smtplib
import subprocess
from dataclasses import dataclass

from bench import RealTest
from daemon import MAIL_PASSWORD, PORTS, Daemon
from lab.administrator import Administrator, ways
from lab.directory import Directory, enterprise_id
from lab.lab import free_address
from lab.mirror import ALL_TOKENS, Mirror
from lab.processes import Part, wait_until
from lab.sandbox import APP_ID, APP_SECRET, PUBLIC_APP_ID, USERS, Sandbox
from lab.values import Already
from steps import DOES, KNOWN

ANN, BOB, SHARED = USERS
# Of over 3 MB, which goes to Graph as a draft.
ATTACHED = "--x\r\n\r\nserved\r\n--x\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
ATTACHED += ("QUJD" * 18 + "\r\n") * 60_000 + "--x--\r\n"

APP = """
[app.contoso]
provider = "microsoft365"
tenant = "contoso.example"
"""
ACCOUNT = """
[[account]]
address = "{user}"
password = "{password}"
outbound = "{outbound}"
send-as = ["{user}", "{shared}"]
"""


@dataclass
class Case:
    """`broken`: what the directory has otherwise. `heard`: by a client that does `does`. `way`: of those that are printed for it.
    `staged`: what is met in a message alone, while the first of both holds. `doctor`: what it tells it is, of this mailbox.
    """

    heard: str
    does: str
    broken: object
    way: tuple = ("",)
    outbound: str = "smtp"
    staged: object = None
    doctor: tuple = ()


def mailbox(address=ANN, **properties):
    return lambda directory: directory.change(directory.mailbox(address), **properties)


def user(**properties):
    return lambda directory: directory.change(directory.user(ANN), **properties)


def without(rights, address=SHARED):
    """Nobody has that right on it."""

    def taken(directory):
        had = getattr(directory, rights)
        had -= {right for right in had if right[0] == address}
        directory.changed(f"{rights} of {address}")

    return taken


def wrong_object_id(directory):
    """That of the app registration was typed, and not that of the enterprise application, wherever one was asked for."""
    right, wrong = enterprise_id(APP_ID), directory.applications[0].Id
    directory.full_access = {(mailbox, wrong if holder == right else holder) for mailbox, holder in directory.full_access}
    for role in directory.management_roles:
        role.set("Assignee", wrong)
    directory.change(directory.known_to_exchange[0], ObjectId=wrong)


def later_mailbox(directory):
    """One that nobody put into the group."""
    directory.change(directory.groups[0], Members=[SHARED])


def granted_in_entra(directory):
    """Made by hand, without a group: the right to send stands in Entra. SMTP AUTH is off."""
    (exchange,) = [one for one in directory.resources if "Exchange" in one.DisplayName]
    (role,) = [one for one in exchange.AppRoles if one.Value == "SMTP.SendAsApp"]
    session = Administrator(directory).session
    session.graph_scopes |= {"AppRoleAssignment.ReadWrite.All", "Application.Read.All"}
    ids = dict.fromkeys(("ServicePrincipalId", "PrincipalId"), enterprise_id(APP_ID))
    session.perform("New-MgServicePrincipalAppRoleAssignment", ids | {"ResourceId": exchange.Id, "AppRoleId": role.Id})
    directory.groups, directory.scopes, directory.management_roles = [], [], []
    directory.change(directory.mailbox(ANN), SmtpClientAuthenticationDisabled=True)


def reply(protocol, on, text):
    return {protocol: {"answers": [{"on": on, "reply": text, "times": None, "close": False}]}}


def refused_by_graph(code, on=None):
    return {"graph": {"mishap": {"status": 403 if on else 413, "code": code, "retry-after": None, "times": None, "on": on}}}


def on_for_the_tenant(directory):
    """The tenant has SMTP AUTH on, and what refuses is the mailbox by itself, in other words."""
    directory.transport.set("SmtpClientAuthenticationDisabled", False)
    directory.change(directory.mailbox(ANN), SmtpClientAuthenticationDisabled=None)


def is_not_on(directory):
    return directory.mailbox(ANN).SmtpClientAuthenticationDisabled is not False


def always(directory):
    return True


def nothing(directory):
    """It is so by default."""


OF_A_PERSON = (
    Case("smtp-auth-disabled-mailbox", "sends", mailbox(SmtpClientAuthenticationDisabled=True), ("", "Either")),
    Case("smtp-auth-disabled-tenant", "sends", mailbox(SmtpClientAuthenticationDisabled=None), ("", "Either")),
    Case("sign-on-criteria-not-met", "sends", user(AuthenticationPolicy="Block Basic"), ("", "Either")),
    Case("mailbox-not-connected", "reads", mailbox(ImapEnabled=False)),
    Case("mailbox-not-connected", "reads", mailbox(ImapEnabled=False), doctor=("imap-disabled-mailbox", ANN)),
    Case("fresh-token-refused", "fetches", mailbox(PopEnabled=False), ("", "Either"), doctor=("pop3-disabled-mailbox", ANN)),
    Case("mailbox-not-connected", "reads the shared one", without("full_access"), doctor=("full-access-missing", SHARED)),
    Case("send-as-denied", "sends as the shared one", without("send_as")),
    Case("own-address-denied", "sends", nothing, staged=(
        lambda directory: not directory.organization.SendFromAliasEnabled,
        reply("smtp", ".", "554 5.2.252 SendAsDenied; not allowed to send as this sender; STOREDRV.Submission.Exception:SendAsDeniedException"))),
    Case("user-disabled", "signs in", user(AccountEnabled=False), staged=(
        lambda directory: not directory.user(ANN).AccountEnabled, {"identity": {"mishap": {"kind": {"aadsts": 50057}, "times": None}}})),
    Case("too-many-recipients", "sends", nothing, staged=(
        lambda directory: directory.mailbox(ANN).RecipientLimits < 1000, reply("smtp", "RCPT", "452 4.5.3 Too many recipients"))),
    Case("message-too-large", "sends", nothing, staged=(
        lambda directory: directory.mailbox(ANN).MaxSendSize < 150 * 2**20,
        reply("smtp", ".", "552 5.3.4 Message size exceeds fixed maximum message size"))),
    Case("mail-protocol-disabled", "reads", mailbox(ImapEnabled=False), staged=(
        lambda directory: not directory.mailbox(ANN).ImapEnabled,
        reply("imap", "AUTHENTICATE", "{tag} NO IMAP access is disabled for your domain. Please contact your domain administrator"))),
    Case("upstream-not-signed-on", "sends", on_for_the_tenant, ("", "Either"), staged=(
        is_not_on, reply("smtp", "MAIL", "530 5.7.57 Client not authenticated to send mail. {tail}"))),
    Case("fresh-token-refused", "sends", on_for_the_tenant, ("", "Either"), doctor=("smtp-refused-alone", ANN), staged=(
        is_not_on, {"smtp": {"refuse-tokens": ALL_TOKENS}})),
    Case("graph-too-large", "sends", nothing, outbound="graph", staged=(
        lambda directory: directory.mailbox(ANN).MaxSendSize < 150 * 2**20, refused_by_graph("ErrorMessageSizeExceeded"))),
    Case("imap-append-too-large", "keeps a copy", nothing, staged=(
        lambda directory: directory.mailbox(ANN).MaxReceiveSize < 100 * 2**20,
        reply("imap", "APPEND", "{tag} NO Maximum size of appendable message has been exceeded"))),
)
OF_AN_APP = (
    Case("mailbox-not-connected", "reads", wrong_object_id),
    Case("mailbox-not-connected", "reads", wrong_object_id, doctor=("service-principal-missing", ANN)),
    Case("fresh-token-refused", "sends", wrong_object_id, doctor=("service-principal-missing", ANN)),
    Case("fresh-token-refused", "sends", later_mailbox),
    Case("smtp-auth-disabled-mailbox", "sends", mailbox(SmtpClientAuthenticationDisabled=True), ("", "Either")),
    Case("smtp-auth-disabled-mailbox", "sends", mailbox(SmtpClientAuthenticationDisabled=True), ("", "Or", "group")),
    Case("smtp-auth-disabled-mailbox", "sends", granted_in_entra, ("", "Or", "no group")),
    Case("send-as-denied", "sends as the shared one", nothing),
    Case("fresh-token-refused", "sends", later_mailbox, ("", "Either"), doctor=("smtp-refused-alone", ANN)),
    Case("security-defaults", "sends", nothing, ("", "group"), staged=(always, reply(
        "smtp", "AUTH", "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy. {tail}"))),
    Case("graph-draft-denied", "sends a large one", nothing, outbound="graph", staged=(
        lambda directory: all(one.Role != "Application Mail.ReadWrite" for one in directory.management_roles),
        refused_by_graph("ErrorAccessDenied", "messages"))),
    Case("send-on-behalf-denied", "sends on behalf of the shared one", nothing),
    Case("graph-access-denied", "sends", later_mailbox, ("", "group"), outbound="graph"),
)


NAMES_ITS_COMMAND = ("send-as-denied", "send-on-behalf-denied")
# And why.
NOT_PLAYED = {
    "app full-access-missing": "the sandbox shows an app without it as one that Exchange does not know",
    "app federation-not-https": "the sandbox has no identity provider of a federation",
    "app somebody-else-signed-in": "as for a person",
    "app smtp-user-differs": "the configuration has to be another one for it, not the tenant",
    "person federation-not-https": "as for an app",
    "person send-on-behalf-denied": "the sandbox can be given Full Access and Send As, and no Send on Behalf",
    "person smtp-user-differs": "as for an app",
    "person somebody-else-signed-in": "a walk of its own, below",
}


class Backend:
    """What the configuration of a daemon says of the sandbox."""

    def __init__(self, sandbox, by_itself, outbound):
        self.sandbox, self.ca, self.by_itself, self.outbound = sandbox, sandbox.ca, by_itself, outbound

    def configuration(self, password):
        keys = ("authorize-url", "token-url", "device-url", "graph-url", "smtp", "imap", "pop3")
        settings = {key: self.sandbox.app[key] for key in keys} | {"client-id": APP_ID if self.by_itself else PUBLIC_APP_ID}
        if self.by_itself:
            settings |= {"grant": "client-credentials", "client-secret": APP_SECRET}
        text = APP + "".join(f'{key} = "{value}"\n' for key, value in settings.items())
        for one in (ANN, SHARED):
            text += ACCOUNT.format(user=one, password=password, outbound=self.outbound, shared=SHARED)
            text += "" if self.by_itself or one == ANN else f'sign-in-as = "{ANN}"\n'
        return text


def serves(answer):
    """imaplib raises for few of them."""
    done, said = answer
    if done != "OK":
        raise imaplib.IMAP4.error(said)


class Client:
    """What it does. It answers with what it hears, and with nothing if it was served."""

    def __init__(self, address):
        self.address = address

    def does(self, what):
        who = SHARED if "shared" in what else ANN
        act = {"sends": self.sends, "reads": self.reads, "fetches": self.fetches, "keeps": self.keeps}[what.split()[0]]
        try:
            act(who, *(word for word in ("on behalf", "large") if word in what))
        except (smtplib.SMTPException, imaplib.IMAP4.error, poplib.error_proto) as error:
            return str(error)
        return ""

    def sends(self, sender, how=""):
        envelope, more = (ANN, f"Sender: {ANN}\r\n") if how == "on behalf" else (sender, "")
        body = ATTACHED if how == "large" else "served\r\n"
        if how == "large":
            more += 'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="x"\r\n'
        with smtplib.SMTP(self.address, PORTS["off"]["smtp"], timeout=60) as smtp:
            smtp.login(ANN, MAIL_PASSWORD)
            smtp.sendmail(envelope, [BOB], f"From: {sender}\r\n{more}To: {BOB}\r\nSubject: served\r\n\r\n{body}")

    def reads(self, who):
        with imaplib.IMAP4(self.address, PORTS["off"]["imap"], timeout=60) as imap:
            imap.login(who, MAIL_PASSWORD)
            serves(imap.select())

    def keeps(self, who):
        with imaplib.IMAP4(self.address, PORTS["off"]["imap"], timeout=60) as imap:
            imap.login(who, MAIL_PASSWORD)
            serves(imap.append("INBOX", None, None, b"Subject: kept\r\n\r\nkept\r\n"))

    def fetches(self, who):
        pop3 = poplib.POP3(self.address, PORTS["off"]["pop3"], timeout=60)
        pop3.user(who)
        pop3.pass_(MAIL_PASSWORD)
        pop3.quit()


# The words around a command that is not for everybody, and of the app as Exchange has it, whether they hold.
WHERE = {
    "Remove-ServicePrincipal": (
        r"Only where this app \(AppId \S+\) stands there with another ObjectId: <here>", lambda known, right: known[0].ObjectId != right),
    "New-ServicePrincipal": (
        r"Where it does not stand there \(any more\): <here>|<here> makes it known, unless it is already", lambda known, right: not known),
}


def sentence(page, command):
    """The one that it stands in, with `<here>` in its place."""
    ahead, _, behind = page.partition(f" {command}\n")
    ahead, behind = (" ".join(text.split()) for text in (ahead, behind))
    return f"{re.split(r'[.] ', ahead)[-1]} <here> {re.split(r'[.]( |$)', behind)[0]}"


def applies(command, page, administrator):
    """What the words around it say."""
    words, holds = WHERE.get(command.split()[0], (None, None))
    if words is None:
        return True
    assert re.search(words, sentence(page, command)), sentence(page, command)
    return holds(administrator.session.directory.known_to_exchange, administrator.seen("object-id"))


class Served(RealTest):
    def setUp(self):
        """Nothing of the lab."""
        self.folder, self.sandbox = Sandbox.of_test(self)

    def test_every_step_is_played_or_another_one_that_does_the_same_or_says_why_not(self):
        """By what it does in the tenant (`steps.py`)."""
        played = {
            (who, *(case.doctor[:1] or [case.heard]), *([" ".join(case.way[1:])] if case.way[1:] else []))
            for who, cases in (("person", OF_A_PERSON), ("app", OF_AN_APP)) for case in cases
        }
        effects = [DOES[step] for step in played]
        self.assertEqual({" ".join(step[:2]) for step, effect in DOES.items() if effect not in effects}, set(NOT_PLAYED))

    def test_a_person_is_refused_the_step_is_typed_and_mail_flows(self):
        self.all_of(OF_A_PERSON, by_itself=False)

    def test_an_app_is_refused_the_step_is_typed_and_mail_flows(self):
        self.all_of(OF_AN_APP, by_itself=True)

    def all_of(self, cases, by_itself):
        for number, case in enumerate(cases):
            with self.subTest(f"{case.doctor or case.heard} {case.does} {case.way}"):
                self.plays(case, by_itself, self.folder / str(number))

    def plays(self, case, by_itself, folder):
        app_id = APP_ID if by_itself else PUBLIC_APP_ID
        directory = Directory("contoso.example", USERS, app_ids=[app_id])
        directory.policies.append("AllowSMTP")
        mailboxes, person = ([ANN], None) if by_itself else ([ANN, SHARED], ANN)
        mirror = Mirror(directory, self.sandbox, app_id, case.outbound, mailboxes, person)
        Administrator(directory).types(self.script(by_itself, case.outbound))
        daemon = Daemon(self.bench.binary, folder, free_address(), Backend(self.sandbox, by_itself, case.outbound))
        self.ends_with_this_test(daemon)
        try:
            self.is_served(case, by_itself, directory, mirror, daemon)
        finally:
            daemon.stop()

    def is_served(self, case, by_itself, directory, mirror, daemon):
        daemon.wait_ready()
        if not by_itself:
            self.assertEqual(self.signs_in(daemon), "")
        case.broken(directory)
        if case.staged:
            holds, switches = case.staged
            mirror.stage(lambda: holds(directory), switches)
        daemon.restart()
        client = Client(daemon.address)

        heard = self.signs_in(daemon) if case.does == "signs in" else client.does(case.does)
        self.assertTrue(heard, "it was served")
        page = daemon.command("explain", heard, "--account", ANN).stdout
        self.assertEqual(page.split()[0], case.heard, heard)
        if case.doctor:
            fault, of = case.doctor
            page = daemon.command("doctor", of, check=False).stdout
            self.assertIn(f"[{fault}]", page)
        commands, administrator = ways(page)[case.way], Administrator(directory)
        named = re.search(r"an administrator runs: (.*?)(?: \(.*\))? \[gatepost ", heard)
        self.assertEqual(bool(named), case.heard in NAMES_ITS_COMMAND, heard)
        if named:
            self.assertIn(named[1], commands, "the reply names another command than the step")
        for command in commands:
            if applies(command, page, administrator):
                self.typed(administrator, command, page)
        self.does_the_rest(page, case.way, daemon)
        self.assertEqual(client.does("sends" if case.does == "signs in" else case.does), "", page)

    def test_a_person_whom_a_policy_refuses_goes_over_to_app_only_access_and_mail_flows(self):
        """By the app that people signed in to. Nothing is typed but what is printed, and the secret that Entra shows."""
        directory = Directory("contoso.example", USERS, app_ids=[PUBLIC_APP_ID])
        mirror = Mirror(directory, self.sandbox, PUBLIC_APP_ID, "smtp", [ANN, SHARED], ANN)
        Administrator(directory).types(self.script(False, "smtp"))
        (app,) = directory.applications
        directory.change(app, DisplayName="Mail", IsFallbackPublicClient=True)
        daemon = Daemon(self.bench.binary, self.folder / "daemon", free_address(), Backend(self.sandbox, False, "smtp"))
        self.ends_with_this_test(daemon)
        daemon.wait_ready()
        policy = {"identity": {"mishap": {"kind": {"aadsts": 53003}, "spares": "client_credentials", "times": None}}}
        mirror.stage(lambda: True, policy)
        self.assertEqual(self.signs_in(daemon), "[conditional-access]")
        page = daemon.command("explain", "conditional-access", "--account", ANN).stdout
        script, setup = re.findall(r"(?m)^ +gatepost (.*setup .*--grant client-credentials.*)$", page)

        # From here on the app acts by itself.
        directory.followers.clear()
        mirror, made = Mirror(directory, self.sandbox, PUBLIC_APP_ID, "smtp", [ANN, SHARED]), []
        mirror.stage(lambda: True, policy)
        secret = {"identity": {"made-secrets": [{"client-id": PUBLIC_APP_ID, "secret": "of-entra"}]}}
        mirror.stage(lambda: made and not app.IsFallbackPublicClient, secret)
        Administrator(directory).types(daemon.command(*shlex.split(script)).stdout)
        self.assertEqual(len(directory.applications), 1, "another app has the rights")

        said = daemon.command(*shlex.split(setup), check=False).stderr
        lines = re.search(r"(?m)^  \[app\.contoso\]\n((?:  .+\n)+)", said)[1]
        daemon.config.write_text(daemon.config.read_text().replace("[app.contoso]\n", f"[app.contoso]\n{lines}"))
        daemon.command(*shlex.split(script))  # it needs no secret
        (daemon.folder / "new.secret").write_text("of-entra")
        made.append("under Certificates & secrets")
        mirror.follow()
        (proved,) = re.findall(r"(?m)^ +gatepost (.*setup .*--client-secret-file new\.secret --yes)$", said)
        done = daemon.command(*shlex.split(proved), check=False, timeout=120)
        # What its account may send as was a right of the person.
        self.assertIn("[send-as-denied]", done.stdout)
        administrator = Administrator(directory)
        for command in ways(done.stdout)["",]:
            administrator.types(command)
        self.assertIn("All is well.", daemon.command("doctor", ANN, "--send", ANN).stdout)
        client = Client(daemon.address)
        for does in ("sends", "reads", "fetches", "reads the shared one"):
            self.assertEqual(client.does(does), "", does)

    def test_a_delegate_who_signed_in_is_let_in_by_the_step_and_all_is_well(self):
        """Not whose mailbox it is; the rights are typed as they stand, and so is the line of the configuration."""
        directory = Directory("contoso.example", USERS, app_ids=[PUBLIC_APP_ID])
        Mirror(directory, self.sandbox, PUBLIC_APP_ID, "smtp", [ANN], BOB)
        Administrator(directory).types(self.script(False, "smtp", BOB))
        daemon = Daemon(self.bench.binary, self.folder / "daemon", free_address(), Backend(self.sandbox, False, "smtp"))
        self.ends_with_this_test(daemon)
        daemon.wait_ready()
        self.assertEqual(self.signs_in(daemon, BOB), "")
        client = Client(daemon.address)
        self.assertIn("somebody-else-signed-in", client.does("reads"))
        page = daemon.command("doctor", ANN, check=False).stdout
        self.assertIn("[somebody-else-signed-in]", page)
        administrator = Administrator(directory)
        for command in ways(page)["", "Or"]:
            administrator.types(command)
        (line,) = re.findall(r"(?m)^ +(sign-in-as = .*)$", page)
        daemon.config.write_text(daemon.config.read_text().replace(f'address = "{ANN}"\n', f'address = "{ANN}"\n{line}\n'))
        self.does_the_rest(page, ("",), daemon, BOB)
        status = json.loads(daemon.command("status", "--json", check=False).stdout)
        (account,) = [one for one in status["accounts"] if one["address"] == ANN]
        self.assertEqual((account["sign-in"]["phase"], account.get("refusals"), account["signed-in-as"]), ("ready", None, BOB))
        self.assertEqual([one["id"] for one in status["faults"] if "worked-again-at" not in one], [])
        for does in ("reads", "fetches", "sends"):
            self.assertEqual(client.does(does), "", does)
        self.assertIn("All is well.", daemon.command("doctor", ANN).stdout)

    def signs_in(self, daemon, who=ANN):
        """For the first account. What it says is refused, if it is."""
        command = [daemon.binary, "login", ANN, "--flow", "device"]
        number = len(list(daemon.folder.glob("login-*.log")))
        login = Part("gatepost login", command, daemon.folder / f"login-{number}.log", cwd=daemon.folder, env=daemon.environment)
        return self.sandbox.attends(login, who) and re.search(r"\[[a-z0-9-]+\]", login.said())[0] or ""

    def typed(self, administrator, command, page):
        """Where its sentence says that it may be so already, it may."""
        try:
            administrator.types(command, **KNOWN)
        except Already as refused:
            may_be_so = r"<here> .*unless (it is so already|the mailbox is in it)|Unless .* is one of them: <here>"
            self.assertRegex(sentence(page, command), may_be_so, f"{command}: {refused}")

    def does_the_rest(self, page, way, daemon, who=ANN):
        """What is not typed into PowerShell: the line of the configuration, the reload, the sign-in."""
        if way[-1] in ("group", "no group") and re.search(r'(?m)^ +outbound = "graph"$', page):
            daemon.config.write_text(daemon.config.read_text().replace('outbound = "smtp"', 'outbound = "graph"'))
        if reload := re.search(r"(?m)^ +kill -HUP (\d+)$", page):
            self.assertEqual(int(reload[1]), daemon.part.process.pid)
            began = daemon.log_size()
            os.kill(int(reload[1]), signal.SIGHUP)
            wait_until("the reload", lambda: re.search("configuration (read again|taken over)", daemon.log_since(began)))
        if re.search(rf"(?m)^ +gatepost .*login {ANN}$", page):
            self.assertEqual(self.signs_in(daemon, who), "")

    def script(self, by_itself, outbound, address=ANN):
        flags = ["--grant", "client-credentials"] if by_itself else []
        command = [self.bench.binary, "setup", "--discovery", self.sandbox.issuer, "--config", self.folder / "new.toml", "--address", address]
        command += ["--shared", SHARED, "--outbound", outbound, *flags, "--print-script", "-"]
        return subprocess.run(command, check=True, capture_output=True, text=True, env={"HOME": "/nonexistent"}, timeout=60).stdout
