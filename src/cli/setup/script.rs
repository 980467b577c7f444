//! The app registration as a script for PowerShell (Microsoft Graph and Exchange Online modules), with no more rights than
//! the mailboxes need. Safe to run again: what is there is found, not made twice.
//!
//! Values are quoted: an address may hold what PowerShell would take for code.

use std::fmt::Write as _;

use super::words::ScriptWords;
use crate::{
    base::Lang,
    catalog::cloud,
    cli::{pasted::powershell_quoted as quoted, setup::args::SetupOutbound},
    oauth::Grant,
};

/// What the registration is for.
#[derive(Debug, Clone)]
pub struct Registration<'a> {
    /// Name of the preset.
    pub provider: &'a str,
    pub tenant: &'a str,
    pub address: &'a str,
    pub others: &'a [String],
    /// Addresses that these may send as by the configuration, and that are none of them.
    pub send_as: Vec<String>,
    pub grant: Grant,
    pub outbound: SetupOutbound,
    /// Of an app registration that is there; `None`: it is found by its name, or made.
    pub client_id: Option<String>,
    /// The file that proves the app, where there is one.
    pub certificate: Option<&'a str>,
    /// What is in it (DER, base64): the script may run on another machine.
    pub certificate_der: Option<String>,
}

impl Registration<'_> {
    /// As people know it, and its id.
    pub fn tenant_shown(&self) -> String {
        let domain = self.address.rsplit('@').next().unwrap_or_default();
        match domain.eq_ignore_ascii_case(self.tenant) {
            true => domain.to_owned(),
            false => format!("{domain} ({})", self.tenant),
        }
    }

    /// The mailboxes of it.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.address).chain(self.others.iter().map(String::as_str))
    }

    pub fn uses_graph(&self) -> bool {
        self.outbound != SetupOutbound::Smtp
    }

    pub fn uses_smtp(&self) -> bool {
        self.outbound != SetupOutbound::Graph
    }

    /// What a person consents to.
    pub fn delegated(&self) -> Vec<&'static str> {
        let mut all = vec!["IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"];
        all.extend(self.uses_graph().then_some("Mail.Send"));
        all.extend(["offline_access", "openid", "profile"]);
        all
    }
}

/// The only certificate of a PEM file, as base64 without lines. `None`: it is no such file.
pub fn der_of(pem: &str) -> Option<String> {
    let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let body: String = body.split_whitespace().collect();
    let is_base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
    (!body.is_empty() && body.bytes().all(is_base64)).then_some(body)
}

fn list(values: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let all: Vec<String> = values.into_iter().map(|value| quoted(value.as_ref())).collect();
    format!("@({})", all.join(", "))
}

/// The whole script.
pub fn script(registration: &Registration, lang: Lang) -> String {
    let words = ScriptWords::of(lang);
    let mut page = String::new();
    let (graph_cloud, _) = cloud(registration.provider);
    let is_app_only = registration.grant.is_app_only();
    let scopes: &[&str] = match is_app_only {
        true => &["Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All"],
        false => &["Application.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All", "User.ReadBasic.All"],
    };
    // Writing to a String does not fail.
    let _ = write!(
        page,
        "# {head}\n# {modules}\n#   Install-Module Microsoft.Graph.Applications, Microsoft.Graph.Identity.SignIns, Microsoft.Graph.Users, \
         ExchangeOnlineManagement\n# {stops}\n$ErrorActionPreference = 'Stop'\n\
         $PSDefaultParameterValues = @{{ '*:ErrorAction' = 'Stop' }}\n$mailbox = {mailbox}\n$others = {others}\n\n\
         # {sign_in}\nConnect-MgGraph -TenantId {tenant} -Environment {graph_cloud} -NoWelcome -Scopes {scopes}\n\n",
        head = words.head,
        modules = words.modules,
        stops = words.stops,
        mailbox = quoted(registration.address),
        others = list(registration.others),
        sign_in = words.sign_in,
        tenant = quoted(registration.tenant),
        scopes = scopes.iter().map(|scope| quoted(scope)).collect::<Vec<_>>().join(", "),
    );
    match is_app_only {
        true => app_only(&mut page, registration, &words),
        false => delegated(&mut page, registration, &words),
    }
    let _ = write!(page, "\n# {}\nWrite-Output \"client id: $($app.AppId)\"\n", words.end);
    // Last, since an address that the tenant does not have stops the script.
    if is_app_only && !registration.send_as.is_empty() {
        let _ = write!(
            page,
            "\n# {}\nforeach ($one in {}) {{\n  \
               $null = Add-RecipientPermission -Identity $one -Trustee $enterprise.Id -AccessRights SendAs -Confirm:$false\n}}\n",
            words.send_as,
            list(&registration.send_as)
        );
    }
    page
}

