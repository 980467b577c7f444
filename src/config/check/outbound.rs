//! The way out of an account: whether its provider has Microsoft Graph, and what is asked for there.

use super::Checker;
use crate::{
    config::{key::Key, raw},
    oauth::{App, Grant},
};

/// Of no resource, so good for each.
const OPENID: [&str; 4] = ["openid", "profile", "email", "offline_access"];

impl Checker<'_> {
    /// Graph needs a place where it is.
    pub(super) fn outbound(&mut self, key: &Key, raw: &raw::Account, app: Option<&App>) {
        let Some(app) = app.filter(|app| is_graph(raw) && app.graph.is_none()) else { return };
        let text = format!("`{key}.outbound`: {} has no Microsoft Graph", app.provider);
        let hint = format!("use outbound = \"smtp\", or add to [app.{}]: graph-url = \"https://...\"", app.name);
        self.error(&key.field("outbound"), text, hint);
    }
}

/// Whether an account of this app sends through Graph.
pub(super) fn is_graph_wanted(file: &raw::File, app: &str) -> bool {
    let is_the_only_one = file.app.len() == 1;
    let of_app = |account: &&raw::Account| account.app.as_deref().map_or(is_the_only_one, |name| name == app);
    file.account.iter().filter(of_app).any(is_graph)
}

fn is_graph(account: &raw::Account) -> bool {
    matches!(account.outbound, Some(raw::Outbound::Graph | raw::Outbound::SmtpThenGraph))
}

/// What is asked for mail, and what for Graph. Scopes that name Graph are its own; where there are no others, they are
/// all that the app has, and stand for both.
pub(super) fn scopes_by_resource(scopes: Vec<String>, resource: &str, grant: Grant) -> (Vec<String>, Vec<String>) {
    let is_of_graph = |scope: &String| scope.strip_prefix(resource).is_some_and(|name| name.starts_with('/'));
    let (graph, mail): (Vec<_>, Vec<_>) = scopes.iter().cloned().partition(is_of_graph);
    let lasting = (!grant.is_unattended()).then(|| "offline_access".to_owned());
    if graph.is_empty() {
        let known = if grant.is_app_only() { ".default" } else { "Mail.Send" };
        let known = std::iter::once(format!("{resource}/{known}"));
        return (mail, known.chain(lasting).collect());
    }
    let has_mail = mail.iter().any(|scope| !OPENID.contains(&scope.as_str()));
    let graph = graph.into_iter().chain(lasting).collect();
    (if has_mail { mail } else { scopes }, graph)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRAPH: &str = "https://graph.microsoft.com";

    fn split(scopes: &[&str], grant: Grant) -> (String, String) {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let (mail, graph) = scopes_by_resource(scopes, GRAPH, grant);
        (mail.join(" "), graph.join(" "))
    }

    #[test]
    fn what_is_asked_of_graph_is_mail_send_unless_scopes_of_graph_are_written() {
        let mail = ["https://outlook.office.com/SMTP.Send", "offline_access"];
        let (kept, graph) = split(&mail, Grant::AuthorizationCode);
        assert_eq!(kept, mail.join(" "));
        assert_eq!(graph, "https://graph.microsoft.com/Mail.Send offline_access");
        let (_, graph) = split(&["https://outlook.office365.com/.default"], Grant::ClientCredentials);
        assert_eq!(graph, "https://graph.microsoft.com/.default");
        let both = [mail[0], "https://graph.microsoft.com/Mail.ReadWrite", mail[1]];
        let (kept, graph) = split(&both, Grant::AuthorizationCode);
        assert_eq!(kept, mail.join(" "), "one request names one resource");
        assert_eq!(graph, "https://graph.microsoft.com/Mail.ReadWrite offline_access");
    }

    #[test]
    fn an_app_for_graph_alone_signs_in_with_what_it_has() {
        let alone = ["https://graph.microsoft.com/Mail.Send", "offline_access", "openid"];
        let (mail, graph) = split(&alone, Grant::AuthorizationCode);
        assert_eq!(mail, alone.join(" "));
        assert_eq!(graph, "https://graph.microsoft.com/Mail.Send offline_access");
        let (mail, _) = split(&["https://graph.microsoft.com.evil.example/Mail.Send"], Grant::AuthorizationCode);
        assert_eq!(mail, "https://graph.microsoft.com.evil.example/Mail.Send", "another host is another resource");
    }
}
