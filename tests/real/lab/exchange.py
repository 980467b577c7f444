"""The cmdlets of Exchange Online that Gatepost prints, acting on a directory as Microsoft's reference says.

It exists because rights on mailboxes are Exchange's, beside those of Entra. It refuses what the reference refuses: what is not
there, what is there already, values that are none. An object id that is no enterprise application's is taken, as Exchange takes it,
and opens no mailbox. Microsoft's module is not run: where the reference is silent, the stricter reading is taken.
"""

import re

from .cmdlets import boolean, exchange, only
from .values import Already, Refused, Thing

ROLES = ("Application Mail.Send", "Application Mail.ReadWrite", "Application SMTP.SendAsApp")
UNCHANGED = "The command completed successfully but no settings have been modified."


def change(session, thing, **properties):
    if not session.directory.change(thing, **properties):
        session.warn(UNCHANGED)


def named(given, **checks):
    """Those that were given, each through its check."""
    return {name: check(given[name]) for name, check in checks.items() if name in given}


# Mailboxes.


@exchange("Get-CASMailbox")
def get_cas_mailbox(session, Identity):
    return session.directory.mailbox(Identity).only("PrimarySmtpAddress", "SmtpClientAuthenticationDisabled", "ImapEnabled", "PopEnabled")


@exchange("Set-CASMailbox")
def set_cas_mailbox(session, Identity, **switches):
    checks = dict.fromkeys(("SmtpClientAuthenticationDisabled", "ImapEnabled", "PopEnabled"), boolean)
    change(session, session.directory.mailbox(Identity), **named(switches, **checks))


@exchange("Get-Mailbox")
@exchange("Get-EXOMailbox")
def get_mailbox(session, Identity):
    return session.directory.mailbox(Identity).only("DisplayName", "PrimarySmtpAddress", "EmailAddresses", "DistinguishedName")


@exchange("Set-Mailbox")
def set_mailbox(session, Identity, GrantSendOnBehalfTo=None, **limits):
    mailbox = session.directory.mailbox(Identity)
    changes = named(limits, MaxSendSize=size, MaxReceiveSize=size, RecipientLimits=lambda value: number(value, 1000))
    if GrantSendOnBehalfTo is not None:
        ((verb, who),) = GrantSendOnBehalfTo.items()
        only(verb, "Add")
        had, new = mailbox.GrantSendOnBehalfTo, session.directory.mailbox(who).PrimarySmtpAddress
        changes["GrantSendOnBehalfTo"] = had if new in had else [*had, new]
    change(session, mailbox, **changes)


def number(value, most):
    if isinstance(value, bool) or not isinstance(value, int) or value > most:
        raise Refused(f"Cannot convert value {value!r}, or it is more than {most}")
    return value


def size(value):
    return number(value, 150 * 2**20)


@exchange("Get-User")
def get_user(session, Identity):
    return session.directory.user(Identity).only("UserPrincipalName", "AuthenticationPolicy")


@exchange("Set-User")
def set_user(session, Identity, AuthenticationPolicy):
    change(session, session.directory.user(Identity), AuthenticationPolicy=only(AuthenticationPolicy, *session.directory.policies))


@exchange("Get-AuthenticationPolicy")
def get_policies(session):
    """Basic authentication is off in one that switches nothing on."""
    return [Thing("policy", Name=one, AllowBasicAuthSmtp=one != "Block Basic") for one in session.directory.policies]


@exchange("New-AuthenticationPolicy")
def new_policy(session, Name, AllowBasicAuthSmtp=False):
    if Name in session.directory.policies:
        raise Already(f"The policy {Name} already exists")
    if not AllowBasicAuthSmtp:
        raise Refused(f"The policy {Name} allows nothing")
    session.directory.policies.append(Name)
    session.directory.changed("new policy")


@exchange("Add-MailboxPermission")
def add_mailbox_permission(session, Identity, User, AccessRights):
    only(AccessRights, "FullAccess")
    give(session, session.directory.full_access, Identity, User, "Full Access")


@exchange("Add-RecipientPermission", asks=True)
def add_recipient_permission(session, Identity, Trustee, AccessRights):
    only(AccessRights, "SendAs")
    give(session, session.directory.send_as, Identity, Trustee, "Send As")


def give(session, rights, mailbox, who, name):
    directory = session.directory
    right = directory.mailbox(mailbox).PrimarySmtpAddress, directory.holder(who)
    if right in rights:
        return session.warn("The appropriate access control entry is already present.")
    rights.add(right)
    directory.changed(f"{name} on {right[0]}")
    return Thing("permission", Identity=right[0], User=right[1], AccessRights=name)


# Apps, as Exchange knows them.


@exchange("Get-ServicePrincipal")
def get_service_principal(session):
    return session.directory.known_to_exchange


@exchange("New-ServicePrincipal")
def new_service_principal(session, AppId, ObjectId, DisplayName=None):
    directory = session.directory
    if any(AppId == one.AppId or ObjectId == one.ObjectId for one in directory.known_to_exchange):
        raise Already(f"The service principal {AppId} already exists")
    made = Thing("service principal", AppId=AppId, ObjectId=ObjectId, DisplayName=DisplayName or AppId)
    return directory.add(directory.known_to_exchange, made)


