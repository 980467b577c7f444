//! Whose sign-in it is: by which name somebody gave it, what the browser and the command say of that, and whose stays.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
};

use gatepost::base::Protocol;
use serde_json::Value;

use super::{Provider, account, begin, event, plain_listeners, redirected, run, with_hash};
use crate::{
    process::{Program, command},
    world::{PASSWORD, cheap_hash},
};

/// A login of ann whose browser comes back with this code. What the browser is shown in this language, the exit code and the
/// last event.
fn login_by_browser(config: &str, code: &str, lang: &str) -> (String, Option<i32>, Value) {
    let (mut child, mut out, open) = begin(&["login", "ann@b.c", "--json"], config);
    let back = redirected(&open);
    let query = back.query().unwrap().replace("the-code", code);
    let mut browser = TcpStream::connect(("127.0.0.1", back.port().unwrap())).unwrap();
    write!(browser, "GET /?{query} HTTP/1.1\r\nHost: localhost\r\nAccept-Language: {lang}\r\n\r\n").unwrap();
    let mut page = String::new();
    browser.read_to_string(&mut page).unwrap();
    let last = event(&mut out);
    (page, child.wait().unwrap().code(), last)
}

/// The same by an address that is pasted.
fn login_by_paste(config: &str, code: &str) -> (Option<i32>, Value) {
    let (mut child, mut out, open) = begin(&["login", "ann@b.c", "--flow", "paste", "--json"], config);
    let back = redirected(&open).as_str().replace("the-code", code);
    writeln!(child.stdin.take().unwrap(), "{back}").unwrap();
    let last = event(&mut out);
    (child.wait().unwrap().code(), last)
}

fn ann_of(provider: &Provider, folder: &Path) -> String {
    provider.config(folder, "authorization-code", &with_hash("ann@b.c"))
}

#[test]
fn a_browser_in_which_somebody_else_was_signed_in_is_told_whose_sign_in_stays_and_what_to_do() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = ann_of(&provider, folder.path());
    let (page, code, _) = login_by_browser(&config, "anns-code", "en");
    assert!(code == Some(0) && page.contains("<h1>Signed in</h1>"), "{page}");
    let stays = "bob@b.c signed in; the sign-in of ann@b.c stays: ann@b.c is who was meant";
    for (lang, title, why, window) in [
        ("en", "Not signed in", stays, "private window"),
        (
            "ja",
            "サインインできませんでした",
            "bob@b.c がサインインしましたが、ann@b.c のサインインがそのまま使われます",
            "プライベートウィンドウ",
        ),
    ] {
        let (page, code, last) = login_by_browser(&config, "bobs-code", lang);
        assert_eq!((code, last["event"].as_str()), (Some(1), Some("failed")));
        let login = format!("<pre>gatepost --config {config} login ann@b.c</pre>");
        let logout = format!("<pre>gatepost --config {config} logout ann@b.c</pre>");
        for part in
            [&format!("<h1>{title}</h1>"), why, window, &login, &logout, "<pre>sign-in-as = &quot;bob@b.c&quot;</pre>"]
        {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("has what it needs") && !page.contains("必要な情報がそろいました"), "{page}");
        let (error, hint) = (last["error"].as_str().unwrap(), last["hint"].as_str().unwrap());
        assert!(error.contains(stays) && hint.contains("logout ann@b.c`"), "{last}");
        let login = format!("`gatepost --config {config} login ann@b.c`");
        assert_eq!(hint.matches(&login).count(), 3, "each way has it once, where no daemon is to be told: {hint}");
    }
}

#[test]
fn a_browser_whose_sign_in_could_not_be_stored_is_not_told_that_it_is_signed_in() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = ann_of(&provider, folder.path());
    assert_eq!(login_by_paste(&config, "anns-code").0, Some(0));
    let database = format!("sqlite://{}/state/gatepost.db", folder.path().display());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let database = sqlx::SqlitePool::connect(&database).await.unwrap();
        let full = "CREATE TRIGGER full BEFORE UPDATE ON sign_in BEGIN SELECT RAISE(ABORT, 'no room'); END";
        sqlx::query(full).execute(&database).await.unwrap();
        database.close().await;
    });
    let (page, code, last) = login_by_browser(&config, "anns-code", "en");
    assert_eq!((code, last["event"].as_str()), (Some(1), Some("failed")), "{last}");
    assert!(page.contains("<h1>Not signed in</h1>") && page.contains("no room"), "{page}");
    assert!(!page.contains("has what it needs"), "{page}");
}

