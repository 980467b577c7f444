//! Sign-ins, consents, secrets, policies and tenants.

use std::time::{Duration, SystemTime};

use gatepost::{
    base::Protocol,
    store::{Store, TokenRow},
};

use super::stage::{First, Staged, check, outcome};
use crate::{
    process::run,
    world::{ANN, BOB, PASSWORD, Plan, account, settings, until_so},
};

#[tokio::test]
async fn who_never_signed_in_is_told_the_command_and_what_lies_behind_is_not_looked_at() {
    let staged = Staged::new(Plan { signed_in: Vec::new(), ..Plan::default() }).await;
    let command = &staged.gatepost("login ann@contoso.example");
    staged.fails_first(First { layer: "token", name: "mail-token", id: "sign-in-missing", command }).await;
    let report = staged.doctor(&["--json"]).await.json();
    for protocol in ["smtp", "imap", "pop3"] {
        assert_eq!(outcome(&report, protocol, "sign-on"), "skipped");
    }
    assert_eq!(staged.sandbox.counts().token_requests_total(), 0, "there was nothing to ask with");
    assert!(!staged.dir.path().join("gatepost.db").exists(), "a look makes no store");
}

#[tokio::test]
async fn a_missing_consent_is_told_with_the_page_where_it_is_given() {
    let staged =
        Staged::rehearsing(Plan { app: "tenant = \"contoso.example\"".into(), ..Plan::default() }, "no-consent").await;
    let consent = format!(
        "{}/contoso.example/adminconsent?client_id={}",
        staged.sandbox.issuer(),
        gatepost::sandbox::PUBLIC_CLIENT
    );
    let wanted = First { layer: "token", name: "mail-token", id: "consent-missing", command: &consent };
    staged.fails_first(wanted).await;
    staged.mended();
    staged.is_well().await;
}

#[tokio::test]
async fn a_policy_that_blocks_the_sign_in_is_told_and_asked_anew_each_time() {
    let staged = Staged::rehearsing(Plan::default(), "sign-in-blocked").await;
    let wanted = First { layer: "token", name: "mail-token", id: "conditional-access", command: "" };
    let check = staged.fails_first(wanted).await;
    assert!(check["fault"]["said"].as_str().unwrap().contains("AADSTS53003"), "{check}");
    assert!(check["fault"]["avoid"].as_str().unwrap().starts_with("Do not take anybody out"), "{check}");
    staged.mended();
    staged.is_well().await;
}

#[tokio::test]
async fn a_failure_that_the_store_remembers_is_no_reason_not_to_ask_again() {
    let staged = Staged::rehearsing(Plan::default(), "mfa-needed").await;
    let command = &staged.gatepost("login ann@contoso.example --flow browser");
    staged.fails_first(First { layer: "token", name: "mail-token", id: "mfa-required", command }).await;
    let offline = staged.doctor(&[ANN, "--offline", "--json"]).await;
    assert_eq!(check(&offline.json(), "token", "mail-token")["fault"]["id"], "mfa-required");
    staged.mended();
    staged.is_well().await;
    let offline = staged.doctor(&[ANN, "--offline", "--json"]).await;
    assert_eq!(offline.code, 0, "what was remembered is over: {}", offline.out);
}

#[tokio::test]
async fn a_token_says_for_whom_and_for_what_it_is_and_is_never_shown() {
    let staged = Staged::new(Plan::default()).await;
    let report = staged.is_well().await;
    let detail = |name| check(&report, "claims", name)["detail"].as_str().unwrap().to_owned();
    assert!(detail("holder").contains(ANN));
    assert_eq!(detail("audience"), "https://outlook.office.com");
    assert!(detail("permissions").contains("SMTP.Send") && detail("permissions").contains("POP.AccessAsUser.All"));
    let text = report.to_string();
    assert!(!text.contains("eyJ"), "a token begins so: {text}");
}

