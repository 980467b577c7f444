//! A sign-in that the provider refuses: what the browser shows, and what everybody is told until one comes about.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
};

use gatepost::base::Protocol;
use serde_json::Value;

use super::{Provider, account, begin, event, gatepost, nothing_readable, plain_listeners, redirected, run, with_hash};
use crate::{
    process::{Program, command},
    world::{PASSWORD, cheap_hash},
};

#[test]
fn a_browser_whose_code_the_provider_refuses_reads_that_and_no_thanks() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = provider.config(folder.path(), "authorization-code", &with_hash("ann@b.c"));
    let (mut child, mut out, open) = begin(&["login", "ann@b.c", "--json"], &config);
    let back = redirected(&open);
    let query = back.query().unwrap().replace("the-code", "refused-code");
    let mut browser = TcpStream::connect(("127.0.0.1", back.port().unwrap())).unwrap();
    write!(browser, "GET /?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut page = String::new();
    browser.read_to_string(&mut page).unwrap();
    assert!(page.contains("Not signed in") && page.contains("AADSTS50105"), "{page}");
    assert!(!page.contains("has what it needs") && !page.contains("refused-code"), "{page}");
    assert_eq!(event(&mut out)["event"], "failed");
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

/// Its page would say so, and nothing comes back from there.
#[test]
fn nobody_is_sent_to_the_page_of_a_tenant_that_the_provider_does_not_know() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = provider.config(folder.path(), "authorization-code", &with_hash("ann@b.c"));
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("/token\"", "/nobody/oauth2/v2.0/token\"")).unwrap();
    for flow in ["browser", "paste"] {
        let (code, out, error) = run(&["login", "ann@b.c", "--flow", flow], &config);
        assert!(code == 1 && error.contains("[tenant-not-found]") && error.contains("AADSTS90002"), "{error}");
        assert!(!out.contains("/authorize"), "{out}");
        assert!(error.contains("login ann@b.c\n"), "{error}");
    }
}

/// What was refused is tried again by whoever was told, and by nobody else.
#[test]
fn the_step_of_a_refused_sign_in_ends_with_the_sign_in_itself() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = provider.config(folder.path(), "authorization-code", &with_hash("ann@b.c"));
    // Behind a policy it is what shows that it lets the sign-in through.
    for (description, behind) in [("AADSTS50105: not assigned", "After that "), ("AADSTS53003: blocked", "then ")] {
        let last = login_answered(&config, &[("error", "access_denied"), ("error_description", description)]);
        let hint = last["hint"].as_str().unwrap();
        assert!(hint.contains(&format!("{behind}`gatepost --config {config} login ann@b.c`.")), "{hint}");
    }
}

/// A code of a second factor is typed into the wrong window.
#[test]
fn a_number_that_is_none_of_the_provider_ends_no_sign_in_and_nothing_is_remembered_of_it() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = provider.config(folder.path(), "authorization-code", &with_hash("ann@b.c"));
    let (mut child, mut out, open) = begin(&["login", "ann@b.c", "--flow", "paste", "--json"], &config);
    let back = redirected(&open);
    writeln!(child.stdin.take().unwrap(), "123456\n{back}").unwrap();
    assert_eq!(event(&mut out)["event"], "signed-in");
    assert!(child.wait().unwrap().success());
}

/// A login by a pasted address with these fields, and its last event.
fn login_answered(config: &str, answer: &[(&str, &str)]) -> Value {
    let (mut child, mut out, open) = begin(&["login", "ann@b.c", "--flow", "paste", "--json"], config);
    let mut back = redirected(&open);
    let state = back.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    back.query_pairs_mut().clear().extend_pairs(answer).append_pair("state", &state);
    writeln!(child.stdin.take().unwrap(), "{back}").unwrap();
    let last = event(&mut out);
    child.wait().unwrap();
    last
}

const NOT_ASSIGNED: [(&str, &str); 2] =
    [("error", "access_denied"), ("error_description", "AADSTS50105: not assigned")];

