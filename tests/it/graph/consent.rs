//! No consent to Graph: wherever that is told, it is told when Gatepost asks again and what makes it ask at once; then mail
//! flows with nobody signing in again.

use gatepost::base::Protocol;
use serde_json::Value;

use crate::{
    browser::Browser,
    doctor::{
        clients::beside_a_daemon,
        stage::{Staged, outcome},
    },
    process::{Program, run},
    world::{ANN, PASSWORD, Plan, World, account, consent_for_all, consent_page, sign_in_for},
};

const MAIL: [&str; 4] = [
    "https://outlook.office.com/IMAP.AccessAsUser.All",
    "https://outlook.office.com/POP.AccessAsUser.All",
    "https://outlook.office.com/SMTP.Send",
    "offline_access",
];

/// Ann's messages leave by Graph at once, and she consented to mail alone.
async fn staged() -> (Staged, Program) {
    let plan = Plan {
        app: "tenant = \"contoso.example\"\ngraph-url = \"{graph}\"".into(),
        account: "outbound = \"graph\"".into(),
        signed_in: Vec::new(),
        ..Plan::default()
    };
    let (staged, program) = beside_a_daemon(plan).await;
    sign_in_for(staged.dir.path(), &staged.sandbox, &MAIL).await;
    (staged, program)
}

/// The time in `Gatepost asks again at 14:35 UTC`.
fn hour_in(said: &str) -> &str {
    let behind = said.split_once("Gatepost asks again at ").unwrap_or_else(|| panic!("{said}")).1;
    behind.get(.."14:35 UTC".len()).unwrap()
}

/// Without the ends of lines, which stand anywhere.
fn in_one(text: &str) -> String {
    text.split_whitespace().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_is_missing_is_told_everywhere_with_the_time_of_the_next_request_and_what_makes_it_sooner() {
    let (staged, program) = staged().await;
    let (page, reload) = (consent_page(&staged.sandbox), format!("kill -HUP {}", program.id()));
    for (lang, again) in [("en", "Gatepost asks again by itself at {hour}."), ("ja", "{hour} に Gatepost が自動的に")]
    {
        let said = program.login(Protocol::Smtp).await;
        let hour = hour_in(&said);
        let end = format!(
            "{page}; Gatepost asks again at {hour}, or at once after: {reload} [gatepost graph-consent-missing]"
        );
        assert!(said.ends_with(&end) && !said.contains("gatepost login"), "{said}");

        let (_, status, errors) = run(&["status", "--json"], &staged.file);
        let status: Value = serde_json::from_str(&status).unwrap_or_else(|_| panic!("{errors}"));
        let state = &status["accounts"][0]["sign-in"];
        assert_eq!((&state["phase"], &state["fault"]), (&Value::from("refused"), &Value::Null), "{state}");
        assert!(state["graph-fault"]["asks-again-at"].as_str().unwrap().contains(&hour[..5]), "{state}");

        let (_, status, _) = run(&["status", "--lang", lang], &staged.file);
        let (_, explained, _) = run(&["explain", "--lang", lang, &said], &staged.file);
        // Last, since the token that it fetches ends what the daemon remembers.
        let looked = staged.doctor(&[ANN, "--lang", lang]).await.out;
        for told in [&status, &explained, &looked] {
            for part in [again.replace("{hour}", hour), page.clone(), reload.clone()] {
                assert!(in_one(told).contains(&in_one(&part)), "{lang}: {part} is not in {told}");
            }
        }
    }
    assert!(program.login(Protocol::Imap).await.starts_with("a OK"), "mail is read");
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_consent_of_an_administrator_nobody_signs_in_again() {
    let (staged, program) = staged().await;
    assert!(program.login(Protocol::Smtp).await.contains("graph-consent-missing"));
    consent_for_all(&staged.sandbox).await;
    assert!(program.login(Protocol::Smtp).await.contains("graph-consent-missing"), "as was told");
    program.reload().await;
    let mut smtp = loop {
        let mut smtp = program.greeted(Protocol::Smtp).await;
        let said = smtp.login(Protocol::Smtp, ANN, PASSWORD).await;
        if said.starts_with("235 ") {
            break smtp;
        }
        assert!(said.contains("graph-consent-missing"), "{said}");
    };
    assert!(smtp.message("x").await.starts_with("250 2.0.0 Accepted by Microsoft Graph"));
    assert_eq!(staged.sandbox.submissions().len(), 1);
    let report = staged.doctor(&[ANN, "--json"]).await;
    assert_eq!((report.code, outcome(&report.json(), "token", "graph-token").as_str()), (0, "pass"), "{}", report.out);
}

/// Both live on one sign-in, and so on one token for Graph.
#[tokio::test]
async fn what_graph_refuses_stands_at_the_account_that_sends_through_it_alone_in_the_status_as_on_the_pages() {
    const INFO: &str = "info@contoso.example";
    let plan = Plan {
        app: "tenant = \"contoso.example\"\ngraph-url = \"{graph}\"".into(),
        more: account(INFO, &format!("sign-in-as = \"{ANN}\"\noutbound = \"graph\"")),
        signed_in: Vec::new(),
        ..Plan::default()
    };
    let world = World::with(plan).await;
    sign_in_for(world.dir.path(), &world.sandbox, &MAIL).await;
    assert!(world.login(Protocol::Smtp, INFO, PASSWORD).await.contains("graph-consent-missing"));
    assert!(world.login(Protocol::Smtp, ANN, PASSWORD).await.starts_with("235 "));

    let browser = Browser::inside(&world).await;
    let token = std::fs::read_to_string(world.dir.path().join("gatepost.db.token")).unwrap();
    let status = browser.client.get(browser.base.join("/api/status").unwrap()).bearer_auth(token);
    let status: Value = status.send().await.unwrap().json().await.unwrap();
    let [ann, info] = [0, 1].map(|at| &status["accounts"][at]);
    let told = |one: &Value| {
        [&one["sign-in"]["phase"], &one["sign-in"]["graph-fault"]["id"], &one["refused-ways"]].map(Clone::clone)
    };
    assert_eq!(told(ann), [Value::from("ready"), Value::Null, Value::Null], "{ann:#}");
    let ways = Value::from(vec!["graph"]);
    assert_eq!(told(info), [Value::from("refused"), Value::from("graph-consent-missing"), ways], "{info:#}");
    let overview = browser.page("/").await;
    assert!(overview.contains("✓ ready") && overview.contains("✗ refused (graph)"), "{overview}");
    let page = browser.page("/accounts/info%40contoso.example").await;
    assert!(page.contains("✗ refused (graph)") && page.contains("<code>graph-consent-missing</code>"), "{page}");
    let page = browser.page("/accounts/ann%40contoso.example").await;
    assert!(page.contains("✓ ready") && !page.contains("graph-consent-missing"), "{page}");
}
