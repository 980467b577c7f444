//! `[ann@contoso.com]`, and `[@contoso.com]` and `[@]` where catch-alls are allowed.

use std::collections::BTreeMap;

use super::{PROSE, Switches};
use crate::{
    base::Secret,
    config::{
        import::{
            endpoints::{Endpoints, matched},
            fernet::Seal,
            found::{Found, FoundAccount, FoundApp, FoundProof, Held},
            ini::{Entry, Ini, Section},
            places::{Mailbox, mailbox, redirect_uri},
            servers::FoundServer,
            upstreams::upstreams,
        },
        raw,
    },
};

/// Both stand in the sample file.
const PLACEHOLDER: &str = "*** your";

pub fn read(ini: &Ini, servers: &[FoundServer], switches: &Switches, found: &mut Found) {
    for section in ini.sections().iter().filter(|section| section.name.contains('@')) {
        let read = AccountSection { ini, section, catch_all: switches.catch_all };
        read.unknown_keys(found);
        match read.account(servers, switches, found) {
            Ok(account) => found.accounts.push(account),
            Err(why) => found.report.left_out(section.line, format!("[{}]", section.name), why),
        }
    }
}

struct AccountSection<'a> {
    ini: &'a Ini,
    section: &'a Section,
    catch_all: bool,
}