#[test]
fn the_first_sign_in_by_another_name_is_kept_and_the_page_says_whose_it_is() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = ann_of(&provider, folder.path());
    for (lang, title) in [
        ("en", "<h1>Signed in, but not as ann@b.c</h1>"),
        ("ja", "<h1>ann@b.c ではないユーザーでサインインしました</h1>"),
    ] {
        let (page, code, last) = login_by_browser(&config, "bobs-code", lang);
        assert_eq!((code, last["somebody-else"].as_bool()), (Some(0), Some(true)));
        for part in [title, "bob@b.c", "ann@b.c", "sign-in-as = &quot;bob@b.c&quot;", "login ann@b.c</pre>"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("has what it needs") && !page.contains(" logout "), "{page}");
        let (_, status, _) = run(&["status", "--lang", lang], &config);
        let step = format!("`gatepost --config {config} login ann@b.c` [somebody-else-signed-in]");
        assert!(status.contains(&step) && status.contains("bob@b.c"), "{step}: {status}");
    }
}

#[test]
fn the_right_person_by_another_name_takes_the_place_of_a_wrong_one_whom_no_mail_server_let_in() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = ann_of(&provider, folder.path());
    for (code, as_whom, is_other) in
        [("bobs-code", "bob@b.c", true), ("smiths-code", "ann.smith@b.c", true), ("anns-code", "ann@b.c", false)]
    {
        let (ended, last) = login_by_paste(&config, code);
        assert_eq!((ended, last["event"].as_str()), (Some(0), Some("signed-in")), "{last}");
        assert_eq!((last["as"].as_str(), last["somebody-else"].as_bool()), (Some(as_whom), Some(is_other)));
    }
    let (ended, last) = login_by_paste(&config, "smiths-code");
    assert_eq!((ended, last["event"].as_str()), (Some(1), Some("failed")), "ann's is good: {last}");
}

#[test]
fn whoever_is_meant_by_sign_in_as_is_nobody_else_and_the_owner_of_the_mailbox_is() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let meant = account("ann@b.c", &format!("sign-in-as = \"ann.smith@b.c\"\npassword = \"{}\"", super::HASH));
    let config = provider.config(folder.path(), "authorization-code", &meant);
    let (ended, last) = login_by_paste(&config, "smiths-code");
    assert_eq!((ended, last["somebody-else"].as_bool()), (Some(0), Some(false)), "{last}");
    let (ended, last) = login_by_paste(&config, "bobs-code");
    let error = last["error"].as_str().unwrap();
    assert!(ended == Some(1) && error.contains("the sign-in of ann.smith@b.c stays"), "{last}");
    assert_eq!((last["signed-in-as"].as_str(), last["whose-stays"].as_str()), (Some("bob@b.c"), Some("ann.smith@b.c")));
    let (_, status, _) = run(&["status", "--lang", "en"], &config);
    assert!(status.contains("ready") && status.contains("the sign-in of ann.smith@b.c goes on"), "{status}");
}

/// Nobody but the one who sat before it learned that it had happened, and which sign-in is in use.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_person_who_signed_in_over_a_good_sign_in_is_told_by_log_status_and_doctor_until_one_comes_about() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let ann = account("ann@b.c", &format!("password = \"{}\"", cheap_hash(PASSWORD)));
    let config = provider.config(folder.path(), "authorization-code", &format!("{ann}{}", plain_listeners()));
    assert_eq!(login_by_paste(&config, "anns-code").0, Some(0));
    let program = Program::from(command(&["run", "--log-format", "json"], Path::new(&config))).await;
    assert_eq!(login_by_paste(&config, "bobs-code").0, Some(1));
    let logged = program.logs("a sign-in was refused").await;
    for part in ["somebody-else-signed-in", "bob@b.c signed in; the sign-in of ann@b.c stays", "login ann@b.c"] {
        assert!(logged.contains(part), "{part}: {logged}");
    }
    let heard = program.greeted(Protocol::Imap).await.login(Protocol::Imap, "ann@b.c", PASSWORD).await;
    assert!(heard.contains("upstream-unreachable"), "mail goes on: {heard}");
    let (_, told, _) = run(&["status", "--json"], &config);
    let told = &serde_json::from_str::<Value>(&told).unwrap()["accounts"][0]["sign-in"];
    let beside = &told["refused-beside"];
    assert_eq!((told["phase"].as_str(), beside["id"].as_str()), (Some("ready"), Some("somebody-else-signed-in")));
    assert_eq!((beside["signed-in-as"].as_str(), beside["whose-stays"].as_str()), (Some("bob@b.c"), Some("ann@b.c")));
    for (lang, who, stays) in [
        ("en", "to bob@b.c, another person than ann@b.c", "the sign-in of ann@b.c goes on"),
        ("ja", "ann@b.c ではなく、別の人（bob@b.c）のもの", "それまでは ann@b.c のサインインが有効"),
    ] {
        for command in [&["status"][..], &["doctor", "--offline"]] {
            let (_, out, _) = run(&[command, &["--lang", lang]].concat(), &config);
            // Wrapped somewhere.
            let joined: String = out.split_whitespace().collect();
            for part in ["somebody-else-signed-in", who, stays, "sign-in-as = \"bob@b.c\"", "login ann@b.c"] {
                assert!(joined.contains(&part.replace(' ', "")), "{command:?}: {part}: {out}");
            }
        }
    }
    assert_eq!(run(&["doctor", "--offline"], &config).0, 0, "nothing fails");
    assert_eq!(login_by_paste(&config, "anns-code").0, Some(0));
    for command in [&["status"][..], &["doctor", "--offline"]] {
        let (_, out, _) = run(command, &config);
        assert!(!out.contains("somebody-else") && !out.contains("bob@b.c"), "{out}");
    }
}

