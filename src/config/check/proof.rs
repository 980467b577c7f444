//! What proves an app: a secret, a certificate, a key of a service account, a federated token, or the machine itself.
//!
//! Each grant takes some of them; what it has no use for is refused, so that nobody believes in a proof that is never
//! shown. What Azure and Kubernetes put into the environment is looked up for the grants that mean it, and only there.

use std::path::Path;

use url::Url;

use super::{Checker, is_loopback};
use crate::{
    catalog::shell,
    config::{key::Key, outline::has_login, raw, surroundings::lent},
    oauth::{AppCredential, Grant, IdentityEndpoint, ServiceAccountKey},
};

/// The metadata service of Azure's virtual machines: plain HTTP, and never further than the machine's own host.
const IMDS: &str = "http://169.254.169.254/metadata/identity/oauth2/token";
/// Where the Arc agent puts what its callers must be able to read.
const ARC_KEYS: &str = "/var/opt/azcmagent/tokens";

pub(super) struct Proof {
    pub credential: AppCredential,
    /// Where the surroundings say that tokens are given out; `{tenant}` stands for the tenant.
    pub token_url: Option<String>,
}

/// The keys under which a grant takes its proof.
const fn accepted(grant: Grant) -> &'static [&'static str] {
    match grant {
        Grant::ServiceAccount => &["service-account-key"],
        Grant::WorkloadIdentity => &["federated-token-file"],
        Grant::ManagedIdentity => &[],
        _ => &["client-secret", "certificate", "federated-token-file"],
    }
}

