//! Managed identities of Azure: an endpoint on the machine itself, reached without a proxy, answers with a token.
//!
//! Three dialects of one request: the metadata service of virtual machines, App Service (a header with a secret of the
//! process), and the Arc agent on servers elsewhere, which wants to see the content of a file that only those may read
//! who may have tokens. Which file is said by whoever answered, so nothing is read but a small key file in the agent's
//! own folder.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use http::{StatusCode, header::WWW_AUTHENTICATE};
use url::Url;

use crate::{
    base::{Secret, printable},
    catalog::token::{ARC_KEY_UNREADABLE, MANAGED_IDENTITY_MISSING, PROVIDER_REFUSES, TOKEN_ENDPOINT_FAILING},
    net::{FormValue, HttpReply},
    oauth::{
        App, AppCredential, IdentityEndpoint,
        endpoints::{Endpoints, TokenSet},
        proof_file,
        verdict::Verdict,
    },
};

/// The metadata service asks for at least a second between two requests, and takes up to 70 for an update (410).
const BETWEEN: Duration = Duration::from_secs(1);
const UPDATE: Duration = Duration::from_secs(10);
/// As the agent writes it, and no more.
const ARC_KEY_CAP: u64 = 4096;

type Headers<'a> = Vec<(&'a str, FormValue<'a>)>;

pub async fn fetch(endpoints: Endpoints<'_>) -> Result<TokenSet, Verdict> {
    let AppCredential::ManagedIdentity(endpoint) = &endpoints.app.credential else {
        return Err(Verdict::new(MANAGED_IDENTITY_MISSING, "no endpoint of a managed identity is known"));
    };
    let url = request(endpoints.app, endpoint);
    let answer;
    let mut headers: Headers = match endpoint {
        IdentityEndpoint::Imds | IdentityEndpoint::Arc { .. } => vec![("metadata", "true".into())],
        IdentityEndpoint::AppService { header } => vec![("x-identity-header", header.into())],
    };
    let mut reply = get(endpoints, &url, &headers).await?;
    if let (IdentityEndpoint::Arc { keys }, StatusCode::UNAUTHORIZED) = (endpoint, reply.status) {
        answer = arc_answer(&reply, keys).await?;
        headers.push(("authorization", (&answer).into()));
        reply = get(endpoints, &url, &headers).await?;
    }
    let secrets = headers.iter().filter_map(|(_, value)| match value {
        FormValue::Secret(secret) => Some(*secret),
        FormValue::Plain(_) => None,
    });
    let status = reply.status;
    let reply = endpoints.judged(reply, &secrets.collect::<Vec<_>>()).map_err(|verdict| weighed(status, verdict))?;
    TokenSet::read(&reply)
}

/// Each dialect has its version; all know the identity of a user by its client id.
fn request(app: &App, endpoint: &IdentityEndpoint) -> Url {
    let version = match endpoint {
        IdentityEndpoint::Imds => "2018-02-01",
        IdentityEndpoint::AppService { .. } => "2019-08-01",
        IdentityEndpoint::Arc { .. } => "2020-06-01",
    };
    let scope = app.scopes.first().map_or("", String::as_str);
    let mut url = app.token_url.clone();
    let mut query = url.query_pairs_mut();
    query.append_pair("api-version", version);
    query.append_pair("resource", scope.strip_suffix("/.default").unwrap_or(scope));
    if !app.client_id.is_empty() {
        query.append_pair("client_id", &app.client_id);
    }
    drop(query);
    url
}

async fn get(endpoints: Endpoints<'_>, url: &Url, headers: &Headers<'_>) -> Result<HttpReply, Verdict> {
    endpoints.http.get(url, headers).await.map_err(|fault| Verdict::of_fault(&fault))
}

/// 404, 410, 429 and 5xx pass by themselves, as the metadata service tells them apart; the rest does not.
fn weighed(status: StatusCode, mut verdict: Verdict) -> Verdict {
    match status.as_u16() {
        404 | 410 => verdict.entry = TOKEN_ENDPOINT_FAILING,
        408 | 429 | 500.. => {}
        // App Service explains itself in words of its own.
        400.. if verdict.word.is_none() => verdict.entry = PROVIDER_REFUSES,
        _ => {}
    }
    let least = if status == StatusCode::GONE { UPDATE } else { BETWEEN };
    verdict.retry_after = Some(verdict.retry_after.unwrap_or_default().max(least));
    verdict
}

/// `Basic realm=FILE` asks for the content of that file.
async fn arc_answer(reply: &HttpReply, keys: &Path) -> Result<Secret, Verdict> {
    let unreadable = |why: String| Verdict::new(ARC_KEY_UNREADABLE, why);
    let challenge = reply.headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(file) = arc_key_file(challenge, keys) else {
        let challenge = printable(challenge, 200);
        return Err(unreadable(format!("{challenge:?} names no key in {}", keys.display())));
    };
    let refused = |why: &dyn std::fmt::Display| unreadable(format!("{}: {why}", file.display()));
    // A link could lead to any other file.
    let found = tokio::fs::symlink_metadata(&file).await.map_err(|cause| refused(&cause))?;
    if !found.is_file() {
        return Err(refused(&"not a file of its own"));
    }
    let text = proof_file::read(&file, ARC_KEY_CAP).await.map_err(|cause| refused(&cause))?;
    Ok(Secret::new(format!("Basic {}", text.trim())))
}

/// A file of the folder itself that ends in `.key`: nothing else is ever opened, whatever the answer says.
fn arc_key_file(challenge: &str, keys: &Path) -> Option<PathBuf> {
    let (scheme, realm) = challenge.split_once(' ')?;
    let named = realm.trim().strip_prefix("realm=").filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let file = PathBuf::from(named.trim_matches('"'));
    (file.parent() == Some(keys) && file.extension().is_some_and(|end| end == "key")).then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_key_in_the_agents_own_folder_is_read() {
        let keys = Path::new("/var/opt/azcmagent/tokens");
        let named = |file: &str| arc_key_file(&format!("Basic realm={file}"), keys);
        assert!(named("/var/opt/azcmagent/tokens/1a.key").is_some());
        assert!(named("\"/var/opt/azcmagent/tokens/1a.key\"").is_some());
        for file in [
            "",
            "/etc/gatepost/app.key",
            "/var/opt/azcmagent/tokens/1a.pem",
            "/var/opt/azcmagent/tokens/key",
            "/var/opt/azcmagent/tokens/../tokens/1a.key",
            "/var/opt/azcmagent/tokens/sub/1a.key",
            "var/opt/azcmagent/tokens/1a.key",
        ] {
            assert_eq!(named(file), None, "{file}");
        }
        assert_eq!(arc_key_file("Bearer realm=/var/opt/azcmagent/tokens/1a.key", keys), None);
        assert_eq!(arc_key_file("Basic", keys), None);
    }
}
