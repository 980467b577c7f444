//! English.

use std::fmt::Write as _;

use super::{
    ByProxy, Say, ScriptWords, Step, Trouble, beside, idle,
    pasteable::{into_the_group, listed, proofs, to_print_script, with_flag},
    service,
};
use crate::{
    base::{Lang, invocation::Daemon},
    cli::{
        pasted::{powershell, powershell_quoted, removal},
        setup::{
            discover::{Server, Servers},
            script::Registration,
        },
    },
    config::SEALED,
    oauth::Grant,
};

pub fn step(step: &Step) -> String {
    match step {
        Step::Provider { domain } => format!("Provider of {domain}: asking Microsoft and the domain itself ..."),
        Step::ProviderKnown { provider } => format!("Provider: {provider}, as the configuration has it"),
        Step::ProviderNamed { provider, tenant: None } => format!("Provider: {provider}, as --provider has it"),
        Step::ProviderNamed { provider, tenant: Some(tenant) } => {
            format!("Provider: {provider}, as --provider has it; asking Microsoft for the tenant {tenant} ...")
        }
        Step::RegistrationKnown { app } => format!("App registration: [app.{app}] of the configuration"),
        Step::Registration => "App registration: what you have to do once at the provider".to_owned(),
        Step::Configuration { file } => format!("Configuration: {file}"),
        Step::SignIn { address } => format!("Sign-in of {address}: waiting for the provider ..."),
        Step::Checks => "Checks: from the configuration to the provider's servers ...".to_owned(),
        Step::Message => "Test message of each mailbox: through Gatepost, where its password is known ...".to_owned(),
    }
}