#[test]
fn a_sign_in_that_was_refused_is_told_by_status_and_doctor_until_one_comes_about() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = provider.config(folder.path(), "authorization-code", &with_hash("ann@b.c"));
    let sign_in = || {
        let (_, status, errors) = run(&["status", "--json"], &config);
        let status: Value = serde_json::from_str(&status).unwrap_or_else(|_| panic!("{errors}"));
        status["accounts"][0]["sign-in"].clone()
    };
    assert_eq!(sign_in()["fault"], Value::Null);
    assert_eq!(login_answered(&config, &NOT_ASSIGNED)["event"], "failed");

    let told = sign_in();
    assert_eq!(
        (told["phase"].as_str(), told["fault"]["id"].as_str()),
        (Some("sign-in-needed"), Some("user-not-assigned"))
    );
    assert!(told["sign-in-refused-at"].is_string(), "{told}");
    let login = format!("gatepost --config {config} login ann@b.c");
    assert!(told["fault"]["text"].as_str().unwrap().ends_with(&format!("; after that run: {login}")), "{told}");
    for (lang, when, next) in [
        ("en", " was refused for this.", "Assign ann@b.c under Enterprise applications"),
        ("ja", " のサインインは、この理由で拒否されました。", "「ユーザーとグループ」で ann@b.c を割り当てる"),
    ] {
        let (code, out, errors) = run(&["doctor", "--offline", "--lang", lang], &config);
        assert_eq!(code, 1, "{out}{errors}");
        // Wrapped somewhere.
        let joined: String = out.split_whitespace().collect();
        for part in ["[user-not-assigned]", "AADSTS50105", when, next, &login] {
            assert!(joined.contains(&part.replace(' ', "")), "{part}: {out}");
        }
        assert!(!out.contains("sign-in-missing"), "{out}");
    }

    assert_eq!(login_answered(&config, &[("code", "anns-code")])["event"], "signed-in");
    let told = sign_in();
    assert_eq!((told["phase"].as_str(), &told["fault"]), (Some("ready"), &Value::Null));
    // Who is signed in and well loses nothing by another try.
    login_answered(&config, &NOT_ASSIGNED);
    let told = sign_in();
    assert_eq!((told["phase"].as_str(), &told["fault"]), (Some("ready"), &Value::Null));
    assert_eq!(told["refused-beside"]["id"], "user-not-assigned");
    let mut again = gatepost(&["login", "ann@b.c", "--flow", "paste", "--lang", "en"], &config);
    let mut again = again.stdin(std::process::Stdio::piped()).spawn().unwrap();
    again.stdin.take().unwrap().write_all(b"AADSTS50105: not assigned\n").unwrap();
    let told = String::from_utf8(again.wait_with_output().unwrap().stderr).unwrap();
    assert!(told.contains("the one of before stays in use for ann@b.c"), "{told}");
    let (_, status, _) = run(&["status"], &config);
    assert!(status.contains("user-not-assigned: ") && status.contains(" was refused for this"), "{status}");
    assert!(status.contains("What the log says: ") && !status.contains("What a client hears"), "{status}");
    let doctor = |lang| run(&["doctor", "--offline", "--lang", lang], &config);
    for (lang, when, last) in [
        (
            "en",
            " was refused for this.",
            "Mail goes on with the sign-in that is stored, but a later one stands refused",
        ),
        ("ja", " のサインインは、この理由で拒否されました。", "その後のサインインは拒否されたままです"),
    ] {
        let (code, out, errors) = doctor(lang);
        assert_eq!(code, 0, "nothing fails: {out}{errors}");
        let ends = out.trim_end().lines().last().unwrap();
        assert!(ends.contains(last) && ends.ends_with("ann@b.c [user-not-assigned]"), "{ends}");
        let joined: String = out.split_whitespace().collect();
        for part in ["[user-not-assigned]", when] {
            assert!(joined.contains(&part.replace(' ', "")), "{part}: {out}");
        }
    }
    assert_eq!(login_answered(&config, &[("code", "anns-code")])["event"], "signed-in");
    assert_eq!(sign_in()["refused-beside"], Value::Null);
    assert!(!doctor("en").1.contains("user-not-assigned") && !doctor("en").1.contains("stands refused"));
    nothing_readable(folder.path());
}

/// Where the page of Entra ends in an error, nothing comes back from there, and its words are all there is.
#[test]
fn what_a_page_with_an_error_says_is_told_with_its_step_where_it_is_pasted() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = provider.config(folder.path(), "authorization-code", &with_hash("ann@b.c"));
    let (mut child, mut out, _) = begin(&["login", "ann@b.c", "--flow", "paste", "--json"], &config);
    let page = "Sorry, but we\u{2019}re having trouble signing you in.\n\
                AADSTS700016: Application with identifier 'x' was not found in the directory 'b.c'.\n";
    child.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let last = event(&mut out);
    assert_eq!((last["event"].as_str(), child.wait().unwrap().code()), (Some("failed"), Some(1)));
    assert!(last["error"].as_str().unwrap().contains("[app-not-found]"), "{last}");
    let (_, status, errors) = run(&["status", "--json"], &config);
    let status: Value = serde_json::from_str(&status).unwrap_or_else(|_| panic!("{errors}"));
    assert_eq!(status["accounts"][0]["sign-in"]["fault"]["id"], "app-not-found", "{status}");
}

/// From there on the reply names what the administrator has to do, and not a login that was refused already.
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_program_hears_why_the_last_sign_in_was_refused() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let ann = account("ann@b.c", &format!("password = \"{}\"", cheap_hash(PASSWORD)));
    let config = provider.config(folder.path(), "authorization-code", &format!("{ann}{}", plain_listeners()));
    let program = Program::from(command(&["run", "--log-format", "json"], Path::new(&config))).await;
    let said = async || program.greeted(Protocol::Imap).await.login(Protocol::Imap, "ann@b.c", PASSWORD).await;
    let missing = said().await;
    assert!(missing.ends_with("[gatepost sign-in-missing]"), "{missing}");

    login_answered(&config, &NOT_ASSIGNED);
    let refused = said().await;
    assert!(refused.ends_with("[gatepost user-not-assigned]"), "{refused}");
    assert!(refused.contains(&format!("; after that run: gatepost --config {config} login ann@b.c")), "{refused}");
    // And so does whoever reads the log alone.
    let logged = program.logs("a sign-in was refused").await;
    assert!(logged.contains("user-not-assigned") && logged.contains("AADSTS50105"), "{logged}");

    login_answered(&config, &[("code", "anns-code")]);
    let signed_in = said().await;
    assert!(signed_in.contains("upstream-unreachable"), "{signed_in}");
}