@exchange("Remove-ServicePrincipal", asks=True)
def remove_service_principal(session, Identity):
    """What was given to it goes with it."""
    directory = session.directory
    gone = directory.service_principal(Identity)
    directory.known_to_exchange.remove(gone)
    for rights in (directory.full_access, directory.send_as):
        rights -= {right for right in rights if right[1] == gone.ObjectId}
    directory.management_roles = [one for one in directory.management_roles if one.Assignee != gone.ObjectId]
    directory.changed("a service principal went")


# Groups, scopes and roles.


@exchange("Get-DistributionGroup")
def get_group(session, Identity):
    return session.directory.group(Identity).only("Name", "DistinguishedName", "GroupType")


@exchange("Get-DistributionGroupMember")
def get_members(session, Identity, ResultSize=1000):
    only(ResultSize, "Unlimited")
    return [session.directory.mailbox(one).only("PrimarySmtpAddress") for one in session.directory.group(Identity).Members]


@exchange("New-DistributionGroup")
def new_group(session, Name, Type="Distribution", Members=()):
    directory = session.directory
    kind = {"Security": "Universal, SecurityEnabled", "Distribution": "Universal"}[only(Type, "Security", "Distribution")]
    if any(one.Name.lower() == Name.lower() for one in directory.groups):
        raise Already(f"The name {Name} is already being used")
    members = [directory.mailbox(member).PrimarySmtpAddress for member in (Members if isinstance(Members, list | tuple) else [Members])]
    made = Thing("group", Name=Name, DistinguishedName=f"CN={Name},OU=tenant,DC=PROD", GroupType=kind, Members=members)
    return directory.add(directory.groups, made).only("Name", "DistinguishedName", "GroupType")


@exchange("Add-DistributionGroupMember")
def add_member(session, Identity, Member):
    directory = session.directory
    group, address = directory.group(Identity), directory.mailbox(Member).PrimarySmtpAddress
    if address in group.Members:
        raise Already(f"The recipient {address} is already a member of the group")
    directory.change(group, Members=[*group.Members, address])


@exchange("Get-ManagementScope")
def get_scope(session, Identity):
    return shown_scope(session.directory.scope(Identity))


def shown_scope(scope):
    return Thing("management scope", Name=scope.Name, RecipientFilter=f"MemberOfGroup -eq '{scope.MemberOfGroup}'")


@exchange("New-ManagementScope")
def new_scope(session, Name, RecipientRestrictionFilter):
    directory = session.directory
    rule = re.fullmatch(r"MemberOfGroup -eq '([^']+)'", RecipientRestrictionFilter)
    # By the name that does not change, as the reference of MemberOfGroup has it.
    if not rule or rule[1] not in {one.DistinguishedName for one in directory.groups}:
        raise Refused(f"The filter names no group: {RecipientRestrictionFilter}")
    if any(one.Name.lower() == Name.lower() for one in directory.scopes):
        raise Already(f"The scope {Name} already exists")
    return shown_scope(directory.add(directory.scopes, Thing("management scope", Name=Name, MemberOfGroup=rule[1])))


@exchange("Get-ManagementRoleAssignment")
def get_roles(session, Role):
    """Whoever may hand the role out is among them."""
    directory = session.directory
    handing_out = Thing(
        "management role assignment", Name=f"{only(Role, *ROLES)}-Organization Management-Delegating", Role=Role,
        RoleAssigneeName="Organization Management", CustomResourceScope=None,
    )
    return [handing_out, *(shown_role(directory, one) for one in directory.management_roles if one.Role == Role)]


def shown_role(directory, role):
    assignee = next((one.of(directory.shows_assignees_by) for one in directory.known_to_exchange if one.ObjectId == role.Assignee), role.Assignee)
    return Thing("management role assignment", RoleAssigneeName=assignee, **role.only("Name", "Role", "CustomResourceScope").properties)


@exchange("New-ManagementRoleAssignment")
def new_role(session, App, Role, CustomResourceScope, Name=None):
    directory = session.directory
    app, scope = directory.service_principal(App), directory.scope(CustomResourceScope)
    if Name and len(Name) > 64:
        raise Refused(f"The length of the property is too long. The maximum length is 64: {Name}")
    made = Thing(
        "management role assignment", Name=Name or f"{Role}-{len(directory.management_roles)}", Role=only(Role, *ROLES), Assignee=app.ObjectId,
        CustomResourceScope=scope.Name,
    )
    same = [one for one in directory.management_roles if (one.Role, one.Assignee, one.CustomResourceScope) == (Role, app.ObjectId, scope.Name)]
    if same or made.Name in {one.Name for one in directory.management_roles}:
        raise Already(f"The role {Role} is already assigned to {App} in {CustomResourceScope}")
    return shown_role(directory, directory.add(directory.management_roles, made))


# The organization.


@exchange("Set-OrganizationConfig")
def set_organization(session, **switches):
    change(session, session.directory.organization, **named(switches, SendFromAliasEnabled=boolean, RejectDirectSend=boolean))


@exchange("Get-TransportConfig")
def get_transport(session):
    return session.directory.transport