pub fn say(say: &Say) -> String {
    match say {
        Say::Yes => "yes".to_owned(),
        Say::OfProvider(name) => of_provider(name).to_owned(),
        Say::AskAddress => "Mail address".to_owned(),
        Say::AskShared => "Shared mailboxes on the same sign-in, separated by commas (-: none)".to_owned(),
        Say::AskProvider => "Whose mailbox is it".to_owned(),
        Say::AskTenant { domain } => format!("Tenant of {domain}: its id, or a verified domain"),
        Say::AskGrant => "How does Gatepost get in".to_owned(),
        Say::GrantBrowser => "a person signs in once, in a browser (the usual way)".to_owned(),
        Say::GrantDevice => "a person signs in once, with a code on any device".to_owned(),
        Say::GrantAppOnly => "nobody signs in: the app itself has the right (unattended machines)".to_owned(),
        Say::AskOutbound => "How do messages leave".to_owned(),
        Say::OutSmtp => "SMTP (the usual way; SMTP AUTH has to be on for the mailbox)".to_owned(),
        Say::OutGraph => "Microsoft Graph (where SMTP AUTH has to stay off, as with security defaults)".to_owned(),
        Say::OutBoth => "SMTP, and Graph where SMTP AUTH is off".to_owned(),
        Say::AskClientId { is_microsoft: true } => "Application (client) ID".to_owned(),
        Say::AskClientId { is_microsoft: false } => "Client ID".to_owned(),
        Say::AskProof => "What proves the app".to_owned(),
        Say::ProofMake => "made here; you upload it to the app registration".to_owned(),
        Say::ProofSecret => "a client secret, which you make in the app registration".to_owned(),
        Say::AskSecret { is_needed: true } => "Client secret (its value, not its ID; not shown)".to_owned(),
        Say::AskSecret { is_needed: false } => "Client secret (not shown; Enter: there is none)".to_owned(),
        Say::AskKey { key } => format!("{key} of the provider"),
        Say::AskPassword => "Password that mail programs will type (not shown; Enter: make one)".to_owned(),
        Say::AskOldPassword { user } => {
            format!(
                "Password for mail programs of {user} (not shown; Enter: the test message goes straight to the provider)"
            )
        }
        Say::AskWrite { file } => format!("Write this to {file}"),
        Say::AskRenew { file } => format!("Put the new secret in the place of the old one, in {file}"),
        Say::FoundTenant { domain, id, provider } => {
            format!(
                "  {domain} is a domain of the Microsoft tenant {id} ({provider}).\n  Is its mail elsewhere? Then: --provider NAME"
            )
        }
        Say::FoundProvider { domain, provider } => format!("  {domain} is at {provider}."),
        Say::FoundServers { domain, servers } => format!("  {domain} has mail servers of its own: {}", hosts(servers)),
        Say::OtherTenant { domain, own, named } => format!(
            "warning: {domain} belongs to the tenant {own}, and --tenant names {named}.\n  Who is not in that tenant cannot sign in there (AADSTS50020, AADSTS50034)."
        ),
        Say::OtherCloud { tenant, provider, named } => {
            format!("warning: {tenant} is in the cloud {provider}, and --provider says {named}.")
        }
        Say::NotChecked { tenant, why } => format!(
            "warning: the tenant {tenant} could not be checked: {why}\n  It is written as it was named; at the sign-in it is seen whether it is right. (Behind a proxy: --set network.http-proxy=http://proxy:3128)"
        ),
        Say::ForTheService { file } => format!(
            "No configuration is named or found: this run makes that of the service of this machine, {file}.\nFor one of your own: --config FILE, or run it as an ordinary user."
        ),
        Say::AccountIsThere { address } => format!("  {address} is configured already; that stays."),
        Say::GoOver { app, with_it } => format!("  [app.{app}] is that of {with_it} as well: they go over with it."),
        Say::AppIsThere { app } => format!("  [app.{app}] of the configuration will do; nothing to register."),
        Say::CertificateMade { certificate } => {
            format!("  Certificate: {certificate} (its key is beside it, for nobody else to read)")
        }
        Say::ConsentUrl { url, instead, is_app_only } => {
            let who = if *is_app_only {
                "An administrator has to consent"
            } else {
                "If people may not consent by themselves, an administrator consents"
            };
            let end = if *is_app_only {
                ""
            } else {
                "It ends at http://localhost, a page that does not open: that is right.\n"
            };
            format!("\n{who}, once:\n\n  {url}\n\n{end}{instead}\n")
        }
        Say::NothingToWrite { file } => format!("  Everything is in {file} already; it stays as it is."),
        Say::NothingWritten => "Nothing was written.".to_owned(),
        Say::Wrote { file } => format!("  Wrote {file}"),
        Say::Renewed { app, file, configuration, ended } => {
            let remark = match ended {
                Some(day) => format!("secret-expires = {day} is of the old one; write the day of the new one"),
                None => {
                    "Write down when it ends, and you are told in advance: secret-expires = <YYYY-MM-DD>".to_owned()
                }
            };
            format!("  The new secret of [app.{app}] is in {file}.\n  {remark} (under [app.{app}] in {configuration}).")
        }
        Say::SecretIsThere { app, file } => format!("The secret of [app.{app}] was put into {file}."),
        Say::SecretCopied { from } => {
            format!("The secret was copied from {from}, which nobody needs any more: {}", removal(from))
        }
        Say::PasswordMade { users, password } => {
            format!(
                "\nPassword for mail programs ({users}): {password}\nIt is shown this once; the configuration has its hash.\n"
            )
        }
        Say::OfTheService { address, is_installed, has_secret } => {
            service::left_to_it(Lang::En, address, *is_installed, *has_secret)
        }
        Say::SignedInAlready { address } => format!("  {address} is signed in already."),
        Say::Stays => "The configuration stays as it is, and setup that is run again goes on from here.".to_owned(),
        Say::SharesStore { store, other, apart } => beside::shared_en(store, other.as_deref(), apart),
        Say::NotSentAsAsked => "  Not sent, as asked (--no-send).".to_owned(),
        Say::WithTheChecks { address, is_sent: true } => format!(
            "  {address}: sent with the checks above, straight to the provider: its password for mail programs is not known here."
        ),
        Say::WithTheChecks { address, is_sent: false } => {
            format!("  {address}: not sent; why stands with the checks above.")
        }
        Say::ThroughRunning { process } => format!("  Through the daemon that runs (process {process})."),
        Say::StandsIn => {
            "  The configured listeners cannot be opened from here; for this message others on this machine stand in."
                .to_owned()
        }
        Say::Opened { address } => format!("  {address}: the mailbox opens"),
        Say::NotOpened { address, why } => format!("  {address}: the mailbox does not open: {why}"),
        Say::Sending { from, to } => format!("  {from}: sending to {to} ..."),
        Say::Sent { from, to, reply } => format!("Sent from {from} to {to}. The provider said: {reply}\n"),
        Say::NotSent { address, why } => format!("  {address}: not sent: {why}"),
    }
}

