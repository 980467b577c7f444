"""The tenant that cmdlets act on: apps, enterprise applications, consents, people, mailboxes, groups, scopes, roles, in memory.

It exists because the sandbox has mail and tokens, and no directory that an administrator could look into. It refuses (`Refused`)
what is not there, as Exchange and Entra do, and keeps a journal of what changed, so that a test can say that nothing did.
"""

import itertools
import uuid

from .values import Absent, Thing

GRAPH, EXCHANGE = "00000003-0000-0000-c000-000000000000", "00000002-0000-0ff1-ce00-000000000000"
# Those of Exchange first.
DELEGATED = ("IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send", "Mail.Send", "Mail.ReadWrite", "offline_access", "openid", "profile")
OF_APPS = ("IMAP.AccessAsApp", "POP.AccessAsApp", "SMTP.SendAsApp", "full_access_as_app")
TENANT_ID = "c0ffee00-0000-4000-8000-00000000cafe"  # as the sandbox has it
# Names of a cloud in Connect-MgGraph and in Connect-ExchangeOnline.
CLOUDS = {"Global": "O365Default", "USGov": "O365USGovGCCHigh", "USGovDoD": "O365USGovDoD", "China": "O365China"}


def new_id():
    return str(uuid.uuid4())


def enterprise_id(app_id):
    """The object id of an app's enterprise application, as the sandbox gives it; the app registration has another."""
    return f"0b1ec7{app_id[6:]}"


class Directory:
    def __init__(self, domain, people=(), cloud="Global", app_ids=()):
        """`app_ids`: what the next apps that are made are called, for the sandbox knows its apps from the start."""
        self.domain, self.cloud = domain, cloud
        self.app_ids = itertools.chain(app_ids, iter(new_id, None))
        self.applications, self.consents, self.role_assignments, self.federations = [], [], [], []
        self.known_to_exchange, self.groups, self.scopes, self.management_roles = [], [], [], []
        self.shows_assignees_by = "ObjectId"  # or DisplayName: the reference does not say
        self.mailboxes, self.users = [], []
        self.full_access, self.send_as = set(), set()
        self.policies = ["Block Basic"]
        self.organization = Thing("organization", SendFromAliasEnabled=False, RejectDirectSend=True)
        self.transport = Thing("transport", SmtpClientAuthenticationDisabled=True)
        self.resources = [
            Thing(
                "enterprise application", Id=new_id(), AppId=app_id, DisplayName=name,
                Oauth2PermissionScopes=[Thing("scope", Id=new_id(), Value=value) for value in scopes],
                AppRoles=[Thing("role", Id=new_id(), Value=value) for value in roles],
            )
            for app_id, name, scopes, roles in (
                (GRAPH, "Microsoft Graph", DELEGATED, ("Mail.Send", "Mail.ReadWrite")),
                (EXCHANGE, "Office 365 Exchange Online", DELEGATED[:3], OF_APPS),
            )
        ]
        self.principals = list(self.resources)
        self.journal, self.followers = [], []
        for address in people:
            self.add_mailbox(address)

    def add_mailbox(self, address, *aliases):
        name = f"CN={address.partition('@')[0]},OU=tenant,DC=PROD"
        self.mailboxes.append(Thing(
            "mailbox", PrimarySmtpAddress=address, DistinguishedName=name, DisplayName=address, SmtpClientAuthenticationDisabled=None,
            EmailAddresses=[f"SMTP:{address}", *(f"smtp:{alias}" for alias in aliases)], ImapEnabled=True, PopEnabled=True,
            MaxSendSize=35 * 2**20, MaxReceiveSize=36 * 2**20, RecipientLimits=500, GrantSendOnBehalfTo=[],
        ))
        self.users.append(Thing(
            "user", Id=new_id(), UserPrincipalName=address, DisplayName=address, AccountEnabled=True, AuthenticationPolicy=None,
            Licenses=[Thing("licence", Id=new_id(), SkuPartNumber="EXCHANGESTANDARD")],
        ))

    def changed(self, what):
        """Something did, and whoever follows hears of it."""
        self.journal.append(what)
        for follow in self.followers:
            follow()

    def change(self, thing, **properties):
        """Whether anything is another now."""
        before = [name for name, value in properties.items() if thing.set(name, value)]
        if before:
            self.changed(f"{thing.kind} {' '.join(before)}")
        return bool(before)

    def add(self, things, thing):
        things.append(thing)
        self.changed(f"new {thing.kind}")
        return thing

    # Looking for what somebody names.

    @staticmethod
    def _found(things, what, identity, *names):
        wanted = str(identity).lower()
        found = next((one for one in things if any(str(one.of(name)).lower() == wanted for name in names)), None)
        if found is None:
            raise Absent(f"The operation couldn't be performed because {what} '{identity}' couldn't be found")
        return found

    def mailbox(self, identity):
        own = next((one for one in self.mailboxes if f"smtp:{identity}".lower() in map(str.lower, one.EmailAddresses)), None)
        return own or self._found(self.mailboxes, "mailbox", identity, "PrimarySmtpAddress", "DistinguishedName")

    def user(self, identity):
        return self._found(self.users, "user", identity, "UserPrincipalName", "Id")

    def group(self, identity):
        return self._found(self.groups, "group", identity, "Name", "DistinguishedName")

    def scope(self, identity):
        return self._found(self.scopes, "management scope", identity, "Name")

    def application(self, identity):
        return self._found(self.applications, "application", identity, "Id")

    def principal(self, identity):
        return self._found(self.principals, "enterprise application", identity, "Id")

    def consent(self, identity):
        return self._found(self.consents, "consent", identity, "Id")

    def federation(self, domain, identity):
        return self._found([one for one in self.federations if one.DomainId == domain], "federation", identity, "Id")

    def service_principal(self, identity):
        """As Exchange knows an app."""
        return self._found(self.known_to_exchange, "service principal", identity, "AppId", "ObjectId")

    def holder(self, identity):
        """Who may be given a right on a mailbox: a mailbox, or an app as Exchange knows it. Under which name it is kept."""
        known = any(identity == one.ObjectId for one in self.known_to_exchange)
        return identity if known else self.mailbox(identity).PrimarySmtpAddress

    # What somebody may, all taken together.

    def is_open(self, address, holder):
        """Whether they read this mailbox."""
        return holder == address or (address, holder) in self.full_access

    def consented(self, app_id, address):
        """What a person agreed to, of this app."""
        app = next((one for one in self.principals if one.AppId == app_id), None)
        ids = (None, self.user(address).Id)
        grants = [one for one in self.consents if app and one.ClientId == app.Id and one.PrincipalId in ids]
        return {scope for grant in grants for scope in grant.Scope.split()}

    def granted(self, app_id):
        """What an app may by itself, for all mailboxes: roles of Entra."""
        app = next((one for one in self.principals if one.AppId == app_id), None)
        roles = {role.Id: role.Value for resource in self.resources for role in resource.AppRoles}
        return {roles[one.AppRoleId] for one in self.role_assignments if app and one.PrincipalId == app.Id}

    def in_scope(self, app_id, role, address):
        """Whether a role of Exchange lets an app act for this mailbox."""
        known = {one.AppId: one.ObjectId for one in self.known_to_exchange}
        held = [one for one in self.management_roles if one.Role == role and one.Assignee == known.get(app_id)]
        members = [member for one in held for member in self.group(self.scope(one.CustomResourceScope).MemberOfGroup).Members]
        return known.get(app_id) == enterprise_id(app_id) and address in members
