//! What is known of the account, the app and the way when a fault is told, so that a command can be pasted as it stands.
//!
//! What is not known reads in capitals (`TENANT`), as in the docs. So does what a shell would read as more than a
//! word: nothing that a stranger chose becomes a part of a command that somebody pastes.

/// The names of what can be filled in, as they stand in the data.
const NAMES: [&str; 12] = [
    "address",
    "admin-consent-page",
    "client-id",
    "host",
    "login-host",
    "mailbox",
    "object-id",
    "port",
    "sender",
    "smtp-user",
    "tenant",
    "who-signs-on",
];
/// Of the commercial cloud, where nothing is known of the app: as the docs have it.
const LOGIN_HOST: &str = "login.microsoftonline.com";
/// Of a value. An address has no more (RFC 5321 4.5.3.1).
const MOST: usize = 320;

/// What is known. All of it may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Of the account.
    pub address: Option<String>,
    /// That IMAP and POP3 open.
    pub mailbox: Option<String>,
    /// Who signs on over SMTP, and sends through Graph.
    pub smtp_user: Option<String>,
    /// Whose right it is that the mail server looks at.
    pub who_signs_on: Option<String>,
    /// Whom a message claims to be from.
    pub sender: Option<String>,
    pub tenant: Option<String>,
    pub client_id: Option<String>,
    /// Of the enterprise application.
    pub object_id: Option<String>,
    pub host: Option<String>,
    pub port: Option<u16>,
    /// Of the identity provider.
    pub login_host: Option<String>,
}

impl Known {
    /// `text` with what is known in the place of `{names}`. Other braces stay.
    pub fn fill(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            out.push_str(before);
            let name = behind.split_once('}').filter(|(name, _)| NAMES.contains(name));
            rest = match name {
                Some((name, after)) => {
                    out.push_str(&self.value(name));
                    after
                }
                None => {
                    out.push('{');
                    behind
                }
            };
        }
        out + rest
    }

    fn value(&self, name: &str) -> String {
        let port = self.port.map(|port| port.to_string());
        let value = match name {
            "address" => &self.address,
            "client-id" => &self.client_id,
            "host" => &self.host,
            "login-host" => &self.login_host,
            "mailbox" => &self.mailbox,
            "object-id" => &self.object_id,
            "port" => &port,
            "sender" => &self.sender,
            "smtp-user" => &self.smtp_user,
            "tenant" => &self.tenant,
            "who-signs-on" => &self.who_signs_on,
            _ => &None,
        };
        match value.as_deref() {
            Some(value) if is_harmless(value) => value.to_owned(),
            None if name == "admin-consent-page" => self.admin_consent(),
            None if name == "login-host" && self.is_of_no_app() => LOGIN_HOST.to_owned(),
            _ => name.to_ascii_uppercase(),
        }
    }

    fn is_of_no_app(&self) -> bool {
        self.login_host.is_none() && self.tenant.is_none() && self.client_id.is_none() && self.host.is_none()
    }

    /// Where an administrator consents for all (Entra's admin consent endpoint). A provider without tenants has none.
    fn admin_consent(&self) -> String {
        match self.is_of_no_app() || (self.login_host.is_some() && self.tenant.is_some()) {
            true => self.fill("https://{login-host}/{tenant}/adminconsent?client_id={client-id}"),
            false => "ADMIN-CONSENT-PAGE".to_owned(),
        }
    }
}

/// Whether a shell takes it for nothing but a word: whoever reads a command may paste it.
pub fn is_harmless(value: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-+@:".contains(c);
    !value.is_empty() && value.len() <= MOST && !value.starts_with('-') && value.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_filled_in_and_what_is_not_reads_in_capitals() {
        let known = Known { mailbox: Some("ann@contoso.com".into()), port: Some(587), ..Known::default() };
        let text = "`Set-CASMailbox -Identity {mailbox}` in {tenant} at {host}:{port}; @{Add='{who-signs-on}'} {x} {";
        let told = "`Set-CASMailbox -Identity ann@contoso.com` in TENANT at HOST:587; @{Add='WHO-SIGNS-ON'} {x} {";
        assert_eq!(known.fill(text), told);
        assert_eq!(Known::default().fill("https://{login-host}/"), "https://login.microsoftonline.com/");
    }

    #[test]
    fn only_what_has_tenants_has_a_page_for_the_consent_of_an_administrator_and_no_host_is_guessed_for_another() {
        let consent = |known: &Known| known.fill("`{admin-consent-page}` at {login-host}");
        let docs =
            "`https://login.microsoftonline.com/TENANT/adminconsent?client_id=CLIENT-ID` at login.microsoftonline.com";
        assert_eq!(consent(&Known::default()), docs);
        let us = Known {
            login_host: Some("login.microsoftonline.us".into()),
            tenant: Some("contoso.us".into()),
            client_id: Some("c-1; x".into()),
            ..Known::default()
        };
        let page = "`https://login.microsoftonline.us/contoso.us/adminconsent?client_id=CLIENT-ID` at login.microsoftonline.us";
        assert_eq!(consent(&us), page);
        let google = Known { tenant: None, login_host: Some("oauth2.googleapis.com".into()), ..us };
        assert_eq!(consent(&google), "`ADMIN-CONSENT-PAGE` at oauth2.googleapis.com");
        let unnamed = Known { login_host: None, ..google };
        assert_eq!(consent(&unnamed), "`ADMIN-CONSENT-PAGE` at LOGIN-HOST");
    }

    #[test]
    fn every_name_has_a_value_of_its_own() {
        let known = Known {
            address: Some("address".into()),
            mailbox: Some("mailbox".into()),
            smtp_user: Some("smtp-user".into()),
            who_signs_on: Some("who-signs-on".into()),
            sender: Some("sender".into()),
            tenant: Some("tenant".into()),
            client_id: Some("client-id".into()),
            object_id: Some("object-id".into()),
            host: Some("host".into()),
            port: Some(1),
            login_host: Some("login-host".into()),
        };
        for name in NAMES {
            let value = match name {
                "port" => "1",
                "admin-consent-page" => "https://login-host/tenant/adminconsent?client_id=client-id",
                name => name,
            };
            assert_eq!(known.fill(&format!("{{{name}}}")), value);
        }
    }

    #[test]
    fn no_command_is_made_of_what_a_shell_reads_otherwise() {
        for odd in [
            "",
            "a|calc@contoso.com",
            "$x@contoso.com",
            "a`b@contoso.com",
            "a'b@c.d",
            "-x@c.d",
            "a b@c.d",
            "\u{e4}@c.d",
        ] {
            let known = Known { sender: Some(odd.into()), ..Known::default() };
            assert_eq!(known.fill("grant {sender}"), "grant SENDER", "{odd}");
        }
    }
}