const fn of_provider(preset: &str) -> &'static str {
    match preset.as_bytes() {
        b"microsoft365" => "work or school accounts, Exchange Online",
        b"microsoft365-gcc-high" => "US government, GCC High",
        b"microsoft365-dod" => "US government, DoD",
        b"microsoft365-china" => "operated by 21Vianet",
        b"outlook" => "personal Microsoft accounts: outlook.com, hotmail.com, live.com",
        b"google" => "Gmail and Google Workspace",
        b"custom" => "another provider: its addresses are asked for",
        _ => "",
    }
}

fn hosts(servers: &Servers) -> String {
    let shown = |(name, server): (&str, &Option<Server>)| {
        server.as_ref().map(|server| format!("{name} {}:{}", server.host, server.port))
    };
    let all = [("smtp", &servers.smtp), ("imap", &servers.imap), ("pop3", &servers.pop3)];
    let all: Vec<String> = all.into_iter().filter_map(shown).collect();
    let oauth = if servers.has_oauth { "" } else { " (they do not say that they take OAuth 2.0)" };
    format!("{}{oauth}", all.join(", "))
}

/// A paragraph of its own.
pub(super) fn behind(proof: Option<&String>) -> String {
    proof.map(|proof| format!("\n{proof}")).unwrap_or_default()
}

