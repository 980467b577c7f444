"""The cmdlets of Microsoft Graph that Gatepost prints, acting on a directory as Microsoft's reference says.

It exists because an app, its enterprise application and what it may are three things with an id each. It refuses what the reference
refuses: what is not there, what is there already, a scope that nobody asked for. Microsoft's module is not run: where the
reference is silent, the stricter reading is taken.
"""

import re

from .cmdlets import boolean, graph, only
from .directory import enterprise_id, new_id
from .values import Already, Refused, Thing, listed

READS_APPS = ("Application.Read.All", "Application.ReadWrite.All")


def filtered(things, wanted, *names):
    """OData's $filter, of equal texts alone. Its names begin with a small letter."""
    text = r"(\w+) eq '((?:[^']|'')*)'"
    if not re.fullmatch(rf"{text}( and {text})*", wanted):
        raise Refused(f"Invalid filter clause: {wanted}")
    for name, value in re.findall(text, wanted):
        if name not in names or not value:
            raise Refused(f"Invalid filter clause: {wanted}")
        things = [one for one in things if one.of(name) == value.replace("''", "'")]
    return list(things)


@graph("Get-MgApplication", *READS_APPS)
def get_application(session, Filter):
    return filtered(session.directory.applications, Filter, "displayName", "appId")


@graph("New-MgApplication", "Application.ReadWrite.All")
def new_application(session, DisplayName, SignInAudience, RequiredResourceAccess, IsFallbackPublicClient=False, PublicClient=None):
    directory = session.directory
    return directory.add(directory.applications, Thing(
        "application", Id=new_id(), AppId=next(directory.app_ids), DisplayName=DisplayName,
        SignInAudience=only(SignInAudience, "AzureADMyOrg"), IsFallbackPublicClient=IsFallbackPublicClient, KeyCredentials=[],
        PublicClient=Thing("public client", RedirectUris=(PublicClient or {}).get("RedirectUris", [])),
        RequiredResourceAccess=resource_access(directory, RequiredResourceAccess),
    ))


@graph("Update-MgApplication", "Application.ReadWrite.All")
def update_application(session, ApplicationId, RequiredResourceAccess=None, PublicClient=None, KeyCredentials=None, **switches):
    """What is given takes the place of what was there."""
    app = session.directory.application(ApplicationId)
    if RequiredResourceAccess is not None:
        switches["RequiredResourceAccess"] = resource_access(session.directory, RequiredResourceAccess)
    if PublicClient is not None:
        switches["PublicClient"] = Thing("public client", RedirectUris=PublicClient["RedirectUris"])
    if KeyCredentials is not None:
        switches["KeyCredentials"] = [Thing("key", **only_keys(one)) for one in listed(KeyCredentials)]
    session.directory.change(app, **switches)


def only_keys(key):
    if key["Type"] != "AsymmetricX509Cert" or key["Usage"] != "Verify" or not isinstance(key["Key"], bytes):
        raise Refused(f"no certificate: {key}")
    return key


def resource_access(directory, asked):
    """What the app asks for, which has to be there to be asked for."""
    made = []
    for one in listed(asked):
        one = one if isinstance(one, dict) else one.properties
        resource = next((known for known in directory.resources if known.AppId == one["ResourceAppId"]), None)
        ids = {"Scope": {scope.Id for scope in resource.Oauth2PermissionScopes}, "Role": {role.Id for role in resource.AppRoles}}
        access = [entry if isinstance(entry, dict) else entry.properties for entry in listed(one["ResourceAccess"])]
        if not access or any(entry["Id"] not in ids[entry["Type"]] for entry in access):
            raise Refused(f"Invalid ResourceAccess: {access}")
        things = [Thing("access", Id=entry["Id"], Type=entry["Type"]) for entry in access]
        made.append(Thing("access to a resource", ResourceAppId=one["ResourceAppId"], ResourceAccess=things))
    if len({one.ResourceAppId for one in made}) != len(made):
        raise Refused("Invalid RequiredResourceAccess: a resource stands there twice")
    return made


@graph("Get-MgServicePrincipal", *READS_APPS)
def get_enterprise(session, Filter):
    return filtered(session.directory.principals, Filter, "appId", "displayName")