/// The page said that nothing came of it, and not that mail goes on.
#[test]
fn a_browser_and_a_script_whose_sign_in_was_refused_beside_a_good_one_are_told_that_this_stays() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = ann_of(&provider, folder.path());
    let (page, _, last) = login_by_browser(&config, "refused-code", "en");
    assert!(!page.contains("stays in use") && last["whose-stays"].is_null(), "there was none: {last} {page}");
    assert_eq!(login_by_paste(&config, "anns-code").0, Some(0));
    for (lang, stays) in [
        ("en", "the sign-in of ann@b.c from before stays in use."),
        ("ja", "これまでの ann@b.c のサインインが引き続き使われます。"),
    ] {
        let (page, _, last) = login_by_browser(&config, "refused-code", lang);
        assert!(page.contains(stays) && page.contains("AADSTS50105"), "{page}");
        assert_eq!((last["event"].as_str(), last["whose-stays"].as_str()), (Some("failed"), Some("ann@b.c")));
    }
}

/// All said that nobody had signed in, and to sign in as nobody in particular; and when ann did, to give her rights on her
/// own mailbox.
#[test]
fn where_another_one_is_to_sign_in_it_is_said_who_and_the_one_whose_address_it_is_is_told_of_sign_in_as() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let ann = account("ann@b.c", &format!("sign-in-as = \"bob@b.c\"\npassword = \"{}\"", super::HASH));
    let config = provider.config(folder.path(), "authorization-code", &ann);
    for (lang, why, step) in [
        ("en", "bob@b.c is to sign in for this account", "Sign in once, as bob@b.c, with"),
        ("ja", "このアカウントには bob@b.c がサインインします", "bob@b.c として、"),
    ] {
        let (_, status, _) = run(&["status", "--lang", lang], &config);
        let joined: String = status.split_whitespace().collect();
        assert!([why, step].iter().all(|part| joined.contains(&part.replace(' ', ""))), "{status}");
    }
    assert_eq!(login_by_paste(&config, "bobs-code").0, Some(0));
    let (ended, last) = login_by_paste(&config, "named-anns-code");
    let hint = last["hint"].as_str().unwrap_or_else(|| panic!("{last}"));
    assert!(ended == Some(1) && hint.contains("take the `sign-in-as` line out"), "{last}");
    assert!(hint.contains("until that is done, the sign-in of bob@b.c goes on"), "{hint}");
    assert!(!hint.contains("AccessRights") && !hint.contains("sign-in-as = "), "{hint}");
}

/// The name of who signs in is no account's: what `login` takes `explain` takes, and a `logout` says whom it ends that for.
#[test]
fn the_name_of_a_delegate_is_taken_by_explain_and_a_logout_by_it_says_whose_sign_in_that_is() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let ann = account("ann@b.c", &format!("sign-in-as = \"bob@b.c\"\npassword = \"{}\"", super::HASH));
    let config = provider.config(folder.path(), "authorization-code", &ann);
    assert_eq!(login_by_paste(&config, "bobs-code").0, Some(0));
    let (code, text, errors) = run(&["explain", "sign-in-expired", "--account", "Bob@b.c"], &config);
    assert!(code == 0 && text.contains("login ann@b.c"), "{text}{errors}");
    for (lang, said) in [
        ("en", "bob@b.c is no account, and signs in for ann@b.c."),
        ("ja", "bob@b.c はアカウントではなく、ann@b.c のためにサインインするユーザーです。"),
    ] {
        let (code, text, _) = run(&["logout", "bob@b.c", "--yes", "--lang", lang], &config);
        assert!(code == 0 && text.starts_with(said), "{text}");
        assert!(!run(&["logout", "ann@b.c", "--yes", "--lang", lang], &config).1.contains("bob@b.c"));
    }
}