/// Bob was signed in in the browser when ann's account was consented to.
async fn signed_in_by_bob(delegates: &[&str]) -> Staged {
    let mut plan = Plan { signed_in: Vec::new(), ..Plan::default() };
    let ann = plan.sandbox.people.iter_mut().find(|person| person.address == ANN).unwrap();
    ann.delegates = delegates.iter().map(|one| (*one).to_owned()).collect();
    let staged = Staged::new(plan).await;
    let mail = ["IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"];
    let scopes = mail.map(|name| format!("https://outlook.office.com/{name}"));
    let scopes: Vec<&str> = scopes.iter().map(String::as_str).chain(["offline_access"]).collect();
    let refresh = Some(staged.sandbox.issue_refresh_token_for(BOB, &scopes));
    let consented_as = Some(BOB.to_owned());
    let row = TokenRow { refresh, consented_as, signed_in_at: Some(SystemTime::now()), ..TokenRow::default() };
    let store = Store::open(&settings(staged.dir.path())).await.unwrap();
    assert!(store.save_token(&format!("contoso/{ANN}"), 0, &row).await.unwrap());
    staged
}

#[tokio::test]
async fn who_signed_in_for_another_is_told_with_the_sign_in_that_is_needed() {
    for delegates in [&[][..], &[BOB]] {
        let staged = signed_in_by_bob(delegates).await;
        let command = &staged.gatepost(&format!("login {ANN}"));
        let wanted = First { layer: "claims", name: "holder", id: "somebody-else-signed-in", command };
        let failed = staged.fails_first(wanted).await;
        assert!(failed["detail"].as_str().unwrap().contains(BOB), "{failed}");
    }
}

/// Whatever is looked at says the same.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_because_somebody_else_signed_in_hears_just_that_and_so_does_the_log() {
    let staged = signed_in_by_bob(&[]).await;
    let program = super::clients::daemon_of(&staged).await;
    for protocol in Protocol::ALL {
        let said = program.login(protocol).await;
        assert!(said.contains("somebody-else-signed-in") && said.contains(&format!("login {ANN}")), "{said}");
        assert!(!said.contains("administrator"), "{said}");
    }
    let line = program.logs("somebody-else-signed-in").await;
    assert!(line.contains(&format!("{BOB} signed in; ")), "{line}");
    let status: serde_json::Value = serde_json::from_str(&run(&["status", "--json"], &staged.file).1).unwrap();
    assert_eq!(status["faults"][0]["owner"], "user", "{status}");
    let written = format!("sign-in-as = \"{BOB}\"");
    let explained = run(&["explain", &line], &staged.file).1;
    for lang in ["en", "ja"] {
        let status = run(&["status", "--lang", lang], &staged.file).1;
        for text in [&status, &explained] {
            assert!(text.contains("somebody-else-signed-in") && text.contains(&written), "{lang}: {text}");
            assert!(!text.contains("Get-EXOMailbox"), "{lang}: {text}");
        }
        assert!(!status.contains("fresh-token-refused"), "{status}");
    }
}

/// Bob's account lives on the sign-in of ann, and he opens his own mailbox with it.
#[tokio::test(flavor = "multi_thread")]
async fn whose_own_mailbox_opens_is_not_let_in_where_somebody_else_was_meant() {
    let staged = signed_in_by_bob(&[]).await;
    let bobs = account(BOB, &format!("sign-in-as = \"{ANN}\""));
    staged.edit("[[account]]", &format!("{bobs}[[account]]"));
    let program = super::clients::daemon_of(&staged).await;
    let said = program.greeted(Protocol::Imap).await.login(Protocol::Imap, BOB, PASSWORD).await;
    assert!(said.contains("OK"), "{said}");
    for protocol in [Protocol::Imap, Protocol::Smtp] {
        let said = program.login(protocol).await;
        assert!(said.contains("somebody-else-signed-in"), "{said}");
    }
    let store = Store::open(&settings(staged.dir.path())).await.unwrap();
    assert!(!store.token(&format!("contoso/{ANN}")).await.unwrap().row.unwrap().is_let_in);
}

/// What befalls them then has another cause.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_let_in_by_another_name_hears_the_true_cause_of_a_refusal() {
    let staged = signed_in_by_bob(&[BOB]).await;
    let program = super::clients::daemon_of(&staged).await;
    assert!(program.login(Protocol::Imap).await.contains("OK"));
    let store = Store::open(&settings(staged.dir.path())).await.unwrap();
    let soon = Duration::from_secs(20);
    until_so("it is noted", soon, async || {
        store.token(&format!("contoso/{ANN}")).await.unwrap().row.unwrap().is_let_in
    })
    .await;
    staged.sandbox.faults().set(|faults| faults.apply("tokens-refused"));
    let said = program.login(Protocol::Imap).await;
    assert!(said.contains("fresh-token-refused"), "{said}");
}