/// A public client, consented to for one person.
fn delegated(page: &mut String, registration: &Registration, words: &ScriptWords) {
    let wanted = list(registration.delegated());
    let fallback = match registration.grant {
        Grant::DeviceCode => format!("# {}\n$public = $true\n", words.device),
        _ => "$public = $false\n".to_owned(),
    };
    let _ = write!(
        page,
        "$graph = Get-MgServicePrincipal -Filter \"appId eq '00000003-0000-0000-c000-000000000000'\"\n\
         $wanted = {wanted}\n\
         $access = @($graph.Oauth2PermissionScopes | Where-Object Value -in $wanted | ForEach-Object {{ @{{ Id = $_.Id; Type = 'Scope' }} }})\n\
         {fallback}\
         {found}\
         if (-not $app) {{\n  \
           # {redirect}\n  \
           $app = New-MgApplication -DisplayName 'Gatepost' -SignInAudience 'AzureADMyOrg' -IsFallbackPublicClient:$public `\n    \
             -PublicClient @{{ RedirectUris = @('http://localhost') }} `\n    \
             -RequiredResourceAccess @(@{{ ResourceAppId = $graph.AppId; ResourceAccess = $access }})\n}} else {{\n\
         {extended}  \
           $uris = @($app.PublicClient.RedirectUris | Where-Object {{ $_ }})\n  \
           if ('http://localhost' -notin $uris) {{ Update-MgApplication -ApplicationId $app.Id -PublicClient @{{ RedirectUris = $uris + 'http://localhost' }} }}\n  \
           if ($public -and -not $app.IsFallbackPublicClient) {{ Update-MgApplication -ApplicationId $app.Id -IsFallbackPublicClient:$true }}\n}}\n\
         $enterprise = Get-MgServicePrincipal -Filter \"appId eq '$($app.AppId)'\"\n\
         if (-not $enterprise) {{ $enterprise = New-MgServicePrincipal -AppId $app.AppId }}\n\n\
         # {consent}\n\
         $person = Get-MgUser -UserId $mailbox\n\
         $grant = Get-MgOauth2PermissionGrant -Filter \"clientId eq '$($enterprise.Id)' and principalId eq '$($person.Id)'\" |\n  \
           Where-Object ResourceId -eq $graph.Id | Select-Object -First 1\n\
         if (-not $grant) {{\n  \
           $null = New-MgOauth2PermissionGrant -ClientId $enterprise.Id -ConsentType 'Principal' -PrincipalId $person.Id `\n    \
             -ResourceId $graph.Id -Scope ($wanted -join ' ')\n}} else {{\n  \
           $scopes = @(-split $grant.Scope)\n  \
           $missing = @($wanted | Where-Object {{ $_ -notin $scopes }})\n  \
           if ($missing) {{ Update-MgOauth2PermissionGrant -OAuth2PermissionGrantId $grant.Id -Scope (($scopes + $missing) -join ' ') }}\n}}\n",
        found = found(registration, words),
        extended = extended("$graph", words),
        redirect = words.redirect,
        consent = words.consent,
    );
    if !registration.uses_smtp() && registration.others.is_empty() {
        return;
    }
    exchange(page, registration, words);
    if registration.uses_smtp() {
        let _ = write!(
            page,
            "# {}\nSet-CASMailbox -Identity $mailbox -SmtpClientAuthenticationDisabled $false\n",
            words.smtp_auth
        );
    }
    if !registration.others.is_empty() {
        let _ = write!(
            page,
            "# {}\nforeach ($one in $others) {{\n  \
               $null = Add-MailboxPermission -Identity $one -User $mailbox -AccessRights FullAccess\n  \
               $null = Add-RecipientPermission -Identity $one -Trustee $mailbox -AccessRights SendAs -Confirm:$false\n}}\n",
            words.delegate
        );
    }
}