pub fn trouble(trouble: &Trouble) -> (String, String) {
    let (text, hint) = match trouble {
        Trouble::FlagMissing { flag, question } => {
            (format!("\"{question}\" is not answered, and nobody can be asked here"), format!("add {flag}, or run it on a terminal:\n  {}", with_flag(flag)))
        }
        Trouble::NotAnAddress { typed } => {
            (format!("\"{typed}\" is not a mail address"), "for example ann@contoso.com; \"*@contoso.com\" is written into the configuration by hand, as address of an [[account]]".into())
        }
        Trouble::NotAChoice { typed, of } => (format!("\"{typed}\" is none of them"), format!("type a number from 1 to {of}, or the name beside it")),
        Trouble::NotYesOrNo => ("that is neither yes nor no".into(), "type y or n".into()),
        Trouble::Declined => ("nothing was written".into(), "run it again with other answers".into()),
        Trouble::Terminal { why } => (format!("the input cannot be read: {why}"), "answer by flags: gatepost setup --help".into()),
        Trouble::NotASetting { typed } => {
            (format!("\"{typed}\" is no key with a value"), "for example --set app.token-url=https://login.example.com/token".into())
        }
        Trouble::SecretInArgument { key } => {
            (format!("{key} may be a secret, and every user of this machine sees the arguments of its processes"), format!("put it into a file: --set {key}-file=FILE"))
        }
        Trouble::HasAFlag { key, flag } => (format!("{key} is not set with --set"), format!("use {flag}")),
        Trouble::Otherwise { file, lines, proof } => (
            format!("{file} says something else than what was asked for, and setup changes no line that is there; nothing was written"),
            format!(
                "write this there, in the place of the line with the same key if there is one, then {}:{}{}",
                if proof.is_some() { "do what stands below it" } else { "run setup again" },
                listed(lines, Lang::En),
                behind(proof.as_ref())
            ),
        ),
        Trouble::NotAListener { typed } => (format!("\"{typed}\" is no listener"), "for example --listen smtp=192.168.10.2:1587 (smtp, imap or pop3)".into()),
        Trouble::Unreadable { file, why } => (format!("{file} cannot be read: {why}"), "check the path and who may read it".into()),
        Trouble::Lent { block, by } => (
            format!("systemd lends the secret of {block} to the service ({by}), and nobody else can change it; nothing was written"),
            match by.starts_with(SEALED) {
                true => format!("`systemd-creds encrypt` seals the value into that file; then: {}", Daemon::Unit.restart()),
                false => format!("write the value into that file, then: {}", Daemon::Unit.restart()),
            },
        ),
        Trouble::Unwritable { file, why } => {
            (format!("{file} cannot be written: {why}"), "run it as the user whom that folder belongs to, or name another place (--config FILE)".into())
        }
        Trouble::ChangedMeanwhile { file } => (format!("{file} was changed by somebody else meanwhile"), "nothing was written; run setup again".into()),
        Trouble::UnknownProvider { typed } => {
            (format!("there is no provider \"{typed}\""), "microsoft365, microsoft365-gcc-high, microsoft365-dod, microsoft365-china, outlook, google, fastmail, yahoo, aol or custom".into())
        }
        Trouble::PasswordOnly { service } => (
            format!("{service} takes no OAuth 2.0 sign-in from mail programs, only passwords that are made for them"),
            "Gatepost is of no use there: make such a password in its settings and type it into the mail program".into(),
        ),
        Trouble::NothingFound { domain } => {
            (format!("nobody knows whose mail {domain} is"), "check the spelling, or say it: --provider microsoft365 --tenant TENANT, --provider google, ...".into())
        }
        Trouble::Unreachable { domain, why, by_proxy } => ByProxy::text(
            by_proxy.as_ref(),
            Lang::En,
            format!("the provider of {domain} could not be found out: {why}"),
            "check the network (behind a proxy: --set network.http-proxy=http://proxy:3128), or say it: --provider NAME --tenant TENANT",
        ),
        Trouble::TenantUnreachable { domain, why, by_proxy } => ByProxy::text(
            by_proxy.as_ref(),
            Lang::En,
            format!("the tenant of {domain} could not be found out: {why}"),
            "check the network, or say it: --tenant TENANT",
        ),
        Trouble::NotATenant { typed } if typed.is_empty() => {
            ("no tenant was typed".into(), "type its id (a GUID) or one of its verified domains".into())
        }
        Trouble::NotATenant { typed } => (format!("\"{typed}\" is not a tenant"), "type its id (a GUID) or one of its verified domains".into()),
        Trouble::NoSuchTenant { tenant } => (
            format!("Microsoft knows no tenant {tenant} (AADSTS90002)"),
            "leave --tenant out to have it found by the address; the id stands in the Entra admin center, Overview".into(),
        ),
        Trouble::NoSuchGrant { provider, grant } => {
            (format!("{provider} gives no tokens for --grant {grant}"), "take --grant authorization-code; over ssh it works too: what the browser ends at is pasted".into())
        }
        Trouble::NoGraph { provider } => (format!("{provider} has no Microsoft Graph to send through"), "take --outbound smtp".into()),
        Trouble::Idle { flag, why } => (format!("{flag} has no use here: {}", idle::en(*why)), "leave it out".into()),
        Trouble::NobodyArms => (
            "--first-use is refused for app-only access: nobody signs in who could arm it".into(),
            "leave it out: a password is made and shown once".into(),
        ),
        Trouble::NotAClientId { is_microsoft: true } => {
            ("this is not an Application (client) ID".into(), "it is a GUID such as 00000000-0000-0000-0000-000000000000, on the Overview page of the app".into())
        }
        Trouble::NotAClientId { is_microsoft: false } => ("this is not a client id".into(), "it is one word, as the provider shows it".into()),
        Trouble::NoScript { provider, grant } => {
            (format!("there is no script for {provider} with {grant}"), "gatepost setup without --print-script shows what to do by hand".into())
        }
        Trouble::NoSecret => (
            "an app that signs in by itself needs something that proves it".into(),
            format!("run this command again with one of these, a certificate made here, one of your own, or a client secret:{}", proofs()),
        ),
        Trouble::HalfAPair { there, missing } => (
            format!("{there} is there without {missing}; neither was written over"),
            "bring the other one back, or move this one away to have both made".into(),
        ),
        Trouble::NoPassword => ("the line on stdin is no password".into(), "give one line that is not empty".into()),
        Trouble::NoRandomness => ("no password could be made: this machine gives no random numbers".into(), "try again".into()),
        Trouble::Gone { address } => (format!("the configuration has no account {address}"), "report this".into()),
        Trouble::NoTrial { why, next } => (format!("the daemon cannot be started for the test message: {why}"), next.clone()),
        Trouble::NoSmtpListener => ("there is no smtp listener to send a test message through".into(), "add --listen smtp=127.0.0.1:1587, or leave the message out: --no-send".into()),
        Trouble::ReloadIt { process, command } => {
            (format!("the daemon that runs (process {process}) does not know the new accounts yet"), format!("`{command}` (as its user), then run setup again"))
        }
        Trouble::RestartIt { process, at, command } => (
            format!("the daemon that runs (process {process}) has no console at {at}, where this configuration has it, and takes that over at a restart alone"),
            format!("restart it (as its user): `{command}`; then run setup again"),
        ),
        Trouble::OtherDaemon { process, stop, places, apart } => {
            beside::other_en(*process, stop, places.each_ref().map(String::as_str), apart)
        }
        Trouble::NotWell => (
            "a check failed".into(),
            "the next step stands above; then `gatepost doctor`, or setup again".into(),
        ),
        Trouble::TrialFailed => (
            "not every mailbox works yet".into(),
            "what is missing stands above; the configuration stays, and setup can be run again".into(),
        ),
    };
    (text, hint)
}