@graph("New-MgServicePrincipal", "Application.ReadWrite.All")
def new_enterprise(session, AppId):
    directory = session.directory
    app = next((one for one in directory.applications if one.AppId == AppId), None)
    if any(one.AppId == AppId for one in directory.principals):
        raise Already(f"The service principal cannot be created, it is already in use: {AppId}")
    if app is None:
        raise Refused(f"The appId does not reference a valid application: {AppId}")
    return directory.add(directory.principals, Thing("enterprise application", Id=enterprise_id(AppId), AppId=AppId, DisplayName=app.DisplayName))


@graph("Get-MgServicePrincipalAppRoleAssignment", *READS_APPS)
def get_assignments(session, ServicePrincipalId):
    principal = session.directory.principal(ServicePrincipalId)
    return [one for one in session.directory.role_assignments if one.PrincipalId == principal.Id]


@graph("New-MgServicePrincipalAppRoleAssignment", *(("AppRoleAssignment.ReadWrite.All", reads) for reads in READS_APPS))
def new_assignment(session, ServicePrincipalId, PrincipalId, ResourceId, AppRoleId):
    directory = session.directory
    principal, resource = directory.principal(ServicePrincipalId), directory.principal(ResourceId)
    taken = any((one.PrincipalId, one.AppRoleId) == (principal.Id, AppRoleId) for one in directory.role_assignments)
    if PrincipalId != principal.Id or AppRoleId not in {role.Id for role in resource.AppRoles}:
        raise Refused(f"Permission being assigned was not found on application: {AppRoleId}")
    if taken:
        raise Already(f"Permission being assigned already exists on the object: {AppRoleId}")
    made = Thing("app role assignment", Id=new_id(), PrincipalId=principal.Id, ResourceId=resource.Id, AppRoleId=AppRoleId)
    return directory.add(directory.role_assignments, made)


@graph("Get-MgOauth2PermissionGrant", "DelegatedPermissionGrant.ReadWrite.All")
def get_grants(session, Filter):
    return filtered(session.directory.consents, Filter, "clientId", "principalId")


@graph("New-MgOauth2PermissionGrant", "DelegatedPermissionGrant.ReadWrite.All")
def new_grant(session, ClientId, ConsentType, ResourceId, Scope, PrincipalId=None):
    directory = session.directory
    client, resource = directory.principal(ClientId), directory.principal(ResourceId)
    if only(ConsentType, "Principal", "AllPrincipals") == "Principal":
        directory.user(PrincipalId)
    if any((one.ClientId, one.ResourceId, one.PrincipalId) == (client.Id, resource.Id, PrincipalId) for one in directory.consents):
        raise Already("Permission entry already exists")
    made = Thing("consent", Id=new_id(), ClientId=client.Id, ConsentType=ConsentType, PrincipalId=PrincipalId, ResourceId=resource.Id, Scope="")
    made.set("Scope", scopes_of(resource, Scope))
    return directory.add(directory.consents, made)


def scopes_of(resource, text):
    known = {scope.Value for scope in resource.Oauth2PermissionScopes}
    if not text or not set(text.split()) <= known or len(set(text.split())) != len(text.split()):
        raise Refused(f"Invalid scopes: {text}")
    return text


@graph("Update-MgOauth2PermissionGrant", "DelegatedPermissionGrant.ReadWrite.All")
def update_grant(session, OAuth2PermissionGrantId, Scope):
    """The scopes take the place of what was there."""
    directory = session.directory
    grant = directory.consent(OAuth2PermissionGrantId)
    directory.change(grant, Scope=scopes_of(directory.principal(grant.ResourceId), Scope))


@graph("Get-MgUser", "User.ReadBasic.All", "User.Read.All", "User.ReadWrite.All")
def get_user_of_graph(session, UserId):
    return session.directory.user(UserId).only("Id", "UserPrincipalName", "DisplayName")


@graph("Get-MgUserLicenseDetail", "User.Read.All", "User.ReadWrite.All")
def get_licences(session, UserId):
    return session.directory.user(UserId).Licenses


@graph("Update-MgUser", "User.ReadWrite.All")
def update_user(session, UserId, AccountEnabled):
    session.directory.change(session.directory.user(UserId), AccountEnabled=boolean(AccountEnabled))


@graph("Get-MgDomainFederationConfiguration", "Domain.Read.All", "Domain.ReadWrite.All")
def get_federation(session, DomainId):
    return [one for one in session.directory.federations if one.DomainId == DomainId]


@graph("Update-MgDomainFederationConfiguration", "Domain.ReadWrite.All")
def update_federation(session, DomainId, InternalDomainFederationId, **addresses):
    session.directory.change(session.directory.federation(DomainId, InternalDomainFederationId), **addresses)
