"""Everything that stands in a tenant, in words: what a test compares with, so that a right that nobody thought of is seen as well.

It exists because a list of rights that are looked at shows no other ones. It refuses to leave a property of a thing out, unless it is
an id or a name.
"""

from .directory import enterprise_id

NAMES = ("Id", "AppId", "ObjectId", "Name", "DisplayName", "DistinguishedName", "PrimarySmtpAddress", "UserPrincipalName", "DomainId")
GONE = "gone"


def inventory(directory):
    """Each sentence, with what is so; True where it says all."""
    names = {one.Id: one.DisplayName for one in (*directory.resources, *directory.users)} | {None: "everybody"}
    names |= {one.AppId: one.DisplayName for one in directory.resources}
    for app in directory.applications:
        names |= {app.Id: f"the registration of {app.DisplayName}", app.AppId: app.DisplayName, enterprise_id(app.AppId): app.DisplayName}
    values = {one.Id: one.Value for resource in directory.resources for one in (*resource.Oauth2PermissionScopes, *resource.AppRoles)}

    def name(identity):
        return names.get(identity, identity)

    found = {}
    for app in directory.applications:
        found |= properties(app.DisplayName, app, "PublicClient", "KeyCredentials", "RequiredResourceAccess")
        found |= {f"{app.DisplayName} is redirected to {one}": True for one in app.PublicClient.RedirectUris}
        found |= {f"{app.DisplayName} has certificates": len(app.KeyCredentials)} if app.KeyCredentials else {}
        asked = [(resource, one) for resource in app.RequiredResourceAccess for one in resource.ResourceAccess]
        found |= {f"{app.DisplayName} asks {name(resource.ResourceAppId)} for {values[one.Id]}": True for resource, one in asked}
    found |= {f"{one.DisplayName} is an enterprise application": True for one in directory.principals}
    found |= {f"{name(one.ClientId)} acts for {name(one.PrincipalId)} at {name(one.ResourceId)}": one.Scope for one in directory.consents}
    found |= {f"{name(one.PrincipalId)} has {values[one.AppRoleId]} for all": True for one in directory.role_assignments}
    found |= {f"Exchange knows {name(one.AppId)} as {name(one.ObjectId)}": True for one in directory.known_to_exchange}
    for group in directory.groups:
        found |= properties(group.Name, group, "Members") | {f"{one} is in {group.Name}": True for one in group.Members}
    found |= {f"scope {one.Name}": directory.group(one.MemberOfGroup).Name for one in directory.scopes}
    found |= {f"{name(one.Assignee)} has {one.Role} in {one.CustomResourceScope}": True for one in directory.management_roles}
    found |= {f"{name(who)} reads {box}": True for box, who in directory.full_access}
    found |= {f"{name(who)} sends as {box}": True for box, who in directory.send_as}
    for box in directory.mailboxes:
        found |= properties(box.PrimarySmtpAddress, box, "EmailAddresses", "GrantSendOnBehalfTo")
        found |= {f"{who} sends on behalf of {box.PrimarySmtpAddress}": True for who in box.GrantSendOnBehalfTo}
        found |= {f"{box.PrimarySmtpAddress} is {one}": True for one in box.EmailAddresses}
    for user in directory.users:
        found |= properties(user.UserPrincipalName, user, "Licenses")
    found |= {f"there is a policy {one}": True for one in directory.policies}
    for one in directory.federations:
        found |= properties(one.DomainId, one)
    return found | properties("organization", directory.organization) | properties("transport", directory.transport)


def properties(name, thing, *otherwise):
    """All of them, but for those that are told otherwise."""
    return {f"{name} {key}": value for key, value in thing.properties.items() if key not in (*NAMES, *otherwise)}


def changes(before, after):
    """Between two inventories: what is so now."""
    told = {key: after.get(key, GONE) for key in before | after if before.get(key, GONE) != after.get(key, GONE)}
    return {key if value is True and key not in before else f"{key}: {value}" for key, value in told.items()}