/// By hand, and by script where there is one.
pub fn registration(of: &Registration) -> String {
    let mut page = String::new();
    match of.provider {
        "google" => page.push_str(
            "  1. https://console.cloud.google.com: make a project; APIs & Services, Library: enable the Gmail API.\n  \
             2. OAuth consent screen: \"Internal\" in a Workspace. Else External, and publish it: in status \"Testing\" a sign-in\n     lasts seven days.\n  \
             3. Data access: add the scope https://mail.google.com/\n  \
             4. Credentials, Create, OAuth client ID, type \"Desktop app\". Its client ID and its secret are asked for now.\n",
        ),
        "outlook" => page.push_str(
            "  1. https://entra.microsoft.com, App registrations, New registration. Name: Gatepost.\n     \
             Supported account types: Personal Microsoft accounts only.\n  \
             2. Redirect URI: \"Public client/native (mobile & desktop)\", http://localhost\n  \
             3. Copy the Application (client) ID.\n  \
             4. In the settings of Outlook.com, Mail, Forwarding and IMAP: let devices and apps use POP and IMAP.\n",
        ),
        name if name.starts_with("microsoft365") => entra(of, &mut page),
        name => {
            let _ = write!(
                page,
                "  Register an application at {name}: a native (desktop) app with PKCE, redirect URI http://localhost, and the right to\n  \
                 IMAP, POP and SMTP. Its client ID is asked for now.\n"
            );
        }
    }
    page
}