#[tokio::test]
async fn another_name_for_which_the_mail_server_opens_the_mailbox_is_no_fault() {
    let staged = signed_in_by_bob(&[BOB]).await;
    staged.sandbox.faults().set(|faults| faults.apply("smtp-auth-disabled-tenant"));
    let report = staged.doctor(&[ANN, "--json"]).await.json();
    assert_eq!(
        (outcome(&report, "imap", "sign-on"), outcome(&report, "claims", "holder")),
        ("pass".into(), "pass".into())
    );
}

#[tokio::test]
async fn a_permission_that_is_not_in_the_token_is_named() {
    let staged = Staged::new(Plan::default()).await;
    staged.edit(", \"https://outlook.office.com/POP.AccessAsUser.All\"", "");
    let wanted = First {
        layer: "claims",
        name: "permissions",
        id: "token-permission-missing",
        command: &staged.gatepost("login ann@contoso.example"),
    };
    let failed = staged.fails_first(wanted).await;
    let next = failed["fault"]["next-step"].as_str().unwrap();
    assert!(next.contains("Microsoft Graph > Delegated permissions: add POP.AccessAsUser.All."), "{next}");
}

#[tokio::test]
async fn a_token_for_graph_is_none_for_mail() {
    let mail = "scopes = [\"https://outlook.office.com/IMAP.AccessAsUser.All\", \"https://outlook.office.com/POP.AccessAsUser.All\", \"https://outlook.office.com/SMTP.Send\", \"offline_access\"]";
    let staged = Staged::new(Plan { signed_in: Vec::new(), ..Plan::default() }).await;
    let graph = "scopes = [\"https://graph.microsoft.com/Mail.Send\", \"offline_access\"]";
    staged.edit(mail, graph);
    // As somebody has it who consented to that.
    staged.sign_in_for("https://graph.microsoft.com/Mail.Send").await;
    let command = &staged.gatepost("login ann@contoso.example");
    let check =
        staged.fails_first(First { layer: "claims", name: "audience", id: "token-audience-wrong", command }).await;
    assert_eq!(check["detail"], "https://graph.microsoft.com");
    staged.edit(graph, mail);
    staged.is_well().await;
}

#[tokio::test]
async fn a_name_of_exchange_that_is_not_the_usual_one_is_no_other_service() {
    let staged = Staged::new(Plan::default()).await;
    let scopes = "scopes = [\"https://outlook.office.com/IMAP.AccessAsUser.All\", \"https://outlook.office.com/POP.AccessAsUser.All\", \"https://outlook.office.com/SMTP.Send\", \"offline_access\"]";
    staged.edit(scopes, "scopes = [\"https://ps.outlook.com/SMTP.Send\", \"offline_access\"]");
    let report = staged.doctor(&[ANN, "--json"]).await.json();
    assert_eq!(outcome(&report, "claims", "audience"), "pass", "{report:#}");
    assert_eq!(outcome(&report, "claims", "permissions"), "fail", "{report:#}");
}

#[tokio::test]
async fn a_tenant_that_nobody_knows_is_found_before_any_token_is_asked_for() {
    let staged = Staged::new(Plan { app: "tenant = \"contoso.example\"".into(), ..Plan::default() }).await;
    staged.edit("/contoso.example/oauth2/v2.0/token", "/contosso.example/oauth2/v2.0/token");
    let page = format!("{}/contoso.example/v2.0/.well-known/openid-configuration", staged.sandbox.issuer());
    let wanted = First { layer: "http", name: "identity-answer", id: "tenant-not-found", command: &page };
    let failed = staged.fails_first(wanted).await;
    let next = failed["fault"]["next-step"].as_str().unwrap();
    let step = "Under `[app.contoso]` write `tenant = \"<tenant-id>\"` in the place of contoso.example; where its `authorize-url`";
    assert!(next.contains(step) && next.contains("gatepost.toml run`."), "where no daemon runs: {next}");
    assert_eq!(staged.sandbox.counts().token_requests_total(), 0);
    let report = staged.doctor(&[ANN, "--json"]).await.json();
    for (layer, name) in [("token", "mail-token"), ("smtp", "sign-on"), ("imap", "sign-on")] {
        let behind = check(&report, layer, name);
        assert!(behind["detail"].as_str().unwrap().contains("tenant-not-found"), "{behind}");
    }
    staged.edit("/contosso.example/oauth2/v2.0/token", "/contoso.example/oauth2/v2.0/token");
    let report = staged.is_well().await;
    assert!(check(&report, "http", "identity-answer")["detail"].as_str().unwrap().contains("c0ffee00"), "{report}");
}

