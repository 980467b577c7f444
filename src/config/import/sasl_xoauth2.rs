//! sasl-xoauth2, the SASL plug-in with which Postfix reaches Gmail and Microsoft 365: its configuration, and a token
//! file for each account.
//!
//! Both are JSON objects; a token file may hold the keys of the configuration too, and then it wins. Which is which is
//! told by what is in it. Tokens stand there in the clear, so nothing has to be opened.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    Unreadable,
    endpoints::{Endpoints, matched},
    found::{Found, FoundAccount, FoundApp, FoundListener, FoundProof, Held},
    places::mailbox,
};
use crate::{base::Secret, config::raw};

pub const PROGRAM: &str = "sasl-xoauth2";

/// Where it asks unless something else is written.
const DEFAULT_ENDPOINT: &str = "https://accounts.google.com/o/oauth2/token";
const PORT: u16 = 1587;

/// One file that was named: what it is called, and its content.
pub struct Given<'a> {
    pub file: &'a str,
    pub text: &'a str,
}

type Keys = Map<String, Value>;

pub fn read(given: &[Given]) -> Result<Found, Unreadable> {
    let first = given.first().map_or("", |given| given.file);
    let mut found = Found::new(PROGRAM, first);
    let (mut shared, mut tokens) = (Keys::new(), Vec::new());
    for Given { file, text } in given {
        let keys: Keys = serde_json::from_str(text)
            .map_err(|error| Unreadable::new(file, error.line(), "is not a JSON object, as sasl-xoauth2 has them"))?;
        match is_token(&keys) {
            true => tokens.push((*file, keys)),
            false => {
                of_configuration(&keys, file, &mut found);
                shared.extend(keys);
            }
        }
    }
    if tokens.is_empty() {
        let text = "none was named: name the token file of each account too (Postfix's password map has their paths)";
        found.report.left_out(0, "token files", text);
    }
    for (file, own) in tokens {
        let mut keys = shared.clone();
        keys.extend(own);
        match account(&keys, file, &mut found) {
            Ok(account) => found.accounts.push(account),
            Err(why) => found.report.left_out(0, file, why),
        }
    }
    found.listeners.push(FoundListener {
        origin: "Postfix, which talks to it instead of to the provider".to_owned(),
        protocol: raw::Protocol::Smtp,
        listen: vec![format!("127.0.0.1:{PORT}"), format!("[::1]:{PORT}")],
        tls: None,
        certificate: None,
    });
    found.next = postfix();
    found.afterwards = Some("remove the token files: whoever reads them can use the sign-ins in them");
    Ok(found)
}

/// What only a token file has.
fn is_token(keys: &Keys) -> bool {
    ["refresh_token", "access_token", "expiry", "user"].iter().any(|key| keys.contains_key(*key))
}

fn text<'a>(keys: &'a Keys, key: &str) -> Option<&'a str> {
    keys.get(key)?.as_str().filter(|text| !text.is_empty())
}

/// It writes its switches as strings.
fn switch(keys: &Keys, key: &str) -> bool {
    match keys.get(key) {
        Some(Value::Bool(on)) => *on,
        Some(Value::String(text)) => matches!(text.to_lowercase().as_str(), "yes" | "true"),
        _ => false,
    }
}

fn of_configuration(keys: &Keys, file: &str, found: &mut Found) {
    const USED: &[&str] = &[
        "client_id",
        "client_secret",
        "token_endpoint",
        "scope",
        "use_client_credentials",
        "manage_token_externally",
        "proxy",
        "ca_bundle_file",
    ];
    for key in keys.keys().map(String::as_str) {
        let text = match key {
            "log_to_syslog_on_failure" | "log_full_trace_on_failure" | "always_log_to_syslog" => {
                "the log goes to stderr (the journal), one line a message, never with a token"
            }
            "refresh_window" => "tokens are refreshed well ahead of their end by themselves",
            "ca_certs_dir" => {
                found.report.check(0, format!("{file} {key}"), "the system's roots hold; others go into one `ca-file`");
                continue;
            }
            _ if USED.contains(&key) => continue,
            _ => {
                found.report.left_out(0, format!("{file} {key}"), "this key is not known");
                continue;
            }
        };
        found.report.no_equivalent(0, format!("{file} {key}"), text);
    }
}