/// The app registration, if it is there. One that has an id is that one, whatever it is called: `gatepost setup` goes on with
/// it. What is registered in another tenant cannot be extended here, and an app of this one takes its place.
fn found(registration: &Registration, words: &ScriptWords) -> String {
    const BY_NAME: &str = "$app = Get-MgApplication -Filter \"displayName eq 'Gatepost'\" | Select-Object -First 1\n";
    let Some(id) = &registration.client_id else { return BY_NAME.to_owned() };
    let mut found = format!(
        "$id = {}\n$app = Get-MgApplication -Filter \"appId eq '$id'\"\n\
         if (-not $app) {{\n  Write-Warning {}\n  {BY_NAME}}}\n",
        quoted(id),
        quoted(words.of_another_tenant)
    );
    if registration.grant.is_app_only() {
        // Whether an app proves itself Entra tells by its redirect URI, and by this where a request names none (AADSTS700025).
        let _ = write!(
            found,
            "if ($app.AppId -eq $id -and $app.IsFallbackPublicClient) {{\n  \
               Update-MgApplication -ApplicationId $app.Id -IsFallbackPublicClient:$false\n  \
               Write-Warning {}\n}}\n",
            quoted(words.no_public_flows)
        );
    }
    found
}

/// What the app asks for at this resource, with `$access` besides: an answer may have changed since it was made. Nothing
/// is taken away, and permissions on other resources stay.
fn extended(resource: &str, words: &ScriptWords) -> String {
    format!(
        "  # {}\n  \
           $rest = @($app.RequiredResourceAccess | Where-Object ResourceAppId -ne {resource}.AppId)\n  \
           $had = @($app.RequiredResourceAccess | Where-Object ResourceAppId -eq {resource}.AppId | \
         ForEach-Object {{ $_.ResourceAccess }} | ForEach-Object {{ @{{ Id = $_.Id; Type = $_.Type }} }})\n  \
           $ids = @($had | ForEach-Object {{ $_.Id }})\n  \
           $new = @($access | Where-Object {{ $_.Id -notin $ids }})\n  \
           if ($new) {{ Update-MgApplication -ApplicationId $app.Id \
         -RequiredResourceAccess ($rest + @{{ ResourceAppId = {resource}.AppId; ResourceAccess = $had + $new }}) }}\n",
        words.extended
    )
}

/// An app with rights of its own, on the mailboxes that are named and no others.
fn app_only(page: &mut String, registration: &Registration, words: &ScriptWords) {
    registered_by_itself(page, registration, words);
    exchange(page, registration, words);
    mailboxes_of_it(page, words);
    for (role, used) in
        [("Application SMTP.SendAsApp", registration.uses_smtp()), ("Application Mail.Send", registration.uses_graph())]
    {
        if used {
            // Found again by its name: whether RoleAssigneeName is the object id or what the app is called no reference says,
            // and another app may be called Gatepost, too.
            let _ = write!(
                page,
                "$name = \"{role} $($enterprise.Id)\"\n\
                 if (-not (Get-ManagementRoleAssignment -Role '{role}' | Where-Object CustomResourceScope -eq 'Gatepost' | \
                 Where-Object {{ $_.Name -eq $name -or $_.RoleAssigneeName -eq $enterprise.Id }})) {{\n  \
                   $null = New-ManagementRoleAssignment -Name $name -App $app.AppId -Role '{role}' -CustomResourceScope 'Gatepost'\n}}\n"
            );
        }
    }
    if registration.uses_smtp() {
        let _ = write!(
            page,
            "# {}\nforeach ($one in @($mailbox) + $others) {{ Set-CASMailbox -Identity $one -SmtpClientAuthenticationDisabled $false }}\n",
            words.smtp_auth
        );
    }
}