impl Checker<'_> {
    pub(super) fn proof(&mut self, key: &Key, raw: &raw::App, grant: Grant) -> Proof {
        self.one_proof(key, raw, grant);
        let (credential, token_url) = match grant {
            Grant::ServiceAccount => (self.service_account(key, raw), None),
            Grant::WorkloadIdentity => (self.federated(key, raw), self.authority(key)),
            Grant::ManagedIdentity => self.identity_endpoint(key, raw),
            _ => (self.secret_or_certificate(key, raw, grant), None),
        };
        Proof { credential: credential.unwrap_or(AppCredential::None), token_url }
    }

    /// Where whoever renews the secret finds the old one.
    pub(super) fn secret_at(&self, raw: &raw::App) -> Option<String> {
        let (file, env) = (raw.client_secret_file.as_deref(), raw.client_secret_env.as_deref());
        let is_there = file.is_some() || env.is_some() || raw.client_secret.is_some();
        let lent = file.and_then(lent).map(|name| self.around.as_lent(name));
        lent.or_else(|| is_there.then(|| self.whereabouts("client-secret", file, env)))
    }

    fn one_proof(&mut self, key: &Key, raw: &raw::App, grant: Grant) {
        let given = given(raw);
        for name in given.iter().filter(|name| !accepted(grant).contains(name)) {
            let text = format!("`{key}`: grant = \"{}\" has no use for {name}", grant.as_str());
            self.error(&key.field(name), text, "remove it");
        }
        let mut fitting = given.iter().filter(|name| accepted(grant).contains(name));
        if let (Some(one), Some(other)) = (fitting.next(), fitting.next()) {
            self.error(&key.field(other), format!("`{key}` has both {one} and {other}"), "keep one of them");
        }
    }

    fn secret_or_certificate(&mut self, key: &Key, raw: &raw::App, grant: Grant) -> Option<AppCredential> {
        let (file, env) = (raw.client_secret_file.as_deref(), raw.client_secret_env.as_deref());
        let is_unread = self.around.without_secrets || file.is_some_and(|file| self.is_secret_to_come(key, file));
        let secret = match is_unread {
            true => None,
            false => self.secret(key, "client-secret", raw.client_secret.as_ref(), file, env),
        };
        let certificate = raw.certificate.as_ref().map(|path| self.readable(&key.field("certificate"), path));
        let private = raw.certificate_key.as_ref().map(|path| self.key_file(&key.field("certificate-key"), path));
        match (certificate, private) {
            (Some(certificate), Some(key)) => return Some(AppCredential::Certificate { certificate, key }),
            (Some(_), None) => self.missing(key, "certificate-key", "add: certificate-key = \"app.key\""),
            (None, Some(_)) => self.missing(key, "certificate", "add: certificate = \"app.pem\""),
            (None, None) => {}
        }
        if let Some(file) = &raw.federated_token_file {
            return Some(AppCredential::FederatedToken(self.readable(&key.field("federated-token-file"), file)));
        }
        if grant == Grant::ClientCredentials && given(raw).is_empty() {
            let hint =
                "add: certificate = \"app.pem\" and certificate-key = \"app.key\", or client-secret-file = \"FILE\"";
            self.error(key, format!("`{key}`: app-only access needs a secret or a certificate"), hint);
        }
        secret.map(AppCredential::Secret)
    }

    /// A path that was written before there was a secret.
    fn is_secret_to_come(&mut self, key: &Key, written: &Path) -> bool {
        let path = self.around.path(written);
        let error = match std::fs::symlink_metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => error,
            _ => return false,
        };
        // Nobody but systemd puts anything there.
        if has_login(&path.to_string_lossy()) || lent(written).is_some() {
            return false;
        }
        let is_of_app = |app: &Option<String>| app.as_ref().is_none_or(|app| *key == Key::of("app").field(app));
        let one = self.accounts.iter().find(|(_, app)| is_of_app(app));
        let address = one.map_or_else(|| "<address>".to_owned(), |(address, _)| shell(address));
        let hint = format!(
            "make a client secret in the app registration (Certificates & secrets; its value is shown once) and write it \
             into a file of its own (such as new.secret), then: `gatepost setup --address {address} --client-secret-file \
             new.secret --yes` puts it there"
        );
        self.error(&key.field("client-secret-file"), format!("cannot read {}: {error}", path.display()), hint);
        true
    }

    fn service_account(&mut self, key: &Key, raw: &raw::App) -> Option<AppCredential> {
        const NAME: &str = "service-account-key";
        let (plain, file, env) =
            (&raw.service_account_key, &raw.service_account_key_file, &raw.service_account_key_env);
        let found = match (plain, file, env) {
            (None, Some(file), None) => {
                let path = self.key_file(&key.field("service-account-key-file"), file);
                Some(ServiceAccountKey::File(path))
            }
            (None, None, None) => {
                let hint = "add: service-account-key-file = \"key.json\" (the JSON key that Google hands out)";
                self.missing(key, NAME, hint);
                None
            }
            _ => self
                .secret_text(key, NAME, plain.as_ref(), file.as_deref(), env.as_deref())
                .map(|(_, text)| ServiceAccountKey::Text(text)),
        };
        found.map(AppCredential::ServiceAccount)
    }

    fn federated(&mut self, key: &Key, raw: &raw::App) -> Option<AppCredential> {
        let at = key.field("federated-token-file");
        let file = match (&raw.federated_token_file, self.around.variable("AZURE_FEDERATED_TOKEN_FILE")) {
            (Some(written), _) => self.readable(&at, written),
            (None, Some(set)) => self.readable(key, Path::new(set)),
            (None, None) => {
                let hint = "add: federated-token-file = \"FILE\" (AKS sets $AZURE_FEDERATED_TOKEN_FILE in pods with the \
                            label azure.workload.identity/use: \"true\")";
                self.missing(key, "federated-token-file", hint);
                return None;
            }
        };
        Some(AppCredential::FederatedToken(file))
    }

    /// The cloud that AKS names, in the place of the preset's.
    fn authority(&mut self, key: &Key) -> Option<String> {
        let host = self.federated_default(Grant::WorkloadIdentity, "AZURE_AUTHORITY_HOST")?;
        self.safe_url(key, &host)?;
        Some(format!("{}/{{tenant}}/oauth2/v2.0/token", host.trim_end_matches('/')))
    }

    /// What AKS tells a pod about the identity that it has.
    pub(super) fn federated_default(&self, grant: Grant, name: &str) -> Option<String> {
        let wanted = grant == Grant::WorkloadIdentity;
        self.around.variable(name).filter(|_| wanted)?.to_str().map(str::to_owned)
    }

    /// As Azure's own libraries tell: App Service sets a header's value, Arc the address of its metadata service, and
    /// where neither is set this is a virtual machine.
    fn identity_endpoint(&mut self, key: &Key, raw: &raw::App) -> (Option<AppCredential>, Option<String>) {
        let text = |name: &str| self.around.variable(name)?.to_str().map(str::to_owned);
        let (url, header, arc) = (text("IDENTITY_ENDPOINT"), text("IDENTITY_HEADER"), text("IMDS_ENDPOINT"));
        let (endpoint, url) = match (url, header, arc) {
            (Some(url), Some(header), _) => (IdentityEndpoint::AppService { header: header.into() }, url),
            (Some(url), None, Some(_)) => {
                if raw.client_id.is_some() {
                    let text =
                        format!("`{key}.client-id` is not used: Azure Arc knows the machine's own identity alone");
                    self.error(&key.field("client-id"), text, "remove the line");
                }
                (IdentityEndpoint::Arc { keys: ARC_KEYS.into() }, url)
            }
            _ => (IdentityEndpoint::Imds, IMDS.to_owned()),
        };
        if raw.token_url.is_none() && !Url::parse(&url).is_ok_and(|url| is_of_this_machine(&url)) {
            let text = format!("`{key}`: $IDENTITY_ENDPOINT is not an address of this machine");
            self.error(key, text, "Azure sets it; do not set it to anything else");
        }
        (Some(AppCredential::ManagedIdentity(endpoint)), Some(url))
    }
}

fn given(raw: &raw::App) -> Vec<&'static str> {
    let secret = raw.client_secret.is_some() || raw.client_secret_file.is_some() || raw.client_secret_env.is_some();
    let account = raw.service_account_key.is_some()
        || raw.service_account_key_file.is_some()
        || raw.service_account_key_env.is_some();
    let all = [
        ("client-secret", secret),
        ("certificate", raw.certificate.is_some() || raw.certificate_key.is_some()),
        ("federated-token-file", raw.federated_token_file.is_some()),
        ("service-account-key", account),
    ];
    all.into_iter().filter_map(|(name, given)| given.then_some(name)).collect()
}

/// Loopback, or link-local, which no router passes on (RFC 3927 2.6.2): the one exception to https beside loopback.
fn is_of_this_machine(url: &Url) -> bool {
    let link_local = matches!(url.host(), Some(url::Host::Ipv4(address)) if address.is_link_local());
    url.scheme() == "http" && (is_loopback(url) || link_local) || url.scheme() == "https" && url.has_host()
}
