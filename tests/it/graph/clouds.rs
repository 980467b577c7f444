//! What the configuration makes of `outbound`: each cloud has its Graph, and a provider without one says so.

use std::sync::Arc;

use gatepost::{
    config::{self, Surroundings},
    oauth::{App, GraphAccess},
};

fn checked(app: &str, account: &str) -> Result<Arc<App>, String> {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "[store]\nurl = \"sqlite://{dir}/gatepost.db\"\n[app.x]\nclient-id = \"id\"\n{app}\n\
         [[account]]\naddress = \"ann@contoso.example\"\npassword = \"{hash}\"\n{account}\n",
        dir = dir.path().display(),
        hash = crate::world::cheap_hash("x"),
    );
    let around = Surroundings::of_this_process(&dir.path().join("gatepost.toml"));
    match config::check_text(&text, "gatepost.toml", &around) {
        Ok((config, _)) => Ok(config.apps["x"].clone()),
        Err(problems) => Err(problems.to_string()),
    }
}

fn graph_of(app: &str) -> GraphAccess {
    checked(app, "outbound = \"graph\"").unwrap_or_else(|problems| panic!("{problems}")).graph.clone().unwrap()
}

#[test]
fn each_cloud_has_its_own_graph_and_its_scopes() {
    for (provider, url, resource) in [
        ("microsoft365", "https://graph.microsoft.com/v1.0", "https://graph.microsoft.com"),
        ("outlook", "https://graph.microsoft.com/v1.0", "https://graph.microsoft.com"),
        ("microsoft365-gcc-high", "https://graph.microsoft.us/v1.0", "https://graph.microsoft.us"),
        ("microsoft365-dod", "https://dod-graph.microsoft.us/v1.0", "https://dod-graph.microsoft.us"),
        (
            "microsoft365-china",
            "https://microsoftgraph.chinacloudapi.cn/v1.0",
            "https://microsoftgraph.chinacloudapi.cn",
        ),
    ] {
        let graph = graph_of(&format!("provider = \"{provider}\""));
        assert_eq!((graph.url.as_str(), graph.is_wanted), (url, true), "{provider}");
        assert_eq!(graph.scopes, [format!("{resource}/Mail.Send"), "offline_access".into()], "{provider}");
    }
}

#[test]
fn an_app_that_acts_for_itself_asks_for_all_that_it_was_granted() {
    let app = "provider = \"microsoft365-gcc-high\"\ngrant = \"client-credentials\"\nclient-secret = \"s\"\ntenant = \"contoso.example\"";
    assert_eq!(graph_of(app).scopes, ["https://graph.microsoft.us/.default"]);
}

#[test]
fn another_address_of_graph_changes_no_scope() {
    let graph = graph_of("provider = \"microsoft365\"\ngraph-url = \"http://127.0.0.1:1/v1.0\"");
    assert_eq!((graph.url.port(), graph.scopes[0].as_str()), (Some(1), "https://graph.microsoft.com/Mail.Send"));
}

#[test]
fn who_signs_in_is_asked_for_graph_only_where_an_account_sends_through_it() {
    for (outbound, wanted) in [("smtp", false), ("graph", true), ("smtp-then-graph", true)] {
        let app = checked("provider = \"microsoft365\"", &format!("outbound = \"{outbound}\"")).unwrap();
        let asked = app.consent_scopes().contains(&"https://graph.microsoft.com/Mail.Send");
        assert_eq!((app.graph.as_ref().unwrap().is_wanted, asked), (wanted, wanted), "{outbound}");
    }
}

#[test]
fn a_provider_without_graph_is_told_with_what_to_do() {
    for outbound in ["graph", "smtp-then-graph"] {
        let problems = checked("provider = \"google\"", &format!("outbound = \"{outbound}\"")).unwrap_err();
        assert!(problems.contains("`account[0].outbound`: google has no Microsoft Graph"), "{problems}");
        assert!(problems.contains("graph-url"), "{problems}");
    }
}