/// In Entra: the app, its certificate, and the rights to read mail.
fn registered_by_itself(page: &mut String, registration: &Registration, words: &ScriptWords) {
    let certificate = match &registration.certificate_der {
        // Setting them replaces all: another installation may live on those that are there.
        Some(der) => format!(
            "# {}\nif (-not $app.KeyCredentials) {{\n  \
               $key = @{{ Type = 'AsymmetricX509Cert'; Usage = 'Verify'; Key = [Convert]::FromBase64String({}) }}\n  \
               Update-MgApplication -ApplicationId $app.Id -KeyCredentials @($key)\n}} else {{ Write-Warning {} }}\n",
            words.certificate,
            quoted(der),
            quoted(words.has_certificates),
        ),
        None => format!("# {}\n", words.secret),
    };
    let _ = write!(
        page,
        "$exchange = Get-MgServicePrincipal -Filter \"appId eq '00000002-0000-0ff1-ce00-000000000000'\"\n\
         # {roles}\n\
         $wanted = @('IMAP.AccessAsApp', 'POP.AccessAsApp')\n\
         $roles = @($exchange.AppRoles | Where-Object Value -in $wanted)\n\
         $access = @($roles | ForEach-Object {{ @{{ Id = $_.Id; Type = 'Role' }} }})\n\
         {found}\
         if (-not $app) {{\n  \
           $app = New-MgApplication -DisplayName 'Gatepost' -SignInAudience 'AzureADMyOrg' `\n    \
             -RequiredResourceAccess @(@{{ ResourceAppId = $exchange.AppId; ResourceAccess = $access }})\n}} else {{\n{extended}}}\n\
         {certificate}\
         $enterprise = Get-MgServicePrincipal -Filter \"appId eq '$($app.AppId)'\"\n\
         if (-not $enterprise) {{ $enterprise = New-MgServicePrincipal -AppId $app.AppId }}\n\
         $has = @(Get-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $enterprise.Id).AppRoleId\n\
         foreach ($role in $roles | Where-Object Id -notin $has) {{\n  \
           $null = New-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $enterprise.Id -PrincipalId $enterprise.Id `\n    \
             -ResourceId $exchange.Id -AppRoleId $role.Id\n}}\n",
        found = found(registration, words),
        extended = extended("$exchange", words),
        roles = words.roles,
    );
}

/// In Exchange: whom the app is there, which mailboxes it reads, and the group of those from which it may send.
fn mailboxes_of_it(page: &mut String, words: &ScriptWords) {
    let _ = write!(
        page,
        "# {enterprise}\n\
         $known = Get-ServicePrincipal | Where-Object AppId -eq $app.AppId\n\
         if ($known -and $known.ObjectId -ne $enterprise.Id) {{\n  \
           Remove-ServicePrincipal -Identity $app.AppId -Confirm:$false\n  \
           $known = $null\n}}\n\
         if (-not $known) {{ $null = New-ServicePrincipal -AppId $app.AppId -ObjectId $enterprise.Id -DisplayName 'Gatepost' }}\n\
         # {mailboxes}\n\
         foreach ($one in @($mailbox) + $others) {{\n  \
           $null = Add-MailboxPermission -Identity $one -User $enterprise.Id -AccessRights FullAccess\n}}\n\
         # {scope}\n\
         $group = Get-DistributionGroup 'gatepost-senders' -ErrorAction SilentlyContinue\n\
         if (-not $group) {{ $group = New-DistributionGroup -Name 'gatepost-senders' -Type Security }}\n\
         $members = @(Get-DistributionGroupMember $group.DistinguishedName -ResultSize Unlimited).PrimarySmtpAddress\n\
         foreach ($one in @($mailbox) + $others) {{\n  \
           if ((Get-Mailbox $one).PrimarySmtpAddress -notin $members) {{ \
         Add-DistributionGroupMember $group.DistinguishedName -Member $one }}\n}}\n\
         if (-not (Get-ManagementScope 'Gatepost' -ErrorAction SilentlyContinue)) {{\n  \
           $null = New-ManagementScope -Name 'Gatepost' -RecipientRestrictionFilter \"MemberOfGroup -eq '$($group.DistinguishedName)'\"\n}}\n",
        enterprise = words.enterprise,
        mailboxes = words.mailboxes,
        scope = words.scope,
    );
}

fn exchange(page: &mut String, registration: &Registration, words: &ScriptWords) {
    let (_, cloud) = cloud(registration.provider);
    let _ = write!(
        page,
        "\n# {}\nConnect-ExchangeOnline -ExchangeEnvironmentName {cloud} -ShowBanner:$false\n",
        words.exchange
    );
}

#[cfg(test)]
mod tests;