#[tokio::test]
async fn a_sign_in_of_another_tenant_is_told_from_the_token() {
    let app = "tenant = \"11111111-0000-4000-8000-000000000001\"".to_owned();
    let staged = Staged::new(Plan { app, ..Plan::default() }).await;
    let command = &staged.gatepost("login ann@contoso.example");
    staged.fails_first(First { layer: "claims", name: "tenant", id: "token-tenant-differs", command }).await;
    staged.edit("11111111-0000-4000-8000-000000000001", gatepost::sandbox::TENANT_ID);
    staged.is_well().await;
}

#[tokio::test]
async fn a_stored_token_is_used_while_it_is_good_and_replaced_where_something_speaks_against_it() {
    let staged = Staged::new(Plan::default()).await;
    staged.is_well().await;
    let asked = || staged.sandbox.counts().token_requests_total();
    assert_eq!(asked(), 1, "two looks, and one fetch");
    let token =
        |report: &serde_json::Value| check(report, "token", "mail-token")["detail"].as_str().unwrap().to_owned();
    let report = staged.is_well().await;
    assert!(token(&report).starts_with("the stored one") && asked() == 1, "{report:#}");
    // Taken back at the provider: the mail server says so first.
    staged.sandbox.revoke(ANN, false);
    let told = staged.doctor(&[ANN, "--json"]).await;
    assert_eq!(told.code, 0, "{}", told.out);
    assert!(token(&told.json()).starts_with("fetched just now") && asked() == 2, "{}", told.out);
}

#[tokio::test]
async fn two_accounts_on_one_sign_in_are_asked_for_once_and_each_is_looked_at() {
    let more = account("shared@contoso.example", &format!("sign-in-as = \"{ANN}\""));
    let staged = Staged::new(Plan { more, ..Plan::default() }).await;
    let told = staged.doctor(&["--json"]).await;
    assert_eq!(told.code, 0, "{}", told.out);
    let report = told.json();
    let imap = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["layer"] == "imap" && check["name"] == "sign-on");
    assert_eq!(imap.count(), 2);
    assert_eq!(staged.sandbox.counts().token_requests_total(), 1);
}

#[tokio::test]
async fn the_rehearsal_of_a_wrong_tenant_ends_with_the_id_that_the_printed_page_names() {
    let staged = Staged::rehearsing(Plan::default(), "wrong-tenant").await;
    staged.edit("provider = \"custom\"", "provider = \"microsoft365\"\ntenant = \"contoso.example\"");
    let token = staged.sandbox.token_url();
    staged.edit(&token, &token.replace("/contoso.example/", "/{tenant}/"));
    let page = format!("{}/contoso.example/v2.0/.well-known/openid-configuration", staged.sandbox.issuer());
    let wanted = First { layer: "token", name: "mail-token", id: "tenant-not-found", command: &page };
    let failed = staged.fails_first(wanted).await;

    let told: serde_json::Value =
        serde_json::from_str(&reqwest::get(&page).await.unwrap().text().await.unwrap()).unwrap();
    let id = told["issuer"].as_str().unwrap().rsplit('/').nth(1).unwrap();
    let next = failed["fault"]["next-step"].as_str().unwrap();
    assert!(next.contains(&format!("write `tenant = \"{id}\"`")), "the doctor has read that page: {next}");
    staged.edit("tenant = \"contoso.example\"", &format!("tenant = \"{id}\""));
    staged.is_well().await;
}