impl<'a> AccountSection<'a> {
    /// Of the account itself; tokens are never inherited.
    fn own(&self, key: &str) -> Option<&'a Entry> {
        self.ini.entry(&self.section.name, key).filter(|entry| !entry.value.is_empty())
    }

    /// From its domain, or from all, where the account has none and that is allowed.
    fn entry(&self, key: &str) -> Option<&'a Entry> {
        let domain = self.section.name.rsplit('@').next().unwrap_or_default();
        let above = [format!("@{domain}"), "@".to_owned()];
        let inherited = || above.iter().filter(|_| self.catch_all).find_map(|above| self.ini.entry(above, key));
        self.ini.entry(&self.section.name, key).or_else(inherited).filter(|entry| !entry.value.is_empty())
    }

    fn value(&self, key: &str) -> Option<&'a str> {
        self.entry(key).map(|entry| entry.value.as_str())
    }

    fn place(&self, key: &str) -> String {
        format!("[{}] {key}", self.section.name)
    }

    fn unknown_keys(&self, found: &mut Found) {
        const KNOWN: &[&str] = &[
            "permission_url",
            "token_url",
            "oauth2_scope",
            "oauth2_resource",
            "oauth2_flow",
            "redirect_uri",
            "redirect_listen_address",
            "client_id",
            "client_secret",
            "use_pkce",
            "jwt_certificate_path",
            "jwt_key_path",
        ];
        for entry in &self.section.entries {
            let key = entry.key.as_str();
            if key == "redirect_listen_address" {
                let text =
                    "a sign-in listens on loopback alone; elsewhere use `gatepost login --flow paste`, or the console";
                found.report.no_equivalent(entry.line, self.place(key), text);
            } else if ![KNOWN, super::CACHED, PROSE].iter().any(|known| known.contains(&key)) {
                found.report.left_out(entry.line, self.place(key), "this key is not known");
            }
        }
    }

    fn account(&self, servers: &[FoundServer], switches: &Switches, found: &mut Found) -> Result<FoundAccount, String> {
        let (address, sign_in_as) = self.address(switches, found)?;
        for key in ["client_id", "token_url", "permission_url"] {
            if self.value(key).is_some_and(|value| value.contains(PLACEHOLDER)) {
                return Err(format!("{key} is still that of the sample file"));
            }
        }
        let grant = self.grant()?;
        let app = self.app(grant, &address, servers, switches, found)?;
        let attended = matches!(grant, raw::Grant::AuthorizationCode | raw::Grant::DeviceCode);
        let refresh = self.sealed("refresh_token", found).filter(|_| attended);
        let access = self.sealed("access_token", found);
        let is_sealed = |held: &Held| matches!(held, Held::Sealed(_));
        let proof_is_sealed = match &app.proof {
            FoundProof::Secret(held) | FoundProof::ServiceAccountFile(held) | FoundProof::ServiceAccountKey(held) => {
                is_sealed(held)
            }
            _ => false,
        };
        let seal = match refresh.is_some() || access.is_some() || proof_is_sealed {
            true => self.seal(found),
            false => None,
        };
        if attended && refresh.is_none() && access.is_some() {
            let text = "there is no refresh token (was offline_access missing from the scopes?): it has to sign in";
            found.report.check(self.section.line, self.place("refresh_token"), text);
        }
        Ok(FoundAccount {
            origin: format!("[{}]", self.section.name),
            address,
            sign_in_as,
            app,
            // Without a salt nothing opens.
            refresh: refresh.filter(|_| seal.is_some()),
            access: access.filter(|_| seal.is_some()),
            seal,
        })
    }

    fn address(&self, switches: &Switches, found: &mut Found) -> Result<(String, Option<String>), String> {
        let name = self.section.name.as_str();
        if let Some(domain) = name.strip_prefix('@') {
            return match (switches.catch_all, domain.is_empty()) {
                (false, _) => Err("allow_catch_all_accounts is not True, so the old program ignores it too".to_owned()),
                (true, true) => {
                    Err("an account for every domain has no equivalent: write one \"*@domain\" for each".to_owned())
                }
                (true, false) => Ok((format!("*@{}", domain.to_lowercase()), None)),
            };
        }
        match mailbox(name) {
            Some(Mailbox { address, sign_in_as: None }) => Ok((address, None)),
            Some(Mailbox { address, sign_in_as: Some(delegate) }) => {
                let text = format!("mail programs log in as {address} from now on; {delegate} signs in for it");
                found.report.check(self.section.line, format!("[{name}]"), text);
                Ok((address, Some(delegate)))
            }
            None => Err("its name is not a mail address".to_owned()),
        }
    }

    /// As the old program decides: with a page (`permission_url`) somebody signs in, whatever else is written.
    fn grant(&self) -> Result<raw::Grant, String> {
        let flow = self.value("oauth2_flow");
        match (self.value("permission_url"), flow) {
            (Some(_), Some("device")) => Ok(raw::Grant::DeviceCode),
            (Some(_), _) => Ok(raw::Grant::AuthorizationCode),
            (None, Some("client_credentials")) => Ok(raw::Grant::ClientCredentials),
            (None, Some("password")) => Ok(raw::Grant::Password),
            (None, Some("service_account")) => Ok(raw::Grant::ServiceAccount),
            // What the program took for granted before it had the key.
            (None, None) if self.value("oauth2_scope").is_some_and(|scope| scope.ends_with("/.default")) => {
                Ok(raw::Grant::ClientCredentials)
            }
            (None, Some(_)) => Err("its oauth2_flow needs a permission_url, or is not known".to_owned()),
            (None, None) => Err("it has neither a permission_url nor an oauth2_flow".to_owned()),
        }
    }

    fn app(
        &self,
        grant: raw::Grant,
        address: &str,
        servers: &[FoundServer],
        switches: &Switches,
        found: &mut Found,
    ) -> Result<FoundApp, String> {
        let token = self.value("token_url").ok_or("it has no token_url")?;
        let page = self.value("permission_url");
        let scopes: Vec<String> =
            self.value("oauth2_scope").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        let resource = self.value("oauth2_resource").filter(|_| grant == raw::Grant::Password);
        if scopes.is_empty() && resource.is_none() {
            return Err("it has no oauth2_scope".to_owned());
        }
        let endpoints = Endpoints {
            authorize: page.filter(|_| grant == raw::Grant::AuthorizationCode),
            device: page.filter(|_| grant == raw::Grant::DeviceCode),
            token,
            scopes: &scopes,
            resource,
            grant,
        };
        let hosts: Vec<&str> = servers.iter().map(|server| server.host.as_str()).collect();
        let known = matched(&endpoints, address, &hosts)?;
        let [smtp, imap, pop3] =
            upstreams(servers, known.provider, token, address, &self.section.name, self.section.line, found);
        let proof = self.proof(grant, switches, found)?;
        let client_id = match grant {
            // There it says where the key is.
            raw::Grant::ServiceAccount => None,
            _ => Some(self.value("client_id").ok_or("it has no client_id")?.to_owned()),
        };
        let redirect = self.entry("redirect_uri").filter(|_| grant == raw::Grant::AuthorizationCode);
        let redirect_uri = redirect
            .and_then(|entry| redirect_uri(&entry.value, entry.line, &self.place("redirect_uri"), &mut found.report));
        Ok(FoundApp {
            provider: known.provider,
            tenant: known.tenant,
            client_id,
            proof,
            grant,
            redirect_uri,
            scopes: known.scopes,
            resource: known.resource,
            authorize_url: known.authorize_url,
            token_url: known.token_url,
            device_url: known.device_url,
            authorize_extra: BTreeMap::new(),
            smtp,
            imap,
            pop3,
        })
    }

    /// The plain secret wins over the sealed one, and either over a certificate.
    fn proof(&self, grant: raw::Grant, switches: &Switches, found: &mut Found) -> Result<FoundProof, String> {
        let plain = self.entry("client_secret").filter(|entry| !self.is_sample(entry, found));
        let sealed = || self.entry("client_secret_encrypted").and_then(|entry| Held::sealed(&entry.value));
        let secret = plain.map(|entry| Held::Plain(Secret::new(entry.value.as_str()))).or_else(sealed);
        let certificate = match (self.value("jwt_certificate_path"), self.value("jwt_key_path")) {
            (Some(certificate), Some(key)) => Some((certificate.to_owned(), key.to_owned())),
            _ => None,
        };
        if grant == raw::Grant::ServiceAccount {
            let key = secret.ok_or("it has no client_secret, where the key of the service account belongs")?;
            return match self.value("client_id") {
                Some("file") => Ok(FoundProof::ServiceAccountFile(key)),
                Some("key") => Ok(FoundProof::ServiceAccountKey(key)),
                _ => Err("its client_id is neither `file` nor `key`".to_owned()),
            };
        }
        match (secret, certificate) {
            (Some(secret), None) => Ok(FoundProof::Secret(secret)),
            (Some(secret), Some(_)) => {
                let text = "the old program uses the secret beside it, and so does the new configuration";
                found.report.check(self.section.line, self.place("jwt_certificate_path"), text);
                Ok(FoundProof::Secret(secret))
            }
            (None, Some((certificate, key))) => Ok(FoundProof::Certificate { certificate, key }),
            (None, None) if grant == raw::Grant::ClientCredentials && switches.password_is_secret => {
                Ok(FoundProof::MailPassword)
            }
            (None, None) => Ok(FoundProof::None),
        }
    }

    fn is_sample(&self, secret: &Entry, found: &mut Found) -> bool {
        let sample = secret.value.contains(PLACEHOLDER);
        if sample {
            let text = "is still that of the sample file, and was taken as none";
            found.report.check(secret.line, self.place("client_secret"), text);
        }
        sample
    }

    fn sealed(&self, key: &str, found: &mut Found) -> Option<Held> {
        let entry = self.own(key)?;
        let held = Held::sealed(&entry.value);
        if held.is_none() {
            found.report.check(entry.line, self.place(key), "is damaged, and was not taken over");
        }
        held
    }

    fn seal(&self, found: &mut Found) -> Option<Seal> {
        let Some(salt) = self.entry("token_salt") else {
            let text = "is missing: nothing that is sealed can be opened, and it has to sign in";
            found.report.check(self.section.line, self.place("token_salt"), text);
            return None;
        };
        match Seal::new(&salt.value, self.value("token_iterations")) {
            Ok(seal) => Some(seal),
            Err(why) => {
                let text = format!("{why}: nothing that is sealed can be opened, and it has to sign in");
                found.report.check(salt.line, self.place("token_salt"), text);
                None
            }
        }
    }
}