fn entra(of: &Registration, page: &mut String) {
    let app_only = of.grant.is_app_only();
    // Writing to a String does not fail.
    let _ = write!(
        page,
        "  By hand, in the Entra admin center (https://entra.microsoft.com) in the tenant of {}:\n  \
         1. App registrations, New registration. Name: Gatepost. Supported account types: this organizational directory only.\n",
        of.tenant_shown()
    );
    if app_only {
        let _ = write!(
            page,
            "     No redirect URI.\n  \
             2. API permissions, Add, APIs my organization uses, Office 365 Exchange Online, Application permissions:\n     \
             IMAP.AccessAsApp, POP.AccessAsApp; then Grant admin consent. Not SMTP.SendAsApp: it would be for all mailboxes.\n  \
             3. Certificates & secrets: {}\n  \
             4. Enterprise applications, Gatepost: that page has the <object-id> (the app registration has another) and, as Application ID,\n     \
             the <client-id> of the next step.\n  \
             5. In Exchange Online PowerShell:\n       \
             New-ServicePrincipal -AppId <client-id> -ObjectId <object-id>\n",
            match of.certificate {
                Some(file) => format!("upload {file}"),
                None => "make a client secret, copy its value".to_owned(),
            },
        );
        for one in of.all().map(powershell) {
            let _ = writeln!(page, "       Add-MailboxPermission {one} -User <object-id> -AccessRights FullAccess");
            if of.uses_smtp() {
                let _ = writeln!(page, "       Set-CASMailbox {one} -SmtpClientAuthenticationDisabled $false");
            }
        }
        let _ = writeln!(
            page,
            "       # where the group is there already, for another mailbox, in the place of making it and its scope:\n{members}       \
             New-DistributionGroup -Name gatepost-senders -Type Security -Members {all}\n       \
             $group = (Get-DistributionGroup -Identity gatepost-senders).DistinguishedName\n       \
             New-ManagementScope -Name Gatepost -RecipientRestrictionFilter \"MemberOfGroup -eq '$group'\"",
            members = into_the_group(of),
            all = of.all().map(powershell_quoted).collect::<Vec<_>>().join(",")
        );
        for (role, used) in [("SMTP.SendAsApp", of.uses_smtp()), ("Mail.Send", of.uses_graph())] {
            if used {
                let _ = writeln!(
                    page,
                    "       New-ManagementRoleAssignment -App <client-id> -Role \"Application {role}\" -CustomResourceScope Gatepost"
                );
            }
        }
    } else {
        let rights = of.delegated();
        let _ = write!(
            page,
            "  2. Redirect URI: \"Public client/native (mobile & desktop)\", http://localhost   (not \"Single-page application\")\n  \
             3. API permissions, Add, Microsoft Graph, Delegated permissions:\n     {}\n",
            rights.join(", ")
        );
        if of.grant == Grant::DeviceCode {
            page.push_str("     Authentication, Allow public client flows: Yes.\n");
        }
        if of.uses_smtp() || !of.others.is_empty() {
            page.push_str("  4. In Exchange Online PowerShell:\n");
        }
        if of.uses_smtp() {
            let _ = writeln!(
                page,
                "       Set-CASMailbox {} -SmtpClientAuthenticationDisabled $false",
                powershell(of.address)
            );
        }
        let who = powershell(of.address);
        for one in of.others.iter().map(|one| powershell(one)) {
            let _ = writeln!(page, "       Add-MailboxPermission {one} -User {who} -AccessRights FullAccess");
            let _ =
                writeln!(page, "       Add-RecipientPermission -Identity {one} -Trustee {who} -AccessRights SendAs");
        }
    }
    page.push_str(
        "  Then copy the Application (client) ID from the Overview page of the app.\n  \
         Or all of it by a script, which this command writes:\n",
    );
    let _ = writeln!(page, "       {}", to_print_script(of));
}

pub const SCRIPT: ScriptWords = ScriptWords {
    head: "Registers Gatepost in Entra ID, with rights on the mailboxes below and no others. Safe to run again.",
    modules: "Needs PowerShell 7 and these modules:",
    stops: "A step that fails stops the script. Cmdlets of script modules do not heed the first line, but the second.",
    sign_in: "Sign in as an administrator who may register apps and consent (Cloud Application Administrator or above).",
    device: "The device code sign-in needs public client flows.",
    redirect: "A public client: no secret, protected by PKCE. Any port of http://localhost fits.",
    of_another_tenant: "The app of the configuration is not registered in this tenant. One of this tenant takes its place: write the client id at the end of this as client-id into the configuration.",
    no_public_flows: "Public client flows are off for this app now, since it proves itself: with a device code nobody signs in to it any more.",
    extended: "An app that is there keeps what it has and gets what is missing.",
    consent: "Consent for this one person. For everybody: -ConsentType 'AllPrincipals', without -PrincipalId.",
    exchange: "Exchange Online: the rights on mailboxes.",
    smtp_auth: "SMTP AUTH for these mailboxes alone; the tenant's switch stays as it is. Not with security defaults: use outbound = \"graph\".",
    delegate: "Shared mailboxes: the delegate opens them and sends as them.",
    roles: "IMAP and POP3 alone: SMTP.SendAsApp here would count for every mailbox; the role below is limited.",
    certificate: "The certificate that proves the app; its key stays where Gatepost runs.",
    has_certificates: "The app has certificates already. Add the one of Gatepost under Certificates & secrets, unless it is there.",
    secret: "What proves the app: upload a certificate, or make a secret, under Certificates & secrets.",
    enterprise: "Exchange has to know the app, by the object id of the enterprise application.",
    mailboxes: "IMAP and POP3: full access to these mailboxes.",
    scope: "Sending: a role that is limited to the members of a group. It takes 15 to 30 minutes.",
    send_as: "What `send-as` of the configuration names besides: the app may send as these.",
    end: "For `gatepost setup --client-id`:",
};