fn account(keys: &Keys, file: &str, found: &mut Found) -> Result<FoundAccount, String> {
    let name = std::path::Path::new(file).file_name().map(|name| name.to_string_lossy().into_owned());
    let user = text(keys, "user").map(str::to_owned).or(name).unwrap_or_default();
    let known =
        mailbox(&user).ok_or("neither `user` in it nor its name is a mail address: rename a copy to the address")?;
    if switch(keys, "manage_token_externally") {
        return Err(
            "its token is renewed by another program: remove manage_token_externally, or sign in here".to_owned()
        );
    }
    network(keys, file, found);
    let app = app(keys, &known.address)?;
    let attended = app.grant == raw::Grant::AuthorizationCode;
    let refresh = text(keys, "refresh_token").filter(|_| attended).map(|token| Held::Plain(Secret::new(token)));
    if attended && refresh.is_none() {
        found.report.check(0, file, "there is no refresh token in it: it has to sign in");
    }
    let access = text(keys, "access_token").filter(|_| attended).map(|token| Held::Plain(Secret::new(token)));
    Ok(FoundAccount {
        origin: file.to_owned(),
        address: known.address,
        sign_in_as: known.sign_in_as,
        app,
        refresh,
        access,
        seal: None,
    })
}

/// One for all here; the first one counts.
fn network(keys: &Keys, file: &str, found: &mut Found) {
    if let Some(proxy) = text(keys, "proxy") {
        // curl takes a proxy without a scheme for HTTP.
        let proxy = if proxy.contains("://") { proxy.to_owned() } else { format!("http://{proxy}") };
        let proxy = Secret::new(proxy);
        match &found.http_proxy {
            Some(other) if !other.matches(&proxy) => {
                found.report.check(0, file, "names another proxy than the first file; there is one here for all");
            }
            _ => found.http_proxy = Some(proxy),
        }
    }
    if let Some(roots) = text(keys, "ca_bundle_file") {
        let said = found.ca_file.get_or_insert_with(|| roots.to_owned());
        if said != roots {
            found.report.check(0, file, "names another ca_bundle_file than the first file; there is one here for all");
        }
    }
}

fn app(keys: &Keys, address: &str) -> Result<FoundApp, String> {
    let grant = match switch(keys, "use_client_credentials") {
        true => raw::Grant::ClientCredentials,
        false => raw::Grant::AuthorizationCode,
    };
    let token = text(keys, "token_endpoint").unwrap_or(DEFAULT_ENDPOINT);
    let scopes: Vec<String> = match text(keys, "scope") {
        Some(scopes) => scopes.split_whitespace().map(str::to_owned).collect(),
        None if grant == raw::Grant::ClientCredentials => Vec::new(),
        None => asked_by_its_tool(token),
    };
    let endpoints = Endpoints { authorize: None, device: None, token, scopes: &scopes, resource: None, grant };
    let known = matched(&endpoints, address, &[]).map_err(str::to_owned)?;
    if known.provider == raw::Provider::Custom {
        return Err(format!(
            "no provider is known for its token_endpoint {token:?}: write an [app.NAME] with provider = \"custom\""
        ));
    }
    let secret = text(keys, "client_secret").map(|secret| FoundProof::Secret(Held::Plain(Secret::new(secret))));
    Ok(FoundApp {
        provider: known.provider,
        tenant: known.tenant,
        client_id: Some(text(keys, "client_id").ok_or("it has no client_id; name sasl-xoauth2.conf too")?.to_owned()),
        proof: secret.unwrap_or(FoundProof::None),
        grant,
        redirect_uri: None,
        scopes: known.scopes,
        resource: None,
        authorize_url: None,
        token_url: known.token_url,
        device_url: None,
        authorize_extra: BTreeMap::new(),
        smtp: None,
        imap: None,
        pop3: None,
    })
}

/// Nothing in the files tells what was consented to; its tool asks for this.
fn asked_by_its_tool(token: &str) -> Vec<String> {
    let scopes: &[&str] = match token.contains("google") {
        true => &["https://mail.google.com/"],
        false => &["https://outlook.office.com/SMTP.Send", "offline_access"],
    };
    scopes.iter().map(|scope| (*scope).to_owned()).collect()
}

/// Postfix has its own files; what to put there.
fn postfix() -> Vec<String> {
    [
        "in Postfix's main.cf: relayhost = [127.0.0.1]:1587, smtp_sasl_mechanism_filter = plain, \
         smtp_sasl_security_options = noanonymous, smtp_tls_security_level = may",
        "in /etc/postfix/sasl_passwd, in the place of the path of a token file: [127.0.0.1]:1587 ADDRESS:PASSWORD, \
         then: postmap /etc/postfix/sasl_passwd && postfix reload",
    ]
    .map(str::to_owned)
    .to_vec()
}
